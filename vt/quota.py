"""The quota of a VirusTotal key: calls per minute (sliding), per day (from 00:00 UTC) and per month (from the 1st).

The arithmetic is pure: bot/storage/virustotal.py applies it to the row that all processes share. Who waits is in the row too
(vt/fair_queue.py): whoever asks gets calls only if those who go first could have theirs as well. On whose behalf calls are
made is known wherever they are made (`asking`).
"""

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

from vt import fair_queue
from vt.errors import QuotaSpent
from vt.fair_queue import Priority, Refusal, Ticket, Tickets

MINUTE = timedelta(seconds=60.8)
"""How long a booking counts: a call is sent some moments after it was booked, and that time varies."""
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


class Quota(Protocol):
    """Decides whether a call may be made now. All processes that share the key share its counts."""

    async def take(self, calls: int = 1, ask: "Ask | None" = None) -> None:
        """Book calls that are about to be made, all or none, on behalf of `ask`, which is queued when they are refused.

        Raises QuotaSpent when they do not fit now or others go first, and ValueError when a window can never hold so many.
        """

    async def leave(self, case_id: str) -> None:
        """A case that was queued no longer waits for calls."""

    async def refused(self, seconds: float | None = None, ask: "Ask | None" = None) -> None:
        """VirusTotal answered 204 or 429: block calls for all processes, for its Retry-After if it sent one.

        Always raises QuotaSpent. Whoever asked goes first when calls are made again.
        """

    async def worked(self) -> None:
        """VirusTotal answered a call: forget earlier refusals. Costs nothing when there were none."""

    async def left(self) -> Mapping[str, tuple[int, int]]:
        """Calls used and allowed by window (minute, day, month); 0 allowed means no limit."""


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
    tickets: Tickets = ()
    """Who waits. Rows of older versions have none."""


def take(
    usage: Usage, limits: Limits, calls: int, now: datetime, ticket: Ticket | None = None, *, reserve: int = 0
) -> tuple[Usage, Refusal | None]:
    """Book calls at `now`, or refuse them and queue the ticket. Raises ValueError when they never fit.

    `ticket`: of who asks; None for somebody who cannot wait in the queue.
    `reserve`: calls of the day that are left for others.
    """
    usage = current(usage, now)
    slot = next_slot(usage, limits, calls, now)
    if limits.day and usage.calls_of_day + calls > limits.day - reserve:
        midnight = _midnight(usage.day + timedelta(days=1))
        if slot < midnight:
            return usage, Refusal((midnight,), reserved=True)
    if slot <= now and not usage.tickets:
        return _booked(usage, limits, calls, now), None
    tickets, mine = fair_queue.joined(usage.tickets, ticket or fair_queue.anonymous(calls, now), now)
    refusal = fair_queue.refusal(tickets, mine, Slots(usage, limits, now).following, now)
    if refusal is None:
        usage = _booked(usage, limits, calls, now)
        tickets = fair_queue.served(tickets, mine, calls)
    else:
        promised = mine._replace(due=refusal.slots[0], promised=refusal.slots[0])
        tickets = fair_queue.replaced(tickets, promised)
    if ticket is None:
        tickets = fair_queue.without(tickets, mine.case)
    return replace(usage, tickets=fair_queue.capped(tickets)), refusal


def _booked(usage: Usage, limits: Limits, calls: int, now: datetime) -> Usage:
    """The usage with these calls. The times are sorted, since another process's clock may be ahead."""
    recent, when = dict(usage.recent), _rounded(now, GRAIN if limits.minute else COARSE_GRAIN)
    recent[when] = recent.get(when, 0) + calls
    return replace(
        usage,
        recent=tuple(sorted(recent.items())),
        calls_of_day=usage.calls_of_day + calls,
        calls_of_month=usage.calls_of_month + calls,
    )


def next_slot(usage: Usage, limits: Limits, calls: int, now: datetime) -> datetime:
    """The first time, now or later, at which these calls fit if nobody else books any. Raises ValueError if they never do."""
    if calls < 1 or any(0 < limit < calls for limit in (limits.minute, limits.day, limits.month)):
        raise ValueError(calls)
    return Slots(current(usage, now), limits, now).following(calls)


class Slots:
    """The times at which calls fit, one booking after the other, each as early as it can be."""

    def __init__(self, usage: Usage, limits: Limits, now: datetime) -> None:
        """`usage` is current at `now`."""
        self.at = max(now, usage.blocked_until or now)
        """The time of the last one."""
        self._limits, self._recent = limits, deque(usage.recent)
        self._of_minute = sum(calls for _, calls in usage.recent)
        self._midnight, self._of_day = _midnight(usage.day + timedelta(days=1)), usage.calls_of_day
        self._month, self._of_month = usage.month, usage.calls_of_month

    def following(self, calls: int) -> datetime:
        """When that many fit together, after those before. They are not more than a window holds."""
        limits = self._limits
        while limits.minute and self._recent and self._of_minute + calls > limits.minute:
            when, booked = self._recent.popleft()
            self._of_minute -= booked
            self.at = max(self.at, when + MINUTE)
        self._turn_calendar()
        if limits.month and self._of_month + calls > limits.month:
            self.at = max(self.at, _midnight(_first(self._month + timedelta(days=31))))
        elif limits.day and self._of_day + calls > limits.day:
            self.at = max(self.at, self._midnight)
        self._turn_calendar()
        if limits.minute:
            self._recent.append((_rounded(self.at, GRAIN), calls))
        self._of_minute += calls
        self._of_day += calls
        self._of_month += calls
        return self.at

    def _turn_calendar(self) -> None:
        """Days and months that have ended by then no longer count."""
        if self.at < self._midnight:
            return
        today = self.at.date()
        self._midnight, self._of_day = _midnight(today + timedelta(days=1)), 0
        if _first(today) > self._month:
            self._month, self._of_month = _first(today), 0


def rescheduled(usage: Usage, limits: Limits, now: datetime) -> tuple[Usage, Mapping[str, datetime]]:
    """The usage after a change, and by case: when turns are due now that were due later (see fair_queue.moved)."""
    following = Slots(current(usage, now), limits, now).following
    tickets, moved = fair_queue.moved(usage.tickets, following, now)
    return (replace(usage, tickets=tickets) if moved else usage), moved


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
    tickets = tuple(one for one in usage.tickets if now <= one.due + fair_queue.FORGOTTEN)
    return replace(usage, recent=recent, tickets=tickets)


def clock_was_set(usage: Usage, before: datetime, now: datetime) -> Usage:
    """The usage after the clock was set to `now` when it showed `before`: no call is forgotten, and none counts for longer.

    Each process that shares the row may do this: what was moved before stays.
    """
    moved = now - before
    recent = tuple(
        (when + moved if before - MINUTE < when < before + SKEW else when, calls)
        for when, calls in usage.recent
    )
    # Turns that wait find out for how long now.
    tickets = tuple(one._replace(due=now, promised=now) for one in usage.tickets)
    usage = replace(usage, recent=tuple(sorted(recent)), tickets=tickets)
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


def _rounded(now: datetime, grain: int) -> datetime:
    return now + timedelta(microseconds=-now.microsecond % grain)


def _first(day: date) -> date:
    return day.replace(day=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


# Who asks ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Plan:
    """The calls that a turn is about to make, at one priority."""

    calls: int = 0
    """How many have not been booked."""
    refusal: Refusal | None = None
    """Of the first call that was refused. It holds for those after it too, until its time."""
    refused: int = 0
    """Bookings that were refused since."""

    def known_refusal(self, now: datetime) -> QuotaSpent | None:
        """The refusal of one more booking, if that is certain without a look at the quota."""
        if self.refusal is None or self.refusal.slots[0] <= now:
            return None
        self.refused += 1
        return self.refusal.error(self.refused - 1)

    def booked(self, calls: int) -> None:
        """Calls were booked."""
        self.calls, self.refusal = max(0, self.calls - calls), None

    def returned(self, calls: int) -> None:
        """VirusTotal refused calls that were booked: they are still to be made."""
        self.calls += calls

    def refuse(self, refusal: Refusal) -> QuotaSpent:
        """A booking was refused."""
        self.refused = self.refused + 1 if refusal == self.refusal else 1
        self.refusal = refusal
        return refusal.error(self.refused - 1)


@dataclass(slots=True)
class Meter:
    """Counts calls that were booked."""

    calls: int = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """On whose behalf calls are made: the case, the asker and the priority."""

    case: str
    asker: str
    priority: Priority
    plan: Plan
    spent: Meter

    def ticket(self, calls: int, now: datetime, booked: int = 0) -> Ticket:
        """A ticket for its calls, so many of them together. `booked`: calls that were booked a moment ago."""
        total = max(self.plan.calls - booked, calls)
        return Ticket(self.case, self.asker, self.priority, total, now, now, calls)


ASK: ContextVar[Ask | None] = ContextVar("ask", default=None)
"""On whose behalf calls are made now; None: nobody's who could wait in the queue."""


@contextmanager
def asking(case: str, asker: str, priority: Priority = Priority.PERSON) -> Iterator[Meter]:
    """Calls that are made inside the block, including by tasks that are started there, are made on behalf of this case, and counted."""
    spent = Meter()
    with _set(Ask(case, asker, priority, Plan(), spent)):
        yield spent


@contextmanager
def planned(plan: Plan, *, is_poll: bool = False) -> Iterator[None]:
    """A call inside the block is one of those of the plan. Polls are less urgent than what a person waits for."""
    ask, rank = ASK.get(), Priority.POLL if is_poll else Priority.PERSON
    with _set(ask and replace(ask, priority=max(ask.priority, rank), plan=plan)):
        yield


@contextmanager
def _set(ask: Ask | None) -> Iterator[None]:
    before = ASK.set(ask)
    try:
        yield
    finally:
        ASK.reset(before)
