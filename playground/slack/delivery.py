"""How Slack hands things to a bot: signed over HTTP or as Socket Mode envelopes, events again when not taken."""

import asyncio
import hashlib
import hmac
import json
import time
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import aiohttp

from playground.slack import payloads
from playground.slack.link import Link
from playground.slack.rules import Fault, Rule
from playground.slack.state import State, new_id

OK = 200
KEPT = 1_000
"""Deliveries that are remembered."""
TIMEOUT, FAILED = "operation_timeout", "dispatch_failed"
EVENTS = {
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "message.mpim": "mpim:history",
    "app_mention": "app_mentions:read",
    "app_home_opened": "",
    "file_shared": "files:read",
    "member_joined_channel": "channels:read",
    "channel_created": "channels:read",
}
"""Bot events as a manifest names them, with the scope without which Slack silently sends none."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery: `kind` is slash_commands, interactive or events_api."""

    kind: str
    payload: dict[str, Any]
    retry: int = 0
    reason: str = ""

    def body(self) -> tuple[bytes, str]:
        """As HTTP carries it, with its content type."""
        if self.kind == "events_api":
            return json.dumps(self.payload).encode(), "application/json"
        form = self.payload if self.kind == "slash_commands" else {"payload": json.dumps(self.payload)}
        return urlencode(form).encode(), "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Ack:
    """What the bot said to a delivery. Status 0: nothing, `why` says how it failed."""

    status: int
    body: str = ""
    milliseconds: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    why: str = ""
    sent: tuple[bytes, Mapping[str, str]] | None = None
    """The signed bytes and headers, over HTTP."""
    delivery: Delivery | None = None

    @property
    def ok(self) -> bool:
        """Taken, as far as Slack is concerned."""
        return OK <= self.status < OK + 100


def signed(secret: str, body: bytes, at: float | None = None) -> dict[str, str]:
    """The headers that prove a request to be Slack's.

    Always by the real time: the bot's own clock cannot be set, and it refuses what is five minutes old.
    """
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


class Dispatcher:
    """Carries to `target` (the bot's URL), or without one over the bot's Socket Mode connections."""

    def __init__(
        self,
        state: State,
        link: Link,
        secret: str,
        *,
        target: str | None,
        ack_timeout: float,
        retries: Collection[float],
        events: Collection[str],
        scopes: Collection[str],
    ) -> None:
        self.state = state
        self.link = link
        self.secret = secret
        self.target = target
        self.ack_timeout = ack_timeout
        self.retries = tuple(retries)
        self.events = {name for name in events if not EVENTS[name] or EVENTS[name] in scopes}
        self.http: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self.deliveries: deque[Ack] = deque(maxlen=KEPT)
        self.watchers: list[Callable[[Ack], None]] = []
        self._under_way = 0
        self._still = asyncio.Event()

    async def close(self) -> None:
        """Stop what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.http:
            await self.http.close()

    async def deliver(self, delivery: Delivery) -> Ack:
        """One attempt. Blames the bot for an acknowledgement that is late or not a 200."""
        payloads.tell(self.state, delivery.payload)
        self._under_way += 1
        try:
            ack = await self._tried(delivery)
        finally:
            self._under_way -= 1
            self._still.set()
        self._judge(delivery, ack)
        ack = replace(ack, delivery=delivery)
        self.deliveries.append(ack)
        for watcher in self.watchers:
            watcher(ack)
        return ack

    async def _tried(self, delivery: Delivery) -> Ack:
        start = time.perf_counter()
        try:
            async with asyncio.timeout(self.ack_timeout):
                return await (self._post(delivery) if self.target else self._envelope(delivery))
        except TimeoutError:
            return Ack(0, why=TIMEOUT, milliseconds=(time.perf_counter() - start) * 1000)

    async def settled(self) -> None:
        """Wait until nothing is on its way to the bot."""
        await asyncio.sleep(0)  # what was begun just now gets under way
        while self._under_way:
            self._still.clear()
            await self._still.wait()

    async def again(self, ack: Ack) -> Ack:
        """The same delivery once more: the same signed bytes, or the same payload in another envelope."""
        if ack.sent:
            return await self.post(*ack.sent)
        return await self._envelope(ack.delivery) if ack.delivery else ack

    def _judge(self, delivery: Delivery, ack: Ack) -> None:
        where = _name(delivery)
        if ack.why == TIMEOUT:
            self.state.blame(where, Fault(Rule.LATE, f"no acknowledgement within {self.ack_timeout:g} s"))
        elif delivery.kind != "events_api" and ack.status not in (0, OK):
            self.state.blame(where, Fault(Rule.ACK, f"acknowledged with {ack.status}: {ack.body[:80]!r}"))

    async def _post(self, delivery: Delivery) -> Ack:
        body, kind = delivery.body()
        headers = {"Content-Type": kind, **signed(self.secret, body)}
        if delivery.retry:
            headers |= {"X-Slack-Retry-Num": str(delivery.retry), "X-Slack-Retry-Reason": delivery.reason}
        return await self.post(body, headers)

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Ack:
        """These bytes to the bot, whatever they are."""
        self.http = self.http or aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        start = time.perf_counter()
        try:
            async with self.http.post(str(self.target), data=body, headers=headers) as reply:
                text = await reply.text(errors="replace")
                spent = (time.perf_counter() - start) * 1000
                return Ack(reply.status, text, spent, reply.headers, sent=(body, headers))
        except (aiohttp.ClientError, OSError):
            return Ack(0, why=FAILED, milliseconds=(time.perf_counter() - start) * 1000, sent=(body, headers))

    async def _envelope(self, delivery: Delivery) -> Ack:
        start = time.perf_counter()
        reply, payload = await self.link.deliver(
            delivery.kind, delivery.payload, delivery.retry, delivery.reason
        )
        spent = (time.perf_counter() - start) * 1000
        if not reply:
            return Ack(0, why=FAILED, milliseconds=spent)
        return Ack(OK, json.dumps(payload) if payload else "", spent)

    async def event(self, name: str, inner: dict[str, Any]) -> Ack | None:
        """Hand over an event that the bot subscribed to; not taken, it is repeated behind the scenes."""
        if name not in self.events:
            return None
        delivery = Delivery("events_api", payloads.event(self.state, new_id("Ev"), inner))
        ack = await self.deliver(delivery)
        if not ack.ok:
            self.later(self._again(delivery, ack))
        return ack

    async def _again(self, delivery: Delivery, ack: Ack) -> None:
        for count, pause in enumerate(self.retries, 1):
            if ack.headers.get("X-Slack-No-Retry") == "1":
                return
            await asyncio.sleep(pause)
            reason = "http_error" if ack.status else "http_timeout"
            ack = await self.deliver(Delivery(delivery.kind, delivery.payload, count, reason))
            if ack.ok:
                return

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do this behind the scenes."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _name(delivery: Delivery) -> str:
    payload = delivery.payload
    if delivery.kind == "slash_commands":
        return f"{payload['command']} {payload['text'][:60]}".strip()
    if delivery.kind != "events_api":
        return str(payload["type"])
    event = payload.get("event")  # a test may send an event without what every event has
    return str(event.get("type") if isinstance(event, Mapping) else event)
