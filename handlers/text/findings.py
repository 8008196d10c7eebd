"""Sentences about findings: the verdict, why it is so, what is on record, and how many there are. They are plain text."""

import re
from collections.abc import Mapping
from datetime import datetime

from handlers.text import files
from handlers.text.errors import error, is_fault
from handlers.text.format import (
    EVERYBODY,
    Audience,
    clauses,
    cut,
    day,
    engines,
    evidence,
    minute,
    safe,
    second,
    seconds,
)
from handlers.text.language import Line, join, line, ngettext, sentences
from handlers.text.language import lazy_gettext as _
from vt import errors
from vt.actions import HOST_KINDS
from vt.evidence import Context, Evidence, HostRule, Why
from vt.indicators import Kind, defang_path
from vt.verdict import Basis, Finding, Note, Rule, State

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
MEANS: Mapping[State, str] = {
    State.UNKNOWN: _("VirusTotal has no record of it. That does not mean it is clean."),
    State.PENDING: _("being analysed"),
    State.CLEAN: _("no engine flags it"),
}
NO_IPV6 = _("VirusTotal's API v2 has no IPv6 reports. Search on virustotal.com instead.")
NO_ENGINE_YET = _("VirusTotal knows it, but no engine has scanned it yet. That does not mean it is clean.")

# A finding -----------------------------------------------------------------------------------------------


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
    if finding.state is State.NOT_CHECKED:
        return _not_checked(finding, now, audience)
    if finding.state is State.PENDING:
        return _pending(finding, now)
    if finding.rule is None:
        known = getattr(finding.report, "response_code", 0) == 1
        return NO_ENGINE_YET if known else MEANS[State.UNKNOWN]
    if finding.rule.basis is Basis.EVIDENCE:
        return clauses(reasons(finding.rule))
    if finding.state is State.CLEAN:
        total = finding.rule.total or 0
        unflagged = ngettext("the only engine does not flag it", "none of {count} engines flags it", total)
        return unflagged if total else MEANS[State.CLEAN]
    return line("threshold {threshold}", threshold=finding.rule.threshold)


def _pending(finding: Finding, now: datetime) -> str:
    if finding.note is Note.GAVE_UP:
        return files.NOT_FINISHED
    if finding.note in (Note.INTERRUPTED, Note.MAYBE_UPLOADED):
        return _until(files.PERHAPS_ARRIVED, finding.until)
    if finding.error:
        why = _trying_again(finding.error, finding.until, now) if finding.until else ""
        return join(": ", [files.TO_UPLOAD, why])
    return _until(MEANS[State.PENDING], finding.until)


def _not_checked(finding: Finding, now: datetime, audience: Audience) -> str:
    if finding.error is None:
        return _until(_("not checked yet"), finding.until)
    if finding.until is None:
        return why_not(finding, audience)
    return _trying_again(finding.error, finding.until, now)


def _trying_again(trouble: errors.VTError, until: datetime, now: datetime) -> Line:
    """What an answer says about a look-up that is tried again at `until`."""
    pause = seconds(until, now)
    if isinstance(trouble, errors.Reserved):
        return line(
            "the rest of today's quota is kept for people who ask. I will check this in {pause}; "
            "press Check now to spend a call.",
            pause=pause,
        )
    if isinstance(trouble, errors.QuotaSpent):
        pause = seconds(trouble.expected or until, now)
        if trouble.ahead:
            return line("out of quota; {ahead} ahead of you, about {pause}", ahead=trouble.ahead, pause=pause)
        return line("out of quota; next call in {pause}", pause=pause)
    # The first sentence without its full stop (Japanese has one of its own), and the longest pause, not the time left:
    # it stays true in a message that Slack does not let us edit often.
    why = re.split(r"\. |\.$|。", error(trouble), maxsplit=1)[0]
    return line("{why}, trying again in {seconds} s or less", why=why, seconds=errors.LONGEST_PAUSE)


def _until(what: str, until: datetime | None) -> str:
    """What is waited for, and when it is looked at again."""
    return line("{what}; next check at {at}", what=what, at=second(until)) if until else str(what)


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
    if not why.count and not why.context:
        return [line("none of {related} is flagged", related=related(why.checked))]
    if why.criteria and why.criteria.rule is HostRule.SERVED:
        return _by_served(why, why.criteria.days)
    told: list[str] = [_worst(why)]
    if why.hosted != why.count:
        hosted = line("worst file or URL hosted there: {engines}", engines=engines(why.hosted or 0, None))
        told.append(hosted if why.hosted else line("nothing hosted there is flagged"))
    if why.recent is not None and why.recent != why.count:
        recent = line("worst of the last 30 days: {engines}", engines=engines(why.recent, None))
        told.append(recent if why.recent else line("nothing flagged in the last 30 days"))
    return told


def _worst(why: Rule) -> str:
    found = related(why.checked)
    if why.evidence is None:
        return line("worst of {related}, threshold {threshold}", related=found, threshold=why.threshold)
    return line(
        "worst of {related}: {worst}, threshold {threshold}",
        related=found,
        worst=evidence(why.evidence),
        threshold=why.threshold,
    )


def _by_served(why: Rule, days: int) -> list[str]:
    """What counted, and what is context only."""
    head = _worst_served(why, why.evidence, days) if why.evidence else _nothing_served(why, days)
    return [head, *map(context, why.context[:MOST_CONTEXT])]


def _worst_served(why: Rule, worst: Evidence, days: int) -> str:
    """`days`: how old evidence may be that counts; 0 for any age."""
    seen, threshold = evidence(worst), why.threshold
    if not days:
        return line("worst of what it served: {seen}, threshold {threshold}", seen=seen, threshold=threshold)
    return ngettext(
        "worst of what it served in the last day: {seen}, threshold {threshold}",
        "worst of what it served in the last {count} days: {seen}, threshold {threshold}",
        days,
        seen=seen,
        threshold=threshold,
    )


def _nothing_served(why: Rule, days: int) -> str:
    if not days:
        return line("nothing that it served is flagged, threshold {threshold}", threshold=why.threshold)
    return ngettext(
        "nothing that it served in the last day is flagged, threshold {threshold}",
        "nothing that it served in the last {count} days is flagged, threshold {threshold}",
        days,
        threshold=why.threshold,
    )


CONTEXT: Mapping[tuple[Why, str], str] = {
    (Why.NOT_SERVED, "communicating"): _("files that contact it"),
    (Why.NOT_SERVED, "referrer"): _("files that mention it"),
    (Why.OLD, "url"): _("older URLs on it"),
    (Why.OLD, "downloaded"): _("older files downloaded from it"),
    (Why.SHARED, "downloaded"): _("files downloaded from it, a site that many people upload to"),
}


def context(one: Context) -> Line:
    """The worst of what is known against a host and does not count: "files that contact it: up to 60 of 71 engines"."""
    what = CONTEXT[one.why, one.worst.kind]
    flagged = engines(one.worst.positives, one.worst.total)
    if one.why is not Why.OLD or one.worst.date is None:
        return line("{what}: up to {flagged}", what=what, flagged=flagged)
    return line("{what}: up to {flagged} ({on})", what=what, flagged=flagged, on=day(one.worst.date))


def related(count: int) -> str:
    """So many things that VirusTotal has seen at an address or domain."""
    return ngettext("{count} related file or URL", "{count} related files and URLs", count)
