"""The bot's home: looking at it and clicking in it. Each becomes a request; a job makes the view."""

import asyncio
import re
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncBoltContext
from slack_sdk.errors import SlackClientError

from handlers import payloads
from handlers.admission import accept, accept_or_raise
from handlers.deps import ListenerDeps
from handlers.listeners.events import bot
from handlers.open_modals import open_form, open_settings
from handlers.options import Options
from handlers.parser import parse_values
from handlers.payloads import HomeClick
from handlers.people import SLACK_TIMEOUT
from handlers.request import Head, HomeRequest, LookupRequest, Origin
from handlers.views import home
from vt.actions import BY_KEY

CHANNEL = re.compile(r"[CG][A-Z0-9]{1,30}")


async def handle_opened(body: dict[str, Any], context: AsyncBoltContext, deps: ListenerDeps) -> None:
    """Someone looks at the home: store a request to make it."""
    opened = payloads.home_opened(body, bot(context))
    if opened.tab != "home":
        return
    request = HomeRequest(**_head(opened.delivery, opened.origin, deps))
    if refused := await accept_or_raise(request, deps):
        await _publish(refused, opened.origin, deps)


async def handle_click(
    ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], deps: ListenerDeps
) -> None:
    """An example, the form, the settings of a channel, or a check of the key."""
    click = payloads.home_click(body, action)
    problem = await _click(click, deps)
    await ack()
    if problem:
        await _publish(problem, click.origin, deps)


async def _click(click: HomeClick, deps: ListenerDeps) -> str:
    """Returns what to tell the user, or ""."""
    match click.action_id:
        case "home-form":
            return await open_form(click.origin, click.trigger_id, deps)
        case "home-settings" if CHANNEL.fullmatch(click.value):
            there = click.origin.model_copy(update={"channel": click.value})
            return await open_settings(there, click.trigger_id, deps)
        case "home-check":
            checking = _head(f"home:{click.trigger_id}", click.origin, deps)
            return await accept(HomeRequest(**checking, check_key=True), deps)
        case _:
            return await _example(click, deps)


async def _example(click: HomeClick, deps: ListenerDeps) -> str:
    """Look up the example of an action. Returns what to tell the user, or ""."""
    action = BY_KEY.get(click.value)
    if action not in home.EXAMPLES:
        return ""
    lookups = parse_values(action, action.example, Options(), deps.thresholds).lookups
    head = _head(f"example:{click.trigger_id}", click.origin, deps)
    return await accept(LookupRequest(**head, lookups=lookups), deps)


def _head(delivery: str, origin: Origin, deps: ListenerDeps) -> Head:
    return Head(id=deps.new_id(), delivery=delivery, at=deps.clock(), origin=origin)


async def _publish(line: str, origin: Origin, deps: ListenerDeps) -> None:
    """Show a sentence instead of the home. When Slack refuses that too, there is nowhere else to show it."""
    try:
        async with asyncio.timeout(SLACK_TIMEOUT):
            await deps.slack.views_publish(user_id=origin.user, view=home.closed(line).to_dict())
    except (SlackClientError, OSError, TimeoutError):
        return
