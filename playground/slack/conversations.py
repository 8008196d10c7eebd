"""The conversations.* and users.* methods."""

from collections.abc import Mapping
from typing import Any

from playground.slack import objects
from playground.slack.posting import Refused, visible
from playground.slack.records import Message
from playground.slack.seed import BOT
from playground.slack.state import State

Args = Mapping[str, Any]
Reply = dict[str, Any]


def info(state: State, args: Args) -> Reply:
    """conversations.info."""
    return {"channel": objects.channel(visible(state, args.get("channel")))}


def listed(state: State, args: Args) -> Reply:
    """conversations.list: public channels, and others as far as `types` asks and the bot is there."""
    kinds = str(args.get("types") or "public_channel").split(",")
    found = []
    for channel in state.channels.values():
        kind = "im" if channel.with_user else "private_channel" if channel.private else "public_channel"
        if kind in kinds and (kind == "public_channel" or BOT.id in channel.members):
            found.append(objects.channel(channel))
    return {"channels": found, **_last_page()}


def members(state: State, args: Args) -> Reply:
    """conversations.members."""
    return {"members": sorted(visible(state, args.get("channel")).members), **_last_page()}


def join(state: State, args: Args) -> Reply:
    """conversations.join: of public channels."""
    channel = visible(state, args.get("channel"))
    if channel.private:
        raise Refused("method_not_supported_for_channel_type")
    if channel.archived:
        raise Refused("is_archived")
    channel.members.add(BOT.id)
    return {"channel": objects.channel(channel)}


def direct(state: State, args: Args) -> Reply:
    """conversations.open: the direct messages with one person."""
    person = state.people.get(str(args.get("users")))
    if person is None:
        raise Refused("user_not_found")
    return {"channel": objects.channel(state.direct(person))}


def history(state: State, args: Args) -> Reply:
    """conversations.history: the newest first, without the replies in threads."""
    channel = visible(state, args.get("channel"))
    if BOT.id not in channel.members:
        raise Refused("not_in_channel")
    found = [m for m in state.seen(BOT, channel) if m.thread_ts in (None, m.ts)]
    return _page(state, list(reversed(found)), args)


def replies(state: State, args: Args) -> Reply:
    """conversations.replies: a thread from its root on."""
    channel = visible(state, args.get("channel"))
    root = state.messages.get((channel.id, str(args.get("ts"))))
    if root is None:
        raise Refused("thread_not_found")
    return _page(state, list(state.seen(BOT, channel, root.thread_ts or root.ts)), args)


def user(state: State, args: Args) -> Reply:
    """users.info."""
    person = state.people.get(str(args.get("user")))
    if person is None:
        raise Refused("user_not_found")
    with_locale = str(args.get("include_locale")).lower() in ("true", "1")
    return {"user": objects.person(state, person, with_locale=with_locale)}


def users(state: State, _args: Args) -> Reply:
    """users.list."""
    return {"members": [objects.person(state, person) for person in state.people.values()], **_last_page()}


def _page(state: State, found: list[Message], args: Args) -> Reply:
    oldest, latest = float(args.get("oldest") or 0), float(args.get("latest") or "inf")
    kept = [m for m in found if oldest <= float(m.ts) <= latest][: int(args.get("limit") or 100)]
    whole = args.get("include_all_metadata") not in (None, False, "0")
    return {"messages": [_shown(state, m, whole=whole) for m in kept], "has_more": len(kept) < len(found)}


def _shown(state: State, message: Message, *, whole: bool) -> Reply:
    shown = objects.message(state, message)
    return {**shown, "metadata": dict(message.metadata)} if whole and message.metadata else shown


def _last_page() -> Reply:
    return {"response_metadata": {"next_cursor": ""}}
