"""Socket Mode: the bot's WebSocket connections and the envelopes that go over them."""

import asyncio
import contextlib
import json
import secrets
from typing import Any

from aiohttp import web

from playground.slack.seed import APP

MOST = 10
PING_SECONDS = 10


class Link:
    """Up to ten connections; each envelope goes to any one of them."""

    def __init__(self) -> None:
        self.tickets: set[str] = set()
        self._sockets: list[web.WebSocketResponse] = []
        self._waiting: dict[str, tuple[web.WebSocketResponse, asyncio.Future[tuple[bool, Any]]]] = {}
        self._turn = 0
        self._changed = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._sockets)

    def ticket(self) -> str:
        """What apps.connections.open hands out."""
        ticket = secrets.token_hex(16)
        self.tickets.add(ticket)
        return ticket

    async def connected(self, count: int = 1, timeout: float = 10) -> None:  # noqa: ASYNC109 - a caller's word
        """Wait until so many connections are open."""
        async with asyncio.timeout(timeout):
            while len(self._sockets) < count:
                self._changed.clear()
                await self._changed.wait()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """One connection, from hello to its end."""
        if request.query.get("ticket") not in self.tickets:
            raise web.HTTPUnauthorized(text="unknown ticket")
        socket = web.WebSocketResponse(heartbeat=PING_SECONDS)
        await socket.prepare(request)
        if len(self._sockets) >= MOST:
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await socket.close()
            return socket
        await self._serve(socket)
        return socket

    async def _serve(self, socket: web.WebSocketResponse) -> None:
        await socket.send_json(
            {
                "type": "hello",
                "num_connections": len(self._sockets) + 1,
                "connection_info": {"app_id": APP},
                "debug_info": {"host": "playground", "approximate_connection_time": 18060},
            }
        )
        self._sockets.append(socket)
        self._changed.set()
        try:
            async for frame in socket:
                self._acknowledged(frame.data)
        finally:
            self._sockets.remove(socket)
            self._forget(socket)

    def _acknowledged(self, data: Any) -> None:
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            answer = json.loads(data)
            _, future = self._waiting.pop(answer.get("envelope_id"), (None, None))
            if future and not future.done():
                future.set_result((True, answer.get("payload")))

    def _forget(self, socket: web.WebSocketResponse) -> None:
        """What was sent over a connection that broke is not acknowledged any more."""
        for used, future in list(self._waiting.values()):
            if used is socket and not future.done():
                future.set_result((False, None))

    async def deliver(self, kind: str, payload: dict[str, Any], retry: int, reason: str) -> tuple[bool, Any]:
        """Send one envelope: whether it was acknowledged, and with what payload."""
        if not self._sockets:
            return False, None
        self._turn += 1
        socket = self._sockets[self._turn % len(self._sockets)]
        envelope = secrets.token_hex(16)
        future: asyncio.Future[tuple[bool, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[envelope] = (socket, future)
        try:
            await socket.send_json(_envelope(envelope, kind, payload, retry, reason))
            return await future
        except ConnectionError:
            return False, None
        finally:
            self._waiting.pop(envelope, None)

    async def refresh(self) -> None:
        """Ask each connection to make a new one, as Slack does every few hours, and close it."""
        for socket in list(self._sockets):
            await socket.send_json({"type": "disconnect", "reason": "refresh_requested", "debug_info": {}})
            await socket.close()

    async def drop(self) -> None:
        """Break every connection without a word."""
        for socket in list(self._sockets):
            await socket.close()


def _envelope(name: str, kind: str, payload: dict[str, Any], retry: int, reason: str) -> dict[str, Any]:
    envelope = {
        "envelope_id": name,
        "type": kind,
        "payload": payload,
        "accepts_response_payload": kind != "events_api",
    }
    if kind == "events_api":
        envelope |= {"retry_attempt": retry, "retry_reason": reason.replace("http_", "")}
    return envelope
