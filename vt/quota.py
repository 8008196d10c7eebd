"""A VirusTotal key's allowance: calls a minute (sliding), a day (from 00:00 UTC) and a month (from the 1st).

Pure arithmetic over what was used, so that every keeper of a quota counts alike; and the keeper for one process.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

from vt.errors import QuotaSpent, Reserved

MINUTE = timedelta(seconds=60)
GRAIN = 100_000
"""Microseconds to which bookings are kept, rounded up: at most 600 a minute, none of which frees its calls early."""
SKEW = timedelta(hours=1)
"""How far ahead the clock of another process may be; what is kept from further ahead is a clock that was wrong."""
FIRST_PAUSE = timedelta(seconds=60)
"""After VirusTotal's first 204; it doubles with each that follows."""


class Quota(Protocol):
    """Who may call now. Kept in one place, so that every process that shares the key shares the count."""

    async def take(self, calls: int = 1) -> None:
        """Book calls about to be made, all or none. Raises QuotaSpent(retry_at) when they do not fit.

        ValueError: more calls than a window holds at all.
        """

    async def refused(self) -> None:
        """VirusTotal itself said 204: remember it for everybody. Raises QuotaSpent(retry_at) always."""

    async def worked(self) -> None:
        """VirusTotal answered: earlier refusals are over. Costs nothing when there were none."""

    async def left(self) -> Mapping[str, tuple[int, int]]:
        """Calls used and allowed in each window, minute, day and month; 0 allowed means no limit."""


@dataclass(slots=True)
class Meter:
    """How many calls were made."""

    calls: int = 0


_METER: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def metered() -> Iterator[Meter]:
    """Counts the calls of whatever is done inside, the tasks that it starts included."""
    meter = Meter()
    before = _METER.set(meter)
    try:
        yield meter
    finally:
        _METER.reset(before)


def count(calls: int = 1) -> None:
    """Calls were booked and are about to be made."""
    if meter := _METER.get():
        meter.calls += calls


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls that each window holds; 0 means no limit."""

    minute: int = 4
    day: int = 500
    month: int = 15500


@dataclass(frozen=True, slots=True)
class Use:
    """What was used of a key; the functions below make the next one from it."""

    recent: tuple[tuple[datetime, int], ...] = ()
    """When how many calls were booked, oldest first."""
    day: date = date.min
    calls_of_day: int = 0
    month: date = date.min
    calls_of_month: int = 0
    refusals: int = 0
    """204s in a row."""
    blocked_until: datetime | None = None


def book(use: Use, limits: Limits, calls: int, now: datetime, *, reserve: int = 0) -> Use:
    """With these calls booked. Raises QuotaSpent with the time at which they will fit, ValueError if they never do.

    `reserve`: calls of the day that are left for others. Raises Reserved when only they are left.
    """
    use = at(use, now)
    slot = next_slot(use, limits, calls, now)
    if limits.day and use.calls_of_day + calls > limits.day - reserve:
        midnight = _midnight(use.day + timedelta(days=1))
        raise Reserved(midnight) if slot < midnight else QuotaSpent(slot)
    if slot > now:
        raise QuotaSpent(slot)
    return replace(
        use,
        recent=_with(use.recent, now, calls),
        calls_of_day=use.calls_of_day + calls,
        calls_of_month=use.calls_of_month + calls,
    )


def next_slot(use: Use, limits: Limits, calls: int, now: datetime) -> datetime:
    """The first time, now or later, at which these calls fit, if nobody else books any."""
    if calls < 1 or any(0 < limit < calls for limit in (limits.minute, limits.day, limits.month)):
        raise ValueError(calls)
    use = at(use, now)
    slots = [now, use.blocked_until or now]
    if limits.minute:
        slots.append(_minute_slot(use, limits.minute - calls, now))
    if limits.day and use.calls_of_day + calls > limits.day:
        slots.append(_midnight(use.day + timedelta(days=1)))
    if limits.month and use.calls_of_month + calls > limits.month:
        slots.append(_midnight(_first(use.month + timedelta(days=31))))
    return max(slots)


def refuse(use: Use, now: datetime) -> Use:
    """Blocked, longer with each 204 in a row; at midnight UTC the day's calls are there again at the latest."""
    use = at(use, now)
    if use.blocked_until and use.blocked_until > now:
        return use  # one of several calls that were under way together
    pause = FIRST_PAUSE * 2 ** min(use.refusals, 10)
    until = min(now + pause, _midnight(now.date() + timedelta(days=1)))
    return replace(use, refusals=use.refusals + 1, blocked_until=until)


def work(use: Use, now: datetime) -> Use:
    """No longer suspected, unless the block still holds: then it was a call from before it."""
    if use.blocked_until and use.blocked_until > now:
        return use
    return replace(use, refusals=0, blocked_until=None)


def at(use: Use, now: datetime) -> Use:
    """What of it still counts at that time."""
    days = {now.date(), (now + SKEW).date()}
    if use.day not in days:
        use = replace(use, day=now.date(), calls_of_day=0, refusals=0, blocked_until=None)
    if use.month not in {_first(day) for day in days}:
        use = replace(use, month=_first(now.date()), calls_of_month=0)
    recent = tuple((when, calls) for when, calls in use.recent if now - MINUTE < when < now + SKEW)
    return replace(use, recent=recent)


def windows(use: Use, limits: Limits, now: datetime) -> Mapping[str, tuple[int, int]]:
    """Calls used and allowed in each window."""
    use = at(use, now)
    return {
        "minute": (sum(calls for _, calls in use.recent), limits.minute),
        "day": (use.calls_of_day, limits.day),
        "month": (use.calls_of_month, limits.month),
    }


def _minute_slot(use: Use, room: int, now: datetime) -> datetime:
    """When no more calls than `room` are left of those in the last minute."""
    used = sum(calls for _, calls in use.recent)
    slot = now
    for when, calls in use.recent:
        if used <= room:
            break
        used -= calls
        slot = when + MINUTE
    return slot


def _with(
    recent: tuple[tuple[datetime, int], ...], now: datetime, calls: int
) -> tuple[tuple[datetime, int], ...]:
    """Sorted, as another process' clock may be ahead."""
    booked = dict(recent)
    when = now + timedelta(microseconds=-now.microsecond % GRAIN)
    booked[when] = booked.get(when, 0) + calls
    return tuple(sorted(booked.items()))


def _first(day: date) -> date:
    return day.replace(day=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


class InMemory:
    """The quota of one process, forgotten with it: for tests and small tools."""

    def __init__(self, limits: Limits, clock: Callable[[], datetime]) -> None:
        self._limits = limits
        self._clock = clock
        self._use = Use()

    async def take(self, calls: int = 1) -> None:
        """Book calls, all or none."""
        self._use = book(self._use, self._limits, calls, self._clock())

    async def refused(self) -> None:
        """Block, and say until when."""
        now = self._clock()
        self._use = refuse(self._use, now)
        raise QuotaSpent(self._use.blocked_until or now)

    async def worked(self) -> None:
        """Forget refusals."""
        self._use = work(self._use, self._clock())

    async def left(self) -> Mapping[str, tuple[int, int]]:
        """Calls used and allowed."""
        return windows(self._use, self._limits, self._clock())
