"""How lookups wait for VirusTotal: growing delays, polls of an analysis, what errors and an outage mean for them.

An analysis is recognised by its scan_id, which is `<sha256>-<unix seconds>`.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zlib import crc32

from vt import errors
from vt.codec import Raw
from vt.lookup import Lookup, Step
from vt.models import Code
from vt.replies import is_about_another
from vt.verdict import Note

MAX_BROKEN_UPLOADS = 3
"""Uploads of one file that may break before it is no longer sent."""
SAME_SCAN = timedelta(minutes=10)
"""A resource that is submitted again within this time joins the first submission's scan (measured by public clients)."""
SLOWEST = 256 << 10
"""Bytes per second below which a transfer that has used up its minimum time is given up."""
_SCAN_ID = re.compile("[0-9a-f]{64}(?:-[0-9]{1,12})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Growing delays between attempts, the last of which repeats, and the time after which to give up."""

    seconds: tuple[int, ...]
    give_up_after: timedelta

    def delay(self, attempts: int) -> timedelta:
        """How long to wait after so many attempts."""
        return timedelta(seconds=self.seconds[min(attempts, len(self.seconds) - 1)])


ANALYSIS = Backoff((15, 30, 60, 120, 300), timedelta(hours=24))
"""Between two polls of an analysis that is known to run."""
INTERRUPTED_UPLOAD = Backoff((15, 30, 60, 120, 300), timedelta(hours=1))
"""Between two polls for an upload that may not have arrived."""
OUTAGE = Backoff((10, errors.LONGEST_PAUSE), timedelta(minutes=20))
"""After a call that VirusTotal did not answer; up to a fifth less, so that not all ask in the same moment."""
LONG_OUTAGE = Backoff((*OUTAGE.seconds, 60), timedelta(hours=24))
"""The same for automatic lookups, which have no asker who would ask again."""


# Polling an analysis -------------------------------------------------------------------------------------


def after_receipt(lookup: Lookup, receipt: Raw, now: datetime) -> Lookup:
    """VirusTotal queued it: poll for that very scan, since hash or URL would return the previous report."""
    scan_id = receipt.get("scan_id")
    is_analysed = lookup.is_file or lookup.action.rescans
    # No host is ever analysed: a report on one that says so cannot be read.
    if not is_analysed or (scan_id and not (isinstance(scan_id, str) and _SCAN_ID.fullmatch(scan_id))):
        return lookup.failed(errors.Unreadable("shape"))
    # A report that is queued may name no scan: then any finished one is awaited.
    if not scan_id and lookup.step is not Step.ASK:
        is_rescan = lookup.step is Step.RESCAN
        return lookup.done(Note.RESCAN_REFUSED) if is_rescan else lookup.failed(errors.Unsupported())
    return lookup.evolve(
        step=Step.WAIT,
        scan_id=scan_id or None,
        checked_at=now,
        waiting_since=now,
        attempts=0,
        upload_started=None,
        not_before=now + ANALYSIS.delay(0),
        error=None,
    )


def poll(lookup: Lookup, raw: Raw, now: datetime) -> Lookup:
    """The report of the awaited scan, or wait for the next poll. An empty reply is a poll that found nothing."""
    if was_awaited(lookup, raw):
        return lookup.done(lookup.note).evolve(raw=raw, checked_at=now)
    if lookup.upload_uncertain and raw.get("response_code") == Code.QUEUED and raw.get("scan_id"):
        return after_receipt(lookup, raw, now)
    # A file that was unknown before its upload, and still is at the second poll, was not uploaded.
    was_unknown = lookup.upload_uncertain and lookup.reanalyse_after is None and lookup.attempts > 0
    if was_unknown and raw.get("response_code") == Code.UNKNOWN:
        if lookup.failed_uploads >= MAX_BROKEN_UPLOADS:
            return lookup.refused(errors.Unreachable())
        again = {"waiting_since": None, "attempts": 0, "not_before": None}
        return lookup.evolve(step=Step.UPLOAD, upload_started=None, checked_at=now, **again)
    backoff = INTERRUPTED_UPLOAD if lookup.upload_uncertain else ANALYSIS
    since = lookup.waiting_since or now
    if now - since > backoff.give_up_after:
        note = Note.MAYBE_UPLOADED if lookup.upload_uncertain else Note.GAVE_UP
        return lookup.done(note).evolve(upload_started=lookup.upload_started)
    tries = lookup.attempts + 1
    until = now + backoff.delay(tries)
    return lookup.evolve(waiting_since=since, attempts=tries, not_before=until, error=None)


def was_awaited(lookup: Lookup, raw: Raw) -> bool:
    """Is it a finished report of the awaited analysis, or of a later one?

    A scan_id without a time (a queued file's may be the bare SHA-256) counts as time 0.
    """
    if raw.get("response_code") != Code.FOUND or "scans" not in raw:
        return False
    # It was asked for by the scan_id, so what else it names decides whether that belongs to what is looked up.
    if is_about_another({**raw, "resource": lookup.value}, lookup.value):
        return False
    started = lookup.upload_started
    earliest = (started - SAME_SCAN).timestamp() if started else _seconds_of(lookup.scan_id or "")
    return _seconds_of(str(raw.get("scan_id") or "")) >= earliest


def _seconds_of(scan_id: str) -> int:
    return int(found[1]) if (found := re.search(r"-([0-9]{1,12})\Z", scan_id)) else 0


# Interrupted uploads and errors -------------------------------------------------------------------------


def interrupted(lookup: Lookup) -> Lookup:
    """Nobody knows whether the upload arrived: poll for its analysis before sending the file again.

    For a file that VirusTotal knew before, its hash returns the old report until the new one is finished, so a
    missing analysis proves nothing and the file is never sent again automatically. A file that was unknown is
    sent again once it is certain that it did not arrive.
    """
    if not lookup.upload_started:
        return lookup.evolve(step=Step.ASK)
    return lookup.evolve(
        step=Step.WAIT,
        scan_id=None,
        waiting_since=lookup.upload_started,
        attempts=0,
        not_before=None,
        error=None,
        failed_uploads=lookup.failed_uploads + 1,
    )


def after_error(lookup: Lookup, error: errors.VTError, now: datetime, outage: Backoff = OUTAGE) -> Lookup:
    """Wait for the quota, try again where that may help, keep an old report, or say why there is none."""
    if isinstance(error, errors.QuotaSpent):
        return lookup.delayed(error, error.retry_at)
    if lookup.step is Step.WAIT:
        return poll(lookup, {}, now)
    if not isinstance(error, errors.NotAnswering):
        is_rescan = lookup.step is Step.RESCAN
        return lookup.done(Note.RESCAN_REFUSED) if is_rescan else lookup.refused(error)
    since = lookup.waiting_since or now
    if now - since > outage.give_up_after:
        return lookup.refused(error)
    spread = 1 - crc32(repr((lookup.resource, lookup.attempts)).encode()) / 2**32 / 5
    counted = lookup.evolve(waiting_since=since, attempts=lookup.attempts + 1)
    return counted.delayed(error, now + outage.delay(lookup.attempts) * spread)


# An outage ----------------------------------------------------------------------------------------------

PROBE_EVERY = timedelta(seconds=10)
"""Between two probes during an outage. A call that has not failed yet may cause another, after a hundredth of this."""
RETRY_EVERY = timedelta(seconds=20)
"""Between two calls while probes are answered and calls are not: three a minute leave one of a free key's four."""

Probe = Callable[[], Coroutine[Any, Any, bool]]
"""Asks VirusTotal for something without the key, which costs no quota. Whether it answered."""


class Outage:
    """Whether VirusTotal answers, for all clients of a process: those that wait do not each have to ask.

    While VirusTotal answers not even probes, no call is made. When it answers probes but not calls, the call that failed,
    or any once two different ones have failed, is made once in RETRY_EVERY on behalf of all.
    """

    def __init__(
        self, clock: Callable[[], datetime] | None = None, probe_every: timedelta = PROBE_EVERY
    ) -> None:
        self.on_return: Callable[[], Coroutine[Any, Any, None]] | None = None
        """Called when VirusTotal answers again."""
        self._clock = clock or partial(datetime.now, UTC)
        self._probe_every = probe_every
        self._error = errors.NotAnswering()
        self.failed: set[str] = set()
        """The calls that have failed since VirusTotal last answered one. While there is none, nothing else is asked."""
        self._tried = self._probed = datetime.min.replace(tzinfo=UTC)
        """When a call was last made that might fail, and when a probe last did."""
        self._tasks: set[asyncio.Task[None]] = set()

    def _is_out(self) -> bool:
        return self._is_within(self._probed, 3 * self._probe_every)

    def _is_within(self, at: datetime, period: timedelta) -> bool:
        return abs(self._clock() - at) < period  # abs: the clock may have been put right

    async def check(self, call: str, probe: Probe) -> bool:
        """True if VirusTotal is suspected to be down: then one attempt is enough. Raises NotAnswering if no call may be made now.

        A call that has not failed yet is worth a probe of its own.
        """
        is_new = call not in self.failed
        if self._is_out() and is_new and not self._is_within(self._probed, self._probe_every / 100):
            self.failed.add(call)
            self._probed = self._clock()
            if await probe():
                self.worked()
        if not self._is_out() and is_new and len(self.failed) <= 1:
            return False
        if self._is_out() or self._is_within(self._tried, RETRY_EVERY):
            raise copy(self._error)
        self._tried = self._clock()
        return True

    def note_failure(self, call: str, error: errors.NotAnswering, probe: Probe) -> None:
        """A call was not answered, however often it was tried: probe from now on, until that is answered."""
        self._error = error
        self.failed.add(call)
        self._tried = self._clock()
        if not self._tasks:
            self._start(self._probe(probe))

    def worked(self) -> None:
        """A call, or a probe after one that failed, was answered."""
        self.failed.clear()
        self._probed = datetime.min.replace(tzinfo=UTC)
        if self.on_return:
            self._start(self.on_return())

    def close(self) -> None:
        """Stop probing."""
        for task in self._tasks:
            task.cancel()

    async def _probe(self, probe: Probe) -> None:
        was_out = False
        while self.failed and not await probe():
            was_out = True
            self._probed = self._clock()
            await asyncio.sleep(self._probe_every.total_seconds())
        if was_out:
            self.worked()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
