"""The one service layer: lookups in, lookups that know more out. Slack, terminal and tests all go through here.

A turn makes every call that can be made now. Equal resources are asked once, hashes and URLs in batches.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from vt import errors, polling, reply_cache
from vt.client import Client
from vt.endpoints import Call, plan
from vt.errors import VTError
from vt.files.hashing import noop
from vt.files.places import Places
from vt.files.transfer import FileTransfer, OnChange, OnProgress, Work
from vt.files.upload_policy import UploadDenylist
from vt.indicators import Indicator
from vt.lookup import Lookup, Step
from vt.reply_cache import Forgetful, Memory

CALLS_AT_ONCE = 8

Lookups = tuple[Lookup, ...]
Clock = Callable[[], datetime]


def nobodys(_: Indicator) -> bool:
    """Nothing is ours."""
    return False


class Service:
    """What can be asked of VirusTotal, whoever asks.

    `replies` that are no older than `age` are not asked for again. What is `ours` is never sent.
    """

    def __init__(
        self,
        client: Client,
        *,
        places: Places,
        clock: Clock,
        denylist: UploadDenylist | None = None,
        replies: Memory | None = None,
        age: timedelta = timedelta(0),
        ours: Callable[[Indicator], bool] = nobodys,
    ) -> None:
        self.client = client
        self._clock = clock
        self._replies = replies or Forgetful()
        self._age = age
        self._ours = ours
        self._transfer = FileTransfer(
            client, places, denylist=denylist or UploadDenylist(), replies=self._replies, clock=clock
        )

    async def expanded(self, lookups: Lookups) -> Lookups:
        """With the files in place of paths with `*` and `?`: to be done once, before the first `advance`."""
        return await self._transfer.expand(lookups)

    async def advance(
        self, lookups: Lookups, on_progress: OnProgress = noop, *, fresh: bool = False
    ) -> AsyncIterator[Lookups]:
        """Do all that can be done now; yields where things stand after each call.

        What is left then waits: for the quota, for an analysis, or for VirusTotal to answer (`next_turn`).
        An upload is yielded before it begins: who stores that, and dies over it, goes on with the question whether
        VirusTotal has the file.
        `on_progress` is called as files are hashed and uploaded. `fresh`: nothing is taken from memory.
        """
        board, shown = [self._kept_back(polling.resumed(lookup)) for lookup in lookups], list(lookups)
        while True:
            board = board if fresh else list(await self.recall(board))
            file_steps: list[Work] = []
            if any(lookup.is_file for lookup in board):
                # The one branch about files: a request without any does not touch vt/files.
                board, file_steps = self._transfer.next_steps(board, on_progress)
            if any(now is not before for now, before in zip(board, shown, strict=True)):
                yield tuple(board)
            steps = [*file_steps, *self._calls(board)]
            if not steps:
                return
            async for changed in _as_they_come(steps):
                for index, lookup in changed.items():
                    board[index] = lookup
                yield tuple(board)
            shown = list(board)

    async def recall(self, lookups: Sequence[Lookup]) -> Lookups:
        """With the answers that are remembered; asks nobody."""
        now = self._clock()
        keys = {reply_cache.key(one) for one in lookups if reply_cache.recallable(one, now)}
        known = await self._replies.recall(keys, now - self._age) if keys else {}
        return tuple(self._recalled(one, known, now) for one in lookups)

    def _recalled(self, lookup: Lookup, known: Mapping[str, reply_cache.Told], now: datetime) -> Lookup:
        found = known.get(reply_cache.key(lookup)) if known and reply_cache.recallable(lookup, now) else None
        if found is None:
            return lookup
        raw, at = found
        return polling.after_report(lookup, raw, at, may_rescan=self.client.kind == "private")

    def _kept_back(self, lookup: Lookup) -> Lookup:
        mine = not lookup.settled and lookup.indicator is not None and self._ours(lookup.indicator)
        return lookup.failed(errors.Internal()) if mine else lookup

    def _calls(self, board: Sequence[Lookup]) -> list[Work]:
        now = self._clock()
        due = [
            index
            for index, lookup in enumerate(board)
            if lookup.due(now) and lookup.value and lookup.step is not Step.UPLOAD
        ]
        return [_whole(partial(self._make, call, board)) for call in plan(board, due, self.client)]

    async def _make(self, call: Call, board: Sequence[Lookup]) -> Mapping[int, Lookup]:
        """One call, and what it makes of every lookup that waited for it."""
        mine = {index: board[index] for index in call.waiting}
        try:
            replies = await call.endpoint.fetch(self.client, call.resources)
        except VTError as error:
            return {
                index: polling.after_error(lookup, error, self._clock()) for index, lookup in mine.items()
            }
        if not replies:
            dropped, now = errors.Dropped(), self._clock()
            return {index: polling.after_error(lookup, dropped, now) for index, lookup in mine.items()}
        now = self._clock()
        after = {
            index: call.endpoint.after(lookup, dict(replies[lookup.resource]), now, self.client)
            for index, lookup in mine.items()
            if lookup.resource in replies
        }
        answers = ((mine[index], lookup, replies[mine[index].resource]) for index, lookup in after.items())
        kept = {
            reply_cache.key(before): raw
            for before, lookup, raw in answers
            if reply_cache.memorable(before, lookup, raw, now)
        }
        await self._replies.put(kept, now)
        return after


def next_turn(lookups: Lookups) -> datetime | None:
    """When to go on; None when everything is settled."""
    return min(
        (lookup.not_before for lookup in lookups if not lookup.settled and lookup.not_before), default=None
    )


def _whole(step: Callable[[], Awaitable[Mapping[int, Lookup]]]) -> Work:
    """Work that finds all at once, in the end."""

    async def work(found: OnChange) -> None:
        found(await step())

    return work


async def _as_they_come(steps: Sequence[Work]) -> AsyncIterator[Mapping[int, Lookup]]:
    """What steps find, as they find it, a few steps at a time; what still runs is cancelled when nobody listens."""
    room, coming = (
        asyncio.Semaphore(CALLS_AT_ONCE),
        asyncio.Queue[Mapping[int, Lookup] | asyncio.Task[None]](),
    )

    async def run(step: Work) -> None:
        async with room:
            await step(coming.put_nowait)

    tasks = [asyncio.create_task(run(step)) for step in steps]
    for task in tasks:
        task.add_done_callback(coming.put_nowait)
    try:
        running = len(tasks)
        while running:
            came = await coming.get()
            if isinstance(came, asyncio.Task):
                running -= 1
                came.result()
            else:
                yield came
    finally:
        for task in tasks:
            task.cancel()
            task.add_done_callback(_looked_at)


def _looked_at(task: asyncio.Task[None]) -> None:
    """What went wrong when nobody listened any more is not complained of."""
    if not task.cancelled():
        task.exception()
