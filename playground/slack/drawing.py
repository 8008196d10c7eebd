"""What a person reads: messages and views as lines of plain text, with their buttons in brackets."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from playground.slack.markup import unescaped
from playground.slack.records import Message, View
from playground.slack.state import World

Json = dict[str, Any]
_MARK = re.compile(r"<([^<>\n]*)>")
_STYLED = re.compile(r"(?<![\w*_~`])([*_~])(?=\S)([^\n]*?\S)\1(?![\w*_~`])")


def message(world: World, item: Message) -> list[str]:
    """A message: its blocks, or its text when there are none, then its files."""
    blocks = () if item.via == "person" else item.blocks  # theirs are made from the text
    lines = list(_blocks(world, blocks)) if blocks else words(world, item.text).split("\n")
    files = [f"[file: {file.name}, {file.size} bytes]" for file in item.files]
    return ([] if files and lines == [""] else lines) + files


def view(world: World, item: View) -> list[str]:
    """A modal or home: title, blocks, the buttons below."""
    below = [item.content[key]["text"] for key in ("submit", "close") if key in item.content]
    return [
        *([item.title] if item.title else []),
        *_blocks(world, item.blocks),
        *([" ".join(f"[{label}]" for label in below)] if below else []),
    ]


def words(world: World, text: str) -> str:
    """Marked-up text as it is read: labels for links, names for ids, no markup, no entities."""
    plain = _MARK.sub(lambda match: _mark(world, match[1]), text)
    while (shorter := _STYLED.sub(r"\2", plain)) != plain:
        plain = shorter
    return unescaped(plain.replace("```", "").replace("`", ""))


def _mark(world: World, mark: str) -> str:
    target, _, label = mark.partition("|")
    if target[:1] == "@":
        found = world.people.get(target[1:])
        return f"@{found.name}" if found else f"@{target[1:]}"
    if target[:1] == "#":
        channel = world.channels.get(target[1:])
        return f"#{channel.name}" if channel and not channel.private else "#private"
    if target[:1] == "!" and not label:
        return f"@{target[1:]}"
    return label or target


def _blocks(world: World, blocks: Iterable[Json]) -> Iterator[str]:
    for block in blocks:
        yield from _DRAWN[block["type"]](world, block)


def _text(world: World, item: Json) -> str:
    return words(world, item["text"]) if item["type"] == "mrkdwn" else str(item["text"])


def _section(world: World, block: Json) -> Iterator[str]:
    if "text" in block:
        yield from _text(world, block["text"]).split("\n")
    for item in block.get("fields", ()):
        yield ": ".join(part for part in _text(world, item).split("\n") if part)
    if "accessory" in block:
        yield _element(block["accessory"])


def _header(world: World, block: Json) -> Iterator[str]:
    yield _text(world, block["text"])


def _context(world: World, block: Json) -> Iterator[str]:
    items = block["elements"]
    yield " · ".join(_element(item) if item["type"] == "image" else _text(world, item) for item in items)


def _divider(_world: World, _block: Json) -> Iterator[str]:
    yield "───"


def _actions(_world: World, block: Json) -> Iterator[str]:
    yield " ".join(_element(element) for element in block["elements"])


def _input(_world: World, block: Json) -> Iterator[str]:
    yield f"{block['label']['text']}: {_element(block['element'])}"
    if "hint" in block:
        yield str(block["hint"]["text"])


def _image(_world: World, block: Json) -> Iterator[str]:
    yield _element(block)


def _markdown(_world: World, block: Json) -> Iterator[str]:
    yield from str(block["text"]).split("\n")


def _table(world: World, block: Json) -> Iterator[str]:
    for row in block["rows"]:
        yield " | ".join(_cell(world, cell) for cell in row)


def _cell(world: World, cell: Json) -> str:
    return " ".join(_rich(world, cell)) if cell["type"] == "rich_text" else str(cell["text"])


def _rich(world: World, block: Json) -> Iterator[str]:
    for number, part in enumerate(block["elements"], 1):
        if part["type"] == "rich_text_list":
            for position, item in enumerate(part["elements"], 1):
                point = f"{position}." if part["style"] == "ordered" else "•"
                yield f"{point} {_inline(world, item)}"
        else:
            quote = "> " if part["type"] == "rich_text_quote" else ""
            lines = _inline(world, part).split("\n")
            yield from (quote + line for line in (lines[:-1] if _ends(lines, block, number) else lines))


def _ends(lines: list[str], block: Json, number: int) -> bool:
    """A line break before the next part ends a line and begins none."""
    return len(lines) > 1 and not lines[-1] and number < len(block["elements"])


def _inline(world: World, part: Json) -> str:
    return "".join(_span(world, element) for element in part["elements"])


def _span(world: World, item: Json) -> str:
    kind = item["type"]
    if kind in ("text", "link"):
        return str(item.get("text") or item.get("url"))
    if kind == "emoji":
        return f":{item['name']}:"
    if kind == "date":
        return str(item.get("fallback", item["timestamp"]))
    prefix = {"user": "@", "channel": "#"}.get(kind, "!")
    return _mark(world, prefix + str(item.get("user_id") or item.get("channel_id") or item.get("range")))


def _element(item: Json) -> str:
    kind = item["type"]
    if kind == "image":
        return f"({item['alt_text']})"
    if kind in ("button", "workflow_button"):
        return f"[{item['text']['text']}]"
    if kind == "overflow":
        return f"[⋯ {' / '.join(option['text']['text'] for option in item['options'])}]"
    return f"[{item.get('placeholder', {}).get('text') or kind.replace('_', ' ')}]"


_DRAWN: dict[str, Callable[[World, Json], Iterator[str]]] = {
    "section": _section,
    "header": _header,
    "context": _context,
    "divider": _divider,
    "actions": _actions,
    "input": _input,
    "image": _image,
    "markdown": _markdown,
    "table": _table,
    "rich_text": _rich,
}
