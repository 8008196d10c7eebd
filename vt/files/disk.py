"""Files on this machine, below the roots that the settings allow."""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from functools import partial
from io import FileIO

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
