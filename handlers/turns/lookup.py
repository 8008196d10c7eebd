"""Lookups: a turn does what can be done now, shows how far it has come, and says when to continue.

Until the answer is there, the message that will hold it says how far the lookups are.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from handlers.admission import effective_settings, may_change_all
from handlers.case import Case, Outcome, Sighting
from handlers.deps import AnswerDeps, LookupDeps, PostingDeps
from handlers.files import send_json
from handlers.parser import new_lookup
from handlers.posting import end, judged, reply, without_blocking
from handlers.request import LookupRequest
from handlers.slack_errors import CannotPost, NotPosted, call, is_final
from handlers.text import about as about_text
from handlers.text import errors as errors_text
from handlers.text.format import Audience
from handlers.text.language import language
from handlers.turns import consent
from handlers.views import answer, messages
from handlers.views.answer import AnswerContext
from handlers.views.rich_text import Message
from vt.actions import BY_KEY
from vt.errors import NotAnswering, QuotaSpent
from vt.evidence import Thresholds
from vt.fair_queue import is_news
from vt.indicators import Kind, read
from vt.lookup import Lookup
from vt.results import host_record
from vt.service import next_turn
from vt.steps import brought_forward
from vt.verdict import Finding


async def look_up(case: Case[LookupRequest], deps: LookupDeps) -> None:
    """Look up what was asked for, and the domains of the people that were mentioned."""
    if case.lookups:
        await advance(case, deps, fresh=case.request.fresh)
        return
    case = case.model_copy(update={"lookups": case.request.lookups})
    await _take_turn(case, deps, _first_turn, is_new=True)


async def advance(case: Case, deps: LookupDeps, *, fresh: bool = False, is_new: bool = False) -> None:
    """Do all that can be done now; then answer, or show the progress and schedule the next turn.

    `fresh`: cached replies are not used. `is_new`: the lookups have not been stored yet.
    """
    await _take_turn(case, deps, partial(_advance, fresh=fresh), is_new=is_new)


async def _take_turn(
    case: Case, deps: LookupDeps, go_on: Callable[[Case[Any], LookupDeps], Awaitable[None]], *, is_new: bool
) -> None:
    """The one branch about files: a turn without any does not touch turns/consent.py."""
    if case.has_files:
        await consent.prepare(case, deps, go_on, is_new=is_new)
    else:
        await go_on(case, deps)


async def _first_turn(case: Case[LookupRequest], deps: LookupDeps) -> None:
    case = case.model_copy(update={"lookups": (*case.lookups, *await _people(case, deps))})
    if not case.lookups:
        # No mentioned person has a visible e-mail address.
        await end(await reply(case, messages.note(about_text.NO_MAIL), deps), deps, Outcome.REFUSED)
        return
    await _advance(case, deps, fresh=case.request.fresh)


async def _advance(case: Case, deps: LookupDeps, *, fresh: bool) -> None:
    at, waiting = next_turn(case.lookups), case.lookups
    since = case.request.at if fresh else None
    if at:
        waiting = brought_forward(waiting, deps.clock())
    async with reported(case, deps) as reporting:
        async for lookups in deps.service.advance(waiting, reporting.on_bytes, since=since):
            await reporting.save(lookups)
    promised, case = _promised(case.lookups), reporting.case
    if promised and not _promised(case.lookups):
        await deps.leave_queue(case.request.id)
    at = next_turn(case.lookups)
    if at is None:
        await _answer(case, deps)
    else:
        await _wait(case, at, deps, promised=promised)


async def _answer(case: Case, deps: LookupDeps) -> None:
    """Everything is settled: post the answer, with the question about its files if there is one."""
    now = deps.clock()
    found, sightings = await without_blocking(case, partial(_sighted, case, now))
    await deps.history.remember(case.request.id, case.request.origin, sightings, now)
    questioned = case
    if case.has_files:
        questioned = await consent.mark_asked(case, deps)
    case = await reply(case, await message(questioned, deps, found=found), deps)
    # Saved only once the question is visible: when posting fails, the next turn asks it with a time of its own.
    case = case.model_copy(update={"asked_at": questioned.asked_at})
    if case.plain:
        await send_json(case, found, deps)
    await end(case, deps)


def _sighted(case: Case, now: datetime) -> tuple[list[Finding], list[Sighting]]:
    """The findings, and how they are put on record; each is read once for both."""
    found, sightings = [], []
    for lookup in case.lookups:
        found.append(finding := lookup.finding(now))
        sightings.append(Sighting.of(finding).model_copy(update={"known": host_record(finding)}))
    return found, sightings


async def _wait(case: Case, at: datetime, deps: LookupDeps, *, promised: datetime | None) -> None:
    """Not settled: show what has changed, and schedule the next turn. `promised`: the time of the next call, as the asker was told."""
    now = deps.clock()
    found = await judged(case, now)
    state = " ".join(sorted(f"{one.input}:{one.state}:{one.note or ''}" for one in found))
    if case.channel:
        # A message of the bot's own can be edited at each poll, to say how long it has been.
        state += f" {[lookup.attempts for lookup in case.lookups]}"
    if state != case.told or (promised and is_news(promised, _promised(case.lookups) or at, now)):
        case = await reply(case, await message(case, deps, final=False), deps, final=False)
        await deps.store.save(case.model_copy(update={"told": state}))
    await deps.service.await_batch(case.request.id, case.lookups)
    is_out = any(isinstance(one.error, NotAnswering) for one in found)
    await deps.store.again(case.request.id, at, outage=is_out)


def _promised(lookups: Iterable[Lookup]) -> datetime | None:
    """When the next call of those that wait for the quota may be made; None if none does."""
    queued = (
        one for one in lookups if not one.settled and one.error and one.error["code"] == QuotaSpent.code
    )
    return min((one.not_before for one in queued if one.not_before), default=None)


async def message(
    case: Case,
    deps: AnswerDeps,
    *,
    final: bool = True,
    shared_by: str | None = None,
    hidden: bool = False,
    found: Sequence[Finding] = (),
) -> Message:
    """The answer to a request as it is now, with the question about its files if there is one. Raises StoreDown.

    `found`: its findings, if they are known already.
    `shared_by`: who wants the whole channel to see it. `hidden`: it is shown to the asker alone, whoever saw it before.
    """
    alone = not shared_by and (hidden or not case.is_seen_by_all)
    origin = case.request.origin
    spoken = await (deps.languages.of_person(origin.user) if alone else deps.languages.of_place(origin))
    found = found or await judged(case, deps.clock())
    subjects = {Sighting.of(one).subject for one in found}
    has_question = final and not shared_by and case.has_files and messages.concerns(case.lookups)
    context = AnswerContext(
        case=case.request.id,
        now=deps.clock(),
        final=final,
        shared_by=shared_by or case.sharer,
        public=not hidden and (case.is_seen_by_all or case.request.origin.apart),
        private_key=deps.service.client.kind == "private",
        submit=deps.submit,
        invented=deps.invented,
        instance=deps.instance,
        records=await deps.history.summaries(case.request.origin, subjects, case.request.at),
        reserved=messages.MAX_CHARACTERS if has_question else 0,
        detail=(await deps.channel_settings.recent(origin.team, origin.channel)).detail,
        audience=await _audience(case, found, deps, alone=alone),
    )
    with language(spoken):
        shown = await without_blocking(case, partial(answer.answer, found, context))
        return await consent.with_question(shown, case, deps) if has_question else shown


async def _audience(case: Case, found: Iterable[Finding], deps: AnswerDeps, *, alone: bool) -> Audience:
    """Settings are named to an admin who reads the answer alone, and to nobody else."""
    named = alone and any(one.error and errors_text.names_settings(one.error) for one in found)
    admin = named and await may_change_all(case.request.origin, deps.directory, deps.policy)
    return replace(deps.audience, operator=admin)


# Progress ----------------------------------------------------------------------------------------------

INTERVAL = 3.0
"""Seconds between two edits, and before the first message."""


class Progress:
    """A case during its turn. Two tasks change it: the turn stores lookups, the reporter posts messages."""

    def __init__(self, case: Case, deps: PostingDeps) -> None:
        self.case = case
        self.finished = asyncio.Event()
        self._deps = deps
        self._files: dict[tuple[str, str], tuple[Lookup, int]] = {}
        """The files that are being read or sent, by place and path, with the number of bytes so far."""
        self._storing = asyncio.Lock()
        """Posting the first message stores the case too: an older state must not be stored after a newer one."""

    def on_bytes(self, lookup: Lookup, count: int) -> None:
        """Take note of how many bytes of a file were read, or uploaded, so far."""
        self._files[lookup.place, lookup.input] = (lookup, count)
        if not lookup.value and count == lookup.size:
            del self._files[lookup.place, lookup.input]

    async def save(self, lookups: tuple[Lookup, ...]) -> None:
        """Store the lookups, so that the next turn goes on from there.

        Settled lookups are not stored here, since they are about to be stored with the answer. The exception is an
        upload that was stored as started: that must not be found as started again.
        """
        uploading = any(lookup.upload_started for lookup in self.case.lookups)
        self.case = self.case.model_copy(update={"lookups": lookups})
        if uploading or not all(lookup.settled for lookup in lookups):
            async with self._storing:
                await self._deps.store.save(self.case)

    async def report(self) -> None:
        """Say how far it is, every INTERVAL seconds, until the turn is finished."""
        reported: list[tuple[Lookup, int]] | None = None
        while not self.finished.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.finished.wait(), INTERVAL)
            files = list(self._files.values())
            # A message of the bot's own is edited when there are numbers; a response_url has too few uses for more than one.
            is_worth_saying = bool(files) if self.case.channel else not self.case.posts
            if files == reported or self.finished.is_set() or not is_worth_saying:
                continue
            reported = files
            with suppress(NotPosted, CannotPost):
                await self._say(messages.progress(files))

    async def _say(self, message: Message) -> None:
        if self.case.channel:
            await reply(self.case, message, self._deps, final=False)
            return
        async with self._storing:
            try:
                self._update(await reply(self.case, message, self._deps, final=False))
            except NotPosted:
                # Slack may have posted it all the same. The store knows where it was to be posted, so that the answer
                # replaces it; a later save of our copy must not erase that.
                self._update(await self._deps.store.case(self.case.request.id) or self.case)
                raise

    def _update(self, case: Case) -> None:
        """Take over where the message is; the lookups here are newer."""
        self.case = case.model_copy(update={"lookups": self.case.lookups})


@asynccontextmanager
async def reported(case: Case, deps: PostingDeps) -> AsyncIterator[Progress]:
    """While the context is open, progress is reported in the message that will hold the answer."""
    progress = Progress(case, deps)
    reporter = asyncio.create_task(progress.report())
    try:
        yield progress
    finally:
        # A message that is being sent is waited for: it must not arrive after the answer.
        progress.finished.set()
        await reporter


# What to look up -----------------------------------------------------------------------------------------


async def _people(case: Case[LookupRequest], deps: LookupDeps) -> list[Lookup]:
    """A lookup for each mentioned person that has an e-mail address, with the threshold of the channel."""
    if not case.request.people:
        return []
    thresholds, _ = await effective_settings(case.request.origin, deps.channel_settings, deps.thresholds)
    people = [await _person(user, thresholds, deps) for user in case.request.people]
    return [lookup for lookup in people if lookup]


async def _person(user: str, thresholds: Thresholds, deps: LookupDeps) -> Lookup | None:
    """The domain report for a person's e-mail address; None when Slack shows none. Raises NotPosted for another try."""
    try:
        profile = (await call(deps.slack.users_info, user=user))["user"].get("profile")
    except NotPosted as error:
        if is_final(error):
            return None
        raise
    email = profile.get("email") if isinstance(profile, dict) else None
    indicator = read(email) if isinstance(email, str) else None
    if indicator is None or indicator.kind is not Kind.EMAIL:
        return None
    return new_lookup(indicator, BY_KEY["domain-report"], thresholds)
