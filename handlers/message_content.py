"""What a message holds: its text, wherever in it text may stand, and the names of its files. Pure."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

DEEPEST = 16
"""Levels of blocks within blocks that are looked into."""
_SPOKEN = ("pretext", "title", "title_link", "from_url", "text", "fallback", "value", "url", "alt_text")
"""Keys of attachments and blocks under which text or an address stands."""
_RUNS = ("rich_text_section", "rich_text_preformatted", "rich_text_quote")


def written(message: Mapping[str, Any]) -> str:
    """All the text of a message as Slack marks it up: what was typed, then blocks, then attachments."""
    parts = [message.get("text"), message.get("blocks"), message.get("attachments")]
    return "\n".join(line for part in parts for line in _lines(part) if line)


def file_names(message: Mapping[str, Any]) -> list[str]:
    """What the attached files are called."""
    return [str(file.get("name") or file.get("id", "")) for file in message.get("files") or ()]


def _lines(value: Any, depth: int = 0) -> Iterator[str]:
    """Each text that stands somewhere in it."""
    if isinstance(value, str):
        yield value
    elif depth == DEEPEST:
        return
    elif isinstance(value, list):
        for item in value:
            yield from _lines(item, depth + 1)
    elif isinstance(value, Mapping):
        if value.get("type") in _RUNS:
            yield "".join(_run(element) for element in value.get("elements", ()))
        else:
            yield from _within(value, depth)


def _within(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    for key, inner in value.items():
        if key in _SPOKEN or isinstance(inner, list | Mapping):
            yield from _lines(inner, depth + 1)


def _run(element: Mapping[str, Any]) -> str:
    """A piece of rich text, which has no markup of its own: one word may be several pieces."""
    text = escape(str(element.get("text") or ""), quote=False)
    if element.get("type") == "link":
        url = escape(str(element.get("url", "")), quote=False)
        return f"<{url}{text and '|' + text}>"
    return text or " "
