"""What a key may still call: a sliding minute, a day from 00:00 UTC, a month from the 1st; all endpoints together."""

from collections import deque
from datetime import UTC, datetime


class RateLimit:
    """The three counts of one key; 0 means no limit."""

    def __init__(self, minute: int, day: int, month: int) -> None:
        self._limits = (minute, day, month)
        self._recent: deque[float] = deque()
        self._date = ""
        self._today = 0
        self._this_month = 0

    def take(self, now: float) -> bool:
        """Count one call, or say that there is none left. A refused call counts nothing."""
        self._turn(now)
        spent = (len(self._recent), self._today, self._this_month)
        if any(limit and used >= limit for limit, used in zip(self._limits, spent, strict=True)):
            return False
        if self._limits[0]:
            self._recent.append(now)
        self._today += 1
        self._this_month += 1
        return True

    def _turn(self, now: float) -> None:
        while self._recent and self._recent[0] <= now - 60:
            self._recent.popleft()
        date = datetime.fromtimestamp(now, UTC).date().isoformat()
        if date == self._date:
            return
        if date[:7] != self._date[:7]:
            self._this_month = 0
        self._date, self._today = date, 0
