"""What a report means: one of six states, the rule that decided, a note for the reader, and what may still be done. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from vt import models
from vt.actions import HASHES, Action
from vt.codec import PackedReply, Raw, remembered
from vt.errors import NEVER_SENT, QuotaSpent, Unreadable, Unsupported, VTError
from vt.evidence import (
    DEFAULT_CRITERIA,
    SERVED,
    Context,
    Evidence,
    HostCriteria,
    HostRecord,
    Why,
    is_exact,
    record,
    split,
)
from vt.indicators import Indicator, Kind
from vt.models import Code, FileReport, HostReport, Reply, UrlReport

RECENT = timedelta(days=30)


class State(StrEnum):
    """The six states, in the order in which people should read them: worst first, and not knowing before CLEAN."""

    RISKY = "RISKY"
    SUSPICIOUS = "SUSPICIOUS"
    UNKNOWN = "UNKNOWN"
    NOT_CHECKED = "NOT CHECKED"
    PENDING = "PENDING"
    CLEAN = "CLEAN"


DANGERS = (State.RISKY, State.SUSPICIOUS)


class Note(StrEnum):
    """What the reader must know besides the verdict; at most one per finding. Stored. Sentences: handlers/text."""

    REGISTERED_DOMAIN = "registered-domain"
    """The host itself is not in VirusTotal: this is the report on its registered domain."""
    NEEDS_PRIVATE_KEY = "rescan-needs-private-key"
    """Not rescanned: only a private key may."""
    RESCAN_REFUSED = "rescan-refused"
    """Not rescanned: VirusTotal refused."""
    GAVE_UP = "gave-up-waiting"
    """Its analysis was polled for the longest time allowed and did not finish."""
    INTERRUPTED = "interrupted"
    """Its upload may have arrived or not; VirusTotal is polled to find out."""
    MAYBE_UPLOADED = "perhaps-uploaded"
    """The same, and no newer report appeared within the longest time allowed."""
    NOT_UPLOADED = "not-uploaded"
    """Known, but a newer analysis could not be had; the finding's error says why."""
    NEEDS_CONSENT = "to-agree"
    """A file that may be uploaded once somebody agrees."""
    NEVER_BY_NAME = "never-by-name"
    """A file that is never uploaded, because of its name."""
    NEVER_BY_CONTENT = "never-by-content"
    """A file that is never uploaded, because of how it begins."""
    HASH_ONLY = "by-hash"
    """A file that was not read, because the asker may not have it read: only its known hash was looked up."""


GIVEN_UP = (Note.GAVE_UP, Note.MAYBE_UPLOADED)
"""The wait for an analysis ended without one; it may be polled again."""
NEVER_UPLOADED = (Note.NEVER_BY_NAME, Note.NEVER_BY_CONTENT)


class Basis(StrEnum):
    """What was counted: engines that flag the file or URL itself, or engines that flag what was seen at the host."""

    ENGINES = "engines"
    EVIDENCE = "evidence"


@dataclass(frozen=True, slots=True)
class Rule:
    """Why a state was chosen: `count` of `total` engines, compared with `threshold`."""

    count: int
    total: int | None
    threshold: int
    basis: Basis
    evidence: Evidence | None = None
    """What has the highest count, when the basis is evidence."""
    recent: int | None = None
    """The highest count of the last 30 days; None when nothing flagged is dated."""
    hosted: int | None = None
    """The highest count among URLs and downloaded samples of any age, which the host itself served. None when the basis
    is engines."""
    checked: int = 0
    """How many URLs and samples any engine has looked at, flagged or not. VirusTotal lists at most 100 of a kind."""
    criteria: HostCriteria | None = None
    """How a host was judged; None when the basis is engines."""
    context: tuple[Context, ...] = ()
    """What is known against a host and does not count, worst first. It makes SUSPICIOUS at most."""

    @property
    def worst(self) -> tuple[int, int | None]:
        """The count and total that people read first: those compared, or of what the host served long ago; else 0, None."""
        old = next((one.worst for one in self.context if one.why is Why.OLD), None)
        return (old.positives, old.total) if old and not self.count else (self.count, self.total)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a finding is about."""

    action: Action
    indicator: Indicator | None
    """What VirusTotal is asked for: for a file its SHA-256, None when it could not be read."""
    input: str
    """The indicator or path as it was entered."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome for one indicator or file. Everything that is shown to people is made from it."""

    subject: Subject
    state: State
    rule: Rule | None = None
    reading: Reply | type[Reply] | None = None
    """The report; of a packed reply, what it is read as when the report is needed."""
    raw: Raw | None = None
    """VirusTotal's reply, unchanged."""
    checked_at: datetime | None = None
    error: VTError | None = None
    """Why it is NOT CHECKED; None when its turn has not come yet."""
    until: datetime | None = None
    """When it will be checked, or polled again."""
    note: Note | None = None

    @property
    def report(self) -> Reply | None:
        """The reply as far as it can be read."""
        return models.read_partly(self.reading, self.raw) if isinstance(self.reading, type) else self.reading

    @property
    def action(self) -> Action:
        """The action that was asked for."""
        return self.subject.action

    @property
    def indicator(self) -> Indicator | None:
        """What VirusTotal is asked for; None for a file that could not be read."""
        return self.subject.indicator

    @property
    def input(self) -> str:
        """The indicator or path as it was entered."""
        return self.subject.input


def judge(
    subject: Subject,
    raw: Raw,
    *,
    threshold: int,
    now: datetime,
    criteria: HostCriteria = DEFAULT_CRITERIA,
    note: Note | None = None,
) -> Finding:
    """What a reply means at a threshold of engines, and for hosts by `criteria`. Never raises.

    An unreadable reply is NOT CHECKED, with its error, unless the part that can be read proves a danger.
    """
    report = None
    try:
        report = models.read_partly(subject.action.report, raw)
        by = (type(report), threshold, criteria, now)
        state, rule = remembered(raw, by, lambda _: _decide(report, threshold, criteria, now))
        # CLEAN and the like need every number read exactly; a danger is proved by the part that can be read.
        if state not in DANGERS and report.response_code != Code.QUEUED and not is_exact(report, raw):
            raise Unreadable("shape")
    except VTError as error:
        # The rest of an unreadable report is not shown: it would look like a report without detections.
        shown = None if isinstance(error, Unreadable) else _reading(report, raw)
        kept, known = raw if isinstance(raw, Mapping) else None, error.with_traceback(None)
        return Finding(subject, State.NOT_CHECKED, reading=shown, raw=kept, error=known, note=note)
    reading = _reading(report, raw)
    return Finding(subject, state, rule=rule, reading=reading, raw=raw, checked_at=now, note=note)


def _reading(report: Reply | None, raw: Raw | None) -> Reply | type[Reply] | None:
    return type(report) if report and isinstance(raw, PackedReply) else report


def not_checked(
    subject: Subject, error: VTError | None = None, *, until: datetime | None = None, note: Note | None = None
) -> Finding:
    """There is no answer because of `error`. A spent quota says by itself until when."""
    if until is None and isinstance(error, QuotaSpent):
        until = error.retry_at
    return Finding(subject, State.NOT_CHECKED, error=error, until=until, note=note)


def pending(
    subject: Subject,
    *,
    raw: Raw | None = None,
    checked_at: datetime | None = None,
    until: datetime | None = None,
    note: Note | None = None,
) -> Finding:
    """VirusTotal is analysing it, whatever an older report in `raw` says."""
    reading, state = _reading(models.read_or_none(subject.action.report, raw), raw), State.PENDING
    return Finding(subject, state, reading=reading, raw=raw, checked_at=checked_at, until=until, note=note)


def tally(findings: Iterable[Finding]) -> dict[State, int]:
    """How many findings have each state, worst first. States that do not occur are left out."""
    states = [found.state for found in findings]
    return {state: states.count(state) for state in State if state in states}


def _decide(
    report: Reply, threshold: int, criteria: HostCriteria, now: datetime
) -> tuple[State, Rule | None]:
    if isinstance(report, HostReport):
        state, rule = _by_evidence(report, threshold, criteria, now)
    elif isinstance(report, FileReport | UrlReport):
        state, rule = _by_engines(report, threshold)
    else:
        # Without engines it holds no verdict, like a file that none has looked at.
        state, rule = State.UNKNOWN, None
    code = report.response_code
    # Whatever the code says, it does not take back what engines found.
    if state in DANGERS or (code == Code.FOUND and state is not State.NOT_CHECKED):
        return state, rule
    if code == Code.INVALID:
        raise Unsupported
    if code not in (Code.UNKNOWN, Code.QUEUED):
        raise Unreadable("shape")
    return (State.PENDING if code == Code.QUEUED else State.UNKNOWN), None


def _by_engines(report: FileReport | UrlReport, threshold: int) -> tuple[State, Rule | None]:
    # Shortened replies name few engines, so `positives` decides, unless more engines detect than it says.
    count = max(report.positives or 0, sum(engine.detected for engine in report.scans.values()))
    if not count and (report.total == 0 or not report.scans):
        return (State.PENDING if _is_queued(report) else State.UNKNOWN), None
    if not count and (report.positives is None or report.total is None):
        return State.NOT_CHECKED, None  # a number is missing that the verdict would rest on
    total = report.total or len(report.scans)
    rule = Rule(count, total if total >= count else None, threshold, Basis.ENGINES)
    return state_of(rule), rule


def _is_queued(report: FileReport | UrlReport) -> bool:
    """Is it a receipt in place of a report, which VirusTotal sends with the code of a report?"""
    is_receipt = report.scan_id is not None and "positives" not in report.model_fields_set
    return "scans" not in report.model_fields_set and (is_receipt or isinstance(report, UrlReport))


def _by_evidence(
    report: HostReport, threshold: int, criteria: HostCriteria, now: datetime
) -> tuple[State, Rule | None]:
    found = record(report)
    # An entry with neither a count nor a total was never looked at by any engine, so it proves nothing.
    checked = sum(bool(one.positives or one.total) for one in (*found.flagged, *report.undetected()))
    if not checked:
        return State.UNKNOWN, None
    rule = replace(weigh(found, threshold, criteria, now), checked=checked)
    return state_of(rule), rule


def weigh(found: HostRecord, threshold: int, criteria: HostCriteria, now: datetime) -> Rule:
    """The rule that decides about a host, from what is known against it."""
    counted, context = split(found, criteria, now)
    top = counted[0] if counted and counted[0].positives else None
    dated = [(one.date, one.positives) for one in found.flagged if one.date]
    recent = [count for date, count in dated if date >= now - RECENT]
    return Rule(
        count=top.positives if top else 0,
        total=top.total if top else None,
        threshold=threshold,
        basis=Basis.EVIDENCE,
        evidence=top,
        recent=max(recent, default=0) if dated else None,
        hosted=max((one.positives for one in found.flagged if one.kind in SERVED), default=0),
        criteria=criteria,
        context=context,
    )


def state_of(rule: Rule) -> State:
    """RISKY from the threshold up, CLEAN when nothing at all is known against it, else SUSPICIOUS."""
    if not rule.count:
        return State.SUSPICIOUS if rule.context else State.CLEAN
    return State.RISKY if rule.count >= rule.threshold else State.SUSPICIOUS


# What may still be done with it at VirusTotal ----------------------------------------------------------

COMMENTED = HASHES | {Kind.URL}
"""What VirusTotal's API v2 keeps comments on (comments/get takes hashes and URLs)."""


def can_send(finding: Finding) -> bool:
    """Whether VirusTotal may be told of it at all: not internal, and no secret in it."""
    return not isinstance(finding.error, NEVER_SENT)


def can_submit(finding: Finding) -> bool:
    """Whether it is a URL that VirusTotal does not know, which a person may have scanned."""
    is_url = finding.indicator is not None and finding.indicator.kind is Kind.URL
    return is_url and finding.state is State.UNKNOWN


def can_upload(finding: Finding) -> bool:
    """Whether it is a file that VirusTotal knows, and that may be analysed again by uploading it."""
    return finding.action.files and _is_known(finding)


def can_rescan(finding: Finding, *, private_key: bool) -> bool:
    """Whether VirusTotal knows it and may analyse it again: URLs with any key, files with a private one."""
    kind = finding.indicator.kind if finding.indicator else None
    if kind is Kind.URL:
        # A URL that no engine has looked at is submitted, like one that VirusTotal does not know.
        return finding.rule is not None and can_send(finding)
    return kind in HASHES and private_key and _is_known(finding)


def has_comments(finding: Finding) -> bool:
    """Whether VirusTotal may have comments on it. It shows them to private keys only, and each page costs a call."""
    kind = finding.indicator.kind if finding.indicator else None
    return kind in COMMENTED and finding.raw is not None and can_send(finding)


def _is_known(finding: Finding) -> bool:
    """Whether VirusTotal has it and is not analysing it now, even if no engine has looked at it yet."""
    has_report = getattr(finding.report, "response_code", 0) == Code.FOUND
    return finding.rule is not None or (has_report and finding.state is State.UNKNOWN)
