"""The form: a modal made from the table of actions, and what was filled in as a command. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from slack_sdk.models.blocks import (
    InputBlock,
    InputInteractiveElement,
    NumberInputElement,
    Option,
    PlainTextInputElement,
    RadioButtonsElement,
    StaticMultiSelectElement,
    StaticSelectElement,
)
from slack_sdk.models.blocks.block_elements import FileInputElement
from slack_sdk.models.views import View

from handlers import text
from handlers.blocks import clean
from handlers.files import attached
from handlers.modals import Found, Modal
from handlers.parser import MOST_VALUES, Command, Misuse, Options, TooMany, chosen, number, ticked
from handlers.request import Verb
from handlers.text import file_words, words
from vt.actions import ACTIONS, BY_KEY, FILE
from vt.indicators import Indicator, defang

T = TypeVar("T")

CALLBACK = "form"
MOST_TEXT = 3_000
"""Characters that a field takes; Slack's limit."""
MOST_OPTIONS = 100
OPTION_LENGTH = 75
AS_FOUND = "as-found"
NUMBERS = {"threshold": "threshold", "rescan": "rescan-after-days"}
"""Fields with a number, and the option that each is."""


class Wrong(Exception):
    """What was filled in cannot be done: the field to mend, and the sentence for it."""

    def __init__(self, field: str, misuse: Misuse) -> None:
        super().__init__(field)
        self.field = field
        self.misuse = misuse


def form(modal: Modal, *, share: bool = False) -> View:
    """The modal, filled in with what is known. `share`: what is chosen at first."""
    return View(
        type="modal",
        callback_id=CALLBACK,
        private_metadata=modal.id,
        title=words.FORM_TITLE,
        submit=words.FORM_SUBMIT,
        close=words.FORM_CLOSE,
        blocks=[
            _found(modal.found) if modal.found else _values(modal.text),
            _input("action", words.ACTION, _actions(files=not modal.found)),
            *_numbers(),
            *([] if modal.found else _files()),
            _input("answer", words.ANSWER, _answers(share=share)),
        ],
    )


def first_field(modal: Modal) -> str:
    """Where a sentence is shown that is about no field in particular."""
    return "found" if modal.found else "values"


def _input(
    name: str, label: str, element: InputInteractiveElement, hint: str = "", *, optional: bool = False
) -> InputBlock:
    element.action_id = name
    return InputBlock(block_id=name, label=label, element=element, hint=hint or None, optional=optional)


def _values(typed: str) -> InputBlock:
    # A tab would vanish with the other control characters, and join two values.
    kept = clean(typed.replace("\t", " "))[:MOST_TEXT]
    element = PlainTextInputElement(
        multiline=True, initial_value=kept or None, placeholder=words.VALUES_PLACEHOLDER, max_length=MOST_TEXT
    )
    return _input("values", words.VALUES, element, words.VALUES_HINT, optional=True)


def _found(found: Sequence[Found]) -> InputBlock:
    """Ticked, to choose from; an option carries its place only, so that no value is too long for it."""
    options = [_option(defang(one.value), str(place)) for place, one in enumerate(found[:MOST_OPTIONS])]
    left_out = words.FOUND_CUT.format(most=MOST_OPTIONS, count=len(found))
    hint = words.FOUND_HINT if len(found) <= MOST_OPTIONS else f"{words.FOUND_HINT} {left_out}"
    return _input(
        "found", words.VALUES, StaticMultiSelectElement(options=options, initial_options=options), hint
    )


def _actions(*, files: bool) -> StaticSelectElement:
    as_found = _option(words.AS_FOUND, AS_FOUND)
    named = [_option(action.title, action.key) for action in ACTIONS if files or not action.files]
    options = [as_found, *named]
    return StaticSelectElement(options=options, initial_option=as_found)


def _numbers() -> Iterator[InputBlock]:
    yield _input("threshold", words.THRESHOLD, _number(), words.THRESHOLD_HINT, optional=True)
    yield _input("rescan", words.RESCAN, _number(), words.RESCAN_HINT, optional=True)


def _number() -> NumberInputElement:
    return NumberInputElement(is_decimal_allowed=False)


def _files() -> Iterator[InputBlock]:
    """Attached here, or on the bot's machine, or on a named server."""
    attach, path, host = (
        FileInputElement(max_files=10),
        PlainTextInputElement(max_length=MOST_TEXT),
        PlainTextInputElement(max_length=64),
    )
    yield _input("files", file_words.FILES, attach, file_words.FILES_HINT, optional=True)
    yield _input("path", file_words.PATH, path, file_words.PATH_HINT, optional=True)
    yield _input("host", file_words.HOST, host, file_words.HOST_HINT, optional=True)


def _answers(*, share: bool) -> RadioButtonsElement:
    options = [_option(words.PRIVATE, "private"), _option(words.SHARED, "share")]
    return RadioButtonsElement(options=options, initial_option=options[share])


def _option(label: str, value: str) -> Option:
    return Option(text=text.cut(clean(label), OPTION_LENGTH) or "?", value=value)


# What was filled in --------------------------------------------------------------------------------------


def command(values: Mapping[str, Any], modal: Modal, thresholds: Mapping[str, int]) -> Command:
    """What a submission asks for. `values`: of its state, by field. Raises Wrong."""
    action = BY_KEY.get(str(filled(values, "action")))
    options = _options(values)
    typed, path = str(filled(values, "values") or "").strip(), str(filled(values, "path") or "").strip()
    files = attached.lookups(
        filled(values, "files"), options.threshold or thresholds.get(FILE.key, FILE.threshold)
    )
    commands = [Command(Verb.LOOK_UP, files, share=options.share)] if files else []
    if path or (action is FILE and not typed and not files):
        commands.append(_tried("path", lambda: chosen(FILE, path, options, thresholds)))
    if modal.found:
        found = _ticked(values, modal)
        commands.append(_tried("found", lambda: ticked(action, found, options, thresholds)))
    elif typed or not commands:
        commands.append(_tried("values", lambda: chosen(action, typed, options, thresholds)))
    return _together(commands)


def _tried(field: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except Misuse as misuse:
        raise Wrong(field, misuse) from None


def _together(commands: Sequence[Command]) -> Command:
    lookups = tuple(lookup for command in commands for lookup in command.lookups)
    if len(lookups) > MOST_VALUES:
        raise Wrong("path", TooMany(len(lookups), MOST_VALUES))
    return replace(commands[-1], lookups=lookups)


def _options(values: Mapping[str, Any]) -> Options:
    share = filled(values, "answer") == "share"
    host = str(filled(values, "host") or "").strip() or None
    return Options(_number_in("threshold", values), _number_in("rescan", values), share, host=host)


def _number_in(field: str, values: Mapping[str, Any]) -> int | None:
    value = str(filled(values, field) or "")
    return _tried(field, lambda: number(NUMBERS[field], value)) if value else None


def _ticked(values: Mapping[str, Any], modal: Modal) -> list[Indicator]:
    """By place, which Slack sends back as it was; what was never offered is left out."""
    places = {str(place): one for place, one in enumerate(modal.found)}
    chosen_places = filled(values, "found") or []
    found = [places[place] for place in chosen_places if place in places]
    return [Indicator(one.kind, one.value, one.asked) for one in found]


def filled(values: Mapping[str, Any], field: str) -> Any:
    """A field's value, whatever kind of field it is; None when it is empty or not there."""
    state = values.get(field, {}).get(field, {})
    if "selected_options" in state:
        return [one["value"] for one in state["selected_options"] or ()]
    if "selected_option" in state:
        return (state["selected_option"] or {}).get("value")
    return state.get("files", state.get("value"))
