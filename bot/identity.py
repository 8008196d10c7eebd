"""Who the bot is, as Slack says: asked at the start, and asked on in the background while Slack does not answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import structlog
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

AGAIN_SECONDS = 10
TOKEN_FAULTS = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "not_allowed_token_type",
        "not_authed",
        "token_expired",
        "token_revoked",
    }
)
"""Slack's names for a token that will not do; anything else may pass."""

log = structlog.get_logger()


class TokenRefused(Exception):
    """Slack does not know the token; the text is Slack's word for why."""


@asynccontextmanager
async def identity(slack: AsyncWebClient) -> AsyncIterator[Callable[[], AuthorizeResult]]:
    """What to ask for the bot's ids while the block runs; None in it until Slack has answered. Raises TokenRefused.

    bolt itself would ask Slack when it takes the first command, while the person waits.
    """
    known = [AuthorizeResult(enterprise_id=None, team_id=None, bot_token=slack.token)]
    asking = asyncio.create_task(_ask_on(slack, known)) if not await _asked(slack, known) else None
    try:
        yield lambda: known[-1]
    finally:
        if asking:
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking


async def _ask_on(slack: AsyncWebClient, known: list[AuthorizeResult]) -> None:
    with suppress(TokenRefused):
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            if await _asked(slack, known):
                return


async def _asked(slack: AsyncWebClient, known: list[AuthorizeResult]) -> bool:
    try:
        who = await slack.auth_test()
    except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
        if (fault := _word(error)) in TOKEN_FAULTS:
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


def _word(error: Exception) -> str:
    """Slack's name for what is wrong; "" when the answer was none of the Web API's."""
    data = getattr(error.response, "data", None) if isinstance(error, SlackApiError) else None
    return str(data.get("error", "")) if isinstance(data, dict) else ""
