"""What follows from a finding: the insight, the documented results, its page at VirusTotal, what was known before. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from itertools import count
from urllib.parse import quote

from vt.actions import Action
from vt.codec import PackedReply
from vt.enrichment import Detection, Field, Values, detecting, value_of
from vt.errors import Internal, NotPublic, Sensitive
from vt.evidence import Evidence, HostCriteria, HostRecord, HostRule, condensed, flagged, newest, record
from vt.indicators import Kind
from vt.models import AddressReport, Code, DomainReport, HostReport
from vt.privacy import masked
from vt.verdict import Basis, Finding, State, state_of, weigh

GUI = "https://www.virustotal.com/gui"
INSIGHT = "Entity Insight"
MOST_INDENTED = 1 << 19
"""Characters of a reply that is indented in the JSON for people."""
_dumps = partial(json.dumps, ensure_ascii=False)
SAYS_NOTHING = frozenset({"", "none", "uncategorized", "unknown", "unrated"})
"""Values that say that there is no category."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is known about an address or domain besides its verdict, and the newest evidence against it."""

    categories: tuple[str, ...]
    country: str | None
    owner: str | None
    network: str | None
    newest: Evidence | None


@dataclass(frozen=True, slots=True)
class Insight:
    """The documented insight, with the numbers of the rule that decided. `rows` for addresses."""

    title: str
    warning: bool
    rows: tuple[Field, ...] = ()
    count: int | None = None
    total: int | None = None
    threshold: int | None = None


def names(finding: Finding, most: int = 3) -> tuple[Detection, ...]:
    """What the best-known engines call it, at most `most` of them."""
    return tuple(one for one in detecting(finding.report) if one.result)[:most]


def place(finding: Finding) -> Place | None:
    """What is known about an address or domain. None for files and URLs, and when VirusTotal has no report."""
    report = finding.report
    if not isinstance(report, HostReport) or report.response_code != Code.FOUND:
        return None
    address = report if isinstance(report, AddressReport) else None
    return Place(
        categories=_categories(report) if isinstance(report, DomainReport) else (),
        country=address.country if address else None,
        owner=address.as_owner if address else None,
        network=address.network if address else None,
        newest=newest(one for one in flagged(report) if one.positives),
    )


def insight(finding: Finding) -> Insight | None:
    """For an address with a report: always, as a warning when RISKY. For files and URLs: only when RISKY."""
    rule = finding.rule
    report = finding.report
    risky = finding.state is State.RISKY
    numbers = (rule.count, rule.total, rule.threshold) if rule else (None, None, None)
    if isinstance(report, AddressReport) and report.response_code == Code.FOUND:
        rows = (
            Field("Country", report.country or None),
            Field("Malicious Referrer Samples", len(report.detected_referrer_samples)),
            Field("Malicious Downloaded Samples", len(report.detected_downloaded_samples)),
            Field("Malicious Communicating Samples", len(report.detected_communicating_samples)),
            Field("Malicious URLs", len(report.detected_urls)),
        )
        return Insight(INSIGHT, risky, rows, *numbers)
    if risky and rule and rule.basis is Basis.ENGINES:
        return Insight(INSIGHT, risky, (), *numbers)
    return None


def json_text(findings: Sequence[Finding]) -> Iterator[str]:
    """The documented JSON, in pieces: by path when all are files, otherwise a list; null where VirusTotal gave no reply.

    Replies are unchanged, but for the `resource` of a URL: it is the URL as asked, like the Entity, while VirusTotal echoes
    the normalised form that it was asked for. A packed reply is held for as long as its own pieces take.
    """
    by_path = bool(findings) and all(finding.action.files for finding in findings)
    named = zip(findings, _unique([finding.input for finding in findings]), strict=True)
    yield "{" if by_path else "["
    for number, (finding, name) in enumerate(named):
        yield ",\n " if number else "\n "
        yield f"{_dumps(name)}: " if by_path else '{\n  "EntityResult": '
        yield from _reply(finding, 1 if by_path else 2)
        yield "" if by_path else f',\n  "Entity": {_dumps(_entity(finding))}\n }}'
    yield ("\n" if findings else "") + ("}" if by_path else "]")


def _reply(finding: Finding, level: int) -> Iterator[str]:
    """A finding's reply as JSON. A large one is not indented: that would take a second for each."""
    raw, kind = finding.raw, finding.indicator.kind if finding.indicator else None
    if raw is not None and kind is Kind.URL and isinstance(raw.get("resource"), str):
        raw = {**raw, "resource": finding.input}
    if isinstance(raw, PackedReply) and len(text := raw.text) > MOST_INDENTED:
        yield text
        return
    for piece in json.JSONEncoder(ensure_ascii=False, indent=1).iterencode(raw and dict(raw)):
        yield piece.replace("\n", f"\n{' ' * level}")


def _entity(finding: Finding) -> str:
    """As it was asked for. A URL that was withheld for its secret is given without it: others may read the result too."""
    is_withheld = isinstance(finding.error, Sensitive) and finding.indicator
    return masked(finding.indicator.value) if finding.indicator and is_withheld else finding.input


def _unique(names: Sequence[str]) -> Iterator[str]:
    """The names, made unique with a number: files of different places may have the same name."""
    told: set[str] = set()
    for name in names:
        free = (f"{name} ({number})" if number > 1 else name for number in count(1))
        told.add(one := next(one for one in free if one not in told))
        yield one


def script_result(action: Action, findings: Iterable[Finding]) -> bool:
    """The documented boolean. `is_risky`: at least one is RISKY. `is_success`: VirusTotal answered for at least one."""
    states = {finding.state for finding in findings}
    if action.script_result == "is_risky":
        return State.RISKY in states
    return bool(states - {State.NOT_CHECKED, State.PENDING})


def gui_link(finding: Finding) -> str | None:
    """Its page on virustotal.com. None when it has none, or when VirusTotal must not learn of it."""
    indicator = finding.indicator
    if indicator is None or isinstance(finding.error, Internal | NotPublic | Sensitive):
        return None
    match indicator.kind:
        case Kind.IPV4 | Kind.IPV6:
            return f"{GUI}/ip-address/{quote(indicator.value, safe=':')}"
        case Kind.DOMAIN | Kind.EMAIL:
            return f"{GUI}/domain/{quote(indicator.value.rpartition('@')[2], safe='')}"
        case Kind.URL:
            return f"{GUI}/url/{_url_id(finding, indicator.value)}"
        case _:
            content = _digest(getattr(finding.report, "sha256", None)) or _digest(indicator.value)
            return f"{GUI}/file/{content}" if content else None


def _url_id(finding: Finding, url: str) -> str:
    """VirusTotal's id of a URL: the SHA-256 of the whole, including the fragment, with "/" as an empty path."""
    scan_id = getattr(finding.report, "scan_id", None) or ""
    host = url.partition("://")[2]
    normal = url if set("/?#") & set(host) else f"{url}/"
    return _digest(scan_id.partition("-")[0]) or sha256(normal.encode("utf-8", "replace")).hexdigest()


def _digest(value: object) -> str | None:
    return value.lower() if isinstance(value, str) and re.fullmatch("[0-9a-fA-F]{64}", value) else None


def _categories(report: DomainReport) -> tuple[str, ...]:
    values = map(value_of, (*report.categories, *report.vendor_categories))
    said = [one for value in values for one in (value.values if isinstance(value, Values) else (value,))]
    told: dict[str, str] = {}
    for text in said:
        if isinstance(text, str):
            # "searchengines" and "search_engines" are the same category.
            told.setdefault("".join(filter(str.isalnum, text.casefold())), text)
    return tuple(text for key, text in told.items() if key not in SAYS_NOTHING)


# What was known before ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Judgement:
    """A state with the engines that people read beside it; `count` is None when there was no verdict."""

    state: State
    count: int | None = None
    total: int | None = None


def host_record(finding: Finding) -> HostRecord | None:
    """What is known against a host, short enough to be stored; None for files and URLs, and without a verdict."""
    report = finding.report
    return condensed(record(report)) if finding.rule and isinstance(report, HostReport) else None


def judgement(finding: Finding) -> Judgement:
    """What a finding says."""
    return Judgement(finding.state, *(finding.rule.worst if finding.rule else ()))


def rejudged(then: Judgement, known: HostRecord | None, at: datetime, finding: Finding) -> Judgement:
    """What was said at a time before, by the threshold and rule of a finding of today: only like can be compared with like.

    `known`: what was known against a host then. Versions that did not store it had the documented rule.
    """
    rule = finding.rule
    if rule is None or then.count is None:
        return then
    if known is not None and rule.criteria is not None:
        judged = weigh(known, rule.threshold, rule.criteria, at)
    else:
        judged = replace(rule, count=then.count, total=then.total, context=())
    return Judgement(state_of(judged), *judged.worst)


def judged_if_changed(
    then: Judgement, known: HostRecord | None, at: datetime | None, finding: Finding
) -> Judgement | None:
    """What was said before, judged as a finding of today is; None when that is what the finding says."""
    now = finding.checked_at
    if now is None:
        return None
    before = rejudged(then, known, at or now, finding)
    today = judgement(finding) if known else by_documented_rule(finding, now)
    return None if (before.state, before.count) == (today.state, today.count) else before


def by_documented_rule(finding: Finding, now: datetime) -> Judgement:
    """What a finding about a host says by the documented rule."""
    rule = finding.rule
    if rule is None or not isinstance(finding.report, HostReport):
        return judgement(finding)
    documented = weigh(record(finding.report), rule.threshold, HostCriteria(HostRule.DOCUMENTED), now)
    return Judgement(state_of(documented), documented.count, documented.total)


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings in the order to read them: by state, then by count; equal ones keep their order."""
    order = list(State).index
    return tuple(sorted(findings, key=lambda one: (order(one.state), -one.rule.worst[0] if one.rule else 0)))
