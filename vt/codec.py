"""The JSON of replies: read from the network and parsed, with caps on size and depth, and packed while nobody reads it when it is large.

Parsed, a reply takes about seven times its size in memory, and its report as much again. So a large one is kept as
compressed JSON, outside of memory where there is such a place, and one at a time is parsed, while it is used.
"""

import asyncio
import json
import math
import re
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import chain
from typing import Any, Self, TypeVar

from vt import errors
from vt.body import DEPTH_CAP, REPLY_CAP, SPACES, EntrySplitter, Limit, decompressed, paused

T = TypeVar("T")
Raw = Mapping[str, Any]
"""A reply of VirusTotal's: a dict, a ShortReply if it came in a moment ago, or a PackedReply when it is large."""

READ_AT_ONCE = 256 * 1024  # bytes of a reply from which on it is read alone
PARSED_CAP = 48 * 1024 * 1024
"""Bytes of memory that a parsed reply may take; the one that was recorded as the largest takes 1.5 MB."""
_SURROGATE = re.compile(r"[\ud800-\udfff]|\\u[dD][89a-fA-F]")  # half of a pair, or how JSON spells it
_LIST = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\n\r]*\[")
INLINE = 16 * 1024
"""Bytes of JSON up to which a reply is kept parsed, and stored with its lookup. Reports on files have about 10 KB, so that
what is asked for most costs no more than before; a hundred of this size take less than 20 MB."""
_TEXT_IN_HEAD = 200  # characters of a text that is known without parsing the reply
_MOST_IN_HEAD = 40  # keys whose values are known without parsing the reply
_MOST_KEYS = 500  # keys that are known without parsing the reply; of one with more, none are


async def read_json(
    pieces: AsyncIterator[bytes],
    encoding: str,
    packer: "Packer",
    limit: Limit | None = None,
    entries: int = 1,
) -> Any:
    """A body that comes in pieces as JSON; `encoding`: its Content-Encoding. Raises Unreadable for HTML, broken or too deep JSON, and more than REPLY_CAP bytes.

    Large replies are read one at a time, and packed. While one waits for that, `limit` stops. A list of so many `entries`
    may be as many times as large: its entries are read one at a time. One that is too large is replaced by its error.
    """
    body = bytearray()
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise errors.Unreadable("encoding")
    decoded = decompressed(pieces) if encoding == "gzip" else pieces
    async with AsyncExitStack() as stack:
        stack.callback(body.clear)  # an error holds on to its frames, and they to the body
        is_alone = False
        async for piece in decoded:
            body += piece
            if not is_alone and len(body) > READ_AT_ONCE:
                if _LIST.match(body):
                    return await _read_list(body, decoded, packer, limit, entries)
                await stack.enter_async_context(packer.alone(limit))
                is_alone = True
            if len(body) > REPLY_CAP:
                raise errors.Unreadable("size")
        if re.match(rb"\s*<", body):
            raise errors.Unreadable("html")
        if not is_alone:
            return parse(body, packer)
        if limit:
            limit.reschedule(None)
        return await packer.in_thread(partial(parse, body, packer))


async def _read_list(
    body: bytearray, pieces: AsyncIterator[bytes], packer: "Packer", limit: Limit | None, entries: int
) -> list[Any]:
    """Read a list whose first bytes are in `body`. Between two of its entries, other replies may be read."""
    piece: bytes | None = bytes(body[body.index(b"[") + 1 :])
    size = len(body)
    body.clear()
    splitter, found = EntrySplitter(body), list[Any]()
    async with AsyncExitStack() as turn:
        await turn.enter_async_context(packer.alone(limit))
        while piece is not None:
            for entry in splitter.feed(piece):
                found.append(await _read_entry(entry, packer, limit))
                await turn.aclose()
                await turn.enter_async_context(packer.alone(limit))
            piece = await anext(pieces, None)
            size += len(piece or b"")
            if size > entries * REPLY_CAP:
                raise errors.Unreadable("size")
    splitter.end()
    return found


async def _read_entry(entry: bytearray, packer: "Packer", limit: Limit | None) -> Any:
    """An entry of a list, packed if it is large. If it is too large, its error is returned: the others can still be read."""
    make = partial(parse, entry, packer, is_entry=True)
    try:
        with paused(limit):
            return await packer.in_thread(make) if len(entry) > INLINE else make()
    except errors.Unreadable as error:
        if error.why != "size":
            raise
        return errors.Unreadable("size")


def parse(body: bytes | bytearray, packer: "Packer", *, is_entry: bool = False) -> Any:
    """Parse JSON of at most DEPTH_CAP levels. Raises Unreadable, without the error that would hold the reply.

    NaN, Infinity and numbers too large for a float are errors, and so are two equal keys of one object, of which nobody
    knows which one is meant. Halves of surrogate pairs can be neither stored nor sent, so U+FFFD replaces them.

    A large object, and each large one of a list, comes back packed; of a list, one at a time is parsed. `is_entry`: it is
    an entry of a list.
    """
    if len(body) > REPLY_CAP:
        raise errors.Unreadable("size")
    fault = ""
    try:
        encoding = "utf-8" if is_entry else json.detect_encoding(bytes(body[:4]))
        text = body.decode(encoding, "surrogatepass")
        if is_entry or len(text) <= INLINE or not text.lstrip(SPACES).startswith("["):
            return _parsed(text.strip(SPACES), packer, int(is_entry))
        return _entries(text, packer)
    except RecursionError:
        fault = "depth"
    except ValueError:
        fault = "json"
    except errors.Unreadable as error:
        fault = error.why
    raise errors.Unreadable(fault)


def _entries(text: str, packer: "Packer") -> list[Any]:
    splitter = EntrySplitter(bytearray())
    rest = text[text.index("[") + 1 :].encode("utf-8", "surrogatepass")
    entries = [parse(entry, packer, is_entry=True) for entry in splitter.feed(rest)]
    splitter.end()
    return entries


def _parsed(text: str, packer: "Packer", above: int) -> Any:
    """What JSON says, without halves of surrogate pairs, packed if it is large. `above`: levels around it."""
    # Whatever is in it, this many bytes would be taken by its objects, lists and values.
    if len(text) + 200 * text.count("{") + 70 * (text.count("[") + text.count(",")) > PARSED_CAP:
        raise errors.Unreadable("size")
    if len(text) > INLINE:
        packer.forget()  # before the next one is parsed
    value = _JSON.decode(text)
    if too_deep(value, DEPTH_CAP - above):
        raise errors.Unreadable("depth")
    if _SURROGATE.search(text) and _SURROGATE.search(shown := json.dumps(value, ensure_ascii=False)):
        text = shown.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        value = _JSON.decode(text)
    return packer.packed(text, value)


def too_deep(value: Any, levels: int = DEPTH_CAP) -> bool:
    """Does it have more than so many levels? Checked level by level, since recursion could overflow the stack."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(levels):
        inner = chain.from_iterable(node.values() if isinstance(node, dict) else node for node in level)
        level = [child for child in inner if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError(text)
    return number


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


# NaN and Infinity are no JSON: `int` raises ValueError for each of them.
_JSON = json.JSONDecoder(parse_constant=int, parse_float=_finite, object_pairs_hook=_unique_keys)


# Large replies -----------------------------------------------------------------------------------------


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
        with paused(limit):
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
