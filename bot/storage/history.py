"""What was looked up where and what came of it: the table, and what handlers ask of it. Kept for a year."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Row,
    SmallInteger,
    Table,
    Text,
    delete,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database import Database
from handlers.case import JUDGED, Sighting, Summary
from handlers.deps import MAX_LATEST, Judged
from handlers.request import Origin
from vt.verdict import State

log = structlog.get_logger()

KEPT = timedelta(days=366)
_JUDGED = [state.value for state in JUDGED]
WHAT = {"action", "kind", "value", "input"}

metadata = MetaData()
table = Table(
    "sightings",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("position", SmallInteger, primary_key=True),
    Column("team", Text, nullable=False),
    Column("asker", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("listed", Boolean, nullable=False),
    Column("subject", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("engines", Integer),
    Column("total", Integer),
    Column("what", JSON, nullable=False),
    Index("sightings_of_subject", "team", "subject", "at"),
    Index("sightings_by_asker", "team", "asker", "at"),
    Index("sightings_by_age", "at"),
)
_SUMMARIES = text("""
    WITH mine AS (
        SELECT * FROM sightings WHERE team = :team AND subject = ANY(:subjects) AND at < :before
    ), counted AS (
        SELECT subject, count(*) AS times, min(at) AS since FROM mine GROUP BY subject
    ), first AS (
        SELECT DISTINCT ON (subject) subject, channel, listed FROM mine ORDER BY subject, at, case_id
    ), last AS (
        SELECT DISTINCT ON (subject) subject, at, state, engines, total, what FROM mine
        WHERE state = ANY(:judged) ORDER BY subject, at DESC, case_id
    )
    SELECT counted.*, first.channel, first.listed, last.at, last.state, last.engines, last.total, last.what
    FROM counted JOIN first USING (subject) LEFT JOIN last USING (subject)
""").bindparams(judged=_JUDGED)


class History:
    """The History of handlers. Every method raises StoreDown when the database cannot take it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def remember(
        self, case_id: str, origin: Origin, sightings: Sequence[Sighting], now: datetime
    ) -> None:
        """Store the findings of a request; a second call for the same request changes nothing."""
        rows = [
            {
                "case_id": case_id,
                "position": position,
                "team": origin.team,
                "asker": origin.user,
                "channel": origin.channel,
                "listed": origin.listed,
                "subject": one.subject,
                "at": now,
                "state": one.state.value,
                "engines": one.count,
                "total": one.total,
                # The release before refuses keys that it does not know: only hosts have `known`.
                "what": one.without_secrets().model_dump(
                    mode="json", include=WHAT | ({"known"} if one.known else set())
                ),
            }
            for position, one in enumerate(sightings)
        ]
        keep = insert(table).on_conflict_do_nothing()
        if rows:
            await self._database.run(
                lambda connection: connection.execute(keep, rows), together=len(rows) > 1
            )

    async def summaries(
        self, origin: Origin, subjects: Iterable[str], before: datetime
    ) -> Mapping[str, Summary]:
        """What is on record in the asker's workspace, by subject."""
        wanted = {"team": origin.team, "subjects": list(subjects), "before": before}

        async def find(connection: AsyncConnection) -> Sequence[Row[Any]]:
            return (await connection.execute(_SUMMARIES, wanted)).all()

        return {row.subject: _summary(row, origin.channel) for row in await self._database.run(find)}

    async def course(self, origin: Origin, subject: str, most: int) -> list[Judged]:
        """What VirusTotal said about it at the lookups of the asker's workspace, the newest first, at most so many."""
        one = (table.c.team == origin.team) & (table.c.subject == subject)
        newest = (
            select(table.c.at, table.c.state, table.c.engines)
            .where(one, table.c.state.in_(_JUDGED))
            .order_by(table.c.at.desc(), table.c.case_id, table.c.position)
            .limit(most)
        )

        async def find(connection: AsyncConnection) -> list[Judged]:
            rows = (await connection.execute(newest)).all()
            return [(at, State(state), engines or 0) for at, state, engines in rows]

        return await self._database.run(find)

    async def newest_team(self, subject: str) -> str:
        """The workspace that looked it up last; "" when none did. For the terminal, which is in no workspace."""
        newest = select(table.c.team).where(table.c.subject == subject).order_by(table.c.at.desc()).limit(1)
        return await self._database.run(lambda connection: connection.scalar(newest)) or ""

    async def latest(self, team: str, user: str, most: int = MAX_LATEST) -> list[Sighting]:
        """A person's last lookups, the newest first."""
        mine = select(table).where(table.c.team == team, table.c.asker == user)
        newest = mine.order_by(table.c.at.desc(), table.c.case_id, table.c.position).limit(most)

        async def find(connection: AsyncConnection) -> Sequence[Row[Any]]:
            return (await connection.execute(newest)).all()

        found = [_sighting(row) for row in await self._database.run(find)]
        return [one for one in found if one]

    async def prune(self, older_than: datetime) -> None:
        """Delete what was looked up before that time."""
        old = delete(table).where(table.c.at < older_than)
        await self._database.run(lambda connection: connection.execute(old))


def _summary(row: Row[Any], channel: str) -> Summary:
    here = row.channel == channel
    return Summary(
        times=row.times,
        since=row.since,
        here=here,
        channel=row.channel if row.listed and not here else None,
        last=_sighting(row) if row.state else None,
    )


def _sighting(row: Row[Any]) -> Sighting | None:
    """What is on record; None when it cannot be read: an answer does without it."""
    try:
        return Sighting(state=row.state, count=row.engines, total=row.total, at=row.at, **row.what)
    except (TypeError, ValueError):
        log.warning("sighting_unreadable", at=row.at.isoformat())
        return None
