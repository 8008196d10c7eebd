"""The contract of a file to be scanned, wherever it is stored, and how its content is hashed, counted and timed."""

import asyncio
import stat
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol, TypeVar

from vt import errors
from vt.polling import transfer_seconds

BLOCK_BYTES = 1 << 20
"""How many bytes are read at once."""

T = TypeVar("T")
OnRead = Callable[[int], None]
"""Called with the number of bytes read so far."""


def noop(*_: object) -> None:
    """A progress callback for callers that show no progress."""


class Source(Protocol):
    """A file that can be read more than once in constant memory, to be hashed and then uploaded."""

    @property
    def path(self) -> str:
        """The path that was asked for."""

    @property
    def name(self) -> str:
        """The last part of the path."""

    @property
    def size(self) -> int:
        """The size in bytes."""

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """The content in chunks of at most 1 MiB: exactly `size` bytes, or a FileFault is raised."""


class FileProvider(Protocol):
    """Finds and opens the files of one place: this machine, a server, Slack, standard input."""

    async def find(self, typed: str) -> list[str]:
        """The path itself, or the paths of the files that its `*` and `?` match. Raises a FileFault."""

    async def open(self, path: str) -> Source:
        """The file at exactly this path; a `*` in it is an ordinary character. Raises a FileFault."""

    async def digest(self, source: Source, on_read: OnRead = noop) -> str:
        """The SHA-256 of the content as hexadecimal digits. Raises a FileFault."""


Opener = Callable[[str], AbstractAsyncContextManager[FileProvider]]
"""Opens a place of its kind by the part of the name after the colon. Raises a HostFault."""


async def digest(source: Source, on_read: OnRead = noop) -> str:
    """The SHA-256 of the content as hexadecimal digits. Raises a FileFault."""
    total, read = BackgroundSha256(), 0
    async with aclosing(source.chunks()) as blocks:
        async for block in blocks:
            await total.update(block)
            read += len(block)
            on_read(read)
    return await total.hexdigest()


class BackgroundSha256:
    """A SHA-256 computed in a worker thread, so that hashing one block overlaps with reading or sending the next."""

    def __init__(self) -> None:
        self._total = sha256()
        self._running: asyncio.Future[None] | None = None

    async def update(self, block: bytes) -> None:
        """Start hashing a block as soon as the block before it is done: at most one is in memory."""
        if self._running:
            await self._running
        loop = asyncio.get_running_loop()
        self._running = loop.run_in_executor(None, self._total.update, block)

    async def hexdigest(self) -> str:
        """The digest of everything so far, as hexadecimal digits."""
        if self._running:
            await self._running
        return self._total.hexdigest()


@dataclass(frozen=True, slots=True)
class VerifiedSource:
    """A source whose content must still have the SHA-256 that was computed before.

    The last block is held back until the digest of the whole is known to match. If the file changed in the meantime,
    `chunks` raises Changed before the upload is complete, so VirusTotal never receives a file that nobody agreed to.
    """

    source: Source
    sha256: str

    @property
    def path(self) -> str:
        """The path that was asked for."""
        return self.source.path

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.source.name

    @property
    def size(self) -> int:
        """The size in bytes."""
        return self.source.size

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The content, delayed by one block. Raises Changed, or another FileFault of the source."""
        total, held = BackgroundSha256(), b""
        async with aclosing(self.source.chunks()) as blocks:
            async for block in blocks:
                await total.update(block)
                if held:
                    yield held
                held = block
        if await total.hexdigest() != self.sha256:
            raise errors.Changed(self.path)
        yield held


async def exactly(
    path: str, size: int, seconds: float, read_block: Callable[[], Awaitable[bytes]]
) -> AsyncIterator[bytes]:
    """Blocks from `read_block` until it returns an empty one; they must add up to exactly `size` bytes.

    All reads together may take `seconds`, or longer for a large file that arrives at no less than SLOWEST bytes a
    second. The time that the consumer spends between two blocks does not count. Raises Changed, TooSlow.
    """
    seconds = transfer_seconds(size, seconds)
    received, left = 0, seconds
    while True:
        started = time.monotonic()
        try:
            block = await with_timeout(path, left, read_block())
        except errors.TooSlow:
            raise errors.TooSlow(path, seconds) from None
        left -= time.monotonic() - started
        received += len(block)
        # Checked before the block is passed on: a file that grows without end is left at the first extra byte.
        if received > size or (not block and received < size):
            raise errors.Changed(path)
        if not block:
            return
        yield block


async def with_timeout(path: str, seconds: float, work: Awaitable[T]) -> T:
    """The result of the work. Raises TooSlow for that path after `seconds`, and whatever the work raises."""
    try:
        async with asyncio.timeout(seconds) as limit:
            return await work
    except TimeoutError:
        # A TimeoutError of the work itself (a socket's, for example) is not ours to translate.
        if not limit.expired():
            raise
        raise errors.TooSlow(path, seconds) from None


def check_regular(path: str, size: int, limit: int, mode: int) -> None:
    """Check a file's `st_mode` and its size in bytes. Raises NotRegular, FileTooLarge."""
    if not stat.S_ISREG(mode):
        raise errors.NotRegular(path)
    if size > limit:
        raise errors.FileTooLarge(path, size, limit)
