"""How errors, lookups and large replies are stored as JSON, and how what older versions stored is read. No I/O.

Version 1 of a lookup had no `version` and other field names, and it stored errors by class name. Version 2 had no rule for
hosts: the documented one was the only one. Version 4 is written only for a lookup whose reply is large and has a row of its
own, so that the release before can read all others.
"""

import asyncio
import json
import re
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import fields, is_dataclass
from hashlib import sha256
from typing import Annotated, Any, Self, TypeVar

from pydantic import InstanceOf, PlainSerializer, TypeAdapter

from vt.errors import UnrecognisedError, VTError

T = TypeVar("T")
Limit = asyncio.Timeout
Stored = Mapping[str, Any]
Raw = Mapping[str, Any]
"""A reply of VirusTotal's: a dict, a ShortReply if it came in a moment ago, or a PackedReply when it is large."""

VERSION = 3
"""Of a lookup. A change of its fields needs a new version and a step in `upgrade`."""
PACKED_VERSION = 4
"""Of a lookup whose `raw` is only named: its content has a row of its own."""
_RENAMED_IN_2 = {
    "asked": "input",
    "agreed": "consented_sha256",
    "anew": "reanalyse_after",
    "begun": "upload_started",
    "broken": "failed_uploads",
    "since": "waiting_since",
    "tries": "attempts",
    "trouble": "error",
}


def upgrade(lookup: Stored) -> dict[str, Any]:
    """A lookup of any version in the form of version 3, or 4 if its reply is packed. Anything else is returned as it is."""
    if "version" not in lookup and "asked" in lookup:
        lookup = _from_1(lookup)
    lookup = _from_2(lookup) if lookup.get("version") == 2 else dict(lookup)  # noqa: PLR2004
    return _with_named_reply(lookup)


def _from_1(lookup: Stored) -> dict[str, Any]:
    upgraded = {_RENAMED_IN_2.get(name, name): value for name, value in lookup.items()}
    error = upgraded.get("error")
    if isinstance(error, Mapping):
        upgraded["error"] = {"code": _code(error), "data": error.get("data", {})}
    return {**upgraded, "version": 2}


def _from_2(lookup: Stored) -> dict[str, Any]:
    """What was answered by the documented rule stays so when its answer is shown again."""
    return {**lookup, "version": 3, "criteria": {"rule": "documented"}}


def _with_named_reply(lookup: dict[str, Any]) -> dict[str, Any]:
    version, raw = lookup.get("version", VERSION), lookup.get("raw")
    if version == PACKED_VERSION and isinstance(raw, dict):
        raw = PackedReply.named(raw)
    if version in (VERSION, PACKED_VERSION):
        lookup |= {"version": PACKED_VERSION if isinstance(raw, PackedReply) else VERSION, "raw": raw}
    return lookup


def pack(error: VTError) -> dict[str, Any]:
    """An error as JSON: its code and its fields."""
    data = {field.name: getattr(error, field.name) for field in _fields(type(error))}
    return {"code": error.code, "data": TypeAdapter(dict[str, Any]).dump_python(data, mode="json")}


def unpack(stored: Stored) -> VTError:
    """The error that was stored; UnrecognisedError when this version cannot read it. Never raises."""
    code = _code(stored)
    kind = next((kind for kind in tree() if kind.code == code), None)
    if kind is None:
        return UnrecognisedError(code)
    try:
        data = dict(stored.get("data") or {})
        known = {field.name: field.type for field in _fields(kind) if field.name in data}
        return kind(**{name: TypeAdapter(known[name]).validate_python(data[name]) for name in known})
    except (TypeError, ValueError):  # a field is missing, or not of its type
        return UnrecognisedError(code)


def tree(root: type[VTError] = VTError) -> Iterator[type[VTError]]:
    """The class and all its subclasses, the class first."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def _code(stored: Stored) -> str:
    """An error's code. In version 1 it is the class name under "error", hyphenated: QuotaSpent is "quota-spent"."""
    name = str(stored.get("error", ""))
    return str(stored.get("code") or re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower())


def _fields(kind: type[VTError]) -> tuple[Any, ...]:
    return fields(kind) if is_dataclass(kind) else ()


# Large replies -----------------------------------------------------------------------------------------
#
# Parsed, a reply takes about seven times its size in memory, and its report as much again. So a large one is kept as
# compressed JSON, outside of memory where there is such a place, and is parsed while it is used: one at a time.

INLINE = 16 * 1024
"""Bytes of JSON up to which a reply is kept parsed, and stored with its lookup. Reports on files have about 10 KB, so that
what is asked for most costs no more than before; a hundred of this size take less than 20 MB."""
_TEXT_IN_HEAD = 200
"""Characters of a text that is known without parsing the reply."""
_MOST_IN_HEAD = 40
"""Keys whose values are known without parsing the reply."""
_MOST_KEYS = 500
"""Keys that are known without parsing the reply. Of one with more, none are."""


class PackedReply(Mapping[str, Any]):
    """A large reply. Its keys, and what is short, are known without parsing it."""

    __slots__ = ("_head", "_keys", "_opener", "_read", "digest")

    def __init__(
        self,
        digest: str,
        keys: frozenset[str] | None,
        head: Stored,
        read: Callable[[], bytes] | None = None,
        opener: "Packer | None" = None,
    ) -> None:
        self.digest = digest
        """The SHA-256 of its JSON in hex."""
        self._keys = keys
        self._head = head
        self._read = read
        self._opener = opener

    @classmethod
    def named(cls, stored: Stored) -> Self:
        """One whose content is still to be attached, as `name` described it."""
        keys = stored["keys"]
        return cls(str(stored["digest"]), keys and frozenset(keys), dict(stored["head"]))

    def name(self) -> dict[str, Any]:
        """What is stored of it in its lookup."""
        return {"digest": self.digest, "keys": self._keys and sorted(self._keys), "head": dict(self._head)}

    def attached(self, read: Callable[[], bytes], opener: "Packer") -> Self:
        """The same, with its content: `read` returns it compressed."""
        return type(self)(self.digest, self._keys, self._head, read, opener)

    @property
    def compressed(self) -> bytes:
        """Its JSON, compressed by zlib. Raises LookupError when the content is not attached."""
        if self._read is None:
            raise LookupError(self.digest)
        return self._read()

    @property
    def text(self) -> str:
        """Its JSON. Raises LookupError when the content is not attached."""
        return zlib.decompress(self.compressed).decode()

    def parsed(self) -> dict[str, Any]:
        """As a dict, for as short as possible. Raises LookupError when the content is not attached."""
        return self.remembered("", dict)

    def remembered(self, name: object, make: Callable[[Raw], T]) -> T:
        """What is made of the parsed reply. It is made once, as long as no other reply is parsed in between."""
        if self._opener is None:
            raise LookupError(self.digest)
        return self._opener.remembered(self, name, make)

    def __getitem__(self, key: str) -> Any:
        if key in self._head:
            return self._head[key]
        if key not in self:
            raise KeyError(key)
        return self.parsed()[key]

    def __contains__(self, key: object) -> bool:
        return key in (self.parsed() if self._keys is None else self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self.parsed())

    def __len__(self) -> int:
        return len(self.parsed() if self._keys is None else self._keys)

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
        self._keep = keep
        self._last: tuple[str, Raw] | None = None

    @asynccontextmanager
    async def alone(self, limit: Limit | None = None) -> AsyncIterator[None]:
        """For reading a large reply from the network, or writing it to the database: one at a time. `limit` stops meanwhile."""
        clock = asyncio.get_running_loop().time
        until = limit.when() if limit else None
        left = None if until is None else until - clock()
        if limit:
            limit.reschedule(None)
        async with self._lock:
            if limit and left is not None:
                limit.reschedule(clock() + left)
            yield

    def packed(self, text: str, raw: Raw) -> Raw:
        """A reply and its JSON: packed if it is large."""
        if len(text) <= INLINE or not isinstance(raw, dict):
            return raw
        return self.pack(text, raw)

    def pack(self, text: str, raw: dict[str, Any]) -> PackedReply:
        """A reply and its JSON, packed."""
        data = text.encode()
        short = ((key, value) for key, value in raw.items() if _is_short(value))
        head = dict(value for value, _ in zip(short, range(_MOST_IN_HEAD), strict=False))
        keys = frozenset(raw) if len(raw) <= _MOST_KEYS else None
        reply = PackedReply(sha256(data).hexdigest(), keys, head)
        self._last = reply.digest, remembering(raw)
        return self.attached(reply, zlib.compress(data, 1))

    def attached(self, reply: PackedReply, compressed: bytes) -> PackedReply:
        """A reply with its content."""
        return reply.attached(self._keep(compressed), self)

    def remembered(self, reply: PackedReply, name: object, make: Callable[[Raw], T]) -> T:
        """See PackedReply.remembered."""
        if (last := self._last) is None or last[0] != reply.digest:  # read once: other threads change it
            self._last = None  # before the next one is parsed
            self._last = last = reply.digest, remembering(json.loads(reply.text))
        return remembered(last[1], name, make)

    def forget(self) -> None:
        """Hold nothing parsed."""
        self._last = None


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
    """What is made of a reply, which must be the same whenever it is made; see PackedReply.remembered."""
    if isinstance(raw, PackedReply):
        return raw.remembered(name, make)
    if not isinstance(raw, ShortReply):
        return make(raw)
    if name not in raw.made:
        raw.made[name] = make(raw)
    made: T = raw.made[name]
    return made


def _is_short(value: object) -> bool:
    is_number = value is None or (isinstance(value, int | float) and abs(value) < 2**64)
    return is_number or (isinstance(value, str) and len(value) <= _TEXT_IN_HEAD)


StoredRaw = Annotated[
    InstanceOf[PackedReply] | InstanceOf[dict[str, Any]],
    PlainSerializer(lambda raw: raw.name() if isinstance(raw, PackedReply) else raw),
]
"""The reply in a lookup. Of a packed one, only its name is stored there."""
