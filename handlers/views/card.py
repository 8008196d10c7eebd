"""One finding as a card: header, indicator, facts in two columns, context, warning, and the enrichment as a table. Pure.

An answer, the card in a watched channel and the Details modal are made of the same pieces. Values from outside are
rich_text literals, or texts in which nothing is formatted: they cannot mention, link or format, whatever they hold.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import accumulate

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
from handlers.text.findings import reasons
from handlers.text.format import EVERYBODY, Audience
from handlers.text.language import Line
from handlers.views.rich_text import (
    Part,
    alert,
    bold,
    cell,
    clean,
    code,
    height,
    quote,
    rich,
    say,
    sentence,
    small,
    tell,
)
from vt.enrichment import without_repeats
from vt.results import gui_link
from vt.verdict import Basis, Finding

LINES = 12
"""Above the buttons, on a telephone."""
WIDTH, FACT_WIDTH, SMALL_WIDTH, HEADER_WIDTH = 37, 37, 44, 28
"""Columns of a line there."""
LEAST_FACTS = 2
"""Facts go before context, up to so many."""
SUBJECT_CHARACTERS = 96
MODAL_SUBJECT = 300
ALSO_CHARACTERS = 18
"""Of other hashes of the same file: enough to know them by."""
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
    in_modal: bool = False
    """It is read at leisure: nothing is left out for its height."""


@dataclass(frozen=True)
class Entry:
    """A finding that is shown, and other hashes of the same file that were asked for.

    Its facts and fields are sentences, in the language in which they were wanted first.
    """

    finding: Finding
    also: tuple[Finding, ...] = ()

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """What is told at a glance, where there is room."""
        return facts.facts(self.finding)

    @cached_property
    def fields(self) -> tuple[Fact, ...]:
        """The documented fields that the facts do not say: first the insight's numbers, then the rest."""
        said = {str(value) for _, value in self.facts}
        rows = (*facts.insight_rows(self.finding), *without_repeats(self.finding))
        told = [
            (text.vendor(one.label, LABEL_CHARACTERS), text.format_value(one.value, FIELD_CHARACTERS))
            for one in rows
        ]
        return tuple((label, value) for label, value in told if str(value) not in said)


@dataclass(frozen=True, slots=True)
class Fitted:
    """An entry for a reader: the facts and the line of context for which its card has room, and the facts that are left."""

    entry: Entry
    reading: Reading
    facts: tuple[Fact, ...]
    left: tuple[Fact, ...]
    context: Line


def card(fitted: Fitted) -> Iterator[Block]:
    """What is read at a glance, above the buttons."""
    entry, reading = fitted.entry, fitted.reading
    finding = entry.finding
    yield from headline(finding, entry.also, most=MODAL_SUBJECT if reading.in_modal else SUBJECT_CHARACTERS)
    if reason := _reason(finding, reading):
        yield sentence(reason)
    if told := [small(value, label) for label, value in fitted.facts if clean(value)]:
        yield SectionBlock(fields=told)
    if fitted.context:
        yield ContextBlock(elements=[small(fitted.context)])
    if warning := facts.warning(finding):
        yield alert(warning) if reading.in_modal else quote(warning)


def headline(
    finding: Finding, also: Sequence[Finding] = (), most: int = SUBJECT_CHARACTERS
) -> Iterator[Block]:
    """The verdict, and what it is about with the bar of engines; the verdict says in words what the bar shows."""
    yield HeaderBlock(text=PlainTextObject(text=text.verdict(finding), emoji=True))
    bar = facts.bar(finding)
    others = facts.also_asked(also, ALSO_CHARACTERS)
    yield rich(code(text.subject(finding, most)), say(bar and f"  {bar}"), say(others and f"\n{others}"))


def fit(entry: Entry, reading: Reading) -> Fitted:
    """Choose what a card has room for. It takes a third of the time of an answer, so this is done once for each."""
    finding, known = entry.finding, entry.facts
    context = list(_context(finding, reading))
    if reading.in_modal:
        return Fitted(entry, reading, known, (), text.join(" · ", [*context, text.checked(finding)]))
    room = LINES - _fixed_lines(finding, reading, entry.also)
    heights = list(accumulate(height(f"{label}: {value}", FACT_WIDTH) for label, value in known))
    least = ([0, *heights])[min(len(known), LEAST_FACTS)]
    kept = context[:1] if finding.rule else []
    checked = text.checked(finding)  # always shown, since the reply may have been cached
    for one in context[len(kept) :]:
        if height(text.join(" · ", [*kept, one, checked]), SMALL_WIDTH) <= room - least:
            kept.append(one)
    line = text.join(" · ", [*kept, checked])
    most = max(1, sum(one <= room - height(line, SMALL_WIDTH) for one in heights))
    return Fitted(entry, reading, known[:most], known[most:], line)


def _fixed_lines(finding: Finding, reading: Reading, also: Sequence[Finding]) -> int:
    """The lines that a telephone needs for what is never left out."""
    parts = (
        (text.verdict(finding), HEADER_WIDTH),
        (f"{text.subject(finding, SUBJECT_CHARACTERS)}  {facts.bar(finding)}", WIDTH),
        (facts.also_asked(also, ALSO_CHARACTERS), WIDTH),
        (_reason(finding, reading), WIDTH),
        (facts.warning(finding), WIDTH),
    )
    return sum(height(words, width) for words, width in parts)


def _reason(finding: Finding, reading: Reading) -> str:
    """Why there is no verdict, and what the reader must know."""
    why = "" if finding.rule else text.rule(finding, reading.now, reading.audience)
    email = facts.EMAIL if facts.is_email(finding) and finding.report else ""
    return text.join("\n", [why, text.note(finding, reading.audience), email])


def _context(finding: Finding, reading: Reading, *, plain: bool = False) -> Iterator[str]:
    """The most important first: the rule in words unless the warning says it, what has changed, how often it was looked up."""
    why, decided, others = finding.rule, "", []
    if why and why.basis is Basis.EVIDENCE:
        told = reasons(why)
        # When nothing counts, the first thing that does not count is why it is not CLEAN.
        most = 1 if why.evidence else 2
        decided, others = text.clauses(told[:most]), told[most:]
    elif why and not facts.warning(finding):
        decided = text.rule(finding, reading.now, reading.audience)
    record = on_record(finding, reading.records, plain=plain)
    yield from filter(None, (decided, *record, *others))


def on_record(finding: Finding, records: Records, *, plain: bool = False) -> tuple[str, str]:
    """What has changed, and how often it was looked up and where first. `plain`: without the name of a channel."""
    summary = records.get(Sighting.of(finding).subject)
    if summary is None:
        return "", ""
    previous = summary.previous_if_changed(finding)
    seen = text.enumerated([text.seen(summary), text.first_seen(summary, plain=plain)])
    return text.previous_verdict(previous) if previous else "", seen


def short(finding: Finding, reading: Reading) -> list[Part]:
    """What the table does not say about one of its findings: other facts, the rule, and what is on record."""
    told = [text.join(": ", one) for one in facts.extra_facts(finding, reading.now)]
    rule, note = text.rule(finding, reading.now, reading.audience), text.note(finding, reading.audience)
    details = text.join(" · ", [*told, rule, note, *on_record(finding, reading.records)])
    return [code(text.subject(finding, SUBJECT_CHARACTERS)), say("\n"), *tell(details)]


# The enrichment ----------------------------------------------------------------------------------------


def enrichment(fitted: Fitted) -> Iterator[Block]:
    """The facts that the card has no room for, and the documented fields, as a table that is opened by a click."""
    rows = [[cell(bold(facts.FIELD)), cell(bold(facts.VALUE))]]
    characters = TABLE_CHARACTERS
    for label, value in (*fitted.left, *fitted.entry.fields)[: TABLE_ROWS - 1]:
        characters -= len(label) + len(value)
        if characters < 0:
            break
        rows.append([cell(say(label)), cell(*tell(value))])
    if len(rows) > 1:
        table = TableBlock(rows=rows, column_settings=[{}, {"is_wrapped": True}])
        title = facts.all_fields(len(rows) - 1)
        yield ContainerBlock(title=title, child_blocks=[table], is_collapsible=True, default_collapsed=True)


# The plain text ----------------------------------------------------------------------------------------


def lines(entry: Entry, reading: Reading) -> Iterator[str]:
    """The card as plain text, in the same order; the enrichment is at the end."""
    finding = entry.finding
    yield f"{text.verdict(finding)} {text.subject(finding, 120)}"
    if entry.also:
        yield facts.also_asked(entry.also)
    yield from (line for line in _reason(finding, reading).split("\n") if line)
    yield from (f"{label}: {value}" for label, value in entry.facts)
    yield from (
        line
        for line in (
            text.join(" · ", [*_context(finding, reading, plain=True), text.checked(finding)]),
            facts.warning(finding),
            gui_link(finding),
        )
        if line
    )
    yield from (f"{label}: {value}" for label, value in entry.fields)
