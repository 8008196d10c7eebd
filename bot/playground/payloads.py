"""What Slack sends and answers, as JSON: built from the records, with every id named in it told to the bot."""

import re
from collections.abc import Iterator
from typing import Any

from bot.playground import seed
from bot.playground.records import Channel, File, Hook, Message, Person, View
from bot.playground.world import World

TOKEN = "verification-token"  # noqa: S105 - deprecated by Slack, still in every payload, never to be believed
DOMAIN = "playground"
Json = dict[str, Any]
_ID = re.compile(r"[UWCGDB][A-Z0-9]{7,}")


def tell(world: World, payload: Any) -> None:
    """Remember the ids that stand in fields of their own: the bot may name these."""
    world.told.update(_ids(payload))


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if _ID.fullmatch(value):
            yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _ids(item)


def command(world: World, person: Person, channel: Channel, name: str, text: str, hook: Hook) -> Json:
    """The fields of a slash command."""
    return {
        "token": TOKEN,
        "team_id": person.team,
        "team_domain": DOMAIN if person.team == seed.TEAM else "elsewhere",
        "channel_id": channel.id,
        "channel_name": channel_name(channel),
        "user_id": person.id,
        "user_name": person.name,
        "command": name,
        "text": text,
        "api_app_id": seed.APP,
        "is_enterprise_install": "false",
        "response_url": world.hook_url(hook),
        "trigger_id": world.trigger(person).id,
    }


def interaction(world: World, kind: str, person: Person, **more: Any) -> Json:
    """What every interactive payload has."""
    return {
        "type": kind,
        "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": person.team},
        "api_app_id": seed.APP,
        "token": TOKEN,
        "team": {"id": seed.TEAM, "domain": DOMAIN},
        "enterprise": None,
        "is_enterprise_install": False,
        "trigger_id": world.trigger(person).id,
        **more,
    }


def in_view(place: View) -> Json:
    """Where a block_actions payload says that it was pressed: in a view."""
    return {"container": {"type": "view", "view_id": place.id}, "view": view(place)}


def in_message(world: World, place: Message, hook: Hook) -> Json:
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
        "channel": _named_channel(world, place),
        "state": {"values": {}},
        "response_url": world.hook_url(hook),
        **({} if place.ephemeral_to else {"message": message(world, place)}),
    }


def of_message(world: World, item: Message, hook: Hook) -> Json:
    """What makes a shortcut a message's: the whole message is in it."""
    return {
        "type": "message_action",
        "message_ts": item.ts,
        "message": message(world, item),
        "channel": _named_channel(world, item),
        "response_url": world.hook_url(hook),
    }


def _named_channel(world: World, item: Message) -> Json:
    return {"id": item.channel, "name": channel_name(world.channels[item.channel])}


def event(world: World, event_id: str, inner: Json) -> Json:
    """The envelope of an event."""
    shared = world.channels.get(str(inner.get("channel")))
    return {
        "token": TOKEN,
        "team_id": seed.TEAM,
        "context_team_id": seed.TEAM,
        "api_app_id": seed.APP,
        "event": inner,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(world.clock()),
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


def channel_name(channel: Channel) -> str:
    """As payloads have it: direct messages and private channels are not named."""
    if channel.with_user:
        return "directmessage"
    return "privategroup" if channel.private else channel.name


def channel_type(channel: Channel) -> str:
    """As message events have it."""
    return "im" if channel.with_user else "group" if channel.private else "channel"


def channel(item: Channel) -> Json:
    """A conversation, as conversations.info answers."""
    if item.with_user:
        return {"id": item.id, "is_im": True, "user": item.with_user, "created": item.created}
    return {
        "id": item.id,
        "name": item.name,
        "is_channel": not item.private,
        "is_group": item.private,
        "is_im": False,
        "is_private": item.private,
        "is_archived": item.archived,
        "is_ext_shared": item.shared,
        "is_member": seed.BOT.id in item.members,
        "creator": item.creator,
        "created": item.created,
        "num_members": len(item.members),
    }


def person(item: Person) -> Json:
    """A user, as users.info answers."""
    return {
        "id": item.id,
        "team_id": item.team,
        "name": item.name,
        "real_name": item.real_name,
        "deleted": False,
        "tz": "Europe/Berlin",
        "tz_offset": 3600,
        "is_admin": item.admin,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": item.guest,
        "is_ultra_restricted": False,
        "is_bot": item.bot_id is not None,
        "is_stranger": item.team != seed.TEAM,
        "profile": {"real_name": item.real_name, "display_name": item.name, "email": item.email},
    }


def message(world: World, item: Message) -> Json:
    """A message, as events, shortcuts and conversations.* have it."""
    author = world.people[item.user]
    shown: Json = {"type": "message", "user": item.user, "text": item.text, "ts": item.ts}
    shown["team"] = author.team
    if item.bot_id:
        shown |= {"bot_id": item.bot_id, "app_id": seed.APP if item.user == seed.BOT.id else "A0SOMEBODY"}
    if item.blocks:
        shown["blocks"] = named(list(item.blocks))
    if item.thread_ts:
        shown["thread_ts"] = item.thread_ts
    if item.files:
        shown |= {"files": [file(world, f) for f in item.files], "upload": False}
    if item.edited:
        shown["edited"] = {"user": item.user, "ts": item.ts}
    return shown


def permalink(item: Message) -> str:
    """Where people open it."""
    link = f"https://{DOMAIN}.slack.com/archives/{item.channel}/p{item.ts.replace('.', '')}"
    return f"{link}?thread_ts={item.thread_ts}&cid={item.channel}" if item.thread_ts else link


def file(world: World, item: File, *, whole: bool = False) -> Json:
    """A file; one from another workspace is a stub until files.info is asked."""
    if world.people[item.user].team != seed.TEAM and not whole:
        return {"id": item.id, "mode": "file_access", "file_access": "check_file_info"}
    url = f"{world.base}/files-pri/{seed.TEAM}-{item.id}/"
    return {
        "id": item.id,
        "name": item.name,
        "title": item.title,
        "mimetype": item.mimetype,
        "filetype": item.name.rpartition(".")[2],
        "user": item.user,
        "size": item.size,
        "mode": "hosted",
        "is_external": False,
        "file_access": "visible",
        "url_private": f"{url}{item.name}",
        "url_private_download": f"{url}download/{item.name}",
        "permalink": f"https://{DOMAIN}.slack.com/files/{item.user}/{item.id}/{item.name}",
    }


def view(item: View) -> Json:
    """A modal or a home with what is filled in."""
    return {
        "id": item.id,
        "team_id": seed.TEAM,
        "app_id": seed.APP,
        "app_installed_team_id": seed.TEAM,
        "bot_id": seed.BOT.bot_id,
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "clear_on_close": False,
        "notify_on_close": False,
        "close": None,
        "submit": None,
        **item.content,
        "blocks": named(item.blocks),
        "state": {"values": item.state},
        "hash": item.hash,
        "root_view_id": item.root,
        "previous_view_id": item.previous,
    }


def named(blocks: list[Json]) -> list[Json]:
    """The blocks with an id for each block and element that the bot left unnamed."""
    return [_named(block, f"b{position}") for position, block in enumerate(blocks)]


def _named(block: Json, name: str) -> Json:
    block = {"block_id": name, **block}
    for key in ("element", "accessory"):
        if key in block:
            block[key] = _with_action(block[key], f"{name}-0")
    if block["type"] == "actions":
        block["elements"] = [_with_action(e, f"{name}-{n}") for n, e in enumerate(block["elements"])]
    return block


def _with_action(element: Json, name: str) -> Json:
    return element if element["type"] == "image" else {"action_id": name, **element}
