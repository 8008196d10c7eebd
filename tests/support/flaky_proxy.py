"""TCP proxies to a local server that can be made slow, to break, or to vanish, while they are in use."""

import asyncio
import ctypes
import socket
from contextlib import asynccontextmanager, suppress
from math import inf
from urllib.parse import urlsplit

MIB = 1 << 20


class FlakyProxy:
    """Passes on a MiB in `seconds`, and breaks the connection once when `left` more bytes were sent."""

    def __init__(self):
        self.target, self.seconds, self.left = None, 0.0, inf
        self.port = 0

    def to(self, url):
        """The URL of the proxy, given that of the server that it connects to from now on."""
        self.target = urlsplit(url)
        return url.replace(f":{self.target.port}", f":{self.port}", 1)

    async def serve(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection(self.target.hostname, self.target.port)
        back = asyncio.create_task(self._pass_on(far_reader, writer, counted=False))
        await self._pass_on(reader, far_writer, counted=True)
        writer.close()
        await back

    async def _pass_on(self, reader, writer, *, counted):
        with suppress(ConnectionError):
            while piece := await reader.read(64 << 10):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(self.seconds * len(piece) / MIB)
                self.left -= len(piece) if counted else 0
                if self.left < 0:
                    self.left = inf
                    break
        writer.close()


@asynccontextmanager
async def flaky_proxy():
    """A proxy on a port of its own, fast at first; `to` says where it connects to."""
    proxy = FlakyProxy()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()


# A host that vanishes ------------------------------------------------------------------------------------


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("t", ctypes.c_ubyte), ("f", ctypes.c_ubyte), ("k", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(_Instruction)))


_ATTACH_FILTER, _DETACH_FILTER = 26, 27  # Linux's SO_ATTACH_FILTER and SO_DETACH_FILTER
_DROP = _Instruction(code=6, k=0)
"""A socket filter of one instruction: return 0, which drops each packet before TCP acknowledges it."""


class VanishingHost:
    """A TCP server in front of a Unix socket, which may vanish like a host without power: nothing is answered or closed."""

    def __init__(self, path):
        self.path, self.port = path, 0
        self._sockets = []
        self._there = asyncio.Event()
        self._there.set()

    async def serve(self, reader, writer):
        self._sockets.append(writer.get_extra_info("socket"))
        far_reader, far_writer = await asyncio.open_unix_connection(self.path)
        try:
            with suppress(asyncio.CancelledError):
                await asyncio.gather(self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))
        finally:
            for one in (writer, far_writer):
                one.close()
                with suppress(OSError):
                    await one.wait_closed()

    async def _pass_on(self, reader, writer):
        with suppress(OSError):
            while piece := await reader.read(64 << 10):
                await self._there.wait()
                writer.write(piece)
                await writer.drain()
        with suppress(OSError):
            writer.close()

    def vanishes(self):
        """From now on, packets to it are lost."""
        self._there.clear()
        program = bytes(_Program(1, ctypes.pointer(_DROP)))
        for one in self._open():
            one.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)

    def returns(self):
        """Its packets arrive again: those of connections that are still open, too."""
        for one in self._open():
            with suppress(FileNotFoundError):  # it has none
                one.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, bytes(4))
        self._there.set()

    def _open(self):
        return [one for one in self._sockets if one.fileno() >= 0]


@asynccontextmanager
async def vanishing_host(path):
    """A host with a port of its own, behind which a Unix socket is."""
    host = VanishingHost(path)
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
    host._sockets += server.sockets
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        host.returns()
        server.close()
