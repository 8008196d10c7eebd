"""The reading half of SFTP version 3 (draft-ietf-secsh-filexfer-02): pipelined, in constant memory, trusting no length.

paramiko's own reader was measured and not used: its `get` buffers what it read ahead without a limit, its `readv` has a
third of the speed of `get`, and both fail on a name that is not UTF-8.
"""

import struct
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

VERSION = 3
INIT, OPEN, CLOSE, READ, LSTAT, FSTAT, OPENDIR, READDIR = 1, 3, 4, 5, 7, 8, 11, 12
VERSION_REPLY, STATUS, HANDLE, DATA, NAME, ATTRS = 2, 101, 102, 103, 104, 105
EOF, NO_SUCH_FILE, PERMISSION_DENIED, BAD_MESSAGE = 1, 2, 3, 5
"""Status codes. OpenSSH answers BAD_MESSAGE for a name that is too long."""

READ_BYTES = 240 << 10
"""Requested at once. A server that returns less is asked for the rest, and for less from then on."""
MIN_READ_BYTES = 4 << 10
READ_AHEAD_BYTES = 2 << 20
"""Requested but not yet yielded, and so the most that is held in memory. The size of a channel's window."""
MAX_PACKET_BYTES = 256 << 10
"""OpenSSH sends no larger packet. One that announces more is a protocol error and is not waited for."""


class ProtocolError(Exception):
    """The server sent something that is not SFTP."""


@dataclass(eq=False)
class StatusError(Exception):
    """The server answered with a status code: EOF, NO_SUCH_FILE, PERMISSION_DENIED or another."""

    code: int


class Channel(Protocol):
    """The part of paramiko's Channel that a session uses; a socket has it too."""

    def sendall(self, s: bytes, /) -> None:
        """Send all of the bytes."""

    def recv(self, nbytes: int, /) -> bytes:
        """At least one byte and at most `nbytes`; none at the end of the stream."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a server reports about a file; a field that it leaves out is 0."""

    size: int = 0
    owner: tuple[int, int] = (0, 0)
    mode: int = 0
    modified: int = 0


class _Reply:
    """The payload of a packet, parsed from the front. Raises ProtocolError when it is too short."""

    def __init__(self, content: bytes) -> None:
        self._left = memoryview(content)

    def uint32(self) -> int:
        return int.from_bytes(self._take(4))

    def uint64(self) -> int:
        return int.from_bytes(self._take(8))

    def string(self) -> bytes:
        return bytes(self._take(self.uint32()))

    def attributes(self) -> Attributes:
        flags = self.uint32()
        size = self.uint64() if flags & 1 else 0
        owner = (self.uint32(), self.uint32()) if flags & 2 else (0, 0)
        mode = self.uint32() if flags & 4 else 0
        modified = (self.uint32(), self.uint32())[1] if flags & 8 else 0
        # Extended attributes are pairs of strings. A false count ends with the packet, when nothing is left to take.
        for _ in range(self.uint32() if flags & 1 << 31 else 0):
            self.string()
            self.string()
        return Attributes(size, owner, mode, modified)

    def _take(self, count: int) -> memoryview:
        if count > len(self._left):
            raise ProtocolError
        taken, self._left = self._left[:count], self._left[count:]
        return taken


class Session:
    """One SFTP session. Only one thread may use it at a time.

    Every method raises ProtocolError, StatusError, EOFError when the server hangs up, and whatever the channel raises.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._received = bytearray()
        self._replies: dict[int, tuple[int, _Reply]] = {}
        self._pending: set[int] = set()
        self._last_id = 0
        self._send(INIT, struct.pack(">I", VERSION))
        if self._packet()[0] != VERSION_REPLY:
            raise ProtocolError

    def lstat(self, paths: Sequence[bytes]) -> Iterator[Attributes]:
        """The attributes of each path, of the link itself if it is one; all are requested in one round trip."""
        for request in [self._request(LSTAT, _string(path)) for path in paths]:
            yield self._reply(request, ATTRS).attributes()

    def open(self, path: bytes) -> bytes:
        """A handle for reading the file."""
        read_only, no_attributes = 1, 0
        request = self._request(OPEN, _string(path) + struct.pack(">II", read_only, no_attributes))
        return self._reply(request, HANDLE).string()

    def fstat(self, handle: bytes) -> Attributes:
        """The attributes of an open file."""
        return self._reply(self._request(FSTAT, _string(handle)), ATTRS).attributes()

    def names(self, path: bytes) -> Iterator[tuple[bytes, Attributes]]:
        """The entries of a folder, without `.` and `..`."""
        folder = self._reply(self._request(OPENDIR, _string(path)), HANDLE).string()
        try:
            while True:
                yield from self._next_names(folder)
        except StatusError as status:
            if status.code != EOF:
                raise
        with suppress(StatusError):
            self._reply(self._request(CLOSE, _string(folder)), STATUS)

    def _next_names(self, folder: bytes) -> Iterator[tuple[bytes, Attributes]]:
        reply = self._reply(self._request(READDIR, _string(folder)), NAME)
        count = reply.uint32()
        if count == 0:
            # The end of a listing is a status. A server that keeps answering with no names would never end.
            raise ProtocolError
        for _ in range(count):
            name, _, attributes = reply.string(), reply.string(), reply.attributes()
            if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
                continue  # no name of a file below this folder
            yield name, attributes

    def blocks(self, handle: bytes, size: int) -> Iterator[bytes]:
        """The content of a file whose size was reported as `size` bytes.

        Yields fewer bytes if the file ends early, and one byte more if it is longer: the caller compares.
        """
        # Reads are pipelined: `requests` holds (request id, offset, count), oldest first; everything up to
        # `requested` was asked for, everything up to `yielded` was passed on.
        requests = deque[tuple[int, int, int]]()
        requested, yielded, step = 0, 0, READ_BYTES
        while requested < size or requests:
            while requested < size and requested - yielded < READ_AHEAD_BYTES:
                count = min(step, size - requested)
                requests.append((self._request_read(handle, requested, count), requested, count))
                requested += count
            request, offset, count = requests.popleft()
            data = self._data(request, count)
            if not data:
                return
            if len(data) < count:
                # A short read is allowed: fill the gap before anything that comes after it.
                rest = (offset + len(data), count - len(data))
                requests.appendleft((self._request_read(handle, *rest), *rest))
                step = max(len(data), MIN_READ_BYTES)
            yielded = offset + len(data)
            yield data
        if more := self._data(self._request_read(handle, size, 1), 1):
            yield more

    def _request_read(self, handle: bytes, offset: int, count: int) -> int:
        return self._request(READ, _string(handle) + struct.pack(">QI", offset, count))

    def _data(self, request: int, count: int) -> bytes:
        """At least one byte and at most `count`, or none at the end of the file."""
        try:
            data = self._reply(request, DATA).string()
        except StatusError as status:
            if status.code == EOF:
                return b""
            raise
        if not 0 < len(data) <= count:
            raise ProtocolError
        return data

    # Packets ---------------------------------------------------------------------------------------------

    def _request(self, kind: int, content: bytes) -> int:
        """Send a request without waiting for its reply. Returns the request id to pass to `_reply`."""
        self._last_id += 1
        self._pending.add(self._last_id)
        self._send(kind, struct.pack(">I", self._last_id) + content)
        return self._last_id

    def _send(self, kind: int, content: bytes) -> None:
        self._channel.sendall(struct.pack(">IB", len(content) + 1, kind) + content)

    def _reply(self, request: int, expected: int) -> _Reply:
        """The reply to that request. Replies may come in any order; those to other requests are kept."""
        while request not in self._replies:
            kind, content = self._packet()
            request_id = content.uint32()
            if request_id not in self._pending:
                raise ProtocolError
            self._pending.remove(request_id)
            self._replies[request_id] = (kind, content)
        kind, content = self._replies.pop(request)
        if kind == STATUS:
            raise StatusError(content.uint32())
        if kind != expected:
            raise ProtocolError
        return content

    def _packet(self) -> tuple[int, _Reply]:
        length = int.from_bytes(self._bytes(4))
        if not 0 < length <= MAX_PACKET_BYTES:
            raise ProtocolError
        content = self._bytes(length)
        return content[0], _Reply(content[1:])

    def _bytes(self, count: int) -> bytes:
        while len(self._received) < count:
            more = self._channel.recv(READ_BYTES)
            if not more:
                raise EOFError
            self._received += more
        taken = bytes(memoryview(self._received)[:count])
        del self._received[:count]
        return taken


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value
