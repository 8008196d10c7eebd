"""Payloads of events: messages to the bot, messages in channels, new channels, and the home."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from handlers.payloads.fields import Payload, optional, text
from handlers.request import EntryPoint, Origin
from handlers.watch import MessageEvent

POSTED = (None, "bot_message", "file_share", "thread_broadcast")
"""Subtypes of messages with content; the others report edits, deletions, joins, topics and the like."""


@dataclass(frozen=True, slots=True)
class Bot:
    """The bot's own ids ("" if Slack did not say), and the workspace that an event comes from."""

    team: str
    user_id: str
    bot_id: str


@dataclass(frozen=True, slots=True)
class AddressedMessage:
    """A message to the bot: a mention, or a direct message."""

    delivery: str
    """Several events can report one message: it is one request."""
    origin: Origin
    text: str
    """Without the mention of the bot itself."""
    files: Sequence[Payload]
    from_bot: bool


@dataclass(frozen=True, slots=True)
class ChannelMessage:
    """A message in a channel that may be watched."""

    delivery: str
    """An edit has the delivery of the message itself: a message has one card."""
    origin: Origin


@dataclass(frozen=True, slots=True)
class ChannelCreated:
    """A new public channel."""

    delivery: str
    origin: Origin
    name: str


@dataclass(frozen=True, slots=True)
class HomeOpened:
    """Someone looks at a tab of the bot's home."""

    delivery: str
    origin: Origin
    tab: str


def mention(event: Payload, bot: Bot) -> AddressedMessage | None:
    """A mention, answered in its thread. None if it has no content of its own, or was written by the bot itself."""
    thread = optional(event, "thread_ts") or text(event, "ts")
    return _addressed(event, bot, EntryPoint.MENTION, thread)


def direct_message(event: Payload, bot: Bot) -> AddressedMessage | None:
    """A direct message, answered in its thread if it is in one. None as for mentions."""
    return _addressed(event, bot, EntryPoint.DIRECT, optional(event, "thread_ts"))


def _addressed(
    event: Payload, bot: Bot, entry_point: EntryPoint, thread: str | None
) -> AddressedMessage | None:
    by_itself = {bot.bot_id, bot.user_id} & {event.get("user"), event.get("bot_id")} - {""}
    if event.get("subtype") not in POSTED or event.get("hidden") or by_itself:
        return None
    poster = optional(event, "bot_id") or text(event, "user")
    origin = Origin(
        entry_point=entry_point,
        team=optional(event, "user_team") or optional(event, "team") or bot.team,
        user=poster,
        channel=text(event, "channel"),
        thread=thread,
    )
    return AddressedMessage(
        delivery=f"message:{origin.channel}:{text(event, 'ts')}",
        origin=origin,
        text=re.sub(rf"<@{bot.user_id}(?:\|[^<>]*)?>", " ", str(event.get("text") or "")).strip(),
        files=event.get("files") or (),
        from_bot=optional(event, "bot_id") is not None,
    )


def is_direct(event: Payload) -> bool:
    """Whether a message was sent to the bot alone."""
    return event.get("channel_type") == "im"


def is_in_channel(event: Payload) -> bool:
    """Whether a message was posted where others are."""
    return event.get("channel_type") in ("channel", "group", "mpim")


def channel_message(message: MessageEvent, bot: Bot) -> ChannelMessage:
    """A message in a channel, answered in its thread."""
    origin = Origin(
        entry_point=EntryPoint.WATCH,
        team=bot.team,
        user=message.poster,
        channel=message.channel,
        thread=message.thread or message.ts,
        message=message.ts,
        public=True,
    )
    return ChannelMessage(f"watch:{message.channel}:{message.ts}", origin)


def channel_created(event: Payload, bot: Bot) -> ChannelCreated:
    """A new channel, created by the user of its origin."""
    channel = text(event, "channel", "id")
    creator = optional(event, "channel", "creator") or ""
    origin = Origin(entry_point=EntryPoint.WATCH, team=bot.team, user=creator, channel=channel)
    return ChannelCreated(f"made:{channel}", origin, optional(event, "channel", "name") or "")


def home_opened(body: Payload, bot: Bot) -> HomeOpened:
    """A tab of the home was opened. The home is in no channel: answers go to direct messages."""
    user = text(body, "event", "user")
    origin = Origin(entry_point=EntryPoint.HOME, team=bot.team, user=user, channel=user)
    return HomeOpened(f"home:{text(body, 'event_id')}", origin, text(body, "event", "tab"))
