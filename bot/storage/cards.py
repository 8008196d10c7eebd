"""Cards in answer to messages in watched channels: their table, and the CardStore of handlers.

A card is a case without a job of its own: batches work on all cards that are due. One batch runs, and one waits.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
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
from bot.storage import channels
from bot.storage.cases import STORED, Cases, cases, keep
from handlers import stored_shapes
from handlers.case import Unreadable, UnreadableCase
from handlers.event_payloads import MessageEvent
from handlers.request import Request
from handlers.watch import BATCH_DELAY, NAME_RULE_LIFETIME, Card, CardOverrides, Duplicate, Mode
from vt.lookup import Lookup

metadata = MetaData()
# Columns keep the names that they were made with; the code calls them by their keys.
cards = Table(
    "watch_cards",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("team", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("heard", Text, key="last_event", nullable=False),
    Column("wanted", JSON, nullable=False),
    Column("wishes", JSON, key="overrides", nullable=False),
    Column("version", Integer, nullable=False),
    Column("manners", JSON, key="progress", nullable=False),
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

    # Messages and what is asked of their cards -----------------------------------------------------------

    async def record(self, event: MessageEvent, wanted: Sequence[Lookup], request: Request) -> None:
        """Store a message, edit or deletion if its channel is watched, and schedule a batch. Raises StoreDown."""
        team = request.origin.team

        async def stored(connection: AsyncConnection) -> None:
            here = (cards.c.team == team, cards.c.channel == event.channel, cards.c.message == event.ts)
            last = await connection.scalar(select(cards.c.last_event).where(*here).with_for_update())
            news = {"last_event": event.at, "wanted": _dumped(wanted), "due": self._clock()}
            if last is None:
                if not wanted or not await self._is_watched(connection, team, event.channel):
                    return
                if not await keep(connection, request, jobs.AUTOMATIC):
                    return
                where = {"team": team, "channel": event.channel, "message": event.ts, "case_id": request.id}
                new = insert(cards).values(**where, **news, overrides={}, progress={}, version=1)
                await connection.execute(new)
            elif last < event.at:
                edited = update(cards).where(*here).values(**news, version=cards.c.version + 1)
                await connection.execute(edited)
            else:
                return  # Slack delivers events late and twice
            await connection.execute(jobs.NEXT_BATCH, {"seconds": BATCH_DELAY.total_seconds()})

        await self._database.run(stored, together=True)

    async def _is_watched(self, connection: AsyncConnection, team: str, channel: str) -> bool:
        """Whether a message there may get a card. What a channel's name decided is forgotten after a while."""
        found = await channels.watch(connection, team, channel)
        if found is None or (found.is_derived and self._clock() - found.since > NAME_RULE_LIFETIME):
            return self._unknown
        return found.mode is not Mode.OFF and not found.is_paused(self._clock())

    async def override(self, case_id: str, overrides: CardOverrides) -> bool:
        """Add what somebody asked of a card, and schedule a batch. False: there is no such card. Raises StoreDown."""

        async def stored(connection: AsyncConnection) -> bool:
            mine = cards.c.case_id == case_id
            found = await connection.scalar(select(cards.c.overrides).where(mine).with_for_update())
            if found is None:
                return False
            merged = found | overrides.model_dump(mode="json", exclude_defaults=True)
            await connection.execute(_due_now([case_id], self._clock()).values(overrides=merged))
            await connection.execute(jobs.NEXT_BATCH, {"seconds": 0})
            return True

        return await self._database.run(stored, together=True)

    async def card(self, case_id: str) -> Card | None:
        """The card of a case. Raises StoreDown, UnreadableCase."""
        return await self._one(cards.c.case_id == case_id)

    async def card_for_message(self, team: str, channel: str, message: str) -> Card | None:
        """The card in answer to the message with this timestamp. Raises StoreDown, UnreadableCase."""
        return await self._one(cards.c.team == team, cards.c.channel == channel, cards.c.message == message)

    async def _one(self, *where: Any) -> Card | None:
        found = await self._cards(_WHOLE.where(*where))
        card = found[0] if found else None
        if isinstance(card, UnreadableCase):
            raise card
        return card

    # Batches ---------------------------------------------------------------------------------------------

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
        """End a card that cannot be read. `why` goes to the audit trail. Raises StoreDown."""
        await self.postpone(case_id, None)
        await Cases(self._database).fail(case_id, why)

    async def postpone(self, case_id: str, due: datetime | None) -> None:
        """Have a card worked on at another time; None: no more. Raises StoreDown."""
        later = update(cards).where(cards.c.case_id == case_id).values(due=due)
        await self._database.run(lambda connection: connection.execute(later))

    async def save(self, card: Card, due: datetime | None) -> None:
        """Store a card's progress and when it is due again; an edit or override in the meantime keeps it due."""
        done = update(cards).where(cards.c.case_id == card.case.request.id)
        done = done.values(
            progress=json.loads(stored_shapes.CARD_PROGRESS.write(card.progress, exclude_defaults=True)),
            posted=card.posted,
            due=case((cards.c.version == card.version, due), else_=cards.c.due),
        )
        await self._database.run(lambda connection: connection.execute(done))

    async def wake(self, within: timedelta) -> None:
        """Have cards that are due within that time worked on now. Raises StoreDown."""
        now = self._clock()
        soon = update(cards).where(cards.c.due > now, cards.c.due <= now + within)
        soon = soon.values(version=cards.c.version + 1, due=now)  # the version: as in _due_now

        async def woken(connection: AsyncConnection) -> None:
            if (await connection.execute(soon)).rowcount:
                await connection.execute(jobs.NEXT_BATCH, {"seconds": 0})

        await self._database.run(woken, together=True)

    async def schedule_batch(self) -> None:
        """Schedule a batch for when the next card is due. Raises StoreDown."""

        async def call(connection: AsyncConnection) -> None:
            first = await connection.scalar(select(func.min(cards.c.due)))
            if first:
                seconds = max(0.0, (first - self._clock()).total_seconds())
                await connection.execute(jobs.NEXT_BATCH, {"seconds": seconds})

        await self._database.run(call)

    async def count_since(self, team: str, channel: str, start: datetime) -> int:
        """How many cards and reactions were posted in the channel since then. Raises StoreDown."""
        here = (cards.c.team == team, cards.c.channel == channel, cards.c.posted > start)
        count = select(func.count()).where(*here)
        return await self._database.run(lambda connection: connection.scalar(count)) or 0

    # Duplicates ------------------------------------------------------------------------------------------

    async def dedupe(self, card: Card, keys: Sequence[str]) -> Mapping[str, str]:
        """For each key the id of the case whose card answers it in this channel: this one's, or an earlier one's.

        Cards that this changes become due. Raises StoreDown.
        """

        async def answering(connection: AsyncConnection) -> Mapping[str, str]:
            owners, changed = await channels.dedupe(connection, card, keys)
            if changed:
                await connection.execute(_due_now(changed, self._clock()))
            return owners

        return await self._database.run(answering, together=True)

    async def release(self, card: Card, *, to_others: bool) -> None:
        """Let whoever posted each of the card's keys last be answered instead, or whoever posts it next. Raises StoreDown."""

        async def released(connection: AsyncConnection) -> None:
            if not to_others:
                await channels.forget(connection, card)
            elif changed := await channels.release(connection, card):
                await connection.execute(_due_now(changed, self._clock()))

        await self._database.run(released, together=True)

    async def take_over(self, card: Card, key: str) -> None:
        """From now on this card answers a key that an earlier one answered. Raises StoreDown."""
        await self._database.run(lambda connection: channels.take_over(connection, card, key))

    async def duplicates(self, card: Card) -> Sequence[Duplicate]:
        """Who else posted what the card answers, the oldest first. Raises StoreDown."""
        return await self._database.run(lambda connection: channels.duplicates_of(connection, card))


_WHOLE = select(
    *STORED,
    cast(cards.c.wanted, Text).label("wanted"),
    cast(cards.c.overrides, Text).label("card_overrides"),
    cast(cards.c.progress, Text).label("card_progress"),
    cards.c.version,
    cards.c.posted,
).join(cards, cases.c.id == cards.c.case_id)


def _due_now(case_ids: Sequence[str], now: datetime) -> Any:
    """The higher version keeps a batch that is at work on a card from storing that the card is done."""
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
            overrides=stored_shapes.OVERRIDES.read(stored_shapes.parsed(row["card_overrides"])),
            progress=stored_shapes.CARD_PROGRESS.read(stored_shapes.parsed(row["card_progress"])),
            version=row["version"],
            posted=row["posted"],
        )
    except UnreadableCase as unreadable:
        return unreadable
    except Unreadable as unreadable:
        return UnreadableCase(stored_shapes.salvage(row), unreadable)
