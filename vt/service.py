"""The service layer: takes lookups as far as they can go now, with cached replies where there are any.

A turn makes every call that can be made now. Equal resources are asked for once, hashes and URLs in batches.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from vt import errors, steps
from vt.client import Client
from vt.coalescing import (
    NOT_CACHED,
    CachedReply,
    MaxAges,
    NullCache,
    ReplyCache,
    cache_key,
    is_cacheable,
    may_use_cached,
)
from vt.errors import VTError
from vt.fair_queue import Plan, planned
from vt.files.hashing import noop
from vt.files.transfer import FileTransfer, OnChange, OnProgress, Places, Work
from vt.indicators import is_internal
from vt.lookup import Lookup, Step
from vt.outage import OUTAGE, Backoff
from vt.privacy import UploadDenylist
from vt.quota import Saving
from vt.steps import ENDPOINTS, Endpoint, Endpoints
from vt.stored import Raw

CALLS_AT_ONCE = 16

Lookups = tuple[Lookup, ...]
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Call:
    """One call to make for some resources, and the lookups that wait for it, by their index."""

    endpoint: Endpoint
    resources: tuple[str, ...]
    waiting: tuple[int, ...]
    is_poll: bool = False


def plan(board: Sequence[Lookup], due: Sequence[int], client: Client, endpoints: Endpoints) -> list[Call]:
    """The fewest calls for the lookups that are due: equal resources once, as many to a call as the key allows."""
    groups: dict[tuple[Endpoint, Step], dict[str, list[int]]] = {}
    for index in due:
        lookup = board[index]
        endpoint = endpoints[lookup.action.key][lookup.step]
        group = groups.setdefault((endpoint, lookup.step), {})
        group.setdefault(lookup.resource, []).append(index)
    return [
        Call(
            endpoint,
            batch,
            tuple(index for resource in batch for index in waiting[resource]),
            step is Step.WAIT,
        )
        for (endpoint, step), waiting in groups.items()
        for batch in _batches(tuple(waiting), endpoint.batch_size(client))
    ]


def _batches(resources: tuple[str, ...], size: int) -> Iterator[tuple[str, ...]]:
    return (resources[start : start + size] for start in range(0, len(resources), size))


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
    """

    def __init__(
        self,
        client: Client,
        *,
        places: Places,
        clock: Clock,
        denylist: UploadDenylist | None = None,
        cache: ReplyCache | None = None,
        max_ages: MaxAges = NOT_CACHED,
        own_domains: Collection[str] = (),
        endpoints: Endpoints = ENDPOINTS,
        on_saved: Callable[[Saving, int], None] = lambda _saving, _calls: None,
        outage: Backoff = OUTAGE,
    ) -> None:
        self.client = client
        self._clock = clock
        self._cache = cache or NullCache()
        self._max_ages = max_ages
        self._own_domains = own_domains
        self._endpoints = endpoints
        self._on_saved = on_saved
        self._outage = outage
        self._may_rescan = client.kind == "private"
        self._transfer = FileTransfer(
            client, places, denylist=denylist or UploadDenylist(), keep=self._keep, clock=clock
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
        self, lookups: Lookups, on_progress: OnProgress = noop, *, fresh: bool = False
    ) -> AsyncIterator[Lookups]:
        """Do everything that can be done now; yields all lookups after each change.

        Those that are left then wait for the quota, an analysis or an outage; `next_turn` says until when.
        An upload is yielded before it begins, so that a process that dies during it leaves a mark: the next one asks
        VirusTotal whether the file arrived. `on_progress` hears of bytes hashed and uploaded. `fresh`: without the cache.
        """
        board = [self._checked(steps.resumed(lookup)) for lookup in lookups]
        shown = list(lookups)
        while True:
            board = board if fresh else list(await self.cached(board))
            file_steps: list[Work] = []
            if any(lookup.is_file for lookup in board):
                # The one branch about files: a request without any does not touch vt/files.
                board, file_steps = self._transfer.next_steps(board, on_progress)
            if any(now is not before for now, before in zip(board, shown, strict=True)):
                yield tuple(board)
            work = [*file_steps, *self._calls(board)]
            if not work:
                return
            async for changed in _run(work):
                for index, lookup in changed.items():
                    board[index] = lookup
                yield tuple(board)
            shown = list(board)

    def _checked(self, lookup: Lookup) -> Lookup:
        indicator = None if lookup.settled else lookup.indicator
        is_ours = indicator is not None and is_internal(indicator, self._own_domains)
        return lookup.failed(errors.Internal()) if is_ours else lookup

    async def cached(self, lookups: Sequence[Lookup]) -> Lookups:
        """The lookups, each with its answer where the cache holds one that is recent enough. VirusTotal is not asked."""
        now = self._clock()
        keys = {cache_key(one) for one in lookups if may_use_cached(one, now)}
        if not keys:
            return tuple(lookups)
        known = await self._cache.recall(keys, now - self._max_ages.longest)
        return tuple(self._with_reply(one, known, now) for one in lookups)

    def _with_reply(self, lookup: Lookup, known: Mapping[str, CachedReply], now: datetime) -> Lookup:
        found = known.get(cache_key(lookup)) if may_use_cached(lookup, now) else None
        if found is None or not self._max_ages.allow(lookup, found, now):
            return lookup
        raw, at = found
        self._on_saved(Saving.CACHE, 1)
        return steps.after_report(lookup, raw, at, may_rescan=self._may_rescan)

    async def _keep(self, lookups: Iterable[Lookup], raw: Raw, now: datetime) -> None:
        """Cache one reply for everybody who looks up one of these from now on."""
        await self._cache.put({cache_key(lookup): raw for lookup in lookups}, now)

    def _calls(self, board: Sequence[Lookup]) -> list[Work]:
        """The calls that are due. Reading and uploading files is not among them (FileTransfer.next_steps)."""
        now = self._clock()
        due = [
            index
            for index, lookup in enumerate(board)
            if lookup.due(now) and lookup.value and lookup.step is not Step.UPLOAD
        ]
        calls = plan(board, due, self.client, self._endpoints)
        polls = sum(call.is_poll for call in calls)
        plans = {True: Plan(polls), False: Plan(len(calls) - polls)}
        return [partial(self._make, call, board, plans[call.is_poll]) for call in calls]

    async def _make(self, call: Call, board: Sequence[Lookup], of: Plan, on_change: OnChange) -> None:
        """Make one call, and take every lookup that waited for it to its next state."""
        waiting = {index: board[index] for index in call.waiting}
        try:
            with planned(of, is_poll=call.is_poll):
                replies = await call.endpoint.fetch(self.client, call.resources)
            if not replies:
                raise errors.Dropped
        except VTError as error:
            now = self._clock()
            after = partial(steps.after_error, error=error, now=now, outage=self._outage)
            on_change({index: after(lookup) for index, lookup in waiting.items()})
            return
        self._on_saved(Saving.BATCH, len(call.resources) - 1)
        self._on_saved(Saving.COALESCING, len(call.waiting) - len(call.resources))
        now = self._clock()
        changed: dict[int, Lookup] = {}
        to_cache: dict[str, Raw] = {}
        for index, lookup in waiting.items():
            # What VirusTotal left out of a batch stays due, and is asked for again.
            if (raw := replies.get(lookup.resource)) is not None:
                changed[index] = steps.after_reply(lookup, raw, now, may_rescan=self._may_rescan)
                if is_cacheable(lookup, changed[index], raw, now):
                    to_cache[cache_key(lookup)] = raw
        await self._cache.put(to_cache, now)
        on_change(changed)


def next_turn(lookups: Lookups) -> datetime | None:
    """When the first unsettled lookup may go on; None when all are settled."""
    waiting = (lookup.not_before for lookup in lookups if not lookup.settled and lookup.not_before)
    return min(waiting, default=None)


async def _run(work: Sequence[Work]) -> AsyncIterator[Mapping[int, Lookup]]:
    """Run the work, CALLS_AT_ONCE at a time, and yield each change as it comes.

    What still runs when the consumer stops is cancelled.
    """
    slots = asyncio.Semaphore(CALLS_AT_ONCE)
    queue = asyncio.Queue[Mapping[int, Lookup] | asyncio.Task[None]]()

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
            task.add_done_callback(_retrieve_exception)


def _retrieve_exception(task: asyncio.Task[None]) -> None:
    """Without this, asyncio logs the exception of a task whose result nobody waits for any more."""
    if not task.cancelled():
        task.exception()
