"""The HTTP server: POST /slack/events behind the guard, and /healthz, /readyz and /metrics for operators.

The guard checks every request before bolt parses it: its size, and Slack's signature over the raw bytes. Measured with
bolt 1.30: a timestamp `abc` or a non-ASCII signature gives 500, bad JSON is parsed before the signature is checked, and
the body of a refused request is logged. Replays within the five minutes are harmless: the database stores each delivery
once.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import structlog
from aiohttp import web
from multidict import CIMultiDictProxy
from pydantic import SecretStr
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.connections import AckPriority
from bot.environment import OperatorError
from bot.observability import Metrics, place
from handlers.case import StoreDown
from handlers.deps import Deps
from handlers.listeners import register
from handlers.payloads import MalformedPayload
from handlers.text import about

Check = Callable[[], Awaitable[str]]
"""Asks one part whether it works. Returns why it does not, in one word, or ""."""

MAX_BYTES = 1024 * 1024
"""Of a request's body; Slack's largest payloads are far smaller."""
MAX_SKEW_SECONDS = 300
"""How far a timestamp may lie in the past or the future, as Slack's documentation recommends."""
READ_SECONDS = 5.0
"""How long a body may take to arrive; Slack itself gives up on the answer after three seconds."""
STOP_SECONDS = 3
"""How long requests that are being handled may take once the bot stops: no acknowledgement takes longer."""
LINGERING_SECONDS = 1
"""How long the rest of a refused body is read and discarded, so that the sender gets to read the answer."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

log = structlog.get_logger()


class Guard:
    """Decides whether a request came from Slack."""

    def __init__(self, secret: SecretStr, *clocks: Callable[[], float]) -> None:
        """`clocks`: seconds since 1970. A timestamp is recent if it is by one of them, since any may be wrong."""
        self._secret = secret
        self._clocks = clocks

    def is_genuine(self, headers: CIMultiDictProxy[str], body: bytes) -> bool:
        """Whether the body is signed with our secret and its timestamp is recent. Never raises, whatever the headers hold."""
        stamp = _only(headers, "X-Slack-Request-Timestamp")
        given = _only(headers, "X-Slack-Signature")
        if not re.fullmatch(r"[0-9]{1,12}", stamp):
            return False
        if not any(abs(clock() - int(stamp)) <= MAX_SKEW_SECONDS for clock in self._clocks):
            return False
        return hmac.compare_digest(self.signature(stamp, body), given.encode("utf-8", "surrogateescape"))

    def signature(self, stamp: str, body: bytes) -> bytes:
        """Slack's v0 signature: HMAC-SHA256 over `v0:<timestamp>:<raw body>`."""
        secret = self._secret.get_secret_value().encode()
        return b"v0=" + hmac.new(secret, f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest().encode()


def _only(headers: CIMultiDictProxy[str], name: str) -> str:
    """A header's value, or "" if it is missing or repeated: a proxy in front of us may have checked the other one."""
    given = headers.getall(name, [])
    return given[0] if len(given) == 1 else ""


class TooLarge(Exception):
    """The body has more than MAX_BYTES."""


class Incomplete(Exception):
    """The body broke off, was not valid HTTP, or took too long to arrive."""


async def read_body(request: web.Request, seconds: float = READ_SECONDS) -> bytes:
    """Read the raw body, trusting no Content-Length. Raises TooLarge, Incomplete."""
    if (request.content_length or 0) > MAX_BYTES:
        raise TooLarge
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_chunked(64 * 1024):
                body += chunk
                if len(body) > MAX_BYTES:
                    raise TooLarge
    except (TimeoutError, web.RequestPayloadError):
        raise Incomplete from None
    return bytes(body)


def slack_events(app: "Listener", guarded_by: Guard, metrics: Metrics) -> web.RouteDef:
    """The route for everything that Slack sends in HTTP mode; what is not from Slack is refused before it is parsed."""

    async def receive(request: web.Request) -> web.StreamResponse:
        try:
            body = await read_body(request)
        except TooLarge:
            return _refuse(metrics, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except Incomplete:
            return _refuse(metrics, HTTPStatus.UNAUTHORIZED)
        if not guarded_by.is_genuine(request.headers, body):
            return _refuse(metrics, HTTPStatus.UNAUTHORIZED)
        try:
            payload = payload_of(body, request.content_type)
        except (ValueError, RecursionError):
            return _refuse(metrics, HTTPStatus.BAD_REQUEST)
        response = await app.take(payload, is_event=_is_event(payload))
        return await to_aiohttp_response(response)

    return web.route("*", "/slack/events", receive)


def _is_event(payload: Mapping[str, Any]) -> bool:
    """Whether it is an event, perhaps an incomplete one. An `app_rate_limited` has no `event` inside."""
    has_event = isinstance(payload.get("event"), Mapping) or "event_id" in payload
    return has_event or payload.get("type") == "app_rate_limited"


def payload_of(body: bytes, content_type: str) -> dict[str, Any]:
    """A payload from any of Slack's three encodings: JSON (events), a form (commands), JSON in a form's `payload` (the rest).

    Bolt 1.30 itself reads a command whose text holds "payload" as empty. Raises ValueError, RecursionError.
    """
    if content_type == "application/json":
        payload = json.loads(body)
    else:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
        payload = json.loads(form["payload"]) if "payload" in form else form
    if not isinstance(payload, dict) or not payload:
        raise ValueError
    return payload


def storable(value: Any) -> Any:
    """A payload in which U+FFFD replaces what PostgreSQL cannot store: NUL, and halves of surrogate pairs."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {storable(name): storable(inner) for name, inner in value.items()}
    return [storable(inner) for inner in value] if isinstance(value, list) else value


class Listener(AsyncApp):
    """Bolt's app, whose deliveries go first. Over HTTP and over Socket Mode, all of them come through `take`."""

    def __init__(self, first: AckPriority, metrics: Metrics, **options: Any) -> None:
        super().__init__(**options)
        self._first = first
        self._metrics = metrics

    async def take(self, payload: Mapping[str, Any], *, is_event: bool) -> BoltResponse:
        """Take one delivery.

        An event is acknowledged whatever it lacks, unless it could not be stored: Slack would only send the same one
        again, and in the end no events at all.
        """
        try:
            response = await self._dispatch(payload)
        except Exception as error:  # noqa: BLE001 - on odd payloads bolt itself raises, outside of its error handler
            response = await on_error(error)
        if is_event and response.status != HTTPStatus.SERVICE_UNAVAILABLE:
            response.status = HTTPStatus.OK
        return response

    async def _dispatch(self, payload: Mapping[str, Any]) -> BoltResponse:
        """Raises what bolt raises on a payload that it cannot read."""
        # Bolt takes a payload that is parsed already only as one of Socket Mode. It does nothing else with the mode.
        request = AsyncBoltRequest(body=storable(payload), mode="socket_mode")
        with self._first.first(), self._metrics.acknowledged.time(), self._metrics.tracing.delivery():
            return await self.async_dispatch(request)


def listening(
    slack: AsyncWebClient,
    deps: Deps,
    authorize: Callable[..., Awaitable[AuthorizeResult | None]],
    first: AckPriority,
    metrics: Metrics,
    *middleware: Callable[..., Awaitable[BoltResponse | None]],
) -> Listener:
    """The bolt app. The guard has checked the signatures, and a listener has finished before Slack gets its response."""
    app = Listener(
        first,
        metrics,
        # Without a name, bolt reads the source of every module on the stack to find one.
        name="vtbot",
        client=slack,
        authorize=authorize,
        # bot.observability sets the level of this one; by itself bolt looks at the root logger only.
        logger=logging.getLogger("slack_bolt"),
        request_verification_enabled=False,
        process_before_response=True,
        user_facing_authorize_error_message=str(about.NOT_INSTALLED),
    )
    app.error(on_error)
    for one in middleware:
        app.middleware(one)
    register(app, deps)
    return app


def authorized_as(known: Sequence[AuthorizeResult]) -> Callable[[], Awaitable[AuthorizeResult]]:
    """Authorizes every delivery, for bolt, as what is known of the bot by then: the last one of these."""

    async def authorize() -> AuthorizeResult:
        return known[-1]

    return authorize


async def on_error(error: Exception) -> BoltResponse:
    """Answer a delivery whose listener raised: 503 if it could not be stored, so that Slack retries; else 400.

    Neither the response nor the log holds anything of the payload.
    """
    if isinstance(error, StoreDown):
        return BoltResponse(status=HTTPStatus.SERVICE_UNAVAILABLE)
    if isinstance(error, MalformedPayload):
        log.warning("malformed_payload", missing=error.missing)
        return BoltResponse(status=HTTPStatus.BAD_REQUEST)
    log.warning("payload_refused", error=type(error).__name__, at=place(error))
    return BoltResponse(status=HTTPStatus.BAD_REQUEST)


def _refuse(metrics: Metrics, status: HTTPStatus) -> web.Response:
    metrics.refused.labels(str(status.value)).inc()
    return web.Response(status=status)


def operator_routes(
    checks: Mapping[str, Check],
    counts: Mapping[str, Callable[[], Awaitable[int]]],
    metrics: Metrics,
    refresh: Callable[[], Awaitable[None]],
) -> list[web.RouteDef]:
    """Routes for health, readiness (which shows the `counts` too) and metrics. `refresh` updates those that the database knows."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        reasons = {name: reason for name, check in checks.items() if (reason := await check())}
        said: dict[str, Any] = {name: name not in reasons for name in checks}
        with suppress(StoreDown):
            said |= {name: await count() for name, count in counts.items() if "database" not in reasons}
        if not reasons:
            return web.json_response(said)
        return web.json_response({**said, "reasons": reasons}, status=HTTPStatus.SERVICE_UNAVAILABLE)

    async def metrics_page(_: web.Request) -> web.Response:
        await refresh()
        return web.Response(body=metrics.page(), headers={"Content-Type": metrics.content_type})

    return [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics_page)]


@asynccontextmanager
async def serving(routes: list[web.RouteDef], host: str, port: int) -> AsyncIterator[int]:
    """Serve until the block ends; yields the port, which the system chose if `port` is 0. Raises OperatorError."""
    application = web.Application(client_max_size=MAX_BYTES)
    application.add_routes(routes)
    # aiohttp logs the bytes of requests that it cannot parse, hence the silent logger; and by default it would
    # decompress bodies, while the signature is over the bytes as sent.
    silent = logging.getLogger(__name__)
    silent.setLevel(logging.CRITICAL + 1)
    runner = web.AppRunner(
        application,
        access_log=None,
        logger=silent,
        handle_signals=False,
        auto_decompress=False,
        lingering_time=LINGERING_SECONDS,
        shutdown_timeout=STOP_SECONDS,
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            where, why = f"{host}:{port}", error.strerror or type(error).__name__
            raise OperatorError(
                "Cannot listen on {where} ({why}): stop the other program or set PORT.", where=where, why=why
            ) from None
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
