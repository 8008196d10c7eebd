"""The audit trail: who asked for what, from where and when, what came of it, and what it cost. Kept for a year.

A row is written with the request itself, in one statement (bot/storage/cases.py); a refused request leaves only this row.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    UniqueConstraint,
    delete,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database import Database

KEPT = timedelta(days=366)
PAGE = 1_000

metadata = MetaData()
audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("delivery", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("team", Text, nullable=False),
    Column("asker", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("way", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("about", Text),
    Column("what", JSON, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("why", Text),
    Column("calls", Integer, nullable=False),
    UniqueConstraint("delivery", "asker", name="audit_once"),
    Index("audit_by_age", "at", "id"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One request, accepted or refused."""

    at: datetime
    team: str
    user: str
    channel: str
    way: str
    """How it came in: command, mention, button, …"""
    verb: str
    about: str | None
    """The id of the request whose button was pressed."""
    what: tuple[dict[str, str], ...]
    """Actions with the indicators, the hashes of files, or the people that were asked for."""
    outcome: str
    why: str | None
    """The reason of a refusal."""
    calls: int
    """To VirusTotal."""


class AuditTrail:
    """Reads the audit trail. Every method raises StoreDown when the database cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, start: datetime) -> AsyncIterator[Entry]:
        """Everything from then on, the oldest first."""
        at, name = start, ""
        while page := await self._page(at, name):
            for row in page:
                yield _entry(row)
            at, name = page[-1].at, page[-1].id

    async def find(self, request_id: str) -> Entry | None:
        """The request of exactly this id; None when there is none, or it is older than the trail."""
        wanted = select(audit).where(audit.c.id == request_id)

        async def read(connection: AsyncConnection) -> Row[Any] | None:
            return (await connection.execute(wanted)).first()

        row = await self._database.run(read)
        return _entry(row) if row else None

    async def _page(self, at: datetime, name: str) -> list[Row[Any]]:
        after = select(audit).where(tuple_(audit.c.at, audit.c.id) > tuple_(at, name))
        wanted = after.order_by(audit.c.at, audit.c.id).limit(PAGE)

        async def find(connection: AsyncConnection) -> list[Row[Any]]:
            return list((await connection.execute(wanted)).all())

        return await self._database.run(find)

    async def prune(self, older_than: datetime) -> None:
        """Forget what is older than that."""
        old = delete(audit).where(audit.c.at < older_than)
        await self._database.run(lambda connection: connection.execute(old))


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        row.at,
        row.team,
        row.asker,
        row.channel,
        row.way,
        row.verb,
        row.about,
        tuple(row.what),
        row.outcome,
        row.why,
        row.calls,
    )
