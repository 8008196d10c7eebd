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
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.server import Listener
from bot.settings import Settings

RETRY_SECONDS = 10
TOKEN_ERRORS = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "not_allowed_token_type",
        "not_authed",
        "token_expired",
        "token_revoked",
    }
)
"""Slack's error words for a token that will never work; every other error may go away."""

CONNECT_SECONDS = 20
"""How long Slack may take to open a Socket Mode connection."""

log = structlog.get_logger()


class TokenRefused(Exception):
    """Slack rejects the token; the text is Slack's error word."""


class NotConnected(Exception):
    """Slack did not open a connection; the text is Slack's word for why."""


@asynccontextmanager
async def web_client(settings: Settings) -> AsyncIterator[AsyncWebClient]:
    """Slack's Web API over one HTTP session; repeats calls that were rate-limited, interrupted or answered with 5xx."""
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else None
    async with aiohttp.ClientSession() as session:
        yield AsyncWebClient(
            token=token,
            base_url=settings.slack_api_url,
            session=session,
            retry_handlers=[
                AsyncConnectionErrorRetryHandler(max_retry_count=2),
                AsyncRateLimitErrorRetryHandler(max_retry_count=3),
                AsyncServerErrorRetryHandler(max_retry_count=2),
            ],
        )


@asynccontextmanager
async def identity(slack: AsyncWebClient) -> AsyncIterator[Callable[[], AuthorizeResult]]:
    """Yields a function that returns the bot's ids; they are None until Slack has answered. Raises TokenRefused.

    Left to itself, bolt would call auth.test when the first command arrives, while the person waits.
    """
    known = [AuthorizeResult(enterprise_id=None, team_id=None, bot_token=slack.token)]
    asking = asyncio.create_task(_keep_asking(slack, known)) if not await _ask(slack, known) else None
    try:
        yield lambda: known[-1]
    finally:
        if asking:
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking


async def _keep_asking(slack: AsyncWebClient, known: list[AuthorizeResult]) -> None:
    with suppress(TokenRefused):
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            if await _ask(slack, known):
                return


async def _ask(slack: AsyncWebClient, known: list[AuthorizeResult]) -> bool:
    try:
        who = await slack.auth_test()
    except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
        if (fault := _error_word(error)) in TOKEN_ERRORS:
            raise TokenRefused(fault) from None
        log.warning("slack_not_answering", error=type(error).__name__)
        return False
    known.append(
        AuthorizeResult(
            enterprise_id=None,
            team_id=who["team_id"],
            bot_token=slack.token,
            bot_id=who.get("bot_id"),
            bot_user_id=who["user_id"],
        )
    )
    return True


def _error_word(error: Exception) -> str:
    """Slack's error word; "" when the reply did not come from the Web API (a proxy's HTML, say)."""
    data = getattr(error.response, "data", None) if isinstance(error, SlackApiError) else None
    return str(data.get("error", "")) if isinstance(data, dict) else ""


@asynccontextmanager
async def socket_mode(
    app: Listener, token: SecretStr, client: AsyncWebClient
) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
    """Stay connected while the block runs; yields a function that says whether the connection is up. Raises NotConnected."""
    web = AsyncWebClient(token=token.get_secret_value(), base_url=client.base_url, session=client.session)
    await _check_token(web)
    connection = _Envelopes(app, token.get_secret_value(), web_client=web).client
    try:
        await _open(connection)

        async def connected() -> bool:
            return bool(await connection.is_connected())

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


async def _check_token(web: AsyncWebClient) -> None:
    """Ask Slack once whether the token may connect: bolt's handler would retry a bad one endlessly. Raises NotConnected."""
    try:
        await web.apps_connections_open(app_token=web.token or "")
    except SlackApiError as error:
        raise NotConnected(str(error.response.get("error", "refused"))) from None
    except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise NotConnected(type(error).__name__) from None
