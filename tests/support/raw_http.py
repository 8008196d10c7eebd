"""Requests to the bot byte by byte, signed or forged, over sockets of their own: no client makes them decent."""

import asyncio
import hashlib
import hmac
import socket
import time
from urllib.parse import urlencode

from aiohttp import ClientSession, TCPConnector

FORM = "application/x-www-form-urlencoded"
SECRET = "playground-signing-secret"


def command(text="help", trigger="1.a", **more):
    """The body of a slash command."""
    form = {
        "command": "/vt",
        "text": text,
        "team_id": "T0PLAYGRND",
        "user_id": "U0ANA00001",
        "channel_id": "C0GENERAL1",
        "trigger_id": trigger,
        "response_url": "http://127.0.0.1:9/commands/x",
    }
    return urlencode(form | more).encode()


def signature(body, stamp, secret=SECRET):
    """As Slack signs, or somebody with another secret."""
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return f"v0={digest}"


def signed(body, kind=FORM, secret=SECRET, at=0):
    """Header lines with which Slack would sign these bytes `at` seconds from now."""
    stamp = str(int(time.time() + at))
    return [
        ("Content-Type", kind),
        ("X-Slack-Request-Timestamp", stamp),
        ("X-Slack-Signature", signature(body, stamp, secret)),
    ]


def knock(port, body=b"", headers=(), *, method="POST", path="/slack/events", length=None):
    """One request; the answer's status and body. Status 0: the connection was closed without an answer."""
    lines = [
        f"{method} {path} HTTP/1.1".encode(),
        b"Host: bot",
        b"Connection: close",
        f"Content-Length: {len(body) if length is None else length}".encode(),
        *(_bytes(name) + b": " + _bytes(value) for name, value in headers),
    ]
    return say(port, b"\r\n".join([*lines, b"", b""]) + body)


def say(port, data):
    """Any bytes; the status and the body of what is answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        answer = b""
        try:
            connection.sendall(data)
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionError:  # it was answered before all was said
            pass
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else 0, body


def _bytes(value):
    return value if isinstance(value, bytes) else value.encode()


async def volley(ports, body, headers, times):
    """The same bytes so many times at once, to each port in turn: the statuses."""
    async with ClientSession(connector=TCPConnector(limit=20)) as http:

        async def once(number):
            url = f"http://127.0.0.1:{ports[number % len(ports)]}/slack/events"
            async with http.post(url, data=body, headers=dict(headers)) as reply:
                return reply.status

        return await asyncio.gather(*map(once, range(times)))
