"""One call for everybody who wants the same: which of VirusTotal's replies are cached, for how long, and for which lookups."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Protocol

from vt.lookup import Lookup, Step
from vt.quota import SKEW
from vt.stored import Raw
from vt.verdict import State

CachedReply = tuple[Raw, datetime]
"""A reply, and the time it came from VirusTotal (UTC)."""

_ANSWERS = frozenset({State.RISKY, State.SUSPICIOUS, State.CLEAN, State.UNKNOWN})


class ReplyCache(Protocol):
    """Stores replies by key, for all processes that share the VirusTotal key."""

    async def recall(self, keys: Iterable[str], newer_than: datetime) -> Mapping[str, CachedReply]:
        """The stored replies for these keys that came after that time."""

    async def put(self, raws: Mapping[str, Raw], at: datetime) -> None:
        """Store replies that came at that time, unless newer ones are stored."""


class NullCache:
    """Stores nothing."""

    async def recall(self, keys: Iterable[str], newer_than: datetime) -> Mapping[str, CachedReply]:  # noqa: ARG002 - the protocol's
        """Nothing."""
        return {}

    async def put(self, raws: Mapping[str, Raw], at: datetime) -> None:
        """Store nothing."""


@dataclass(frozen=True, slots=True)
class MaxAges:
    """How old a cached reply may be. What VirusTotal did not know is asked for again sooner: somebody may have sent it since."""

    known: timedelta = timedelta(0)
    unknown: timedelta = timedelta(0)

    @property
    def longest(self) -> timedelta:
        """Older replies are of no use."""
        return max(self.known, self.unknown)

    def allow(self, lookup: Lookup, reply: CachedReply, now: datetime) -> bool:
        """Whether the lookup may be answered with this reply."""
        raw, at = reply
        if at > now + SKEW:  # from before the clock was set back
            return False
        if now - at < min(self.known, self.unknown):
            return True
        is_unknown = lookup.judged(raw, at).state is State.UNKNOWN
        return now - at < (self.unknown if is_unknown else self.known)


NOT_CACHED = MaxAges()
"""Everything is asked for."""


def cache_key(lookup: Lookup) -> str:
    """The key of a lookup's reply: of a fixed length, and without the indicator in plain text."""
    resource = lookup.resource if lookup.step is Step.ASK else lookup.value
    return f"{lookup.action.cached_as}:{sha256(resource.encode('utf-8', 'replace')).hexdigest()}"


def may_use_cached(lookup: Lookup, now: datetime) -> bool:
    """Whether a cached reply may answer it. Never for a file: one that was unknown may have been uploaded since."""
    return lookup.step is Step.ASK and lookup.due(now) and not lookup.is_file


def is_cacheable(before: Lookup, after: Lookup, raw: Raw, now: datetime) -> bool:
    """Whether the reply that took a lookup from `before` to `after` is kept: only if it is readable and final."""
    was_polled = before.step is Step.WAIT and after.settled and after.note is None
    return (before.step is Step.ASK or was_polled) and before.judged(raw, now).state in _ANSWERS
