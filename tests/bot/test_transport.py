"""What DirectTransport does with a server that behaves badly: it raises what httpx would, and sends nothing twice."""

import asyncio
import socket
import ssl
import threading
from contextlib import asynccontextmanager

import httpx
import pytest

from bot.transport import DirectTransport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def server(*replies):
    """A client of a server that answers with these bytes in turn, what that was sent, and the connections it has had.

    It closes a connection after the last reply, and instead of replying with None.
    """
    requests, connections, left = [], [], list(replies)

    async def serve(reader, writer):
        connections.append(writer)
        while left:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            length = next(
                (
                    int(line[15:])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                ),
                0,
            )
            requests.append(head + await reader.readexactly(length))
            reply = left.pop(0)
            if reply is None:
                break
            writer.write(reply)
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    transport = DirectTransport(ssl.create_default_context(), most=5)
    async with (
        listening,
        httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1:{port}", timeout=5) as client,
    ):
        yield client, requests, connections


async def test_a_request_arrives_as_httpx_wrote_it():
    async with server(OK) as (client, requests, _):
        reply = await client.get("/report", params={"url": "http://a.example/%7B?x=ü&y"})
        assert reply.json() == {}
        line, *headers = requests[0].decode().split("\r\n")
        assert line == f"GET {reply.request.url.raw_path.decode()} HTTP/1.1"
        assert {one.partition(":")[0].lower() for one in headers if one} == set(reply.request.headers)


async def test_a_form_is_sent_with_its_length():
    async with server(OK) as (client, requests, _):
        await client.post("/scan", data={"url": "http://a.example/"})
        assert requests[0].endswith(b"\r\n\r\nurl=http%3A%2F%2Fa.example%2F")
        assert b"application/x-www-form-urlencoded" in requests[0]


async def test_a_body_is_handed_on_as_it_was_sent():
    """The caller unpacks it in small steps, so that a small reply cannot fill the memory."""
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
    async with server(packed) as (client, _, _), client.stream("GET", "/") as reply:
        assert b"".join([piece async for piece in reply.aiter_raw()]) == b"abc"


async def test_a_redirect_is_not_followed():
    async with server(b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n", OK) as (
        client,
        _,
        _,
    ):
        assert (await client.get("/")).headers["location"] == "/there"


async def test_a_file_is_streamed():
    async def chunks():
        yield b"ab"
        yield b"cd"

    async with server(OK) as (client, requests, _):
        await client.post("/scan", content=chunks(), headers={"Content-Length": "4"})
        assert requests[0].endswith(b"\r\n\r\nabcd")


async def test_a_request_whose_connection_breaks_is_not_sent_again():
    """VirusTotal may have counted it."""
    async with server(OK, None, OK) as (client, requests, _):
        await client.get("/")
        with pytest.raises(httpx.ReadError):
            await client.get("/")
        assert len(requests) == 2


async def test_a_connection_is_used_again():
    async with server(OK, OK, OK) as (client, requests, connections):
        for _ in range(3):
            await client.get("/")
        assert (len(requests), len(connections)) == (3, 1)


async def test_a_connection_with_a_reply_that_nobody_reads_is_closed():
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"0" * 100_000
    async with server(long, OK) as (client, _, connections):
        async with client.stream("GET", "/"):
            pass
        assert (await client.get("/")).json() == {}
        assert len(connections) == 2


async def test_a_connection_that_the_server_has_closed_is_not_used_again():
    async with server(OK, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", OK) as (
        client,
        requests,
        _,
    ):
        for _ in range(3):
            await client.get("/")
        assert len(requests) == 3


async def test_a_connection_that_was_closed_while_the_event_loop_was_busy_is_not_used_again():
    """It costs no call of the quota: nothing was sent."""
    closed = threading.Semaphore(0)

    def serve(listening):
        for _ in range(3):
            connection, _ = listening.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(OK)
            closed.release()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        transport = DirectTransport(ssl.create_default_context(), most=5)
        async with httpx.AsyncClient(transport=transport, timeout=5) as client:
            for _ in range(3):
                reply = await client.post(url, data={"a": "b"})
                assert reply.json() == {}
                closed.acquire()


async def test_a_reply_may_have_a_long_header():
    """Such as the address of a redirect, or what a company's firewall adds."""
    long = b"HTTP/1.1 200 OK\r\nX-Policy: " + b"a" * 20_000 + b"\r\nContent-Length: 2\r\n\r\n{}"
    async with server(long) as (client, _, _):
        assert (await client.get("/")).json() == {}


async def test_a_header_that_cannot_be_sent_is_an_error():
    async with server(OK) as (client, requests, _):
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get("/", headers={"X-Name": "a\r\nX-Other: b"})
        assert not requests


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
        b"220 mail.example ESMTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_no_whole_reply_is_an_error(reply):
    async with server(reply) as (client, _, _):
        with pytest.raises(httpx.ReadError):
            await client.get("/")


async def test_a_server_that_says_nothing_times_out():
    done = asyncio.Event()

    async def silent(_, writer):
        await done.wait()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        transport = DirectTransport(ssl.create_default_context(), most=5)
        async with httpx.AsyncClient(transport=transport, timeout=0.2) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.get(f"http://127.0.0.1:{port}/")
        done.set()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://nowhere.invalid/"])
async def test_a_server_that_is_not_there_is_an_error_of_connecting(url):
    """Such a call was not sent, so that it is not booked again."""
    transport = DirectTransport(ssl.create_default_context(), most=5)
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url)
