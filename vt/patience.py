"""How long is waited, and for how long at all, until VirusTotal has an answer."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Patience:
    """Growing pauses, of which the last one repeats, until it has been too long."""

    seconds: tuple[int, ...]
    lasts: timedelta

    def pause(self, tries: int) -> timedelta:
        """After so many tries."""
        return timedelta(seconds=self.seconds[min(tries, len(self.seconds) - 1)])


SLOWEST = 256 << 10
"""Bytes a second: what comes or goes more slowly, for longer than it may take at any size, is given up."""


def for_bytes(size: int, least: float) -> float:
    """Seconds that a transfer may take: so many at any size, more for what is large."""
    return max(least, size / SLOWEST)


ANALYSIS = Patience((15, 30, 60, 120, 300), timedelta(hours=24))
"""Between two looks at something that is being analysed."""
UNSURE = Patience((15, 30, 60, 120, 300), timedelta(hours=1))
"""Between two looks whether an upload that was interrupted arrived after all."""
OUTAGE = Patience((10, 30, 60), timedelta(minutes=20))
"""After VirusTotal did not answer."""
