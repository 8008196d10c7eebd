"""Duplicates in watched channels: which card answers what was posted there, and who posted the same."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, DateTime, MetaData, Table, Text, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from handlers.watch import DUPLICATE_WINDOW, Card, Duplicate, posted_at

metadata = MetaData()
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
    heir = await connection.scalar(select(seen.c.case_id).where(*counted).order_by(order).limit(1))
    if heir is None:
        return []
    await connection.execute(update(seen).where(*counted).values(answered_by=heir))
    return [str(heir)]


async def take_over(connection: AsyncConnection, card: Card, key: str) -> None:
    """From now on this card answers for it."""
    mine = card.case.request.id
    await connection.execute(
        update(seen).where(seen.c.case_id == mine, seen.c.value == key).values(answered_by=mine)
    )


async def of(connection: AsyncConnection, card: Card) -> list[Duplicate]:
    """Who else posted what the card answers, the oldest first."""
    mine = card.case.request.id
    others = select(seen).where(seen.c.answered_by == mine, seen.c.case_id != mine).order_by(seen.c.at)
    return [Duplicate(row.value, row.person, row.at) for row in (await connection.execute(others)).all()]
