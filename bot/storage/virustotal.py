"""What processes share of each VirusTotal key: its quota (the Quota of vt), and which files are being uploaded (its Uploads)."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from pydantic import SecretStr, TypeAdapter, ValidationError

from bot.connections import STEP, DatabaseClock
from bot.database import NOT_AWAITED, Database
from bot.queue.jobs import BRING_FORWARD
from handlers.case import StoreDown
from vt import fair_queue, quota
from vt.errors import QuotaSpent
from vt.fair_queue import Priority, Refusal, without
from vt.files.transfer import Upload
from vt.lookup import Lookup
from vt.polling import SAME_SCAN
from vt.quota import Ask, Limits, Usage

log = structlog.get_logger()

_USAGE = TypeAdapter(Usage)

Change = Callable[[Usage, datetime], Usage]
Outcome = Refusal | Exception | None  # of a booking: None if the calls may be made


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
        self._is_measured = isinstance(clock, DatabaseClock)
        """Whether bookings are by the database's clock. Each write checks our reading of it: this machine may have been suspended."""
        self._reserve = reserve
        self._refused_before = False
        self._last, self._usage = "", Usage()
        """The row as this process wrote it last; it is current while no other process has changed the row."""
        # One task of this process at a time changes the row, and books for all that wait.
        self._turn = asyncio.Lock()
        self._waiting: list[_Booking] = []

    async def take(self, calls: int = 1, ask: Ask | None = None) -> None:
        """Book calls, all or none. Raises QuotaSpent(retry_at); ValueError when they can never fit."""
        if ask and (refusal := ask.plan.known_refusal(self._clock())):
            raise refusal
        mine = _Booking(calls, ask, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        async with self._turn:
            if not mine.booked.done():
                await self._book_waiting()
        await mine.booked
        # Otherwise all turns that were booked together would call, and parse their replies, at the same moment.
        await self._database.ack_priority.give_way()

    async def _book_waiting(self) -> None:
        """Book for all who wait, in one statement. Whoever does not get any calls finds the reason in their future."""
        bookings, self._waiting = [one for one in self._waiting if not one.booked.cancelled()], []
        outcomes: list[Outcome] = []

        def book(usage: Usage, now: datetime) -> Usage:
            outcomes.clear()
            for one in bookings:
                ticket = None
                if one.ask:
                    settled = zip(bookings, outcomes, strict=False)
                    booked = (other for other, outcome in settled if outcome is None)
                    of_the_turn = (other for other in booked if other.ask and other.ask.plan is one.ask.plan)
                    ticket = one.ask.ticket(one.calls, now, sum(other.calls for other in of_the_turn))
                try:
                    usage, refusal = quota.take(
                        usage, self._limits, one.calls, now, ticket, reserve=self._reserve
                    )
                    outcomes.append(refusal)
                except ValueError as error:
                    outcomes.append(error)
            return usage

        try:
            usage = await self._swapped(book)
        except StoreDown as down:
            outcomes[:] = [down] * len(bookings)
        except BaseException:
            self._waiting[:0] = bookings  # cancelled: somebody else books for the others
            raise
        else:
            self._refused_before = usage.refusals > 0
        for one, outcome in zip(bookings, outcomes, strict=True):
            one.settle(outcome)

    async def leave(self, case_id: str) -> None:
        """A case no longer waits for calls: whoever waits behind it is called sooner. Raises StoreDown."""
        await self._change(lambda usage, _: replace(usage, tickets=without(usage.tickets, case_id)))

    async def refused(self, seconds: float | None = None, ask: Ask | None = None) -> None:
        """Block the key for everybody, for so long, or longer each time. Raises QuotaSpent(retry_at) always."""
        if ask is None:
            usage = await self._change(partial(quota.after_refusal, seconds=seconds))
            raise QuotaSpent(usage.blocked_until or self._clock())
        refusal: Refusal | None = None

        def block(usage: Usage, now: datetime) -> Usage:
            nonlocal refusal
            usage, ticket = quota.after_refusal(usage, now, seconds), ask.ticket(1, now)
            usage = replace(usage, tickets=fair_queue.returned(usage.tickets, ticket))
            usage, refusal = quota.take(usage, self._limits, 1, now, ticket)
            return usage

        ask.plan.returned(1)
        usage = await self._change(block)
        raise ask.plan.refuse(refusal or Refusal((usage.blocked_until or self._clock(),)))

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
        return quota.windows(await self._now(), self._limits, self._clock())

    async def waiting(self) -> Mapping[Priority, int]:
        """By priority, the calls that requests in the queue wait for."""
        calls = dict.fromkeys(Priority, 0)
        for ticket in quota.current(await self._now(), self._clock()).tickets:
            calls[ticket.priority] += ticket.calls
        return calls

    async def _now(self) -> Usage:
        found = await self._database.rows(_READ_QUOTA, {"key": self.name})
        return _parsed(found[0].use) if found else Usage()

    async def _change(self, change: Change) -> Usage:
        async with self._turn:
            return await self._swapped(change)

    async def _swapped(self, change: Change) -> Usage:
        """Change the row, and have the turns of those who wait taken when that moves their slots.

        If the row is still as we wrote it, one statement is enough; else it is read first. A change that turns out to change
        nothing, as most refusals do, is trusted only on a row that was just read: other processes may have changed it. Raises
        StoreDown while our reading of the database's clock, which is renewed every few seconds, is wrong.
        """
        if self._last:
            usage, turns = self._changed(self._usage, change)
            if usage != self._usage and await self._put(self._last, usage, turns):
                return usage
        while True:
            found = await self._read()
            before = _parsed(found)
            usage, turns = self._changed(before, change)
            if usage == before or await self._put(found, usage, turns):
                return usage
            if self._is_measured:
                [[at]] = await self._database.rows("SELECT clock_timestamp()", {})
                if abs(at - self._clock()) > STEP:
                    log.warning("clock_is_off", seconds=round((self._clock() - at).total_seconds()))
                    raise StoreDown

    def _changed(self, usage: Usage, change: Change) -> tuple[Usage, Mapping[str, float]]:
        """The usage after a change, and by case: in how many seconds its turn is to be taken."""
        now = self._clock()
        usage = change(usage, now)
        if not usage.tickets:
            return usage, {}
        usage, turns = quota.rescheduled(usage, self._limits, now)
        return usage, {case_id: (at - now).total_seconds() for case_id, at in turns.items()}

    async def _read(self) -> str:
        found = await self._database.rows(_READ_QUOTA, {"key": self.name})
        if not found:
            await self._database.rows(_FIRST_QUOTA, {"key": self.name, "use": _text(Usage())})
            found = await self._database.rows(_READ_QUOTA, {"key": self.name})
        return str(found[0].use)

    async def _put(self, before: str, usage: Usage, turns: Mapping[str, float]) -> bool:
        """False: it was changed by another process in the meantime, or our reading of the database's clock is wrong."""
        after = _text(usage)
        values: dict[str, Any] = {
            "key": self.name,
            "before": before,
            "after": after,
            "at": self._clock() if self._is_measured else None,
            "limited": self._limits != Limits(0, 0, 0),
        }
        if turns:
            values |= {"cases": list(turns), "seconds": list(turns.values())}
        put = await self._database.rows(_SWAP_AND_WAKE if turns else _SWAP_QUOTA, values)
        self._last, self._usage = (after, usage) if put else ("", Usage())
        return bool(put)


@dataclass(frozen=True, slots=True)
class _Booking:
    """Calls that somebody waits for."""

    calls: int
    ask: Ask | None
    booked: asyncio.Future[None]

    def settle(self, outcome: Outcome) -> None:
        """Tell whoever waits that the calls are booked, or why not."""
        if isinstance(outcome, Refusal):
            outcome = self.ask.plan.refuse(outcome) if self.ask else outcome.error()
        elif outcome is None and self.ask:
            self.ask.plan.booked(self.calls)
        if self.booked.done():
            return
        if outcome:
            self.booked.set_exception(outcome)
        else:
            self.booked.set_result(None)


_READ_QUOTA = "SELECT use FROM quotas WHERE key = %(key)s"
_FIRST_QUOTA = "INSERT INTO quotas (key, use) VALUES (%(key)s, %(use)s) ON CONFLICT DO NOTHING"
# The booking of a key without limits only counts what was used: it is not awaited on disk.
_SWAP_QUOTA = f"""
    UPDATE quotas SET use = %(after)s WHERE key = %(key)s AND use = %(before)s AND (%(limited)s OR {NOT_AWAITED})
       AND COALESCE(abs(extract(epoch FROM clock_timestamp() - %(at)s::timestamptz)) <= {STEP.total_seconds()}, true)
    RETURNING true AS put
"""  # noqa: S608 - constants
_SWAP_AND_WAKE = f"""
    WITH put AS ({_SWAP_QUOTA}), woken AS ({BRING_FORWARD} AND EXISTS (SELECT FROM put)) SELECT put FROM put
"""  # noqa: S608 - constants


def _parsed(stored: str) -> Usage:
    """The usage. A row that cannot be read counts as nothing: VirusTotal still says 204 when the quota is spent."""
    try:
        return _USAGE.validate_json(stored)
    except ValidationError:
        log.error("quota_unreadable")  # noqa: TRY400 - the traceback would hold the row
        return Usage()


def _text(usage: Usage) -> str:
    return _USAGE.dump_json(usage).decode()


# Uploads -----------------------------------------------------------------------------------------------
#
# An upload is claimed with a row that is renewed while it is sent, not with an advisory lock of PostgreSQL. Such a lock belongs
# to a session: an upload would keep a connection of the pool for minutes, and lose its lock with it although it goes on. And it
# leaves nothing behind: the row says that an upload was started by a process that has died, and keeps the receipt.

UPLOAD_SECONDS = 20  # for so long an upload is still claimed after its process has died
UPLOAD_RENEWAL = 5.0  # seconds between renewals
UPLOAD_SETTLES = 10  # seconds from the end of such a claim until VirusTotal knows a file that it got
_OVER = f"""
    mine.claimed_until < now() AND (mine.receipt IS NULL OR mine.claimed_until < now() - interval '{SAME_SCAN.seconds} seconds')
    AND CASE WHEN %(wanted)s::timestamptz IS NOT NULL THEN mine.upload_started < %(wanted)s
             ELSE mine.claimed_until + interval '{UPLOAD_SETTLES} seconds' < %(checked)s::timestamptz END
"""
"""True when an earlier upload does not stand in the way of a new one: it has ended, and either VirusTotal was `checked` after
that and does not know the file, or a newer analysis is `wanted` than the one that it started."""
_BEGIN_UPLOAD = f"""
    INSERT INTO uploads AS mine (key, claimant, upload_started, claimed_until)
    VALUES (%(key)s, %(claimant)s, now(), now() + interval '{UPLOAD_SECONDS} seconds')
    ON CONFLICT (key) DO UPDATE
    SET claimant = excluded.claimant, upload_started = now(), claimed_until = excluded.claimed_until, receipt = NULL
    WHERE {_OVER}
    RETURNING key
"""  # noqa: S608 - constants
_UPLOAD = """
    SELECT upload_started, claimed_until > now() AS is_running, receipt::text AS receipt FROM uploads WHERE key = %(key)s
"""
_RENEW_UPLOAD = f"""
    UPDATE uploads SET claimed_until = now() + interval '{UPLOAD_SECONDS} seconds'
    WHERE key = %(key)s AND claimant = %(claimant)s
"""  # noqa: S608 - constants
_END_UPLOAD = """
    UPDATE uploads SET claimed_until = now(), receipt = %(receipt)s::json
    WHERE key = %(key)s AND claimant = %(claimant)s
"""
_FORGET_UPLOAD = "DELETE FROM uploads WHERE key = %(key)s AND claimant = %(claimant)s"
PRUNE_UPLOADS = "DELETE FROM uploads WHERE claimed_until < now() - interval '1 day'"
"""Deletes uploads that ended so long ago that nobody waits for them."""


class Uploads:
    """The Uploads of vt. Every method raises StoreDown. `owner`: whose key is used."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = owner

    @asynccontextmanager
    async def claimed(self, lookup: Lookup) -> AsyncIterator[Upload]:
        """The content is the caller's to send while the context is open, unless somebody else sends it or has sent it.

        Nothing is locked meanwhile, and no connection held. When the database is down at the end, the claim runs out.
        """
        row = {"key": f"{self._owner}{lookup.value}", "claimant": secrets.token_hex(8)}
        terms = {"wanted": lookup.reanalyse_after, "checked": lookup.checked_at}
        if not await self._database.rows(_BEGIN_UPLOAD, row | terms):
            yield await self._others_upload(row)
            return
        upload, renewing = Upload(), asyncio.create_task(self._renew(row))
        try:
            yield upload
        finally:
            renewing.cancel()
            is_kept = upload.receipt or upload.may_have_arrived
            receipt = {"receipt": json.dumps(dict(upload.receipt)) if upload.receipt else None}
            with suppress(StoreDown):
                await self._database.rows(_END_UPLOAD if is_kept else _FORGET_UPLOAD, row | receipt)

    async def _others_upload(self, row: Mapping[str, Any]) -> Upload:
        found = await self._database.rows(_UPLOAD, row)
        if not found or found[0].is_running:
            return Upload(is_own=False)
        if receipt := found[0].receipt:
            return Upload(is_own=False, receipt=json.loads(receipt))
        return Upload(is_own=False, upload_started=found[0].upload_started)

    async def _renew(self, row: Mapping[str, Any]) -> None:
        while True:
            await asyncio.sleep(UPLOAD_RENEWAL)
            with suppress(StoreDown):
                await self._database.rows(_RENEW_UPLOAD, row)
