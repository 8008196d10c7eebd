"""Cards in answer to what is said in watched channels: their table, and what handlers ask of it.

A card is a case that takes its turns with all others, in rounds: there is one round at a time, and one that waits.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Integer,
    MetaData,
    Table,
    Text,
    case,
    cast,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database import Database
from bot.queue import jobs
from bot.storage import duplicates, watched_channels
from bot.storage.cases import STORED, Cases, cases, keep
from handlers import stored_shapes
from handlers.request import Request
from handlers.unreadable import Unreadable, UnreadableCase
from handlers.watch import Card, CardOverrides, Duplicate, MessageEvent, Mode
from handlers.watch.policy import BATCH_DELAY, NAME_RULE_LIFETIME
from vt.lookup import Lookup

metadata = MetaData()
cards = Table(
    "watch_cards",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("team", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("heard", Text, nullable=False),
    Column("wanted", JSON, nullable=False),
    Column("wishes", JSON, nullable=False),
    Column("version", Integer, nullable=False),
    Column("manners", JSON, nullable=False),
    Column("posted", DateTime(timezone=True)),
    Column("due", DateTime(timezone=True)),
)


class Cards:
    """The CardStore of handlers. Every method raises StoreDown when the database cannot take it.

    `unknown`: whether to listen in channels that were never switched, since their names may be such as are watched.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime], *, unknown: bool = False) -> None:
        self._database = database
        self._clock = clock
        self._unknown = unknown

    # What is heard and wanted ----------------------------------------------------------------------------

    async def record(self, event: MessageEvent, wanted: Sequence[Lookup], request: Request) -> None:
        """Keep what was heard, if its channel is watched, and see that a round follows."""
        team = request.origin.team

        async def kept(connection: AsyncConnection) -> None:
            here = (cards.c.team == team, cards.c.channel == event.channel, cards.c.message == event.ts)
            found = (await connection.execute(select(cards).where(*here).with_for_update())).first()
            news = {"heard": event.at, "wanted": _dumped(wanted), "due": self._clock()}
            if found is None:
                if not wanted or not await self._listens(connection, team, event.channel):
                    return
                if not await keep(connection, request, jobs.AUTOMATIC):
                    return
                where = {"team": team, "channel": event.channel, "message": event.ts, "case_id": request.id}
                fresh = insert(cards).values(**where, **news, wishes={}, manners={}, version=1)
                await connection.execute(fresh)
            elif found.heard < event.at:
                await connection.execute(
                    update(cards).where(*here).values(**news, version=cards.c.version + 1)
                )
            else:
                return
            await connection.execute(jobs.NEXT_BATCH, {"seconds": BATCH_DELAY.total_seconds()})

        await self._database.run(kept, together=True)

    async def _listens(self, connection: AsyncConnection, team: str, channel: str) -> bool:
        """A name is asked for anew from time to time, as it or the patterns may have changed."""
        found = await watched_channels.watch(connection, team, channel)
        if found is None or (found.is_derived and self._clock() - found.since > NAME_RULE_LIFETIME):
            return self._unknown
        return found.mode is not Mode.OFF and not found.is_paused(self._clock())

    async def override(self, case_id: str, overrides: CardOverrides) -> bool:
        """Keep what somebody wants of a card, beside what was wanted before. False: there is no such card."""

        async def kept(connection: AsyncConnection) -> bool:
            mine = cards.c.case_id == case_id
            found = await connection.scalar(select(cards.c.wishes).where(mine).with_for_update())
            if found is None:
                return False
            wishes = found | overrides.model_dump(mode="json", exclude_defaults=True)
            await connection.execute(_touched([case_id], self._clock()).values(wishes=wishes))
            await connection.execute(jobs.NEXT_BATCH, {"seconds": 0})
            return True

        return await self._database.run(kept, together=True)

    async def card(self, case_id: str) -> Card | None:
        """One card."""
        return await self._one(cards.c.case_id == case_id)

    async def card_for_message(self, team: str, channel: str, message: str) -> Card | None:
        """The card in answer to a message."""
        return await self._one(cards.c.team == team, cards.c.channel == channel, cards.c.message == message)

    async def _one(self, *where: Any) -> Card | None:
        found = await self._cards(_WHOLE.where(*where))
        card = found[0] if found else None
        if isinstance(card, UnreadableCase):
            raise card
        return card

    # Rounds ----------------------------------------------------------------------------------------------

    async def due(self, most: int) -> list[Card | UnreadableCase]:
        """The cards to work on now, the oldest message first; in place of one that cannot be read, why."""
        return await self._cards(
            _WHOLE.where(cards.c.due <= self._clock()).order_by(cards.c.message).limit(most)
        )

    async def _cards(self, wanted: Any) -> list[Card | UnreadableCase]:
        async def find(connection: AsyncConnection) -> Any:
            return (await connection.execute(wanted)).mappings().all()

        return [_card(row) for row in await self._database.run(find)]

    async def fail(self, case_id: str, why: str) -> None:
        """End a card that cannot be read. `why` goes to the audit trail."""
        never = update(cards).where(cards.c.case_id == case_id).values(due=None)
        await self._database.run(lambda connection: connection.execute(never))
        await Cases(self._database).fail(case_id, why)

    async def save(self, card: Card, due: datetime | None) -> None:
        """Remember what was done for a card, and when to go on; an edit or wish that came meanwhile stays due."""
        done = update(cards).where(cards.c.case_id == card.case.request.id)
        done = done.values(
            manners=json.loads(stored_shapes.CARD_PROGRESS.write(card.progress, exclude_defaults=True)),
            posted=card.posted,
            due=case((cards.c.version == card.version, due), else_=cards.c.due),
        )
        await self._database.run(lambda connection: connection.execute(done))

    async def schedule_batch(self) -> None:
        """See that a round follows when the next card is due."""

        async def call(connection: AsyncConnection) -> None:
            first = await connection.scalar(select(func.min(cards.c.due)))
            if first:
                seconds = max(0.0, (first - self._clock()).total_seconds())
                await connection.execute(jobs.NEXT_BATCH, {"seconds": seconds})

        await self._database.run(call)

    async def count_since(self, team: str, channel: str, start: datetime) -> int:
        """How many cards and marks were given there since then."""
        here = (cards.c.team == team, cards.c.channel == channel, cards.c.posted > start)
        count = select(func.count()).where(*here)
        return await self._database.run(lambda connection: connection.scalar(count)) or 0

    # What was posted before ------------------------------------------------------------------------------

    async def dedupe(self, card: Card, keys: Sequence[str]) -> Mapping[str, str]:
        """For each the id of the case that answers for it in this channel: this one's, or that of an earlier card."""

        async def claimed(connection: AsyncConnection) -> Mapping[str, str]:
            owners, concerned = await duplicates.dedupe(connection, card, keys)
            if concerned:
                await connection.execute(_touched(concerned, self._clock()))
            return owners

        return await self._database.run(claimed, together=True)

    async def take_over(self, card: Card, key: str) -> None:
        """From now on this card answers for it."""
        await self._database.run(lambda connection: duplicates.take_over(connection, card, key))

    async def duplicates(self, card: Card) -> Sequence[Duplicate]:
        """Who else posted what the card answers for, the oldest first."""
        return await self._database.run(lambda connection: duplicates.of(connection, card))


_JSON = ("wanted", "wishes", "manners")
_WHOLE = select(
    *STORED,
    *(cast(cards.c[name], Text).label(name) for name in _JSON),
    cards.c.version,
    cards.c.posted,
).join(cards, cases.c.id == cards.c.case_id)


def _touched(case_ids: Sequence[str], now: datetime) -> Any:
    """To be seen to again, even by a round that is under way."""
    return update(cards).where(cards.c.case_id.in_(case_ids)).values(version=cards.c.version + 1, due=now)


def _dumped(lookups: Sequence[Lookup]) -> list[Any]:
    """Without what is as in a new lookup, but always with the version."""
    stored = [json.loads(one.model_dump_json(exclude_defaults=True)) for one in lookups]
    return [{"version": lookup.version, **one} for lookup, one in zip(lookups, stored, strict=True)]


def _card(row: Mapping[str, Any]) -> Card | UnreadableCase:
    """A card, or why it cannot be read: one must not keep the others from being answered."""
    try:
        return Card(
            case=stored_shapes.read_case(row),
            wanted=stored_shapes.read_lookups(stored_shapes.parsed(row["wanted"])),
            overrides=stored_shapes.OVERRIDES.read(stored_shapes.parsed(row["wishes"])),
            progress=stored_shapes.CARD_PROGRESS.read(stored_shapes.parsed(row["manners"])),
            version=row["version"],
            posted=row["posted"],
        )
    except UnreadableCase as unreadable:
        return unreadable
    except Unreadable as unreadable:
        return UnreadableCase(stored_shapes.salvage(row), unreadable)
