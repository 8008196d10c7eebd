"""What all places of files have in common: their contract, paths below trusted folders, and how content is read and hashed."""

import asyncio
import os
import re
import stat
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from fnmatch import translate
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Protocol, TypeVar

from vt import errors
from vt.polling import SLOWEST

BLOCK_BYTES = 1 << 20
"""How many bytes are read at once."""
MAX_MATCHES = 100
"""Files that one pattern may match, and that all patterns of a request may match together."""
MAX_NAMES = 100_000
"""Names that are compared with one pattern, in all its folders together, before it is given up."""

Parts = tuple[bytes, ...]
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


# Paths -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder. A symbolic link is neither a folder nor a file."""

    raw: bytes
    is_folder: bool
    is_file: bool


ListFolder = Callable[[Parts], Iterable[Entry]]
"""Lists the folder at these parts below the root."""


@dataclass(frozen=True, slots=True)
class RootedPath:
    """A path below a root. No part is empty, `.` or `..`."""

    root: bytes
    parts: Parts

    def __bytes__(self) -> bytes:
        return b"/".join([self.root.rstrip(b"/"), *self.parts])


@dataclass(frozen=True, slots=True)
class Roots:
    """The absolute folders that the settings allow. A root itself may be a link; links below it are never followed."""

    paths: tuple[PurePosixPath, ...] = ()

    def __post_init__(self) -> None:
        for path in self.paths:
            if not path.is_absolute() or ".." in path.parts:
                raise ValueError(f"not an absolute path: {path}")

    def locate(self, typed: str) -> RootedPath:
        """The path below the longest root that contains it; the file system is not touched. Raises NotAllowed, Missing."""
        whole = to_bytes(typed)
        parts = _split(whole)
        if not whole.startswith(b"/") or b".." in parts:
            raise self._refused(typed)
        for root in sorted(map(os.fsencode, self.paths), key=len, reverse=True):
            above = _split(root)
            if parts[: len(above)] == above:
                return RootedPath(root, parts[len(above) :])
        raise self._refused(typed)

    def _refused(self, typed: str) -> errors.NotAllowed:
        return errors.NotAllowed(typed, tuple(to_text(os.fsencode(path)) for path in self.paths))


def _split(path: bytes) -> Parts:
    return tuple(part for part in path.split(b"/") if part not in (b"", b"."))


# Names that are not UTF-8 -------------------------------------------------------------------------------


def to_bytes(path: str) -> bytes:
    r"""The bytes of a path that was typed or that `to_text` returned: `\x80` to `\xff` are bytes, `\x5c` is `\`.

    Raises Missing for text that no file can be named: a NUL, half of a surrogate pair.
    """
    try:
        raw = path.encode()
    except UnicodeEncodeError:
        raise errors.Missing(path) from None
    if b"\0" in raw:
        raise errors.Missing(path)
    return re.sub(rb"\\x(5c|[89a-f][0-9a-f])", lambda code: bytes.fromhex(code[1].decode()), raw)


def to_text(raw: bytes) -> str:
    r"""A path as text that can be stored, shown and passed to `to_bytes`: a byte that is not UTF-8 becomes `\xff`."""
    return raw.replace(b"\\x", b"\\x5cx").decode("utf-8", "backslashreplace")


def file_name(path: str) -> str:
    """The last part of a path, as `to_text` writes it."""
    return to_text(to_bytes(path).rstrip(b"/").rpartition(b"/")[2])


# Patterns -----------------------------------------------------------------------------------------------


def is_pattern(part: bytes) -> bool:
    """Whether the part contains `*` or `?`."""
    return b"*" in part or b"?" in part


def expand(
    typed: str, pattern: RootedPath, entries: ListFolder, unreadable: tuple[type[Exception], ...]
) -> list[str]:
    """The paths of the files that a path with `*` and `?` matches, sorted. As in a shell, they do not match a leading dot.

    As in a shell, folders that a wildcard matched and that cannot be listed (`unreadable` exceptions) are skipped; the
    folder that was written out must be readable. Raises Missing (nothing matches), TooManyFiles, TooManyNames, and what
    `entries` raises.
    """
    fixed = next((i for i, part in enumerate(pattern.parts) if is_pattern(part)), len(pattern.parts))
    above = pattern.parts[:fixed]
    found: list[bytes] = []
    listing = _limited(MAX_NAMES, typed, _skipping(entries, above, unreadable))
    for parts in _matches(pattern.parts[fixed:], above, listing):
        found.append(bytes(RootedPath(pattern.root, parts)))
        if len(found) > MAX_MATCHES:
            raise errors.TooManyFiles(typed, MAX_MATCHES)
    if not found:
        raise errors.Missing(typed)
    return [to_text(path) for path in sorted(found)]


def _skipping(entries: ListFolder, above: Parts, unreadable: tuple[type[Exception], ...]) -> ListFolder:
    def listing(parts: Parts) -> Iterator[Entry]:
        try:
            yield from entries(parts)
        except unreadable:
            if parts == above:
                raise

    return listing


def _matches(pattern: Parts, above: Parts, entries: ListFolder) -> Iterator[Parts]:
    wanted, rest = re.compile(_regex(os.fsdecode(pattern[0]))), pattern[1:]
    for entry in entries(above):
        if not wanted.match(os.fsdecode(entry.raw)):
            continue
        if not rest and entry.is_file:
            yield (*above, entry.raw)
        elif rest and entry.is_folder:
            yield from _matches(rest, (*above, entry.raw), entries)


def _regex(part: str) -> str:
    """The expression that fnmatch makes of a pattern (it never backtracks), with two differences.

    `[` is an ordinary character, and a leading dot has to be written out.
    """
    shape = translate(part.replace("[", "[[]"))
    return shape if part.startswith(".") else r"(?!\.)" + shape


def _limited(limit: int, typed: str, entries: ListFolder) -> ListFolder:
    left = limit

    def listing(parts: Parts) -> Iterator[Entry]:
        nonlocal left
        for entry in entries(parts):
            left -= 1
            if left < 0:
                raise errors.TooManyNames(typed, limit)
            yield entry

    return listing


# Reading ------------------------------------------------------------------------------------------------


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
    seconds = max(seconds, size / SLOWEST)
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
