"""What a bot is held to: the rules by name, and how a message or a view is weighed against them."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from playground.slack import safety, schema
from playground.slack.safety import nodes
from playground.slack.shapes import Check


class Rule(StrEnum):
    """What can be broken. A test that means to break one forgives it by name."""

    LATE = "late"
    """An acknowledgement after 3 seconds, or none."""
    ACK = "ack"
    """A command or an interaction answered with another status than 200, or with something unusable."""
    RESPONSE_URL = "response-url"
    """Used more than 5 times, or after 30 minutes."""
    TRIGGER = "trigger"
    """A trigger_id used twice, after 3 seconds, or invented."""
    EPHEMERAL = "ephemeral"
    """A file on an ephemeral message, an update of one, or one made public."""
    BLOCKS = "blocks"
    """Blocks, a modal or a home that Slack refuses."""
    DUPLICATE = "duplicate"
    """A block_id twice in a message, an action_id twice in a block."""
    TEXT = "text"
    """No `text`: notifications and screen readers get nothing."""
    LENGTH = "length"
    """More than 4,000 characters of text, or 13,000 in all blocks."""
    LINK = "link"
    """A live link to anywhere but VirusTotal or Slack."""
    MENTION = "mention"
    """A call to a channel or group, or to somebody Slack never named to the bot."""
    UNFURL = "unfurl"
    """A message with a link and without unfurl_links and unfurl_media set to false."""
    TOKEN = "token"  # noqa: S105 - the name of a rule
    """A call with a wrong token or none."""
    MEMBERSHIP = "membership"
    """Posting where the bot is no member."""
    SCOPE = "scope"
    """A call for which the token has no scope."""
    CALL = "call"
    """A method or an argument that Slack does not have, or no longer."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken rule, and what Slack answers for it; None: it lets it pass."""

    rule: Rule
    sentence: str
    error: str | None = None


TEXT_LENGTH = 4_000
SHOWN_LENGTH = 13_000  # Slack refuses from about 13,200
CELLS_LENGTH = 10_000
MARKDOWN_LENGTH = 12_000
VIEW_BYTES = 250_000


def message(content: Mapping[str, Any], told: Collection[str], *, unfurls: bool) -> list[Fault]:
    """The faults of `text` and `blocks`. `told`: the ids that Slack has named to the bot."""
    blocks = [] if content.get("blocks") is None else content["blocks"]
    found = [*_text(content.get("text"), bool(blocks)), *_blocks(blocks, schema.MESSAGE)]
    if not any(fault.error for fault in found):
        found += [*_lengths(blocks), *_dangers(content, told)]
        found += _unfurling(content) if unfurls else []
    return found


def view(content: Mapping[str, Any], told: Collection[str]) -> list[Fault]:
    """The faults of a modal or a home."""
    shape = {"modal": schema.MODAL, "home": schema.HOME}.get(str(content.get("type")))
    if shape is None:
        return [Fault(Rule.BLOCKS, f"view: no type {content.get('type')!r:.60}", "invalid_arguments")]
    found = [
        Fault(Rule.BLOCKS, sentence, "invalid_arguments")
        for sentence in schema.faults(shape, content, "view")
    ]
    if found:
        return found
    blocks = content["blocks"]
    found += [Fault(f.rule, f.sentence, "invalid_arguments") for f in _duplicates(blocks)]
    found += [Fault(Rule.BLOCKS, s, "invalid_arguments") for s in _misplaced(content)]
    if len(str(content).encode()) > VIEW_BYTES:
        found.append(Fault(Rule.LENGTH, "a view of more than 250 KB", "view_too_large"))
    return [*found, *_dangers(content, told)]


def _text(text: Any, has_blocks: bool) -> Iterator[Fault]:  # noqa: FBT001 - two facts of one message
    if text is not None and not isinstance(text, str):
        yield Fault(Rule.TEXT, "text is not a string", "invalid_arguments")
    elif not text:
        yield Fault(Rule.TEXT, "no text: screen readers get nothing", None if has_blocks else "no_text")
    elif len(text) > TEXT_LENGTH:
        yield Fault(Rule.LENGTH, f"text of {len(text)} characters (4,000 at most)", "msg_too_long")


def _blocks(blocks: Any, shape: Check) -> list[Fault]:
    found = [Fault(Rule.BLOCKS, s, "invalid_blocks") for s in schema.faults(shape, blocks, "blocks")]
    if found:
        return found
    found = list(_duplicates(blocks))
    kinds = [block["type"] for block in schema.every(blocks)]
    if kinds.count("table") > 1:
        found.append(Fault(Rule.BLOCKS, "two tables in one message", "invalid_attachments"))
    impossible = [
        *_contradictions(blocks),
        *(f"an {kind} in a message" for kind in kinds if kind in schema.MODAL_ONLY),
    ]
    found += [Fault(Rule.BLOCKS, sentence, "invalid_blocks") for sentence in impossible]
    if any(e.get("type") == "file_input" for e in nodes(blocks)):
        found.append(Fault(Rule.BLOCKS, "a file_input outside a modal", "invalid_blocks"))
    return found


def _contradictions(blocks: list[dict[str, Any]]) -> Iterator[str]:
    """What a container's flags exclude: `default_collapsed` needs a collapsible one, a divider one that is not."""
    for block in blocks:
        collapsible = block.get("is_collapsible", False)
        if block.get("default_collapsed") and not collapsible:
            yield "default_collapsed without is_collapsible"
        if block.get("has_header_divider") and collapsible:
            yield "has_header_divider with is_collapsible"


def _duplicates(blocks: list[dict[str, Any]]) -> Iterator[Fault]:
    for name in _twice(block.get("block_id") for block in schema.every(blocks)):
        yield Fault(Rule.DUPLICATE, f"block_id {name!r} stands twice", "invalid_blocks")
    for block in schema.every(blocks):
        if block["type"] == "container":
            continue  # its children are judged one by one
        for name in _twice(node.get("action_id") for node in nodes(block)):
            yield Fault(Rule.DUPLICATE, f"action_id {name!r} stands twice in one block", "invalid_blocks")


def _twice(names: Iterator[Any]) -> list[str]:
    return [name for name, count in Counter(filter(None, names)).items() if count > 1]


def _misplaced(content: Mapping[str, Any]) -> Iterator[str]:
    kinds = {block["type"] for block in content["blocks"]}
    elsewhere = schema.MESSAGE_ONLY | (schema.MODAL_ONLY if content["type"] == "home" else frozenset())
    yield from (f"a {kind} block in a {content['type']}" for kind in sorted(kinds & elsewhere))
    if content["type"] == "modal" and "input" in kinds and "submit" not in content:
        yield "a modal with inputs and without submit"
    if content["type"] == "home" and any(n.get("type") == "file_input" for n in nodes(content)):
        yield "a file_input outside a modal"


def _lengths(blocks: list[dict[str, Any]]) -> Iterator[Fault]:
    shown = sum(map(_characters, blocks))
    cells = sum(_characters(block) for block in schema.every(blocks) if block["type"] == "table")
    markdown = sum(_characters(block) for block in blocks if block["type"] == "markdown")
    for count, most, what in (
        (shown, SHOWN_LENGTH, "all blocks"),
        (cells, CELLS_LENGTH, "the cells of tables"),
        (markdown, MARKDOWN_LENGTH, "markdown blocks"),
    ):
        if count > most:
            yield Fault(
                Rule.LENGTH, f"{count} characters in {what} ({most:,} at most)", "msg_blocks_too_long"
            )


def _characters(block: Any) -> int:
    """What a reader sees of it, the targets of links included."""
    return sum(len(node[key]) for node in nodes(block) for key in _counted(node))


def _counted(node: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(node.get("text"), str):
        yield "text"
    if node.get("type") == "link":
        yield "url"


def _dangers(content: Mapping[str, Any], told: Collection[str]) -> Iterator[Fault]:
    yield from (Fault(Rule.LINK, sentence) for sentence in safety.live_links(content))
    yield from (Fault(Rule.MENTION, sentence) for sentence in safety.strange_calls(content, told))


def _unfurling(content: Mapping[str, Any]) -> list[Fault]:
    off = content.get("unfurl_links") is False and content.get("unfurl_media") is False
    if off or not safety.links(content):
        return []
    return [Fault(Rule.UNFURL, "a message with a link, and unfurl_links and unfurl_media are not both false")]
