"""Files on this machine, beneath the roots that the settings allow."""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from io import FileIO

from vt import errors, files
from vt.files.safe_path import Name, Place, Roots, expand, is_pattern, name_of, open_beneath, spell

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

_CLOSED = (PermissionError, FileNotFoundError, NotADirectoryError)
"""Closed to the bot, or gone since its name was read."""


def fault(path: str, error: OSError) -> errors.FileFault:
    """What the system's word for it means here."""
    return _FAULTS.get(error.errno or 0, errors.NotReadable)(path)


@dataclass(frozen=True, slots=True)
class Disk:
    """The files of this machine beneath the roots, up to `limit` bytes, each read within `seconds`."""

    roots: Roots
    limit: int
    seconds: float = 300.0

    async def find(self, asked: str) -> list[str]:
        """The paths that are meant: one as it is, or the files that its `*` and `?` fit, following no link.

        Raises NotAllowed, Missing (nothing fits), TooManyFiles, NotReadable, NotRegular, TooSlow.
        """
        place = self.roots.locate(asked)
        if not any(map(is_pattern, place.parts)):
            return [asked]
        return await files.in_time(asked, self.seconds, asyncio.to_thread(_find, asked, place))

    async def open(self, path: str) -> "LocalFile":
        """The file of that path; a `*` in it is a letter. Raises a FileFault."""
        place = self.roots.locate(path)
        return await files.in_time(path, self.seconds, asyncio.to_thread(self._taken, path, place))

    def _taken(self, path: str, place: Place) -> "LocalFile":
        with _opened(path, place) as file:
            now = os.fstat(file.fileno())
        files.checked(path, now.st_size, self.limit, now.st_mode)
        return LocalFile(path, now.st_size, self.seconds, place, _mark(now))

    async def digest(self, source: files.Source, heard: files.Heard = files.unheard) -> str:
        """The SHA-256 of a file. Raises a FileFault."""
        return await files.digest(source, heard)


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that was there, regular and small enough; it is opened anew each time it is read."""

    path: str
    size: int
    seconds: float
    place: Place
    mark: tuple[int, ...]
    """What tells it from another file, and from itself changed."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return name_of(self.path)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The content. Raises a FileFault, at the latest after the last block."""
        file = await files.in_time(self.path, self.seconds, asyncio.to_thread(self._reopened))
        with file:
            async for block in files.counted(self.path, self.size, self.seconds, lambda: self._block(file)):
                yield block
            self._same(file)

    async def _block(self, file: FileIO) -> bytes:
        try:
            return await asyncio.to_thread(file.read, files.BLOCK) or b""
        except OSError as error:
            raise fault(self.path, error) from None

    def _reopened(self) -> FileIO:
        file = _opened(self.path, self.place)
        try:
            self._same(file)
        except errors.Changed:
            file.close()
            raise
        return file

    def _same(self, file: FileIO) -> None:
        if _mark(os.fstat(file.fileno())) != self.mark:
            raise errors.Changed(self.path)


def _mark(now: os.stat_result) -> tuple[int, ...]:
    return (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns)


def _opened(path: str, place: Place) -> FileIO:
    """A regular file, open for reading. Raises a FileFault."""
    try:
        fd = open_beneath(place, os.O_RDONLY)
    except OSError as error:
        raise fault(path, error) from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise errors.NotRegular(path)
    return FileIO(fd)


def _find(asked: str, place: Place) -> list[str]:
    try:
        found = expand(asked, place, lambda parts: _names(Place(place.root, parts)), files.MATCHES, _CLOSED)
    except OSError as error:
        raise fault(asked, error) from None
    if not found:
        raise errors.Missing(asked)
    return [spell(bytes(place)) for place in found]


def _names(folder: Place) -> Iterator[Name]:
    fd = open_beneath(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.scandir(fd) as entries:
            for entry in entries:
                yield Name(
                    os.fsencode(entry.name),
                    entry.is_dir(follow_symlinks=False),
                    entry.is_file(follow_symlinks=False),
                )
    finally:
        os.close(fd)
