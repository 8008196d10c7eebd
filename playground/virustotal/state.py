"""What every part of the stand-in's answers rests on: the clock, the recordings, the scans under way."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from playground.virustotal import invented, replies
from playground.virustotal.hashes import SCAN_ID
from playground.virustotal.recordings import Recording, Recordings
from playground.virustotal.submissions import Scan, Submissions


@dataclass(frozen=True, slots=True)
class State:
    """Passed to files, urls and hosts."""

    recordings: Recordings
    submissions: Submissions
    today: int
    """00:00 UTC of the day the stand-in was made, in unix seconds: invented dates lie before it."""
    invent: bool
    clock: Callable[[], float] = time.time
    comments: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    """What was written with comments/put, the oldest first, by resource in small letters."""

    def never_seen(self, subject: str) -> bool:
        """Whether VirusTotal has not met it, as far as invention goes."""
        return not self.invent or invented.outcome(subject) is invented.Outcome.UNKNOWN

    def noted(self, receipt: Recording) -> Recording:
        """A recorded receipt is served: its scan is under way from now on."""
        if isinstance(scan_id := receipt.reply.get("scan_id"), str) and SCAN_ID.fullmatch(scan_id):
            self.submissions.note(scan_id)
        return receipt


def renewed(report: replies.Reply, what: str, scan: Scan) -> replies.Reply:
    """The same report as the result of another scan; `what` is file or url."""
    link = replies.permalink(what, scan.id)
    return {**report, "scan_id": scan.id, "scan_date": replies.date(scan.seconds), "permalink": link}


def finished(found: replies.Reply | Recording | None) -> bool:
    """Whether it is a report, and not a word about there being none."""
    reply = found.reply if isinstance(found, Recording) else found
    return isinstance(reply, dict) and "scans" in reply


def midnight(clock: Callable[[], float]) -> int:
    """The start of the day, UTC."""
    return int(clock()) // invented.DAY * invented.DAY
