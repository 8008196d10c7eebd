"""Text in Slack that is harmless whatever it holds: rich_text literals in blocks, escaped lines in plain text."""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from textwrap import wrap
from typing import Any

from slack_sdk.models.basic_objects import EMPTY_ALLOWED_TYPE_AND_PROPERTY_LIST, JsonObject
from slack_sdk.models.blocks import (
    AlertBlock,
    Block,
    ContainerBlock,
    ContextBlock,
    MarkdownTextObject,
    PlainTextObject,
    RichTextBlock,
    RichTextElementParts,
    RichTextQuoteElement,
    RichTextSectionElement,
    TableBlock,
)
from slack_sdk.models.views import View

from handlers.text.format import broad
from handlers.text.language import Channel, Line, Moment, Piece, User, localized, pieces
from vt.verdict import Finding, State

Part = (
    RichTextElementParts.Text
    | RichTextElementParts.Link
    | RichTextElementParts.Channel
    | RichTextElementParts.User
    | RichTextElementParts.Date
)

NOTHING = "–"
"""In a cell that has nothing to say."""
TABLE_ROWS = 100
"""Slack's limit for a table, the head included."""
TABLE_CHARACTERS = 8_000
"""Of a folded table; Slack takes 10,000 in the cells of a message, and 13,000 in all its blocks."""
MOST_TEXT = 3_900
"""Characters of a message's text. Slack recommends at most 4,000."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is posted. `text` is complete by itself, for notifications and screen readers."""

    text: str
    blocks: tuple[dict[str, Any], ...] = ()

    @property
    def content(self) -> dict[str, Any]:
        """The message as arguments of Slack's methods."""
        return {"text": self.text, "blocks": list(self.blocks)}


def rendered(blocks: Iterable[Block]) -> tuple[dict[str, Any], ...]:
    """Blocks as JSON, in the language of now."""
    return tuple(localized(as_json(block)) for block in blocks)


def rendered_view(view: View) -> dict[str, Any]:
    """A view as JSON, in the language of now."""
    shown: dict[str, Any] = localized(as_json(view))
    return shown


def as_json(shown: Any) -> Any:
    """The JSON that the SDK's to_dict makes of its objects, in a sixth of the time.

    to_dict looks through everything that an object has for methods that validate it, each time and at every level.
    """
    if isinstance(shown, list | tuple):
        return [as_json(one) for one in shown]
    if not isinstance(shown, JsonObject):
        return shown
    kind = type(shown)
    if isinstance(shown, RichTextElementParts.Text):  # nearly all of them
        text = {"type": "text", "text": shown.text}
        return text | ({"style": as_json(shown.style)} if shown.style else {})
    if kind.to_dict is not JsonObject.to_dict:
        return shown.to_dict()
    for validate in _validators(kind):
        validate(shown)
    found = ((name, getattr(shown, name, None)) for name in shown.attributes)
    return {name: as_json(value) for name, value in found if _is_sent(shown, name, value)}


@cache
def _validators(kind: type[JsonObject]) -> tuple[Callable[[JsonObject], None], ...]:
    methods = (getattr(kind, name) for name in dir(kind) if not name.startswith("__"))
    return tuple(method for method in methods if hasattr(method, "validator"))


def _is_sent(owner: JsonObject, name: str, value: Any) -> bool:
    """Slack takes nothing that is empty, but for the elements of rich text."""
    if not value and hasattr(value, "__len__"):
        place = {"type": getattr(owner, "type", None), "property": name}
        return place in EMPTY_ALLOWED_TYPE_AND_PROPERTY_LIST
    return value is not None


def fallback(lines: Iterable[str]) -> str:
    """Lines as the text of a message: escaped, and only as many whole lines as fit into MOST_TEXT."""
    kept: list[str] = []
    left = MOST_TEXT
    for line in lines:
        harmless = escape(clean(line))
        left -= len(harmless) + 1
        if left < 0:
            kept.append("…")
            break
        kept.append(harmless)
    return "\n".join(kept)


def escape(outside: str) -> str:
    """Text from outside without markup: Slack shows it as it is, and nothing in it is a mention or a link."""
    return outside.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mrkdwn(line: str) -> str:
    """A sentence as the text of a message without blocks: only its moments, people and channels are alive."""
    return "".join(_marked(piece) for piece in pieces(line))


def _marked(piece: Piece) -> str:
    match piece:
        case Moment():
            return f"<!date^{int(piece.at.timestamp())}^{piece.shape}|{piece}>"
        case User():
            return f"<@{piece.id}>"
        case Channel():
            return f"<#{piece.id}>"
        case _:
            return escape(clean(piece))


def clean(outside: str) -> str:
    """Text from outside without control, bidi and other invisible characters, which could reverse or hide a line."""
    outside = str(outside)
    if outside.isprintable():  # the usual case, and much faster
        return outside
    return "".join(c for c in outside if c == "\n" or unicodedata.category(c)[0] != "C")


def rich(*parts: Part) -> RichTextBlock:
    """A block of these parts. Empty text is left out: Slack refuses a whole message for it, and cleaning can empty a text."""
    shown = [part for part in parts if not isinstance(part, RichTextElementParts.Text) or part.text]
    return RichTextBlock(elements=[RichTextSectionElement(elements=shown)])


def sentence(line: str) -> RichTextBlock:
    """A block with one sentence."""
    return rich(*tell(line))


def quote(line: str) -> RichTextBlock:
    """A block with a bar at its side."""
    return RichTextBlock(elements=[RichTextQuoteElement(elements=[say(line)])])


def alert(line: str) -> AlertBlock:
    """A warning that stands out. Slack takes it in modals only, with 200 characters."""
    return AlertBlock(text=PlainTextObject(text=clean(line), emoji=False), level="warning")


def small_print(lines: Sequence[str]) -> Iterator[Block]:
    """The last lines of a message, in small letters; no block when there are none."""
    if lines:
        yield ContextBlock(elements=[MarkdownTextObject(text=mrkdwn(line), verbatim=True) for line in lines])


_FORMATTED = re.compile(r"[*_~`]|:[\w+'-]+:")
"""What mrkdwn would take for formatting or an emoji; it has no way to escape them."""


def small(line: str, label: str = "") -> MarkdownTextObject | PlainTextObject:
    """A sentence, after a bold label if there is one, where Slack takes no rich text: in fields and in context.

    What mrkdwn would format is plain text, in which moments have their fixed form.
    """
    line = Line(*(_one_line(piece) if isinstance(piece, str) else piece for piece in pieces(line)))
    label = str(label) and (_one_line(str(label)) or "?")
    if _FORMATTED.search(f"{label}{line}"):
        return PlainTextObject(text=f"{label}: {line}" if label else line, emoji=False)
    marked = f"*{escape(label)}:* {mrkdwn(line)}" if label else mrkdwn(line)
    return MarkdownTextObject(text=marked, verbatim=True)


def _one_line(piece: str) -> str:
    return re.sub(r"\s+", " ", clean(piece))


def cell(*parts: Part) -> dict[str, Any]:
    """A cell of a table. Slack refuses an empty one, so that becomes a dash."""
    shown = [part for part in parts if not isinstance(part, RichTextElementParts.Text) or part.text.strip()]
    section = {"type": "rich_text_section", "elements": as_json(shown or [say(NOTHING)])}
    return {"type": "rich_text", "elements": [section]}


def folded_table(
    head: tuple[str, str], rows: Sequence[tuple[str, str]], title: Callable[[int], str]
) -> Iterator[Block]:
    """As many labels and values as Slack takes, in a table that is opened by a click; no block when there are none.

    `title`: what it is called, by the number of its rows.
    """
    cells = [[cell(bold(one)) for one in head]]
    characters = TABLE_CHARACTERS
    for label, value in rows[: TABLE_ROWS - 1]:
        characters -= len(label) + len(value)
        if characters < 0:
            break
        cells.append([cell(say(label)), cell(*tell(value))])
    if count := len(cells) - 1:
        table = TableBlock(rows=cells, column_settings=[{}, {"is_wrapped": True}])
        yield ContainerBlock(
            title=title(count), child_blocks=[table], is_collapsible=True, default_collapsed=True
        )


def tell(line: str) -> list[Part]:
    """A sentence with its moments, people and channels, each as its reader has it."""
    return [_told(piece) for piece in pieces(line) if piece]


def _told(piece: Piece) -> Part:
    match piece:
        case Moment():
            at = int(piece.at.timestamp())
            return RichTextElementParts.Date(timestamp=at, format=piece.shape, fallback=str(piece))
        case User():
            return RichTextElementParts.User(user_id=piece.id)
        case Channel():
            return RichTextElementParts.Channel(channel_id=piece.id)
        case _:
            return say(piece)


def height(words: str, width: int) -> int:
    """The lines that a text takes, each of so many columns; a Japanese character takes two."""
    return sum(_wrapped(line, width) for line in broad(words).split("\n")) if words else 0


def _wrapped(line: str, width: int) -> int:
    fits = len(line) <= width and "\t" not in line  # the usual case, and much faster
    return 1 if fits else max(1, len(wrap(line, width)))


def length(part: Part) -> int:
    """The characters that a part takes of a message."""
    shown = as_json(part)
    return len(shown.get("text") or shown.get("fallback") or "")


BAR = 5
"""Glyphs of a detection bar."""


def bar(finding: Finding) -> str:
    """How many of the engines flag it, as a bar: at least one glyph is full when any does. "" when there is no total."""
    count, total = finding.rule.worst if finding.rule else (0, None)
    if not total or not count or finding.state not in (State.RISKY, State.SUSPICIOUS):
        return ""
    full = max(1, round(BAR * min(count, total) / total))
    return "▰" * full + "▱" * (BAR - full)


def say(line: str) -> RichTextElementParts.Text:
    """Plain text."""
    return RichTextElementParts.Text(text=clean(line))


def bold(line: str) -> RichTextElementParts.Text:
    """Bold text."""
    return RichTextElementParts.Text(text=clean(line), style={"bold": True})


def code(line: str) -> RichTextElementParts.Text:
    """Text as code. Slack refuses an empty one, so that becomes "?"."""
    return RichTextElementParts.Text(text=clean(line) or "?", style={"code": True})


# Plainer blocks, for a workspace that refuses the newer ones -------------------------------------------

NEWER = frozenset({"alert", "table", "container"})
"""Kinds of block that a workspace may be too old for."""


def newer_kinds(message: Message) -> frozenset[str]:
    """The newer kinds of block in a message, those inside a container too."""
    inside = [inner for block in message.blocks for inner in block.get("child_blocks", ())]
    return NEWER & {block["type"] for block in (*message.blocks, *inside)}


def simplified(message: Message, refused: Collection[str]) -> Message:
    """The same message without these kinds of block: what was in them is said in rich text."""
    if not refused:
        return message
    return Message(message.text, tuple(one for block in message.blocks for one in _plainer(block, refused)))


def _plainer(block: dict[str, Any], refused: Collection[str]) -> Iterator[dict[str, Any]]:
    match block["type"]:
        case "table" if "table" in refused:
            yield _as_lines(block["rows"])
        case "alert" if "alert" in refused:
            yield quote(block["text"]["text"]).to_dict()
        case "container" if set(refused) & {"container", *(one["type"] for one in block["child_blocks"])}:
            yield rich(bold(block["title"]["text"])).to_dict()
            for inner in block["child_blocks"]:
                yield from _plainer(inner, refused)
        case _:
            yield block


def _as_lines(rows: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """A table as lines: in two columns a label and its value, else the cells of a row one after another."""
    between = ": " if len(rows[0]) == LABELLED else " · "
    elements: list[dict[str, Any]] = []
    for row in rows[1:]:
        for position, one in enumerate(row):
            elements += [say(between).to_dict()] if position else []
            elements += one["elements"][0]["elements"]
        elements.append(say("\n").to_dict())
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}


LABELLED = 2
"""Columns of a table of labels and values."""
