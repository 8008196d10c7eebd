"""The reading half of SFTP (version 3), over an open channel: pipelined, in constant memory, believing no length.

paramiko's own reader was measured and left: its `get` holds what it read ahead without a bound, its `readv` has a
third of `get`'s speed, and both stop at a name that is not UTF-8.
"""

import struct
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

VERSION = 3
INIT, OPEN, CLOSE, READ, LSTAT, FSTAT, OPENDIR, READDIR = 1, 3, 4, 5, 7, 8, 11, 12
HELLO, STATUS, HANDLE, DATA, NAME, ATTRS = 2, 101, 102, 103, 104, 105
END, MISSING, DENIED, BAD_MESSAGE = 1, 2, 3, 5
"""Status codes; OpenSSH says BAD_MESSAGE for a name that is too long."""

READ_BYTES = 240 << 10
"""Asked for with one request; of a server that gives less the rest is asked, and less from then on."""
LEAST_BYTES = 4 << 10
AHEAD_BYTES = 2 << 20
"""Asked for and not yet given on: what is held in memory at most. As much as a channel's window holds."""
PACKET_BYTES = 256 << 10
"""No honest packet is larger; one that says so is not waited for."""


class Garbled(Exception):
    """What came is not SFTP."""


@dataclass(eq=False)
class Refused(Exception):
    """The server answered with a status: END, MISSING, DENIED or another."""

    code: int


class Channel(Protocol):
    """What is needed of paramiko's."""

    def sendall(self, s: bytes, /) -> None:
        """Send all of it."""

    def recv(self, nbytes: int, /) -> bytes:
        """Some bytes, none at the end."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a server says of a file; what it does not say is 0."""

    size: int = 0
    owner: tuple[int, int] = (0, 0)
    mode: int = 0
    modified: int = 0


class _Reply:
    """A packet's content, read from the front. Raises Garbled when it is too short."""

    def __init__(self, content: bytes) -> None:
        self._left = memoryview(content)

    def number(self) -> int:
        return int.from_bytes(self._take(4))

    def long(self) -> int:
        return int.from_bytes(self._take(8))

    def string(self) -> bytes:
        return bytes(self._take(self.number()))

    def attributes(self) -> Attributes:
        flags = self.number()
        size = self.long() if flags & 1 else 0
        owner = (self.number(), self.number()) if flags & 2 else (0, 0)
        mode = self.number() if flags & 4 else 0
        modified = (self.number(), self.number())[1] if flags & 8 else 0
        for _ in range(self.number() if flags & 1 << 31 else 0):
            self.string()
            self.string()
        return Attributes(size, owner, mode, modified)

    def _take(self, count: int) -> memoryview:
        if count > len(self._left):
            raise Garbled
        taken, self._left = self._left[:count], self._left[count:]
        return taken


class Session:
    """One conversation with an SFTP server, for one thread at a time.

    Raises Garbled, Refused, EOFError when the server hangs up, and whatever the channel raises.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._received = bytearray()
        self._replies: dict[int, tuple[int, _Reply]] = {}
        self._waiting: set[int] = set()
        self._last = 0
        self._send(INIT, struct.pack(">I", VERSION))
        if self._packet()[0] != HELLO:
            raise Garbled

    def lstat(self, paths: Sequence[bytes]) -> Iterator[Attributes]:
        """What lies at each path, a link as a link; all are asked for in one round trip."""
        for number in [self._ask(LSTAT, _string(path)) for path in paths]:
            yield self._reply(number, ATTRS).attributes()

    def open(self, path: bytes) -> bytes:
        """A handle for reading the file."""
        return self._reply(self._ask(OPEN, _string(path) + struct.pack(">II", 1, 0)), HANDLE).string()

    def fstat(self, handle: bytes) -> Attributes:
        """What was opened."""
        return self._reply(self._ask(FSTAT, _string(handle)), ATTRS).attributes()

    def names(self, path: bytes) -> Iterator[tuple[bytes, Attributes]]:
        """What a folder holds, but for itself and the one above."""
        folder = self._reply(self._ask(OPENDIR, _string(path)), HANDLE).string()
        try:
            while True:
                yield from self._some_names(folder)
        except Refused as status:
            if status.code != END:
                raise
        with suppress(Refused):
            self._reply(self._ask(CLOSE, _string(folder)), STATUS)

    def _some_names(self, folder: bytes) -> Iterator[tuple[bytes, Attributes]]:
        reply = self._reply(self._ask(READDIR, _string(folder)), NAME)
        count = reply.number()
        if count == 0:
            raise Garbled
        for _ in range(count):
            name, _, attributes = reply.string(), reply.string(), reply.attributes()
            if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
                continue
            yield name, attributes

    def blocks(self, handle: bytes, size: int) -> Iterator[bytes]:
        """The content of a file that said it has `size` bytes: fewer if it ends early, more if it goes on."""
        asked, wanted, ready, step = deque[tuple[int, int, int]](), 0, 0, READ_BYTES
        while wanted < size or asked:
            while wanted < size and wanted - ready < AHEAD_BYTES:
                count = min(step, size - wanted)
                asked.append((self._ask_for(handle, wanted, count), wanted, count))
                wanted += count
            number, offset, count = asked.popleft()
            data = self._data(number, count)
            if not data:
                return
            if len(data) < count:
                rest = (offset + len(data), count - len(data))
                asked.appendleft((self._ask_for(handle, *rest), *rest))
                step = max(len(data), LEAST_BYTES)
            ready = offset + len(data)
            yield data
        if more := self._data(self._ask_for(handle, size, 1), 1):
            yield more

    def _ask_for(self, handle: bytes, offset: int, count: int) -> int:
        return self._ask(READ, _string(handle) + struct.pack(">QI", offset, count))

    def _data(self, number: int, count: int) -> bytes:
        """At least one byte and at most `count`, or none at the end."""
        try:
            data = self._reply(number, DATA).string()
        except Refused as status:
            if status.code == END:
                return b""
            raise
        if not 0 < len(data) <= count:
            raise Garbled
        return data

    # Packets ---------------------------------------------------------------------------------------------

    def _ask(self, kind: int, content: bytes) -> int:
        """Send a request; its number is where the reply will be found."""
        self._last += 1
        self._waiting.add(self._last)
        self._send(kind, struct.pack(">I", self._last) + content)
        return self._last

    def _send(self, kind: int, content: bytes) -> None:
        self._channel.sendall(struct.pack(">IB", len(content) + 1, kind) + content)

    def _reply(self, number: int, expected: int) -> _Reply:
        """The reply to that request; those to others that come before it are kept."""
        while number not in self._replies:
            kind, content = self._packet()
            answered = content.number()
            if answered not in self._waiting:
                raise Garbled
            self._waiting.remove(answered)
            self._replies[answered] = (kind, content)
        kind, content = self._replies.pop(number)
        if kind == STATUS:
            raise Refused(content.number())
        if kind != expected:
            raise Garbled
        return content

    def _packet(self) -> tuple[int, _Reply]:
        length = int.from_bytes(self._bytes(4))
        if not 0 < length <= PACKET_BYTES:
            raise Garbled
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
