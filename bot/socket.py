"""Socket Mode: the bot calls Slack, and Slack sends through that connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
from pydantic import SecretStr
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

CONNECT_SECONDS = 20


class NotConnected(Exception):
    """Slack did not open a connection; the text is Slack's word for why."""


@asynccontextmanager
async def socket_mode(
    app: AsyncApp, token: SecretStr, client: AsyncWebClient
) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
    """Connected while the block runs; yields the question whether it still is. Raises NotConnected."""
    web = AsyncWebClient(token=token.get_secret_value(), base_url=client.base_url, session=client.session)
    await _allowed(web)
    connection = AsyncSocketModeHandler(app, token.get_secret_value(), web_client=web).client
    try:
        await _opened(connection)

        async def connected() -> bool:
            return bool(await connection.is_connected())

        yield connected
    finally:
        await connection.close()  # type: ignore[no-untyped-call] # slack_sdk leaves it untyped


async def _opened(connection: SocketModeClient) -> None:
    try:
        await asyncio.wait_for(connection.connect(), CONNECT_SECONDS)  # type: ignore[no-untyped-call] # the same
    except TimeoutError:
        raise NotConnected("no answer") from None


async def _allowed(web: AsyncWebClient) -> None:
    """Ask once whether the token may connect: the handler itself would try a bad one for ever."""
    try:
        await web.apps_connections_open(app_token=web.token or "")
    except SlackApiError as error:
        raise NotConnected(str(error.response.get("error", "refused"))) from None
    except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise NotConnected(type(error).__name__) from None
