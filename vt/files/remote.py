"""Files on a Linux server, below the roots of its entry: over SFTP, hashed with `sha256sum` where the entry allows it."""

import re
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from paramiko import Channel, SSHException, Transport

from vt import errors
from vt.files import provider, sftp, ssh
from vt.files.hosts import Host
from vt.files.provider import Entry, OnRead, RootedPath, Roots, Source, expand, file_name, is_pattern, noop
from vt.files.ssh import Connection

IDLE_SECONDS = 30.0
"""A server that sends nothing for this long is given up."""
SUM_BYTES = 66
"""What is read of sha256sum's output: a backslash if the name was escaped, 64 hexadecimal digits, a space."""

T = TypeVar("T")


@asynccontextmanager
async def connect(host: Host, limit: int, seconds: float = 300.0) -> AsyncIterator["Server"]:
    """The files of that server while the connection is open. Raises a HostFault."""
    async with ssh.connect(host) as connection:
        yield Server(host, connection, limit, seconds)


@dataclass(frozen=True, slots=True)
class Server:
    """The files of a server below its roots, up to `limit` bytes, each read within `seconds`.

    No link below a root is followed. SFTP has no equivalent of openat2: whoever can rename files there while one is
    being opened could still make the bot read another file that its login may read. On this machine that is impossible.
    """

    host: Host
    connection: Connection
    limit: int
    seconds: float

    @property
    def roots(self) -> Roots:
        """The folders that files may be read from."""
        return Roots(self.host.roots)

    async def find(self, typed: str) -> list[str]:
        """The path itself, or the paths of the files that its `*` and `?` match; links are not followed.

        Raises NotAllowed, Missing (nothing matches), TooManyFiles, TooManyNames, NotReadable, TooSlow, or a HostFault.
        """
        path = self.roots.locate(typed)
        if not any(map(is_pattern, path.parts)):
            return [typed]
        return await self._query(typed, partial(_find, typed, path))

    async def open(self, path: str) -> "RemoteFile":
        """The file at exactly this path; a `*` in it is an ordinary character. Raises a FileFault or a HostFault."""
        located = self.roots.locate(path)
        attributes = await self._query(path, partial(_lstat, path, located))
        provider.check_regular(path, attributes.size, self.limit, attributes.mode)
        return RemoteFile(path, attributes.size, self, located=located, attributes=attributes)

    async def digest(self, source: Source, on_read: OnRead = noop) -> str:
        """The SHA-256 of a file as hexadecimal digits. Raises a FileFault or a HostFault.

        It is computed on the server when the entry allows that and the command works.
        """
        return await self._sha256sum(source) or await provider.digest(source, on_read)

    async def _sha256sum(self, source: Source) -> str | None:
        if not (self.host.sha256sum and isinstance(source, RemoteFile)):
            return None
        command = b"sha256sum -- " + shell_quote(bytes(source.located))
        with self.faults(source.path):
            run = partial(_run, self.connection.transport, command, self.seconds)
            output = await self.in_thread(source.path, run)
        now = await self._query(source.path, partial(_lstat, source.path, source.located))
        if now != source.attributes:
            raise errors.Changed(source.path)
        found = re.match(rb"\\?([0-9a-f]{64}) ", output)
        return found[1].decode() if found else None

    async def _query(self, path: str, question: Callable[[sftp.Session], T]) -> T:
        """The answer to a question that gets an SFTP session of its own."""
        async with self.session(path) as session:
            with self.faults(path):
                return await self.in_thread(path, partial(question, session))

    @asynccontextmanager
    async def session(self, path: str) -> AsyncIterator[sftp.Session]:
        """A new SFTP session. Each file has its own, so that no file waits for another one's replies."""
        # The thread appends the channel before it waits for the server: on a timeout it is still found and closed.
        opened: list[Channel] = []
        try:
            with self.faults(path):
                session = await self.in_thread(path, partial(self._open_session, opened))
            yield session
        finally:
            for channel in opened:
                self.connection.in_background(channel.close)

    def _open_session(self, opened: list[Channel]) -> sftp.Session:
        transport = self.connection.transport
        opened.append(transport.open_session(timeout=IDLE_SECONDS))
        opened[0].settimeout(min(IDLE_SECONDS, self.seconds))
        try:
            opened[0].invoke_subsystem("sftp")
            return sftp.Session(opened[0])
        except (SSHException, EOFError, OSError) as error:
            # The connection is fine and nothing timed out, so it is SFTP that the server does not offer.
            if transport.is_active() and not isinstance(error, TimeoutError):
                raise sftp.ProtocolError from None
            raise

    async def in_thread(self, path: str, work: Callable[[], T]) -> T:
        """The result of blocking work, done in one of the connection's threads. Raises TooSlow."""
        return await provider.with_timeout(path, self.seconds, self.connection.run(work))

    @contextmanager
    def faults(self, path: str) -> Iterator[None]:
        """Turns errors of SFTP, SSH and sockets into a FileFault for that path or a HostFault for this server."""
        try:
            yield
        except sftp.StatusError as status:
            raise _FAULTS.get(status.code, errors.NotReadable)(path) from None
        except sftp.ProtocolError:
            raise errors.SftpRefused(self.host.name) from None
        except (OSError, EOFError, SSHException):
            raise errors.HostUnreachable(self.host.name) from None


_FAULTS: dict[int, type[errors.FileFault]] = {
    sftp.EOF: errors.Changed,
    sftp.NO_SUCH_FILE: errors.Missing,
    sftp.BAD_MESSAGE: errors.Missing,
}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file that was found to be regular and small enough. It is opened again each time it is read."""

    path: str
    size: int
    server: Server
    located: RootedPath
    attributes: sftp.Attributes
    """Another file, or the same file changed, differs in these; SFTP tells no inode."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return file_name(self.path)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The content. Raises a FileFault, Changed at the latest after the last block, or a HostFault."""
        server = self.server
        async with server.session(self.path) as session:
            with server.faults(self.path):
                handle = await server.in_thread(self.path, partial(self._open, session))
                content = session.blocks(handle, self.size)
                read_block = partial(server.connection.run, partial(_join_block, content))
                async for block in provider.exactly(self.path, self.size, server.seconds, read_block):
                    yield block
                if await server.in_thread(self.path, partial(session.fstat, handle)) != self.attributes:
                    raise errors.Changed(self.path)

    def _open(self, session: sftp.Session) -> bytes:
        """A handle of the file.

        SFTP's open follows links, and lstat works on a path only. So the attributes are compared before the open, on
        the handle, and after it: a link that is put in place in between has to be taken away again within one round
        trip, and to lead to a file of the same size, owner and time.
        """
        before = _lstat(self.path, self.located, session)
        provider.check_regular(self.path, before.size, self.server.limit, before.mode)
        handle = session.open(bytes(self.located))
        seen = {before, session.fstat(handle), _lstat(self.path, self.located, session)}
        if seen != {self.attributes}:
            raise errors.Changed(self.path)
        return handle


def _join_block(content: Iterator[bytes]) -> bytes:
    """The next BLOCK_BYTES or so: handing every packet from thread to thread costs more than receiving it."""
    block = bytearray()
    for part in content:
        block += part
        if len(block) >= provider.BLOCK_BYTES:
            break
    return bytes(block)


def _lstat(path: str, located: RootedPath, session: sftp.Session) -> sftp.Attributes:
    """The attributes of the file, if neither it nor a folder above it, up to the root, is a link.

    Raises NotRegular, Missing.
    """
    depths = range(1, len(located.parts) + 1)
    downwards = [bytes(RootedPath(located.root, located.parts[:depth])) for depth in depths]
    for attributes in session.lstat(downwards or [located.root]):
        if stat.S_ISLNK(attributes.mode):
            raise errors.NotRegular(path)
    return attributes


def _find(typed: str, pattern: RootedPath, session: sftp.Session) -> list[str]:
    def entries(parts: tuple[bytes, ...]) -> Iterator[Entry]:
        folder = RootedPath(pattern.root, parts)
        if parts:
            _lstat(typed, folder, session)
        for name, attributes in session.names(bytes(folder)):
            yield Entry(name, stat.S_ISDIR(attributes.mode), is_file=stat.S_ISREG(attributes.mode))

    return expand(typed, pattern, entries, (sftp.StatusError, errors.NotRegular))


def shell_quote(path: bytes) -> bytes:
    """The path as one word for a POSIX shell. shlex.quote does the same, but only for text."""
    return b"'" + path.replace(b"'", b"'\"'\"'") + b"'"


def _run(transport: Transport, command: bytes, seconds: float) -> bytes:
    """The first SUM_BYTES of a command's output; empty when the server does not let it run."""
    channel = transport.open_session(timeout=IDLE_SECONDS)
    try:
        channel.settimeout(seconds)
        channel.exec_command(command)
        # An account with `ForceCommand internal-sftp` runs an SFTP server instead, which would wait for requests.
        channel.shutdown_write()
        output: bytes = channel.makefile("rb").read(SUM_BYTES)
    except SSHException:
        if not transport.is_active():
            raise
        return b""
    else:
        return output
    finally:
        channel.close()
