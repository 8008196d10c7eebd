"""Files to be scanned, wherever they lie: what is expected of them, and how they are hashed, counted and timed."""

import asyncio
import stat
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol, TypeVar

from vt import errors
from vt.patience import for_bytes

BLOCK = 1 << 20
"""Bytes read at once."""
MATCHES = 100
"""Files that one pattern may fit, and that all patterns of a request may fit together."""

T = TypeVar("T")
Heard = Callable[[int], None]
"""Hears how many bytes were read so far."""


def unheard(_: int) -> None:
    """Nobody wants to know."""


class Source(Protocol):
    """A file somewhere, to be hashed and uploaded: readable more than once, in constant memory."""

    @property
    def path(self) -> str:
        """As asked."""

    @property
    def name(self) -> str:
        """The last part of the path."""

    @property
    def size(self) -> int:
        """Bytes."""

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """The content, at most 1 MiB at a time: `size` bytes, or a FileFault."""


class Files(Protocol):
    """Where files come from: this machine, a server."""

    async def find(self, asked: str) -> list[str]:
        """The paths that are meant: one as it is, or the files that its `*` and `?` fit. Raises a FileFault."""

    async def open(self, path: str) -> Source:
        """A file that may be taken; a `*` in the path is a letter. Raises a FileFault."""

    async def digest(self, source: Source, heard: Heard = unheard) -> str:
        """Its SHA-256, in hex. Raises a FileFault."""


async def digest(source: Source, heard: Heard = unheard) -> str:
    """The SHA-256 of the content, in hex. Raises a FileFault."""
    total, read = Hashing(), 0
    async with aclosing(source.chunks()) as blocks:
        async for block in blocks:
            await total.add(block)
            read += len(block)
            heard(read)
    return await total.done()


class Hashing:
    """A SHA-256 that is computed in a thread, while the next block is read or the last one sent."""

    def __init__(self) -> None:
        self._total = sha256()
        self._under_way: asyncio.Future[None] | None = None

    async def add(self, block: bytes) -> None:
        """Begin with a block, once the one before it is done."""
        if self._under_way:
            await self._under_way
        loop = asyncio.get_running_loop()
        self._under_way = loop.run_in_executor(None, self._total.update, block)

    async def done(self) -> str:
        """In hex."""
        if self._under_way:
            await self._under_way
        return self._total.hexdigest()


@dataclass(frozen=True, slots=True)
class Pinned:
    """A source that must still have the content that was hashed.

    Its last block is held back until the whole is known to be the same, so an upload of anything else is never
    complete. Raises Changed.
    """

    source: Source
    sha256: str

    @property
    def path(self) -> str:
        """As asked."""
        return self.source.path

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.source.name

    @property
    def size(self) -> int:
        """Bytes."""
        return self.source.size

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The content, one block late."""
        total, held = Hashing(), b""
        async with aclosing(self.source.chunks()) as blocks:
            async for block in blocks:
                await total.add(block)
                if held:
                    yield held
                held = block
        if await total.done() != self.sha256:
            raise errors.Changed(self.path)
        yield held


async def counted(
    path: str, size: int, seconds: float, read_block: Callable[[], Awaitable[bytes]]
) -> AsyncIterator[bytes]:
    """Blocks until an empty one: exactly `size` bytes, waited for no longer than `seconds` in all, or at SLOWEST.

    The time that the reader takes between two blocks is not counted. Raises Changed, TooSlow.
    """
    seconds = for_bytes(size, seconds)
    got, left = 0, seconds
    while True:
        began = time.monotonic()
        try:
            block = await in_time(path, left, read_block())
        except errors.TooSlow:
            raise errors.TooSlow(path, seconds) from None
        left -= time.monotonic() - began
        got += len(block)
        if got > size or (not block and got < size):
            raise errors.Changed(path)
        if not block:
            return
        yield block


async def in_time(path: str, seconds: float, work: Awaitable[T]) -> T:
    """The work's result. Raises TooSlow, and what the work raises."""
    try:
        async with asyncio.timeout(seconds) as limit:
            return await work
    except TimeoutError:
        if not limit.expired():
            raise
        raise errors.TooSlow(path, seconds) from None


def checked(path: str, size: int, limit: int, mode: int) -> None:
    """Refuse, by what is said of a file, one that cannot be taken. Raises NotRegular, FileTooLarge."""
    if not stat.S_ISREG(mode):
        raise errors.NotRegular(path)
    if size > limit:
        raise errors.FileTooLarge(path, size, limit)
