"""Files on this machine, opened without ever following a link, and private copies of what can be read only once."""

import asyncio
import ctypes
import errno
import fcntl
import os
import select
import stat
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path

from vt import errors
from vt.files import provider
from vt.files.provider import Entry, Parts, RootedPath, Roots, expand, file_name, is_pattern

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
        return await provider.with_timeout(typed, self.seconds, asyncio.to_thread(find, typed, path))

    async def open(self, path: str) -> "LocalFile":
        """The file at exactly this path; a `*` in it is an ordinary character. Raises a FileFault."""
        located = self.roots.locate(path)
        return await provider.with_timeout(path, self.seconds, asyncio.to_thread(self._check, path, located))

    def _check(self, path: str, located: RootedPath) -> "LocalFile":
        with _open_regular(path, located) as file:
            status = os.fstat(file.fileno())
        provider.check_regular(path, status.st_size, self.limit, status.st_mode)
        return LocalFile(path, status.st_size, self.seconds, located=located, identity=_identity(status))

    digest = staticmethod(provider.digest)


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
        file = await provider.with_timeout(self.path, self.seconds, asyncio.to_thread(self._reopen))
        with file:
            read_block = partial(self._read, file)
            async for block in provider.exactly(self.path, self.size, self.seconds, read_block):
                yield block
            self._check_unchanged(file)

    async def _read(self, file: FileIO) -> bytes:
        try:
            return await asyncio.to_thread(file.read, provider.BLOCK_BYTES) or b""
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
        return expand(typed, pattern, lambda parts: _entries(RootedPath(pattern.root, parts)), _UNREADABLE)
    except OSError as error:
        raise fault(typed, error) from None


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


# Opening ------------------------------------------------------------------------------------------------

OPENAT2 = 437
"""The number of the system call, the same on every Linux architecture but alpha (include/uapi/asm-generic/unistd.h)."""
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08


def open_beneath(path: RootedPath, flags: int) -> int:
    """A file descriptor for the path. Raises OSError, with ELOOP if any part below the root is a link."""
    # O_NONBLOCK: opening a FIFO would otherwise wait for a writer. O_NOCTTY: a terminal must not become ours.
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    root = os.open(path.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            return open_with_openat2(root, path.parts, flags)
        except OSError as error:
            # ENOSYS: a kernel before 5.6. EPERM: a seccomp sandbox that refuses system calls it does not know.
            if error.errno not in (errno.ENOSYS, errno.EPERM):
                raise
        return open_part_by_part(root, path.parts, flags)
    finally:
        os.close(root)


class _OpenHow(ctypes.Structure):
    """`struct open_how` of linux/openat2.h."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_with_openat2(root: int, parts: Parts, flags: int) -> int:
    """Let the kernel resolve the whole path in one system call, so no rename can come between check and open.

    `root` is the descriptor of the root folder. Needs Linux 5.6; Python has no binding for it. Raises OSError.
    """
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    how = _OpenHow(flags, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
    path = b"/".join(parts) or b"."
    libc = ctypes.CDLL(None, use_errno=True)
    fd: int = libc.syscall(OPENAT2, root, path, ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how)))
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd


def open_part_by_part(root: int, parts: Parts, flags: int) -> int:
    """The same without openat2: open each folder relative to the one above it, never through a link.

    A folder that is replaced after it was opened does no harm: its descriptor still means the folder that was checked.
    """
    folder = os.dup(root)
    try:
        for part in parts[:-1]:
            above = folder
            folder = _open_part(above, part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            os.close(above)
        return _open_part(folder, parts[-1] if parts else b".", flags)
    finally:
        os.close(folder)


def _open_part(folder: int, part: bytes, flags: int) -> int:
    try:
        return os.open(part, flags, dir_fd=folder)
    except NotADirectoryError:
        # With O_DIRECTORY the kernel reports a link as ENOTDIR; openat2 reports ELOOP, and so do we.
        if stat.S_ISLNK(os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise


# The spool: copies of what can be read only once, such as standard input -------------------------------

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
        for offset in range(0, self.size, provider.BLOCK_BYTES):
            yield await asyncio.to_thread(os.pread, self.fd, provider.BLOCK_BYTES, offset)


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

    digest = staticmethod(provider.digest)

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
                left = memoryview(block)
                while left:
                    left = left[os.write(self._fd, left) :]
        except OSError as error:
            is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise (
                errors.SpoolFull(path, self._spool.budget) if is_full else errors.NotReadable(path)
            ) from None
        return size

    def _read(self, path: str, until: float) -> bytes:
        ready, _, _ = select.select([self._source], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise errors.TooSlow(path, self._seconds)
        return os.read(self._source, provider.BLOCK_BYTES)


@asynccontextmanager
async def stream(source: int, spool: Spool, limit: int, seconds: float = 300.0) -> AsyncIterator[Stream]:
    """What comes from the descriptor `source`, up to `limit` bytes and within `seconds`; its copy is removed when the context ends."""
    with spool.new_file() as fd:
        yield Stream(source, fd, spool, limit=limit, seconds=seconds)
