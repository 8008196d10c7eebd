"""`vtbot run`: the bot until it is stopped; without Slack tokens, in a workspace of its own: a page and a prompt."""

import asyncio
import signal
import sys
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot.app import Bot, NotRunning, running
from bot.manifest import manifest
from bot.settings import Mode, Settings
from handlers.text import about
from playground import web
from playground.slack import samples, scenes
from playground.slack.delivery import EVENTS
from playground.slack.prompt import converse
from playground.slack.workspace import Workspace
from playground.web.offers import offers


async def run(settings: Settings, *, anywhere: bool = False) -> int:
    """Until SIGINT or SIGTERM, or the end of input at the prompt.

    `anywhere`: the page to try it in may be reached from other machines.
    """
    if settings.mode is Mode.NONE:
        await _try_out(settings, anywhere=anywhere)
        return 0
    async with running(settings):
        await _stopped()
    return 0


async def _stopped() -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await stop.wait()


async def _try_out(settings: Settings, *, anywhere: bool) -> None:
    """The real bot over signed requests to a stand-in workspace, and people at a page and at a prompt."""
    async with AsyncExitStack() as stack:
        uploads = stack.enter_context(_uploads(settings.state_dir))
        slack = await stack.enter_async_context(workspace(uploads))
        scenes.furnish(slack.world)
        roots = settings.file_roots or (samples.folder(settings.state_dir),)
        settings = settings.model_copy(update={"file_roots": roots})
        offered = offers(manifest(), about.help_lines())
        try:
            async with (
                web.served(slack, offered, settings.host, settings.port, anywhere=anywhere) as address,
                running(_with_tokens(settings, slack)) as bot,
            ):
                slack.target = f"http://127.0.0.1:{bot.port}/slack/events"
                _welcome(settings, address)
                await _either(_typing(slack, settings, bot), _stopped())
        except web.NotServed as error:
            raise NotRunning(str(error)) from None
        for fault in slack.faults:
            sys.stderr.write(f"Slack would have complained: {fault}\n")


async def _typing(slack: Workspace, settings: Settings, bot: Bot) -> None:
    """The prompt, to its end. Where nobody can type there is only the page, and no end."""
    if not await converse(slack, settings.state_dir / "downloads", bot.unanswered):
        await asyncio.Event().wait()


async def _either(*ways: Coroutine[Any, Any, None]) -> None:
    """Until the first of them has ended; raises what it raised."""
    tasks = [asyncio.create_task(way) for way in ways]
    done, under_way = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in under_way:
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)
    for task in done:
        task.result()


@contextmanager
def _uploads(state: Path) -> Iterator[Path]:
    """A folder for what people attach: below STATE_DIR, for nobody else to read, gone when the workspace closes."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="uploads-", dir=state) as folder:
        yield Path(folder)


def workspace(uploads: Path | None = None) -> Workspace:
    """A stand-in for Slack that grants the bot what its manifest asks for, and sends it what that subscribes to."""
    asked = manifest()
    events = asked["settings"].get("event_subscriptions", {}).get("bot_events", [])
    return Workspace(
        events=[name for name in events if name in EVENTS],
        scopes=asked["oauth_config"]["scopes"]["bot"],
        uploads=uploads,
    )


def _welcome(settings: Settings, address: str) -> None:
    files = [about.files_to_try(str(root)) for root in settings.file_roots]
    lines = [
        about.page(address),
        about.WELCOME,
        *files,
        *([about.INVENTED] if settings.vt_api_key is None else []),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


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
