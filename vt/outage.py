"""How lookups wait: growing delays, an outage of VirusTotal, what is due earlier than was thought, what a status asks for."""

import asyncio
import re
from collections.abc import Callable, Coroutine, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import Any

import httpx

from vt import errors
from vt.errors import NotAnswering
from vt.lookup import Lookup


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


def brought_forward(lookups: Sequence[Lookup], now: datetime) -> tuple[Lookup, ...]:
    """The lookups of a turn that has begun. If the first of them is not due yet, all become due that much earlier.

    Turns are started by the database's time. One that begins early by our clock was scheduled by a clock that was wrong,
    or was called because VirusTotal answers again.
    """
    waits = [one.not_before - now for one in lookups if one.not_before and not one.settled]
    early = max(min(waits, default=timedelta(0)), timedelta(0))

    def earlier(lookup: Lookup) -> Lookup:
        if lookup.settled or not lookup.not_before:
            return lookup
        since = lookup.waiting_since and min(lookup.waiting_since, now)
        return lookup.evolve(not_before=lookup.not_before - early, waiting_since=since)

    return tuple(map(earlier, lookups)) if early else tuple(lookups)


PROBE_EVERY = timedelta(seconds=10)
"""Between two questions whether VirusTotal answers again; a hundredth of it when somebody asks for something new."""
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
        self._error = NotAnswering()
        self.failed: set[str] = set()
        """The calls that have failed since VirusTotal last answered one. While there is none, nothing else is asked."""
        self._tried = self._probed = datetime.min.replace(tzinfo=UTC)
        """When a call was last made that might fail, and when a probe last did."""
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def _is_out(self) -> bool:
        return self._is_within(self._probed, 3 * self._probe_every)

    def _is_within(self, at: datetime, period: timedelta) -> bool:
        return abs(self._clock() - at) < period  # abs: the clock may have been put right

    async def check(self, call: str, probe: Probe) -> bool:
        """Whether VirusTotal is not expected to answer this call. Raises NotAnswering if it is not to be made now.

        A call that has not failed yet is worth a probe of its own.
        """
        is_new = call not in self.failed
        if self._is_out and is_new and not self._is_within(self._probed, self._probe_every / 100):
            self.failed.add(call)
            self._probed = self._clock()
            if await probe():
                self.worked()
        if not self._is_out and is_new and len(self.failed) <= 1:
            return False
        if self._is_out or self._is_within(self._tried, RETRY_EVERY):
            raise copy(self._error)
        self._tried = self._clock()
        return True

    def note_failure(self, call: str, error: NotAnswering, probe: Probe) -> None:
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


# What a reply says about waiting ------------------------------------------------------------------------

SLOWEST = 256 << 10
"""Bytes per second below which a transfer that has used up its minimum time is given up."""


def transfer_seconds(size: int, minimum: float) -> float:
    """How many seconds a transfer of `size` bytes may take: at least `minimum`, more for large files."""
    return max(minimum, size / SLOWEST)


def status_error(response: httpx.Response) -> errors.VTError:
    """The error that a status other than 200 stands for. 204, although a 2xx, is a spent quota."""
    status = response.status_code
    if response.is_redirect:
        return errors.Redirected(response.url.join(response.headers.get("location", "")).host)
    known: dict[int, errors.VTError] = {
        HTTPStatus.NO_CONTENT: errors.OverQuota(retry_after(response)),
        HTTPStatus.TOO_MANY_REQUESTS: errors.OverQuota(retry_after(response)),
        HTTPStatus.FORBIDDEN: errors.KeyRefused(),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: errors.UploadTooLarge(),
    }
    if status in known:
        return known[status]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return errors.ServerFault(status)
    return errors.RequestRefused(status)


def retry_after(response: httpx.Response) -> float | None:
    """The seconds of its Retry-After header, which holds them or a date (RFC 9110); None if there is none to read."""
    value = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]*)?", value, re.ASCII):  # some servers send fractions
        return min(float(value[:300]), 1e9)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    # Counted from the reply's own Date, which is by the same clock.
    try:
        now = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return None
    return max(0.0, (at - (now if now.tzinfo else now.replace(tzinfo=UTC))).total_seconds())
