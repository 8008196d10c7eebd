"""Where files come from: this machine's folders, servers of the hosts file, standard input, and logins that people typed."""

import asyncio
import codecs
import errno
import os
import secrets
import shutil
import sys
import tempfile
import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, nullcontext
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TextIO

from pydantic import SecretStr

from bot.environment import SettingsError
from bot.settings import Settings
from handlers.commands import TooLong
from handlers.files import UserKey, current_user
from handlers.text.terminal import HOST_FIELDS, HOSTS_FILE
from vt import errors
from vt.files import FileProvider, hosts
from vt.files.disk import SPOOL_PREFIX, Disk, Spool, stream
from vt.files.hosts import LOGIN, Host, display_name
from vt.files.provider import Opener, Roots
from vt.files.transfer import Places
from vt.lookup import Lookup

STDIN = "stdin"
"""The name of a file that comes through a pipe, and the kind of its place."""
PLACE = f"{STDIN}:"
LIFETIME = 1800.0
"""Seconds: enough to read the files, to be asked whether they may be uploaded, and to upload them."""
LONGEST_TEXT = 1 << 20
"""Bytes that are read from standard input."""
MAX_LOGINS = 1000
"""How many logins are held at once; one more displaces the oldest."""


def places(settings: Settings, kinds: Mapping[str, Opener]) -> Places:
    """The places of the settings, and more by their kind. Raises SettingsError when the hosts file is wrong."""
    roots = Roots(tuple(map(PurePosixPath, settings.file_roots)))
    return Places(Disk(roots, limit=settings.vt_max_upload), servers(settings), kinds)


def spool(settings: Settings) -> Spool:
    """The folder for copies of what can be read only once."""
    return Spool(settings.state_dir / "spool", settings.spool_budget)


REPLY_FILE_BYTES = 64 << 20
"""Of a file with replies; what comes next gets another one."""


class ReplySpool:
    """Keeps bytes on disk, in files that have no name and so end with the process, and earlier if nothing in them is used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: _NamelessFile | None = None

    def __call__(self, data: bytes) -> Callable[[], bytes]:
        """Write them. Returns what reads them again; while the disk is full, they stay in memory."""
        try:
            if self._file is None or self._file.size > REPLY_FILE_BYTES:
                self._file = _NamelessFile(self._folder)
            return partial(self._file.read, self._file.append(data), len(data))
        except OSError:
            return lambda: data


class _NamelessFile:
    def __init__(self, folder: Path) -> None:
        self.size = 0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd, name = tempfile.mkstemp(prefix=SPOOL_PREFIX, dir=folder)
        weakref.finalize(self, os.close, self._fd)
        Path(name).unlink(missing_ok=True)  # another process may have thought it stale

    def append(self, data: bytes) -> int:
        """Where they begin. Raises OSError."""
        start, left = self.size, memoryview(data)
        while left:
            written = os.pwrite(self._fd, left, self.size)
            self.size += written
            left = left[written:]
        return start

    def read(self, start: int, count: int) -> bytes:
        return os.pread(self._fd, count, start)


def unnamed_file(folder: Path) -> IO[bytes]:
    """A file that is gone when it is closed; where the folder cannot be used, in the system's own. Raises OSError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder)
    except OSError:
        return tempfile.TemporaryFile()


def state_dir_unusable(settings: Settings, error: OSError) -> SettingsError:
    """The sentence for the operator when a file or folder below STATE_DIR cannot be made."""
    why = (error.strerror or type(error).__name__).lower()
    folder = settings.state_dir.absolute()
    return SettingsError(
        "Cannot write to STATE_DIR={folder}: {why}. Make it writable, or set STATE_DIR to another folder.",
        folder=str(folder),
        why=why,
    )


def check_disk(folder: Path) -> None:
    """Whether more can be stored in a folder, or where it would be made. Blocks. Raises OSError: with ENOSPC if not."""
    if folder.is_dir():
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(bytes(1 << 16))
    elif not shutil.disk_usage(next(parent for parent in folder.absolute().parents if parent.is_dir())).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC).lower())


def servers(settings: Settings) -> dict[str, Host]:
    """The servers of the hosts file by name. Raises SettingsError when the file is wrong."""
    try:
        return hosts.load(settings.hosts_file) if settings.hosts_file else {}
    except hosts.HostsFileError as fault:
        raise SettingsError(
            HOSTS_FILE[fault.problem],
            path=str(fault.path),
            entry=fault.entry,
            field=fault.field,
            detail=fault.detail,
            expected=HOST_FIELDS.get(fault.field, ""),
        ) from None


def from_dash(lookup: Lookup) -> Lookup:
    """The lookup; if its path is `-`, it is about standard input."""
    return lookup.evolve(input=STDIN, place=PLACE) if lookup.is_path and lookup.input == "-" else lookup


def stdin_is_closed(lookups: Iterable[Lookup]) -> bool:
    """Whether standard input is asked for but closed. After the shell's `<&-`, Python sets sys.stdin to None."""
    return sys.stdin is None and any(lookup.place == PLACE for lookup in lookups)


@asynccontextmanager
async def stdin_kind(settings: Settings, lookups: Iterable[Lookup]) -> AsyncIterator[Mapping[str, Opener]]:
    """Standard input as a kind of place, if it is asked for: read once, and spooled to disk while it is needed.

    Raises SettingsError when it cannot be spooled below STATE_DIR.
    """
    if not any(lookup.place == PLACE for lookup in lookups):
        yield {}
        return
    async with AsyncExitStack() as stack:
        spooled = stream(sys.stdin.fileno(), spool(settings), settings.vt_max_upload)
        try:
            files = await stack.enter_async_context(spooled)
        except OSError as error:
            raise state_dir_unusable(settings, error) from None
        yield {STDIN: lambda _: nullcontext(files)}


@contextmanager
def keyboard(files: Iterable[Lookup]) -> Iterator[TextIO | None]:
    """The terminal where a person can answer; None if there is none. When standard input is the file, it is /dev/tty."""
    if not any(file.place == PLACE for file in files):
        yield sys.stdin if sys.stdin and sys.stdin.isatty() else None
        return
    with ExitStack() as stack:
        try:
            terminal = stack.enter_context(Path("/dev/tty").open(encoding="utf-8"))
        except OSError:
            terminal = None
        yield terminal


class Logins:
    """Logins by place. They do not survive a restart, are not shared between processes, and serve only their owner."""

    def __init__(self, servers: Mapping[str, Host], limit: int, seconds: float = LIFETIME) -> None:
        self._servers = servers
        self._limit = limit
        self._seconds = seconds
        self._held: dict[str, tuple[Host, UserKey]] = {}

    def wanted(self, name: str) -> bool:
        """Whether the hosts file has a server of this name or address without a login of its own."""
        found = [host for host in self._servers.values() if name in (host.name, host.address)]
        return bool(found) and not (found[0].key_file or found[0].password_file)

    def keep(self, address: str, user: str, password: SecretStr, owner: UserKey) -> str:
        """Hold a login. Returns the place through which that server's files are read with it. Raises HostUnknown."""
        host = hosts.with_typed_login(self._servers, address, user, password)
        # The random part makes the place a secret of this request; the owner is checked all the same.
        place = f"{LOGIN}:{host.name}/{secrets.token_urlsafe(16)}"
        self._held[place] = host, owner
        if len(self._held) > MAX_LOGINS:
            self.forget(next(iter(self._held)))
        asyncio.get_running_loop().call_later(self._seconds, self.forget, place)
        return place

    def forget(self, place: str) -> None:
        """Forget the login of this place, if it is held."""
        self._held.pop(place, None)

    def holds(self, place: str) -> bool:
        """Whether this process holds the login of this place."""
        return place in self._held

    @asynccontextmanager
    async def opener(self, name: str) -> AsyncIterator[FileProvider]:
        """The files of the place `login:<name>`, for the owner of its login only.

        Raises LoginForgotten, for anybody else too, or another HostFault.
        """
        place = f"{LOGIN}:{name}"
        host, owner = self._held.get(place, (None, None))
        if host is None or owner != current_user():
            raise errors.LoginForgotten(display_name(place))
        from vt.files import remote  # noqa: PLC0415 - as in vt/files/transfer.py

        async with remote.connect(host, self._limit) as server:
            yield server


def standard_input(*, asked_for: bool) -> str | None:
    """Its text. None when it is closed, or a terminal and nobody `asked_for` it. Raises TooLong.

    After the shell's `<&-`, Python sets sys.stdin to None.
    """
    if sys.stdin is None or (sys.stdin.isatty() and not asked_for):
        return None
    return read_text(sys.stdin)


def read_text(stream: TextIO) -> str:
    """All text of a stream. Raises TooLong."""
    read = stream.buffer.read(LONGEST_TEXT + 1)
    if len(read) > LONGEST_TEXT:
        raise TooLong(LONGEST_TEXT)
    # Editors on Windows save lists as UTF-16, with a byte order mark.
    utf16 = read.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return read.decode("utf-16" if utf16 else "utf-8-sig", errors="replace")
