"""What Slack sends to a bot, and which people and channels it has told it of."""

import re
from collections.abc import Iterator
from typing import Any

from playground.slack import objects, seed
from playground.slack.objects import DOMAIN, Json
from playground.slack.records import Channel, Hook, Message, Person, View
from playground.slack.state import State

TOKEN = "verification-token"  # noqa: S105 - deprecated by Slack, still in every payload, never to be believed
_ID = re.compile(r"[UWCGDB][A-Z0-9]{7,}")


def tell(state: State, payload: Any) -> None:
    """Remember the ids that stand in fields of their own: the bot may name these."""
    state.told.update(_ids(payload))


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if _ID.fullmatch(value):
            yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _ids(item)


def command(state: State, person: Person, channel: Channel, name: str, text: str, hook: Hook) -> Json:
    """The fields of a slash command."""
    return {
        "token": TOKEN,
        "team_id": person.team,
        "team_domain": DOMAIN if person.team == seed.TEAM else "elsewhere",
        "channel_id": channel.id,
        "channel_name": objects.channel_name(channel),
        "user_id": person.id,
        "user_name": person.name,
        "command": name,
        "text": text,
        "api_app_id": seed.APP,
        "is_enterprise_install": "false",
        "response_url": state.hook_url(hook),
        "trigger_id": state.trigger(person).id,
    }


def interaction(state: State, /, kind: str, person: Person, **more: Any) -> Json:
    """The parts that every interactive payload has. `more` may hold a `state` of its own: a view's fields."""
    return {
        "type": kind,
        "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": person.team},
        "api_app_id": seed.APP,
        "token": TOKEN,
        "team": {"id": seed.TEAM, "domain": DOMAIN},
        "enterprise": None,
        "is_enterprise_install": False,
        "trigger_id": state.trigger(person).id,
        **more,
    }


def in_view(place: View) -> Json:
    """Where a block_actions payload says that it was pressed: in a view."""
    return {"container": {"type": "view", "view_id": place.id}, "view": objects.view(place)}


def in_message(state: State, place: Message, hook: Hook) -> Json:
    """The same for a message. An ephemeral one is not included."""
    container = {
        "type": "message",
        "message_ts": place.ts,
        "channel_id": place.channel,
        "is_ephemeral": place.ephemeral_to is not None,
        **({"thread_ts": place.thread_ts} if place.thread_ts else {}),
    }
    return {
        "container": container,
        "channel": _named_channel(state, place),
        "state": {"values": {}},
        "response_url": state.hook_url(hook),
        **({} if place.ephemeral_to else {"message": objects.message(state, place)}),
    }


def of_message(state: State, item: Message, hook: Hook) -> Json:
    """What makes a shortcut a message's: the whole message is in it."""
    return {
        "type": "message_action",
        "message_ts": item.ts,
        "message": objects.message(state, item),
        "channel": _named_channel(state, item),
        "response_url": state.hook_url(hook),
    }


def _named_channel(state: State, item: Message) -> Json:
    return {"id": item.channel, "name": objects.channel_name(state.channels[item.channel])}


def event(state: State, event_id: str, inner: Json) -> Json:
    """The envelope of an event."""
    shared = state.channels.get(str(inner.get("channel")))
    return {
        "token": TOKEN,
        "team_id": seed.TEAM,
        "context_team_id": seed.TEAM,
        "api_app_id": seed.APP,
        "event": inner,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(state.clock()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": seed.TEAM,
                "user_id": seed.BOT.id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": bool(shared and shared.shared),
        "event_context": f"4-{event_id}",
    }
