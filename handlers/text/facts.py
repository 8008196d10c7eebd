"""What is said about a finding besides its verdict: facts that fit its kind, its warning, its row in a list, and what is on record.

They are plain text.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from handlers.case import Sighting, Summary
from handlers.text.findings import ICONS, STATES, rule, subject
from handlers.text.format import (
    EVERYBODY,
    Audience,
    beside,
    broad,
    cut,
    day,
    engines,
    evidence,
    minute,
    outside,
    safe,
    vendor,
)
from handlers.text.language import Channel, Line, User, enumerated, join, line, ngettext
from handlers.text.language import lazy_gettext as _
from vt.actions import HOST_KINDS
from vt.enrichment import Field
from vt.evidence import SERVED as SERVED_KINDS
from vt.evidence import Evidence, HostCriteria, HostRule, flagged
from vt.indicators import Kind
from vt.models import FileReport, HostReport, UrlReport
from vt.results import Place, insight, names, place
from vt.verdict import Basis, Finding, State

Fact = tuple[str, str]
"""A label and a value."""

MOST_FACTS = 6
MOST_BESIDE = 3
VALUE_CHARACTERS = 60
FACT_CHARACTERS = 46
"""Of a fact with its label: so much fits into one of two columns. Details and the table have the whole value."""
BAR = 5
"""Glyphs of a detection bar."""

TYPE = _("Type")
FIRST_SEEN = _("First seen")
SCAN_DATE = "Scan date"
COUNTRY = "Country"
OWNER = _("Owner")
SERVED = _("Flagged there")
LATEST = _("Last detected")
CATEGORIES = _("Category")
SCANNED_URL = "Scanned Url"
HTTP_STATUS = _("HTTP status")
FIELD = _("Field")
VALUE = _("Value")
HEAD = (_("State"), _("Indicator"), _("Engines"), _("What it is"), _("Newest evidence"))
"""The columns of a list of findings."""
THRESHOLD_MET = _("Warning: malicious, threshold met.")
NOTHING = "–"
"""In a cell that has nothing to say."""


def facts(finding: Finding) -> tuple[Fact, ...]:
    """Up to six facts, the most telling first. A documented field has its documented name."""
    where = place(finding)
    rows = _of_host(finding, where) if where else _of_content(finding)
    return tuple((label, _fitting(label, value)) for label, value in rows if value)[:MOST_FACTS]


def _fitting(label: str, value: str) -> str:
    most = max(12, FACT_CHARACTERS - len(broad(label)) - len(": "))
    return value if isinstance(value, Line) else cut(value, most)


def _of_content(finding: Finding) -> Iterator[Fact]:
    """Of a file or URL."""
    report = finding.report
    kind = outside(report.type or "", VALUE_CHARACTERS) if isinstance(report, FileReport) else ""
    first = report.first_seen_at if report else None
    analysed = report.analysed_at if report else None
    called = [
        (vendor(one.engine, VALUE_CHARACTERS // 2), vendor(one.result or "", VALUE_CHARACTERS))
        for one in names(finding, 3)
    ]
    yield from called[:2]
    yield SCAN_DATE, minute(analysed) if analysed else ""
    yield TYPE, kind
    yield FIRST_SEEN, day(first) if first else ""
    if isinstance(report, UrlReport):
        wanted = finding.indicator.value if finding.indicator else finding.input
        yield (
            SCANNED_URL,
            "" if report.url in (None, wanted) else cut(safe(str(report.url)), VALUE_CHARACTERS),
        )
        yield HTTP_STATUS, str(report.http_status or "")
    yield from called[2:]


def _of_host(finding: Finding, where: Place) -> Iterator[Fact]:
    """Of an address or domain."""
    yield CATEGORIES, outside(enumerated(where.categories[:3]), VALUE_CHARACTERS)
    yield OWNER, outside(where.owner or "", VALUE_CHARACTERS)
    if isinstance(finding.report, HostReport):
        yield SERVED, served(flagged(finding.report))
    yield COUNTRY, outside(where.country or "", VALUE_CHARACTERS)
    decided = finding.rule.evidence if finding.rule else None
    # What does not count is named by the rule in words, with its worst.
    if where.newest and where.newest != decided and not (finding.rule and finding.rule.context):
        yield LATEST, _detected(where.newest)


def _detected(seen: Evidence) -> str:
    of = _of(seen.positives, seen.total)
    return beside(day(seen.date), of) if seen.date else of


def served(found: Sequence[Evidence]) -> str:
    """How much of what a host served is flagged; "" when nothing is."""
    kinds = [one.kind for one in found if one.kind in SERVED_KINDS and one.positives]
    urls, files = kinds.count("url"), len(kinds) - kinds.count("url")
    some_urls = ngettext("{count} URL", "{count} URLs", urls) if urls else ""
    some_files = ngettext("{count} file", "{count} files", files) if files else ""
    return enumerated([some_urls, some_files])


def warning(finding: Finding) -> str:
    """The documented warning insight; "" when there is none. Its numbers are in the header, and in the rule of a host."""
    found = insight(finding)
    if found is None or not found.warning or finding.rule is None:
        return ""
    if finding.rule.basis is Basis.ENGINES:
        return line("Warning: malicious (threshold {threshold}).", threshold=found.threshold or 0)
    return str(THRESHOLD_MET)


def insight_rows(finding: Finding) -> tuple[Field, ...]:
    """The documented numbers of an address, which the insight is about."""
    found = insight(finding)
    return found.rows if found else ()


def bar(finding: Finding) -> str:
    """How many of the engines flag it, as a bar: at least one glyph is full when any does. "" when there is no total."""
    why = finding.rule
    count, total = why.worst if why else (0, None)
    if not total or not count or finding.state not in (State.RISKY, State.SUSPICIOUS):
        return ""
    full = max(1, round(BAR * min(count, total) / total))
    return "▰" * full + "▱" * (BAR - full)


def all_fields(count: int) -> str:
    """The title of the table of enrichment."""
    return ngettext("{count} field", "All {count} fields", count)


def also_asked(others: Sequence[Finding], most: int = 64) -> str:
    """Other hashes of the same file that were asked for, `most` characters of each."""
    hashes = enumerated(subject(one, most) for one in others)
    return line("Same file: {hashes}", hashes=hashes) if others else ""


EMAIL = _("This is the verdict on the domain of the email address, not on the mailbox.")


def is_email(finding: Finding) -> bool:
    """Whether it was asked for by an email address."""
    return finding.indicator is not None and finding.indicator.kind is Kind.EMAIL


# A row of a list ---------------------------------------------------------------------------------------


def flagging(finding: Finding) -> str:
    """The engines that flag it, of how many: "54 of 60"; or of what does not count against a host: "context: 60 of 71"."""
    if (why := finding.rule) is None:
        return ""
    if why.worst[0] or not why.context:
        return _of(*why.worst)
    seen = why.context[0].worst
    return line("context: {flagged}", flagged=_of(seen.positives, seen.total))


def _of(count: int, total: int | None) -> str:
    return line("{count} of {total}", count=count, total=total) if total else str(count)


def description(finding: Finding, now: datetime, audience: Audience = EVERYBODY) -> str:
    """What it is, in a few words; for what has no verdict, why."""
    if finding.rule is None or finding.state is State.PENDING:
        return rule(finding, now, audience)
    where = place(finding)
    if where:
        about = [enumerated(where.categories[:2]), where.country or "", where.owner or ""]
        known = outside(" · ".join(filter(None, about)), VALUE_CHARACTERS)
        return join(" · ", [line("domain of the email address") if is_email(finding) else "", known])
    first = names(finding, 1)
    return vendor(first[0].result or "", VALUE_CHARACTERS) if first else ""


def extra_facts(finding: Finding, now: datetime) -> Iterator[Fact]:
    """Facts that the row of a list does not name."""
    row = description(finding, now)
    shown = (one for one in facts(finding) if one[0] != SCAN_DATE and one[1].rstrip("…") not in row)
    return islice(shown, MOST_BESIDE)


def newest(finding: Finding) -> str:
    """The date of the newest evidence: of what was seen at a host, or of the scan."""
    where = place(finding)
    seen = where.newest.date if where and where.newest else None
    analysed = finding.report.analysed_at if finding.report else None
    at = seen or analysed
    return day(at) if at else ""


def more_in_csv(left: int) -> str:
    """What did not fit into the list."""
    return ngettext("{count} more: press CSV to see it.", "{count} more: press CSV to see them.", left)


# What is on record --------------------------------------------------------------------------------------


def seen(summary: Summary) -> Line:
    """How often it was asked for, and since when."""
    return ngettext(
        "looked up once since {day}",
        "looked up {count} times since {day}",
        summary.times,
        day=day(summary.since),
    )


def first_seen(summary: Summary, *, plain: bool = False) -> Line:
    """Where it was first asked for; a private channel is not named elsewhere, and no channel is in `plain` text."""
    if summary.channel and not plain:
        return line("first in {channel}", channel=Channel(summary.channel))
    return line("first in this channel") if summary.here else line("first in another channel")


def previous_verdict(last: Sighting) -> Line:
    """What VirusTotal said before."""
    flagged = "" if last.count is None else engines(last.count, last.total)
    verdict = join(" ", [STATES[last.state], flagged])
    before = line("was {verdict} before", verdict=verdict)
    said = line("was {verdict} on {day}", verdict=verdict, day=day(last.at)) if last.at else before
    if last.kind in HOST_KINDS and last.known is None and last.count:
        return line("{said} by the documented rule", said=said)
    return said


# Several findings ------------------------------------------------------------------------------------


def tally(counts: Mapping[State, int]) -> str:
    """How many of each state."""
    told = (
        line("{icon} {count} {state}", icon=ICONS[one], count=count, state=STATES[one])
        for one, count in counts.items()
    )
    return join(" · ", told)


def more_in_json(count: int) -> str:
    """What did not fit."""
    return ngettext("{count} more: press JSON to see it.", "{count} more: press JSON to see them.", count)


def asked_by(user: str) -> Line:
    """Who wanted this shown in the channel."""
    return line("Asked by {user}", user=User(user))


# How a host could be judged -------------------------------------------------------------------------------

AT_RULES = _("By other rules and ages")
NOT_COUNTED = _("not counted")


def host_rule(criteria: HostCriteria | None) -> str:
    """How hosts are judged, in a few words."""
    if criteria is None:
        return ""
    if criteria.rule is HostRule.DOCUMENTED:
        return line("Everything that is listed, as documented")
    if not criteria.days:
        return line("What it served, at any age")
    return ngettext(
        "What it served in the last day", "What it served in the last {count} days", criteria.days
    )


def evidence_row(seen: Evidence) -> tuple[str, Line]:
    """The engines that flag it, and what it is, with its URL or SHA-256."""
    return engines(seen.positives, seen.total), join(" · ", [seen.name or "?", evidence(seen)])
