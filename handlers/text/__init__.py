"""Every sentence that people read, and nothing else, so that it can be translated. All of it is plain text."""

from collections.abc import Mapping
from datetime import datetime

from handlers.text import files
from handlers.text.errors import ERRORS, error
from handlers.text.format import cut, day, minute, outside, seconds, size
from handlers.text.usage_errors import USAGE_ERRORS, usage, usage_error
from vt import errors
from vt.indicators import defang, defang_path
from vt.privacy.sensitive import masked
from vt.results import Insight, Place, names, place
from vt.verdict import Basis, Evidence, Finding, Note, Rule, State

__all__ = [
    "ERRORS",
    "USAGE_ERRORS",
    "cut",
    "day",
    "error",
    "minute",
    "outside",
    "seconds",
    "size",
    "usage",
    "usage_error",
]
"""What the other files of this folder lend it; the names below are its own."""

ICONS: Mapping[State, str] = {
    State.RISKY: "🔴",
    State.SUSPICIOUS: "🟠",
    State.UNKNOWN: "⚪",
    State.NOT_CHECKED: "⛔",
    State.PENDING: "⏳",
    State.CLEAN: "🟢",
}
MEANS: Mapping[State, str] = {
    State.UNKNOWN: "not in VirusTotal; this is not clean",
    State.PENDING: "VirusTotal is analysing it",
    State.CLEAN: "no engine flags it",
}
NO_ENGINE_YET = "in VirusTotal, but no engine has looked at it; this is not clean"

# A finding -----------------------------------------------------------------------------------------------


def verdict(finding: Finding) -> str:
    """The icon, the state and the count: what must be read in one second."""
    counted = finding.rule and finding.state in (State.RISKY, State.SUSPICIOUS, State.CLEAN)
    return f"{ICONS[finding.state]} {finding.state}" + (f" {_count(finding.rule)}" if counted else "")


def _count(rule: Rule | None) -> str:
    if rule is None:
        return ""
    if rule.basis is Basis.EVIDENCE and not rule.count:
        return f"0 of {rule.checked} flagged"
    return f"{rule.count}/{rule.total}" if rule.total else f"{rule.count}"


def subject(finding: Finding, most: int = 300) -> str:
    """What it is about, defanged: the indicator as asked, or the file's path."""
    if finding.action.files:
        return cut(defang_path(finding.asked), most)
    value = finding.indicator.value if finding.indicator else finding.asked
    if finding.note is Note.REGISTERED_DOMAIN and finding.asked != value:
        value = f"{finding.asked} → {value}"
    return cut(defang(masked(value)), most)


def rule(finding: Finding, now: datetime) -> str:
    """Why it is so: the rule that decided, or the reason why none could."""
    if finding.state is State.NOT_CHECKED:
        return _not_checked(finding, now)
    if finding.state is State.PENDING:
        return _pending(finding, now)
    if finding.rule is None:
        known = getattr(finding.report, "response_code", 0) == 1
        return NO_ENGINE_YET if known else MEANS[State.UNKNOWN]
    if finding.rule.basis is Basis.EVIDENCE:
        return _by_evidence(finding.rule)
    clean = f"{MEANS[State.CLEAN]}: " if finding.state is State.CLEAN else ""
    return f"{clean}{finding.rule.count} of {finding.rule.total or '?'} engines, threshold {finding.rule.threshold}"


def _pending(finding: Finding, now: datetime) -> str:
    if finding.note is Note.GAVE_UP:
        return files.NOT_FINISHED
    if finding.note in (Note.INTERRUPTED, Note.PERHAPS):
        return f"{files.PERHAPS_ARRIVED}{_next(finding.until, now)}"
    if finding.trouble:
        return f"{files.TO_UPLOAD}: {_waits(finding, now)}"
    return f"{MEANS[State.PENDING]}{_queued(finding.checked_at, now)}{_next(finding.until, now)}"


def _not_checked(finding: Finding, now: datetime) -> str:
    if finding.trouble is None:
        return f"not asked yet{_next(finding.until, now)}"
    if finding.until is None:
        return error(finding.trouble)
    if isinstance(finding.trouble, errors.Reserved):
        return f"not checked: today's reserve is for people. Checked in {seconds(finding.until, now)}, or now if you press Check now"
    return f"not checked yet: {_waits(finding, now)}"


def _waits(finding: Finding, now: datetime) -> str:
    """What is waited for, and until when."""
    if finding.trouble is None or finding.until is None:
        return ""
    if isinstance(finding.trouble, errors.QuotaSpent):
        return f"quota, next slot in {seconds(finding.until, now)}"
    return f"{error(finding.trouble).partition('. ')[0]}, trying again in {seconds(finding.until, now)}"


def _by_evidence(why: Rule) -> str:
    if not why.count:
        return f"{MEANS[State.CLEAN]}: none of the {why.checked} URLs and files seen there is flagged, threshold {why.threshold}"
    recent = "" if why.recent is None else f"; highest in the last 30 days: {why.recent}"
    hosted = "" if why.hosted == why.count else f"; highest for what it served itself: {why.hosted}"
    top = f"{why.count} of {why.total or '?'} engines"
    held = f" flag {evidence(why.evidence)}" if why.evidence else ""
    return f"{top}{held}, threshold {why.threshold}{hosted}{recent}"


KINDS_OF_EVIDENCE = {
    "url": "a URL there",
    "downloaded": "a file downloaded from there",
    "communicating": "a file that talks to it",
    "referrer": "a file that names it",
}


def evidence(seen: Evidence) -> str:
    """What was seen, and when."""
    when = f" ({day(seen.date)})" if seen.date else " (no date)"
    return f"{KINDS_OF_EVIDENCE[seen.kind]}{when}"


def _queued(since: datetime | None, now: datetime) -> str:
    return f", queued {seconds(now, since)} ago" if since and since < now else ""


def _next(until: datetime | None, now: datetime) -> str:
    return f", next look in {seconds(until, now)}" if until else ""


def called(finding: Finding) -> str:
    """What it is called, or where it is; empty when nothing is known."""
    if where := place(finding):
        return _where(where)
    return " · ".join(outside(f"{one.engine}: {one.result}", 80) for one in names(finding))


def _where(where: Place) -> str:
    parts = [", ".join(where.categories[:3]), where.country or "", where.owner or ""]
    if where.newest:
        seen = where.newest
        parts.append(f"newest bad evidence: {seen.positives}/{seen.total or '?'} for {evidence(seen)}")
    return " · ".join(outside(part, 120) for part in parts if part)


def dated(finding: Finding) -> str:
    """When it was analysed, first seen and asked for."""
    analysed = getattr(finding.report, "scan_date", None)
    first = getattr(finding.report, "first_seen", None)
    parts = [
        f"analysed {minute(analysed)}" if analysed else "",
        f"first seen {day(first)}" if first else "",
        f"checked {minute(finding.checked_at)}" if finding.checked_at else "",
    ]
    return " · ".join(part for part in parts if part)


NOTES: Mapping[Note, str] = {
    Note.REGISTERED_DOMAIN: "The host as given is not in VirusTotal: this is the report of its registered domain.",
    Note.NEEDS_PRIVATE_KEY: "Not rescanned: hashes cannot be rescanned with a public key. Upload the file instead: /vt scan-file …",
    Note.RESCAN_REFUSED: "Not rescanned: VirusTotal refused. This is the older report.",
    Note.GAVE_UP: "The new analysis was not finished within a day. Look again later.",
    Note.INTERRUPTED: "",  # the reason why it is PENDING says it
    **files.NOTES,
}


def note(finding: Finding) -> str:
    """Something the reader must know, or nothing."""
    said = NOTES[finding.note] if finding.note else ""
    return (
        f"{said} {error(finding.trouble)}" if finding.note is Note.NOT_UPLOADED and finding.trouble else said
    )


def remark(finding: Finding) -> str:
    """Everything besides the verdict, in one cell: why there is none, what the reader must know."""
    if finding.state is State.NOT_CHECKED and finding.trouble:
        return error(finding.trouble)
    return note(finding)


def insight(found: Insight, finding: Finding) -> str:
    """The documented insight in words."""
    head = f"Warning: {subject(finding, 120)} is malicious by {found.count} of {found.total or '?'} engines, threshold {found.threshold}."
    rows = [f"{row.label}: {outside(row.value, 60)}" for row in found.rows]
    return "\n".join([*([head] if found.warning else []), *rows])


# Whole messages ------------------------------------------------------------------------------------------


def tally(counts: Mapping[State, int]) -> str:
    """How many of each state."""
    return " · ".join(f"{ICONS[state]} {count} {state}" for state, count in counts.items())


def more_in_json(count: int) -> str:
    """What did not fit."""
    return f"Details of {count} more are in the JSON."


CANNOT_TAKE = (
    "I cannot take this now: the database does not answer. Nothing was kept; send it again in a minute."
)
ASKING = "⏳ Asking VirusTotal, which takes its time. The answer comes here."
FAILED = "Something went wrong here and no answer could be made. Nothing is known about it. Ask again; if it stays, tell the operator."
GONE = "That answer is no longer kept. Ask again with /vt."
JSON_SENT = "The file is in your direct messages."
JSON_IN_THREAD = "The file is in the thread."
JSON_COMMENT = "The raw result"
SHARED = "Shared with the channel."
PERHAPS_SHARED = (
    "I was restarted while I shared this. If the channel does not show it, ask again with --share."
)
LATE = "Your answer, here because it took longer than Slack keeps a command open:"
NO_MAIL = "I cannot see a mail address of the person you mentioned. Give the domain itself: /vt domain-report example.co.in"
BUTTON_JSON = "JSON"
BUTTON_LINK = "VirusTotal"
BUTTON_SHARE = "Share"
BUTTON_SUBMIT = "Submit for scanning"
CONFIRM_TITLE = "Submit to VirusTotal?"
CONFIRM_SUBMIT = "The URL is sent to VirusTotal and becomes visible to its whole community: other companies, researchers, and whoever set it up."
CONFIRM_YES = "Submit"
CONFIRM_NO = "Cancel"


def asked_by(user: str) -> str:
    """Who wanted this shown in the channel."""
    return f"Asked by <@{user}>"


def waiting(finding: Finding, now: datetime) -> str:
    """One line for someone who waits in a terminal."""
    return f"{verdict(finding)} {subject(finding, 120)} {rule(finding, now)}"
