"""The chat.* and reactions.* methods."""

from collections.abc import Mapping
from typing import Any

from playground.slack import objects
from playground.slack.posting import Refused, blame, room, visible, weigh
from playground.slack.records import Message
from playground.slack.rules import Rule
from playground.slack.seed import BOT
from playground.slack.state import State

Args = Mapping[str, Any]
Reply = dict[str, Any]


def written(state: State, channel: str, via: str, content: Args, **more: Any) -> Message:
    """A new message of the bot with this content."""
    return Message(
        state.ts(),
        channel,
        BOT.id,
        content.get("text") or "",
        tuple(content.get("blocks") or ()),
        via=via,
        bot_id=BOT.bot_id,
        metadata=content.get("metadata"),
        **more,
    )


def post_message(state: State, args: Args) -> Reply:
    """chat.postMessage."""
    where = "chat.postMessage"
    channel = room(state, where, args.get("channel"))
    weigh(state, where, args, public=True)
    message = state.post(written(state, channel.id, where, args, thread_ts=_thread(state, channel.id, args)))
    return {"channel": channel.id, "ts": message.ts, "message": objects.message(state, message)}


def post_ephemeral(state: State, args: Args) -> Reply:
    """chat.postEphemeral: seen by one member of the channel, and never with a file."""
    where = "chat.postEphemeral"
    channel = room(state, where, args.get("channel"))
    user = args.get("user")
    if user not in channel.members:
        raise Refused("user_not_in_channel")
    if any(args.get(name) for name in ("files", "file_ids")):
        blame(state, where, Rule.EPHEMERAL, "a file on an ephemeral message", "invalid_arguments")
    weigh(state, where, args, public=False)
    thread = _thread(state, channel.id, args)
    message = state.post(written(state, channel.id, where, args, ephemeral_to=user, thread_ts=thread))
    return {"message_ts": message.ts}


def update(state: State, args: Args) -> Reply:
    """chat.update: of the bot's own messages, never of ephemeral ones. Blocks not given stay as they were."""
    before = _own(state, "chat.update", args, "cant_update_message")
    content = {"blocks": list(before.blocks), **{k: v for k, v in args.items() if v is not None}}
    weigh(state, "chat.update", content, public=False)
    text, blocks = content.get("text") or "", tuple(content["blocks"])
    after = state.update(before, text=text, blocks=blocks, edited=True)
    return {
        "channel": after.channel,
        "ts": after.ts,
        "text": text,
        "message": objects.message(state, after),
    }


def delete(state: State, args: Args) -> Reply:
    """chat.delete: of the bot's own messages."""
    before = _own(state, "chat.delete", args, "cant_delete_message")
    state.update(before, deleted=True)
    return {"channel": before.channel, "ts": before.ts}


def permalink(state: State, args: Args) -> Reply:
    """chat.getPermalink."""
    message = _message(state, visible(state, args.get("channel")).id, args.get("message_ts"))
    return {"channel": message.channel, "permalink": objects.permalink(message)}


def add_reaction(state: State, args: Args) -> Reply:
    """reactions.add."""
    message, mark = _reaction(state, args)
    if mark in state.reactions.get(message.key, []):
        raise Refused("already_reacted")
    state.react(message, mark, put=True)
    return {}


def remove_reaction(state: State, args: Args) -> Reply:
    """reactions.remove."""
    message, mark = _reaction(state, args)
    if mark not in state.reactions.get(message.key, []):
        raise Refused("no_reaction")
    state.react(message, mark, put=False)
    return {}


def _reaction(state: State, args: Args) -> tuple[Message, tuple[str, str]]:
    name = args.get("name")
    if not isinstance(name, str) or not name:
        raise Refused("invalid_name")
    channel = room(state, "reactions", args.get("channel"))
    return _message(state, channel.id, args.get("timestamp")), (name, BOT.id)


def _thread(state: State, channel: str, args: Args) -> str | None:
    """The root of the thread that is answered in; a reply's own timestamp stands for its root."""
    ts = args.get("thread_ts")
    if ts is None:
        return None
    message = state.messages.get((channel, str(ts)))
    if message is None or message.ephemeral_to:
        raise Refused("thread_not_found")
    return message.thread_ts or message.ts


def _message(state: State, channel: str, ts: Any) -> Message:
    message = state.messages.get((channel, str(ts)))
    if message is None or message.deleted or message.ephemeral_to:
        raise Refused("message_not_found")
    return message


def _own(state: State, where: str, args: Args, error: str) -> Message:
    channel = visible(state, args.get("channel"))
    message = state.messages.get((channel.id, str(args.get("ts"))))
    if message is not None and message.ephemeral_to:
        blame(state, where, Rule.EPHEMERAL, "an ephemeral message cannot be changed", "message_not_found")
    if channel.archived:
        raise Refused("is_inactive")
    message = _message(state, channel.id, args.get("ts"))
    if message.user != BOT.id:
        raise Refused(error)
    return message
