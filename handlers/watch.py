"""Watched channels: how one is watched, the cards in answer to its messages, what is ignored, and the storage of all that."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import Protocol

from pydantic import ConfigDict, Field

from handlers.case import Case, UnreadableCase
from handlers.event_payloads import MessageEvent
from handlers.request import Frozen, Request
from vt.indicators import host_of
from vt.indicators.hosts import is_within
from vt.lookup import Lookup

DUPLICATE_WINDOW = timedelta(hours=24)
"""For this long an indicator that was answered in a channel gets no second card there; it is only counted."""
BATCH_DELAY = timedelta(seconds=1)
"""How long a new message waits for others that may share a call to VirusTotal."""
THROTTLE_PERIOD = timedelta(minutes=10)
"""The throttle counts the cards of this period, and pauses the channel for as long."""
NAME_RULE_LIFETIME = timedelta(hours=1)
"""How long the decision that a channel's name made holds; then the name is looked up again."""


class Mode(StrEnum):
    """What a watched channel wants to see."""

    OFF = "off"
    ALL = "all"
    RISKY = "risky"  # a card only when something is RISKY
    REACTION = "reaction"  # a reaction on the message; the card when someone asks for it
    DRY_RUN = "dry-run"
    """The card goes to whoever switched the channel, and nothing is posted in it."""


class Reaction(StrEnum):
    """A reaction on a message, by Slack's name for it."""

    GOOD = "white_check_mark"
    BAD = "warning"
    OPEN = "question"


class CardOverrides(Frozen):
    """What people have asked of a card since it was made. The aliases are the stored keys."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    prioritised: bool = Field(default=False, alias="hurried")
    """Look it up now, though that takes calls from the reserve."""
    allowed_urls: tuple[str, ...] = Field(default=(), alias="allowed")
    """URLs with secrets that may be looked up, by `lookup_key`: their poster agreed."""
    show_card: bool = Field(default=False, alias="shown")
    """Post the card, though the channel wants reactions only."""


class CardProgress(Frozen):
    """What was done about a message beside its card. The aliases are the stored keys."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    asked_urls: tuple[str, ...] = Field(default=(), alias="asked")
    """URLs with secrets that the poster was asked about, by `lookup_key`."""
    reaction: Reaction | None = Field(default=None, alias="mark")
    failures: int = 0  # how often in a row the card could not be posted


@dataclass(frozen=True, slots=True)
class Watch:
    """How a channel is watched."""

    mode: Mode
    person: str  # the id of who switched it; "" when the channel's name decided
    since: datetime
    paused_until: datetime | None = None

    @property
    def is_derived(self) -> bool:
        """Whether the channel's name decided, not a person."""
        return not self.person

    def is_paused(self, now: datetime) -> bool:
        """Whether the throttle has paused the channel."""
        return self.paused_until is not None and now < self.paused_until <= now + 2 * THROTTLE_PERIOD


@dataclass(frozen=True, slots=True)
class Card:
    """A message with indicators, and what was done in answer to it."""

    case: Case
    wanted: tuple[Lookup, ...]  # what its text holds now; nothing when it was deleted
    overrides: CardOverrides
    progress: CardProgress
    version: int  # goes up with each edit of the message and each override
    posted: datetime | None  # when the card or the reaction was posted

    @property
    def is_visible(self) -> bool:
        """Whether the channel sees something of it already, or may see it: a card, or a reaction."""
        return bool(self.case.ts or self.case.posting or self.progress.reaction)


def lookup_key(lookup: Lookup) -> str:
    """A SHA-256 in hex by which a lookup is remembered: of fixed length, and without the value itself.

    Made of what was asked: a lookup may end with another value, such as the registered domain of a host.
    """
    return sha256(lookup.input.encode("utf-8", "replace")).hexdigest()


def posted_at(card: Card) -> datetime:
    """When the message that the card answers was posted, in UTC."""
    return datetime.fromtimestamp(float(card.case.request.origin.message or 0), UTC)


def urls_to_confirm(card: Card) -> tuple[Lookup, ...]:
    """The URLs with secrets that their poster has not agreed to look up."""
    allowed = card.overrides.allowed_urls
    return tuple(one for one in card.wanted if one.is_sensitive and lookup_key(one) not in allowed)


def lookups_of(card: Card, is_ignored: Callable[[Lookup], bool]) -> tuple[Lookup, ...]:
    """What a card is about now, each lookup as far as it has come."""
    known = {lookup_key(one): one for one in card.case.lookups}
    unconfirmed = {lookup_key(one) for one in urls_to_confirm(card)}
    wanted = (one for one in card.wanted if lookup_key(one) not in unconfirmed and not is_ignored(one))
    return tuple(known.get(lookup_key(one), one.secret_allowed()) for one in wanted)


def matches(channel: str, patterns: Iterable[str]) -> bool:
    """Whether a channel of this name is watched from the beginning. Case counts, `*` and `?` are wildcards."""
    return any(fnmatchcase(channel, pattern) for pattern in patterns)


def covers(ignored: str, lookup: Lookup) -> bool:
    """Whether an ignored value covers a lookup: a domain with its subdomains, a network, or the value itself."""
    host = lookup.indicator and host_of(lookup.indicator)
    if lookup.value == ignored or (host and is_within(host.value, {ignored})):
        return True
    try:
        return bool(host) and ip_address(host.value if host else "") in ip_network(ignored)
    except ValueError:
        return False


# Storage -----------------------------------------------------------------------------------------------

ALL_CHANNELS = ""
"""In place of a channel's id: every channel of the workspace."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same indicator, posted again in another message."""

    key: str  # as `lookup_key` makes it
    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Ignored:
    """What is not looked up in watched channels: a domain with its subdomains, an address or network, a hash or a URL."""

    value: str
    channel: str  # a channel's id, or ALL_CHANNELS
    person: str
    until: datetime | None = None  # None: until somebody removes it
    reason: str = ""


class CardStore(Protocol):
    """The messages of watched channels, and the cards in answer to them."""

    async def record(self, event: MessageEvent, wanted: Sequence[Lookup], request: Request) -> None:
        """Store a message, edit or deletion if its channel is watched, and schedule a batch.

        `request` becomes the card's case when the message is new.
        """

    async def override(self, case_id: str, overrides: CardOverrides) -> bool:
        """Add what somebody asked of a card, and schedule a batch. False: there is no such card."""

    async def card(self, case_id: str) -> Card | None:
        """The card of a case. Raises UnreadableCase."""

    async def card_for_message(self, team: str, channel: str, message: str) -> Card | None:
        """The card in answer to the message with this timestamp. Raises UnreadableCase."""

    async def due(self, most: int) -> list[Card | UnreadableCase]:
        """The cards to work on now, those of the oldest messages first; in place of an unreadable one the reason."""

    async def fail(self, case_id: str, why: str) -> None:
        """End an unreadable card."""

    async def postpone(self, case_id: str, due: datetime) -> None:
        """Have an unreadable card read again at that time."""

    async def save(self, card: Card, due: datetime | None) -> None:
        """Store a card's progress and when it is due again; an edit or override in the meantime keeps it due."""

    async def schedule_batch(self) -> None:
        """Schedule a batch for when the next card is due."""

    async def count_since(self, team: str, channel: str, start: datetime) -> int:
        """How many cards and reactions were posted in the channel since then."""

    async def dedupe(self, card: Card, keys: Sequence[str]) -> Mapping[str, str]:
        """For each key the id of the case whose card answers it in this channel: this one's, or an earlier one's.

        Keys that the card held before, but that are not among these, are released. Cards that this changes become due.
        """

    async def release(self, card: Card, *, to_others: bool) -> None:
        """Answer nothing with this card: whoever posted each of its keys last is answered instead, or whoever does so next."""

    async def take_over(self, card: Card, key: str) -> None:
        """From now on this card answers a key that an earlier one answered."""

    async def duplicates(self, card: Card) -> Sequence[Duplicate]:
        """Who else posted what the card answers, the oldest first."""


class WatchStore(Protocol):
    """Which channels are watched, and what is ignored in them."""

    async def channel(self, team: str, channel: str) -> Watch | None:
        """How a channel is watched; None: nothing was ever decided."""

    async def switch(self, team: str, channel: str, mode: Mode, person: str) -> None:
        """Switch a channel's mode, which also ends a pause. `person` is "" when the channel's name decides."""

    async def pause(self, team: str, channel: str, until: datetime) -> bool:
        """Pause a channel. False: it was paused already."""

    async def ignored(self, team: str, channel: str) -> Sequence[Ignored]:
        """What is ignored in the channel now, ordered by value."""

    async def ignore(self, team: str, ignored: Ignored) -> None:
        """Ignore something."""

    async def unignore(self, team: str, channel: str, value: str) -> bool:
        """No longer ignore a value. False: it was not ignored."""
