"""Pictures of what is on record about an indicator: engines over time, and at hosts the evidence by date.

`/vt report`, and the button in Details. A picture is seen by the asker alone, in their direct messages, unless it was to be
shared or was asked for where everybody reads along.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from handlers.case import Case, Sighting, Summary, is_shared
from handlers.deps import History, Judged, Replies, ReportDeps
from handlers.files import send_file_to
from handlers.instances import for_reading
from handlers.posting import channel_of, end, judged, post, reply
from handlers.request import AnswerRequest, Origin, ReportRequest
from handlers.slack_errors import NotPosted
from handlers.text import about as about_text
from handlers.text import findings as findings_text
from handlers.text import modals
from handlers.text.findings import STATES
from handlers.text.format import cut, day, fault, minute
from handlers.text.language import Language, User, enumerated, join, language, line, sentences
from handlers.turns.buttons import answer_or_decline, show_new
from handlers.views import layout, messages
from handlers.views.details import Attachment
from handlers.views.rich_text import clean
from vt.evidence import LONG_AGO, Evidence, HostRule, record
from vt.indicators import is_internal
from vt.lookup import Lookup
from vt.models import HostReport
from vt.privacy import masked
from vt.steps import cache_key
from vt.verdict import Finding, State

log = structlog.get_logger()

MOST_LOOKUPS = 1000
"""Lookups that are drawn: the newest ones."""
MOST_EVIDENCE = 1000
"""Pieces of evidence that are drawn. VirusTotal lists at most 400."""
SUBJECT_CHARACTERS = 105
"""The longest that an indicator may be in a picture: more would not fit its width."""
ALT_CHARACTERS = 1000
"""The longest alternative text that Slack's own form allows."""


@dataclass(frozen=True, slots=True)
class Chart:
    """What a picture is to show."""

    name: str  # the name of its file
    description: str  # JSON text, as bot/chart.py reads it
    alt: str  # what it shows, in words


async def draw_report(case: Case[ReportRequest], deps: ReportDeps) -> None:
    """Draw what is on record about indicators, one picture each, and send the pictures."""
    found = [await with_cached_reply(one, deps.replies, deps.clock()) for one in case.request.lookups]
    await end(await _answer(case, found, deps), deps)


async def draw_finding(case: Case[AnswerRequest], deps: ReportDeps) -> None:
    """Draw what is on record about one finding of an answer, for whoever looks at its details."""
    about = await answer_or_decline(case, deps)
    if about is None:
        return
    deps, findings = for_reading(deps, about), await judged(about, deps.clock())
    _, position = layout.select(findings, layout.parse_position(case.request.part))
    found = [(about.lookups[position.finding], findings[position.finding])]
    await end(await _answer(case, found, deps), deps)


async def _answer(case: Case[Any], found: Sequence[tuple[Lookup, Finding]], deps: ReportDeps) -> Case[Any]:
    """Send a picture of each, and say where they are and what could not be drawn."""
    made = [await _picture(lookup, finding, case, deps) for lookup, finding in found]
    pictures = [one for one in made if isinstance(one, Attachment)]
    problems = [one for one in made if isinstance(one, str)]
    said = join("\n", [await _send(pictures, case, deps), *problems])
    if not said:
        return case
    if isinstance(case.request, ReportRequest) and problems:
        return await reply(case, messages.note(said), deps)
    is_told = await show_new(case, messages.note(said), deps)
    if problems and not is_told:
        channel = await channel_of(case.request.origin.user, deps)
        return await post(case, messages.note(said), deps, channel=channel, thread=None)
    return case


async def _picture(lookup: Lookup, finding: Finding, case: Case[Any], deps: ReportDeps) -> Attachment | str:
    """The picture, or the sentence why there is none."""
    subject = findings_text.subject(finding)
    if finding.indicator and is_internal(finding.indicator, deps.rules.own_domains):
        return line(modals.INTERNAL, subject=subject)
    chart = await on_record(lookup, finding, case.request.origin, deps.history, deps.clock())
    if chart is None:
        return line(modals.NOTHING_ON_RECORD, subject=subject)
    try:
        png = await deps.draw(chart.description)
    except OSError as error:
        log.warning("picture_not_drawn", case=case.request.id, error=type(error).__name__)
        return fault(modals.PICTURE_FAILED, subject=subject).to(deps.audience.about(case.request.id))
    return Attachment(chart.name, png, chart.alt)


async def _send(pictures: Sequence[Attachment], case: Case[Any], deps: ReportDeps) -> str:
    """Send the pictures where they were asked for, if everybody may see them there, else to the asker's direct messages.

    Returns the sentence that says where they are; "" when they are where they were asked for, or there are none.
    """
    if not pictures:
        return ""
    origin = case.request.origin
    # A file in a channel is seen by all of it.
    is_public = is_shared(case.request) or origin.response_url is None
    is_for_everybody = isinstance(case.request, ReportRequest) and not origin.apart and is_public
    if is_for_everybody:
        comment = line(about_text.ASKED_BY, user=User(origin.user)) if origin.response_url else ""
        sent = [
            await send_file_to(origin.channel, one, case, deps, thread=origin.thread, comment=comment)
            for one in pictures
        ]
        if all(sent):
            return ""
    for one in pictures:
        if not await send_file_to(origin.user, one, case, deps):
            raise NotPosted
    return str(modals.NOT_IN_CHANNEL if is_for_everybody else modals.PICTURE_SENT)


# What is drawn -------------------------------------------------------------------------------------------


async def with_cached_reply(lookup: Lookup, replies: Replies, now: datetime) -> tuple[Lookup, Finding]:
    """An indicator that is not looked up now, with what VirusTotal's last reply says, if it is still stored."""
    key = cache_key(lookup)
    stored = await replies.get([key], LONG_AGO)
    return lookup, lookup.judged(stored[key], now) if key in stored else lookup.finding(now)


async def on_record(
    lookup: Lookup, finding: Finding, origin: Origin, history: History, now: datetime
) -> Chart | None:
    """The chart of what the asker's workspace has on record about a finding; None when that is no verdict."""
    subject = Sighting.of(finding).subject
    summary = (await history.summaries(origin, [subject], now)).get(subject)
    judged = await history.timeline(origin, subject, MOST_LOOKUPS)
    if summary is None or summary.last is None or not judged:
        return None
    return chart(lookup, finding, summary, summary.last, judged, now)


def chart(
    lookup: Lookup,
    finding: Finding,
    summary: Summary,
    last: Sighting,
    judged: Sequence[Judged],
    now: datetime,
) -> Chart:
    """What the picture shows. `judged`: the newest first."""
    evidence = _dated(finding, last)
    counted = _counts_from(lookup, now) if evidence else None
    panels: list[dict[str, Any]] = [
        {"name": "record", "points": [(at.timestamp(), count, state) for at, state, count in judged]}
    ]
    if evidence:
        points = [(date.timestamp(), one.positives, one.kind) for date, one in evidence]
        since = counted.timestamp() if counted else None
        panels.append({"name": "evidence", "points": points, "since": since, "until": now.timestamp()})

    def words() -> dict[str, str]:
        """The words of the picture, in the language that is spoken now."""
        return {
            "state": last.state.value,
            "subject": " ".join(clean(findings_text.subject(finding, SUBJECT_CHARACTERS)).split()),
            "title": str(findings_text.verdict_words(last.state, last.count, last.total)),
            "summary": str(modals.looked_up(summary.times, summary.since, judged[0][0], len(judged))),
            "foot": str(line(modals.PICTURE_DATED, at=minute(now))),
            "threshold": str(modals.risky_from(lookup.threshold)),
            "counted": str(line(modals.COUNTS_FROM, day=day(counted))) if counted else "",
            **{state.value: str(word) for state, word in STATES.items()},
            **{name: str(word) for name, word in {**modals.PICTURE_WORDS, **modals.SEEN_THERE}.items()},
        }

    shown = words()
    with language(Language.ENGLISH):
        english = words()
    description = {"words": shown, "english": english, "threshold": lookup.threshold, "panels": panels}
    said = [
        enumerated([shown["title"], day(judged[0][0])]),
        shown["summary"],
        _timeline(judged),
        shown["threshold"],
        *_seen_there(evidence),
    ]
    told = sentences(*(line("{sentence}.", sentence=one) for one in said if one))
    alt = line("{name}: {value}", name=shown["subject"], value=told)
    return Chart(_file_name(finding), json.dumps(description), cut(alt, ALT_CHARACTERS))


def _dated(finding: Finding, last: Sighting) -> list[tuple[datetime, Evidence]]:
    """The dated evidence at a host: of the reply, or of what is on record of an earlier one."""
    known = record(finding.report) if isinstance(finding.report, HostReport) else last.known
    flagged = known.flagged if known else ()
    return [(one.date, one) for one in flagged if one.date][:MOST_EVIDENCE]


def _counts_from(lookup: Lookup, now: datetime) -> datetime | None:
    """From when on the rule for hosts counts evidence; None: it has no such date."""
    criteria = lookup.criteria
    is_limited = criteria.rule is HostRule.SERVED and criteria.days > 0
    return now - timedelta(days=criteria.days) if is_limited else None


def _timeline(judged: Sequence[Judged]) -> str:
    states = [state for _, state, _ in judged]
    counts = {state: states.count(state) for state in State if state in states}
    engines = [count for _, _, count in judged]
    return modals.timeline(counts, min(engines), max(engines))


def _seen_there(evidence: Sequence[tuple[datetime, Evidence]]) -> Iterator[str]:
    for kind in modals.SEEN_THERE:
        found = [(date, one.positives) for date, one in evidence if one.kind == kind]
        if found:
            most = max(positives for _, positives in found)
            yield modals.seen_there(kind, len(found), most, max(date for date, _ in found))


def _file_name(finding: Finding) -> str:
    about = masked(finding.indicator.value if finding.indicator else finding.input)
    return f"virustotal-report-{re.sub(r'[^A-Za-z0-9.-]+', '_', about)[:80].strip('_.')}.png"
