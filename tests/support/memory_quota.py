"""A quota that lives in one process's memory."""

from collections.abc import Callable, Mapping
from datetime import datetime

from vt.errors import QuotaSpent
from vt.quota import Limits, Usage, after_answer, after_refusal, book, windows


class MemoryQuota:
    """The same arithmetic as QuotaStore, without a database."""

    def __init__(self, limits: Limits, clock: Callable[[], datetime]) -> None:
        self._limits = limits
        self._clock = clock
        self._usage = Usage()

    async def take(self, calls: int = 1) -> None:
        """Book calls, all or none. Raises QuotaSpent and ValueError."""
        self._usage = book(self._usage, self._limits, calls, self._clock())

    async def refused(self, seconds: float | None = None) -> None:
        """Block calls. Always raises QuotaSpent."""
        now = self._clock()
        self._usage = after_refusal(self._usage, now, seconds)
        raise QuotaSpent(self._usage.blocked_until or now)

    async def worked(self) -> None:
        """Forget refusals."""
        self._usage = after_answer(self._usage, self._clock())

    async def left(self) -> Mapping[str, tuple[int, int]]:
        """Calls used and allowed."""
        return windows(self._usage, self._limits, self._clock())
