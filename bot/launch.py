"""`vtbot run`: the bot until it is stopped; without Slack tokens, in a workspace of its own at a terminal prompt."""

import asyncio
import signal
import sys

from pydantic import SecretStr

from bot.app import running
from bot.playground.prompt import converse
from bot.playground.workspace import Workspace
from bot.settings import Mode, Settings
from handlers import text


async def run(settings: Settings) -> int:
    """Until SIGINT or SIGTERM, or the end of input at the prompt."""
    if settings.mode is Mode.NONE:
        await _try_out(settings)
        return 0
    async with running(settings):
        await _stopped()
    return 0


async def _stopped() -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await stop.wait()


async def _try_out(settings: Settings) -> None:
    """The real bot over signed requests to a stand-in workspace, and a person at a prompt."""
    async with Workspace() as slack:
        async with running(_with_tokens(settings, slack)) as bot:
            slack.target = f"http://127.0.0.1:{bot.port}/slack/events"
            sys.stdout.write(text.WELCOME + "\n")
            if settings.vt_api_key is None:
                sys.stdout.write(text.INVENTED + "\n")
            await converse(slack, settings.state_dir / "downloads", bot.unanswered)
        for fault in slack.faults:
            sys.stderr.write(f"Slack would have complained: {fault}\n")


def _with_tokens(settings: Settings, slack: Workspace) -> Settings:
    return settings.model_copy(
        update={
            "slack_bot_token": SecretStr(slack.bot_token),
            "slack_signing_secret": SecretStr(slack.signing_secret),
            "slack_api_url": slack.api_url,
            "host": "127.0.0.1",
            "port": 0,
        }
    )
