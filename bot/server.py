"""The HTTP side: POST /slack/events behind the guard, and what an operator's tools ask for."""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest

from bot import guard
from bot.guard import Guard
from bot.ops import Metrics

Check = Callable[[], Awaitable[bool]]
log = structlog.get_logger()


class NotServing(Exception):
    """The address cannot be listened on; the text is the system's word for why."""


async def escaped(error: Exception) -> None:
    """Nothing should escape a listener. What does is named in the log, without what Slack sent."""
    log.error("listener_broke", error=type(error).__name__)


def slack_events(app: AsyncApp, watch: Guard, metrics: Metrics) -> web.RouteDef:
    """Everything Slack sends in HTTP mode."""

    async def receive(request: web.Request) -> web.StreamResponse:
        with metrics.acknowledged.time():
            body = await guard.read(request)
            if body is None:
                return _refuse(metrics, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            if not watch.genuine(request.headers, body):
                return _refuse(metrics, HTTPStatus.UNAUTHORIZED)
            payload = _payload(request, body)
            if payload is None:
                return _refuse(metrics, HTTPStatus.BAD_REQUEST)
            return await to_aiohttp_response(await app.async_dispatch(payload))

    return web.post("/slack/events", receive)


def _payload(request: web.Request, body: bytes) -> AsyncBoltRequest | None:
    headers = {name: request.headers.getall(name) for name in request.headers}
    try:
        return AsyncBoltRequest(
            body=body.decode("utf-8", "replace"), query=request.query_string, headers=dict(headers)
        )
    except (json.JSONDecodeError, RecursionError):
        return None


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
    """Serve until the block ends; yields the port, which matters when 0 was asked for."""
    application = web.Application(client_max_size=guard.LARGEST)
    application.add_routes(routes)
    runner = web.AppRunner(application, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await _listen(web.TCPSite(runner, host, port))
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _listen(site: web.TCPSite) -> None:
    try:
        await site.start()
    except OSError as error:
        raise NotServing(os.strerror(error.errno) if error.errno else type(error).__name__) from None
