"""Uploads, rescans and submitted URLs on their way: queued for a while, then finished."""

from collections.abc import Callable
from dataclasses import dataclass

SAME_SCAN_SECONDS = 600
"""A second submission within this time is the first one's scan again."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One analysis. `subject` is a SHA-256: of the file's bytes, or of the normalised URL."""

    subject: str
    seconds: int
    """The time in the scan_id."""
    since: float
    """When it entered the queue; differs from `seconds` by a fraction, or when a recorded receipt was served."""

    @property
    def id(self) -> str:
        """What VirusTotal calls scan_id."""
        return f"{self.subject}-{self.seconds}"


class Submissions:
    """Every scan that was asked for in this process."""

    def __init__(self, clock: Callable[[], float], queue_seconds: float) -> None:
        self._clock = clock
        self._queue_seconds = queue_seconds
        self._scans: dict[str, list[Scan]] = {}

    def submit(self, subject: str) -> Scan:
        """A new scan, or the one that was asked for a few minutes ago."""
        now = self._clock()
        scans = self._scans.setdefault(subject, [])
        if not scans or now - scans[-1].since > SAME_SCAN_SECONDS:
            scans.append(Scan(subject, int(now), now))
        return scans[-1]

    def note(self, scan_id: str) -> None:
        """A receipt from elsewhere was served: its scan is in the queue from the first time on."""
        if self._find(scan_id) is None:
            subject, _, seconds = scan_id.partition("-")
            self._scans.setdefault(subject, []).append(Scan(subject, int(seconds), self._clock()))

    def by_id(self, scan_id: str) -> Scan:
        """The scan of an id. An id from before this process started stands for a scan made at its time."""
        subject, _, seconds = scan_id.partition("-")
        return self._find(scan_id) or Scan(subject, int(seconds), float(seconds))

    def pending(self, scan: Scan) -> bool:
        """Whether it is still in the queue."""
        return self._clock() < scan.since + self._queue_seconds

    def waiting(self, subject: str) -> Scan | None:
        """The newest scan that is still in the queue."""
        return next((scan for scan in reversed(self._scans.get(subject, ())) if self.pending(scan)), None)

    def finished(self, subject: str) -> Scan | None:
        """The newest scan that is done."""
        return next((scan for scan in reversed(self._scans.get(subject, ())) if not self.pending(scan)), None)

    def _find(self, scan_id: str) -> Scan | None:
        subject = scan_id.partition("-")[0]
        return next((scan for scan in self._scans.get(subject, ()) if scan.id == scan_id), None)
