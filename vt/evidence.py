"""What counts towards a verdict: the thresholds, at a host how much of what engines found there, and exact numbers. Pure.

VirusTotal's API v2 gives no verdict on hosts, only lists of URLs and files that were seen there. Two rules make a count of
them, which is compared with a threshold. docs/verdicts.md shows both on recorded reports.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from vt.actions import Action
from vt.codec import remembered
from vt.models import MAX_ENGINES, FileReport, HostReport, Sample, SeenUrl, UrlReport, read_or_none, url_entry

DOWNLOADED = "downloaded"
SERVED = frozenset({"url", DOWNLOADED})
"""The kinds of evidence that come from the host itself. Other files contact or mention it, as malware does with 8.8.8.8."""
EVIDENCE_DAYS = 90
MAX_EVIDENCE_DAYS = 3650
AGES = (30, 90, 365, 0)
"""Evidence days whose verdicts are compared; 0: any age."""
LISTED = 100
"""The most entries that VirusTotal lists of a kind: a list of that length may be incomplete."""
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class HostRule(StrEnum):
    """Which evidence is counted. The values are stored, and are those of VT_HOST_RULE."""

    SERVED = "served"
    """URLs at the host and files downloaded from it, within the evidence days. The rest is context."""
    DOCUMENTED = "documented"
    """The worst of everything that is listed, whatever its age, as the documented system does."""


@dataclass(frozen=True, slots=True)
class HostCriteria:
    """How hosts are judged."""

    rule: HostRule = HostRule.SERVED
    days: int = EVIDENCE_DAYS
    """The age up to which evidence counts by the rule SERVED; 0: any age."""


DEFAULT_CRITERIA = HostCriteria()


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How verdicts are reached where no option says otherwise: as the operator or the channel set it."""

    engines: Mapping[str, int] = field(default_factory=dict)
    """By action key; for the others the documented number applies."""
    hosts: HostCriteria = DEFAULT_CRITERIA
    """How addresses and domains are judged."""

    def of(self, action: Action) -> int:
        """The engines that make a finding of this action RISKY."""
        return self.engines.get(action.key, action.threshold)

    def changed(self, engines: Mapping[str, int], rule: HostRule | None, days: int | None) -> Self:
        """The same, but for what is set here; None is for what is not."""
        hosts = HostCriteria(rule or self.hosts.rule, self.hosts.days if days is None else days)
        return type(self)({**self.engines, **engines}, hosts)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something at a host that engines flag. `kind`: url, downloaded, communicating or referrer."""

    kind: str
    name: str | None
    """The URL, or the sample's SHA-256."""
    positives: int
    total: int | None
    date: datetime | None


class Why(StrEnum):
    """Why evidence is context only."""

    NOT_SERVED = "not-served"
    """The host did not serve it: a file contacts or mentions the host."""
    OLD = "old"
    """It is older than the evidence days."""
    SHARED = "shared"
    """A file that somebody put on a host that many people share."""


@dataclass(frozen=True, slots=True)
class Context:
    """The worst evidence of one kind that does not count, and why not."""

    why: Why
    worst: Evidence


@dataclass(frozen=True, slots=True)
class HostRecord:
    """What is known against a host, without the names: enough to judge it again by any rule and threshold."""

    flagged: tuple[Evidence, ...]
    """Worst first."""
    shared: bool = False
    """Many people put things there, most of them harmless: see `record`."""


def record(report: HostReport) -> HostRecord:
    """What a report says against its host.

    It is shared when VirusTotal's lists of the URLs and of the files from there that no engine flags are full, and mostly
    harmless: of what was seen since the oldest entry of each list, at least twice as much has to be unflagged as flagged. So
    a host that hands out malware is not excused by a hundred harmless files that somebody put there once.
    """
    is_shared = _mostly_harmless(report.detected_urls, report.undetected_urls) and _mostly_harmless(
        report.detected_downloaded_samples, report.undetected_downloaded_samples
    )
    return HostRecord(flagged(report), is_shared)


def _mostly_harmless(flagged: Sequence[Sample | SeenUrl], unflagged: Sequence[Sample | SeenUrl]) -> bool:
    """Whether since the oldest harmless entry at least twice as many entries are harmless as are not."""
    harmless = [one.date for one in unflagged if one.date and one.total and not one.positives]
    since = min(harmless, default=LONG_AGO)
    harmful = len(unflagged) - len(harmless) + sum(one.date is None or one.date >= since for one in flagged)
    return len(unflagged) >= LISTED and len(harmless) >= 2 * harmful


def flagged(report: HostReport) -> tuple[Evidence, ...]:
    """Everything at a host that engines flag: the highest count first, then the newest.

    An entry whose count cannot be read counts as one engine: VirusTotal lists it as detected.
    """
    found = (
        Evidence(kind, seen.name, 1 if seen.positives is None else seen.positives, seen.total, date=seen.date)
        for kind, seen in report.detected()
    )
    return tuple(sorted(found, key=lambda one: (one.positives, one.date or LONG_AGO), reverse=True))


def newest(evidence: Iterable[Evidence]) -> Evidence | None:
    """The evidence with the latest date; None when none is dated."""
    dated = [one for one in evidence if one.date]
    return max(dated, key=lambda one: (one.date or LONG_AGO, one.positives), default=None)


def alternatives(mine: HostCriteria) -> tuple[HostCriteria, ...]:
    """What else hosts could be judged by, `mine` among them: shorter ages first, the documented rule last."""
    is_served = mine.rule is HostRule.SERVED
    served = {HostCriteria(days=days) for days in AGES} | ({mine} if is_served else set())
    in_order = sorted(served, key=lambda one: one.days or MAX_EVIDENCE_DAYS + 1)
    return (*in_order, HostCriteria(HostRule.DOCUMENTED) if is_served else mine)


def reasons(found: HostRecord, criteria: HostCriteria, now: datetime) -> list[Why | None]:
    """Why each piece of evidence is context only; None where it counts."""
    return [_why_not(one, criteria, now, shared=found.shared) for one in found.flagged]


def _why_not(one: Evidence, criteria: HostCriteria, now: datetime, *, shared: bool) -> Why | None:
    if criteria.rule is HostRule.DOCUMENTED:
        return None
    if one.kind not in SERVED:
        return Why.NOT_SERVED
    # Without a date nothing can be said to be old.
    if criteria.days and one.date is not None and one.date < now - timedelta(days=criteria.days):
        return Why.OLD
    return Why.SHARED if shared and one.kind == DOWNLOADED else None


def split(
    found: HostRecord, criteria: HostCriteria, now: datetime
) -> tuple[tuple[Evidence, ...], tuple[Context, ...]]:
    """What counts, worst first; and the worst of each kind and reason that is context, worst first."""
    counted: list[Evidence] = []
    context: dict[tuple[Why, str], Context] = {}
    for one, why in zip(found.flagged, reasons(found, criteria, now), strict=True):
        if why is None:
            counted.append(one)
        elif one.positives:
            context.setdefault((why, one.kind), Context(why, one))
    return tuple(counted), tuple(context.values())


def condensed(found: HostRecord) -> HostRecord:
    """The record without names, and without evidence that never decides: of each kind, all that is older than another as bad."""
    kept: list[Evidence] = []
    latest: dict[str, datetime] = {}
    for one in found.flagged:
        date = datetime.max.replace(tzinfo=UTC) if one.date is None else one.date
        if one.kind not in latest or date > latest[one.kind]:
            latest[one.kind] = date
            kept.append(replace(one, name=None))
    return HostRecord(tuple(kept), found.shared)


# Read exactly ------------------------------------------------------------------------------------------
#
# models.py reads as much of a reply as it can, which is right for what is shown and for what proves a danger. CLEAN must not
# rest on a number of another type, out of range or contradicted, nor on a list of which an entry was left out.

_Count = Annotated[int, Field(ge=0, le=MAX_ENGINES)]


class _Strict(BaseModel):
    """Types are not converted: "5", 5.0 and true are no counts. Fields that no verdict rests on may hold anything."""

    model_config = ConfigDict(strict=True, extra="allow")

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if not self.agrees():
            raise ValueError
        return self

    def agrees(self) -> bool:
        return True


class _Counts(_Strict):
    positives: _Count | None = None
    total: _Count | None = None

    def agrees(self) -> bool:
        return not self.positives or self.total is None or self.positives <= self.total


class _Engine(_Strict):
    detected: bool


class _EngineReport(_Counts):
    resource: str | None = None
    url: str | None = None
    scan_id: str | None = None
    sha256: str | None = None
    scans: dict[str, _Engine] | None = None

    def agrees(self) -> bool:
        """Shortened replies name fewer engines than `total`, never more. A total of 0: no engine looked."""
        return super().agrees() and (not self.total or len(self.scans or ()) <= self.total)


class _Detected(_Counts):
    def agrees(self) -> bool:
        """A count of 0 contradicts the list that it is in, unless no engine looked at it."""
        return super().agrees() and not (self.total and self.positives == 0)


class _Undetected(_Counts):
    def agrees(self) -> bool:
        """Engines looked at it and none flags it, or none looked at it: then both numbers are missing."""
        return self.positives == 0 or (self.positives is None and not self.total)


_Flagged = list[_Detected] | None
_Unflagged = list[_Undetected] | None


class _HostReport(_Strict):
    detected_urls: _Flagged = None
    detected_downloaded_samples: _Flagged = None
    detected_communicating_samples: _Flagged = None
    detected_referrer_samples: _Flagged = None
    undetected_urls: list[Annotated[_Undetected, BeforeValidator(url_entry)]] | None = None
    undetected_downloaded_samples: _Unflagged = None
    undetected_communicating_samples: _Unflagged = None
    undetected_referrer_samples: _Unflagged = None

    def agrees(self) -> bool:
        """A list of detections that this does not know may hold anything, so there must be none."""
        unknown = [value for key, value in (self.model_extra or {}).items() if key.startswith("detected_")]
        return all(value in (None, []) for value in unknown)


def is_exact(report: object, raw: Mapping[str, Any]) -> bool:
    """Can everything that a verdict on `raw` rests on be read exactly, unless it is missing? `report` was read of it."""
    if not isinstance(report, HostReport | FileReport | UrlReport):
        return True
    model = _HostReport if isinstance(report, HostReport) else _EngineReport
    return remembered(raw, model, lambda parsed: read_or_none(model, parsed) is not None)
