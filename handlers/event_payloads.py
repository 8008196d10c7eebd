"""Payloads of events: messages to the bot and in channels, with all their text, and new channels. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from handlers.payloads import Payload, mapping, mappings, optional, text, timestamp
from handlers.people import BotFilter, mentioned
from handlers.request import EntryPoint, Origin

MESSAGE_SUBTYPES = (None, "bot_message", "file_share", "thread_broadcast", "me_message")
"""Subtypes of messages that somebody wrote; the others report edits, deletions, joins, topics and the like."""


@dataclass(frozen=True, slots=True)
class Bot:
    """The bot's own ids ("" if Slack did not say), and the workspace that an event comes from."""

    team: str
    user_id: str
    bot_id: str


@dataclass(frozen=True, slots=True)
class AddressedMessage:
    """A message to the bot: a mention, or a direct message."""

    delivery: str  # several events can report one message: it is one request
    origin: Origin
    text: str  # without the mention of the bot itself
    forwarded: str  # the text of the messages that it forwards
    files: Sequence[Payload]  # its own, and those of the messages that it forwards
    from_bot: bool


@dataclass(frozen=True, slots=True)
class ChannelCreated:
    """A new public channel."""

    delivery: str
    origin: Origin
    name: str


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """A message that was posted, edited or deleted."""

    channel: str
    ts: str
    at: str  # Slack's timestamp of this event; an event with an older one is out of date
    poster: str  # the id of a user or a bot; "" when Slack does not say
    thread: str | None = None
    text: str = ""
    is_edit: bool = False
    is_deletion: bool = False

    @property
    def delivery(self) -> str:
        """An edit has the delivery of the message itself: a message has one card."""
        return f"watch:{self.channel}:{self.ts}"


def mention(event: Payload, bot: Bot) -> AddressedMessage | None:
    """A mention, answered in its thread. None if it has no content of its own, or was written by the bot itself."""
    return _addressed(event, bot, EntryPoint.MENTION, timestamp(event, "thread_ts", "ts"))


def direct_message(event: Payload, bot: Bot) -> AddressedMessage | None:
    """A direct message, answered in its thread if it is in one. None as for mentions."""
    thread = timestamp(event, "thread_ts") if optional(event, "thread_ts") else None
    return _addressed(event, bot, EntryPoint.DIRECT, thread)


def _addressed(event: Payload, bot: Bot, entry: EntryPoint, thread: str | None) -> AddressedMessage | None:
    by_itself = {bot.bot_id, bot.user_id} & {optional(event, "user"), optional(event, "bot_id")}
    if event.get("subtype") not in MESSAGE_SUBTYPES or event.get("hidden") or by_itself:
        return None
    poster = optional(event, "bot_id") or text(event, "user")
    own = optional(event, "user_team") or optional(event, "team")
    origin = Origin(
        entry_point=entry,
        team=bot.team or own or "",
        user_team=own,
        user=poster,
        channel=text(event, "channel"),
        thread=thread,
    )
    return AddressedMessage(
        delivery=f"message:{origin.channel}:{timestamp(event, 'ts')}",
        origin=origin,
        text=re.sub(rf"<@{bot.user_id}(?:\|[^<>]*)?>", " ", optional(event, "text") or "").strip(),
        forwarded=forwarded_text(event),
        files=files(event),
        from_bot=optional(event, "bot_id") is not None,
    )


def is_direct(event: Payload) -> bool:
    """Whether a message was sent to the bot alone.

    Edits and deletions from other Slack servers have no channel_type: then the channel's id tells.
    """
    kind = event.get("channel_type")
    known = kind in ("channel", "group", "mpim", "im")
    return kind == "im" if known else (optional(event, "channel") or "").startswith("D")


def is_group_mention(event: Payload, bot_user_id: str) -> bool:
    """Whether a direct message of several people mentions the bot: Slack may send no app_mention event for it."""
    return event.get("channel_type") == "mpim" and bot_user_id in mentioned(event)


def card_origin(message: MessageEvent, bot: Bot) -> Origin:
    """The origin of the card in answer to a message in a channel: it is posted in the message's thread."""
    return Origin(
        entry_point=EntryPoint.WATCH,
        team=bot.team,
        user=message.poster,
        channel=message.channel,
        thread=message.thread or message.ts,
        message=message.ts,
        public=True,
    )


def channel_created(event: Payload, bot: Bot) -> ChannelCreated:
    """A new channel, created by the user of its origin."""
    channel = text(event, "channel", "id")
    creator = optional(event, "channel", "creator") or ""
    origin = Origin(entry_point=EntryPoint.WATCH, team=bot.team, user=creator, channel=channel)
    return ChannelCreated(f"made:{channel}", origin, optional(event, "channel", "name") or "")


# Messages in channels ----------------------------------------------------------------------------------


def parse_event(event: Payload, bots: BotFilter) -> MessageEvent | None:
    """What an event says; None when nobody wrote anything: joins, topics, unfurls, other bots, our own messages.

    Raises MalformedPayload.
    """
    subtype = event.get("subtype")
    before = event.get("previous_message")
    before = before if isinstance(before, Mapping) else {}
    if subtype == "message_deleted":
        return _deletion(event, before)
    if subtype != "message_changed":
        return _message(event, event, bots)
    after = mapping(event, "message")
    # What is left of a deleted message that has a thread, as every message with a card has.
    if after.get("subtype") == "tombstone":
        return _deletion(event, before or after)
    # Slack reports unfurls as edits as well: the text is the same then.
    return None if message_text(after) == message_text(before) else _message(event, after, bots)


def _deletion(event: Payload, before: Payload) -> MessageEvent:
    return MessageEvent(
        channel=text(event, "channel"),
        ts=timestamp(event, "deleted_ts") if optional(event, "deleted_ts") else timestamp(before, "ts"),
        at=timestamp(event, "event_ts", "ts"),
        poster=optional(before, "user") or "",
        is_deletion=True,
    )


def _message(event: Payload, message: Payload, bots: BotFilter) -> MessageEvent | None:
    """A message as an event reports it: as the event itself, or inside it after an edit."""
    if message.get("subtype") not in MESSAGE_SUBTYPES or not bots.accepts(message):
        return None
    return MessageEvent(
        channel=text(event, "channel"),
        ts=timestamp(message, "ts"),
        at=timestamp(event, "event_ts", "ts") if message is not event else timestamp(message, "ts"),
        poster=optional(message, "user") or optional(message, "bot_id") or "",
        thread=timestamp(message, "thread_ts", "ts"),
        text=message_text(message),
        is_edit=message is not event,
    )


def message_text(message: Payload) -> str:
    """The text of a message with what it forwards; of a bot's, which often has no text, its attachments and blocks too.

    A person's other attachments are left out: those are unfurled links, which hold what somebody else wrote.
    """
    typed, forwarded = optional(message, "text"), forwarded_text(message)
    if message.get("bot_id") or not typed:
        return all_text(message)
    return f"{typed}\n{forwarded}" if forwarded else typed


# The text of a message ---------------------------------------------------------------------------------

MAX_DEPTH = 16
"""Levels of blocks within blocks that are searched for text."""
_TEXT_KEYS = ("pretext", "title", "title_link", "text", "fallback", "value", "url", "alt_text")
"""Keys of attachments and blocks whose value is text or an address that people see. A `from_url` is of Slack's own making."""
_RICH_TEXT = ("rich_text_section", "rich_text_preformatted", "rich_text_quote")


def all_text(message: Payload) -> str:
    """All the text of a message with Slack's markup: what was typed, then its blocks, then its attachments."""
    found = (line for key in ("text", "blocks", "attachments") for line in _lines(message.get(key)))
    return "\n".join(filter(None, found))


def forwarded_text(message: Payload) -> str:
    """The text of the messages that a message forwards. Slack attaches them, and marks them as shared."""
    return "\n".join(line for one in _forwarded(message) for line in _lines(one) if line)


def files(message: Payload) -> Sequence[Payload]:
    """The file objects of a message, and of the messages that it forwards."""
    return [file for one in (message, *_forwarded(message)) for file in mappings(one, "files")]


def _forwarded(message: Payload) -> list[Payload]:
    return [one for one in mappings(message, "attachments") if one.get("is_share") is True]


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
            yield "".join(_marked_up(element) for element in mappings(value, "elements"))
            return
        # The fallback of a forwarded message repeats its text, which may be cut in the middle of an indicator.
        known = set(_TEXT_KEYS) - ({"fallback"} if value.get("is_share") and value.get("text") else set())
        for key, inner in value.items():
            if key in known or isinstance(inner, list | Mapping):
                yield from _lines(inner, depth + 1)


def _marked_up(element: Payload) -> str:
    """An element of rich text, which is not escaped and has no markup. One word may be split into several elements."""
    text = escape(str(element.get("text") or ""), quote=False)
    if element.get("type") == "link":
        url = escape(str(element.get("url", "")), quote=False)
        return f"<{url}{text and '|' + text}>"
    return text or " "
