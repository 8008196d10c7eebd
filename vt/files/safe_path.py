"""Paths below trusted folders: parsed, matched with patterns, and opened without ever following a link out of them."""

import ctypes
import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import PurePosixPath

from vt import errors

OPENAT2 = 437
"""The number of the system call, the same on every Linux architecture but alpha (include/uapi/asm-generic/unistd.h)."""
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08

MAX_MATCHES = 100
"""Files that one pattern may match, and that all patterns of a request may match together."""
MAX_NAMES = 100_000
"""Names that are compared with one pattern, in all its folders together, before it is given up."""

Parts = tuple[bytes, ...]


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
) -> list[RootedPath]:
    """The files that a path with `*` and `?` matches, sorted. As in a shell, they do not match a leading dot.

    As in a shell, folders that a wildcard matched and that cannot be listed (`unreadable` exceptions) are skipped; the
    folder that was written out must be readable. Raises TooManyFiles, TooManyNames, and what `entries` raises.
    """
    fixed = next((i for i, part in enumerate(pattern.parts) if is_pattern(part)), len(pattern.parts))
    above = pattern.parts[:fixed]
    found: list[RootedPath] = []
    listing = _limited(MAX_NAMES, typed, _skipping(entries, above, unreadable))
    for parts in _matches(pattern.parts[fixed:], above, listing):
        found.append(RootedPath(pattern.root, parts))
        if len(found) > MAX_MATCHES:
            raise errors.TooManyFiles(typed, MAX_MATCHES)
    return sorted(found, key=bytes)


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


# Opening ------------------------------------------------------------------------------------------------


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
