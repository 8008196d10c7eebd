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
        "team_domain": DOMAIN if person.team == state.team else "elsewhere",
        **_enterprise(state),
        "channel_id": channel.id,
        "channel_name": objects.channel_name(channel),
        "user_id": person.id,
        "user_name": person.name,
        "command": name,
        "text": text,
        "api_app_id": seed.APP,
        "is_enterprise_install": str(state.is_org_wide).lower(),
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
        "team": {"id": state.team, "domain": DOMAIN, **_enterprise(state)},
        "enterprise": _named_enterprise(state),
        "is_enterprise_install": state.is_org_wide,
        "trigger_id": state.trigger(person).id,
        **more,
    }


def _enterprise(state: State) -> Json:
    """The organisation of a workspace, where the workspace is in one."""
    if state.enterprise is None:
        return {}
    return {"enterprise_id": state.enterprise, "enterprise_name": seed.ENTERPRISE_NAME}


def _named_enterprise(state: State) -> Json | None:
    return {"id": state.enterprise, "name": seed.ENTERPRISE_NAME} if state.enterprise else None


def in_view(state: State, place: View) -> Json:
    """Where a block_actions payload says that it was pressed: in a view."""
    return {"container": {"type": "view", "view_id": place.id}, "view": objects.view(state, place)}


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
        "team_id": state.team,
        "enterprise_id": state.enterprise,
        "context_team_id": state.team,
        "context_enterprise_id": state.enterprise,
        "api_app_id": seed.APP,
        "event": inner,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(state.clock()),
        "authorizations": [
            {
                "enterprise_id": state.enterprise,
                "team_id": state.team,
                "user_id": seed.BOT.id,
                "is_bot": True,
                "is_enterprise_install": state.is_org_wide,
            }
        ],
        "is_ext_shared_channel": bool(shared and shared.shared),
        "event_context": f"4-{event_id}",
    }
