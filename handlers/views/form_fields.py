"""Fields that more than one form has, and what was filled into them. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from slack_sdk.models.blocks import (
    InputBlock,
    InputInteractiveElement,
    NumberInputElement,
    Option,
    RadioButtonsElement,
)

from handlers import text
from handlers.parser import Options, parse_host, parse_number
from handlers.text import modals
from handlers.usage_errors import UsageError
from handlers.views.rich_text import clean

T = TypeVar("T")

MOST_TEXT = 3_000
"""Characters that a field takes; Slack's limit."""
OPTION_LENGTH = 75
NUMBERS = {"threshold": "threshold", "rescan": "rescan-after-days"}
"""Fields with a number, and the option that each is."""


class Wrong(Exception):
    """What was filled in cannot be done: the field to mend, and the sentence for it."""

    def __init__(self, field: str, usage_error: UsageError) -> None:
        super().__init__(field)
        self.field = field
        self.usage_error = usage_error


def field(
    name: str, label: str, element: InputInteractiveElement, hint: str = "", *, optional: bool = False
) -> InputBlock:
    """A field of that name, whatever is in it."""
    element.action_id = name
    return InputBlock(block_id=name, label=label, element=element, hint=hint or None, optional=optional)


def threshold(count: int | None = None) -> InputBlock:
    """Engines that make it risky."""
    initial = str(count) if count else None
    element = NumberInputElement(is_decimal_allowed=False, initial_value=initial)
    return field("threshold", modals.THRESHOLD, element, modals.THRESHOLD_HINT, optional=True)


def numbers() -> Iterator[InputBlock]:
    """The numbers that an action takes."""
    yield threshold()
    element = NumberInputElement(is_decimal_allowed=False)
    yield field("rescan", modals.RESCAN_AFTER, element, modals.RESCAN_HINT, optional=True)


def answer(*, share: bool) -> InputBlock:
    """Who sees the answer. `share`: what is chosen at first."""
    options = [option(modals.PRIVATE, "private"), option(modals.SHARED, "share")]
    element = RadioButtonsElement(options=options, initial_option=options[share])
    return field("answer", modals.ANSWER, element)


def option(label: str, value: str) -> Option:
    """One to choose."""
    return Option(text=text.cut(clean(label), OPTION_LENGTH) or "?", value=value)


# What was filled in --------------------------------------------------------------------------------------


def options(values: Mapping[str, Any]) -> Options:
    """The options that stand in a form's fields. Raises Wrong."""
    share = filled(values, "answer") == "share"
    server = tried("host", lambda: parse_host(written(values, "host"))) or None
    return Options(_number_in("threshold", values), _number_in("rescan", values), share, host=server)


def _number_in(name: str, values: Mapping[str, Any]) -> int | None:
    value = written(values, name)
    return tried(name, lambda: parse_number(NUMBERS[name], value)) if value else None


def tried(name: str, read: Callable[[], T]) -> T:
    """What was read from a field. Raises Wrong."""
    try:
        return read()
    except UsageError as usage_error:
        raise Wrong(name, usage_error) from None


def written(values: Mapping[str, Any], name: str) -> str:
    """What someone wrote into a field."""
    return str(filled(values, name) or "").strip()


def filled(values: Mapping[str, Any], name: str) -> Any:
    """A field's value, whatever kind of field it is; None when it is empty or not there."""
    state = values.get(name, {}).get(name, {})
    if "selected_options" in state:
        return [one["value"] for one in state["selected_options"] or ()]
    if "selected_option" in state:
        return (state["selected_option"] or {}).get("value")
    return state.get("files", state.get("value"))
