"""The quota of a VirusTotal key: calls per minute (sliding), per day (from 00:00 UTC) and per month (from the 1st).

The arithmetic is pure: bot/storage/virustotal.py applies it to the row that all processes share.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol

from vt.errors import QuotaSpent, Reserved

MINUTE = timedelta(seconds=60)
GRAIN = 100_000
"""Microseconds to which the times of bookings are rounded up: at most 600 are kept for a minute, and none ends early."""
COARSE_GRAIN = 1_000_000
"""The same where a minute has no limit, so that nothing waits for its bookings."""
SKEW = timedelta(minutes=1)
"""How far ahead another process's clock may be: all of them go by the database's. Bookings from further ahead come from a wrong clock and are ignored."""
LONGEST_PAUSE = timedelta(days=1)
"""How long VirusTotal's Retry-After may keep us from calling it."""
FIRST_PAUSE = timedelta(seconds=60)
"""How long no call is made after VirusTotal's first 204. It doubles with each further one."""


class Saving(StrEnum):
    """Why a call to VirusTotal was not needed."""

    CACHE = "cache"
    COALESCING = "coalescing"
    """Another lookup had asked for the same."""
    BATCH = "batch"


class Quota(Protocol):
    """Decides whether a call may be made now. All processes that share the key share its counts."""

    async def take(self, calls: int = 1) -> None:
        """Book calls that are about to be made, all or none.

        Raises QuotaSpent when they do not fit now, and ValueError when a window can never hold so many.
        """

    async def refused(self, seconds: float | None = None) -> None:
        """VirusTotal answered 204 or 429: block calls for all processes, for its Retry-After if it sent one.

        Always raises QuotaSpent.
        """

    async def worked(self) -> None:
        """VirusTotal answered a call: forget earlier refusals. Costs nothing when there were none."""

    async def left(self) -> Mapping[str, tuple[int, int]]:
        """Calls used and allowed by window (minute, day, month); 0 allowed means no limit."""


@dataclass(slots=True)
class Meter:
    """Counts calls."""

    calls: int = 0


_METER: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def metered() -> Iterator[Meter]:
    """Count the calls that are made inside the block, including by tasks that are started there."""
    meter = Meter()
    before = _METER.set(meter)
    try:
        yield meter
    finally:
        _METER.reset(before)


def count(calls: int = 1) -> None:
    """Note calls that were booked, in the innermost `metered` block."""
    if meter := _METER.get():
        meter.calls += calls


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls allowed per window; 0 means no limit."""

    minute: int = 4
    day: int = 500
    month: int = 15500


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used of a key's quota. Immutable: the functions below return the next state."""

    recent: tuple[tuple[datetime, int], ...] = ()
    """Times of bookings, each with its number of calls, oldest first."""
    day: date = date.min
    calls_of_day: int = 0
    month: date = date.min
    calls_of_month: int = 0
    refusals: int = 0
    """Number of 204s in a row."""
    blocked_until: datetime | None = None


def book(usage: Usage, limits: Limits, calls: int, now: datetime, *, reserve: int = 0) -> Usage:
    """The usage with these calls booked at `now`.

    `reserve`: calls of the day that are left for others. Raises Reserved when only those are left, QuotaSpent when the
    calls fit later, and ValueError when they never do.
    """
    usage = current(usage, now)
    slot = next_slot(usage, limits, calls, now)
    if limits.day and usage.calls_of_day + calls > limits.day - reserve:
        midnight = _midnight(usage.day + timedelta(days=1))
        raise Reserved(midnight) if slot < midnight else QuotaSpent(slot)
    if slot > now:
        raise QuotaSpent(slot)
    return replace(
        usage,
        recent=_with(usage.recent, now, calls, GRAIN if limits.minute else COARSE_GRAIN),
        calls_of_day=usage.calls_of_day + calls,
        calls_of_month=usage.calls_of_month + calls,
    )


def next_slot(usage: Usage, limits: Limits, calls: int, now: datetime) -> datetime:
    """The first time, now or later, at which these calls fit if nobody else books any. Raises ValueError if they never do."""
    if calls < 1 or any(0 < limit < calls for limit in (limits.minute, limits.day, limits.month)):
        raise ValueError(calls)
    usage = current(usage, now)
    slots = [now, usage.blocked_until or now]
    if limits.minute:
        slots.append(_minute_slot(usage, limits.minute - calls, now))
    if limits.day and usage.calls_of_day + calls > limits.day:
        slots.append(_midnight(usage.day + timedelta(days=1)))
    if limits.month and usage.calls_of_month + calls > limits.month:
        slots.append(_midnight(_first(usage.month + timedelta(days=31))))
    return max(slots)


def after_refusal(usage: Usage, now: datetime, seconds: float | None = None) -> Usage:
    """The usage after a 204 or 429: blocked for the `seconds` that VirusTotal asked for, a day at most.

    If it asked for none: longer with each in a row, but not beyond midnight UTC, when the day's calls return.
    """
    usage = current(usage, now)
    if usage.blocked_until and usage.blocked_until > now:
        return usage  # one of several calls that were made together: it is the same refusal
    if seconds is not None:
        pause = timedelta(seconds=min(max(seconds, 1), LONGEST_PAUSE.total_seconds()))
        return replace(usage, blocked_until=now + pause)
    pause = FIRST_PAUSE * 2 ** min(usage.refusals, 10)
    until = min(now + pause, _midnight(now.date() + timedelta(days=1)))
    return replace(usage, refusals=usage.refusals + 1, blocked_until=until)


def after_answer(usage: Usage, now: datetime) -> Usage:
    """The usage after an answer: refusals are forgotten, unless a block holds, which the answered call was made before."""
    if usage.blocked_until and usage.blocked_until > now:
        return usage
    return replace(usage, refusals=0, blocked_until=None)


def current(usage: Usage, now: datetime) -> Usage:
    """The usage with everything dropped that no longer counts at `now`."""
    days = {now.date(), (now + SKEW).date()}
    if usage.day not in days:
        usage = replace(usage, day=now.date(), calls_of_day=0, refusals=0, blocked_until=None)
    if usage.month not in {_first(day) for day in days}:
        usage = replace(usage, month=_first(now.date()), calls_of_month=0)
    if usage.blocked_until and usage.blocked_until - now > LONGEST_PAUSE + SKEW:
        usage = replace(usage, blocked_until=None)  # by a clock that was ahead
    recent = tuple((when, calls) for when, calls in usage.recent if now - MINUTE < when < now + SKEW)
    return replace(usage, recent=recent)


def clock_was_set(usage: Usage, before: datetime, now: datetime) -> Usage:
    """The usage after the clock was set to `now` when it showed `before`: no call is forgotten, and none counts for longer.

    Each process that shares the row may do this: what was moved before stays.
    """
    moved = now - before
    recent = tuple(
        (when + moved if before - MINUTE < when < before + SKEW else when, calls)
        for when, calls in usage.recent
    )
    usage = replace(usage, recent=tuple(sorted(recent)))
    if abs(moved) < LONGEST_PAUSE:
        usage = replace(usage, day=now.date(), month=_first(now.date()))
    if usage.blocked_until and moved < timedelta(0):
        usage = replace(usage, blocked_until=usage.blocked_until + moved)
    return usage


def windows(usage: Usage, limits: Limits, now: datetime) -> Mapping[str, tuple[int, int]]:
    """Calls used and allowed in each window."""
    usage = current(usage, now)
    return {
        "minute": (sum(calls for _, calls in usage.recent), limits.minute),
        "day": (usage.calls_of_day, limits.day),
        "month": (usage.calls_of_month, limits.month),
    }


def _minute_slot(usage: Usage, room: int, now: datetime) -> datetime:
    """The time from which at most `room` calls lie within the last minute."""
    used = sum(calls for _, calls in usage.recent)
    slot = now
    for when, calls in usage.recent:
        if used <= room:
            break
        used -= calls
        slot = when + MINUTE
    return slot


def _with(
    recent: tuple[tuple[datetime, int], ...], now: datetime, calls: int, grain: int
) -> tuple[tuple[datetime, int], ...]:
    """The bookings with this one added. They are sorted, since another process's clock may be ahead."""
    booked = dict(recent)
    when = now + timedelta(microseconds=-now.microsecond % grain)
    booked[when] = booked.get(when, 0) + calls
    return tuple(sorted(booked.items()))


def _first(day: date) -> date:
    return day.replace(day=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
