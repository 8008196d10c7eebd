"""Large replies, packed: kept as compressed JSON, outside of memory where there is such a place, and parsed while they are used.

Parsed, a reply takes about seven times its size in memory, and its report as much again. So one large reply at a time is
parsed. Small ones are dicts.
"""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Self, TypeVar

T = TypeVar("T")
Limit = asyncio.Timeout
Raw = Mapping[str, Any]
"""A reply of VirusTotal's: a dict, a ShortReply if it came in a moment ago, or a PackedReply when it is large."""


INLINE = 16 * 1024
"""Bytes of JSON up to which a reply is kept parsed, and stored with its lookup. Reports on files have about 10 KB, so that
what is asked for most costs no more than before; a hundred of this size take less than 20 MB."""
_TEXT_IN_HEAD = 200  # characters of a text that is known without parsing the reply
_MOST_IN_HEAD = 40  # keys whose values are known without parsing the reply
_MOST_KEYS = 500  # keys that are known without parsing the reply; of one with more, none are


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PackedReply(Mapping[str, Any]):
    """A large reply. Its keys, and what is short, are known without parsing it."""

    digest: str
    """The SHA-256 of its JSON in hex."""
    known: frozenset[str] | None
    """Its keys; None of one with too many."""
    head: Raw
    """What is short in it."""
    read: Callable[[], bytes] | None = None
    """Returns its content, compressed by zlib. None: it is still to be attached."""
    opener: "Packer | None" = None

    @classmethod
    def named(cls, stored: Raw) -> Self:
        """One whose content is still to be attached, as `name` described it."""
        keys = stored["keys"]
        return cls(str(stored["digest"]), keys and frozenset(keys), dict(stored["head"]))

    def name(self) -> dict[str, Any]:
        """What is stored of it in its lookup."""
        return {"digest": self.digest, "keys": self.known and sorted(self.known), "head": dict(self.head)}

    @property
    def compressed(self) -> bytes:
        """Its JSON, compressed by zlib. Raises LookupError when the content is not attached."""
        if self.read is None:
            raise LookupError(self.digest)
        return self.read()

    @property
    def text(self) -> str:
        """Its JSON. Raises LookupError when the content is not attached."""
        return zlib.decompress(self.compressed).decode()

    def parsed(self) -> dict[str, Any]:
        """As a dict, for as short as possible. Raises LookupError when the content is not attached."""
        return remembered(self, "", dict)

    def __getitem__(self, key: str) -> Any:
        if key in self.head:
            return self.head[key]
        if key not in self:
            raise KeyError(key)
        return self.parsed()[key]

    def __contains__(self, key: object) -> bool:
        return key in (self.parsed() if self.known is None else self.known)

    def __iter__(self) -> Iterator[str]:
        return iter(self.parsed())

    def __len__(self) -> int:
        return len(self.parsed() if self.known is None else self.known)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PackedReply):
            return self.digest == other.digest
        return isinstance(other, dict) and len(self) == len(other) and self.parsed() == other

    def __hash__(self) -> int:
        return hash(self.digest)


@contextmanager
def stopped(limit: Limit | None) -> Iterator[None]:
    """What is done meanwhile does not count towards the limit."""
    clock = asyncio.get_running_loop().time
    if limit is None or (until := limit.when()) is None:
        yield
        return
    left = until - clock()
    limit.reschedule(None)
    try:
        yield
    finally:
        limit.reschedule(clock() + left)


class Packer:
    """Packs large replies, and holds the one that was parsed last.

    `keep` puts bytes somewhere and returns what reads them again; without one they stay in memory.
    """

    def __init__(self, keep: Callable[[bytes], Callable[[], bytes]] = lambda data: lambda: data) -> None:
        self._lock = asyncio.Lock()
        self._parsing = asyncio.Lock()
        self._keep = keep
        self._last: tuple[str, Raw] | None = None

    @asynccontextmanager
    async def alone(self, limit: Limit | None = None) -> AsyncIterator[None]:
        """For reading a large reply from the network, or writing it to the database: one at a time. `limit` stops while it waits."""
        with stopped(limit):
            await self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    async def in_thread(self, make: Callable[[], T]) -> T:
        """What is made of a large reply, one at a time. It takes tenths of a second, for which the event loop must not stop."""
        async with self._parsing:
            return await asyncio.to_thread(make)

    def packed(self, text: str, raw: Raw) -> Raw:
        """A reply and its JSON: packed if it is large."""
        if len(text) <= INLINE or not isinstance(raw, dict):
            return raw
        data = text.encode()
        short = [key for key, value in raw.items() if _is_short(value)]
        head = {key: raw[key] for key in short[:_MOST_IN_HEAD]}
        keys = frozenset(raw) if len(raw) <= _MOST_KEYS else None
        reply = PackedReply(sha256(data).hexdigest(), keys, head)
        self._last = reply.digest, remembering(raw)
        return self.attached(reply, zlib.compress(data, 1))

    def attached(self, reply: PackedReply, compressed: bytes) -> PackedReply:
        """A reply with its content."""
        return replace(reply, read=self._keep(compressed), opener=self)

    def opened(self, reply: PackedReply) -> Raw:
        """The parsed reply. It is parsed once, as long as no other one is in between."""
        if (last := self._last) is None or last[0] != reply.digest:  # read once: other threads change it
            self._last = None  # before the next one is parsed
            self._last = last = reply.digest, remembering(json.loads(reply.text))
        return last[1]

    def forget(self) -> None:
        """Hold nothing parsed."""
        self._last = None


def _is_short(value: object) -> bool:
    is_number = value is None or (isinstance(value, int | float) and abs(value) < 2**64)
    return is_number or (isinstance(value, str) and len(value) <= _TEXT_IN_HEAD)


class ShortReply(dict[str, Any]):
    """A reply that is not large. While a turn has it, what was made of it is not made again."""

    __slots__ = ("made",)
    made: dict[object, Any]


def remembering(raw: Raw) -> Raw:
    """The same reply, which remembers what is made of it."""
    if type(raw) is dict:
        raw = ShortReply(raw)
        raw.made = {}
    return raw


def remembered(raw: Raw, name: object, make: Callable[[Raw], T]) -> T:
    """What is made of a reply, which must be the same whenever it is made.

    It is made once: of a PackedReply, as long as no other one is parsed in between. Raises LookupError for one whose
    content is not attached.
    """
    if isinstance(raw, PackedReply):
        if raw.opener is None:
            raise LookupError(raw.digest)
        raw = raw.opener.opened(raw)
    if not isinstance(raw, ShortReply):
        return make(raw)
    if name not in raw.made:
        raw.made[name] = make(raw)
    made: T = raw.made[name]
    return made
