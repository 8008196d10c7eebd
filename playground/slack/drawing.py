"""What a person reads: messages and views as lines of plain text, with their buttons in brackets."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from playground.slack.markup import unescape
from playground.slack.records import Message, View
from playground.slack.state import State

Json = dict[str, Any]
_MARK = re.compile(r"<([^<>\n]*)>")
_STYLED = re.compile(r"(?<![\w*_~`])([*_~])(?=\S)([^\n]*?\S)\1(?![\w*_~`])")


def message(state: State, item: Message) -> list[str]:
    """A message: its blocks, or its text when there are none, then its files."""
    blocks = () if item.via == "person" else item.blocks  # theirs are made from the text
    lines = list(_blocks(state, blocks)) if blocks else words(state, item.text).split("\n")
    shared = [f"│ {line}" for one in item.attachments for line in words(state, one["text"]).split("\n")]
    files = [f"[file: {file.name}, {file.size} bytes]" for file in item.files]
    return ([] if (files or shared) and lines == [""] else lines) + shared + files


def view(state: State, item: View) -> list[str]:
    """A modal or home: title, blocks, the buttons below."""
    below = [item.content[key]["text"] for key in ("submit", "close") if key in item.content]
    return [
        *([item.title] if item.title else []),
        *contents(state, item),
        *([" ".join(f"[{label}]" for label in below)] if below else []),
    ]


def contents(state: State, item: View) -> list[str]:
    """What is read between the title of a view and the buttons below it."""
    return list(_blocks(state, item.blocks))


def words(state: State, text: str) -> str:
    """Marked-up text as it is read: labels for links, names for ids, no markup, no entities."""
    plain = _MARK.sub(lambda match: _mark(state, match[1]), text)
    while (shorter := _STYLED.sub(r"\2", plain)) != plain:
        plain = shorter
    return unescape(plain.replace("```", "").replace("`", ""))


def _mark(state: State, mark: str) -> str:
    target, _, label = mark.partition("|")
    if target[:1] == "@":
        found = state.people.get(target[1:])
        return f"@{found.name}" if found else f"@{target[1:]}"
    if target[:1] == "#":
        channel = state.channels.get(target[1:])
        return f"#{channel.name}" if channel and not channel.private else "#private"
    if target[:1] == "!" and not label:
        return f"@{target[1:]}"
    return label or target


def _blocks(state: State, blocks: Iterable[Json]) -> Iterator[str]:
    for block in blocks:
        yield from _RENDERED[block["type"]](state, block)


def _text(state: State, item: Json) -> str:
    return words(state, item["text"]) if item["type"] == "mrkdwn" else str(item["text"])


def _section(state: State, block: Json) -> Iterator[str]:
    if "text" in block:
        yield from _text(state, block["text"]).split("\n")
    for item in block.get("fields", ()):
        yield ": ".join(part for part in _text(state, item).split("\n") if part)
    if "accessory" in block:
        yield _element(block["accessory"])


def _header(state: State, block: Json) -> Iterator[str]:
    yield _text(state, block["text"])


def _context(state: State, block: Json) -> Iterator[str]:
    items = block["elements"]
    yield " · ".join(_element(item) if item["type"] == "image" else _text(state, item) for item in items)


def _divider(_world: State, _block: Json) -> Iterator[str]:
    yield "───"


def _actions(_world: State, block: Json) -> Iterator[str]:
    yield " ".join(_element(element) for element in block["elements"])


def _input(_world: State, block: Json) -> Iterator[str]:
    yield f"{block['label']['text']}: {_element(block['element'])}"
    if "hint" in block:
        yield str(block["hint"]["text"])


def _image(_world: State, block: Json) -> Iterator[str]:
    yield _element(block)


def _markdown(_world: State, block: Json) -> Iterator[str]:
    yield from str(block["text"]).split("\n")


def _table(state: State, block: Json) -> Iterator[str]:
    for row in block["rows"]:
        yield " | ".join(_cell(state, cell) for cell in row)


def _cell(state: State, cell: Json) -> str:
    return " ".join(_rich(state, cell)) if cell["type"] == "rich_text" else str(cell["text"])


def _alert(state: State, block: Json) -> Iterator[str]:
    yield f"[{block.get('level', 'default')}] {_text(state, block['text'])}"


def _card(state: State, block: Json) -> Iterator[str]:
    yield from (_text(state, block[key]) for key in ("title", "subtitle", "body") if key in block)
    yield from (_element(block[key]) for key in ("hero_image",) if key in block)
    if "actions" in block:
        yield " ".join(_element(element) for element in block["actions"])


def _container(state: State, block: Json) -> Iterator[str]:
    """Its title as Slack shows it, then what is inside, whether it is collapsed or not."""
    if "rich_text_title" in block:
        yield from _rich(state, block["rich_text_title"])
    else:
        yield _text(state, block["title"])
    if "subtitle" in block:
        yield _text(state, block["subtitle"])
    yield from _blocks(state, block["child_blocks"])


def _rich(state: State, block: Json) -> Iterator[str]:
    for number, part in enumerate(block["elements"], 1):
        if part["type"] == "rich_text_list":
            for position, item in enumerate(part["elements"], 1):
                point = f"{position}." if part["style"] == "ordered" else "•"
                yield f"{point} {_inline(state, item)}"
        else:
            quote = "> " if part["type"] == "rich_text_quote" else ""
            lines = _inline(state, part).split("\n")
            yield from (quote + line for line in (lines[:-1] if _ends(lines, block, number) else lines))


def _ends(lines: list[str], block: Json, number: int) -> bool:
    """A line break before the next part ends a line and begins none."""
    return len(lines) > 1 and not lines[-1] and number < len(block["elements"])


def _inline(state: State, part: Json) -> str:
    return "".join(_span(state, element) for element in part["elements"])


def _span(state: State, item: Json) -> str:
    kind = item["type"]
    if kind in ("text", "link"):
        return str(item.get("text") or item.get("url"))
    if kind == "emoji":
        return f":{item['name']}:"
    if kind == "date":
        return str(item.get("fallback", item["timestamp"]))
    prefix = {"user": "@", "channel": "#"}.get(kind, "!")
    return _mark(state, prefix + str(item.get("user_id") or item.get("channel_id") or item.get("range")))


def _element(item: Json) -> str:
    kind = item["type"]
    if kind == "image":
        return f"({item['alt_text']})"
    if kind in ("button", "workflow_button"):
        return f"[{item['text']['text']}]"
    if kind == "overflow":
        return f"[⋯ {' / '.join(option['text']['text'] for option in item['options'])}]"
    return f"[{item.get('placeholder', {}).get('text') or kind.replace('_', ' ')}]"


_RENDERED: dict[str, Callable[[State, Json], Iterator[str]]] = {
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
    "alert": _alert,
    "card": _card,
    "container": _container,
}
