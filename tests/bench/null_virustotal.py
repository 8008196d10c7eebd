"""A VirusTotal that knows nothing, takes everything and keeps nothing: as little work as a server can have."""

import asyncio
import json
import re
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import parse_qs

SCAN = "0" * 64 + "-1700000000"
CHUNK = 1 << 20


@asynccontextmanager
async def sink():
    """Its address, for as long as it listens."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, limit=CHUNK)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.close()


async def _serve(reader, writer):
    try:
        while line := await reader.readline():
            headers = await _headers(reader)
            sent = await _sent(reader, int(headers.get("content-length", 0)))
            body = json.dumps(_answer(line.split()[1].decode(), headers.get("host", ""), sent)).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def _headers(reader):
    found = {}
    while line := (await reader.readline()).strip():
        name, _, value = line.decode().partition(":")
        found[name.lower()] = value.strip()
    return found


async def _sent(reader, count):
    """A form that was sent; nothing of what is longer, which is a file."""
    if count <= CHUNK // 16:
        return parse_qs((await reader.readexactly(count)).decode("latin-1"))
    while count:
        count -= len(await reader.read(min(count, CHUNK)) or b"" or _broken())
    return {}


def _broken():
    raise ConnectionResetError


def _answer(path, host, sent):
    if "upload_url" in path:
        return {"upload_url": f"http://{host}/large"}
    if "report" in path:
        found = [
            {"response_code": 0, "verbose_msg": "not here", "resource": one}
            for one in re.split("[,\n]", sent.get("resource", [""])[0])
        ]
        return found if len(found) > 1 else found[0]
    return {"response_code": 1, "scan_id": SCAN, "resource": "", "verbose_msg": "queued"}


@contextmanager
def serving():
    """The address of one in a process of its own, while the block runs."""
    command = [sys.executable, "-m", "tests.bench.null_virustotal"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own program
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


async def main():
    async with sink() as url:
        print(url, flush=True)  # noqa: T201 - whoever started it reads it
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
