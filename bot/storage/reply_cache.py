"""VirusTotal's replies, kept so that the same thing is not asked twice: their table, and the Replies of handlers."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Index, MetaData, Table, Text, delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database import Database

metadata = MetaData()
replies = Table(
    "replies",
    metadata,
    Column("key", Text, primary_key=True),
    Column("raw", JSON, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("replies_by_age", "at"),
)
# Several lookups may have asked at once: the reply that came last stays, whichever is written last.
_PUT = text("""
    INSERT INTO replies (key, raw, at) VALUES (:key, CAST(:raw AS json), :at)
    ON CONFLICT (key) DO UPDATE SET raw = excluded.raw, at = excluded.at WHERE replies.at <= excluded.at
""")


class StoredReplies:
    """VirusTotal's replies, kept so that the same thing is not asked twice. Raises StoreDown as Cases does.

    `owner`: to whose key they came. What the sandbox invented is never taken for what VirusTotal said.
    """

    def __init__(self, database: Database, owner: str = "") -> None:
        self._database = database
        self._owner = owner

    async def get(self, keys: Iterable[str], newer_than: datetime) -> dict[str, dict[str, Any]]:
        """Those of them that are kept and came after that time."""
        return {key: raw for key, (raw, _) in (await self.recall(keys, newer_than)).items()}

    async def recall(
        self, keys: Iterable[str], newer_than: datetime
    ) -> dict[str, tuple[dict[str, Any], datetime]]:
        """The same, with the times when they came."""
        wanted = [self._owner + key for key in keys]

        async def find(connection: AsyncConnection) -> Any:
            found = select(replies).where(replies.c.key.in_(wanted), replies.c.at > newer_than)
            return (await connection.execute(found)).all()

        rows = await self._database.run(find)
        found = [row for row in rows if isinstance(row.raw, dict)]
        return {row.key.removeprefix(self._owner): (row.raw, row.at) for row in found}

    async def put(self, raws: Mapping[str, dict[str, Any]], at: datetime) -> None:
        """Keep replies that came at that time; what is newer stays."""
        rows = [
            {"key": self._owner + key, "raw": json.dumps(raw), "at": at} for key, raw in sorted(raws.items())
        ]
        if rows:
            await self._database.run(
                lambda connection: connection.execute(_PUT, rows), together=len(rows) > 1
            )

    async def prune(self, older_than: datetime) -> None:
        """Delete replies that came before that time, to whichever key. Raises StoreDown."""
        old = delete(replies).where(replies.c.at < older_than)
        await self._database.run(lambda connection: connection.execute(old))
