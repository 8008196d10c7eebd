"""What an answer has no room for. Pure.

The modals about it: details, why the verdict is what it is, comments, and what a rescan costs. And the answer as a file:
the documented JSON with VirusTotal's replies untouched, or a table for a spreadsheet.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import IO

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, ContextBlock, PlainTextObject
from slack_sdk.models.views import View

from handlers.request import Verb
from handlers.text import findings as findings_text
from handlers.text import modals
from handlers.text.format import beside, day, engines, evidence, minute, vendor
from handlers.text.language import Language, join, language
from handlers.views import answer, layout
from handlers.views.layout import Entry, Position, Reading, Row
from handlers.views.rich_text import bold, rich, sentence
from vt.enrichment import detecting
from vt.evidence import LONG_AGO, HostCriteria, alternatives, flagged, reasons, record
from vt.indicators import Kind, defang
from vt.lookup import Lookup
from vt.models import Comment, Comments, DomainReport, HostReport
from vt.privacy import has_secret, masked
from vt.results import gui_link, json_text
from vt.verdict import Basis, Finding, Rule, can_rescan

THRESHOLDS = (1, 3, 5, 10)
"""Thresholds whose verdicts are shown beside that of the answer."""
FULL_PAGE = 25
"""Comments that VirusTotal sends at once. A page with as many may have another behind it."""

# Details -------------------------------------------------------------------------------------------------


def details(findings: Sequence[Finding], modal_id: str, position: Position, reading: Reading) -> View:
    """The card of a finding, and below it its fields, engines, samples, resolutions and subdomains of a finding, a part and a page at a time."""
    finding, position = layout.select(findings, position)
    fitted = answer.fit(Entry(finding), replace(reading, in_modal=True))
    read = {"fields": fitted.fields, **{name: rows_of(finding) for name, rows_of in PARTS.items()}}
    parts = {name: rows for name, rows in read.items() if rows}
    if position.part not in parts:
        position = replace(position, part=next(iter(parts), ""), page=0)
    rows = parts.get(position.part, ())
    body = layout.page(rows, position) if rows else layout.table([("", modals.NO_DETAILS)])
    labels = [(name, beside(modals.PARTS[name], len(rows))) for name, rows in parts.items()]
    blocks = [
        *layout.finding_menu(findings, position),
        *answer.card(fitted),
        *layout.tabs(labels, position),
        *body,
    ]
    return layout.modal(modals.DETAILS, modal_id, Verb.DETAILS, blocks)


def _engines(finding: Finding) -> list[Row]:
    return [
        (
            vendor(one.engine, answer.LABEL_CHARACTERS),
            modals.dated(one.result or modals.DETECTED, one.update),
        )
        for one in detecting(finding.report)
    ]


def _samples(finding: Finding) -> list[Row]:
    """The engines that flag each sample, and what it is, with its URL or SHA-256."""
    found = flagged(finding.report) if isinstance(finding.report, HostReport) else ()
    return [
        (engines(one.positives, one.total), join(" · ", [one.name or "?", evidence(one)])) for one in found
    ]


def _resolutions(finding: Finding) -> list[Row]:
    if not isinstance(finding.report, HostReport):
        return []
    newest = sorted(finding.report.resolutions, key=lambda one: one.last_resolved or LONG_AGO, reverse=True)
    return [("", modals.dated(one.name, one.last_resolved)) for one in newest if one.name]


def _subdomains(finding: Finding) -> list[Row]:
    report = finding.report
    return [("", name) for name in report.subdomains] if isinstance(report, DomainReport) else []


PARTS: Mapping[str, Callable[[Finding], Sequence[Row]]] = {
    "engines": _engines,
    "samples": _samples,
    "resolutions": _resolutions,
    "subdomains": _subdomains,
}

# Why -----------------------------------------------------------------------------------------------------


def why(lookups: Sequence[Lookup], modal_id: str, position: Position, reading: Reading) -> View:
    """The rule that decided a verdict, what it counted, and what other thresholds would say."""
    now = reading.now
    findings = [one.finding(now) for one in lookups]
    finding, position = layout.select(findings, position)
    lookup, rule = lookups[position.finding], finding.rule
    blocks = [
        *layout.finding_menu(findings, position),
        *answer.headline(finding),
        sentence(findings_text.rule(finding, now, reading.audience)),
        *(_titled(modals.AT_THRESHOLDS, _thresholds(lookup, rule, now)) if rule else ()),
        *(_titled(modals.AT_RULES, _rules(lookup, rule.criteria, now)) if rule and rule.criteria else ()),
        *_counted(finding, position),
    ]
    return layout.modal(modals.WHY, modal_id, Verb.WHY, blocks)


def _titled(title: str, rows: Iterable[Row]) -> list[Block]:
    return [rich(bold(title)), *layout.table(list(rows))]


def _thresholds(lookup: Lookup, rule: Rule, now: datetime) -> Iterator[Row]:
    """The state at each threshold, that of the answer among them."""
    for threshold in sorted({*THRESHOLDS, rule.threshold}):
        state = lookup.evolve(threshold=threshold).finding(now).state
        yield (
            engines(threshold, None),
            modals.marked(findings_text.state(state), mine=threshold == rule.threshold),
        )


def _rules(lookup: Lookup, mine: HostCriteria, now: datetime) -> Iterator[Row]:
    """The verdict on a host by each rule and age, that of the answer among them."""
    for criteria in alternatives(mine):
        verdict = findings_text.verdict(lookup.evolve(criteria=criteria).finding(now))
        yield modals.host_rule(criteria), modals.marked(verdict, mine=criteria == mine)


def _counted(finding: Finding, position: Position) -> Iterator[Block]:
    """What the rule counted: engines, or for a host the flagged samples that were seen there."""
    if finding.rule is None:
        return
    by_engines = finding.rule.basis is Basis.ENGINES
    rows = _engines(finding) if by_engines else _counted_first(finding, finding.rule)
    yield rich(bold(modals.COUNTED_ENGINES if by_engines else modals.COUNTED_EVIDENCE))
    if rows:
        yield from layout.page(rows, position)
    else:
        yield from layout.table([("", modals.NONE)])


def _counted_first(finding: Finding, rule: Rule) -> list[Row]:
    """What is known against a host; behind it what does not count, marked so."""
    if not isinstance(finding.report, HostReport) or rule.criteria is None or finding.checked_at is None:
        return []
    whys = reasons(record(finding.report), rule.criteria, finding.checked_at)
    pairs = list(zip(whys, _samples(finding), strict=True))
    context = [(label, join(" · ", [seen, modals.NOT_COUNTED])) for why, (label, seen) in pairs if why]
    return [row for why, row in pairs if not why] + context


# Comments ------------------------------------------------------------------------------------------------


def comments(
    findings: Sequence[Finding], modal_id: str, position: Position, found: Comments | str | None
) -> View:
    """A page of comments on a finding; or the sentence why there are none; None: VirusTotal keeps none on it.

    `position.page` is the date from which VirusTotal counts back, as %Y%m%d%H%M%S, or 0 for the newest page.
    """
    finding, position = layout.select(findings, position)
    body = layout.table([("", found)]) if isinstance(found, str) else _comments(found, position)
    blocks = [*layout.finding_menu(findings, position), *answer.headline(finding), *body]
    return layout.modal(modals.COMMENTS, modal_id, Verb.COMMENTS, blocks)


def _comments(found: Comments | None, position: Position) -> Iterator[Block]:
    if found is None:
        yield from layout.table([("", modals.NO_COMMENTS_HERE)])
        return
    rows = [(day(one.date) if one.date else "?", one.comment) for one in found.comments]
    yield from layout.table(rows or [("", modals.NO_COMMENTS)])
    yield ContextBlock(elements=[PlainTextObject(text=modals.COMMENTS_COST)])
    if before := _oldest(found.comments):
        action_id = f"{layout.TURN}:{replace(position, page=int(before))}"
        yield ActionsBlock(elements=[ButtonElement(action_id=action_id, text=modals.OLDER)])


def _oldest(found: Sequence[Comment]) -> str:
    """The date that asks VirusTotal for the page behind this one; "" when this one is the last."""
    dates = [one.date for one in found if one.date]
    return f"{min(dates):%Y%m%d%H%M%S}" if len(found) >= FULL_PAGE and dates else ""


# What a rescan costs -------------------------------------------------------------------------------------


def rescan_cost(
    findings: Sequence[Finding],
    modal_id: str,
    left: Mapping[str, tuple[int, int]],
    *,
    private_key: bool,
    batch_size: int,
) -> View:
    """What a rescan would analyse again, the calls that it takes, and who sees it. The user agrees by submitting it.

    `left`: calls used and allowed, by window. `batch_size`: URLs or files that VirusTotal takes in one call. When nothing
    can be rescanned, a sentence says so.
    """
    wanted = [one for one in findings if can_rescan(one, private_key=private_key)]
    if not wanted:
        return layout.sentence(modals.RESCAN, modal_id, Verb.RESCAN_COST, modals.NO_RESCAN)
    urls = sum(one.indicator is not None and one.indicator.kind is Kind.URL for one in wanted)
    files = len(wanted) - urls
    # Rounded up: URLs and files are submitted by different methods.
    calls = -(-urls // batch_size) - (-files // batch_size)
    rows = [
        (modals.RESCANNED, modals.count(urls, files)),
        (modals.PRICE, modals.calls(calls)),
        (modals.LEFT, modals.left(left)),
        *([(modals.SEEN_BY, modals.URLS_ARE_SEEN)] if urls else []),
    ]
    blocks = list(layout.table(rows))
    return layout.modal(modals.RESCAN, modal_id, Verb.RESCAN_COST, blocks, submit=modals.RESCAN)


# Files -------------------------------------------------------------------------------------------------

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins with one of these for a formula."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that is sent to people."""

    name: str
    content: bytes | IO[bytes]
    alt: str = ""  # what a picture shows, in words


def as_json(found: Sequence[Finding]) -> Attachment:
    """The documented JSON result, with VirusTotal's replies unchanged."""
    return Attachment(json_name(found), "".join(json_text(found)).encode("utf-8", "replace"))


def json_name(found: Sequence[Finding]) -> str:
    """The name of the file with the documented JSON."""
    return f"{_file_name(found)}.json"


def as_csv(found: Sequence[Finding]) -> Attachment:
    """One row for each indicator (defanged) or file, in the order they were asked for; nothing in it is a formula.

    Programs read it: it is in English, whoever asked.
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(modals.COLUMNS)
    with language(Language.ENGLISH):
        writer.writerows([_harmless(cell) for cell in _cells(finding)] for finding in found)
    # With a byte order mark at the beginning, spreadsheets read the file as UTF-8.
    return Attachment(f"{_file_name(found)}.csv", table.getvalue().encode("utf-8-sig", "replace"))


def _cells(finding: Finding) -> Iterator[str]:
    rule = finding.rule
    analysed = finding.report.analysed_at if finding.report else None
    # A path is not defanged: people copy it, and spreadsheets make no link of it.
    yield finding.input if finding.action.files else defang(_without_secret(finding))
    yield finding.indicator.kind.value if finding.indicator else ""
    yield finding.action.title
    yield finding.state.value
    count, total = rule.worst if rule else ("", None)
    yield str(count)
    yield str(total or "")
    yield str(rule.threshold) if rule else ""
    yield minute(analysed) if analysed else ""
    yield minute(finding.checked_at) if finding.checked_at else ""
    yield modals.remark(finding)
    yield gui_link(finding) or ""
    yield modals.host_rule(rule.criteria) if rule and rule.criteria else ""


def _without_secret(finding: Finding) -> str:
    """As it was asked for; a URL with a secret as it is shown, however it was written."""
    url = finding.indicator.value if finding.indicator and finding.indicator.kind is Kind.URL else ""
    return masked(url) if url and has_secret(url) else finding.input


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _file_name(found: Sequence[Finding]) -> str:
    one = found[0].indicator.value if found[0].indicator and not found[0].action.files else found[0].input
    about = masked(one) if len(found) == 1 else f"{len(found)} indicators"
    return "virustotal-" + re.sub(r"[^A-Za-z0-9.-]+", "_", about)[:80].strip("_.")
