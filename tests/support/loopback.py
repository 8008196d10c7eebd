"""Lines within this machine: listeners on loopback that hand each on, and a relay that cuts."""

import asyncio
import socket
import threading
from contextlib import asynccontextmanager, contextmanager, suppress


@contextmanager
def listening(serve):
    """A listener on loopback that hands each connection to `serve`, in a thread that closes it."""
    listener = socket.create_server(("127.0.0.1", 0))
    serving = []

    def serve_one(line):
        with line, suppress(OSError):
            serve(line)

    def accept():
        with suppress(OSError):
            while True:
                line, _ = listener.accept()
                serving.append(threading.Thread(target=serve_one, args=(line,), daemon=True))
                serving[-1].start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for each in serving:
            each.join(10)


@contextmanager
def relay(port, cut_after):
    """A way to that port that breaks, without a word, once so many bytes have come back."""

    def serve(line):
        with socket.create_connection(("127.0.0.1", port)) as there:
            back = threading.Thread(target=pump, args=(there, line, cut_after), daemon=True)
            back.start()
            pump(line, there, 1 << 40)
            back.join()

    with listening(serve) as relayed:
        yield relayed


def pump(source, target, most):
    """Pass on so many bytes, then end both."""
    with suppress(OSError):
        while most > 0 and (data := source.recv(min(65536, most))):
            target.sendall(data)
            most -= len(data)
    for line in (source, target):
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


@asynccontextmanager
async def encrypted(port, context):
    """A way to that port by TLS; yields its own port. `context`: of the server that it is."""

    async def passed(reader, writer):
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader, writer):
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(passed(reader, there_writer), passed(there_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
