"""A copy on disk of what can be read only once, such as standard input: private, within a budget, always removed."""

import asyncio
import errno
import fcntl
import os
import select
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vt import errors
from vt.files import hashing
from vt.files.hashing import OnRead, Source, noop
from vt.files.safe_path import file_name

SECONDS = 300.0
"""How long reading a stream to its end may take."""
PREFIX = "once-"
"""How the names of spooled files begin."""


@dataclass(frozen=True, slots=True)
class Spool:
    """A folder of the bot's own that holds at most `budget` bytes, for all its processes together."""

    folder: Path
    budget: int

    def remove_stale(self) -> None:
        """Remove the files of processes that died. A process locks what it uses, and the lock ends with the process."""
        for path in self.folder.glob(f"{PREFIX}*"):
            with suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()

    @contextmanager
    def new_file(self) -> Iterator[int]:
        """The descriptor of a new file, which is removed when the context ends."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.remove_stale()
        fd, name = tempfile.mkstemp(prefix=PREFIX, dir=self.folder)  # with mode 0600
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield fd
        finally:
            Path(name).unlink(missing_ok=True)
            os.close(fd)

    def used_bytes(self) -> int:
        """The size of everything in the folder, of other processes too."""
        total = 0
        for path in self.folder.glob(f"{PREFIX}*"):
            with suppress(FileNotFoundError):
                total += path.stat().st_size
        return total


@dataclass(frozen=True, slots=True)
class SpooledFile:
    """A stream that was copied to disk and can be read again."""

    path: str
    size: int
    fd: int

    @property
    def name(self) -> str:
        """The last part of the path."""
        return file_name(self.path)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The content."""
        for offset in range(0, self.size, hashing.BLOCK_BYTES):
            yield await asyncio.to_thread(os.pread, self.fd, hashing.BLOCK_BYTES, offset)


class Stream:
    """The one file that comes from a descriptor. It is copied to the spool when it is opened for the first time."""

    def __init__(self, source: int, fd: int, spool: Spool, limit: int, seconds: float) -> None:
        self._source = source
        self._fd = fd
        self._spool = spool
        self._limit = limit
        self._seconds = seconds
        self._spooled: SpooledFile | None = None

    async def find(self, typed: str) -> list[str]:
        """The path itself: a stream has no folder to search."""
        return [typed]

    async def open(self, path: str) -> SpooledFile:
        """The copy of the stream. Raises FileTooLarge, SpoolFull, TooSlow, NotReadable."""
        if self._spooled is None:
            self._spooled = SpooledFile(path, await asyncio.to_thread(self._copy, path), self._fd)
        return self._spooled

    async def digest(self, source: Source, on_read: OnRead = noop) -> str:
        """The SHA-256 of the content as hexadecimal digits."""
        return await hashing.digest(source, on_read)

    def _copy(self, path: str) -> int:
        """Copy the whole stream to the spool. Returns its size in bytes."""
        until, size = time.monotonic() + self._seconds, 0
        try:
            while block := self._read(path, until):
                size += len(block)
                if size > self._limit:
                    raise errors.FileTooLarge(path, size, self._limit)
                if self._spool.used_bytes() + len(block) > self._spool.budget:
                    raise errors.SpoolFull(path, self._spool.budget)
                _write(self._fd, block)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise errors.SpoolFull(path, self._spool.budget) from None
            raise errors.NotReadable(path) from None
        return size

    def _read(self, path: str, until: float) -> bytes:
        ready, _, _ = select.select([self._source], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise errors.TooSlow(path, self._seconds)
        return os.read(self._source, hashing.BLOCK_BYTES)


def _write(fd: int, block: bytes) -> None:
    left = memoryview(block)
    while left:
        left = left[os.write(fd, left) :]


@asynccontextmanager
async def stream(source: int, spool: Spool, limit: int, seconds: float = SECONDS) -> AsyncIterator[Stream]:
    """What comes from the descriptor `source`, up to `limit` bytes; its copy is removed when the context ends."""
    with spool.new_file() as fd:
        yield Stream(source, fd, spool, limit=limit, seconds=seconds)
