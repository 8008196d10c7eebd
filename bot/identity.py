"""The bot's own ids, from Slack's auth.test: asked at the start and, while Slack does not answer, in the background."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import structlog
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

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

log = structlog.get_logger()


class TokenRefused(Exception):
    """Slack rejects the token; the text is Slack's error word."""


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
