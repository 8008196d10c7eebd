"""`vtbot ask`: what is asked, by the words after it or the text on standard input, and the answer in the terminal."""

import asyncio
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot import file_sources, instances
from bot.backend import Backend, backend, new_id
from bot.chart import CHARTS, Charts
from bot.settings import Settings
from bot.terminal import DONE, FAILED, NOT_DONE, SPENT, WRONG, healthy, new_file, operator, say, show
from handlers import commands, people
from handlers.case import Sighting, StoreDown
from handlers.instances import taken
from handlers.parser import check_options, parse, parse_options, parse_values, with_hyphens
from handlers.request import Origin, Verb
from handlers.text import about, modals
from handlers.text import files as files_text
from handlers.text import findings as findings_text
from handlers.text import terminal as terminal_text
from handlers.text import usage as usage_text
from handlers.text.format import Audience, fault, minute
from handlers.text.language import line
from handlers.turns import consent
from handlers.turns.lookup import INTERVAL
from handlers.turns.report import on_record, with_cached_reply
from handlers.views import answer, messages
from handlers.views.answer import AnswerContext
from vt.actions import BY_KEY
from vt.errors import Internal, NotAnswering, NotPublic, QuotaSpent, Unreachable, Unsupported
from vt.evidence import Thresholds
from vt.lookup import Lookup, Step
from vt.privacy import UploadPolicy
from vt.quota import asking
from vt.results import json_text
from vt.service import Lookups, next_turn
from vt.verdict import Finding, Note, State

DASH = "-"  # stands for standard input
OWN_OPTIONS = {"json": "--json", "fail-on": "--fail-on risky", "wait": "--wait"}
"""Of `vtbot ask`, beside those of a command, each with an example."""
LONGEST_WAIT = timedelta(minutes=2)
"""How long VirusTotal may be out of reach, or the quota spent, before there is no answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """The words after `ask`, without its own options, and those."""

    line: str
    as_json: bool = False
    fail_on: Collection[State] = ()
    """The states with which it fails."""
    wait: bool = False  # for the quota, however long that takes


class NoQuestion(Exception):
    """No text was typed, and standard input is closed, or a terminal where nobody said that they would type it."""


def command(line: str, thresholds: Thresholds) -> commands.Command:
    """The command of a line that was typed after `ask`. Raises UsageError, NoQuestion.

    Without a value, or with `-` for one, the values are read from standard input. There they are only text: a word
    such as `watch` or `--share` in somebody's notes is no command. `scan-file -` is about the bytes of standard input.
    """
    line = with_hyphens(line.removeprefix("/vt ")).strip()
    first, _, rest = line.partition(" ")
    action = BY_KEY.get(first.lower())
    if action and action.files:
        return parse(line, thresholds, has_entities=False)
    options, value = parse_options(rest if action else line, strict=False)
    if value.strip() not in ("", DASH):
        return parse(line, thresholds, has_entities=False)
    text = file_sources.standard_input(asked_for=value.strip() == DASH)
    if text is None:
        raise commands.NoValue(action) if action else NoQuestion
    check_options(action, options)
    return parse_values(action, text, options, thresholds, partial=True)


async def run(settings: Settings, question: Question) -> int:
    """One answer.

    Exit status 1 when something could not be checked, 4 when that is for want of quota, 2 when the question is wrong, 3
    for what `--fail-on` names.
    """
    parsed = _parsed(settings, question.line)
    if parsed is None:
        return WRONG
    name, wanted = parsed
    if wanted.verb is Verb.HELP:
        show(messages.help_message(has_choice=bool(settings.instances_file)))
        return DONE
    wrong = wanted.wrong if isinstance(wanted, commands.LookupCommand) else ()
    if wrong:
        say(usage_text.wrong_values(wrong))
    if isinstance(wanted, commands.LookupCommand):
        wanted = replace(wanted, lookups=tuple(map(file_sources.from_dash, wanted.lookups)))
    lookups = wanted.lookups if isinstance(wanted, commands.LookupCommand) else ()
    if file_sources.stdin_is_closed(lookups):
        say(files_text.NO_STDIN)
        return WRONG
    try:
        async with (
            file_sources.stdin_kind(settings, lookups) as kinds,
            backend(settings, kinds=kinds) as parts,
        ):
            parts = parts.asking(name or parts.name)  # noqa: PLW2901 - the same, but for the instance
            if isinstance(wanted, commands.ReportCommand):
                charts = Charts(settings.state_dir / CHARTS)
                status = max(
                    [await _report(one, parts, charts, operator(settings)) for one in wanted.lookups]
                )
            else:
                place = new_id()
                with asking(place, place):  # an asker of its own, who keeps the place in the quota's queue
                    status = await _answer(parts, wanted, settings, question)
            return NOT_DONE if wrong and status == DONE else status
    except StoreDown:
        say(about.CANNOT_TAKE)
        return NOT_DONE


def _parsed(settings: Settings, line: str) -> tuple[str, commands.Command] | None:
    """The instance of VirusTotal that is named, or "", and the command. None when it is wrong, which is said then."""
    name, line = taken(line) if settings.instances_file else ("", line)
    known = instances.instances(settings) if name else {}
    if name not in (*known, ""):
        say(about.instance_refused(people.InstanceUnknown(name, tuple(known)), operator(settings)))
        return None
    try:
        return name, command(line, settings.verdicts)
    except NoQuestion:
        say(terminal_text.NO_QUESTION)
    except commands.UsageError as usage_error:
        if isinstance(usage_error, commands.UnknownOption):
            usage_error.nearest = commands.nearest(usage_error.option.lstrip("-"), tuple(OWN_OPTIONS))
            usage_error.more = tuple(OWN_OPTIONS.values())
        say(usage_text.usage_error(usage_error, operator(settings)))
    return None


async def _answer(parts: Backend, wanted: commands.Command, settings: Settings, question: Question) -> int:
    policy, audience = settings.upload_policy, operator(settings)
    if wanted.verb is Verb.PING:
        return await healthy({**parts.pings(), "database": parts.cases.ping}, audience)
    if wanted.verb is Verb.QUOTA:
        several = about.quotas(await parts.quotas()) if parts.has_choice else ""
        show(messages.note(several or about.quota(await parts.key.quota_store.left())))
        return DONE
    if not isinstance(wanted, commands.LookupCommand):
        say(terminal_text.ONLY_IN_SLACK)
        return WRONG
    if not wanted.lookups:
        say(about.NO_MAIL)
        return WRONG
    is_allowed = policy is UploadPolicy.ALLOW
    lookups = tuple(one.auto_consented() for one in wanted.lookups) if is_allowed else wanted.lookups
    prepared = await parts.key.service.expand(lookups)
    lookups = await _settled(parts, prepared, question, fresh=wanted.fresh)
    if files := messages.asked_about(lookups):
        left = sum(lookup.note is Note.NEEDS_CONSENT for lookup in lookups) - len(files)
        if policy is UploadPolicy.CONFIRM and await _agrees(files, left):
            lookups = await _settled(parts, consent.agree(lookups), question)
        else:
            say(files_text.UPLOADS_DENIED if policy is UploadPolicy.DENY else files_text.NOT_AGREED)
    found = [lookup.finding(parts.clock()) for lookup in lookups]
    if question.as_json:
        sys.stdout.writelines(json_text(found))
        sys.stdout.write("\n")
    else:
        context = AnswerContext(parts.clock(), final=False, invented=parts.invented, audience=audience)
        context = replace(context, instance=parts.name if parts.has_choice else "")
        show(answer.answer(found, context))
    return _status(found, question)


def _status(found: Sequence[Finding], question: Question) -> int:
    """The exit status of an answer. Says on stderr when the quota is back."""
    back = [one.until for one in found if isinstance(one.error, QuotaSpent) and one.until]
    if back:
        say(line(about.QUOTA_SPENT, at=minute(min(back))))
    if any(one.state in question.fail_on for one in found):
        return FAILED
    if back:
        return SPENT
    return NOT_DONE if any(map(_missing, found)) else DONE


async def _report(lookup: Lookup, parts: Backend, charts: Charts, audience: Audience) -> int:
    """Draw what is on record about an indicator into a file of the current folder. NOT_DONE: there is no picture.

    A terminal is in no workspace: it is the record of the one that looked it up last.
    """
    now = parts.clock()
    lookup, finding = await with_cached_reply(lookup, parts.key.replies, now)
    team = await parts.history.newest_team(Sighting.of(finding).subject)
    chart = await on_record(lookup, finding, Origin(team=team, user="", channel=""), parts.history, now)
    if chart is None:
        say(line(modals.NOTHING_ON_RECORD, subject=findings_text.subject(finding)))
        return NOT_DONE
    try:
        picture = await charts.draw(chart.description)
    except OSError:
        say(fault(modals.PICTURE_FAILED, subject=findings_text.subject(finding)).to(audience))
        return NOT_DONE
    try:
        path = new_file(chart.name, picture)
    except OSError:
        say(line(terminal_text.PICTURE_UNSAVED, path=chart.name))
        return NOT_DONE
    show(messages.note(chart.alt))
    show(messages.note(line(terminal_text.PICTURE_SAVED, path=str(path))))
    return DONE


async def _agrees(files: Sequence[Lookup], left: int) -> bool:
    """Asked at a terminal, and nowhere else: a script cannot agree by chance. `left`: files that are not asked about."""
    with file_sources.keyboard(files) as keyboard:
        if keyboard is None or not sys.stderr.isatty():
            return False
        if left:
            say(files_text.more(left))
        sys.stderr.write(f"vtbot: {messages.plain_question(files)} [y/N] ")
        sys.stderr.flush()
        return (await asyncio.to_thread(keyboard.readline)).strip().lower() in ("y", "yes")


def _missing(finding: Finding) -> bool:
    """Not checked though it could be; that an internal address is not sent is an answer."""
    if finding.note is Note.NEEDS_CONSENT:
        return True
    return finding.state is State.NOT_CHECKED and not isinstance(
        finding.error, Internal | NotPublic | Unsupported
    )


class _Progress:
    """Says on stderr how far a file is, at most every three seconds."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def on_bytes(self, lookup: Lookup, count: int) -> None:
        """Take note of how many bytes of a file were read, or uploaded, so far."""
        if time.monotonic() - self._last > INTERVAL:
            self._last = time.monotonic()
            say(messages.progress_line(lookup, count))


async def _settled(parts: Backend, lookups: Lookups, question: Question, *, fresh: bool = False) -> Lookups:
    """Go on until everything is settled, and say on stderr what is waited for."""
    progress = _Progress()
    since = parts.clock() if fresh else None
    while True:
        async for board in parts.key.service.advance(lookups, progress.on_bytes, since=since):
            lookups = board
        lookups = tuple(_given_up(lookup, parts.clock(), wait=question.wait) for lookup in lookups)
        at = next_turn(lookups)
        if at is None:
            return lookups
        for lookup in lookups:
            if not lookup.settled:
                found = lookup.finding(parts.clock())
                rule = findings_text.rule(found, parts.clock())
                say(f"{findings_text.verdict(found)} {findings_text.subject(found, 120)} {rule}")
        await asyncio.sleep(max(0.0, (at - parts.clock()).total_seconds()))


def _given_up(lookup: Lookup, now: datetime, *, wait: bool = False) -> Lookup:
    """The lookup; ended, if it takes longer than LONGEST_WAIT: somebody sits at the terminal and can ask again.

    An analysis may take longer, and the quota if somebody wants to `wait` for it.
    """
    is_spent = lookup.error is not None and lookup.error["code"] == QuotaSpent.code
    if is_spent and not wait and lookup.not_before and lookup.not_before - now > LONGEST_WAIT:
        return lookup.evolve(step=Step.DONE)
    if lookup.settled or lookup.step is Step.WAIT or lookup.waiting_since is None:
        return lookup
    error = lookup.finding(now).error
    if isinstance(error, Unreachable) and error.why:  # theirs to mend
        return lookup.refused(error)
    return lookup.refused(NotAnswering()) if now - lookup.waiting_since > LONGEST_WAIT else lookup
