"""Watched channels: how they are watched, what is ignored there, and which card answers what was posted there."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Column, DateTime, MetaData, Row, Table, Text, and_, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database import Database
from handlers.watch import (
    ALL_CHANNELS,
    DUPLICATE_WINDOW,
    THROTTLE_PERIOD,
    Card,
    Duplicate,
    Ignored,
    Mode,
    Watch,
    posted_at,
)

log = structlog.get_logger()

metadata = MetaData()
watched = Table(
    "watch_channels",
    metadata,
    Column("team", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("mode", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("paused_until", DateTime(timezone=True)),
)
ignored = Table(
    "watch_ignored",
    metadata,
    Column("team", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("until", DateTime(timezone=True)),
    Column("reason", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
seen = Table(
    "watch_seen",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("team", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("answered_by", Text, nullable=False),
)


class WatchStore:
    """Implements handlers.watch.WatchStore. Every method raises StoreDown when the database cannot take it."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def channel(self, team: str, channel: str) -> Watch | None:
        """How a channel was switched; None: never."""
        return await self._database.run(lambda connection: watch(connection, team, channel))

    async def switch(self, team: str, channel: str, mode: Mode, person: str) -> None:
        """Switch a channel. The breaker is closed again."""
        row = {"mode": mode.value, "person": person, "since": self._clock(), "paused_until": None}
        await self._keep(watched, {"team": team, "channel": channel}, row)

    async def pause(self, team: str, channel: str, until: datetime) -> bool:
        """Open the breaker. False: it was open."""
        now, paused = self._clock(), watched.c.paused_until
        is_open = paused.is_not(None) & paused.between(now, now + 2 * THROTTLE_PERIOD)
        here = _at(watched, {"team": team, "channel": channel})
        return await self._did(update(watched).where(here, ~is_open).values(paused_until=until))

    async def ignored(self, team: str, channel: str) -> Sequence[Ignored]:
        """What is left alone there now, by value."""
        here = ignored.c.channel.in_([ALL_CHANNELS, channel])
        now = ignored.c.until.is_(None) | (ignored.c.until > self._clock())
        wanted = select(ignored).where(ignored.c.team == team, here, now).order_by(ignored.c.value)

        async def find(connection: AsyncConnection) -> Sequence[Row[Any]]:
            return (await connection.execute(wanted)).all()

        return [
            Ignored(row.value, row.channel, row.person, row.until, row.reason)
            for row in await self._database.run(find)
        ]

    async def ignore(self, team: str, one: Ignored) -> None:
        """Leave something alone."""
        row = {"until": one.until, "reason": one.reason, "person": one.person, "at": self._clock()}
        await self._keep(ignored, {"team": team, "channel": one.channel, "value": one.value}, row)

    async def unignore(self, team: str, channel: str, value: str) -> bool:
        """No longer leave it alone. False: nobody did."""
        here = _at(ignored, {"team": team, "channel": channel, "value": value})
        return await self._did(delete(ignored).where(here))

    async def prune(self, older_than: datetime) -> None:
        """Delete what was to be left alone until then at most."""
        await self._database.run(
            lambda connection: connection.execute(delete(ignored).where(ignored.c.until < older_than))
        )

    async def _keep(self, table: Table, place: Mapping[str, Any], row: Mapping[str, Any]) -> None:
        given = insert(table).values(**place, **row)
        kept = given.on_conflict_do_update(index_elements=list(place), set_=dict(row))
        await self._database.run(lambda connection: connection.execute(kept))

    async def _did(self, statement: Any) -> bool:
        async def done(connection: AsyncConnection) -> bool:
            return bool((await connection.execute(statement)).rowcount)

        return await self._database.run(done)


async def watch(connection: AsyncConnection, team: str, channel: str) -> Watch | None:
    """How a channel was switched; None: never."""
    wanted = select(watched).where(_at(watched, {"team": team, "channel": channel}))
    row = (await connection.execute(wanted)).first()
    if row is None:
        return None
    # A mode that a later release brought: nothing is looked up that nobody asked for.
    mode = Mode(row.mode) if row.mode in {mode.value for mode in Mode} else Mode.OFF
    return Watch(mode, row.person, row.since, row.paused_until)


def _at(table: Table, row: Mapping[str, str]) -> Any:
    return and_(*(table.c[name] == value for name, value in row.items()))


# What was posted where, and which card answers it ---------------------------------------------------------


async def dedupe(
    connection: AsyncConnection, card: Card, keys: Sequence[str]
) -> tuple[Mapping[str, str], Sequence[str]]:
    """Who answers for each key, and the cases whose cards have changed by it. Within a transaction."""
    mine = card.case.request.id
    rows = (await connection.execute(select(seen).where(seen.c.case_id == mine))).all()
    concerned: list[str] = []
    for row in rows:
        if row.value not in keys:
            concerned += await _give_back(connection, row)
    owners = {row.value: row.answered_by for row in rows if row.value in keys}
    for key in keys:
        if key not in owners:
            owners[key] = await _answering(connection, card, key) or mine
            await _enter(connection, card, key, owners[key])
            concerned += [owners[key]] if owners[key] != mine else []
    return owners, concerned


async def _answering(connection: AsyncConnection, card: Card, key: str) -> str | None:
    """The case that answered for it last in the card's channel, within the window before or after it."""
    origin = card.case.request.origin
    answers = select(seen.c.case_id).where(
        seen.c.team == origin.team,
        seen.c.channel == origin.channel,
        seen.c.value == key,
        seen.c.answered_by == seen.c.case_id,
        seen.c.case_id != card.case.request.id,
        seen.c.at > posted_at(card) - DUPLICATE_WINDOW,
        seen.c.at < posted_at(card) + DUPLICATE_WINDOW,
    )
    found: str | None = await connection.scalar(answers.order_by(seen.c.at.desc()).limit(1))
    return found


async def _enter(connection: AsyncConnection, card: Card, key: str, owner: str) -> None:
    origin = card.case.request.origin
    await connection.execute(
        insert(seen).values(
            case_id=card.case.request.id,
            value=key,
            team=origin.team,
            channel=origin.channel,
            person=origin.user,
            at=posted_at(card),
            answered_by=owner,
        )
    )


async def release(connection: AsyncConnection, card: Card) -> Sequence[str]:
    """The card does not answer anything any more: whoever posted each value last is answered instead. The changed cases."""
    rows = (await connection.execute(select(seen).where(seen.c.case_id == card.case.request.id))).all()
    changed: list[str] = []
    for row in rows:
        changed += await _give_back(connection, row, newest=True)
    return changed


async def forget(connection: AsyncConnection, card: Card) -> None:
    """Nobody is answered by the card: neither its message nor those that posted the same. The next one begins anew."""
    mine = card.case.request.id
    await connection.execute(delete(seen).where((seen.c.case_id == mine) | (seen.c.answered_by == mine)))


async def _give_back(connection: AsyncConnection, row: Any, *, newest: bool = False) -> Sequence[str]:
    """The message no longer holds it: whoever posted it next, or last, is answered instead, or one is counted less."""
    await connection.execute(delete(seen).where(seen.c.case_id == row.case_id, seen.c.value == row.value))
    if row.answered_by != row.case_id:
        return [str(row.answered_by)]
    counted = (seen.c.value == row.value, seen.c.answered_by == row.case_id)
    order = seen.c.at.desc() if newest else seen.c.at
    successor = await connection.scalar(select(seen.c.case_id).where(*counted).order_by(order).limit(1))
    if successor is None:
        return []
    await connection.execute(update(seen).where(*counted).values(answered_by=successor))
    return [str(successor)]


async def take_over(connection: AsyncConnection, card: Card, key: str) -> None:
    """From now on this card answers for it."""
    mine = card.case.request.id
    await connection.execute(
        update(seen).where(seen.c.case_id == mine, seen.c.value == key).values(answered_by=mine)
    )


async def duplicates_of(connection: AsyncConnection, card: Card) -> list[Duplicate]:
    """Who else posted what the card answers, the oldest first."""
    mine = card.case.request.id
    others = select(seen).where(seen.c.answered_by == mine, seen.c.case_id != mine).order_by(seen.c.at)
    return [Duplicate(row.value, row.person, row.at) for row in (await connection.execute(others)).all()]
