"""The values of the enrichment: what a report says in the fields that are documented for its action (see vt/actions.py).

Values are data, as VirusTotal sent it; handlers write, escape and defang them. One field differs from the documented
system: there, "Last Scan Date" of addresses and domains is the time of the lookup. Here it is the date of the newest
evidence, and the time of the lookup has a field of its own, "Checked at".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from vt.evidence import LONG_AGO, Evidence, flagged
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
    *("Microsoft", "Kaspersky", "ESET-NOD32", "BitDefender", "Sophos", "Symantec", "TrendMicro", "McAfee"),
    *("Avast", "Avira", "F-Secure", "Fortinet", "Malwarebytes", "DrWeb", "ClamAV"),
    *("Google Safebrowsing", "Netcraft", "Phishtank", "OpenPhish", "URLhaus"),
)
"""Engines whose detection names people know, best known first. The last five scan URLs only."""


@dataclass(frozen=True, slots=True)
class Dated:
    """Something, and when it was seen."""

    value: str
    date: datetime | None


@dataclass(frozen=True, slots=True)
class Named:
    """A value with the name that VirusTotal gives it."""

    name: str
    value: "Value"


@dataclass(frozen=True, slots=True)
class Listing:
    """How many URLs or files of a kind of evidence VirusTotal lists that engines flag, or that none flags.

    From LISTED (see vt/evidence.py) on, there may be more.
    """

    kind: str
    detected: bool
    count: int


@dataclass(frozen=True, slots=True)
class Values:
    """Values of a list, and how many more it has."""

    values: "tuple[Value, ...]"
    left: int = 0


Value = str | int | float | datetime | Evidence | Dated | Named | Listing | Values


@dataclass(frozen=True, slots=True)
class Field:
    """A row of the enrichment table."""

    label: str
    value: Value | None
    """None: VirusTotal does not say, which only the insight shows."""


def enrichment(finding: Finding) -> tuple[Field, ...]:
    """The documented fields in their documented order; those without a value are left out."""
    read = ((label, value_of(found)) for label, found in _values(finding))
    return tuple(Field(label, value) for label, value in read if value is not None)


def without_repeats(finding: Finding) -> tuple[Field, ...]:
    """The enrichment for people to read: what the documented fields name twice is there once.

    Two fields that are read from the same place, or hold the same long value (a hash, a link), say one thing.
    """
    fields = [one for one in enrichment(finding) if one.label not in REPEATS.get(finding.action.key, ())]
    # What was asked for is a hash or a link that has a field of its own.
    fields.sort(key=lambda one: one.label == "resource")
    first = {one.value: one for one in reversed(fields)}
    kept = {one.label for one in fields if _is_mistakable(one.value) or first[one.value] is one}
    return tuple(one for one in enrichment(finding) if one.label in kept)


def _is_mistakable(value: Value | None) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and len(value) < UNMISTAKABLE)


def value_of(found: object) -> Value | None:
    """Something that a reply holds, as far as it is shown: long texts are cut, and of long lists the beginning is taken.

    None when there is nothing to show.
    """
    match found:
        case str():
            return _trimmed(found.strip()) or None
        case int() | float():
            return found if abs(found) <= LARGEST else None
        case datetime() | Evidence() | Dated() | Listing():
            return found
        case Mapping():
            first = islice(found.items(), SHOWN)
            pairs = ((_trimmed(str(name)), value_of(one)) for name, one in first)
            return _list_of([Named(name, value) for name, value in pairs if value is not None], len(found))
        case list() | tuple():
            values = map(value_of, found[:SHOWN])
            return _list_of([value for value in values if value is not None], len(found))
        case _:
            return None


def _trimmed(text: str) -> str:
    # JSON can hold one half of a surrogate pair, which UTF-8 cannot encode.
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _list_of(values: Sequence[Value], length: int) -> Value | None:
    left = max(0, length - SHOWN)
    found = Values(tuple(values), left) if values or left else None
    return values[0] if len(values) == 1 and not left else found


def _values(finding: Finding) -> Iterator[tuple[str, object]]:
    report = finding.report
    if report is None:
        return
    for label, name in finding.action.fields:
        yield label, COMPUTED[name](report) if name in COMPUTED else getattr(report, name)
    if isinstance(report, DomainReport):
        yield from report.vendors.items()
    if isinstance(report, HostReport):
        yield "Checked at", finding.checked_at


def _score(report: UrlReport) -> str | None:
    known = report.positives is not None and report.total is not None
    return f"{report.positives}/{report.total}" if known else None


def _newest_evidence(report: HostReport) -> datetime | None:
    seen = (*(one for _, one in report.detected()), *report.undetected())
    return max((one.date for one in seen if one.date), default=None)


def _latest(report: HostReport) -> list[Resolution]:
    named = (one for one in report.resolutions if one.name)
    return sorted(named, key=lambda one: one.last_resolved or LONG_AGO, reverse=True)


def _related_domains(report: HostReport) -> list[str]:
    return list(dict.fromkeys(one.hostname for one in _latest(report) if one.hostname))


def _resolutions(report: HostReport) -> list[Dated]:
    return [Dated(one.name or "", one.last_resolved) for one in _latest(report)]


def _flagged(kind: str) -> Callable[[HostReport], list[Evidence]]:
    return lambda report: [one for one in flagged(report) if one.kind == kind]


def _counts(report: HostReport) -> list[Listing]:
    samples = ("downloaded", "communicating", "referrer")
    lists = {"url": "urls", **{kind: f"{kind}_samples" for kind in samples}}
    return [
        Listing(kind, side == "detected", len(getattr(report, f"{side}_{name}")))
        for side in ("detected", "undetected")
        for kind, name in lists.items()
    ]


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


COMPUTED: Mapping[str, Callable[[Any], object]] = {
    "counts": _counts,
    "detecting_engines": lambda report: [one.engine for one in detecting(report)],
    "evidence_url": _flagged("url"),
    "evidence_downloaded": _flagged("downloaded"),
    "evidence_communicating": _flagged("communicating"),
    "evidence_referrer": _flagged("referrer"),
    "newest_evidence": _newest_evidence,
    "related_domains": _related_domains,
    "resolved": _resolutions,
    "score": _score,
}
"""By the name that rows of vt/actions.py give them: values that no attribute of a report has."""
