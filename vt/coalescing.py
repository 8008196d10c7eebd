"""One call for everybody who wants the same: who asks for a reply, who waits for it, and what fills a batch.

A reply that is wanted is known to all processes that share the key. In a process whoever wants what another turn is asking
for waits for its result; between processes, for the reply to be stored.
"""

import asyncio
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count
from typing import Protocol, Self

from vt.codec import Raw
from vt.errors import VTError
from vt.files.transfer import Uploads
from vt.lookup import Lookup, Step
from vt.quota import SKEW
from vt.steps import WantedReply
from vt.verdict import State

FEW_CALLS = 8
"""A minute: with a key that has no more, what arrives together waits a moment, to share them."""
GATHER_POLL = 0.03
"""Seconds between two looks at who else wants a call of a key that has few."""
GATHER_QUIET = 0.1
"""Seconds after which what waits alone for a batch is sent."""
GATHER_BURST = 0.3
"""Seconds without anybody new after which the batch of several that came together is sent, if it is not full."""
GATHER_MOST = 1.0
"""Seconds after which it is sent in any case."""
FOLLOW_POLL = (0.05, 0.1, 0.2, 0.4)
"""Seconds between two looks whether another process has the reply; the last repeats."""
FOLLOW_MOST = 8.0
"""Seconds after which it is asked for here. Claims end before that."""

_VERDICTS = frozenset({State.RISKY, State.SUSPICIOUS, State.CLEAN, State.UNKNOWN})
CachedReply = tuple[Raw, datetime]
"""A reply, and the time it came from VirusTotal (UTC)."""
Result = CachedReply | VTError | None
"""What came of asking for a reply. None: nothing, so that those who waited for it ask themselves."""


class Saving(StrEnum):
    """Why a call to VirusTotal was not needed."""

    CACHE = "cache"
    COALESCING = "coalescing"
    """Another lookup had asked for the same."""
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """When a reply must have come: after `known`, or after `unknown` if VirusTotal knew nothing, and before `end`."""

    known: datetime
    unknown: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class MaxAges:
    """How old a cached reply may be. What VirusTotal did not know is asked for again sooner: somebody may have sent it since."""

    known: timedelta = timedelta(0)
    unknown: timedelta = timedelta(0)

    def range(self, now: datetime) -> TimeRange:
        """When such replies came. One from far ahead was stored before the clock was set back."""
        return TimeRange(now - self.known, now - self.unknown, now + SKEW)


NOT_CACHED = MaxAges()
"""Everything is asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call brought for one lookup. No reply: VirusTotal left it out."""

    key: str
    raw: Raw | None
    state: State | None
    """What the reply says; None if it is not cached, being unreadable or not final."""

    @classmethod
    def of(cls, key: str, before: Lookup, after: Lookup | None, raw: Raw | None, at: datetime) -> Self:
        """The reply that came at that time, and the lookup before and after it."""
        if raw is None or after is None:
            return cls(key, raw, None)
        was_polled = before.step is Step.WAIT and after.settled and after.note is None
        is_final = before.step is Step.ASK or was_polled
        state = before.judged(raw, at).state if is_final else None
        return cls(key, raw, state if state in _VERDICTS else None)


@dataclass(frozen=True, slots=True)
class Claims:
    """What is wanted: each reply is stored, or is the caller's to ask for, or somebody else is asking for it."""

    replies: Mapping[str, CachedReply] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    others_wait: bool = False
    """Others wait for room in a batch."""


class ReplyCache(Uploads, Protocol):
    """Stores replies, and which are wanted, for all processes that share the VirusTotal key. Replies are stored by key."""

    async def recall(self, keys: Iterable[str], within: TimeRange) -> Mapping[str, CachedReply]:
        """The stored replies for these keys that came within that time."""

    async def claim(
        self, wanted: Sequence[WantedReply], within: TimeRange, claimant: str, *, automatic: bool
    ) -> Claims:
        """The stored replies; the claimant is to ask for the others, but for those that another one is asking for now.

        A claim ends with the reply, when it is released, or after some seconds.
        """

    async def gather(self, wanted: Sequence[WantedReply], *, automatic: bool) -> None:
        """Let others' calls ask for these for some seconds."""

    async def waiting(self, batch: str) -> tuple[int, float]:
        """How many wait for a batch, and for how many seconds nobody new has come."""

    async def fill(
        self, batch: str, room: int, claimant: str, own: Collection[str] = ()
    ) -> Sequence[WantedReply]:
        """Claim at most `room` of those that wait for a batch: first one's own, then what people want, each asker in turn.

        None, if one's own were all claimed by others.
        """

    async def release(self, keys: Collection[str], claimant: str) -> None:
        """The claimant does not ask for these any more, and got no reply."""

    async def await_batch(
        self, case_id: str, wanted: Sequence[WantedReply], seconds: float, *, automatic: bool
    ) -> None:
        """Let others' calls ask for these for so long, and wake the case when the replies are there."""

    async def put(
        self, raws: Mapping[str, Raw], at: datetime, *, unknown: Collection[str] = (), others: bool = False
    ) -> None:
        """Store replies that came at that time, unless newer ones are stored, and end their claims.

        `unknown`: keys of replies that VirusTotal knows nothing. `others`: somebody else waits for them now.
        """


class InFlight:
    """The replies that this process is about to get. All its services share one. `gathers`: the key has FEW_CALLS."""

    def __init__(self, *, gathers: bool = False) -> None:
        self.gathers = gathers
        self.pending: dict[str, asyncio.Future[Result]] = {}
        self.taking = asyncio.Lock()
        """One turn at a time takes what waits for a batch, so that the next one sees what is left."""
        self.process = secrets.token_hex(8)
        self.turns = count()


class Claimant(AbstractAsyncContextManager["Claimant"]):
    """A turn that asks for replies, and stops asking for what is missing when the context ends.

    `elsewhere` are keys that another process is asking for. `batch_size`: resources that one call may hold, if they may
    share one. `automatic`: nobody waits for the replies.
    """

    def __init__(self, cache: ReplyCache, in_flight: InFlight, *, batch_size: int, automatic: bool) -> None:
        self.own: set[str] = set()
        self.elsewhere: set[str] = set()
        self._name = f"{in_flight.process}:{next(in_flight.turns)}"
        self._cache = cache
        self._pending = in_flight.pending
        self._taking = in_flight.taking
        self._gathers = in_flight.gathers
        self._batch_size = batch_size
        self._automatic = automatic
        self._others_wait = False
        self._gathered: dict[str, list[WantedReply]] = {}
        """By batch: what others wait for, and a call that is about to be made asks for."""
        self._waits = 0
        self._waiting_since = 0.0

    async def __aexit__(self, *_: object) -> None:
        if left := set(self.own):
            await self.failed(left, None)

    def is_open(self, key: str) -> bool:
        """Whether it is not known yet where this reply comes from."""
        return key not in self._pending and key not in self.elsewhere

    def is_joined(self, key: str) -> bool:
        """Whether another turn of this process is asking for it."""
        return key in self._pending and key not in self.own

    @property
    def saving(self) -> Saving:
        """Why a reply that is found in the cache has cost no call."""
        return Saving.COALESCING if self._waits else Saving.CACHE

    # Before a call ---------------------------------------------------------------------------------------

    async def claim(self, wanted: Sequence[WantedReply], within: TimeRange) -> Mapping[str, CachedReply]:
        """The replies that are stored. From now on this turn asks for the others, unless another process does."""
        if self._gathers:
            claims = await self._gather(wanted, within)
        else:
            claims = await self._cache.claim(wanted, within, self._name, automatic=self._automatic)
        self._others_wait = claims.others_wait
        self._begin(claims.own)
        left = {one.key for one in wanted} - claims.replies.keys() - self._pending.keys()
        if self._waits and asyncio.get_running_loop().time() - self._waiting_since > FOLLOW_MOST:
            self._begin(left)
        else:
            self.elsewhere |= left
        return claims.replies

    async def _gather(self, wanted: Sequence[WantedReply], within: TimeRange) -> Claims:
        """As the cache's `claim`, but what may share a call waits for what may fill it."""
        stored = dict(await self._cache.recall([one.key for one in wanted], within))
        missing = [one for one in wanted if one.key not in stored]
        alone = [one for one in missing if not one.batch]
        claims = Claims()
        if alone:
            claims = await self._cache.claim(alone, within, self._name, automatic=self._automatic)
        for batch in {one.batch for one in missing if one.batch}:
            together = [one for one in missing if one.batch == batch]
            await self._wait_for_batch(batch, together)
            async with self._taking:
                keys = {one.key for one in together} - self._pending.keys()
                answers = await self._cache.recall(keys, within)
                await self._take_batch(batch, keys - answers.keys())
            stored |= answers
        return Claims(stored | dict(claims.replies), claims.own)

    async def _wait_for_batch(self, batch: str, wanted: Sequence[WantedReply]) -> None:
        """Wait until a batch is full, or nobody new comes, or others ask for all that is wanted."""
        clock = asyncio.get_running_loop().time
        end = clock() + GATHER_MOST
        await self._cache.gather(wanted, automatic=self._automatic)
        count, quiet, pause = 1, 0.0, GATHER_QUIET
        while 0 < count < self._batch_size and quiet < pause and clock() < end:
            await asyncio.sleep(GATHER_POLL)
            count, quiet = await self._cache.waiting(batch)
            pause = GATHER_QUIET if count <= len(wanted) else GATHER_BURST

    async def _take_batch(self, batch: str, keys: set[str]) -> None:
        """Ask for those of the keys that no other process asks for, in calls that are filled with what others want."""
        size = self._batch_size
        room = -(-len(keys) // size) * size
        taken = await self._cache.fill(batch, room, self._name, keys) if keys else ()
        others = [one for one in taken if one.key not in keys]
        self._begin(one.key for one in taken)
        self._gathered.setdefault(batch, []).extend(others)

    def _begin(self, keys: Iterable[str]) -> None:
        """From now on other turns of this process wait for these."""
        for key in keys:
            if key not in self._pending:
                self._pending[key] = asyncio.get_running_loop().create_future()
                self.own.add(key)

    async def fill(self, batch: str, room: int) -> Sequence[WantedReply]:
        """At most so many replies that others wait for, to be asked for in the same call."""
        if self._gathers:
            gathered = self._gathered.pop(batch, [])
            self._gathered[batch] = gathered[room:]
            return gathered[:room]
        if not self._others_wait:
            return ()
        others = await self._cache.fill(batch, room, self._name)
        self._begin(one.key for one in others)
        return others

    # After it --------------------------------------------------------------------------------------------

    async def succeeded(self, answers: Sequence[Answer], at: datetime, *, others: bool) -> None:
        """A call brought these. `others`: some of them are for other turns."""
        kept: dict[str, Raw] = {}
        unknown: list[str] = []
        for answer in answers:
            if answer.raw is not None and answer.state:
                kept[answer.key] = answer.raw
                unknown += [answer.key] if answer.state is State.UNKNOWN else []
        await self._cache.put(kept, at, unknown=unknown, others=others)
        results = {one.key: None if one.raw is None else (one.raw, at) for one in answers}
        await self._end(results, results.keys() - kept.keys())

    async def failed(self, keys: Collection[str], error: VTError | None) -> None:
        """A call broke. None: for a reason that does not hold for others."""
        await self._end(dict.fromkeys(keys, error), keys)

    async def _end(self, results: Mapping[str, Result], released: Collection[str]) -> None:
        """Tell those that wait what came of it. Other processes may ask for what is `released`."""
        ended = self.own & results.keys()
        self.own -= ended
        for key in ended:
            self._pending.pop(key).set_result(results[key])
        if released := ended.intersection(released):
            await self._cache.release(released, self._name)

    # In place of one -------------------------------------------------------------------------------------

    async def joined(self, key: str) -> Result:
        """What came of it when another turn of this process asked."""
        if (pending := self._pending.get(key)) is None:
            return None
        await asyncio.wait({pending})
        return pending.result()

    async def wait_elsewhere(self) -> None:
        """Wait a moment for what another process asks for, if this turn has nothing else to do."""
        if not self._waits:
            self._waiting_since = asyncio.get_running_loop().time()
        pause = FOLLOW_POLL[min(self._waits, len(FOLLOW_POLL) - 1)]
        self._waits += 1
        await asyncio.sleep(pause)
