"""The cache of VirusTotal's replies: which are kept, for how long and for which lookups, and which are wanted now."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Protocol, Self

from vt.actions import BY_KEY
from vt.errors import QuotaSpent
from vt.indicators import Kind
from vt.lookup import Lookup, Step
from vt.quota import SKEW
from vt.stored import Raw, unpack
from vt.verdict import State

CachedReply = tuple[Raw, datetime]
"""A reply, and the time it came from VirusTotal (UTC)."""

_VERDICTS = frozenset({State.RISKY, State.SUSPICIOUS, State.CLEAN, State.UNKNOWN})


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
class WantedReply:
    """A reply that a lookup wants, and what VirusTotal is asked for it."""

    key: str
    """Of the reply in the cache."""
    batch: str
    """What may be in one call with it; "" if nothing may."""
    action: str
    kind: Kind
    resource: str

    @classmethod
    def of(cls, lookup: Lookup, *, batched: bool) -> Self:
        """What a lookup wants whose next step is to ask for the report."""
        batch = lookup.action.cached_as if batched else ""
        kind = lookup.kind or Kind.SHA256
        return cls(cache_key(lookup), batch, lookup.action.key, kind, lookup.resource)

    @property
    def lookup(self) -> Lookup:
        """A lookup that wants it."""
        action = BY_KEY[self.action]
        what = {"input": self.resource, "value": self.resource, "kind": self.kind}
        return Lookup(action=action, threshold=action.threshold, **what)


@dataclass(frozen=True, slots=True)
class Claims:
    """What is wanted: each reply is stored, or is the caller's to ask for, or somebody else is asking for it."""

    replies: Mapping[str, CachedReply] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    others_wait: bool = False
    """Others wait for room in a batch."""


class ReplyCache(Protocol):
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


class NullCache:
    """Stores nothing, for a single process."""

    async def recall(self, *_: object) -> Mapping[str, CachedReply]:
        """Nothing."""
        return {}

    async def claim(self, wanted: Sequence[WantedReply], *_: object, **__: object) -> Claims:
        """Everything is the claimant's to ask for."""
        return Claims(own=frozenset(one.key for one in wanted))

    async def gather(self, *_: object, **__: object) -> None:
        """Nobody else makes calls."""

    async def waiting(self, batch: str) -> tuple[int, float]:  # noqa: ARG002 - the protocol's
        """Nobody else waits."""
        return 0, 0.0

    async def fill(self, *_: object, **__: object) -> Sequence[WantedReply]:
        """Nobody else waits."""
        return ()

    async def release(self, *_: object) -> None:
        """Nothing was claimed."""

    async def await_batch(self, *_: object, **__: object) -> None:
        """Nobody else makes calls."""

    async def put(self, *_: object, **__: object) -> None:
        """Store nothing."""


def cache_key(lookup: Lookup) -> str:
    """The key of a lookup's reply: of a fixed length, and without the indicator in plain text."""
    resource = lookup.resource if lookup.step is Step.ASK else lookup.value
    return f"{lookup.action.cached_as}:{sha256(resource.encode('utf-8', 'replace')).hexdigest()}"


def may_use_cached(lookup: Lookup, now: datetime) -> bool:
    """Whether a cached reply may answer it. Never for a file: one that was unknown may have been uploaded since."""
    return lookup.step is Step.ASK and lookup.due(now) and not lookup.is_file


def waits_for_quota(lookup: Lookup) -> bool:
    """Whether it would use a reply that somebody else's call brings before its own turn comes."""
    is_asking = lookup.step is Step.ASK and not lookup.is_file
    return is_asking and lookup.error is not None and isinstance(unpack(lookup.error), QuotaSpent)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call brought for one lookup: the lookup before and after it. No reply: VirusTotal left it out."""

    key: str
    before: Lookup
    after: Lookup | None
    raw: Raw | None

    def cached_state(self, at: datetime) -> State | None:
        """What the reply says; None if it is not cached, being unreadable or not final."""
        if self.raw is None or self.after is None:
            return None
        was_polled = self.before.step is Step.WAIT and self.after.settled and self.after.note is None
        if self.before.step is not Step.ASK and not was_polled:
            return None
        state = self.before.judged(self.raw, at).state
        return state if state in _VERDICTS else None
