"""Sentences about addresses and domains: what is known against them, and by which rule they are judged. They are plain text."""

from collections.abc import Mapping
from datetime import datetime

from handlers.text.format import beside, clauses, day, engines
from handlers.text.language import Line, join, line, ngettext
from handlers.text.language import lazy_gettext as _
from vt.evidence import Context, Evidence, HostCriteria, HostRule, Why
from vt.verdict import Rule

AT_RULES = _("By other rules and ages")
NOT_COUNTED = _("not counted")
MOST_CONTEXT = 3
"""Kinds of context that an answer names, the worst first; Why? has all."""


def judged(why: Rule) -> str:
    """Why a host has its verdict. `verdict` has said how many engines flag it."""
    return clauses(reasons(why))


def reasons(why: Rule) -> list[str]:
    """The same in parts, what decided first."""
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


def rule(criteria: HostCriteria | None) -> str:
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


def related(count: int) -> str:
    """So many things that VirusTotal has seen at an address or domain."""
    return ngettext("{count} related file or URL", "{count} related files and URLs", count)


KINDS_OF_EVIDENCE = {
    "url": _("a URL on it"),
    "downloaded": _("a file downloaded from it"),
    "communicating": _("a file that contacts it"),
    "referrer": _("a file that mentions it"),
}


def evidence(seen: Evidence) -> str:
    """What was seen, and when."""
    when = day(seen.date) if seen.date else line("no date")
    return beside(KINDS_OF_EVIDENCE[seen.kind], when)


def row(seen: Evidence) -> tuple[str, Line]:
    """The engines that flag it, and what it is, with its URL or SHA-256."""
    return engines(seen.positives, seen.total), join(" · ", [seen.name or "?", evidence(seen)])


# A channel's settings ----------------------------------------------------------------------------------

HOST_RULE = _("IP addresses and domains are judged by")
EVIDENCE_DAYS = _("Evidence against them counts for")
DAYS = _("The number of days")
AS_SET = "as-set"
"""The stored name of a choice that is the operator's."""


def rules(default: HostRule) -> Mapping[str, str]:
    """The rules for hosts, by their stored names; first what the operator chose."""
    return {AS_SET: DEFAULT_RULES[default], **{rule.value: name for rule, name in RULES.items()}}


RULES: Mapping[HostRule, str] = {
    HostRule.SERVED: _("What they served"),
    HostRule.DOCUMENTED: _("Everything that VirusTotal lists, as documented"),
}
DEFAULT_RULES: Mapping[HostRule, str] = {
    HostRule.SERVED: _("Default: what they served"),
    HostRule.DOCUMENTED: _("Default: everything that VirusTotal lists, as documented"),
}


def days_hint(default: int) -> str:
    """What the number means, and the one that applies when the field is empty."""
    return line(
        "Days; older evidence is shown but not counted. 0 means any age. Leave empty for the default ({default}).",
        default=default,
    )


def days(days: int) -> str:
    """How long evidence counts."""
    if not days:
        return line("any age")
    return ngettext("{count} day", "{count} days", days)


# In the picture of what is on record ---------------------------------------------------------------------

SEEN_THERE: Mapping[str, str] = {
    "url": _("URLs on it"),
    "downloaded": _("files downloaded from it"),
    "communicating": _("files that contact it"),
    "referrer": _("files that mention it"),
}


def counts_from(since: datetime) -> Line:
    """The part of the evidence that the rule for hosts counts."""
    return line("URLs and downloads count from {day}", day=day(since))


def seen_there(kind: str, count: int, most: int, newest: datetime) -> Line:
    """What was seen at a host, of one kind, for those who do not see the picture."""
    return line(
        "{kind}: {count}, up to {engines}, the newest of {day}",
        kind=str(SEEN_THERE[kind]),
        count=count,
        engines=engines(most, None),
        day=day(newest),
    )
