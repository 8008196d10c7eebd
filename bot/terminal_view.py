"""The bot's messages as lines for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

Json = Mapping[str, Any]
COLOURS = {
    "RISKY": "red",
    "SUSPICIOUS": "dark_orange",
    "CLEAN": "green",
    "PENDING": "yellow",
    "NOT CHECKED": "magenta",
}


def message(blocks: Sequence[Json], text: str) -> list[Text]:
    """A message as lines: its blocks, or its plain text when it has none. Buttons have numbers."""
    if not blocks:
        return [Text(text)]
    numbers = iter(range(1, 100))
    return [line for block in blocks for line in _block(block, numbers)]


def _block(block: Json, numbers: Iterator[int]) -> Iterator[Text]:
    match block["type"]:
        case "rich_text":
            for part in block["elements"]:
                yield from _lines(part)
        case "context":
            yield Text(" · ".join(element["text"] for element in block["elements"]), style="dim")
        case "actions":
            labels = [label for element in block["elements"] for label in _labels(element)]
            yield Text("  ".join(f"({next(numbers)}) {label}" for label in labels), style="cyan")
        case _:
            yield Text(str(block.get("text", "")))


def _labels(element: Json) -> list[str]:
    """What can be pressed; each entry of an overflow menu has a number of its own, as in the workspace."""
    entries = element["options"] if element["type"] == "overflow" else [element]
    return [
        (one.get("text") or one.get("placeholder") or {"text": element["action_id"]})["text"]
        for one in entries
    ]


def _lines(part: Json) -> list[Text]:
    text = Text("▌ ", style="yellow") if part["type"] == "rich_text_quote" else Text()
    for piece in part["elements"]:
        text.append(piece.get("text") or piece.get("url", ""), style=_style(piece))
    text.rstrip()
    return list(text.split("\n"))


def _style(piece: Json) -> str:
    if "url" in piece:
        return f"underline link {piece['url']}"
    if not piece.get("style", {}).get("bold"):
        return ""
    return "bold " + next((colour for state, colour in COLOURS.items() if state in piece["text"]), "")
