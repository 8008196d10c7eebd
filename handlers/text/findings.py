"""Sentences about findings: the verdict, why it is so, what is on record, and how many there are. They are plain text."""

from collections.abc import Mapping
from datetime import datetime

from handlers.case import Sighting, Summary
from handlers.text import files, hosts
from handlers.text.errors import error, is_fault
from handlers.text.format import (
    EVERYBODY,
    Audience,
    Channel,
    Line,
    User,
    cut,
    day,
    engines,
    join,
    line,
    minute,
    safe,
    second,
    seconds,
)
from vt import errors
from vt.actions import HOST_KINDS
from vt.indicators import Kind, defang_path
from vt.verdict import Basis, Finding, Note, State

ICONS: Mapping[State, str] = {
    State.RISKY: "🔴",
    State.SUSPICIOUS: "🟠",
    State.UNKNOWN: "⚪",
    State.NOT_CHECKED: "⛔",
    State.PENDING: "⏳",
    State.CLEAN: "🟢",
}
MEANS: Mapping[State, str] = {
    State.UNKNOWN: "VirusTotal has no record of it. That does not mean it is clean.",
    State.PENDING: "being analysed",
    State.CLEAN: "no engine flags it",
}
NO_IPV6 = "VirusTotal's API v2 has no IPv6 reports. Search on virustotal.com instead."
NO_ENGINE_YET = "VirusTotal knows it, but no engine has scanned it yet. That does not mean it is clean."

# A finding -----------------------------------------------------------------------------------------------


def state(finding: Finding) -> str:
    """The icon and the state."""
    return f"{ICONS[finding.state]} {finding.state}"


def verdict(finding: Finding) -> str:
    """The icon, the state and the engines that flag it: what must be read in one second."""
    shown = state(finding)
    if finding.rule is None or finding.state not in (State.RISKY, State.SUSPICIOUS):
        return shown
    count, total = finding.rule.worst
    return f"{shown} · {engines(count, total)}" if count else shown


def subject(finding: Finding, most: int = 300) -> str:
    """What it is about, defanged: the indicator as asked, or the file's path."""
    if finding.action.files:
        return cut(defang_path(finding.input), most)
    value = finding.indicator.value if finding.indicator else finding.input
    if finding.note is Note.REGISTERED_DOMAIN and finding.input != value:
        value = f"{finding.input} → {value}"
    return cut(safe(value), most)


def rule(finding: Finding, now: datetime, audience: Audience = EVERYBODY) -> str:
    """Why it has this verdict, or why there is none. `verdict` has said how many engines flag it."""
    if finding.state is State.NOT_CHECKED:
        return _not_checked(finding, now, audience)
    if finding.state is State.PENDING:
        return _pending(finding, now)
    if finding.rule is None:
        known = getattr(finding.report, "response_code", 0) == 1
        return NO_ENGINE_YET if known else MEANS[State.UNKNOWN]
    if finding.rule.basis is Basis.EVIDENCE:
        return hosts.judged(finding.rule)
    if finding.state is State.CLEAN:
        return f"none of {finding.rule.total} engines flags it" if finding.rule.total else MEANS[State.CLEAN]
    return f"threshold {finding.rule.threshold}"


def _pending(finding: Finding, now: datetime) -> str:
    if finding.note is Note.GAVE_UP:
        return files.NOT_FINISHED
    if finding.note in (Note.INTERRUPTED, Note.MAYBE_UPLOADED):
        return line("{perhaps}{next}", perhaps=files.PERHAPS_ARRIVED, next=_next(finding.until))
    if finding.error:
        return f"{files.TO_UPLOAD}: {_waits(finding, now)}"
    return line("{means}{next}", means=MEANS[State.PENDING], next=_next(finding.until))


def _not_checked(finding: Finding, now: datetime, audience: Audience) -> str:
    if finding.error is None:
        return line("not checked yet{next}", next=_next(finding.until))
    if finding.until is None:
        return why_not(finding, audience)
    if isinstance(finding.error, errors.Reserved):
        return (
            "the rest of today's quota is kept for people who ask. I will check this in "
            f"{seconds(finding.until, now)}; press Check now to spend a call."
        )
    return _waits(finding, now)


def _waits(finding: Finding, now: datetime) -> str:
    """What is waited for, and until when."""
    if finding.error is None or finding.until is None:
        return ""
    if isinstance(finding.error, errors.QuotaSpent):
        return f"out of quota; next call in {seconds(finding.until, now)}"
    # The longest pause, not the time left: it stays true in a message that Slack does not let us edit often.
    return f"{error(finding.error).partition('. ')[0]}, trying again in {errors.LONGEST_PAUSE} s or less"


def _next(until: datetime | None) -> str:
    return line("; next check at {at}", at=second(until)) if until else ""


def checked(finding: Finding) -> str:
    """When VirusTotal was asked; its reply may have been cached since."""
    return line("checked {at}", at=minute(finding.checked_at)) if finding.checked_at else ""


NOTES: Mapping[Note, str] = {
    Note.REGISTERED_DOMAIN: "VirusTotal does not know this host. This is the report for its parent domain.",
    Note.NEEDS_PRIVATE_KEY: "Not rescanned: that needs a private API key. Upload the file instead: /vt scan-file …",
    Note.RESCAN_REFUSED: "Not rescanned: VirusTotal refused. This is the older report.",
    Note.GAVE_UP: f"VirusTotal did not finish the new analysis within a day. Press {files.LOOK_AGAIN} later.",
    Note.INTERRUPTED: "",  # the reason why it is PENDING says it
    **files.NOTES,
}


def note(finding: Finding, audience: Audience = EVERYBODY) -> str:
    """Something the reader must know, or nothing."""
    said = NOTES[finding.note] if finding.note else ""
    if finding.note is Note.NOT_UPLOADED and finding.error:
        return join(" ", [said, error(finding.error, audience)])
    return said


def remark(finding: Finding) -> str:
    """Everything besides the verdict, in one cell: why there is none, what the reader must know."""
    if finding.state is State.NOT_CHECKED and finding.error:
        return why_not(finding)
    return note(finding)


def why_not(finding: Finding, audience: Audience = EVERYBODY) -> str:
    """Why something was not checked; "" when there is no reason."""
    if finding.error is None:
        return ""
    kind = finding.indicator.kind if finding.indicator else None
    if isinstance(finding.error, errors.Unsupported) and kind is Kind.IPV6:
        return NO_IPV6
    return error(finding.error, audience)


def is_at_fault(finding: Finding) -> bool:
    """Did something break that the reader cannot mend? Then they are told the request's id."""
    over = finding.state is State.NOT_CHECKED and finding.until is None
    told = over or finding.note is Note.NOT_UPLOADED
    return bool(told and finding.error and is_fault(finding.error))


# What is on record --------------------------------------------------------------------------------------


def seen(summary: Summary) -> Line:
    """How often it was asked for, and since when."""
    times = "once" if summary.times == 1 else f"{summary.times} times"
    return line("looked up {times} since {day}", times=times, day=day(summary.since))


def first_seen(summary: Summary, *, plain: bool = False) -> Line:
    """Where it was first asked for; a private channel is not named elsewhere, and no channel is in `plain` text."""
    if summary.channel and not plain:
        return line("first in {channel}", channel=Channel(summary.channel))
    return line("first in {channel}", channel="this channel" if summary.here else "another channel")


def was(last: Sighting) -> Line:
    """What VirusTotal said before."""
    flagged = "" if last.count is None else engines(last.count, last.total)
    on = line("on {day}", day=day(last.at)) if last.at else "before"
    by = "by the documented rule" if last.kind in HOST_KINDS and last.known is None and last.count else ""
    return join(" ", ["was", last.state, flagged, on, by])


# Several findings ------------------------------------------------------------------------------------


def tally(counts: Mapping[State, int]) -> str:
    """How many of each state."""
    return " · ".join(f"{ICONS[state]} {count} {state}" for state, count in counts.items())


def more_in_json(count: int) -> str:
    """What did not fit."""
    return f"{count} more: press JSON to see {'it' if count == 1 else 'them'}."


def asked_by(user: str) -> Line:
    """Who wanted this shown in the channel."""
    return line("Asked by {user}", user=User(user))


def waiting(finding: Finding, now: datetime) -> str:
    """One line for someone who waits in a terminal."""
    return f"{verdict(finding)} {subject(finding, 120)} {rule(finding, now)}"
