"""The events that something in the workspace causes: (name in the manifest, inner event)."""

from typing import Any

from playground.slack import objects
from playground.slack.records import Channel, Message, Person
from playground.slack.seed import BOT
from playground.slack.state import State

Event = tuple[str, dict[str, Any]]
_KINDS = {
    "channel": "message.channels",
    "group": "message.groups",
    "im": "message.im",
    "mpim": "message.mpim",
}


def posted(state: State, message: Message) -> list[Event]:
    """A message, a mention of the bot in it, its files; nothing from where the bot is not.

    A mention in a direct message, also in a group's, comes as the message alone.
    """
    channel = state.channels[message.channel]
    if BOT.id not in channel.members:
        return []
    inner = _whole(state, message) | _place(state, channel)
    events = [(_KINDS[objects.channel_type(channel)], _subtype(inner, message))]
    if f"<@{BOT.id}>" in message.text and not (channel.with_user or channel.group):
        events.append(("app_mention", {**inner, "type": "app_mention"}))
    return events + [("file_shared", _file(state, message, file.id)) for file in message.files]


def _whole(state: State, message: Message) -> dict[str, Any]:
    home = state.people[message.user].team
    return objects.message(state, message) | {"user_team": home, "source_team": home}


def _place(state: State, channel: Channel) -> dict[str, Any]:
    return {
        "channel": channel.id,
        "channel_type": objects.channel_type(channel),
        "event_ts": state.ts(),
    }


def _subtype(inner: dict[str, Any], message: Message) -> dict[str, Any]:
    return {**inner, "subtype": "file_share"} if message.files else inner


def _file(state: State, message: Message, name: str) -> dict[str, Any]:
    return {
        "type": "file_shared",
        "file_id": name,
        "user_id": message.user,
        "file": {"id": name},
        "channel_id": message.channel,
        "event_ts": state.ts(),
    }


def changed(state: State, after: Message, before: Message) -> list[Event]:
    """An edit or a deletion: message_changed with both texts, or message_deleted."""
    channel = state.channels[after.channel]
    if BOT.id not in channel.members:
        return []
    inner = {
        "type": "message",
        "subtype": "message_deleted" if after.deleted else "message_changed",
        "hidden": True,
        "ts": state.ts(),
        "previous_message": objects.message(state, before),
        **({"deleted_ts": after.ts} if after.deleted else {"message": objects.message(state, after)}),
        **_place(state, channel),
    }
    return [(_KINDS[objects.channel_type(channel)], inner)]


def home_opened(state: State, person: Person) -> list[Event]:
    """Somebody looks at the bot's home."""
    home = state.views.get(state.homes.get(person.id, ""))
    inner = {
        "type": "app_home_opened",
        "user": person.id,
        "channel": state.direct(person).id,
        "tab": "home",
        "event_ts": state.ts(),
        **({"view": objects.view(state, home)} if home else {}),
    }
    return [("app_home_opened", inner)]


def channel_created(channel: Channel) -> list[Event]:
    """A public channel was made."""
    made = {"id": channel.id, "name": channel.name, "creator": channel.creator, "created": channel.created}
    return [] if channel.private else [("channel_created", {"type": "channel_created", "channel": made})]


def joined(state: State, channel: Channel, person: Person, inviter: Person) -> list[Event]:
    """Somebody came into a channel where the bot is."""
    inner = {
        "type": "member_joined_channel",
        "user": person.id,
        "channel": channel.id,
        "channel_type": "G" if channel.private else "C",
        "team": person.team,
        "inviter": inviter.id,
        "event_ts": state.ts(),
    }
    return [("member_joined_channel", inner)] if BOT.id in channel.members else []
