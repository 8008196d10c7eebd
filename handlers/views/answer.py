"""Findings to Block Kit: pure functions over the SDK's classes.

Whatever came from outside is a rich_text literal: it cannot mention, link or format, whatever it holds.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, RichTextElementParts

from handlers import text
from handlers.history import Past, changed, sighting
from handlers.text import about as about_text
from handlers.text import modals
from handlers.views.answer_layout import NOTHING, Frame, Records, buttons, closing, submittable
from handlers.views.rich_text import Message, Part, bold, clean, code, escape, fallback, quote, rich, say
from vt.results import Field, enrichment, gui_link, insight
from vt.verdict import Finding, State, tally, worst_first

__all__ = [
    "Frame",
    "Message",
    "answer",
    "brief",
    "clean",
    "escape",
    "fallback",
    "guide",
    "note",
    "offer",
    "submittable",
]

MOST_CHARACTERS = 12_000
"""In all blocks of a message; Slack refuses from about 13,200 (undocumented, measured)."""
MOST_BLOCKS = 48
"""Slack takes 50; two are kept for the buttons and a closing line."""
LIST_CHARACTERS = 7_500
FIELD_CHARACTERS = 400
DETAILED = (State.RISKY, State.SUSPICIOUS)


def answer(findings: Sequence[Finding], frame: Frame) -> Message:
    """The reply to a request: one finding in full, or several, worst first."""
    body = _one(findings[0], frame) if len(findings) == 1 else _several(findings, frame)
    blocks = [*body, *closing(frame), *buttons(findings, frame)]
    return Message(fallback(_lines(findings, frame)), tuple(block.to_dict() for block in blocks))


def brief(findings: Sequence[Finding], now: datetime) -> Iterator[Block]:
    """The verdicts and their reasons, worst first, without the tables."""
    if len(findings) == 1:
        yield rich(*_headline(findings[0], now))
        if said := text.note(findings[0]):
            yield rich(say(said))
    else:
        yield from _several(findings, Frame("", now))


def note(line: str) -> Message:
    """One sentence of ours."""
    return Message(fallback([line]), (rich(say(line)).to_dict(),))


def offer(modal_id: str) -> Message:
    """The form could not be opened: what was typed is kept."""
    button = ButtonElement(action_id="form", text=modals.OPEN_FORM, value=modal_id)
    blocks = [rich(say(modals.FORM_AGAIN)), ActionsBlock(elements=[button])]
    return Message(fallback([modals.FORM_AGAIN]), tuple(block.to_dict() for block in blocks))


def guide() -> Message:
    """/vt help."""
    rows = [part for form, does in about_text.help_lines() for part in (code(form), say(f" {does}\n"))]
    blocks = [rich(say(about_text.HELP_HEAD)), rich(*rows), rich(say(about_text.HELP_STATES))]
    lines = [
        about_text.HELP_HEAD,
        *(f"{form}: {does}" for form, does in about_text.help_lines()),
        about_text.HELP_STATES,
    ]
    return Message(fallback(lines), tuple(block.to_dict() for block in blocks))


# One finding ---------------------------------------------------------------------------------------------


def _one(finding: Finding, frame: Frame) -> Iterator[Block]:
    yield rich(*_headline(finding, frame.now, frame.past))
    if warning := insight(finding):
        yield quote(text.insight(warning))
    if said := text.note(finding):
        yield rich(say(said))
    if fields := enrichment(finding):
        yield rich(*_table(fields))


def _headline(finding: Finding, now: datetime, past: Records = NOTHING) -> list[Part]:
    """The three lines that someone reads at 3 a.m."""
    parts: list[Part] = [
        bold(text.verdict(finding)),
        say("  "),
        code(text.subject(finding)),
        say(f"  {text.rule(finding, now)}"),
    ]
    if called := text.called(finding):
        parts.append(say(f"\n{called}"))
    for number, part in enumerate(_third(finding, past)):
        parts += [say(" · " if number else "\n"), *part]
    return parts


def _third(finding: Finding, past: Records) -> Iterator[list[Part]]:
    """When it was analysed, what is on record of it, and where to read on."""
    if dated := text.dated(finding):
        yield [say(dated)]
    if known := past.get(sighting(finding).subject):
        where: list[Part] = [say(f", {modals.first_seen(known)}")]
        if known.channel:
            where = [say(f", {modals.FIRST_IN} "), RichTextElementParts.Channel(channel_id=known.channel)]
        yield [say(modals.seen(known)), *where]
        if was := changed(known, finding):
            yield [say(modals.was(was))]
    if link := gui_link(finding):
        yield [RichTextElementParts.Link(url=link, text=text.BUTTON_LINK)]


def _table(fields: Sequence[Field]) -> Iterator[Part]:
    room = MOST_CHARACTERS - 4_000  # what else is said of one thing, and a question about one file
    for one in fields:
        value = text.outside(one.value, FIELD_CHARACTERS)
        room -= len(one.label) + len(value) + 3
        if room < 0:
            return
        yield bold(f"{one.label}: ")
        yield say(f"{value}\n")


# Several findings ----------------------------------------------------------------------------------------


def _several(findings: Sequence[Finding], frame: Frame) -> Iterator[Block]:
    ordered = worst_first(findings)
    yield rich(bold(text.tally(tally(findings))))
    most = min(200, LIST_CHARACTERS // len(ordered))
    yield rich(*(part for finding in ordered for part in _row(finding, frame.now, most)))
    yield from _details([finding for finding in ordered if finding.state in DETAILED], frame)


def _row(finding: Finding, now: datetime, most: int) -> list[Part]:
    """One line: the verdict is never cut, the indicator hardly, the reason first."""
    verdict = text.verdict(finding)
    about = text.subject(finding, max(24, most - len(verdict) - 8))
    left = most - len(verdict) - len(about) - 4
    reason = (
        text.cut(text.rule(finding, now), left)
        if left > len(" reason…") and finding.state not in DETAILED
        else ""
    )
    return [bold(verdict), say(" "), code(about), say(f" {reason}\n")]


def _details(findings: Sequence[Finding], frame: Frame) -> Iterator[Block]:
    room, left = MOST_CHARACTERS - LIST_CHARACTERS - 600 - frame.follows, MOST_BLOCKS - 6
    for position, finding in enumerate(findings):
        block = rich(*_headline(finding, frame.now, frame.past))
        room -= _length(block)
        left -= 1
        if room < 0 or left < 0:
            yield rich(say(text.more_in_json(len(findings) - position)))
            return
        yield block


def _length(block: Block) -> int:
    return sum(len(part.get("text", "")) for part in block.to_dict()["elements"][0]["elements"])


# The plain text ------------------------------------------------------------------------------------------


def _lines(findings: Sequence[Finding], frame: Frame) -> Iterator[str]:
    """Everything as lines, the verdict first."""
    if len(findings) > 1:
        yield text.tally(tally(findings))
    for finding in worst_first(findings):
        yield f"{text.verdict(finding)} {text.subject(finding, 120)} {text.rule(finding, frame.now)}"
        if len(findings) == 1:
            yield from _rest(finding, frame.past.get(sighting(finding).subject))
    if frame.invented:
        yield about_text.INVENTED


def _rest(finding: Finding, past: Past | None) -> Iterator[str]:
    yield from (line for line in (text.called(finding), text.dated(finding), gui_link(finding)) if line)
    if past:
        was = changed(past, finding)
        yield f"{modals.seen(past)}, {modals.first_seen(past)}" + (f" · {modals.was(was)}" if was else "")
    if warning := insight(finding):
        yield text.insight(warning)
    if said := text.note(finding):
        yield said
    yield from (
        f"{field.label}: {text.outside(field.value, FIELD_CHARACTERS)}" for field in enrichment(finding)
    )
