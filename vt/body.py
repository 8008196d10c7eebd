"""The bytes of a reply's body, as they come: decompressed in small steps, and a list split into its entries."""

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress

from vt import errors

Limit = asyncio.Timeout

REPLY_CAP = 8 * 1024 * 1024
"""Bytes of a decoded reply. The largest recorded one has 160 KB."""
DEPTH_CAP = 64  # levels of nested JSON
ENTRIES_CAP = 100  # of a list; the largest batch has 25
CHUNK = 64 * 1024  # bytes that are read or decompressed at once
SPACES = " \t\n\r"
"""What JSON allows between its parts."""
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_REST_OF_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
# What is skipped at once: everything but brackets and quotes, whole strings, and whole objects and lists without others inside.
_FLAT = rb'%b|[\[{](?:[^"\[\]{}]++|%b)*+[\]}]' % (_STRING, _STRING)
_WITHIN_ENTRY = re.compile(rb'(?:[^"\[\]{}]++|%b)*+' % _FLAT, re.DOTALL)
_WITHIN_LIST = re.compile(rb'(?:[^",\[\]{}]++|%b)*+' % _FLAT, re.DOTALL)


async def decompressed(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body, decompressed in small steps: 194 KB of gzip can hold 200 MB of zeros. Raises Unreadable."""
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


@contextmanager
def paused(limit: Limit | None) -> Iterator[None]:
    """The time that this takes does not count towards the limit."""
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


class EntrySplitter:
    """Splits a JSON list into its entries as it arrives, in pieces that may end anywhere. The first bracket is left out.

    It looks at brackets, commas and quotes only, so an entry need not be valid JSON. Every method raises Unreadable.
    `entry`: an empty buffer in which each entry is collected.
    """

    def __init__(self, entry: bytearray) -> None:
        self._entry = entry
        self._count = 0
        self._depth = 1  # brackets that are open; 0: the list is over
        self._in_string = False
        self._is_escaped = False  # a backslash was the last byte of a piece

    def feed(self, piece: bytes) -> Iterator[bytearray]:
        """The entries that end in this piece. Each is valid until the next is taken; one of more than REPLY_CAP bytes is truncated."""
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
        if self._depth or self._entry.strip(SPACES.encode()):
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
