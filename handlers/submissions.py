"""What was submitted with a modal's fields: a command from the form, or a channel's settings. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from handlers.case import FormModal
from handlers.commands import LookupCommand, Options, TooMany, UsageError
from handlers.files import file_lookups
from handlers.parser import (
    MOST_VALUES,
    check_options,
    parse_host,
    parse_number,
    parse_options,
    parse_values,
    with_action,
    with_hyphens,
)
from handlers.request import Answers, ChannelSettings, Uploads
from handlers.text import files as files_text
from handlers.views.form import INSTANCES, LANGUAGES
from vt.actions import ACTIONS, BY_KEY, FILE
from vt.indicators import Indicator

T = TypeVar("T")
Values = Mapping[str, Any]
"""`view.state.values` as Slack sends it. The views give each field the same name as block_id and action_id."""

NUMBERS = {"threshold": "threshold", "rescan": "rescan-after-days"}
"""Fields with a number, and the option of the command that each stands for."""


class InvalidField(Exception):
    """A field holds something that cannot be used. `field` is its name, `usage_error` says what is wrong."""

    def __init__(self, field: str, usage_error: UsageError) -> None:
        super().__init__(field)
        self.field = field
        self.usage_error = usage_error


# The form ------------------------------------------------------------------------------------------------


def form_command(values: Values, modal: FormModal, thresholds: Mapping[str, int]) -> LookupCommand:
    """What the form asks for: values, attached files and paths, all with the same options. Raises InvalidField."""
    action = BY_KEY.get(str(field_value(values, "action")))
    text = with_hyphens(field_text(values, "values"))
    # Options that were typed among the values count like those of a command: nothing is dropped in silence.
    written, typed = read_field("values", lambda: parse_options(text, strict=action is not None))
    options = form_options(values).with_typed(written)
    read_field("rescan", lambda: check_options(action, options))
    path = field_text(values, "path")
    threshold = options.threshold or thresholds.get(FILE.key, FILE.threshold)
    files = (
        *(file.evolve(threshold=threshold) for file in modal.lookups),
        *file_lookups(field_value(values, "files"), threshold),
    )
    commands = [LookupCommand(files, share=options.share)] if files else []
    if path or (action is FILE and not typed and not files):
        commands.append(read_field("path", lambda: parse_values(FILE, path, options, thresholds)))
    if modal.found:
        found = _selected(values, modal)
        commands.append(read_field("found", lambda: with_action(action, found, options, thresholds)))
    elif typed or not commands:
        commands.append(read_field("values", lambda: parse_values(action, typed, options, thresholds)))
    return _joined(commands, "found" if modal.found else "path")


def _joined(commands: Sequence[LookupCommand], field: str) -> LookupCommand:
    """One command with the lookups of all. `field` is blamed when there are too many."""
    lookups = tuple(lookup for command in commands for lookup in command.lookups)
    if len(lookups) > MOST_VALUES:
        raise InvalidField(field, TooMany(len(lookups), MOST_VALUES))
    return replace(commands[-1], lookups=lookups)


def _selected(values: Values, modal: FormModal) -> list[Indicator]:
    """The indicators that were selected, by their index in the modal. An index that was never offered is ignored."""
    offered = {str(index): one for index, one in enumerate(modal.found)}
    indexes = field_value(values, "found") or []
    found = [offered[index] for index in indexes if index in offered]
    return [Indicator(one.kind, one.value, one.written) for one in found]


def form_options(values: Values) -> Options:
    """The options in a form's fields. Raises InvalidField."""
    host = read_field("host", lambda: parse_host(field_text(values, "host"))) or None
    return Options(
        threshold=_number(values, "threshold"),
        rescan_after_days=_number(values, "rescan"),
        share=field_value(values, "answer") == "share",
        host=host,
    )


def _number(values: Values, name: str) -> int | None:
    text = field_text(values, name)
    return read_field(name, lambda: parse_number(NUMBERS[name], text)) if text else None


# The settings --------------------------------------------------------------------------------------------


def channel_settings(values: Values) -> ChannelSettings:
    """The settings in the modal's fields. A choice that was never offered becomes the default. Raises InvalidField."""
    thresholds = {}
    for action in ACTIONS:
        if count := field_value(values, action.key):
            thresholds[action.key] = _threshold(action.key, str(count))
    answers = str(field_value(values, "answers"))
    return ChannelSettings(
        thresholds=thresholds,
        answers=Answers(answers) if answers in set(Answers) else Answers.AS_ASKED,
        uploads=Uploads(_choice(values, "uploads", files_text.UPLOAD_WAYS)),
        instance=_choice(values, "instance", INSTANCES),
        language=_choice(values, "language", LANGUAGES),
    )


def _threshold(field: str, text: str) -> int:
    return read_field(field, lambda: parse_number("threshold", text))


def _choice(values: Values, name: str, offered: Mapping[str, str]) -> str:
    value = str(field_value(values, name))
    return value if value in offered else next(iter(offered))


# Fields --------------------------------------------------------------------------------------------------


def read_field(name: str, read: Callable[[], T]) -> T:
    """The result of `read`; its UsageError is reported at the field of that name. Raises InvalidField."""
    try:
        return read()
    except UsageError as usage_error:
        raise InvalidField(name, usage_error) from None


def field_text(values: Values, name: str) -> str:
    """The text in a field, without spaces around it; "" when it is empty or missing."""
    return str(field_value(values, name) or "").strip()


def field_value(values: Values, name: str) -> Any:
    """A field's value, whatever its type: text, a number, an option, a list of options or files; None when empty."""
    state = values.get(name, {}).get(name, {})
    if "selected_options" in state:
        return [one["value"] for one in state["selected_options"] or ()]
    if "selected_option" in state:
        return (state["selected_option"] or {}).get("value")
    return state.get("files", state.get("value"))
