"""The bot's home in and out: it is made when someone looks at it, and what they press there is kept as a request."""

import asyncio
import re
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncBoltContext
from slack_sdk.errors import SlackClientError

from handlers.admission import accept, accept_or_raise
from handlers.deps import Deps, Origin, Request, Verb
from handlers.listeners import details
from handlers.listeners.form import open_form
from handlers.parser import Options, parse_values
from handlers.people import SLACK_TIMEOUT
from handlers.request import EntryPoint
from handlers.turns.home import CHECK
from handlers.views import home
from vt.actions import BY_KEY

CHANNEL = re.compile(r"[CG][A-Z0-9]{1,30}")


async def opened(event: dict[str, Any], body: dict[str, Any], context: AsyncBoltContext, deps: Deps) -> None:
    """Someone looks at the home: a job makes it anew."""
    if event.get("tab") != "home":
        return
    origin = _origin(str(context.team_id), event["user"])
    refused = await accept_or_raise(_request(origin, f"home:{body['event_id']}", deps, verb=Verb.HOME), deps)
    if refused:
        await _publish(event["user"], home.closed(refused).to_dict(), deps)


async def pressed(ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], deps: Deps) -> None:
    """An example, the form, the settings of a channel, or a check of the key."""
    user = body["user"]
    origin = _origin(user.get("team_id") or body["team"]["id"], user["id"])
    told = await _do(origin, body, action, deps)
    await ack()
    if told:
        await _publish(user["id"], home.closed(told).to_dict(), deps)


async def _do(origin: Origin, body: dict[str, Any], action: dict[str, Any], deps: Deps) -> str:
    name, trigger_id = action["action_id"], body["trigger_id"]
    if name == "home-form":
        return await open_form(deps, trigger_id, origin=origin)
    if name == "home-settings":
        return await _settings(origin, str(action.get("value")), body, deps)
    if name == "home-check":
        return await accept(_request(origin, f"home:{trigger_id}", deps, verb=Verb.HOME, part=CHECK), deps)
    wanted = BY_KEY.get(str(action.get("value")))
    if wanted not in home.EXAMPLES:
        return ""
    lookups = parse_values(wanted, wanted.example, Options(), deps.thresholds).lookups
    asked = _request(origin, f"example:{trigger_id}", deps, verb=Verb.LOOK_UP, lookups=lookups)
    return await accept(asked, deps)


async def _settings(origin: Origin, channel: str, body: dict[str, Any], deps: Deps) -> str:
    if not CHANNEL.fullmatch(channel):
        return ""
    there = origin.model_copy(update={"channel": channel})
    return await details.fill(Verb.SETTINGS, f"{Verb.SETTINGS}:{body['trigger_id']}", there, body, deps)


def _origin(team: str, user: str) -> Origin:
    """The home is in no channel: answers go to the direct messages."""
    return Origin(way=EntryPoint.HOME, team=team, user=user, channel=user)


def _request(origin: Origin, delivery: str, deps: Deps, **more: Any) -> Request:
    return Request(id=deps.new_id(), delivery=delivery, at=deps.clock(), origin=origin, **more)


async def _publish(user: str, view: dict[str, Any], deps: Deps) -> None:
    """A sentence instead of the home; when Slack does not take it, there is nobody else to tell."""
    try:
        async with asyncio.timeout(SLACK_TIMEOUT):
            await deps.slack.views_publish(user_id=user, view=view)
    except (SlackClientError, OSError, TimeoutError):
        return
