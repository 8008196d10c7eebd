"""The HTTP side: POST /slack/events behind the guard, and what an operator's tools ask for."""

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot import guard
from bot.guard import Guard
from bot.observability import Metrics, place
from handlers.deps import StoreDown

Check = Callable[[], Awaitable[bool]]

STOP_SECONDS = 3
"""For requests that are under way when the bot stops: no acknowledgement takes longer."""
LINGERING_SECONDS = 1
"""For the rest of what was refused, so that the sender reads the answer."""

log = structlog.get_logger()


class NotServing(Exception):
    """The address cannot be listened on; the text says why in a few words."""


def slack_events(app: AsyncApp, watch: Guard, metrics: Metrics) -> web.RouteDef:
    """Everything Slack sends in HTTP mode. What Slack did not send is refused before it is looked at."""

    async def receive(request: web.Request) -> web.StreamResponse:
        try:
            body = await guard.read(request)
        except guard.TooLarge:
            return _refuse(metrics, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except guard.NotWhole:
            return _refuse(metrics, HTTPStatus.UNAUTHORIZED)
        if not watch.genuine(request.headers, body):
            return _refuse(metrics, HTTPStatus.UNAUTHORIZED)
        asked = _for_bolt(request, body)
        if asked is None:
            return _refuse(metrics, HTTPStatus.BAD_REQUEST)
        with metrics.acknowledged.time():
            return await to_aiohttp_response(await _dispatched(app, asked))

    return web.route("*", "/slack/events", receive)


async def _dispatched(app: AsyncApp, asked: AsyncBoltRequest) -> BoltResponse:
    try:
        return await app.async_dispatch(asked)
    except Exception as error:  # noqa: BLE001 - bolt itself stumbles over odd payloads, outside of its error handler
        return await escaped(error)


def _for_bolt(request: web.Request, body: bytes) -> AsyncBoltRequest | None:
    """Read by us and handed on as JSON: in bolt 1.30 a command whose text holds "payload" is an empty one."""
    try:
        payload = payload_of(body, request.content_type)
        headers: dict[str, str | list[str]] = {"content-type": "application/json"}
        return AsyncBoltRequest(body=json.dumps(payload), headers=dict(headers))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


def payload_of(body: bytes, content_type: str) -> dict[str, Any]:
    """An event as JSON, a command as a form, or the JSON in a form's `payload`. Raises ValueError, RecursionError."""
    if content_type == "application/json":
        payload = json.loads(body)
    else:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
        payload = json.loads(form["payload"]) if "payload" in form else form
    if not isinstance(payload, dict) or not payload:
        raise ValueError
    return payload


async def escaped(error: Exception) -> BoltResponse:
    """What a listener raises, handled for bolt: what was not kept Slack may send again, the rest cannot be read.

    Neither Slack nor the log hears what was in it.
    """
    if isinstance(error, StoreDown):
        return BoltResponse(status=HTTPStatus.SERVICE_UNAVAILABLE)
    log.warning("payload_refused", error=type(error).__name__, at=place(error))
    return BoltResponse(status=HTTPStatus.BAD_REQUEST)


def _refuse(metrics: Metrics, status: HTTPStatus) -> web.Response:
    metrics.refused.labels(str(status.value)).inc()
    return web.Response(status=status)


def operations(checks: Mapping[str, Check], metrics: Metrics) -> list[web.RouteDef]:
    """Health, readiness and metrics."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        states = {name: await check() for name, check in checks.items()}
        status = HTTPStatus.OK if all(states.values()) else HTTPStatus.SERVICE_UNAVAILABLE
        return web.json_response(states, status=status)

    async def exposed(_: web.Request) -> web.Response:
        return web.Response(body=metrics.page(), headers={"Content-Type": metrics.content_type})

    return [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", exposed)]


@asynccontextmanager
async def serving(routes: list[web.RouteDef], host: str, port: int) -> AsyncIterator[int]:
    """Serve until the block ends; yields the port, which matters when 0 was asked for. Raises NotServing."""
    application = web.Application(client_max_size=guard.LARGEST)
    application.add_routes(routes)
    # aiohttp writes the bytes of what it cannot read into its log; and it would unpack what is signed packed.
    runner = web.AppRunner(
        application,
        access_log=None,
        logger=_silent(),
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
            raise NotServing(error.strerror or type(error).__name__) from None
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _silent() -> logging.Logger:
    logger = logging.getLogger(__name__)
    logger.setLevel(logging.CRITICAL + 1)
    return logger
