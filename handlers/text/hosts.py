"""Sentences about addresses and domains: what is known against them, and by which rule they are judged. They are plain text."""

from collections.abc import Mapping

from handlers.text.format import Line, day, engines, join, line
from vt.evidence import Context, Evidence, HostCriteria, HostRule, Why
from vt.verdict import Rule

AT_RULES = "By other rules and ages"
NOT_COUNTED = "not counted"
MOST_CONTEXT = 3
"""Kinds of context that an answer names, the worst first; Why? has all."""


def judged(why: Rule) -> str:
    """Why a host has its verdict. `verdict` has said how many engines flag it."""
    if not why.count and not why.context:
        return f"none of {related(why.checked)} is flagged"
    if why.criteria and why.criteria.rule is HostRule.SERVED:
        return _by_served(why, why.criteria.days)
    worst = line(": {seen}", seen=evidence(why.evidence)) if why.evidence else ""
    head = line(
        "worst of {related}{worst}, threshold {threshold}",
        related=related(why.checked),
        worst=worst,
        threshold=str(why.threshold),
    )
    told: list[str] = [head]
    if why.hosted != why.count:
        hosted = f"worst file or URL hosted there: {engines(why.hosted or 0, None)}"
        told.append(hosted if why.hosted else "nothing hosted there is flagged")
    if why.recent is not None and why.recent != why.count:
        recent = f"worst of the last 30 days: {engines(why.recent, None)}"
        told.append(recent if why.recent else "nothing flagged in the last 30 days")
    return join("; ", told)


def _by_served(why: Rule, days: int) -> str:
    """What counted, and what is context only."""
    if why.evidence:
        head = line(
            "worst of what it served{age}: {seen}, threshold {threshold}",
            age=age(days),
            seen=evidence(why.evidence),
            threshold=str(why.threshold),
        )
    else:
        head = line(
            "nothing that it served{age} is flagged, threshold {threshold}",
            age=age(days),
            threshold=str(why.threshold),
        )
    return join("; ", [head, *map(context, why.context[:MOST_CONTEXT])])


def age(days: int) -> str:
    """How old evidence may be that counts; "" for any age."""
    if not days:
        return ""
    return " in the last day" if days == 1 else f" in the last {days} days"


CONTEXT: Mapping[tuple[Why, str], str] = {
    (Why.NOT_SERVED, "communicating"): "files that contact it",
    (Why.NOT_SERVED, "referrer"): "files that mention it",
    (Why.OLD, "url"): "older URLs on it",
    (Why.OLD, "downloaded"): "older files downloaded from it",
    (Why.SHARED, "downloaded"): "files downloaded from it, a site that many people upload to",
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
        return "Everything that is listed, as documented"
    return f"What it served{age(criteria.days) or ', at any age'}"


def related(count: int) -> str:
    """So many things that VirusTotal has seen at an address or domain."""
    return f"{count} related file or URL" if count == 1 else f"{count} related files and URLs"


KINDS_OF_EVIDENCE = {
    "url": "a URL on it",
    "downloaded": "a file downloaded from it",
    "communicating": "a file that contacts it",
    "referrer": "a file that mentions it",
}


def evidence(seen: Evidence) -> str:
    """What was seen, and when."""
    when = day(seen.date) if seen.date else "no date"
    return line("{kind} ({when})", kind=KINDS_OF_EVIDENCE[seen.kind], when=when)


def row(seen: Evidence) -> tuple[str, Line]:
    """The engines that flag it, and what it is, with its URL or SHA-256."""
    what = line("{name} · {seen}", name=seen.name or "?", seen=evidence(seen))
    return engines(seen.positives, seen.total), what


# A channel's settings ----------------------------------------------------------------------------------

HOST_RULE = "IP addresses and domains are judged by"
EVIDENCE_DAYS = "Evidence against them counts for"
DAYS = "The number of days"
AS_SET = "as-set"
"""The stored name of a choice that is the operator's."""


def rules(default: HostRule) -> Mapping[str, str]:
    """The rules for hosts, by their stored names; first what the operator chose."""
    names = {
        HostRule.SERVED: "what they served",
        HostRule.DOCUMENTED: "everything that VirusTotal lists, as documented",
    }
    named = {rule.value: name[0].upper() + name[1:] for rule, name in names.items()}
    return {AS_SET: f"Default: {names[default]}", **named}


def days_hint(default: int) -> str:
    """What the number means, and the one that applies when the field is empty."""
    return f"Days; older evidence is shown but not counted. 0 means any age. Leave empty for the default ({default})."


def days(days: int) -> str:
    """How long evidence counts."""
    if not days:
        return "any age"
    return "1 day" if days == 1 else f"{days} days"
