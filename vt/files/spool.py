"""What can be read only once, put down while it is needed: for nobody else to read, counted, and gone afterwards."""

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

from vt import errors, files
from vt.files.safe_path import name_of

SECONDS = 300.0
"""How long a stream may take, in all."""


@dataclass(frozen=True, slots=True)
class Spool:
    """A folder of our own, and how many bytes may lie in it, whoever put them there."""

    folder: Path
    budget: int

    def tidy(self) -> None:
        """Remove what processes left that died. What is in use is locked by its process, however that ends."""
        for path in self.folder.glob("once-*"):
            with suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()

    @contextmanager
    def opened(self) -> Iterator[int]:
        """The descriptor of a new file, for as long as it is entered."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.tidy()
        fd, name = tempfile.mkstemp(prefix="once-", dir=self.folder)  # 0600
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield fd
        finally:
            Path(name).unlink(missing_ok=True)
            os.close(fd)

    def used(self) -> int:
        """Bytes that lie there now."""
        sizes = 0
        for path in self.folder.glob("once-*"):
            with suppress(FileNotFoundError):
                sizes += path.stat().st_size
        return sizes


@dataclass(frozen=True, slots=True)
class Kept:
    """What was put down: it can be read again."""

    path: str
    size: int
    fd: int

    @property
    def name(self) -> str:
        """The last part of the path."""
        return name_of(self.path)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The content."""
        for offset in range(0, self.size, files.BLOCK):
            yield await asyncio.to_thread(os.pread, self.fd, files.BLOCK, offset)


class Stream:
    """The one file that a descriptor gives, once: it is put down when it is opened for the first time."""

    def __init__(self, source: int, fd: int, spool: Spool, limit: int, seconds: float) -> None:
        self._source = source
        self._fd = fd
        self._spool = spool
        self._limit = limit
        self._seconds = seconds
        self._kept: Kept | None = None

    async def find(self, asked: str) -> list[str]:
        """As asked."""
        return [asked]

    async def open(self, path: str) -> Kept:
        """Raises FileTooLarge, SpoolFull, TooSlow, NotReadable."""
        if self._kept is None:
            self._kept = Kept(path, await asyncio.to_thread(self._put_down, path), self._fd)
        return self._kept

    async def digest(self, source: files.Source, heard: files.Heard = files.unheard) -> str:
        """Its SHA-256."""
        return await files.digest(source, heard)

    def _put_down(self, path: str) -> int:
        until, size = time.monotonic() + self._seconds, 0
        try:
            while block := self._next(path, until):
                size += len(block)
                if size > self._limit:
                    raise errors.FileTooLarge(path, size, self._limit)
                if self._spool.used() + len(block) > self._spool.budget:
                    raise errors.SpoolFull(path, self._spool.budget)
                _write(self._fd, block)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise errors.SpoolFull(path, self._spool.budget) from None
            raise errors.NotReadable(path) from None
        return size

    def _next(self, path: str, until: float) -> bytes:
        ready, _, _ = select.select([self._source], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise errors.TooSlow(path, self._seconds)
        return os.read(self._source, files.BLOCK)


def _write(fd: int, block: bytes) -> None:
    left = memoryview(block)
    while left:
        left = left[os.write(fd, left) :]


@asynccontextmanager
async def stream(source: int, spool: Spool, limit: int, seconds: float = SECONDS) -> AsyncIterator[Stream]:
    """What a descriptor gives, as files; what was put down of it is removed in the end."""
    with spool.opened() as fd:
        yield Stream(source, fd, spool, limit, seconds)
