"""What a channel's event says: a new message, an edit, a deletion; or nothing that anybody wrote. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handlers.message_content import all_text

MESSAGE_SUBTYPES = (None, "bot_message", "file_share", "thread_broadcast", "me_message")
"""Subtypes of messages that somebody wrote; the others report joins, topics, pins and the like."""
TOMBSTONE = "tombstone"
"""Slack's subtype for what is left of a deleted message that has a thread, as every message with a card has."""


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
