"""One finding as a card: header, indicator, facts in two columns, context, warning, and the enrichment as a table. Pure.

An answer, the card in a watched channel and the Details modal are made of the same pieces. Values from outside are
rich_text literals, or texts in which nothing is formatted: they cannot mention, link or format, whatever they hold.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from slack_sdk.models.blocks import (
    Block,
    ContainerBlock,
    ContextBlock,
    HeaderBlock,
    PlainTextObject,
    SectionBlock,
    TableBlock,
)

from handlers import text
from handlers.case import Records, Sighting
from handlers.text import facts
from handlers.text.facts import Fact
from handlers.text.format import EVERYBODY, Audience
from handlers.text.language import Line
from handlers.views.rich_text import Part, bold, cell, clean, code, quote, rich, say, sentence, small, tell
from vt.enrichment import without_repeats
from vt.results import gui_link
from vt.verdict import Basis, Finding

FIELD_CHARACTERS = 400
LABEL_CHARACTERS = 80
TABLE_CHARACTERS = 8_000
"""Of the enrichment; Slack takes 10,000 in the cells of a message, and 13,000 in all its blocks."""
TABLE_ROWS = 100
"""Slack's limit, the head included."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Who reads a card, when, and what is on record for them."""

    now: datetime
    audience: Audience = EVERYBODY
    records: Records = field(default_factory=dict)


def card(
    finding: Finding,
    reading: Reading,
    also: Sequence[Finding] = (),
    warn: Callable[[str], Block] = quote,
) -> Iterator[Block]:
    """What is read at a glance, above the buttons. `also`: other hashes of the same file that were asked for."""
    yield from headline(finding, also)
    if reason := _reason(finding, reading):
        yield sentence(reason)
    if told := [small(value, label) for label, value in facts.facts(finding) if clean(value)]:
        yield SectionBlock(fields=told)
    if line := _context(finding, reading):
        yield ContextBlock(elements=[small(line)])
    if warning := facts.warning(finding):
        yield warn(warning)


def headline(finding: Finding, also: Sequence[Finding] = ()) -> Iterator[Block]:
    """The verdict, and what it is about with the bar of engines; the verdict says in words what the bar shows."""
    yield HeaderBlock(text=PlainTextObject(text=text.verdict(finding), emoji=True))
    bar = facts.bar(finding)
    others = facts.also_asked(also)
    yield rich(code(text.subject(finding)), say(bar and f"  {bar}"), say(others and f"\n{others}"))


def _reason(finding: Finding, reading: Reading) -> str:
    """Why there is no verdict, and what the reader must know."""
    why = "" if finding.rule else text.rule(finding, reading.now, reading.audience)
    email = facts.EMAIL if facts.is_email(finding) and finding.report else ""
    return text.join("\n", [why, text.note(finding, reading.audience), email])


def _context(finding: Finding, reading: Reading, *, plain: bool = False) -> Line:
    """The rule in words unless the warning says it, what is on record, what has changed, and when it was checked."""
    is_said = finding.rule is None or (facts.warning(finding) and finding.rule.basis is Basis.ENGINES)
    rule = "" if is_said else text.rule(finding, reading.now, reading.audience)
    checked = text.checked(finding)
    return text.join(" · ", [rule, *on_record(finding, reading.records, plain=plain), checked])


def on_record(finding: Finding, records: Records, *, plain: bool = False) -> Iterator[str]:
    """How often it was looked up, where first, and what has changed since. `plain`: without the name of a channel."""
    if summary := records.get(Sighting.of(finding).subject):
        yield text.enumerated([text.seen(summary), text.first_seen(summary, plain=plain)])
        if previous := summary.previous_if_changed(finding):
            yield text.was(previous)


def short(finding: Finding, reading: Reading) -> list[Part]:
    """What the table does not say about one of its findings: other facts, the rule, and what is on record."""
    told = [text.join(": ", one) for one in facts.extra_facts(finding, reading.now)]
    rule, note = text.rule(finding, reading.now, reading.audience), text.note(finding, reading.audience)
    details = text.join(" · ", [*told, rule, note])
    parts: list[Part] = [code(text.subject(finding, 120)), say("\n"), *tell(details)]
    for line in on_record(finding, reading.records):
        parts += [say(" · "), *tell(line)]
    return parts


# The enrichment ----------------------------------------------------------------------------------------


def fields(finding: Finding) -> tuple[Fact, ...]:
    """The documented fields that the card above the buttons does not say: first the insight's numbers, then the rest."""
    said = {str(value) for _, value in facts.facts(finding)}
    rows = (*facts.insight_rows(finding), *without_repeats(finding))
    told = [
        (text.vendor(one.label, LABEL_CHARACTERS), text.written(one.value, FIELD_CHARACTERS)) for one in rows
    ]
    return tuple((label, value) for label, value in told if str(value) not in said)


def enrichment(finding: Finding, characters: int = TABLE_CHARACTERS) -> Iterator[Block]:
    """The documented fields as a table that is opened by a click, as far as they fit."""
    rows = [[cell(bold(facts.FIELD)), cell(bold(facts.VALUE))]]
    for label, value in fields(finding)[: TABLE_ROWS - 1]:
        characters -= len(label) + len(value)
        if characters < 0:
            break
        rows.append([cell(say(label)), cell(*tell(value))])
    if len(rows) > 1:
        table = TableBlock(rows=rows, column_settings=[{}, {"is_wrapped": True}])
        title = facts.all_fields(len(rows) - 1)
        yield ContainerBlock(title=title, child_blocks=[table], is_collapsible=True, default_collapsed=True)


# The plain text ----------------------------------------------------------------------------------------


def lines(finding: Finding, reading: Reading, also: Sequence[Finding] = ()) -> Iterator[str]:
    """The card as plain text, in the same order; the enrichment is at the end."""
    yield f"{text.verdict(finding)} {text.subject(finding, 120)}"
    if also:
        yield facts.also_asked(also)
    yield from (line for line in _reason(finding, reading).split("\n") if line)
    yield from (f"{label}: {value}" for label, value in facts.facts(finding))
    yield from (
        line
        for line in (
            _context(finding, reading, plain=True),
            facts.warning(finding),
            gui_link(finding),
        )
        if line
    )
    yield from (f"{label}: {value}" for label, value in fields(finding))
