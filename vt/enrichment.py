"""The documented enrichment fields of the five actions: their names, their order, and where their values come from.

Values are plain text, as VirusTotal sent it; views escape and defang them. One field differs from the documented
system: there, "Last Scan Date" of addresses and domains is the time of the lookup. Here it is the date of the newest
evidence, and the time of the lookup has a field of its own, "Checked at".
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from typing import Any

from vt.evidence import LISTED, Evidence, flagged
from vt.models import DomainReport, FileReport, HostReport, Resolution, UrlReport
from vt.verdict import Finding

SHOWN = 12
"""Entries of a list that are shown. The rest is counted."""
LONGEST = 3_000
"""Characters of a value. A longer one is cut."""
UNMISTAKABLE = 12
"""Characters from which two equal values are the same thing, and not two numbers that happen to be equal."""
REPEATS: Mapping[str, frozenset[str]] = {
    "scan-url": frozenset({"risk_score", "Total", "Last Scan Date"}),
    "scan-file": frozenset({"total"}),
    "scan-ip": frozenset({"Country"}),
}
"""Documented fields that another one says too: Risk Score is both numbers, and the insight has the country."""
LARGEST = 2**64
"""Larger numbers are not shown. Python refuses to convert very long ones to text."""


WELL_KNOWN = (
    "Microsoft",
    "Kaspersky",
    "ESET-NOD32",
    "BitDefender",
    "Sophos",
    "Symantec",
    "TrendMicro",
    "McAfee",
    "Avast",
    "Avira",
    "F-Secure",
    "Fortinet",
    "Malwarebytes",
    "DrWeb",
    "ClamAV",
    "Google Safebrowsing",
    "Netcraft",
    "Phishtank",
    "OpenPhish",
    "URLhaus",
)
"""Engines whose detection names people know, best known first. The last five scan URLs only."""


@dataclass(frozen=True, slots=True)
class Field:
    """A row of the enrichment table."""

    label: str
    value: str
    at: datetime | None = None
    """The moment that `value` names in UTC, when it is nothing but a moment."""


Fields = Mapping[str, tuple[tuple[str, str | Callable[[Any], object]], ...]]
"""By action key: each field's label, and the attribute of the report or the function of it that has the value."""


def enrichment(finding: Finding, fields: Fields | None = None) -> tuple[Field, ...]:
    """The documented fields in their documented order; those without a value are left out."""
    rows = (FIELDS if fields is None else fields)[finding.action.key]
    shown_fields = (
        Field(label, shown(value), value if isinstance(value, datetime) else None)
        for label, value in _values(finding, rows)
    )
    return tuple(field for field in shown_fields if field.value)


def without_repeats(finding: Finding) -> tuple[Field, ...]:
    """The enrichment for people to read: what the documented fields name twice is there once.

    Two fields that are read from the same place, or hold the same long value (a hash, a link), say one thing.
    """
    fields = [one for one in enrichment(finding) if one.label not in REPEATS.get(finding.action.key, ())]
    # What was asked for is a hash or a link that has a field of its own.
    fields.sort(key=lambda one: one.label == "resource")
    first = {one.value: one for one in reversed(fields)}
    kept = {one.label for one in fields if len(one.value) < UNMISTAKABLE or first[one.value] is one}
    return tuple(one for one in enrichment(finding) if one.label in kept)


def shown(value: object) -> str:
    """A value as plain text: times in UTC, long lists cut with a count. "" when there is nothing to show."""
    match value:
        case str():
            return _trimmed(value.strip())
        case datetime():
            at = value.astimezone(UTC)
            return f"{_day(at)} {at:%H:%M} UTC"
        case Mapping():
            pairs = ((_trimmed(str(key)), shown(one)) for key, one in islice(value.items(), SHOWN))
            return _listed([f"{key}: {text}" for key, text in pairs if text], len(value))
        case list() | tuple():
            return _listed([text for text in map(shown, value[:SHOWN]) if text], len(value))
        case _:
            return _plain(value)


def _plain(value: object) -> str:
    nothing = value is None or (isinstance(value, int) and abs(value) > LARGEST)
    return "" if nothing else str(value)


def _trimmed(text: str) -> str:
    # JSON can hold one half of a surrogate pair, which UTF-8 cannot encode.
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _listed(texts: Iterable[str], length: int) -> str:
    more = f", +{length - SHOWN} more" if length > SHOWN else ""
    return _trimmed(", ".join(texts)) + more


def _values(
    finding: Finding, rows: Iterable[tuple[str, str | Callable[[Any], object]]]
) -> Iterator[tuple[str, object]]:
    report = finding.report
    if report is None:
        return
    for label, read in rows:
        yield label, (attrgetter(read) if isinstance(read, str) else read)(report)
    if isinstance(report, DomainReport):
        yield from report.vendors.items()
    if isinstance(report, HostReport):
        yield "Checked at", finding.checked_at


def _detecting_engines(report: object) -> list[str]:
    return [one.engine for one in detecting(report)]


def _score(report: UrlReport) -> str | None:
    known = report.positives is not None and report.total is not None
    return f"{report.positives}/{report.total}" if known else None


def _newest_evidence(report: HostReport) -> datetime | None:
    seen = (*(one for _, one in report.detected()), *report.undetected())
    return max((one.date for one in seen if one.date), default=None)


def _latest(report: HostReport) -> list[Resolution]:
    def age(one: Resolution) -> float:
        return -one.last_resolved.timestamp() if one.last_resolved else 0

    return sorted((one for one in report.resolutions if one.name), key=age)


def _related_domains(report: HostReport) -> list[str]:
    return list(dict.fromkeys(one.hostname for one in _latest(report) if one.hostname))


def _resolutions(report: HostReport) -> list[str]:
    return [_dated(one.name or "", one.last_resolved) for one in _latest(report)]


def _flagged(kind: str) -> Callable[[HostReport], list[str]]:
    return lambda report: [_line(one) for one in flagged(report) if one.kind == kind]


def _line(one: Evidence) -> str:
    of = f" of {one.total}" if one.total else ""
    return _dated(f"{one.positives}{of} engines: {one.name or '?'}", one.date)


def _dated(text: str, date: datetime | None) -> str:
    return f"{text} ({_day(date)})" if date else text


def _day(date: datetime) -> str:
    return f"{date.day} {date:%b %Y}"


def _counts(report: HostReport) -> Mapping[str, str]:
    lists = {
        f"{side} {kind.replace('urls', 'URLs')}": len(getattr(report, f"{side}_{kind.replace(' ', '_')}"))
        for side in ("detected", "undetected")
        for kind in ("urls", "downloaded samples", "communicating samples", "referrer samples")
    }
    return {name: f"{count}+" if count >= LISTED else str(count) for name, count in lists.items()}


def _same(*names: str) -> Iterable[tuple[str, str]]:
    """Rows for fields that have the same name as their attribute."""
    return zip(names, names, strict=True)


@dataclass(frozen=True, slots=True)
class Detection:
    """What an engine calls a detected file or URL, and when the engine was last updated (files only)."""

    engine: str
    result: str | None
    update: datetime | None


def detecting(report: object) -> tuple[Detection, ...]:
    """The engines that detect a file or URL: the best known first, then the others in the reply's order. () for hosts."""
    if not isinstance(report, FileReport | UrlReport):
        return ()
    found = (
        Detection(name, engine.result, engine.update)
        for name, engine in report.scans.items()
        if engine.detected
    )
    ranks = {engine: rank for rank, engine in enumerate(WELL_KNOWN)}
    return tuple(sorted(found, key=lambda one: ranks.get(one.engine, len(ranks))))


FIELDS: Fields = {
    "domain-report": (
        ("Forcepoint ThreatSeeker category", "forcepoint_category"),
        ("BitDefender domain info", "bitdefender_info"),
        ("Categories", "categories"),
        ("BitDefender Category", "bitdefender_category"),
        ("Alexa Category", "alexa_category"),
        ("Alexa domain info", "alexa_info"),
        ("Websense ThreatSeeker category", "websense_category"),
        ("TrendMicro category", "trendmicro_category"),
        ("Opera domain info", "opera_info"),
        ("Webutation domain info", "webutation_info"),
        ("verbose_msg", "verbose_msg"),
        ("whois", "whois"),
        ("Alexa rank", "alexa_rank"),
        ("WOT domain info", "wot_info"),
        ("Subdomains", "subdomains"),
        ("Resolutions", _resolutions),
        ("Detected URLs", _flagged("url")),
        ("Detected downloaded samples", _flagged("downloaded")),
        ("Detected communicating samples", _flagged("communicating")),
        ("Detected referrer samples", _flagged("referrer")),
        ("Counts", _counts),
        ("Last Scan Date", _newest_evidence),
    ),
    "scan-hash": (
        *_same("permalink", "sha1", "resource"),
        ("Scan date", "scan_date"),
        ("Scan ID", "scan_id"),
        *_same("verbose_msg", "total", "positives", "sha256", "md5"),
        ("Detecting Engines", _detecting_engines),
    ),
    "scan-ip": (
        ("Country", "country"),
        ("Related Domains", _related_domains),
        ("Last Scan Date", _newest_evidence),
        ("verbose_msg", "verbose_msg"),
        ("Resolutions", _resolutions),
    ),
    "scan-url": (
        ("Scan date", "scan_date"),
        ("Scan ID", "scan_id"),
        ("risk_score", "positives"),
        ("Total", "total"),
        ("Online Link", "permalink"),
        ("Scanned Url", "url"),
        ("resource", "resource"),
        ("Detecting Engines", _detecting_engines),
        ("Risk Score", _score),
        ("Last Scan Date", "scan_date"),
        ("verbose_msg", "verbose_msg"),
        ("File Scan ID", "filescan_id"),
    ),
    "scan-file": (
        ("resource", "resource"),
        ("Scan date", "scan_date"),
        ("Scan ID", "scan_id"),
        ("permalink", "permalink"),
        ("Total", "total"),
        ("Md5", "md5"),
        ("Sha1", "sha1"),
        ("Sha256", "sha256"),
        *_same("positives", "total"),
        ("Detecting Engines", _detecting_engines),
        ("verbose_msg", "verbose_msg"),
    ),
}
