"""Findings as a message in Block Kit: pure functions over the SDK's classes.

Whatever comes from outside is a rich_text literal: it cannot mention, link or format, whatever it holds.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, RichTextElementParts

from handlers import text
from handlers.history import previous_if_changed, sighting
from handlers.text import about as about_text
from handlers.text import modals
from handlers.text.format import Audience
from handlers.views.answer_layout import AnswerContext, Records, buttons, closing
from handlers.views.rich_text import (
    Message,
    Part,
    bold,
    code,
    fallback,
    length,
    quote,
    rich,
    say,
    sentence,
    tell,
)
from vt.enrichment import Field, without_repeats
from vt.results import gui_link, insight
from vt.verdict import Finding, State, tally, worst_first

MESSAGE_CHARACTERS = 12_000
"""In all blocks of a message. Slack refuses a message from about 13,200 on (undocumented, measured; bolt-js#2509)."""
MESSAGE_BLOCKS = 48
"""Slack takes 50; two are kept for the buttons and the closing lines."""
LIST_CHARACTERS = 7_500
"""Of the list of several findings; the rest of the message is for their details."""
FIELD_CHARACTERS = 400
DETAILED = (State.RISKY, State.SUSPICIOUS)
"""States whose findings are shown in full below a list."""


def answer(findings: Sequence[Finding], context: AnswerContext) -> Message:
    """The answer to a request: one finding in full, or several as a list, the worst first."""
    body = _one(findings[0], context) if len(findings) == 1 else _several(findings, context)
    blocks = [*body, *closing(findings, context), *buttons(findings, context)]
    return Message(fallback(_lines(findings, context)), tuple(block.to_dict() for block in blocks))


def brief(findings: Sequence[Finding], now: datetime, audience: Audience) -> Iterator[Block]:
    """The verdicts and their reasons, the worst first, without the tables."""
    context = AnswerContext("", now, audience=audience)
    if len(findings) == 1:
        yield rich(*_headline(findings[0], context))
        if remark := text.note(findings[0], audience):
            yield sentence(remark)
    else:
        yield from _several(findings, context)


def note(line: str) -> Message:
    """A message of one sentence of ours."""
    return Message(fallback([line]), (sentence(line).to_dict(),))


def form_offer(modal_id: str) -> Message:
    """The message that offers the form again, when it could not be opened in time; what was typed is kept."""
    button = ButtonElement(action_id="form", text=modals.OPEN_FORM, value=modal_id)
    blocks = [rich(say(modals.FORM_AGAIN)), ActionsBlock(elements=[button])]
    return Message(fallback([modals.FORM_AGAIN]), tuple(block.to_dict() for block in blocks))


def help_message() -> Message:
    """The message for /vt help."""
    rows = [part for form, does in about_text.help_lines() for part in (code(form), say(f" {does}\n"))]
    blocks = [rich(say(about_text.HELP_HEAD)), rich(*rows), rich(say(about_text.HELP_STATES))]
    lines = [
        about_text.HELP_HEAD,
        *(f"{form}: {does}" for form, does in about_text.help_lines()),
        about_text.HELP_STATES,
    ]
    return Message(fallback(lines), tuple(block.to_dict() for block in blocks))


# One finding ---------------------------------------------------------------------------------------------


def _one(finding: Finding, context: AnswerContext) -> Iterator[Block]:
    yield rich(*_headline(finding, context))
    if warning := insight(finding):
        yield quote(text.insight(warning))
    if remark := text.note(finding, context.audience):
        yield sentence(remark)
    if fields := without_repeats(finding):
        yield rich(*_table(fields))


def _headline(finding: Finding, context: AnswerContext) -> list[Part]:
    """The first three lines, which must be understood at a glance: verdict and rule, name, dates and records."""
    parts: list[Part] = [
        bold(text.verdict(finding)),
        say("  "),
        code(text.subject(finding)),
        say("  "),
        *tell(text.rule(finding, context.now, context.audience)),
    ]
    if called := text.called(finding):
        parts += [say("\n"), *tell(called)]
    for number, item in enumerate(_third_line(finding, context.records)):
        parts += [say(" · " if number else "\n"), *item]
    return parts


def _third_line(finding: Finding, records: Records) -> Iterator[list[Part]]:
    """When it was analysed, what is on record about it, and the link to VirusTotal."""
    if dates := text.dated(finding):
        yield tell(dates)
    if summary := records.get(sighting(finding).subject):
        first: list[Part] = [say(f", {text.first_seen(summary)}")]
        if summary.channel:
            first = [
                say(f", {text.FIRST_IN} "),
                RichTextElementParts.Channel(channel_id=summary.channel),
            ]
        yield [*tell(text.seen(summary)), *first]
        if previous := previous_if_changed(summary, finding):
            yield tell(text.was(previous))
    if link := gui_link(finding):
        yield [RichTextElementParts.Link(url=link, text=text.BUTTON_LINK)]


def _table(fields: Sequence[Field]) -> Iterator[Part]:
    """As many fields as fit. 4,000 characters are kept for the rest of the answer, and a question about a file."""
    left = MESSAGE_CHARACTERS - 4_000
    for one in fields:
        value = text.outside(one.value, FIELD_CHARACTERS)
        left -= len(one.label) + len(value) + 3
        if left < 0:
            return
        yield bold(f"{one.label}: ")
        yield from tell(text.minute(one.at)) if one.at else [say(value)]
        yield say("\n")


# Several findings ----------------------------------------------------------------------------------------


def _several(findings: Sequence[Finding], context: AnswerContext) -> Iterator[Block]:
    ordered = worst_first(findings)
    yield rich(bold(text.tally(tally(findings))))
    most = min(200, LIST_CHARACTERS // len(ordered))
    yield rich(*(part for finding in ordered for part in _row(finding, context, most)))
    yield from _details([finding for finding in ordered if finding.state in DETAILED], context)


def _row(finding: Finding, context: AnswerContext, most: int) -> list[Part]:
    """One line of at most `most` characters: the reason is cut first, then the subject, the verdict never."""
    verdict = text.verdict(finding)
    subject = text.subject(finding, max(24, most - len(verdict) - 8))
    left = most - len(verdict) - len(subject) - 4
    reason = ""
    if left > len(" reason…") and finding.state not in DETAILED:
        reason = text.cut(text.rule(finding, context.now, context.audience), left)
    return [bold(verdict), say(" "), code(subject), say(" "), *tell(reason), say("\n")]


def _details(findings: Sequence[Finding], context: AnswerContext) -> Iterator[Block]:
    """A block for each finding while they fit, then how many there are in the JSON."""
    characters = MESSAGE_CHARACTERS - LIST_CHARACTERS - 600 - context.reserved
    blocks = MESSAGE_BLOCKS - 6
    for position, finding in enumerate(findings):
        parts = _headline(finding, context)
        block = rich(*parts)
        characters -= sum(map(length, parts))
        blocks -= 1
        if characters < 0 or blocks < 0:
            yield rich(say(text.more_in_json(len(findings) - position)))
            return
        yield block


# The plain text ------------------------------------------------------------------------------------------


def _lines(findings: Sequence[Finding], context: AnswerContext) -> Iterator[str]:
    """The whole answer as plain text, the verdict first: for notifications and screen readers."""
    if len(findings) > 1:
        yield text.tally(tally(findings))
    for finding in worst_first(findings):
        why = text.rule(finding, context.now, context.audience)
        yield f"{text.verdict(finding)} {text.subject(finding, 120)} {why}"
        if len(findings) == 1:
            yield from _more_lines(finding, context)
    if context.case and any(map(text.is_at_fault, findings)):
        yield text.request_id(context.case)
    if context.invented:
        yield about_text.INVENTED


def _more_lines(finding: Finding, context: AnswerContext) -> Iterator[str]:
    summary = context.records.get(sighting(finding).subject)
    yield from (line for line in (text.called(finding), text.dated(finding), gui_link(finding)) if line)
    if summary:
        previous = previous_if_changed(summary, finding)
        change = f" · {text.was(previous)}" if previous else ""
        yield f"{text.seen(summary)}, {text.first_seen(summary)}{change}"
    if warning := insight(finding):
        yield text.insight(warning)
    if remark := text.note(finding, context.audience):
        yield remark
    for field in without_repeats(finding):
        yield f"{field.label}: {text.outside(field.value, FIELD_CHARACTERS)}"
