"""What happened in the simulated minutes of tests/bench/quota.py, and how that compares with what is wanted."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import quantiles

from vt.fair_queue import Priority
from vt.quota import Limits

LIMITS = Limits(minute=4, day=5600, month=19_000)
"""A free key's minute; day and month are spent a little before they end, so that all three count."""
START = datetime(2026, 2, 25, 12, tzinfo=UTC)
"""So that 10,000 minutes lie half in one month and half in the next."""
OTHERS = 20
"""People who ask for one thing each after somebody has asked for MANY."""
MANY = 1000


@dataclass
class Case:
    """A request."""

    name: str
    asker: str
    priority: Priority
    left: int
    asked: float
    due: float
    promised: float | None = None
    """The time of the only call, as it was told first."""
    booked: list = field(default_factory=list)
    """The times of its calls."""


@dataclass
class Found:
    """What happened."""

    minutes: int
    booked: list
    """Times and priorities of all calls."""
    sent: list
    cases: list
    crowds: list
    """After each request for MANY: the slots that these people used until the last of the OTHERS had its own."""
    overtaken: int
    """Calls that nobody waited for, made while somebody waited who was not served at once."""

    @property
    def most(self):
        """The most calls in any 60 seconds, as VirusTotal sees them, in a day and in a month."""
        minute, first = 0, 0
        for last, at in enumerate(self.sent):
            while self.sent[first] <= at - 60:
                first += 1
            minute = max(minute, last - first + 1)
        days = Counter(datetime.fromtimestamp(at, UTC).date() for at, _ in self.booked)
        months = Counter(datetime.fromtimestamp(at, UTC).month for at, _ in self.booked)
        return minute, max(days.values()), max(months.values())

    @property
    def usable(self):
        """Calls that there were room for, by the letter: of a minute of exactly 60 s, up to each day's and month's end."""
        by_month = defaultdict(int)
        at, end = START, START + timedelta(minutes=self.minutes)
        while at < end:
            midnight = (at + timedelta(days=1)).replace(hour=0, minute=0)
            seconds = (min(midnight, end) - at).total_seconds()
            by_month[at.month] += min(LIMITS.day, LIMITS.minute * seconds / 60)
            at = midnight
        return sum(min(LIMITS.month, calls) for calls in by_month.values())

    @property
    def used(self):
        """The part of them that was used."""
        return len(self.booked) / self.usable

    @property
    def broken(self):
        """By how many seconds the promises to those who want one call were broken, without those who left."""
        return sorted(
            case.booked[0] - case.promised
            for case in self.cases
            if case.promised and case.booked and case.priority is Priority.PERSON
        )

    def rows(self):
        """What was measured, how it came out, and the goal."""
        minute, day, month = self.most
        late = quantiles(self.broken, n=100)
        counts = Counter(priority.name.lower() for _, priority in self.booked)
        yield "calls booked in minutes", f"{len(self.booked)} in {self.minutes}: {dict(counts)}", ""
        yield "most calls in 60 s at VirusTotal, in a day, in a month", f"{minute}, {day}, {month}", LIMITS
        yield "part of the usable slots that was used", f"{self.used:.1%}", "at least 98 %"
        yield "automatic calls before a person's", self.overtaken, 0
        yield f"slots until the last of {OTHERS} beside one with {MANY}", max(self.crowds), f"{OTHERS + 1}"
        yield (
            "one call later than promised, 50 %, 99 %, most",
            f"{late[49]:.1f}, {late[98]:.1f}, {max(self.broken):.1f} s",
            "",
        )
