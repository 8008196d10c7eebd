"""Files on this machine: below the roots that the settings allow, and private copies of what can be read only once."""

import asyncio
import errno
import fcntl
import os
import select
import stat
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path

from vt import errors
from vt.files import hashing
from vt.files.hashing import OnRead, Source, noop
from vt.files.safe_path import Entry, RootedPath, Roots, expand, file_name, is_pattern, open_beneath, to_text

_FAULTS: dict[int, type[errors.FileFault]] = {
    errno.ENOENT: errors.Missing,
    errno.ENOTDIR: errors.Missing,
    errno.ENAMETOOLONG: errors.Missing,
    errno.ELOOP: errors.NotRegular,
    errno.EISDIR: errors.NotRegular,
    errno.ENXIO: errors.NotRegular,
    errno.ENODEV: errors.NotRegular,
    errno.EXDEV: errors.NotAllowed,
    errno.EAGAIN: errors.Changed,
}

_UNREADABLE = (PermissionError, FileNotFoundError, NotADirectoryError)
"""A folder that the bot may not list, or that is gone since its name was read."""


def fault(path: str, error: OSError) -> errors.FileFault:
    """The FileFault for an error of the operating system; NotReadable when there is no closer one."""
    return _FAULTS.get(error.errno or 0, errors.NotReadable)(path)


@dataclass(frozen=True, slots=True)
class Disk:
    """The files of this machine below the roots, up to `limit` bytes, each read within `seconds`."""

    roots: Roots
    limit: int
    seconds: float = 300.0

    async def find(self, typed: str) -> list[str]:
        """The path itself, or the paths of the files that its `*` and `?` match; links are not followed.

        Raises NotAllowed, Missing (nothing matches), TooManyFiles, TooManyNames, NotReadable, NotRegular, TooSlow.
        """
        path = self.roots.locate(typed)
        if not any(map(is_pattern, path.parts)):
            return [typed]
        return await hashing.with_timeout(typed, self.seconds, asyncio.to_thread(find, typed, path))

    async def open(self, path: str) -> "LocalFile":
        """The file at exactly this path; a `*` in it is an ordinary character. Raises a FileFault."""
        located = self.roots.locate(path)
        return await hashing.with_timeout(path, self.seconds, asyncio.to_thread(self._check, path, located))

    def _check(self, path: str, located: RootedPath) -> "LocalFile":
        with _open_regular(path, located) as file:
            status = os.fstat(file.fileno())
        hashing.check_regular(path, status.st_size, self.limit, status.st_mode)
        return LocalFile(path, status.st_size, self.seconds, located=located, identity=_identity(status))

    async def digest(self, source: Source, on_read: OnRead = noop) -> str:
        """The SHA-256 of a file as hexadecimal digits. Raises a FileFault."""
        return await hashing.digest(source, on_read)


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that was found to be regular and small enough. It is opened again each time it is read."""

    path: str
    size: int
    seconds: float
    located: RootedPath
    identity: tuple[int, ...]
    """Device, inode, size and time of the last change: another file, or the same file changed, differs."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return file_name(self.path)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The content. Raises a FileFault, Changed at the latest after the last block."""
        file = await hashing.with_timeout(self.path, self.seconds, asyncio.to_thread(self._reopen))
        with file:
            read_block = partial(self._read, file)
            async for block in hashing.exactly(self.path, self.size, self.seconds, read_block):
                yield block
            self._check_unchanged(file)

    async def _read(self, file: FileIO) -> bytes:
        try:
            return await asyncio.to_thread(file.read, hashing.BLOCK_BYTES) or b""
        except OSError as error:
            raise fault(self.path, error) from None

    def _reopen(self) -> FileIO:
        file = _open_regular(self.path, self.located)
        try:
            self._check_unchanged(file)
        except errors.Changed:
            file.close()
            raise
        return file

    def _check_unchanged(self, file: FileIO) -> None:
        if _identity(os.fstat(file.fileno())) != self.identity:
            raise errors.Changed(self.path)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _open_regular(path: str, located: RootedPath) -> FileIO:
    """A regular file, open for reading. Raises a FileFault."""
    try:
        fd = open_beneath(located, os.O_RDONLY)
    except OSError as error:
        raise fault(path, error) from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise errors.NotRegular(path)
    return FileIO(fd)


def find(typed: str, pattern: RootedPath) -> list[str]:
    """The paths of the files that a pattern matches. Blocks; raises a FileFault."""
    try:
        found = expand(typed, pattern, lambda parts: _entries(RootedPath(pattern.root, parts)), _UNREADABLE)
    except OSError as error:
        raise fault(typed, error) from None
    if not found:
        raise errors.Missing(typed)
    return [to_text(bytes(path)) for path in found]


def _entries(folder: RootedPath) -> Iterator[Entry]:
    fd = open_beneath(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.scandir(fd) as entries:
            for entry in entries:
                yield Entry(
                    os.fsencode(entry.name),
                    is_folder=entry.is_dir(follow_symlinks=False),
                    is_file=entry.is_file(follow_symlinks=False),
                )
    finally:
        os.close(fd)


# The spool: copies of what can be read only once, such as standard input -------------------------------

STREAM_SECONDS = 300.0
"""How long reading a stream to its end may take."""
SPOOL_PREFIX = "once-"
"""How the names of spooled files begin."""


@dataclass(frozen=True, slots=True)
class Spool:
    """A folder of the bot's own that holds at most `budget` bytes, for all its processes together."""

    folder: Path
    budget: int

    def remove_stale(self) -> None:
        """Remove the files of processes that died. A process locks what it uses, and the lock ends with the process."""
        for path in self.folder.glob(f"{SPOOL_PREFIX}*"):
            with suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()

    @contextmanager
    def new_file(self) -> Iterator[int]:
        """The descriptor of a new file, which is removed when the context ends."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.remove_stale()
        fd, name = tempfile.mkstemp(prefix=SPOOL_PREFIX, dir=self.folder)  # with mode 0600
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield fd
        finally:
            Path(name).unlink(missing_ok=True)
            os.close(fd)

    def used_bytes(self) -> int:
        """The size of everything in the folder, of other processes too."""
        total = 0
        for path in self.folder.glob(f"{SPOOL_PREFIX}*"):
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
async def stream(
    source: int, spool: Spool, limit: int, seconds: float = STREAM_SECONDS
) -> AsyncIterator[Stream]:
    """What comes from the descriptor `source`, up to `limit` bytes; its copy is removed when the context ends."""
    with spool.new_file() as fd:
        yield Stream(source, fd, spool, limit=limit, seconds=seconds)
