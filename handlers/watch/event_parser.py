"""What an event of a channel tells: a message, an edit, a deletion; or nothing that anybody said. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from handlers.files.message_content import written

TELLS = (None, "bot_message", "file_share", "thread_broadcast", "me_message")
"""Kinds of messages that say something; the others tell of joins, topics, pins and the like."""
GONE = "tombstone"
"""What is left of a deleted message that has a thread, as it has when a card was given."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that was posted, edited (`edited`) or deleted (`gone`)."""

    channel: str
    ts: str
    at: str
    """Of what happened last, as Slack counts: what happened before it is old."""
    poster: str
    thread: str | None = None
    text: str = ""
    edited: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Ears:
    """Whom to listen to."""

    own: frozenset[str] = frozenset()
    """The bot's own ids."""
    bots: frozenset[str] = field(default_factory=frozenset)
    """Ids and names of other bots that are listened to."""


def heard(event: Mapping[str, Any], ears: Ears) -> Heard | None:
    """What an event tells; None when it tells nothing: joins, topics, unfurls, bots, the bot's own words."""
    subtype = event.get("subtype")
    if subtype == "message_deleted":
        return _deleted(event, event.get("previous_message") or {})
    if subtype != "message_changed":
        return _said(event, event, ears)
    after, before = event.get("message") or {}, event.get("previous_message") or {}
    if after.get("subtype") == GONE:
        return _deleted(event, before or after)
    if words(after) == words(before):
        return None
    return _said(event, after, ears, edited=True)


def _deleted(event: Mapping[str, Any], before: Mapping[str, Any]) -> Heard | None:
    ts = event.get("deleted_ts") or before.get("ts")
    if not ts:
        return None
    return Heard(
        event["channel"], ts, event.get("event_ts") or event["ts"], before.get("user", ""), gone=True
    )


def _said(
    event: Mapping[str, Any], message: Mapping[str, Any], ears: Ears, *, edited: bool = False
) -> Heard | None:
    if message.get("subtype") not in TELLS or not _listened_to(message, ears):
        return None
    return Heard(
        channel=event["channel"],
        ts=message["ts"],
        at=(event.get("event_ts") or event["ts"]) if edited else message["ts"],
        poster=str(message.get("user") or message.get("bot_id") or ""),
        thread=message.get("thread_ts"),
        text=words(message),
        edited=edited,
    )


def _listened_to(message: Mapping[str, Any], ears: Ears) -> bool:
    """People, and the bots that were named; never itself, nor a message that speaks to it."""
    if any(f"<@{name}" in message.get("text", "") for name in ears.own):
        return False
    profile = message.get("bot_profile") or {}
    names = {message.get("user"), message.get("bot_id"), message.get("app_id"), message.get("username")}
    names |= {profile.get("name"), profile.get("app_id")}
    if ears.own & names:
        return False
    return not message.get("bot_id") or bool(ears.bots & names)


def words(message: Mapping[str, Any]) -> str:
    """The text; of a bot, which often has none, that of its attachments and blocks too.

    Not those of a person: a link that is unfurled would be another message.
    """
    said = str(message.get("text") or "")
    return written(message) if message.get("bot_id") or not said else said
