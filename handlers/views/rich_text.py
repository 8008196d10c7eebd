"""Text as Slack shows it, harmless whatever it holds: rich_text literals in blocks, escaped lines in plain text."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import (
    RichTextBlock,
    RichTextElementParts,
    RichTextQuoteElement,
    RichTextSectionElement,
)

Part = RichTextElementParts.Text | RichTextElementParts.Link | RichTextElementParts.Channel

MOST_TEXT = 3_900


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: `text` says it all by itself, for notifications and screen readers."""

    text: str
    blocks: tuple[dict[str, Any], ...] = ()


def fallback(lines: Iterable[str]) -> str:
    """Lines as a message's text: escaped, and only as many whole ones as Slack takes well."""
    kept: list[str] = []
    room = MOST_TEXT
    for line in lines:
        escaped = escape(clean(line))
        room -= len(escaped) + 1
        if room < 0:
            kept.append("…")
            break
        kept.append(escaped)
    return "\n".join(kept)


def escape(outside: str) -> str:
    """As Slack wants it: nothing is a mention or a link."""
    return outside.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clean(outside: str) -> str:
    """Without control, bidi and other invisible characters, which could turn a line round."""
    if outside.isprintable():  # as nearly everything is
        return outside
    return "".join(c for c in outside if c == "\n" or unicodedata.category(c)[0] != "C")


def rich(*parts: Part) -> RichTextBlock:
    """A block of these parts."""
    return RichTextBlock(elements=[RichTextSectionElement(elements=list(parts))])


def quote(line: str) -> RichTextBlock:
    """A block with a bar at its side."""
    return RichTextBlock(elements=[RichTextQuoteElement(elements=[say(line)])])


def say(line: str) -> RichTextElementParts.Text:
    """As it is."""
    return RichTextElementParts.Text(text=clean(line))


def bold(line: str) -> RichTextElementParts.Text:
    """In bold."""
    return RichTextElementParts.Text(text=clean(line), style={"bold": True})


def code(line: str) -> RichTextElementParts.Text:
    """As code; never empty, which Slack refuses."""
    return RichTextElementParts.Text(text=clean(line) or "?", style={"code": True})
