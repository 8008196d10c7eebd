"""Replies that are remembered, so that the same thing is not asked twice. Pure, but for the Memory itself."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

from vt.lookup import Lookup, Step
from vt.verdict import State

Raw = dict[str, Any]
Told = tuple[Raw, datetime]
"""A reply and when it came."""

KNOWN = frozenset({State.RISKY, State.SUSPICIOUS, State.CLEAN, State.UNKNOWN})


class Memory(Protocol):
    """Keeps replies by key."""

    async def recall(self, keys: Iterable[str], newer_than: datetime) -> Mapping[str, Told]:
        """Those of them that came after that time, with when they came."""

    async def put(self, raws: Mapping[str, Raw], at: datetime) -> None:
        """Keep replies that came at that time."""


class Forgetful:
    """Remembers nothing."""

    async def recall(self, keys: Iterable[str], newer_than: datetime) -> Mapping[str, Told]:  # noqa: ARG002 - it forgot
        """Nothing."""
        return {}

    async def put(self, raws: Mapping[str, Raw], at: datetime) -> None:
        """Nothing."""


def key(lookup: Lookup) -> str:
    """Under which a lookup's reply is kept: of one length, and telling nothing of what was asked."""
    resource = lookup.resource if lookup.step is Step.ASK else lookup.value
    return f"{lookup.action.cached_as}:{sha256(resource.encode('utf-8', 'replace')).hexdigest()}"


def recallable(lookup: Lookup, now: datetime) -> bool:
    """May a remembered reply answer it? Never for a file: what it was unknown for may have been uploaded since."""
    return lookup.step is Step.ASK and lookup.due(now) and not lookup.is_file


def memorable(before: Lookup, after: Lookup, raw: Raw, now: datetime) -> bool:
    """Is a reply worth keeping? Only one that is an answer: readable, and of no analysis under way."""
    awaited = before.step is Step.WAIT and after.settled and after.note is None
    return (before.step is Step.ASK or awaited) and before.judged(raw, now).state in KNOWN
