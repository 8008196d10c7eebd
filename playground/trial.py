"""The commands that serve stand-ins: `vtbot sandbox` for VirusTotal alone, and `vtbot run` without Slack tokens.

The latter is the bot in a stand-in workspace, with a page and a prompt to try it from.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from pydantic import SecretStr

from bot.app import Bot, running, stopped
from bot.file_sources import state_dir_unusable
from bot.instances import instances
from bot.manifest import EVENTS as EVENTS_OF_BOT
from bot.manifest import SCOPES, manifest
from bot.settings import Settings
from handlers.text import about
from handlers.text import terminal as terminal_text
from handlers.text import usage as usage_text
from handlers.text.language import Language, language, line
from playground import web
from playground.slack import samples, scenes
from playground.slack.delivery import EVENTS
from playground.slack.oauth import Slack
from playground.slack.prompt import converse
from playground.slack.seed import ENTERPRISE
from playground.slack.workspace import Workspace
from playground.virustotal import Sandbox
from playground.web.offers import offers

DONE, WRONG = 0, 2
SECOND_TEAM, MEMBER_TEAM = "T0SECOND01", "T0ORGANI03"


async def sandbox(arguments: argparse.Namespace) -> int:
    """Serve a sandbox until the process is interrupted; prints its URL. Exit status 2 when the port is taken."""
    server = Sandbox(
        kind=arguments.kind,
        quota=arguments.quota,
        latency=arguments.latency,
        queue_seconds=arguments.queue_seconds,
        replay=arguments.replay,
    )
    try:
        async with server.serve(port=arguments.port):
            sys.stdout.write(f"{server.url}\n")
            sys.stdout.flush()
            await asyncio.Event().wait()
    except OSError as error:
        sys.stderr.write(
            f"vtbot: Cannot listen on port {arguments.port} ({error.strerror}): stop the other program or set --port.\n"
        )
        return WRONG
    return DONE


async def run(settings: Settings, spoken: Language, *, anywhere: bool) -> None:
    """Run the real bot over signed requests from a stand-in workspace until SIGINT, SIGTERM or the end of input at the prompt.

    `spoken`: the language of what the terminal says at the beginning. `anywhere`: the page may listen at an address that other machines reach. Raises OperatorError.
    """
    async with AsyncExitStack() as stack:
        try:
            uploads = stack.enter_context(_uploads(settings.state_dir))
            roots = settings.file_roots or (samples.folder(settings.state_dir),)
        except OSError as error:
            raise state_dir_unusable(settings, error) from None
        slack = await stack.enter_async_context(workspace(uploads))
        scenes.furnish(slack.state)
        settings = settings.model_copy(update={"file_roots": roots})
        offered = offers(manifest(), usage_text.help_lines())
        async with (
            web.served(slack, offered, settings.host, settings.port, anywhere=anywhere) as address,
            running(_with_tokens(settings, slack)) as bot,
        ):
            slack.target = f"http://127.0.0.1:{bot.port}/slack/events"
            with language(spoken):
                _print_introduction(settings, address)
            await _first_of(_prompt(slack, settings, address, bot), stopped())
        for fault in slack.faults:
            sys.stderr.write(f"API misuse that Slack would refuse: {fault}\n")


async def run_workspaces(settings: Settings, spoken: Language, *, anywhere: bool) -> None:
    """The same, installed by OAuth in two workspaces and an organisation, each with a page; nothing of it is kept.

    Raises OperatorError.
    """
    async with AsyncExitStack() as stack:
        try:
            folder = stack.enter_context(_uploads(settings.state_dir))
        except OSError as error:
            raise state_dir_unusable(settings, error) from None
        events = [name for name in EVENTS_OF_BOT if name in EVENTS]
        placed = partial(Workspace, events=events, scopes=SCOPES)
        workspaces = (
            placed(name="Playground"),
            placed(team=SECOND_TEAM, name="Second workspace"),
            placed(team=MEMBER_TEAM, name="Member of the organization", enterprise=ENTERPRISE, number=3),
        )
        slack = await stack.enter_async_context(Slack(*workspaces, rotates=True))
        bot = await stack.enter_async_context(running(_with_oauth(settings, slack, folder / "state")))
        slack.redirect_urls = [f"http://127.0.0.1:{bot.port}/slack/oauth_redirect"]
        slack.install = f"http://127.0.0.1:{bot.port}/slack/install"
        offered = offers(manifest(), usage_text.help_lines())
        for team, one in slack.workspaces.items():
            one.target = f"http://127.0.0.1:{bot.port}/slack/events"
            served = web.served(one, offered, settings.host, 0, anywhere=anywhere)
            slack.pages[team] = await stack.enter_async_context(served)
        with language(spoken):
            address = f"http://127.0.0.1:{slack.port}/"
            sys.stdout.write(f"{line(terminal_text.WORKSPACES, address=address)}\n")
            sys.stdout.flush()
        await stopped()


def _with_oauth(settings: Settings, slack: Slack, state: Path) -> Settings:
    return settings.model_copy(
        update={
            "slack_client_id": slack.tokens.client_id,
            "slack_client_secret": SecretStr(slack.tokens.client_secret),
            "token_keys": (SecretStr(Fernet.generate_key().decode()),),
            "slack_signing_secret": SecretStr(slack.signing_secret),
            "slack_api_url": slack.api_url,
            "no_proxy": (*settings.no_proxy, "127.0.0.1"),
            "database_url": None,
            "state_dir": state,
            "host": "127.0.0.1",
            "port": 0,
        }
    )


async def _prompt(slack: Workspace, settings: Settings, page: str, bot: Bot) -> None:
    """Read commands until the end of input. Without a terminal there is only the page, and this never returns."""
    if not await converse(slack, settings.state_dir / "downloads", page, bot.unanswered):
        await asyncio.Event().wait()


async def _first_of(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Wait until one of them ends and cancel the others; raises what that one raised."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()


@contextmanager
def _uploads(state: Path) -> Iterator[Path]:
    """A folder below STATE_DIR for attached files: readable by its owner only, removed when the workspace closes."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="uploads-", dir=state) as folder:
        yield Path(folder)


def workspace(uploads: Path | None = None) -> Workspace:
    """A stand-in for Slack that grants the scopes of the bot's manifest and sends the events that it subscribes to.

    Its people and channels are the same in every run, and what the bot stored in an earlier one may name them: they
    count as known to the bot from the start.
    """
    wanted = manifest()
    events = wanted["settings"].get("event_subscriptions", {}).get("bot_events", [])
    slack = Workspace(
        events=[name for name in events if name in EVENTS],
        scopes=wanted["oauth_config"]["scopes"]["bot"],
        uploads=uploads,
    )
    slack.state.told |= slack.state.people.keys() | slack.state.channels.keys()
    return slack


def _print_introduction(settings: Settings, address: str) -> None:
    files = [line(terminal_text.FILES_TO_TRY, folder=str(root)) for root in settings.file_roots]
    lines = [
        line(terminal_text.PAGE, address=address),
        terminal_text.INTRODUCTION,
        *files,
        *([] if instances(settings) else [about.INVENTED]),
    ]
    sys.stdout.write("\n".join(map(str, lines)) + "\n")
    sys.stdout.flush()


def _with_tokens(settings: Settings, slack: Workspace) -> Settings:
    return settings.model_copy(
        update={
            "slack_bot_token": SecretStr(slack.bot_token),
            "slack_signing_secret": SecretStr(slack.signing_secret),
            "slack_api_url": slack.api_url,
            "no_proxy": (*settings.no_proxy, "127.0.0.1"),
            "host": "127.0.0.1",
            "port": 0,
        }
    )
