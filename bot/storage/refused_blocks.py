"""Kinds of block that a workspace's Slack refuses: the table, and the RefusedBlocks of handlers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import Column, DateTime, MetaData, Row, Table, Text, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database import Database

KEPT = timedelta(days=30)
"""After which a refused kind is tried again: Slack may have learnt it since."""

metadata = MetaData()
refused_blocks = Table(
    "refused_blocks",
    metadata,
    Column("team", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
)


class RefusedBlocks:
    """The RefusedBlocks of handlers. It is read once, when a process starts; other processes learn the same by themselves."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], known: Mapping[tuple[str, str], datetime]
    ) -> None:
        self._database = database
        self._clock = clock
        self._known = dict(known)

    @classmethod
    async def stored(cls, database: Database, clock: Callable[[], datetime]) -> Self:
        """With what was refused before. Raises StoreDown."""

        async def find(connection: AsyncConnection) -> Sequence[Row[Any]]:
            return (await connection.execute(select(refused_blocks))).all()

        known = {(row.team, row.kind): row.at for row in await database.run(find)}
        return cls(database, clock, known)

    def kinds(self, team: str) -> frozenset[str]:
        """The kinds of block that this workspace refused in the last 30 days."""
        if not self._known:
            return frozenset()
        since = self._clock() - KEPT
        return frozenset(kind for (where, kind), at in self._known.items() if where == team and at > since)

    async def remember(self, team: str, kinds: Collection[str]) -> None:
        """A workspace refused these kinds just now. Raises StoreDown."""
        now = self._clock()
        self._known.update({(team, kind): now for kind in kinds})
        given = insert(refused_blocks).values(
            [{"team": team, "kind": kind, "at": now} for kind in sorted(kinds)]
        )
        kept = given.on_conflict_do_update(index_elements=["team", "kind"], set_={"at": now})
        await self._database.run(lambda connection: connection.execute(kept))
