"""What the watch needs of storage, as a Protocol. Every method raises StoreDown when the database cannot take it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from handlers.request import Request
from handlers.watch import Card, Heard, Manners, Mode, Watch, Wishes
from vt.lookup import Lookup


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same indicator, posted again under another message."""

    value: str
    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Ignored:
    """Something that is left alone: a domain with all below it, an address, a hash or a URL."""

    value: str
    until: datetime | None
    reason: str
    person: str


class Watching(Protocol):
    """What is watched, what was said there, and the cards in answer to it."""

    async def note(self, heard: Heard, wanted: Sequence[Lookup], request: Request) -> None:
        """Keep what was heard, if its channel is watched, and see that a round follows."""

    async def wish(self, case_id: str, wish: Wishes) -> bool:
        """Keep what somebody wants of a card, and see that a round follows. False: there is no such card."""

    async def due(self, most: int) -> list[Card]:
        """The cards to see to now, the oldest message first."""

    async def seen_to(self, card: Card, due: datetime | None) -> None:
        """Remember what was done for a card, and when to go on; an edit or wish that came meanwhile stays due."""

    async def next_round(self) -> None:
        """See that a round follows when the next card is due."""

    async def channel(self, team: str, channel: str) -> Watch | None:
        """How a channel was switched; None: never."""

    async def switch(self, team: str, channel: str, mode: Mode, person: str) -> None:
        """Switch a channel. The breaker is closed again."""

    async def pause(self, team: str, channel: str, until: datetime) -> bool:
        """Open the breaker. False: it was open."""

    async def cards_since(self, team: str, channel: str, start: datetime) -> int:
        """How many cards and marks were given there since then."""

    async def claim(self, card: Card, values: Sequence[str], since: datetime) -> Mapping[str, str]:
        """For each value the case that answers for it in this channel: this one, or one that did since then.

        What this message no longer holds is given back; other messages with it are due then.
        """

    async def take_over(self, card: Card, value: str) -> None:
        """From now on this case answers for the value."""

    async def repeats(self, card: Card) -> list[Repeat]:
        """Who posted what the card answers for after its own message, the oldest first."""

    async def ignored(self, team: str) -> list[Ignored]:
        """What is left alone now."""

    async def ignore(self, team: str, ignored: Ignored) -> None:
        """Leave something alone."""

    async def unignore(self, team: str, value: str) -> bool:
        """Look it up again. False: it was not ignored."""
