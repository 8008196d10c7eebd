"""What is stored of calls to VirusTotal: the quota of each key, which processes share, and the replies, so that none is asked for twice."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from pydantic import SecretStr, TypeAdapter, ValidationError
from sqlalchemy import JSON, Column, DateTime, Index, MetaData, Table, Text, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database import Database
from vt import quota
from vt.errors import QuotaSpent
from vt.quota import Limits, Usage

log = structlog.get_logger()

metadata = MetaData()
quotas = Table("quotas", metadata, Column("key", Text, primary_key=True), Column("use", Text, nullable=False))
replies = Table(
    "replies",
    metadata,
    Column("key", Text, primary_key=True),
    Column("raw", JSON, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("replies_by_age", "at"),
)
# Several lookups may have asked at once: the reply that came last stays, whichever is written last.
_PUT_REPLY = text("""
    INSERT INTO replies (key, raw, at) VALUES (:key, CAST(:raw AS json), :at)
    ON CONFLICT (key) DO UPDATE SET raw = excluded.raw, at = excluded.at WHERE replies.at <= excluded.at
""")
_USAGE = TypeAdapter(Usage)

Change = Callable[[Usage, datetime], Usage]


class QuotaStore:
    """A Quota. Every method raises StoreDown when the database cannot take it.

    `reserve`: calls of a day that are left for others who book from the same key.
    """

    def __init__(
        self,
        database: Database,
        key: SecretStr,
        limits: Limits,
        clock: Callable[[], datetime],
        *,
        reserve: int = 0,
    ) -> None:
        self._database = database
        self.name = hashlib.sha256(key.get_secret_value().encode()).hexdigest()[:16]
        """Identifies the key in the table: a hash, from which the key cannot be found."""
        self._limits = limits
        self._clock = clock
        self._reserve = reserve
        self._refused_before = False
        self._last = ""
        """The row as this process wrote it last; it is current while no other process has changed the row."""
        # One task of this process at a time changes the row.
        self._turn = asyncio.Lock()

    async def take(self, calls: int = 1) -> None:
        """Book calls, all or none. Raises QuotaSpent(retry_at); ValueError when they can never fit."""
        usage = await self._change(
            lambda usage, now: quota.book(usage, self._limits, calls, now, reserve=self._reserve)
        )
        self._refused_before = usage.refusals > 0

    async def refused(self, seconds: float | None = None) -> None:
        """Block the key for everybody, for so long, or longer each time. Raises QuotaSpent(retry_at) always."""
        usage = await self._change(partial(quota.after_refusal, seconds=seconds))
        raise QuotaSpent(usage.blocked_until or self._clock())

    async def worked(self) -> None:
        """Forget refusals, if there were any when the call was booked."""
        if self._refused_before:
            self._refused_before = False
            await self._change(quota.after_answer)

    async def left(self) -> Mapping[str, tuple[int, int]]:
        """Calls used and allowed in each window."""
        usage = await self._database.run(self._find)
        return quota.windows(usage, self._limits, self._clock())

    async def _find(self, connection: AsyncConnection) -> Usage:
        found = await connection.scalar(select(quotas.c.use).where(quotas.c.key == self.name))
        return _parsed(found) if found else Usage()

    async def _change(self, change: Change) -> Usage:
        async with self._turn:
            return await self._database.run(lambda connection: self._swapped(change, connection))

    async def _swapped(self, change: Change, connection: AsyncConnection) -> Usage:
        """Change the row. If it is still as we wrote it, one statement does; else it is read first.

        A refusal is never decided on the remembered row (hence `suppress`): other processes may have changed it.
        """
        if self._last:
            with suppress(QuotaSpent):
                usage = change(_USAGE.validate_json(self._last), self._clock())
                if await self._put(connection, self._last, usage):
                    return usage
        while True:
            found = await self._read(connection)
            usage = change(_parsed(found), self._clock())
            if await self._put(connection, found, usage):
                return usage

    async def _read(self, connection: AsyncConnection) -> str:
        row = select(quotas.c.use).where(quotas.c.key == self.name)
        found = await connection.scalar(row)
        if found is None:
            await connection.execute(_FIRST_QUOTA, {"key": self.name, "use": _text(Usage())})
            found = await connection.scalar(row)
        return str(found)

    async def _put(self, connection: AsyncConnection, before: str, usage: Usage) -> bool:
        """False: it was changed by another process in the meantime."""
        after = _text(usage)
        put = await connection.execute(_SWAP_QUOTA, {"key": self.name, "before": before, "after": after})
        self._last = after if put.rowcount else ""
        return bool(put.rowcount)


_FIRST_QUOTA = insert(quotas).on_conflict_do_nothing()
_SWAP_QUOTA = text("UPDATE quotas SET use = :after WHERE key = :key AND use = :before")


def _parsed(stored: str) -> Usage:
    """The usage. A row that cannot be read counts as nothing: VirusTotal still says 204 when the quota is spent."""
    try:
        return _USAGE.validate_json(stored)
    except ValidationError:
        log.error("quota_unreadable")  # noqa: TRY400 - the traceback would hold the row
        return Usage()


def _text(usage: Usage) -> str:
    return _USAGE.dump_json(usage).decode()


# Replies ----------------------------------------------------------------------------------------------


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
                lambda connection: connection.execute(_PUT_REPLY, rows), together=len(rows) > 1
            )

    async def prune(self, older_than: datetime) -> None:
        """Delete replies that came before that time, to whichever key. Raises StoreDown."""
        old = delete(replies).where(replies.c.at < older_than)
        await self._database.run(lambda connection: connection.execute(old))
