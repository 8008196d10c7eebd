"""What the watch needs of storage. Every method of these raises StoreDown when the database cannot take it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from handlers.request import Request
from handlers.watch import Card, Mode, Watch, Wishes
from handlers.watch.event_parser import Heard
from vt.lookup import Lookup

EVERYWHERE = ""
"""In place of a channel: all of the workspace."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same thing posted again under another message."""

    subject: str
    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Ignored:
    """Something that is left alone: a domain with all below it, an address or network, a hash or a URL."""

    value: str
    channel: str
    """Or EVERYWHERE."""
    person: str
    until: datetime | None = None
    reason: str = ""


class Watching(Protocol):
    """What was said in watched channels, and the cards in answer to it."""

    async def note(self, heard: Heard, wanted: Sequence[Lookup], request: Request) -> None:
        """Keep what was heard, if its channel is watched, and see that a round follows."""

    async def wish(self, case_id: str, wish: Wishes) -> bool:
        """Keep what somebody wants of a card, and see that a round follows. False: there is no such card."""

    async def card(self, case_id: str) -> Card | None:
        """One card."""

    async def on(self, team: str, channel: str, message: str) -> Card | None:
        """The card in answer to a message."""

    async def due(self, most: int) -> list[Card]:
        """The cards to see to now, the oldest message first."""

    async def seen_to(self, card: Card, due: datetime | None) -> None:
        """Remember what was done for a card, and when to go on; an edit or wish that came meanwhile stays due."""

    async def next_round(self) -> None:
        """See that a round follows when the next card is due."""

    async def cards_since(self, team: str, channel: str, start: datetime) -> int:
        """How many cards and marks were given there since then."""

    async def claim(self, card: Card, subjects: Sequence[str]) -> Mapping[str, str]:
        """For each the id of the case that answers for it in this channel: this one's, or that of an earlier card.

        What this message no longer holds is given back. Other cards that this concerns are due then.
        """

    async def take_over(self, card: Card, subject: str) -> None:
        """From now on this card answers for it."""

    async def repeats(self, card: Card) -> Sequence[Repeat]:
        """Who else posted what the card answers for, the oldest first."""


class Watched(Protocol):
    """Which channels are watched, and what is left alone there."""

    async def channel(self, team: str, channel: str) -> Watch | None:
        """How a channel was switched; None: never."""

    async def switch(self, team: str, channel: str, mode: Mode, person: str) -> None:
        """Switch a channel. The breaker is closed again."""

    async def pause(self, team: str, channel: str, until: datetime) -> bool:
        """Open the breaker. False: it was open."""

    async def ignored(self, team: str, channel: str) -> Sequence[Ignored]:
        """What is left alone there now, by value."""

    async def ignore(self, team: str, ignored: Ignored) -> None:
        """Leave something alone."""

    async def unignore(self, team: str, channel: str, value: str) -> bool:
        """No longer leave it alone. False: nobody did."""
