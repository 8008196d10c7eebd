"""Manners: what a message in a watched channel calls for, and what it does not. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from handlers.request import Case, Frozen
from vt.lookup import Lookup
from vt.verdict import Finding, State

WINDOW = timedelta(hours=24)
"""How long an indicator that was answered in a channel is only counted there."""
MOMENT = timedelta(seconds=1)
"""How long messages are waited for that may share a call to VirusTotal."""
CALM = timedelta(minutes=10)
"""The breaker's: it counts the cards of so long, and pauses for so long."""
TELLS = (None, "bot_message", "file_share", "thread_broadcast", "me_message")
"""Kinds of messages that say something; the others tell of joins, topics, pins and the like."""
GONE = "tombstone"
"""What is left of a deleted message that has a thread, as it has when a card was given."""


class Mode(StrEnum):
    """What a watched channel wants to see."""

    OFF = "off"
    ALL = "all"
    RISKY = "risky"
    """A card only when something is RISKY."""
    REACTION = "reaction"
    """A mark on the message; the card when someone asks."""
    DRY_RUN = "dry-run"
    """The card to whoever switched it on, and nothing in the channel."""


class Mark(StrEnum):
    """A reaction on a message, by Slack's names."""

    GOOD = "white_check_mark"
    BAD = "warning"
    OPEN = "question"


class Wishes(Frozen):
    """What people asked of a card since."""

    hurried: bool = False
    """Look it up though it costs the reserve."""
    allowed: bool = False
    """The URLs with secrets may be looked up: their poster said so."""
    shown: bool = False
    """The card, though the channel wants marks only."""


class Manners(Frozen):
    """What was done about a message, apart from its card."""

    asked: bool = False
    """Its poster was asked about URLs with secrets."""
    mark: Mark | None = None
    failures: int = 0
    """Times in a row that Slack did not take it."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A channel as it was switched."""

    mode: Mode
    person: str
    """Who switched it."""
    since: datetime
    paused_until: datetime | None = None

    def paused(self, now: datetime) -> bool:
        """Whether the breaker holds."""
        return self.paused_until is not None and now < self.paused_until


@dataclass(frozen=True, slots=True)
class Card:
    """A message with indicators, and what there is in answer to it."""

    case: Case
    wanted: tuple[Lookup, ...]
    """What its text holds now; nothing when it was deleted."""
    wishes: Wishes
    manners: Manners
    version: int
    """Goes up with each edit and wish."""
    posted: datetime | None


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
class Rules:
    """What the operator set for all channels."""

    channels: tuple[str, ...] = ()
    """Patterns of names of channels that are watched from the beginning."""
    join: bool = False
    """Go into such a channel when it is created."""
    bots: frozenset[str] = frozenset()
    """Ids and names of bots that are listened to."""
    most: int = 30
    """Cards in CALM before the breaker opens; 0: it never does."""


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
    """The text; of a bot, which often has none, that of its attachments and blocks too."""
    said = message.get("text") or ""
    if not message.get("bot_id"):
        return said
    return "\n".join([said, *_strings([message.get("attachments"), message.get("blocks")])])


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(inner, str):
                yield from [inner] if key in ("text", "fallback", "title", "pretext", "value", "url") else []
            else:
                yield from _strings(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from _strings(inner)


def mark(findings: Sequence[Finding]) -> Mark:
    """What a reaction says: bad beats open, and good is only what is all clean."""
    states = {finding.state for finding in findings}
    if states & {State.RISKY, State.SUSPICIOUS}:
        return Mark.BAD
    return Mark.GOOD if states == {State.CLEAN} else Mark.OPEN


def calls_for_card(mode: Mode, card: Card, findings: Sequence[Finding]) -> bool:
    """Whether there is to be a card now. One that stands is kept up to date, whatever the mode."""
    if not findings:
        return False
    if card.case.ts or card.wishes.shown or mode in (Mode.ALL, Mode.DRY_RUN):
        return True
    return mode is Mode.RISKY and any(finding.state is State.RISKY for finding in findings)
