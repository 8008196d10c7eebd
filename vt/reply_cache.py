"""The cache of VirusTotal's replies: which replies are kept, under which keys, and which lookups may use them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

from vt.lookup import Lookup, Step
from vt.verdict import State

Raw = dict[str, Any]
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


def key(lookup: Lookup) -> str:
    """The key of a lookup's reply: of a fixed length, and without the indicator in plain text."""
    resource = lookup.resource if lookup.step is Step.ASK else lookup.value
    return f"{lookup.action.cached_as}:{sha256(resource.encode('utf-8', 'replace')).hexdigest()}"


def may_use(lookup: Lookup, now: datetime) -> bool:
    """May a cached reply answer it? Never for a file: one that was unknown may have been uploaded since."""
    return lookup.step is Step.ASK and lookup.due(now) and not lookup.is_file


def is_cacheable(before: Lookup, after: Lookup, raw: Raw, now: datetime) -> bool:
    """Is the reply that took a lookup from `before` to `after` worth keeping? Only if it is readable and final."""
    was_polled = before.step is Step.WAIT and after.settled and after.note is None
    return (before.step is Step.ASK or was_polled) and before.judged(raw, now).state in _ANSWERS
