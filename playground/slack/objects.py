"""How people, channels, messages, files and views look as JSON, in what Slack sends and answers."""

import re
from typing import Any

from playground.slack import seed
from playground.slack.records import Channel, File, Message, Person, View
from playground.slack.state import State

Json = dict[str, Any]
DOMAIN = "playground"
BUTTON_ROWS = {"actions": "elements", "card": "actions"}
"""Block -> the field with its row of elements to press."""


def channel_name(channel: Channel) -> str:
    """As payloads have it: direct messages and private channels are not named, a group's name says who is in it."""
    if channel.with_user:
        return "directmessage"
    return "privategroup" if channel.private and not channel.group else channel.name


def channel_type(channel: Channel) -> str:
    """As message events have it."""
    if channel.with_user:
        return "im"
    if channel.group:
        return "mpim"
    return "group" if channel.private else "channel"


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
        "is_mpim": item.group,
        "is_private": item.private,
        "is_archived": item.archived,
        "is_ext_shared": item.shared,
        "is_member": seed.BOT.id in item.members,
        "creator": item.creator,
        "created": item.created,
        "num_members": len(item.members),
    }


def person(state: State, item: Person, *, with_locale: bool = False) -> Json:
    """A user, as users.info answers; with their language only for whoever asks for it."""
    return {
        **({"locale": item.locale} if with_locale else {}),
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
        "is_stranger": item.team != state.team,
        "profile": {"real_name": item.real_name, "display_name": item.name, "email": item.email},
    }


def message(state: State, item: Message) -> Json:
    """A message, as events, shortcuts and conversations.* have it."""
    author = state.people[item.user]
    shown: Json = {"type": "message", "user": item.user, "text": item.text, "ts": item.ts}
    shown["team"] = author.team
    if item.bot_id:
        app = seed.APP if item.user == seed.BOT.id else "A0SOMEBODY"
        profile = {"id": item.bot_id, "app_id": app, "name": author.real_name, "team_id": author.team}
        shown |= {"bot_id": item.bot_id, "app_id": app, "bot_profile": profile}
    if item.blocks:
        shown["blocks"] = named(list(item.blocks))
    if item.thread_ts:
        shown["thread_ts"] = item.thread_ts
    if item.files:
        shown |= {"files": [file(state, f) for f in item.files], "upload": False}
    if item.attachments:
        shown["attachments"] = list(item.attachments)
    if item.subtype:
        shown["subtype"] = item.subtype
    if item.edited:
        shown["edited"] = {"user": item.user, "ts": item.ts}
    return shown


def permalink(item: Message) -> str:
    """Where people open it."""
    link = f"https://{DOMAIN}.slack.com/archives/{item.channel}/p{item.ts.replace('.', '')}"
    return f"{link}?thread_ts={item.thread_ts}&cid={item.channel}" if item.thread_ts else link


def forwarded(state: State, item: Message) -> Json:
    """The attachment of a message that forwards another: what is shared stands in it, not in the message's own text."""
    author, link = state.people[item.user], f"https://{DOMAIN}.slack.com"
    blocks = {"team": author.team, "channel": item.channel, "ts": item.ts}
    shown: Json = {
        "id": 1,
        "ts": item.ts,
        "author_id": author.id,
        "author_subname": author.name,
        "author_name": author.real_name,
        "author_link": f"{link}/team/{author.id}",
        "channel_id": item.channel,
        "channel_team": state.team,
        "is_msg_unfurl": True,
        "is_share": True,
        "from_url": permalink(item),
        "original_url": permalink(item),
        "text": item.text,
        "fallback": f"{author.name}: {item.text}",
        "footer": "Slack Conversation",
        "mrkdwn_in": ["text"],
        "message_blocks": [{**blocks, "message": {"blocks": named(list(item.blocks))}}],
    }
    if item.files:
        shown["files"] = [file(state, one) for one in item.files]
    return shown


def file(state: State, item: File, *, whole: bool = False) -> Json:
    """A file; one from another workspace is a stub until files.info is asked."""
    if state.people[item.user].team != state.team and not whole:
        return {"id": item.id, "mode": "file_access", "file_access": "check_file_info"}
    url, called = f"{state.base}/files-pri/{state.team}-{item.id}/", _in_address(item.name)
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
        "url_private": f"{url}{called}",
        "url_private_download": f"{url}download/{called}",
        "permalink": f"https://{DOMAIN}.slack.com/files/{item.user}/{item.id}/{called}",
    }


def _in_address(name: str) -> str:
    """A file's name as Slack writes it into addresses: small letters, digits, and little else."""
    return re.sub(r"[^a-z0-9._-]", "_", name.lower())


def view(state: State, item: View) -> Json:
    """A modal or a home with what is filled in."""
    return {
        "id": item.id,
        "team_id": state.team,
        "app_id": seed.APP,
        "app_installed_team_id": state.team,
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
    row = BUTTON_ROWS.get(block["type"])
    if row in block:
        block[row] = [_with_action(e, f"{name}-{n}") for n, e in enumerate(block[row])]
    if "child_blocks" in block:
        block["child_blocks"] = [
            _named(child, f"{name}.{n}") for n, child in enumerate(block["child_blocks"])
        ]
    return block


def _with_action(element: Json, name: str) -> Json:
    return element if element["type"] == "image" else {"action_id": name, **element}
