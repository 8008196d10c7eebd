"""What can be pressed in a message or a view: buttons, entries of overflow menus, menus."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from playground.slack import forms

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Button:
    """Something to press, with the block it stands in."""

    label: str
    block: Json
    element: Json
    picked: Json | None = None
    """The chosen entry of an overflow menu."""


def pressable(blocks: Sequence[Json]) -> list[Button]:
    """In the order they are shown; their places are the numbers a person may press (from 1)."""
    return [button for block, element in forms.elements(list(blocks)) for button in _buttons(block, element)]


def _buttons(block: Json, element: Json) -> Iterator[Button]:
    if block["type"] == "input" and not block.get("dispatch_action"):
        return
    if element["type"] == "overflow":
        for option in element["options"]:
            yield Button(option["text"]["text"], block, element, option)
    else:
        label = element.get("text") or element.get("placeholder") or {"text": element["action_id"]}
        yield Button(label["text"], block, element)


def found(blocks: Sequence[Json], what: str | int) -> Button:
    """By label, action_id or number. LookupError, naming what there is, when nothing fits."""
    buttons = pressable(blocks)
    for number, button in enumerate(buttons, 1):
        if what in (number, button.label) or (what == button.element["action_id"]):
            return button
    raise LookupError(
        f"there is no {what!r} to press, only {', '.join(b.label for b in buttons) or 'nothing'}"
    )


def action(button: Button, choice: Any, ts: str) -> Json:
    """The entry in `actions` of a block_actions payload. `choice`: what was picked from a menu."""
    element = button.element
    action = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": button.block["block_id"],
        "action_ts": ts,
    }
    if element["type"] == "button":
        return action | {key: element[key] for key in ("text", "value") if key in element}
    if element["type"] == "overflow":
        picked = forms.option(element, choice) if choice is not None else button.picked
        return action | {"selected_option": picked}
    return action | forms.value(element, choice)
