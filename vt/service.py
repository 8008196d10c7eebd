"""The service layer: takes lookups as far as they can go now, with cached replies where there are any.

A turn makes every call that can be made now. Equal resources are asked for once, hashes and URLs in batches.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from vt import errors, steps
from vt.client import Client
from vt.coalescing import (
    NOT_CACHED,
    Answer,
    CachedReply,
    Claimant,
    InFlight,
    MaxAges,
    ReplyCache,
    Saving,
    TimeRange,
)
from vt.codec import PackedReply, Raw
from vt.errors import VTError
from vt.files.provider import noop
from vt.files.transfer import Changes, FileTransfer, OnChange, OnProgress, Places, Work
from vt.indicators import is_internal
from vt.lookup import Lookup, Step
from vt.polling import OUTAGE, Backoff, after_error
from vt.privacy import UploadDenylist
from vt.quota import SKEW, planned
from vt.steps import ENDPOINTS, Call, Endpoints, WantedReply, cache_key, may_use_cached, plan, waits_for_quota

CALLS_AT_ONCE = 16  # of one turn; with 32, replies of 2 MB take more memory than one request may
Lookups = tuple[Lookup, ...]
Clock = Callable[[], datetime]
T = TypeVar("T")


class Service:
    """Looks up indicators and files at VirusTotal, for every request of a process.

    Args:
        client: calls VirusTotal, and books each call against the quota.
        places: where files are read from.
        clock: the time now, in UTC.
        denylist: files that are never uploaded.
        cache: VirusTotal's earlier replies.
        max_ages: cached replies older than this are not used.
        own_domains: the organisation's own domains; they and all their subdomains are never sent.
        endpoints: what each action's steps ask VirusTotal.
        on_saved: called with the number of calls that were not needed, and why.
        outage: how often, and how long, a lookup is tried while VirusTotal does not answer.
        in_flight: what this process is asking now.
        automatic: nobody waits for the lookups.
    """

    def __init__(
        self,
        client: Client,
        *,
        places: Places,
        clock: Clock,
        denylist: UploadDenylist | None = None,
        cache: ReplyCache,
        max_ages: MaxAges = NOT_CACHED,
        own_domains: Collection[str] = (),
        endpoints: Endpoints = ENDPOINTS,
        on_saved: Callable[[Saving, int], None] = lambda _saving, _calls: None,
        outage: Backoff = OUTAGE,
        in_flight: InFlight | None = None,
        automatic: bool = False,
    ) -> None:
        self.client = client
        self._clock = clock
        self._cache = cache
        self._max_ages = max_ages
        self._own_domains = own_domains
        self._endpoints = endpoints
        self._on_saved = on_saved
        self._outage = outage
        self._in_flight = in_flight or InFlight()
        self._automatic = automatic
        self._may_rescan = client.kind == "private"
        never = denylist or UploadDenylist()
        self._transfer = FileTransfer(
            client, places, denylist=never, keep=self._keep, uploads=cache, clock=clock
        )

    async def expand(self, lookups: Lookups) -> Lookups:
        """Replace paths with `*` and `?` by the files that match, and drop repeats. Once, before the first turn."""
        if any(lookup.is_path for lookup in lookups):
            return await self._transfer.expand(lookups)
        unique: dict[tuple[str, str], Lookup] = {}
        for lookup in lookups:
            unique.setdefault((lookup.action.key, lookup.input), lookup)
        return tuple(unique.values())

    async def advance(
        self, lookups: Lookups, on_progress: OnProgress = noop, *, since: datetime | None = None
    ) -> AsyncIterator[Lookups]:
        """Do everything that can be done now; yields all lookups after each change.

        Those that are left then wait for the quota, an analysis or an outage; `next_turn` says until when.
        An upload is yielded before it begins, so that a process that dies during it leaves a mark: the next one asks
        VirusTotal whether the file arrived. `on_progress` hears of bytes hashed and uploaded.
        `since`: replies from before that time are not used.
        """
        board = [self._checked(steps.resumed(lookup)) for lookup in lookups]
        shown = list(lookups)
        size, automatic = self.client.reports_a_call, self._automatic
        async with Claimant(self._cache, self._in_flight, batch_size=size, automatic=automatic) as claimant:
            while True:
                board = await self._recalled(board, claimant, since)
                file_steps: list[Work] = []
                if any(lookup.is_file for lookup in board):
                    # The one branch about files: a request without any does not touch vt/files.
                    board, file_steps = self._transfer.next_steps(board, on_progress)
                if any(now is not before for now, before in zip(board, shown, strict=True)):
                    yield tuple(board)
                work = [*file_steps, *await self._calls(board, claimant)]
                if not work:
                    if not claimant.elsewhere:
                        return
                    await claimant.wait_elsewhere()
                async for changed in run(work):
                    for index, lookup in changed.items():
                        board[index] = lookup
                    yield tuple(board)
                shown = list(board)
                claimant.elsewhere.clear()

    def _checked(self, lookup: Lookup) -> Lookup:
        indicator = None if lookup.settled else lookup.indicator
        is_ours = indicator is not None and is_internal(indicator, self._own_domains)
        return lookup.failed(errors.Internal()) if is_ours else lookup

    async def cached(self, lookups: Sequence[Lookup]) -> Lookups:
        """The lookups, each with its answer where the cache holds one that is recent enough. VirusTotal is not asked."""
        now = self._clock()
        keys = {cache_key(one) for one in lookups if may_use_cached(one, now)}
        known = await self._cache.recall(keys, self._max_ages.range(now)) if keys else {}
        return tuple(self._with_reply(one, known, now) for one in lookups)

    async def _recalled(
        self, board: Sequence[Lookup], claimant: Claimant, since: datetime | None
    ) -> list[Lookup]:
        """The lookups, with the replies that are stored. The rest is claimed, unless somebody else is asking for it."""
        board = list(board)
        while True:
            now = self._clock()
            keys = {cache_key(one): one for one in board if may_use_cached(one, now)}
            wanted = [
                WantedReply.of(one, batched=self._is_batched(one))
                for key, one in keys.items()
                if claimant.is_open(key)
            ]
            if not wanted:
                return board
            within = TimeRange(since, since, now + SKEW) if since else self._max_ages.range(now)
            replies = await claimant.claim(wanted, within)
            board = [self._with_reply(one, replies, now, claimant.saving) for one in board]

    def _is_batched(self, lookup: Lookup) -> bool:
        return self._endpoints[lookup.action.key][lookup.step].batch_size(self.client) > 1

    def _with_reply(
        self,
        lookup: Lookup,
        known: Mapping[str, CachedReply],
        now: datetime,
        saving: Saving = Saving.CACHE,
    ) -> Lookup:
        found = known.get(cache_key(lookup)) if known and may_use_cached(lookup, now) else None
        if found is None:
            return lookup
        raw, at = found
        self._on_saved(saving, 1)
        return steps.after_report(lookup, raw, at, may_rescan=self._may_rescan)

    async def await_batch(self, case_id: str, lookups: Iterable[Lookup]) -> None:
        """Let others' calls ask for what waits for the quota; the case is woken when the reply is there."""
        waiting = [one for one in lookups if waits_for_quota(one)]
        if waiting:
            now = self._clock()
            seconds = max((one.not_before or now) - now for one in waiting).total_seconds()
            wanted = [WantedReply.of(one, batched=self._is_batched(one)) for one in waiting]
            await self._cache.await_batch(case_id, wanted, seconds, automatic=self._automatic)

    async def _keep(self, lookups: Iterable[Lookup], raw: Raw, now: datetime) -> None:
        """Cache a receipt for everybody who looks up one of these in the next minutes: they await the same analysis."""
        keys = {cache_key(lookup): raw for lookup in lookups}
        await self._cache.put(keys, now, unknown=keys)

    async def _calls(self, board: Sequence[Lookup], claimant: Claimant) -> list[Work]:
        """The calls that are due. Reading and uploading files is not among them (FileTransfer.next_steps).

        Last comes the waiting for others' calls, so that no call of ours ever waits behind it.
        """
        now = self._clock()
        due: list[int] = []
        joined: dict[str, list[int]] = {}
        for index, lookup in enumerate(board):
            if not (lookup.due(now) and lookup.value) or lookup.step is Step.UPLOAD:
                continue
            key = cache_key(lookup) if may_use_cached(lookup, now) else ""
            if claimant.is_joined(key):
                joined.setdefault(key, []).append(index)
            elif key not in claimant.elsewhere:
                due.append(index)
        calls = [
            await self._filled(call, board, claimant)
            for call in plan(board, due, self.client, self._endpoints)
        ]
        return [
            *(partial(self._make, call, board, claimant) for call in calls),
            *(partial(self._join, key, tuple(which), board, claimant) for key, which in joined.items()),
        ]

    async def _filled(self, call: Call, board: Sequence[Lookup], claimant: Claimant) -> Call:
        """The call, with what others wait for where it has room left."""
        first = board[call.waiting[0]]
        room = call.endpoint.batch_size(self.client) - len(call.resources)
        if first.step is not Step.ASK or call.endpoint.batch_size(self.client) == 1 or not room:
            return call
        others = await claimant.fill(first.action.cached_as, room)
        resources = (*call.resources, *(one.resource for one in others))
        return replace(call, resources=resources, others=tuple(others))

    async def _make(
        self, call: Call, board: Sequence[Lookup], claimant: Claimant, on_change: OnChange
    ) -> None:
        """Make one call, and take every lookup that waited for it to its next state."""
        waiting = {index: board[index] for index in call.waiting}
        keys = [*map(cache_key, waiting.values()), *(one.key for one in call.others)]
        try:
            with planned(call.bookings, is_poll=call.is_poll):
                replies = await call.endpoint.fetch(self.client, call.resources)
            if not replies:
                raise errors.Dropped
        except VTError as error:
            # Automatic look-ups stop at a reserve that is there for people.
            is_only_ours = self._automatic and isinstance(error, errors.QuotaSpent)
            await claimant.failed(keys, None if is_only_ours else error)
            on_change(self._after_error(waiting, error))
            return
        self._on_saved(Saving.BATCH, len(call.resources) - 1)
        self._on_saved(Saving.COALESCING, len(call.waiting) + len(call.others) - len(call.resources))
        now = self._clock()
        judge = partial(self._judged, waiting, call.others, replies, now)
        changed, answers = await _without_blocking(replies.values(), judge)
        await claimant.succeeded(answers, now, others=bool(call.others))
        on_change(changed)

    def _judged(
        self,
        waiting: Mapping[int, Lookup],
        others: Iterable[WantedReply],
        replies: Mapping[str, Raw],
        now: datetime,
    ) -> tuple[dict[int, Lookup], list[Answer]]:
        """The lookups that have a reply after it, and what everybody else gets. All of one reply, as one is held parsed."""
        changed: dict[int, Lookup] = {}
        answers: list[Answer] = []
        for index, lookup in waiting.items():
            raw = replies.get(lookup.resource)
            if raw is not None:  # what VirusTotal left out of a batch stays due, and is asked for again
                changed[index] = steps.after_reply(lookup, raw, now, may_rescan=self._may_rescan)
            answers.append(Answer.of(cache_key(lookup), lookup, changed.get(index), raw, now))
        answers += [
            Answer.of(one.key, one.lookup, one.lookup, replies.get(one.resource), now) for one in others
        ]
        return changed, answers

    def _after_error(self, waiting: Mapping[int, Lookup], error: VTError) -> dict[int, Lookup]:
        now = self._clock()
        after = partial(after_error, error=error, now=now, outage=self._outage)
        return {index: after(lookup) for index, lookup in waiting.items()}

    async def _join(
        self,
        key: str,
        which: tuple[int, ...],
        board: Sequence[Lookup],
        claimant: Claimant,
        on_change: OnChange,
    ) -> None:
        """Wait for the reply that another lookup of this process has asked for. If there is none, it is asked for."""
        result = await claimant.joined(key)
        waiting = {index: board[index] for index in which}
        if isinstance(result, VTError):
            on_change(self._after_error(waiting, result))
        elif result:
            raw, at = result
            self._on_saved(Saving.COALESCING, len(waiting))
            after_report = partial(steps.after_report, raw=raw, now=at, may_rescan=self._may_rescan)
            on_change(
                await _without_blocking(
                    [raw], lambda: {index: after_report(lookup) for index, lookup in waiting.items()}
                )
            )


async def _without_blocking(raws: Iterable[Raw], make: Callable[[], T]) -> T:
    """What is made of some replies: in a thread if any of them is large."""
    packer = next((raw.opener for raw in raws if isinstance(raw, PackedReply) and raw.opener), None)
    if packer:
        return await packer.in_thread(make)
    return make()


def next_turn(lookups: Lookups) -> datetime | None:
    """When the first unsettled lookup may go on; None when all are settled."""
    waiting = (lookup.not_before for lookup in lookups if not lookup.settled and lookup.not_before)
    return min(waiting, default=None)


async def run(work: Sequence[Work]) -> AsyncIterator[Changes]:
    """Run the work, CALLS_AT_ONCE at a time, and yield each change as it comes.

    What still runs when the consumer stops is cancelled.
    """
    slots = asyncio.Semaphore(CALLS_AT_ONCE)
    queue = asyncio.Queue[Changes | asyncio.Task[None]]()

    async def run(one: Work) -> None:
        async with slots:
            await one(queue.put_nowait)

    tasks = [asyncio.create_task(run(one)) for one in work]
    for task in tasks:
        task.add_done_callback(queue.put_nowait)
    try:
        running = len(tasks)
        while running:
            item = await queue.get()
            if isinstance(item, asyncio.Task):
                running -= 1
                item.result()
            else:
                yield item
    finally:
        for task in tasks:
            task.cancel()
            # Retrieved, or asyncio logs the exception of a task whose result nobody waits for any more.
            task.add_done_callback(lambda one: one.cancelled() or one.exception())
