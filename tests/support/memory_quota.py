"""A quota that lives in one process's memory."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from vt.errors import QuotaSpent
from vt.fair_queue import Tickets, without
from vt.quota import Ask, Limits, Usage, after_answer, after_refusal, rescheduled, take, windows


def book(usage, limits, calls, now, **options):
    """The usage with these calls booked. Raises QuotaSpent."""
    usage, refusal = take(usage, limits, calls, now, **options)
    if refusal:
        raise refusal.error()
    return usage


class MemoryQuota:
    """The same arithmetic as QuotaStore, without a database."""

    def __init__(self, limits: Limits, clock: Callable[[], datetime]) -> None:
        self.limits = limits
        self._clock = clock
        self._usage = Usage()

    @property
    def tickets(self) -> Tickets:
        """Who waits."""
        return self._usage.tickets

    async def take(self, calls: int = 1, ask: Ask | None = None) -> None:
        """Book calls, all or none. Raises QuotaSpent and ValueError."""
        now = self._clock()
        if ask and (known := ask.plan.known_refusal(now)):
            raise known
        ticket = ask.ticket(calls, now) if ask else None
        usage, refusal = take(self._usage, self.limits, calls, now, ticket)
        self._usage, _ = rescheduled(usage, self.limits, now)
        if refusal:
            raise ask.plan.refuse(refusal) if ask else refusal.error()
        if ask:
            ask.plan.booked(calls)

    async def leave(self, case_id: str) -> None:
        """Drop the tickets of a case."""
        usage = replace(self._usage, tickets=without(self._usage.tickets, case_id))
        self._usage, _ = rescheduled(usage, self.limits, self._clock())

    async def refused(self, seconds: float | None = None, _ask: Ask | None = None) -> None:
        """Block calls. Always raises QuotaSpent."""
        now = self._clock()
        self._usage = after_refusal(self._usage, now, seconds)
        raise QuotaSpent(self._usage.blocked_until or now)

    async def worked(self) -> None:
        """Forget refusals."""
        self._usage = after_answer(self._usage, self._clock())

    async def left(self) -> Mapping[str, tuple[int, int]]:
        """Calls used and allowed."""
        return windows(self._usage, self.limits, self._clock())
