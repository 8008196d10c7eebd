"""Paths beneath trusted folders: read as asked, matched, and opened following no link and never leaving them."""

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
"""The system call's number, the same on every architecture that Linux gained since 2019 and all before but alpha."""
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08

NAMES_LOOKED_AT = 100_000
"""How many names of a folder or of many are matched with one pattern before it is given up."""

Parts = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """One name in a folder; a link is neither a folder nor a file."""

    raw: bytes
    is_folder: bool
    is_file: bool


Listing = Callable[[Parts], Iterable[Name]]
"""The names in the folder at these parts below the root."""


@dataclass(frozen=True, slots=True)
class Place:
    """A root, and the way down from it. No part is empty, `.` or `..`."""

    root: bytes
    parts: Parts

    def __bytes__(self) -> bytes:
        return b"/".join([self.root.rstrip(b"/"), *self.parts])


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders that the settings allow, absolute; a root itself may be a link, nothing below it is followed."""

    paths: tuple[PurePosixPath, ...] = ()

    def __post_init__(self) -> None:
        for path in self.paths:
            if not path.is_absolute() or ".." in path.parts:
                raise ValueError(f"not an absolute path: {path}")

    def locate(self, asked: str) -> Place:
        """Where a path leads, by its words alone. Raises NotAllowed, Missing."""
        whole = read(asked)
        parts = _split(whole)
        if not whole.startswith(b"/") or b".." in parts:
            raise errors.NotAllowed(asked)
        for root in sorted(map(os.fsencode, self.paths), key=len, reverse=True):
            above = _split(root)
            if parts[: len(above)] == above:
                return Place(root, parts[len(above) :])
        raise errors.NotAllowed(asked)


def _split(path: bytes) -> Parts:
    return tuple(part for part in path.split(b"/") if part not in (b"", b"."))


# Names that are not UTF-8 -------------------------------------------------------------------------------


def read(path: str) -> bytes:
    r"""The bytes of a path that was typed or that `spell` wrote: `\x80` to `\xff` stand for bytes, `\x5c` for `\`.

    Raises Missing for what no file can be called: a NUL, half a surrogate pair.
    """
    try:
        raw = path.encode()
    except UnicodeEncodeError:
        raise errors.Missing(path) from None
    if b"\0" in raw:
        raise errors.Missing(path)
    return re.sub(rb"\\x(5c|[89a-f][0-9a-f])", lambda code: bytes.fromhex(code[1].decode()), raw)


def spell(raw: bytes) -> str:
    r"""A path as text that can be stored, shown and read back: a byte that is not UTF-8 becomes `\xff`."""
    return raw.replace(b"\\x", b"\\x5cx").decode("utf-8", "backslashreplace")


def name_of(path: str) -> str:
    """What a file is called, as `spell` writes it."""
    return spell(read(path).rstrip(b"/").rpartition(b"/")[2])


# Patterns -----------------------------------------------------------------------------------------------


def is_pattern(part: bytes) -> bool:
    """Does it hold a `*` or a `?`?"""
    return b"*" in part or b"?" in part


def expand(
    asked: str, place: Place, names: Listing, limit: int, closed: tuple[type[Exception], ...]
) -> list[Place]:
    """The files that a path with `*` and `?` fits, sorted. As in a shell, they do not fit a leading dot.

    As there, folders below the part without a pattern that cannot be opened, as `closed` says, are passed over.
    Raises TooManyFiles, TooManyNames, and what `names` raises.
    """
    fixed = next((i for i, part in enumerate(place.parts) if is_pattern(part)), len(place.parts))
    above = place.parts[:fixed]
    found: list[Place] = []
    seen = _at_most(NAMES_LOOKED_AT, asked, _open_ones(names, above, closed))
    for parts in _fitting(place.parts[fixed:], above, seen):
        found.append(Place(place.root, parts))
        if len(found) > limit:
            raise errors.TooManyFiles(asked, limit)
    return sorted(found, key=bytes)


def _open_ones(names: Listing, above: Parts, closed: tuple[type[Exception], ...]) -> Listing:
    def listed(parts: Parts) -> Iterator[Name]:
        try:
            yield from names(parts)
        except closed:
            if parts == above:
                raise

    return listed


def _fitting(pattern: Parts, above: Parts, names: Listing) -> Iterator[Parts]:
    wanted, rest = re.compile(_expression(os.fsdecode(pattern[0]))), pattern[1:]
    for name in names(above):
        if not wanted.match(os.fsdecode(name.raw)):
            continue
        if not rest and name.is_file:
            yield (*above, name.raw)
        elif rest and name.is_folder:
            yield from _fitting(rest, (*above, name.raw), names)


def _expression(part: str) -> str:
    """As fnmatch has it (it never backtracks), but `[` is a letter and a leading dot has to be written."""
    shape = translate(part.replace("[", "[[]"))
    return shape if part.startswith(".") else r"(?!\.)" + shape


def _at_most(limit: int, asked: str, names: Listing) -> Listing:
    left = limit

    def counted(parts: Parts) -> Iterator[Name]:
        nonlocal left
        for name in names(parts):
            left -= 1
            if left < 0:
                raise errors.TooManyNames(asked, limit)
            yield name

    return counted


# Opening ------------------------------------------------------------------------------------------------


def open_beneath(place: Place, flags: int) -> int:
    """A descriptor of what lies there. Raises OSError: ELOOP for a link anywhere below the root."""
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    root = os.open(place.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            return resolve(root, place.parts, flags)
        except OSError as error:
            # An old kernel, or a sandbox that refuses what it does not know.
            if error.errno not in (errno.ENOSYS, errno.EPERM):
                raise
        return walk(root, place.parts, flags)
    finally:
        os.close(root)


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def resolve(root: int, parts: Parts, flags: int) -> int:
    """Let the kernel find the way, in one step that no swap can come between (openat2, Linux 5.6)."""
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    how = _How(flags, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
    path = b"/".join(parts) or b"."
    libc = ctypes.CDLL(None, use_errno=True)
    fd: int = libc.syscall(OPENAT2, root, path, ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how)))
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd


def walk(root: int, parts: Parts, flags: int) -> int:
    """Go down folder by folder, each opened from the one above it and never through a link."""
    folder = os.dup(root)
    try:
        for part in parts[:-1]:
            above, folder = folder, _step(folder, part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            os.close(above)
        return _step(folder, parts[-1] if parts else b".", flags)
    finally:
        os.close(folder)


def _step(folder: int, part: bytes, flags: int) -> int:
    try:
        return os.open(part, flags, dir_fd=folder)
    except NotADirectoryError:
        if stat.S_ISLNK(os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise
