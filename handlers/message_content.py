"""What a Slack message contains: its text, wherever in it text may be, and its attached files. Pure."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

MAX_DEPTH = 16
"""Levels of blocks within blocks that are searched for text."""
_TEXT_KEYS = ("pretext", "title", "title_link", "from_url", "text", "fallback", "value", "url", "alt_text")
"""Keys of attachments and blocks whose value is text or an address that people see."""
_RICH_TEXT = ("rich_text_section", "rich_text_preformatted", "rich_text_quote")


# Text ----------------------------------------------------------------------------------------------------


def all_text(message: Mapping[str, Any]) -> str:
    """All the text of a message with Slack's markup: what was typed, then its blocks, then its attachments."""
    parts = [message.get("text"), message.get("blocks"), message.get("attachments")]
    return "\n".join(line for part in parts for line in _lines(part) if line)


def _lines(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth == MAX_DEPTH:
        return
    elif isinstance(value, list):
        for item in value:
            yield from _lines(item, depth + 1)
    elif isinstance(value, Mapping):
        if value.get("type") in _RICH_TEXT:
            yield "".join(_marked_up(element) for element in value.get("elements", ()))
            return
        for key, inner in value.items():
            if key in _TEXT_KEYS or isinstance(inner, list | Mapping):
                yield from _lines(inner, depth + 1)


def _marked_up(element: Mapping[str, Any]) -> str:
    """An element of rich text, which is not escaped and has no markup. One word may be split into several elements."""
    text = escape(str(element.get("text") or ""), quote=False)
    if element.get("type") == "link":
        url = escape(str(element.get("url", "")), quote=False)
        return f"<{url}{text and '|' + text}>"
    return text or " "
