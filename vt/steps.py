"""The steps of a lookup: which endpoint each one asks, by action, and what the reply or the error makes of the lookup.

An analysis is recognised by its scan_id, which is `<sha256>-<unix seconds>`.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zlib import crc32

from vt import errors
from vt.client import SUBMISSIONS_A_CALL, Client
from vt.errors import VTError
from vt.indicators import Kind
from vt.indicators.hosts import registered_domain
from vt.lookup import Lookup, Step
from vt.outage import ANALYSIS, INTERRUPTED_UPLOAD, OUTAGE, Backoff
from vt.replies import Code, is_about_another
from vt.stored import Raw
from vt.verdict import Note, State

MAX_BROKEN_UPLOADS = 3
"""Uploads of one file that may break before it is no longer sent."""
SAME_SCAN = timedelta(minutes=10)
"""A resource that is submitted again within this time joins the first submission's scan (measured by public clients)."""

_SCAN_ID = re.compile("[0-9a-f]{64}(?:-[0-9]{1,12})?", re.IGNORECASE)
_SECONDS = re.compile(r"-([0-9]{1,12})\Z")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one step of a lookup asks VirusTotal for."""

    fetch: Callable[[Client, Sequence[str]], Awaitable[Mapping[str, Raw]]]
    """Makes the call. Replies by resource; those that VirusTotal left out are missing. Raises a VTError."""
    batch_size: Callable[[Client], int]
    """Resources that one call may hold."""


Endpoints = Mapping[str, Mapping[Step, Endpoint]]
"""By action key and step."""


def single_report(fetch: Callable[[Client, str], Awaitable[Raw]]) -> Endpoint:
    """An endpoint that takes one resource per call and answers with its report."""

    async def fetch_one(client: Client, resources: Sequence[str]) -> Mapping[str, Raw]:
        [resource] = resources
        return {resource: await fetch(client, resource)}

    return Endpoint(fetch_one, lambda _: 1)


_FILE_REPORTS = Endpoint(Client.file_reports, lambda client: client.reports_a_call)
_URL_REPORTS = Endpoint(Client.url_reports, lambda client: client.reports_a_call)
_RESCAN_FILES = Endpoint(Client.rescan, lambda _: SUBMISSIONS_A_CALL)
_SUBMIT_URLS = Endpoint(Client.submit_urls, lambda _: SUBMISSIONS_A_CALL)
_FILE = {Step.ASK: _FILE_REPORTS, Step.WAIT: _FILE_REPORTS, Step.RESCAN: _RESCAN_FILES}
ENDPOINTS: Endpoints = {
    "scan-hash": _FILE,
    "scan-file": _FILE,
    "scan-url": {
        Step.ASK: _URL_REPORTS,
        Step.WAIT: _URL_REPORTS,
        Step.RESCAN: _SUBMIT_URLS,
        Step.SUBMIT: _SUBMIT_URLS,
    },
    "scan-ip": {Step.ASK: single_report(Client.ip_report)},
    "domain-report": {Step.ASK: single_report(Client.domain_report)},
}
"""Uploads (Step.UPLOAD) are not here: vt/files/transfer.py makes them, because it has to read the file."""


# Reports and receipts ------------------------------------------------------------------------------------


def after_reply(lookup: Lookup, raw: Raw, now: datetime, *, may_rescan: bool) -> Lookup:
    """The reply to the lookup's step came, at `now`. `may_rescan`: the key is allowed to rescan files."""
    match lookup.step:
        case Step.WAIT:
            return poll(lookup, raw, now)
        case Step.RESCAN | Step.SUBMIT:
            return after_receipt(lookup, raw, now)
        case _:
            return after_report(lookup, raw, now, may_rescan=may_rescan)


def after_report(lookup: Lookup, raw: Raw, now: datetime, *, may_rescan: bool) -> Lookup:
    """A report came, or the reply that there is none. `may_rescan`: the key is allowed to rescan files."""
    known = lookup.evolve(
        raw=raw, checked_at=now, error=None, not_before=None, attempts=0, waiting_since=None
    )
    finding = known.judged(raw, now)
    if finding.state is State.PENDING:
        return after_receipt(lookup, raw, now)
    if finding.state is State.UNKNOWN and raw.get("response_code") == Code.UNKNOWN:
        return _not_found(known)
    analysed_at = finding.report.analysed_at if finding.report else None
    return _found(known, analysed_at, now, may_rescan=may_rescan)


def _not_found(lookup: Lookup) -> Lookup:
    """VirusTotal does not know it. A file may be uploaded; a host's registered domain is looked up instead."""
    if lookup.is_file:
        is_readable = lookup.note is not Note.HASH_ONLY
        return lookup.evolve(step=Step.UPLOAD) if is_readable else lookup.done(lookup.note)
    is_host = lookup.kind in (Kind.DOMAIN, Kind.EMAIL)
    domain = registered_domain(lookup.resource) if is_host else None
    if domain and domain != lookup.resource:
        return lookup.evolve(kind=Kind.DOMAIN, value=domain, raw=None, note=Note.REGISTERED_DOMAIN)
    return lookup.evolve(step=Step.DONE)


def _found(lookup: Lookup, analysed_at: datetime | None, now: datetime, *, may_rescan: bool) -> Lookup:
    """VirusTotal has a report: that is the answer, unless a newer analysis is wanted and possible."""
    wanted = lookup.reanalyse_after if lookup.may_upload else None
    if wanted and (analysed_at is None or analysed_at < wanted):
        return lookup.evolve(step=Step.UPLOAD)
    days = lookup.rescan_after_days
    if days is None or analysed_at is None or now - analysed_at < timedelta(days=days):
        return lookup.evolve(step=Step.DONE)
    if lookup.kind is not Kind.URL and not may_rescan:
        return lookup.evolve(step=Step.DONE, note=Note.NEEDS_PRIVATE_KEY)
    return lookup.evolve(step=Step.RESCAN)


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


# Polling -------------------------------------------------------------------------------------------------


def poll(lookup: Lookup, raw: Raw, now: datetime) -> Lookup:
    """The report of the awaited scan, or wait for the next poll. An empty reply is a poll that found nothing."""
    if was_awaited(lookup, raw):
        return lookup.done(lookup.note).evolve(raw=raw, checked_at=now)
    if lookup.upload_uncertain and raw.get("response_code") == Code.QUEUED and raw.get("scan_id"):
        return after_receipt(lookup, raw, now)
    if _never_arrived(lookup, raw):
        if lookup.failed_uploads >= MAX_BROKEN_UPLOADS:
            return lookup.refused(errors.Unreachable())
        return _not_found(lookup.evolve(upload_started=None, waiting_since=None, attempts=0, not_before=None))
    backoff = INTERRUPTED_UPLOAD if lookup.upload_uncertain else ANALYSIS
    since = lookup.waiting_since or now
    if now - since > backoff.give_up_after:
        return _given_up(lookup)
    tries = lookup.attempts + 1
    return lookup.evolve(
        waiting_since=since, attempts=tries, not_before=now + backoff.delay(tries), error=None
    )


def _given_up(lookup: Lookup) -> Lookup:
    if lookup.upload_uncertain:
        return lookup.done(Note.MAYBE_UPLOADED).evolve(upload_started=lookup.upload_started)
    return lookup.done(Note.GAVE_UP)


def was_awaited(lookup: Lookup, raw: Raw) -> bool:
    """Is it a finished report of the awaited analysis, or of a later one?

    A scan_id without a time (a queued file's may be the bare SHA-256) counts as time 0.
    """
    if raw.get("response_code") != Code.FOUND or "scans" not in raw:
        return False
    # It was asked for by the scan_id, so what else it names decides whether that belongs to what is looked up.
    if is_about_another({**raw, "resource": lookup.value}, lookup.value):
        return False
    seconds = _seconds_of(str(raw.get("scan_id") or ""))
    if lookup.upload_started:
        return seconds >= (lookup.upload_started - SAME_SCAN).timestamp()
    return seconds >= _seconds_of(lookup.scan_id or "")


def _seconds_of(scan_id: str) -> int:
    return int(found[1]) if (found := _SECONDS.search(scan_id)) else 0


def _never_arrived(lookup: Lookup, raw: Raw) -> bool:
    """A file that was unknown before its upload, and still is at the second poll, was not uploaded."""
    return (
        lookup.upload_uncertain
        and lookup.reanalyse_after is None
        and lookup.attempts > 0
        and raw.get("response_code") == Code.UNKNOWN
    )


def postpone(lookup: Lookup, now: datetime) -> Lookup:
    """Take the same step a little later; nothing is wrong with the lookup itself."""
    return lookup.evolve(not_before=now + ANALYSIS.delay(0))


# Interrupted uploads -------------------------------------------------------------------------------------


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


def resumed(lookup: Lookup) -> Lookup:
    """A lookup as read from storage: the process may have died during its upload."""
    return interrupted(lookup) if lookup.step is Step.UPLOAD and lookup.upload_started else lookup


# Errors --------------------------------------------------------------------------------------------------


def after_error(lookup: Lookup, error: VTError, now: datetime, outage: Backoff = OUTAGE) -> Lookup:
    """Wait for the quota, try again where that may help, keep an old report, or say why there is none."""
    if isinstance(error, errors.QuotaSpent):
        return lookup.delayed(error, error.retry_at)
    if lookup.step is Step.WAIT:
        return poll(lookup, {}, now)
    if isinstance(error, errors.NotAnswering):
        return _after_outage(lookup, error, now, outage)
    if lookup.step is Step.RESCAN:
        return lookup.done(Note.RESCAN_REFUSED)
    return lookup.refused(error)


def _after_outage(lookup: Lookup, error: errors.NotAnswering, now: datetime, outage: Backoff) -> Lookup:
    if now - (lookup.waiting_since or now) > outage.give_up_after:
        return lookup.refused(error)
    spread = 1 - crc32(repr((lookup.resource, lookup.attempts)).encode()) / 2**32 / 5
    counted = lookup.evolve(waiting_since=lookup.waiting_since or now, attempts=lookup.attempts + 1)
    return counted.delayed(error, now + outage.delay(lookup.attempts) * spread)


def after_upload_error(lookup: Lookup, error: VTError, now: datetime, *, sent_whole: bool) -> Lookup:
    """An upload broke: without its last bytes it cannot have arrived, with them (`sent_whole`) it may have.

    Either way VirusTotal is asked for the file before it is sent again.
    """
    if not isinstance(error, errors.NotAnswering | errors.Unreadable):
        return after_error(lookup.evolve(upload_started=None), error, now)
    if lookup.failed_uploads + 1 >= MAX_BROKEN_UPLOADS:
        return lookup.evolve(upload_started=None).refused(error)
    if sent_whole:
        return after_error(interrupted(lookup), error, now)
    after = after_error(
        lookup.evolve(upload_started=None, failed_uploads=lookup.failed_uploads + 1), error, now
    )
    return after if after.settled else after.evolve(step=Step.ASK)
