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
from playground.slack.state import World, new_id

OK = 200
KEPT = 1_000
"""Deliveries that are remembered."""
TIMEOUT, FAILED = "operation_timeout", "dispatch_failed"
EVENTS = {
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "app_mention": "app_mentions:read",
    "app_home_opened": "",
    "file_shared": "files:read",
    "member_joined_channel": "channels:read",
    "channel_created": "channels:read",
}
"""Bot events as a manifest names them, with the scope without which Slack silently sends none."""


@dataclass(frozen=True, slots=True)
class Parcel:
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
    parcel: Parcel | None = None

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


class Courier:
    """Carries to `target` (the bot's URL), or without one over the bot's Socket Mode connections."""

    def __init__(
        self,
        world: World,
        link: Link,
        secret: str,
        *,
        target: str | None,
        patience: float,
        retries: Collection[float],
        events: Collection[str],
        scopes: Collection[str],
    ) -> None:
        self.world = world
        self.link = link
        self.secret = secret
        self.target = target
        self.patience = patience
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

    async def carry(self, parcel: Parcel) -> Ack:
        """One attempt. Blames the bot for an acknowledgement that is late or not a 200."""
        payloads.tell(self.world, parcel.payload)
        self._under_way += 1
        try:
            ack = await self._tried(parcel)
        finally:
            self._under_way -= 1
            self._still.set()
        self._judge(parcel, ack)
        ack = replace(ack, parcel=parcel)
        self.deliveries.append(ack)
        for watcher in self.watchers:
            watcher(ack)
        return ack

    async def _tried(self, parcel: Parcel) -> Ack:
        start = time.perf_counter()
        try:
            async with asyncio.timeout(self.patience):
                return await (self._post(parcel) if self.target else self._envelope(parcel))
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
        return await self._envelope(ack.parcel) if ack.parcel else ack

    def _judge(self, parcel: Parcel, ack: Ack) -> None:
        where = _name(parcel)
        if ack.why == TIMEOUT:
            self.world.blame(where, Fault(Rule.LATE, f"no acknowledgement within {self.patience:g} s"))
        elif parcel.kind != "events_api" and ack.status not in (0, OK):
            self.world.blame(where, Fault(Rule.ACK, f"acknowledged with {ack.status}: {ack.body[:80]!r}"))

    async def _post(self, parcel: Parcel) -> Ack:
        body, kind = parcel.body()
        headers = {"Content-Type": kind, **signed(self.secret, body)}
        if parcel.retry:
            headers |= {"X-Slack-Retry-Num": str(parcel.retry), "X-Slack-Retry-Reason": parcel.reason}
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

    async def _envelope(self, parcel: Parcel) -> Ack:
        start = time.perf_counter()
        answered, payload = await self.link.carry(parcel.kind, parcel.payload, parcel.retry, parcel.reason)
        spent = (time.perf_counter() - start) * 1000
        if not answered:
            return Ack(0, why=FAILED, milliseconds=spent)
        return Ack(OK, json.dumps(payload) if payload else "", spent)

    async def event(self, name: str, inner: dict[str, Any]) -> Ack | None:
        """Hand over an event that the bot subscribed to; not taken, it is repeated behind the scenes."""
        if name not in self.events:
            return None
        parcel = Parcel("events_api", payloads.event(self.world, new_id("Ev"), inner))
        ack = await self.carry(parcel)
        if not ack.ok:
            self.later(self._again(parcel, ack))
        return ack

    async def _again(self, parcel: Parcel, ack: Ack) -> None:
        for count, pause in enumerate(self.retries, 1):
            if ack.headers.get("X-Slack-No-Retry") == "1":
                return
            await asyncio.sleep(pause)
            reason = "http_error" if ack.status else "http_timeout"
            ack = await self.carry(Parcel(parcel.kind, parcel.payload, count, reason))
            if ack.ok:
                return

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do this behind the scenes."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _name(parcel: Parcel) -> str:
    payload = parcel.payload
    if parcel.kind == "slash_commands":
        return f"{payload['command']} {payload['text'][:60]}".strip()
    return str(payload["event"]["type"] if parcel.kind == "events_api" else payload["type"])
