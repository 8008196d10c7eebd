"""Files on a Linux server, beneath the roots of its entry: SFTP, and `sha256sum` where the entry allows it."""

import re
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from paramiko import Channel, SSHException, Transport

from vt import errors, files
from vt.files import sftp, ssh
from vt.files.hosts import Host
from vt.files.safe_path import Name, Place, Roots, expand, is_pattern, name_of, spell
from vt.files.ssh import Connection

IDLE_SECONDS = 30.0
"""A server that says nothing for so long has gone."""

SUM_BYTES = 66
"""A backslash before a name that sha256sum had to escape, 64 digits, a space."""

T = TypeVar("T")


@asynccontextmanager
async def server(host: Host, limit: int, seconds: float = 300.0) -> AsyncIterator["Server"]:
    """The files of that server, while the connection lasts. Raises a HostFault."""
    async with ssh.connected(host) as connection:
        yield Server(host, connection, limit, seconds)


@dataclass(frozen=True, slots=True)
class Server:
    """The files of a server beneath its roots, up to `limit` bytes, each read within `seconds`.

    No link below a root is followed. Who can swap names there while a file is opened could still lead the bot to
    another file that its login may read; on this machine that is not possible, over SFTP it cannot be excluded.
    """

    host: Host
    connection: Connection
    limit: int
    seconds: float

    @property
    def roots(self) -> Roots:
        """Where its files may be taken from."""
        return Roots(self.host.roots)

    async def find(self, asked: str) -> list[str]:
        """The paths that are meant: one as it is, or the files that its `*` and `?` fit, following no link.

        Raises NotAllowed, Missing (nothing fits), TooManyFiles, NotReadable, TooSlow, or a HostFault.
        """
        place = self.roots.locate(asked)
        if not any(map(is_pattern, place.parts)):
            return [asked]
        return await self._ask(asked, partial(_find, asked, place))

    async def open(self, path: str) -> "RemoteFile":
        """The file of that path; a `*` in it is a letter. Raises a FileFault or a HostFault."""
        place = self.roots.locate(path)
        there = await self._ask(path, partial(_look, path, place))
        files.checked(path, there.size, self.limit, there.mode)
        return RemoteFile(path, there.size, self, place, there)

    async def digest(self, source: files.Source, heard: files.Heard = files.unheard) -> str:
        """The SHA-256 of a file, computed there when that is allowed and works. Raises a FileFault or a HostFault."""
        if self.host.sha256sum and isinstance(source, RemoteFile) and (there := await self._sum(source)):
            return there
        return await files.digest(source, heard)

    async def _sum(self, source: "RemoteFile") -> str | None:
        command = b"sha256sum -- " + quoted(bytes(source.place))
        with self.faults(source.path):
            answer = await self.in_time(
                source.path, partial(_run, self.connection.transport, command, self.seconds)
            )
        same = await self._ask(source.path, partial(_look, source.path, source.place))
        if same != source.mark:
            raise errors.Changed(source.path)
        found = re.match(rb"\\?([0-9a-f]{64}) ", answer)
        return found[1].decode() if found else None

    async def _ask(self, path: str, question: Callable[[sftp.Session], T]) -> T:
        """One question in a conversation of its own."""
        async with self.conversation(path) as session:
            with self.faults(path):
                return await self.in_time(path, partial(question, session))

    @asynccontextmanager
    async def conversation(self, path: str) -> AsyncIterator[sftp.Session]:
        """An SFTP session of its own, so that no two files wait for each other."""
        opened: list[Channel] = []
        try:
            with self.faults(path):
                session = await self.in_time(path, partial(self._converse, opened))
            yield session
        finally:
            for channel in opened:
                self.connection.later(channel.close)

    def _converse(self, opened: list[Channel]) -> sftp.Session:
        transport = self.connection.transport
        opened.append(transport.open_session(timeout=IDLE_SECONDS))
        opened[0].settimeout(min(IDLE_SECONDS, self.seconds))
        try:
            opened[0].invoke_subsystem("sftp")
            return sftp.Session(opened[0])
        except (SSHException, EOFError, OSError) as error:
            if transport.is_active() and not isinstance(error, TimeoutError):
                raise sftp.Garbled from None
            raise

    async def in_time(self, path: str, work: Callable[[], T]) -> T:
        """What comes of blocking work in a thread. Raises TooSlow."""
        return await files.in_time(path, self.seconds, self.connection.run(work))

    @contextmanager
    def faults(self, path: str) -> Iterator[None]:
        """What a conversation's end means for the file, or for the server."""
        try:
            yield
        except sftp.Refused as status:
            raise _FAULTS.get(status.code, errors.NotReadable)(path) from None
        except sftp.Garbled:
            raise errors.SftpRefused(self.host.name) from None
        except (OSError, EOFError, SSHException):
            raise errors.HostUnreachable(self.host.name) from None


_FAULTS: dict[int, type[errors.FileFault]] = {
    sftp.END: errors.Changed,
    sftp.MISSING: errors.Missing,
    sftp.BAD_MESSAGE: errors.Missing,
}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file that was there, regular and small enough; it is opened anew each time it is read."""

    path: str
    size: int
    server: Server
    place: Place
    mark: sftp.Attributes
    """What tells it from another file, and from itself changed."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return name_of(self.path)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The content. Raises a FileFault, at the latest after the last block, or a HostFault."""
        async with self.server.conversation(self.path) as session:
            with self.server.faults(self.path):
                handle = await self.server.in_time(self.path, partial(self._open, session))
                content = session.blocks(handle, self.size)
                read = partial(self.server.connection.run, partial(_gathered, content))
                async for block in files.counted(self.path, self.size, self.server.seconds, read):
                    yield block
                if await self.server.in_time(self.path, partial(session.fstat, handle)) != self.mark:
                    raise errors.Changed(self.path)

    def _open(self, session: sftp.Session) -> bytes:
        """Its handle, when before, while and after it was opened the same file lay there."""
        before = _look(self.path, self.place, session)
        files.checked(self.path, before.size, self.server.limit, before.mode)
        handle = session.open(bytes(self.place))
        if {before, session.fstat(handle), _look(self.path, self.place, session)} != {self.mark}:
            raise errors.Changed(self.path)
        return handle


def _gathered(content: Iterator[bytes]) -> bytes:
    """As much as a block holds: each change of threads costs more than what one packet brings."""
    parts, size = [], 0
    for part in content:
        parts.append(part)
        size += len(part)
        if size >= files.BLOCK:
            break
    return b"".join(parts)


def _look(path: str, place: Place, session: sftp.Session) -> sftp.Attributes:
    """What lies there, when no link leads to it. Raises NotRegular, Missing."""
    down = [bytes(Place(place.root, place.parts[: count + 1])) for count in range(len(place.parts))]
    for there in session.lstat(down or [place.root]):
        if stat.S_ISLNK(there.mode):
            raise errors.NotRegular(path)
    return there


def _find(asked: str, place: Place, session: sftp.Session) -> list[str]:
    def names(parts: tuple[bytes, ...]) -> Iterator[Name]:
        folder = Place(place.root, parts)
        if parts:
            _look(asked, folder, session)
        for name, there in session.names(bytes(folder)):
            yield Name(name, stat.S_ISDIR(there.mode), stat.S_ISREG(there.mode))

    found = expand(asked, place, names, files.MATCHES, (sftp.Refused, errors.NotRegular))
    if not found:
        raise errors.Missing(asked)
    return [spell(bytes(place)) for place in found]


def quoted(path: bytes) -> bytes:
    """One word for a shell, whatever is in it."""
    return b"'" + path.replace(b"'", b"'\"'\"'") + b"'"


def _run(transport: Transport, command: bytes, seconds: float) -> bytes:
    """The beginning of what a command writes; nothing when it may not be run."""
    channel = transport.open_session(timeout=IDLE_SECONDS)
    try:
        channel.settimeout(seconds)
        channel.exec_command(command)
        # A server that answers every command with an SFTP server of its own would wait for questions.
        channel.shutdown_write()
        return _beginning(channel)
    except SSHException:
        if not transport.is_active():
            raise
        return b""
    finally:
        channel.close()


def _beginning(channel: Channel) -> bytes:
    answer = b""
    while len(answer) < SUM_BYTES and (more := channel.recv(SUM_BYTES)):
        answer += more
    return answer
