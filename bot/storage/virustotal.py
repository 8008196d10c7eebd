"""The quota of each VirusTotal key, which processes share: the table, and the Quota of vt."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from pydantic import SecretStr, TypeAdapter, ValidationError
from sqlalchemy import Column, MetaData, Table, Text

from bot.database import Database
from handlers.case import StoreDown
from vt import quota
from vt.errors import QuotaSpent
from vt.quota import Limits, Usage

log = structlog.get_logger()

metadata = MetaData()
quotas = Table("quotas", metadata, Column("key", Text, primary_key=True), Column("use", Text, nullable=False))
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
        self._last, self._usage = "", Usage()
        """The row as this process wrote it last; it is current while no other process has changed the row."""
        # One task of this process at a time changes the row, and books for all that wait.
        self._turn = asyncio.Lock()
        self._waiting: list[_Booking] = []

    async def take(self, calls: int = 1) -> None:
        """Book calls, all or none. Raises QuotaSpent(retry_at); ValueError when they can never fit."""
        mine = _Booking(calls, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        async with self._turn:
            if not mine.booked.done():
                await self._book_waiting()
        await mine.booked

    async def _book_waiting(self) -> None:
        """Book for all who wait, in one statement. Whoever does not get any calls finds the reason in their future."""
        bookings, self._waiting = [one for one in self._waiting if not one.booked.cancelled()], []
        refusals: list[Exception | None] = []

        def book(usage: Usage, now: datetime) -> Usage:
            refusals.clear()
            for one in bookings:
                try:
                    usage = quota.book(usage, self._limits, one.calls, now, reserve=self._reserve)
                    refusals.append(None)
                except (QuotaSpent, ValueError) as refusal:
                    refusals.append(refusal)
            return usage

        try:
            usage = await self._swapped(book, is_refused=lambda: any(refusals))
        except StoreDown as down:
            refusals[:] = [down] * len(bookings)
        except BaseException:
            self._waiting[:0] = bookings  # cancelled: somebody else books for the others
            raise
        else:
            self._refused_before = usage.refusals > 0
        for one, refusal in zip(bookings, refusals, strict=True):
            one.settle(refusal)

    async def refused(self, seconds: float | None = None) -> None:
        """Block the key for everybody, for so long, or longer each time. Raises QuotaSpent(retry_at) always."""
        usage = await self._change(partial(quota.after_refusal, seconds=seconds))
        raise QuotaSpent(usage.blocked_until or self._clock())

    async def clock_was_set(self, before: datetime, now: datetime) -> None:
        """The clock shows `now` where it showed `before`. Raises StoreDown."""
        await self._change(lambda usage, _: quota.clock_was_set(usage, before, now))

    async def worked(self) -> None:
        """Forget refusals, if there were any when the call was booked."""
        if self._refused_before:
            self._refused_before = False
            await self._change(quota.after_answer)

    async def left(self) -> Mapping[str, tuple[int, int]]:
        """Calls used and allowed in each window."""
        found = await self._database.rows(_READ_QUOTA, {"key": self.name})
        usage = _parsed(found[0].use) if found else Usage()
        return quota.windows(usage, self._limits, self._clock())

    async def _change(self, change: Change) -> Usage:
        async with self._turn:
            return await self._swapped(change)

    async def _swapped(self, change: Change, is_refused: Callable[[], bool] = lambda: False) -> Usage:
        """Change the row. If it is still as we wrote it, one statement does; else it is read first.

        A refusal is never decided on the remembered row: other processes may have changed it.
        """
        if self._last:
            usage = change(self._usage, self._clock())
            if not is_refused() and await self._put(self._last, usage):
                return usage
        while True:
            found = await self._read()
            before = _parsed(found)
            usage = change(before, self._clock())
            if usage == before or await self._put(found, usage):
                return usage

    async def _read(self) -> str:
        found = await self._database.rows(_READ_QUOTA, {"key": self.name})
        if not found:
            await self._database.rows(_FIRST_QUOTA, {"key": self.name, "use": _text(Usage())})
            found = await self._database.rows(_READ_QUOTA, {"key": self.name})
        return str(found[0].use)

    async def _put(self, before: str, usage: Usage) -> bool:
        """False: it was changed by another process in the meantime."""
        after = _text(usage)
        put = await self._database.rows(_SWAP_QUOTA, {"key": self.name, "before": before, "after": after})
        self._last, self._usage = (after, usage) if put else ("", Usage())
        return bool(put)


@dataclass(frozen=True, slots=True)
class _Booking:
    """Calls that somebody waits for."""

    calls: int
    booked: asyncio.Future[None]

    def settle(self, refusal: Exception | None) -> None:
        """They are booked, or refused."""
        if self.booked.done():
            return
        if refusal:
            self.booked.set_exception(refusal)
        else:
            self.booked.set_result(None)


_READ_QUOTA = "SELECT use FROM quotas WHERE key = %(key)s"
_FIRST_QUOTA = "INSERT INTO quotas (key, use) VALUES (%(key)s, %(use)s) ON CONFLICT DO NOTHING"
_SWAP_QUOTA = (
    "UPDATE quotas SET use = %(after)s WHERE key = %(key)s AND use = %(before)s RETURNING true AS put"
)


def _parsed(stored: str) -> Usage:
    """The usage. A row that cannot be read counts as nothing: VirusTotal still says 204 when the quota is spent."""
    try:
        return _USAGE.validate_json(stored)
    except ValidationError:
        log.error("quota_unreadable")  # noqa: TRY400 - the traceback would hold the row
        return Usage()


def _text(usage: Usage) -> str:
    return _USAGE.dump_json(usage).decode()
