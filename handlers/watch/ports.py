"""What the watch needs of storage. Every method raises StoreDown when the database is not available."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from handlers.request import Request
from handlers.unreadable import UnreadableCase
from handlers.watch.event_parser import MessageEvent
from handlers.watch.policy import Card, CardOverrides, Mode, Watch
from vt.lookup import Lookup

ALL_CHANNELS = ""
"""In place of a channel's id: every channel of the workspace."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same indicator, posted again in another message."""

    key: str
    """As `policy.lookup_key` makes it."""
    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Ignored:
    """What is not looked up in watched channels: a domain with its subdomains, an address or network, a hash or a URL."""

    value: str
    channel: str
    """A channel's id, or ALL_CHANNELS."""
    person: str
    until: datetime | None = None
    """None: until somebody removes it."""
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
