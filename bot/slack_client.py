"""The connections to Slack: its Web API, who the bot is there, and Socket Mode."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from time import time

import aiohttp
import structlog
from pydantic import SecretStr
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bot.observability import Metrics
from bot.server import Listener
from bot.settings import Settings
from bot.slack_api import Access, RateLimitRetries, Reply, WebClient
from handlers.slack_errors import error_code

RETRY_SECONDS = 10
"""Between calls of auth.test while Slack does not answer, or refuses the token."""
PROBE_SECONDS = 60
"""Between calls of auth.test while all is well: a token that is revoked while nobody asks anything is noticed too."""
CONNECT_SECONDS = 20
"""How long Slack may take to open a Socket Mode connection."""

Probe = Callable[[], Awaitable[object]]
"""Asks one part whether it works; raises when it does not."""

log = structlog.get_logger()


class BadToken(Exception):
    """Slack rejects the token; the text is Slack's error code."""


class NotConnected(Exception):
    """Slack did not open a connection; the text is Slack's code for why."""


@asynccontextmanager
async def web_client(settings: Settings, metrics: Metrics | None = None) -> AsyncIterator[WebClient]:
    """Slack's Web API over one HTTP session; repeats calls that were rate-limited, interrupted or answered with 5xx."""
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else None
    async with aiohttp.ClientSession(response_class=Reply) as session:
        yield WebClient(
            Access("bot", metrics or Metrics()),
            token=token,
            base_url=settings.slack_api_url,
            session=session,
            retry_handlers=[
                AsyncConnectionErrorRetryHandler(max_retry_count=2),
                RateLimitRetries(max_retry_count=3),
                AsyncServerErrorRetryHandler(max_retry_count=2),
            ],
        )


@asynccontextmanager
async def identity(slack: WebClient) -> AsyncIterator[Callable[[], AuthorizeResult]]:
    """Yields a function that returns the bot's ids; they are None until Slack has answered. Raises BadToken.

    Left to itself, bolt would call auth.test when the first command arrives, while the person waits. Asking goes on, so
    that a token that is revoked is noticed, and that work goes on when Slack accepts it again.
    """
    known = [AuthorizeResult(enterprise_id=None, team_id=None, bot_token=slack.token)]
    await _ask(slack, known)
    if slack.access.refused:
        raise BadToken(slack.access.refused)
    asking = asyncio.create_task(_keep_asking(slack, known))
    try:
        yield lambda: known[-1]
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking


async def _keep_asking(slack: WebClient, known: list[AuthorizeResult]) -> None:
    while True:
        all_is_well = known[-1].team_id and not slack.access.refused
        await asyncio.sleep(PROBE_SECONDS if all_is_well else RETRY_SECONDS)
        await _ask(slack, known)


async def _ask(slack: WebClient, known: list[AuthorizeResult]) -> None:
    try:
        who = await slack.auth_test()
    except SlackApiError as error:
        if not slack.access.refused:
            log.warning("slack_not_answering", error=error_code(error))
        return
    known[1:] = [
        AuthorizeResult(
            enterprise_id=None,
            team_id=who["team_id"],
            bot_token=slack.token,
            bot_id=who.get("bot_id"),
            bot_user_id=who["user_id"],
        )
    ]


# Socket Mode -------------------------------------------------------------------------------------------


@asynccontextmanager
async def socket_mode(
    app: Listener, token: SecretStr, client: WebClient, metrics: Metrics
) -> AsyncIterator[Probe]:
    """Stay connected while the block runs; yields what asks whether the connection is up. Raises NotConnected."""
    web = WebClient(
        Access("app", metrics),
        token=token.get_secret_value(),
        base_url=client.base_url,
        session=client.session,
    )
    await _check_token(web)
    connection = _Envelopes(app, token.get_secret_value(), web_client=web).client
    try:
        await _open(connection)

        async def connected() -> None:
            if not await connection.is_connected():
                raise NotConnected(web.access.refused or "not connected")

        yield connected
    finally:
        await connection.close()  # type: ignore[no-untyped-call] # slack_sdk leaves it untyped


class _Envelopes(AsyncSocketModeHandler):
    """Bolt's adapter, which would not acknowledge an event that bolt cannot read."""

    app: Listener

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]
        """Take what one envelope holds."""
        start = time()
        response = await self.app.take(req.payload, is_event=req.type == "events_api")
        await send_async_response(client, req, response, start)


async def _open(connection: SocketModeClient) -> None:
    try:
        await asyncio.wait_for(connection.connect(), CONNECT_SECONDS)  # type: ignore[no-untyped-call] # the same
    except TimeoutError:
        raise NotConnected("no answer") from None


async def _check_token(web: WebClient) -> None:
    """Ask Slack once whether the token may connect: bolt's handler would retry a bad one endlessly. Raises NotConnected."""
    try:
        await web.apps_connections_open(app_token=web.token or "")
    except SlackApiError as error:
        raise NotConnected(error_code(error)) from None
    except SlackClientError as error:
        raise NotConnected(type(error).__name__) from None
