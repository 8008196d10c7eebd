"""The quota of a VirusTotal key, counted in the database: processes that share the key share the count."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime

from pydantic import SecretStr, TypeAdapter
from sqlalchemy import Column, MetaData, Table, Text, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database import Database
from vt import quota
from vt.errors import QuotaSpent
from vt.quota import Limits, Use

metadata = MetaData()
quotas = Table("quotas", metadata, Column("key", Text, primary_key=True), Column("use", Text, nullable=False))
_USE = TypeAdapter(Use)

Change = Callable[[Use, datetime], Use]


class Ledger:
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
        """Of the key, told by nobody who does not have it."""
        self._limits = limits
        self._clock = clock
        self._reserve = reserve
        self._refused_before = False
        # Who waits for the row does it here, and not on a connection each.
        self._turn = asyncio.Lock()

    async def take(self, calls: int = 1) -> None:
        """Book calls, all or none. Raises QuotaSpent(retry_at); ValueError when they can never fit."""
        use = await self._change(
            lambda use, now: quota.book(use, self._limits, calls, now, reserve=self._reserve)
        )
        self._refused_before = use.refusals > 0

    async def refused(self) -> None:
        """Block the key for everybody, longer each time. Raises QuotaSpent(retry_at) always."""
        use = await self._change(quota.refuse)
        raise QuotaSpent(use.blocked_until or self._clock())

    async def worked(self) -> None:
        """Forget refusals, if there were any when the call was booked."""
        if self._refused_before:
            self._refused_before = False
            await self._change(quota.work)

    async def left(self) -> Mapping[str, tuple[int, int]]:
        """Calls used and allowed in each window."""
        use = await self._database.run(self._find)
        return quota.windows(use, self._limits, self._clock())

    async def _find(self, connection: AsyncConnection) -> Use:
        found = await connection.scalar(select(quotas.c.use).where(quotas.c.key == self.name))
        return _USE.validate_json(found) if found else Use()

    async def _change(self, change: Change) -> Use:
        async def locked(connection: AsyncConnection) -> Use:
            row = select(quotas.c.use).where(quotas.c.key == self.name).with_for_update()
            found = await connection.scalar(row)
            if found is None:
                await connection.execute(_FIRST, {"key": self.name, "use": _text(Use())})
                found = await connection.scalar(row)
            use = change(_USE.validate_json(found or "{}"), self._clock())
            await connection.execute(_STORE.where(quotas.c.key == self.name), {"use": _text(use)})
            return use

        async with self._turn:
            return await self._database.run(locked, together=True)


_FIRST = insert(quotas).on_conflict_do_nothing()
_STORE = update(quotas)


def _text(use: Use) -> str:
    return _USE.dump_json(use).decode()
