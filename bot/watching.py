"""Watched channels, and the cards in answer to what is said there: the tables, and what handlers ask of them."""

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
    Row,
    Table,
    Text,
    and_,
    case,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database import Database
from bot.store import AUTOMATIC, QUEUE, ROUND, cases, keep
from handlers.request import Case, Request
from handlers.watch import MOMENT, Card, Heard, Manners, Mode, Watch, Wishes
from vt.lookup import Lookup

metadata = MetaData()
channels = Table(
    "watch_channels",
    metadata,
    Column("team", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("mode", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("paused_until", DateTime(timezone=True)),
)
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

# There is one round at a time, and one that waits: each sees to all that is due. Counted from the database's own
# clock, which is the one that starts it.
_CALL = text("""
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, scheduled_at)
    VALUES (:queue, :round, :priority, :round, :round, now() + make_interval(secs => :seconds))
    ON CONFLICT (queueing_lock) WHERE status = 'todo'
    DO UPDATE SET scheduled_at = LEAST(procrastinate_jobs.scheduled_at, excluded.scheduled_at)
""").bindparams(queue=QUEUE, round=ROUND, priority=AUTOMATIC)


class Cards:
    """What is watched, and the cards. Every method raises StoreDown when the database cannot take it."""

    def __init__(self, database: Database, clock: Callable[[], datetime], *, unknown: bool = False) -> None:
        self._database = database
        self._clock = clock
        self._unknown = unknown
        """Listen where nothing was switched yet: the channel's name may be one that is watched."""

    # What is heard ---------------------------------------------------------------------------------------

    async def note(self, heard: Heard, wanted: Sequence[Lookup], request: Request) -> None:
        """Keep what was heard, if its channel is watched, and see that a round follows."""
        where = {"team": request.origin.team, "channel": heard.channel}

        async def kept(connection: AsyncConnection) -> None:
            message = _at(cards, {**where, "message": heard.ts})
            found = (await connection.execute(select(cards).where(message).with_for_update())).first()
            if found is None:
                if not wanted or not await self._listens(connection, where):
                    return
                if not await keep(connection, request, AUTOMATIC):
                    return
                row = {**where, "case_id": request.id, "message": heard.ts, "heard": heard.at}
                row |= {"wanted": _dumped(wanted), "wishes": {}, "manners": {}, "version": 1}
                await connection.execute(insert(cards).values(**row, due=self._clock()))
            elif found.heard < heard.at:
                changed = {"heard": heard.at, "wanted": _dumped(wanted), "version": found.version + 1}
                await connection.execute(update(cards).where(message).values(**changed, due=self._clock()))
            else:
                return
            await connection.execute(_CALL, {"seconds": MOMENT.total_seconds()})

        await self._database.run(kept, together=True)

    async def _listens(self, connection: AsyncConnection, where: Mapping[str, str]) -> bool:
        found = (await connection.execute(select(channels).where(_at(channels, where)))).first()
        if found is None:
            return self._unknown
        watch = _watch(found)
        return watch.mode is not Mode.OFF and not watch.paused(self._clock())

    async def wish(self, case_id: str, wish: Wishes) -> bool:
        """Keep what somebody wants of a card, beside what was wanted before. False: there is no such card."""

        async def kept(connection: AsyncConnection) -> bool:
            mine = cards.c.case_id == case_id
            found = (await connection.execute(select(cards).where(mine).with_for_update())).first()
            if found is None:
                return False
            wishes = found.wishes | wish.model_dump(mode="json", exclude_defaults=True)
            changed = {"wishes": wishes, "version": found.version + 1, "due": self._clock()}
            await connection.execute(update(cards).where(mine).values(**changed))
            await connection.execute(_CALL, {"seconds": 0})
            return True

        return await self._database.run(kept, together=True)

    # Rounds ----------------------------------------------------------------------------------------------

    async def due(self, most: int) -> list[Card]:
        """The cards to see to now, the oldest message first."""
        wanted = (
            select(cards, cases.c.request, cases.c.progress)
            .join(cases, cases.c.id == cards.c.case_id)
            .where(cards.c.due <= self._clock())
            .order_by(cards.c.message)
            .limit(most)
        )

        async def find(connection: AsyncConnection) -> list[Card]:
            return [_card(row) for row in (await connection.execute(wanted)).all()]

        return await self._database.run(find)

    async def seen_to(self, card: Card, due: datetime | None) -> None:
        """Remember what was done for a card, and when to go on; an edit or wish that came meanwhile stays due."""
        done = (
            update(cards)
            .where(cards.c.case_id == card.case.request.id)
            .values(
                manners=card.manners.model_dump(mode="json", exclude_defaults=True),
                posted=card.posted,
                due=case((cards.c.version == card.version, due), else_=cards.c.due),
            )
        )
        await self._execute(done)

    async def next_round(self) -> None:
        """See that a round follows when the next card is due."""

        async def call(connection: AsyncConnection) -> None:
            first = await connection.scalar(select(func.min(cards.c.due)))
            if first:
                seconds = max(0.0, (first - self._clock()).total_seconds())
                await connection.execute(_CALL, {"seconds": seconds})

        await self._database.run(call)

    # Channels --------------------------------------------------------------------------------------------

    async def channel(self, team: str, channel: str) -> Watch | None:
        """How a channel was switched; None: never."""
        wanted = select(channels).where(_at(channels, {"team": team, "channel": channel}))

        async def find(connection: AsyncConnection) -> Watch | None:
            row = (await connection.execute(wanted)).first()
            return row and _watch(row)

        return await self._database.run(find)

    async def switch(self, team: str, channel: str, mode: Mode, person: str) -> None:
        """Switch a channel. The breaker is closed again."""
        row = {"mode": mode.value, "person": person, "since": self._clock(), "paused_until": None}
        given = insert(channels).values(team=team, channel=channel, **row)
        await self._execute(given.on_conflict_do_update(index_elements=["team", "channel"], set_=row))

    async def pause(self, team: str, channel: str, until: datetime) -> bool:
        """Open the breaker. False: it was open."""
        here = _at(channels, {"team": team, "channel": channel})
        closed = channels.c.paused_until.is_(None) | (channels.c.paused_until <= self._clock())
        opened = update(channels).where(here, closed).values(paused_until=until).returning(channels.c.channel)

        async def done(connection: AsyncConnection) -> bool:
            return (await connection.execute(opened)).first() is not None

        return await self._database.run(done)

    async def cards_since(self, team: str, channel: str, start: datetime) -> int:
        """How many cards and marks were given there since then."""
        here = _at(cards, {"team": team, "channel": channel})
        count = select(func.count()).where(here, cards.c.posted > start)
        return await self._database.run(lambda connection: connection.scalar(count)) or 0

    async def _execute(self, statement: Any) -> None:
        await self._database.run(lambda connection: connection.execute(statement))


def _at(table: Table, row: Mapping[str, str]) -> Any:
    return and_(*(table.c[name] == value for name, value in row.items()))


def _dumped(lookups: Sequence[Lookup]) -> list[Any]:
    return [json.loads(one.model_dump_json(exclude_defaults=True)) for one in lookups]


def _card(row: Row[Any]) -> Card:
    return Card(
        case=Case.model_validate({**row.progress, "request": row.request}),
        wanted=tuple(Lookup.model_validate(one) for one in row.wanted),
        wishes=Wishes.model_validate(row.wishes),
        manners=Manners.model_validate(row.manners),
        version=row.version,
        posted=row.posted,
    )


def _watch(row: Row[Any]) -> Watch:
    return Watch(Mode(row.mode), row.person, row.since, row.paused_until)
