"""Who the bot is, as Slack says: asked at the start, and asked on in the background while Slack does not answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from handlers.messages import passing

AGAIN_SECONDS = 10

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
        while not await _asked(slack, known):
            await asyncio.sleep(AGAIN_SECONDS)


async def _asked(slack: AsyncWebClient, known: list[AuthorizeResult]) -> bool:
    try:
        who = await slack.auth_test()
    except (SlackClientError, OSError, TimeoutError) as error:
        if isinstance(error, SlackApiError) and not passing(error):
            raise TokenRefused(error.response.get("error", "refused")) from None
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
