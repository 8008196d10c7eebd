"""A TCP proxy to a local server that can be made slow, or to break, while it is in use."""

import asyncio
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
