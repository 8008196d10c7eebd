"""The form: a modal made from the table of actions, and what was filled in as a command. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from slack_sdk.models.blocks import (
    InputBlock,
    PlainTextInputElement,
    StaticMultiSelectElement,
    StaticSelectElement,
)
from slack_sdk.models.blocks.block_elements import FileInputElement
from slack_sdk.models.views import View

from handlers.message_content import file_lookups
from handlers.modals import FormModal
from handlers.parser import MOST_VALUES, LookupCommand, check_options, parse_values, with_action
from handlers.text import files as files_text
from handlers.text import modals
from handlers.usage_errors import TooMany
from handlers.views import form_fields
from handlers.views.form_fields import MOST_TEXT, Wrong, field, filled, option, tried, written
from handlers.views.rich_text import clean
from vt.actions import ACTIONS, BY_KEY, FILE
from vt.indicators import Indicator, defang

CALLBACK = "form"
MOST_OPTIONS = 100
AS_FOUND = "as-found"


def form(modal: FormModal, *, share: bool = False) -> View:
    """The modal, filled in with what is known. `share`: what is chosen at first."""
    return View(
        type="modal",
        callback_id=CALLBACK,
        private_metadata=modal.id,
        title=modals.FORM_TITLE,
        submit=modals.FORM_SUBMIT,
        close=modals.FORM_CLOSE,
        blocks=[
            _found(modal) if modal.found else _values(modal.text),
            field("action", modals.ACTION, _actions(files=not modal.found)),
            *form_fields.numbers(),
            *([] if modal.found else _files()),
            form_fields.answer(share=share),
        ],
    )


def first_field(modal: FormModal) -> str:
    """Where a sentence is shown that is about no field in particular."""
    return "found" if modal.found else "values"


def _values(typed: str) -> InputBlock:
    # A tab would vanish with the other control characters, and join two values.
    kept = clean(typed.replace("\t", " "))[:MOST_TEXT]
    element = PlainTextInputElement(
        multiline=True,
        initial_value=kept or None,
        placeholder=modals.VALUES_PLACEHOLDER,
        max_length=MOST_TEXT,
    )
    return field("values", modals.VALUES, element, modals.VALUES_HINT, optional=True)


def _found(modal: FormModal) -> InputBlock:
    """Ticked, to choose from; an option carries its place only, so that no value is too long for it."""
    found = modal.found
    options = [option(defang(one.value), str(place)) for place, one in enumerate(found[:MOST_OPTIONS])]
    element = StaticMultiSelectElement(options=options, initial_options=options)
    return field("found", modals.VALUES, element, " ".join(_hints(modal)))


def _hints(modal: FormModal) -> Iterator[str]:
    yield modals.FOUND_HINT
    if len(modal.found) > MOST_OPTIONS:
        yield modals.FOUND_CUT.format(most=MOST_OPTIONS, count=len(modal.found))
    if modal.lookups:
        yield modals.FOUND_FILES


def _actions(*, files: bool) -> StaticSelectElement:
    as_found = option(modals.AS_FOUND, AS_FOUND)
    named = [option(action.title, action.key) for action in ACTIONS if files or not action.files]
    options = [as_found, *named]
    return StaticSelectElement(options=options, initial_option=as_found)


def _files() -> Iterator[InputBlock]:
    """Attached here, or on the bot's machine, or on a named server."""
    attach, path, host = (
        FileInputElement(max_files=10),
        PlainTextInputElement(max_length=MOST_TEXT),
        PlainTextInputElement(max_length=64),
    )
    yield field("files", files_text.FILES, attach, files_text.FILES_HINT, optional=True)
    yield field("path", files_text.PATH, path, files_text.PATH_HINT, optional=True)
    yield field("host", files_text.HOST, host, files_text.HOST_HINT, optional=True)


# What was filled in --------------------------------------------------------------------------------------


def command(values: Mapping[str, Any], modal: FormModal, thresholds: Mapping[str, int]) -> LookupCommand:
    """What a submission asks for. `values`: of its state, by field. Raises Wrong."""
    action = BY_KEY.get(str(filled(values, "action")))
    options = form_fields.options(values)
    tried("rescan", lambda: check_options(action, options))
    typed, path = written(values, "values"), written(values, "path")
    threshold = options.threshold or thresholds.get(FILE.key, FILE.threshold)
    files = (
        *(file.evolve(threshold=threshold) for file in modal.lookups),
        *file_lookups(filled(values, "files"), threshold),
    )
    commands = [LookupCommand(files, share=options.share)] if files else []
    if path or (action is FILE and not typed and not files):
        commands.append(tried("path", lambda: parse_values(FILE, path, options, thresholds)))
    if modal.found:
        found = _ticked(values, modal)
        commands.append(tried("found", lambda: with_action(action, found, options, thresholds)))
    elif typed or not commands:
        commands.append(tried("values", lambda: parse_values(action, typed, options, thresholds)))
    return _together(commands, "found" if modal.found else "path")


def _together(commands: Sequence[LookupCommand], where: str) -> LookupCommand:
    lookups = tuple(lookup for command in commands for lookup in command.lookups)
    if len(lookups) > MOST_VALUES:
        raise Wrong(where, TooMany(len(lookups), MOST_VALUES))
    return replace(commands[-1], lookups=lookups)


def _ticked(values: Mapping[str, Any], modal: FormModal) -> list[Indicator]:
    """By place, which Slack sends back as it was; what was never offered is left out."""
    places = {str(place): one for place, one in enumerate(modal.found)}
    places_ticked = filled(values, "found") or []
    found = [places[place] for place in places_ticked if place in places]
    return [Indicator(one.kind, one.value, one.asked) for one in found]
