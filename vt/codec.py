"""The JSON of replies: read from the network and parsed, with caps on size and depth. Large ones are packed."""

import json
import math
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from functools import partial
from itertools import chain
from typing import Any

from vt import errors
from vt.packed_replies import INLINE, Limit, Packer, stopped

REPLY_CAP = 8 * 1024 * 1024
"""Bytes of a decoded reply. The largest recorded one has 160 KB."""
DEPTH_CAP = 64  # levels of nested JSON
ENTRIES_CAP = 100  # of a list; the largest batch has 25
CHUNK = 64 * 1024  # bytes that are read or decompressed at once
READ_AT_ONCE = 256 * 1024  # bytes of a reply from which on it is read alone
PARSED_CAP = 48 * 1024 * 1024
"""Bytes of memory that a parsed reply may take; the one that was recorded as the largest takes 1.5 MB."""
_SURROGATE = re.compile(r"[\ud800-\udfff]|\\u[dD][89a-fA-F]")  # half of a pair, or how JSON spells it
_SPACES = " \t\n\r"
_LIST = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\n\r]*\[")
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_REST_OF_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
# What needs no look: what is no bracket, whole strings, and whole objects and lists that hold no others.
_FLAT = rb'%b|[\[{](?:[^"\[\]{}]++|%b)*+[\]}]' % (_STRING, _STRING)
_WITHIN_ENTRY = re.compile(rb'(?:[^"\[\]{}]++|%b)*+' % _FLAT, re.DOTALL)
_WITHIN_LIST = re.compile(rb'(?:[^",\[\]{}]++|%b)*+' % _FLAT, re.DOTALL)


async def read_json(
    pieces: AsyncIterator[bytes], encoding: str, packer: Packer, limit: Limit | None = None, entries: int = 1
) -> Any:
    """A body that comes in pieces as JSON; `encoding`: its Content-Encoding. Raises Unreadable for HTML, broken or too deep JSON, and more than REPLY_CAP bytes.

    Large replies are read one at a time, and packed. While one waits for that, `limit` stops. A list of so many `entries`
    may be as many times as large: its entries are read one at a time. In the place of one that is too large is its error.
    """
    body = bytearray()
    decoded = _decoded(pieces, encoding.strip().lower())
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
    body: bytearray, pieces: AsyncIterator[bytes], packer: Packer, limit: Limit | None, entries: int
) -> list[Any]:
    """A list of which the first bytes, `body`, have come. Between two of its entries others may read."""
    piece: bytes | None = bytes(body[body.index(b"[") + 1 :])
    size = len(body)
    body.clear()
    cutter, found = EntryCutter(body), list[Any]()
    async with AsyncExitStack() as turn:
        await turn.enter_async_context(packer.alone(limit))
        while piece is not None:
            for entry in cutter.feed(piece):
                found.append(await _read_entry(entry, packer, limit))
                await turn.aclose()
                await turn.enter_async_context(packer.alone(limit))
            piece = await anext(pieces, None)
            size += len(piece or b"")
            if size > entries * REPLY_CAP:
                raise errors.Unreadable("size")
    cutter.end()
    return found


async def _read_entry(entry: bytearray, packer: Packer, limit: Limit | None) -> Any:
    """An entry of a list, packed if it is large. If it is too large, that is returned, since the others can be read."""
    make = partial(parse, entry, packer, is_entry=True)
    try:
        with stopped(limit):
            return await packer.in_thread(make) if len(entry) > INLINE else make()
    except errors.Unreadable as error:
        if error.why != "size":
            raise
        return errors.Unreadable("size")


class EntryCutter:
    """Cuts a JSON list, from behind its first bracket on, into its entries while it comes, wherever its pieces end.

    It looks at brackets, commas and quotes only, so that an entry may be no JSON. Every method raises Unreadable.
    `entry`: where each entry is put together; empty.
    """

    def __init__(self, entry: bytearray) -> None:
        self._entry = entry
        self._count = 0
        self._depth = 1  # brackets that are open; 0: the list is over
        self._in_string = False
        self._is_escaped = False  # a backslash was the last byte of a piece

    def feed(self, piece: bytes) -> Iterator[bytearray]:
        """The entries that end in this piece, each until the next one; of one of more than REPLY_CAP bytes, a part."""
        start = 0
        at = self._string_end(piece, 0) if self._in_string and piece else 0
        while self._depth and at < len(piece):
            at = _end(_WITHIN_LIST if self._depth == 1 else _WITHIN_ENTRY, piece, at)
            mark = piece[at : at + 1]
            at += 1
            self._depth += (mark in (b"[", b"{")) - (mark in (b"]", b"}"))
            if self._depth > DEPTH_CAP or (mark == b"}" and not self._depth):
                raise errors.Unreadable("depth" if self._depth else "json")
            if mark == b'"':
                at = self._string_end(piece, at)
            elif mark == b"," or not self._depth:
                self._keep(piece[start : at - 1])
                start = at
                self._count += 1
                if self._count > ENTRIES_CAP:
                    raise errors.Unreadable("shape")
                yield self._entry
                self._entry.clear()
        self._keep(piece[start:])

    def end(self) -> None:
        """Nothing more comes."""
        if self._depth or self._entry.strip(_SPACES.encode()):
            raise errors.Unreadable("json")

    def _string_end(self, piece: bytes, at: int) -> int:
        """Behind the string in which `at` is, or at the end of the piece."""
        at = _end(_REST_OF_STRING, piece, at + self._is_escaped)
        self._is_escaped = piece[at:] == b"\\"
        self._in_string = piece[at : at + 1] != b'"'
        return at + 1

    def _keep(self, part: bytes) -> None:
        if len(self._entry) <= REPLY_CAP:
            self._entry += part


def _end(pattern: re.Pattern[bytes], piece: bytes, at: int) -> int:
    found = pattern.match(piece, at)
    return found.end() if found else at


async def _decoded(pieces: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """The body, decompressed in small steps: 194 KB of gzip can hold 200 MB of zeros."""
    if encoding in ("", "identity"):
        async for raw in pieces:
            yield raw
        return
    if encoding != "gzip":
        raise errors.Unreadable("encoding")
    unpacker = zlib.decompressobj(wbits=31)
    async for raw in pieces:
        pending = raw
        while pending:
            piece = None
            with suppress(zlib.error):
                piece = unpacker.decompress(pending, CHUNK)
            if piece is None:
                raise errors.Unreadable("encoding")
            yield piece
            pending = unpacker.unconsumed_tail
    # The checksum stands at the very end: what was cut off before it, or goes on after it, is not what was sent.
    if not unpacker.eof or unpacker.unused_data:
        raise errors.Unreadable("encoding")


def parse(body: bytes | bytearray, packer: Packer, *, is_entry: bool = False) -> Any:
    """Parse JSON of at most DEPTH_CAP levels. Raises Unreadable, without the error that would hold the reply.

    NaN, Infinity and numbers too large for a float are errors, and so are two equal keys of one object, of which nobody
    knows which one is meant. Halves of surrogate pairs can be neither stored nor sent, so U+FFFD replaces them.

    A large object, and each large one of a list, comes back packed; of a list, one at a time is parsed. `is_entry`: it was
    cut off from a list.
    """
    if len(body) > REPLY_CAP:
        raise errors.Unreadable("size")
    fault = ""
    try:
        encoding = "utf-8" if is_entry else json.detect_encoding(bytes(body[:4]))
        text = body.decode(encoding, "surrogatepass")
        if is_entry or len(text) <= INLINE or not text.lstrip(_SPACES).startswith("["):
            return _parsed(text.strip(_SPACES), packer, int(is_entry))
        return _entries(text, packer)
    except RecursionError:
        fault = "depth"
    except ValueError:
        fault = "json"
    except errors.Unreadable as error:
        fault = error.why
    raise errors.Unreadable(fault)


def _entries(text: str, packer: Packer) -> list[Any]:
    cutter = EntryCutter(bytearray())
    rest = text[text.index("[") + 1 :].encode("utf-8", "surrogatepass")
    entries = [parse(entry, packer, is_entry=True) for entry in cutter.feed(rest)]
    cutter.end()
    return entries


def _parsed(text: str, packer: Packer, above: int) -> Any:
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
