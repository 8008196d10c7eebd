"""What is said about one finding: the verdict and why, the facts about what was looked up, and what is on record. Plain text."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from handlers.case import Records, Sighting, Summary
from handlers.text import files
from handlers.text.errors import error, is_fault, why_none
from handlers.text.format import (
    EVERYBODY,
    Audience,
    beside,
    broad,
    clauses,
    context,
    cut,
    day,
    engines,
    evidence,
    minute,
    outside,
    related,
    safe,
    vendor,
)
from handlers.text.language import Channel, Line, enumerated, join, line, ngettext, sentences
from handlers.text.language import lazy_gettext as _
from vt.actions import HOST_KINDS
from vt.evidence import SERVED as SERVED_KINDS
from vt.evidence import Evidence, HostRule, flagged
from vt.indicators import Kind, defang_path
from vt.models import FileReport, HostReport, UrlReport
from vt.results import Place, insight, names, place
from vt.verdict import Basis, Finding, Note, Rule, State

Fact = tuple[str, str]
"""A label and a value."""

ICONS: Mapping[State, str] = {
    State.RISKY: "🔴",
    State.SUSPICIOUS: "🟠",
    State.UNKNOWN: "⚪",
    State.NOT_CHECKED: "⛔",
    State.PENDING: "⏳",
    State.CLEAN: "🟢",
}
STATES: Mapping[State, str] = {
    State.RISKY: _("RISKY"),
    State.SUSPICIOUS: _("SUSPICIOUS"),
    State.UNKNOWN: _("UNKNOWN"),
    State.NOT_CHECKED: _("NOT CHECKED"),
    State.PENDING: _("PENDING"),
    State.CLEAN: _("CLEAN"),
}
"""What people read. JSON and CSV have the English word in every language."""
NOT_FLAGGED = _("no engine flags it")


def verdict(finding: Finding) -> str:
    """The icon, the state and the engines that flag it: what must be read in one second."""
    count, total = finding.rule.worst if finding.rule else (None, None)
    return f"{ICONS[finding.state]} {verdict_words(finding.state, count, total)}"


def verdict_words(found: State, count: int | None, total: int | None) -> str:
    """A state's word and the engines that flag it, without the icon, which the fonts of pictures do not have."""
    if count and found in (State.RISKY, State.SUSPICIOUS):
        return join(" · ", [str(STATES[found]), engines(count, total)])
    return str(STATES[found])


def state(found: State) -> str:
    """A state's icon and word."""
    return f"{ICONS[found]} {STATES[found]}"


def subject(finding: Finding, most: int = 300) -> str:
    """What it is about, defanged: the indicator as asked, or the file's path.

    When another spelling of it was looked up, such as the decimal address of zero-padded octets, both.
    """
    if finding.action.files:
        path = defang_path(finding.input)
        return path if len(path) <= most else "…" + path[1 - most :]  # its end names the file
    value = finding.indicator.value if finding.indicator else finding.input
    is_address = finding.indicator is not None and finding.indicator.kind is Kind.IPV4
    respelt = value not in finding.input if is_address else finding.note is Note.REGISTERED_DOMAIN
    if respelt and finding.input != value:
        return f"{cut(safe(finding.input), max(12, most - len(value) - 9))} → {safe(value)}"
    kind = finding.indicator.kind if finding.indicator else None
    return _with_end_of_host(safe(value), most) if kind in HOST_KINDS | {Kind.URL} else cut(safe(value), most)


def _with_end_of_host(shown: str, most: int) -> str:
    """A host or URL of at most so many characters; of a host that is longer, its end, which says whose it is."""
    found = re.match(r"(?:[^/?#]+://)?[^/?#]*", shown)
    end = found.end() if found else 0
    if len(shown) <= most or end < most:
        return cut(shown, most)
    return f"…{shown[end - most + 2 : end]}" + ("…" if end < len(shown) else "")


def rule(finding: Finding, now: datetime, audience: Audience = EVERYBODY) -> str:
    """Why it has this verdict, or why there is none. `verdict` has said how many engines flag it."""
    if finding.rule is None or finding.state in (State.NOT_CHECKED, State.PENDING):
        return why_none(finding, now, audience)
    if finding.rule.basis is Basis.EVIDENCE:
        return clauses(reasons(finding.rule))
    if finding.state is State.CLEAN:
        total = finding.rule.total or 0
        unflagged = ngettext("the only engine does not flag it", "none of {count} engines flags it", total)
        return unflagged if total else NOT_FLAGGED
    return line("threshold {threshold}", threshold=finding.rule.threshold)


NOTES: Mapping[Note, str] = {
    Note.REGISTERED_DOMAIN: _(
        "VirusTotal does not know this host. This is the report for its parent domain."
    ),
    Note.NEEDS_PRIVATE_KEY: _(
        "Not rescanned: that needs a private API key. Upload the file instead: /vt scan-file …"
    ),
    Note.RESCAN_REFUSED: _("Not rescanned: VirusTotal refused. This is the older report."),
    Note.GAVE_UP: _("VirusTotal did not finish the new analysis within a day. Press Look again later."),
    Note.INTERRUPTED: "",  # the reason why it is PENDING says it
    **files.NOTES,
}


def note(finding: Finding, audience: Audience = EVERYBODY) -> str:
    """Something the reader must know, or nothing."""
    said = NOTES[finding.note] if finding.note else ""
    if finding.note is Note.NOT_UPLOADED and finding.error:
        return sentences(said, error(finding.error, audience))
    return said


def is_at_fault(finding: Finding) -> bool:
    """Did something break that the reader cannot mend? Then they are told the request's id."""
    over = finding.state is State.NOT_CHECKED and finding.until is None
    told = over or finding.note is Note.NOT_UPLOADED
    return bool(told and finding.error and is_fault(finding.error))


def checked(*findings: Finding) -> str:
    """When VirusTotal was asked about them; its replies may have been cached since."""
    times = sorted(finding.checked_at for finding in findings if finding.checked_at)
    if not times:
        return ""
    first, last = minute(times[0]), minute(times[-1])
    if first == last:
        return line("checked {at}", at=first)
    return line("checked between {first} and {last}", first=first, last=last)


# Why a host has its verdict ------------------------------------------------------------------------------

MOST_CONTEXT = 3
"""Kinds of context that an answer names, the worst first; Why? has all."""


def reasons(why: Rule) -> list[str]:
    """Why a host has its verdict, what decided first. `verdict` has said how many engines flag it."""
    seen = related(why.checked)
    if not why.count and not why.context:
        return [line("none of {related} is flagged", related=seen)]
    if why.criteria and why.criteria.rule is HostRule.SERVED:
        return [_served(why, why.criteria.days), *map(context, why.context[:MOST_CONTEXT])]
    worst, threshold = evidence(why.evidence) if why.evidence else "", why.threshold
    told: list[str] = [
        line(
            "worst of {related}: {worst}, threshold {threshold}",
            related=seen,
            worst=worst,
            threshold=threshold,
        )
        if worst
        else line("worst of {related}, threshold {threshold}", related=seen, threshold=threshold)
    ]
    if why.hosted != why.count:
        hosted = line("worst file or URL hosted there: {engines}", engines=engines(why.hosted or 0, None))
        told.append(hosted if why.hosted else line("nothing hosted there is flagged"))
    if why.recent is not None and why.recent != why.count:
        recent = line("worst of the last 30 days: {engines}", engines=engines(why.recent, None))
        told.append(recent if why.recent else line("nothing flagged in the last 30 days"))
    return told


def _served(why: Rule, days: int) -> Line:
    """The worst of what a host served in so many days, which decides; 0 for any age."""
    seen, threshold = evidence(why.evidence) if why.evidence else "", why.threshold
    if seen and not days:
        return line("worst of what it served: {seen}, threshold {threshold}", seen=seen, threshold=threshold)
    if seen:
        return ngettext(
            "worst of what it served in the last day: {seen}, threshold {threshold}",
            "worst of what it served in the last {count} days: {seen}, threshold {threshold}",
            days,
            seen=seen,
            threshold=threshold,
        )
    if not days:
        return line("nothing that it served is flagged, threshold {threshold}", threshold=threshold)
    return ngettext(
        "nothing that it served in the last day is flagged, threshold {threshold}",
        "nothing that it served in the last {count} days is flagged, threshold {threshold}",
        days,
        threshold=threshold,
    )


# Facts about what was looked up --------------------------------------------------------------------------

MOST_FACTS = 6
VALUE_CHARACTERS = 60
FACT_CHARACTERS = 46
"""Of a fact with its label: so much fits into one of two columns. Details and the table have the whole value."""

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
EMAIL = _("This is the verdict on the domain of the email address, not on the mailbox.")


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
    called = [
        (vendor(one.engine, VALUE_CHARACTERS // 2), vendor(one.result or "", VALUE_CHARACTERS))
        for one in names(finding, 3)
    ]
    yield from called[:2]
    if report:
        yield SCAN_DATE, minute(report.analysed_at) if report.analysed_at else ""
        yield TYPE, outside(report.type or "", VALUE_CHARACTERS) if isinstance(report, FileReport) else ""
        yield FIRST_SEEN, day(report.first_seen_at) if report.first_seen_at else ""
    if isinstance(report, UrlReport):
        wanted = finding.indicator.value if finding.indicator else finding.input
        redirected = report.url not in (None, wanted)
        yield SCANNED_URL, cut(safe(str(report.url)), VALUE_CHARACTERS) if redirected else ""
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
        seen = of_total(where.newest.positives, where.newest.total)
        yield LATEST, beside(day(where.newest.date), seen) if where.newest.date else seen


def served(found: Sequence[Evidence]) -> str:
    """How much of what a host served is flagged; "" when nothing is."""
    kinds = [one.kind for one in found if one.kind in SERVED_KINDS and one.positives]
    urls, files = kinds.count("url"), len(kinds) - kinds.count("url")
    some_urls = ngettext("{count} URL", "{count} URLs", urls) if urls else ""
    some_files = ngettext("{count} file", "{count} files", files) if files else ""
    return enumerated([some_urls, some_files])


def of_total(count: int, total: int | None) -> str:
    """The engines that flag something, of how many: "54 of 60"."""
    return line("{count} of {total}", count=count, total=total) if total else str(count)


def warning(finding: Finding) -> str:
    """The documented warning insight; "" when there is none. Its numbers are in the header, and in the rule of a host."""
    found = insight(finding)
    if found is None or not found.warning or finding.rule is None:
        return ""
    if finding.rule.basis is Basis.ENGINES:
        return line("Warning: malicious (threshold {threshold}).", threshold=found.threshold or 0)
    return line("Warning: malicious, threshold met.")


def all_fields(count: int) -> str:
    """The title of the table of enrichment."""
    return ngettext("{count} field", "All {count} fields", count)


def also_asked(others: Sequence[Finding], most: int = 64) -> str:
    """Other hashes of the same file that were asked for, `most` characters of each."""
    hashes = enumerated(subject(one, most) for one in others)
    return line("Same file: {hashes}", hashes=hashes) if others else ""


def on_record(finding: Finding, records: Records, *, plain: bool = False) -> tuple[str, str]:
    """What has changed, and how often it was looked up and where first. `plain`: without the name of a channel."""
    summary = records.get(Sighting.of(finding).subject)
    if summary is None:
        return "", ""
    previous = summary.previous_if_changed(finding)
    return _previous_verdict(previous) if previous else "", _seen(summary, plain=plain)


def _seen(summary: Summary, *, plain: bool) -> Line:
    # A private channel is not named elsewhere.
    since = ngettext(
        "looked up once since {day}",
        "looked up {count} times since {day}",
        summary.times,
        day=day(summary.since),
    )
    if summary.channel and not plain:
        return enumerated([since, line("first in {channel}", channel=Channel(summary.channel))])
    first = line("first in this channel") if summary.here else line("first in another channel")
    return enumerated([since, first])


def _previous_verdict(last: Sighting) -> Line:
    flagged = "" if last.count is None else engines(last.count, last.total)
    verdict = join(" ", [STATES[last.state], flagged])
    on = day(last.at) if last.at else ""
    said = (
        line("was {verdict} on {day}", verdict=verdict, day=on)
        if on
        else line("was {verdict} before", verdict=verdict)
    )
    if last.kind in HOST_KINDS and last.known is None and last.count:
        return line("{said} by the documented rule", said=said)
    return said
