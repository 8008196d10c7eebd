"""The fields of a view: what is filled in at first, how a person fills them, what is still wanted."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from playground.slack.objects import BUTTON_ROWS, named
from playground.slack.schema import every

Json = dict[str, Any]
State = dict[str, dict[str, Json]]
REQUIRED = "Please complete this required field."

_FILLED: dict[str, tuple[str, str]] = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "checkboxes": ("selected_options", "initial_options"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "file_input": ("files", ""),
}
"""Element -> where its value stands in the state, and where the bot puts the first one."""


def elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Each block with each element in it that a person can use, both with their ids."""
    for block in every(named(blocks)):
        found = [*block.get(BUTTON_ROWS.get(block["type"], ""), ())]
        found += [block[key] for key in ("element", "accessory") if key in block]
        yield from ((block, element) for element in found if element["type"] != "image")


def state(content: Mapping[str, Any]) -> State:
    """What is filled in when a view opens."""
    values: State = {}
    for block, element in elements(list(content["blocks"])):
        if element["type"] in _FILLED:
            values.setdefault(block["block_id"], {})[element["action_id"]] = _first(element)
    return values


def _first(element: Json) -> Json:
    key, initial = _FILLED[element["type"]]
    return _value(element, element.get(initial, [] if key.endswith("s") else None), key)


def _value(element: Json, given: Any, key: str) -> Json:
    return {"type": element["type"], key: given}


def remembered(element: Json) -> bool:
    """Whether a view keeps what is chosen in it: buttons and overflow menus are only pressed."""
    return element["type"] in _FILLED


def value(element: Json, given: Any) -> Json:
    """A field's entry in the state: options by label or value, several as a list."""
    key = _FILLED[element["type"]][0]
    return _value(element, _chosen(element, key, given), key)


def kept(fresh: State, before: State) -> State:
    """What was filled in before, where the same field is still there."""
    return {
        block: {action: before.get(block, {}).get(action, value) for action, value in fields.items()}
        for block, fields in fresh.items()
    }


def filled(blocks: list[Json], before: State, field: str, given: Any) -> State:
    """With this in the field of this block_id, action_id or label. LookupError when there is none."""
    for block, element in elements(blocks):
        label = block.get("label", {}).get("text")
        if field in (block["block_id"], element["action_id"], label) and element["type"] in _FILLED:
            fields = {**before.get(block["block_id"], {}), element["action_id"]: value(element, given)}
            return {**before, block["block_id"]: fields}
    raise LookupError(f"there is no field {field!r}")


def _chosen(element: Json, key: str, given: Any) -> Any:
    pick: Callable[[Any], Any] = _same
    if key.startswith("selected_option"):
        pick = partial(option, element)
    if key.endswith("s"):
        return [pick(item) for item in (given if isinstance(given, list | tuple | set) else [given])]
    return None if given is None else pick(given)


def _same(given: Any) -> Any:
    return given


def option(element: Json, wanted: Any) -> Json:
    """The option with this label or value. LookupError when there is none."""
    groups = [element, *element.get("option_groups", ())]
    for item in (item for group in groups for item in group.get("options", ())):
        if wanted in (item["text"]["text"], item.get("value")):
            return dict(item)
    raise LookupError(f"there is no option {wanted!r}")


def missing(blocks: list[Json], values: State) -> dict[str, str]:
    """What Slack itself says before it sends a form: block_id -> sentence."""
    wanted: dict[str, str] = {}
    for block, element in elements(blocks):
        if block["type"] == "input":
            field = values.get(block["block_id"], {}).get(element["action_id"], {})
            sentence = _wrong(element, field.get(_FILLED[element["type"]][0]), block.get("optional", False))
            wanted |= {block["block_id"]: sentence} if sentence else {}
    return wanted


def _wrong(element: Json, given: Any, optional: bool) -> str | None:  # noqa: FBT001 - as the block says
    if not given:
        return None if optional else REQUIRED
    if element["type"] == "number_input":
        return _wrong_number(element, given)
    if isinstance(given, str) and len(given) > element.get("max_length", 3000):
        return "This entry is too long."
    if isinstance(given, str) and len(given) < element.get("min_length", 0):
        return "This entry is too short."
    return None


def _wrong_number(element: Json, given: str) -> str | None:
    try:
        number = float(given) if element["is_decimal_allowed"] else int(given)
    except ValueError:
        return "Please enter a number."
    low, high = float(element.get("min_value", "-inf")), float(element.get("max_value", "inf"))
    return None if low <= number <= high else f"Please enter a number from {low:g} to {high:g}."
