"""Payloads of events: messages to the bot and in channels, with all their text, new channels, and the home. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from handlers.payloads import Payload, optional, text
from handlers.request import EntryPoint, Origin

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


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """A message that was posted, edited or deleted."""

    channel: str
    ts: str
    at: str
    """Slack's timestamp of this event; an event with an older one is out of date."""
    poster: str
    """The id of a user or a bot; "" when Slack does not say."""
    thread: str | None = None
    text: str = ""
    is_edit: bool = False
    is_deletion: bool = False


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


# Messages in channels ----------------------------------------------------------------------------------

MESSAGE_SUBTYPES = (None, "bot_message", "file_share", "thread_broadcast", "me_message")
"""Subtypes of messages that somebody wrote; the others report joins, topics, pins and the like."""
TOMBSTONE = "tombstone"
"""Slack's subtype for what is left of a deleted message that has a thread, as every message with a card has."""


@dataclass(frozen=True, slots=True)
class BotFilter:
    """Whose messages are looked up: people's, and those of the bots that are named here."""

    own: frozenset[str] = frozenset()
    """This bot's own ids, whose messages never are."""
    allowed: frozenset[str] = frozenset()
    """Ids and names of other bots."""

    def accepts(self, message: Mapping[str, Any]) -> bool:
        """Whether a message is looked up. One that mentions this bot is answered as a request instead."""
        if any(f"<@{name}" in message.get("text", "") for name in self.own):
            return False
        profile = message.get("bot_profile") or {}
        names = {message.get("user"), message.get("bot_id"), message.get("app_id"), message.get("username")}
        names |= {profile.get("name"), profile.get("app_id")}
        if self.own & names:
            return False
        return not message.get("bot_id") or bool(self.allowed & names)


def parse_event(event: Mapping[str, Any], bots: BotFilter) -> MessageEvent | None:
    """What an event says; None when nobody wrote anything: joins, topics, unfurls, other bots, our own messages."""
    subtype = event.get("subtype")
    if subtype == "message_deleted":
        return _deletion(event, event.get("previous_message") or {})
    if subtype != "message_changed":
        return _message(event, event, bots)
    after = event.get("message") or {}
    before = event.get("previous_message") or {}
    if after.get("subtype") == TOMBSTONE:
        return _deletion(event, before or after)
    # Slack reports unfurls as edits as well: the text is the same then.
    if message_text(after) == message_text(before):
        return None
    return _message(event, after, bots, is_edit=True)


def _deletion(event: Mapping[str, Any], before: Mapping[str, Any]) -> MessageEvent | None:
    ts = event.get("deleted_ts") or before.get("ts")
    if not ts:
        return None
    return MessageEvent(
        channel=event["channel"],
        ts=ts,
        at=event.get("event_ts") or event["ts"],
        poster=before.get("user", ""),
        is_deletion=True,
    )


def _message(
    event: Mapping[str, Any], message: Mapping[str, Any], bots: BotFilter, *, is_edit: bool = False
) -> MessageEvent | None:
    if message.get("subtype") not in MESSAGE_SUBTYPES or not bots.accepts(message):
        return None
    return MessageEvent(
        channel=event["channel"],
        ts=message["ts"],
        at=(event.get("event_ts") or event["ts"]) if is_edit else message["ts"],
        poster=str(message.get("user") or message.get("bot_id") or ""),
        thread=message.get("thread_ts"),
        text=message_text(message),
        is_edit=is_edit,
    )


def message_text(message: Mapping[str, Any]) -> str:
    """The text of a message; of a bot's, which often has no text, its attachments and blocks too.

    A person's attachments are left out: those are unfurled links, which hold what somebody else wrote.
    """
    text = str(message.get("text") or "")
    return all_text(message) if message.get("bot_id") or not text else text


# The text of a message ---------------------------------------------------------------------------------

MAX_DEPTH = 16
"""Levels of blocks within blocks that are searched for text."""
_TEXT_KEYS = ("pretext", "title", "title_link", "from_url", "text", "fallback", "value", "url", "alt_text")
"""Keys of attachments and blocks whose value is text or an address that people see."""
_RICH_TEXT = ("rich_text_section", "rich_text_preformatted", "rich_text_quote")


# Text ----------------------------------------------------------------------------------------------------


def all_text(message: Mapping[str, Any]) -> str:
    """All the text of a message with Slack's markup: what was typed, then its blocks, then its attachments."""
    parts = [message.get("text"), message.get("blocks"), message.get("attachments")]
    return "\n".join(line for part in parts for line in _lines(part) if line)


def _lines(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth == MAX_DEPTH:
        return
    elif isinstance(value, list):
        for item in value:
            yield from _lines(item, depth + 1)
    elif isinstance(value, Mapping):
        if value.get("type") in _RICH_TEXT:
            yield "".join(_marked_up(element) for element in value.get("elements", ()))
            return
        for key, inner in value.items():
            if key in _TEXT_KEYS or isinstance(inner, list | Mapping):
                yield from _lines(inner, depth + 1)


def _marked_up(element: Mapping[str, Any]) -> str:
    """An element of rich text, which is not escaped and has no markup. One word may be split into several elements."""
    text = escape(str(element.get("text") or ""), quote=False)
    if element.get("type") == "link":
        url = escape(str(element.get("url", "")), quote=False)
        return f"<{url}{text and '|' + text}>"
    return text or " "
