"""The steps of a lookup: in which calls each is asked, at which endpoint, what the reply makes of it, and by which key it is cached."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Self

from vt.actions import BY_KEY
from vt.client import SUBMISSIONS_A_CALL, Client
from vt.codec import Raw
from vt.errors import QuotaSpent, unpack
from vt.indicators import Kind
from vt.indicators.hosts import registered_domain
from vt.lookup import Lookup, Step
from vt.models import Code
from vt.polling import ANALYSIS, after_receipt, interrupted, poll
from vt.quota import Plan
from vt.verdict import Note, State


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


# Which calls are made -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WantedReply:
    """A reply that a lookup wants, and what VirusTotal is asked for it."""

    key: str
    """Of the reply in the cache."""
    batch: str
    """What may be in one call with it; "" if nothing may."""
    action: str
    kind: Kind
    resource: str

    @classmethod
    def of(cls, lookup: Lookup, *, batched: bool) -> Self:
        """What a lookup wants whose next step is to ask for the report."""
        batch = lookup.action.cached_as if batched else ""
        kind = lookup.kind or Kind.SHA256
        return cls(cache_key(lookup), batch, lookup.action.key, kind, lookup.resource)

    @property
    def lookup(self) -> Lookup:
        """A lookup that wants it."""
        action = BY_KEY[self.action]
        what = {"input": self.resource, "value": self.resource, "kind": self.kind}
        return Lookup(action=action, threshold=action.threshold, **what)


@dataclass(frozen=True, slots=True)
class Call:
    """One call to make for some resources, and the lookups that wait for it, by their index."""

    endpoint: Endpoint
    resources: tuple[str, ...]
    waiting: tuple[int, ...]
    is_poll: bool
    bookings: Plan
    """Of all calls of the turn that are as urgent."""
    others: tuple[WantedReply, ...] = ()
    """What others wait for, which this call asks for too."""


def plan(board: Sequence[Lookup], due: Sequence[int], client: Client, endpoints: Endpoints) -> list[Call]:
    """The fewest calls for the lookups that are due: equal resources once, as many to a call as the key allows."""
    groups: dict[tuple[Endpoint, Step], dict[str, list[int]]] = {}
    for index in due:
        lookup = board[index]
        endpoint = endpoints[lookup.action.key][lookup.step]
        group = groups.setdefault((endpoint, lookup.step), {})
        group.setdefault(lookup.resource, []).append(index)
    batches = []
    for (endpoint, step), waiting in groups.items():
        resources, size = tuple(waiting), endpoint.batch_size(client)
        for batch in (resources[start : start + size] for start in range(0, len(resources), size)):
            which = tuple(index for one in batch for index in waiting[one])
            batches.append((endpoint, step is Step.WAIT, batch, which))
    polls = sum(is_poll for _, is_poll, *_ in batches)
    plans = {True: Plan(polls), False: Plan(len(batches) - polls)}
    return [Call(endpoint, batch, which, poll, plans[poll]) for endpoint, poll, batch, which in batches]


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


def after_claim(
    lookup: Lookup, receipt: Raw | None, upload_started: datetime | None, now: datetime
) -> Lookup:
    """Somebody else has claimed its content. `receipt`: it was uploaded. `upload_started`: its process died while sending.

    Without either, it is being sent. After a death VirusTotal is asked whether it arrived, as after an interrupted upload of one's own.
    """
    lookup = lookup.evolve(upload_started=None)
    if receipt:
        return after_receipt(lookup, receipt, now)
    if upload_started and lookup.reanalyse_after:
        return interrupted(lookup.evolve(upload_started=upload_started))
    step = Step.ASK if upload_started else lookup.step
    return lookup.evolve(step=step, not_before=now + ANALYSIS.delay(0))


def resumed(lookup: Lookup) -> Lookup:
    """A lookup as read from storage: the process may have died during its upload."""
    return interrupted(lookup) if lookup.step is Step.UPLOAD and lookup.upload_started else lookup


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


# Which replies are cached --------------------------------------------------------------------------------


def cache_key(lookup: Lookup) -> str:
    """The key of a lookup's reply: of a fixed length, and without the indicator in plain text."""
    resource = lookup.resource if lookup.step is Step.ASK else lookup.value
    return f"{lookup.action.cached_as}:{sha256(resource.encode('utf-8', 'replace')).hexdigest()}"


def may_use_cached(lookup: Lookup, now: datetime) -> bool:
    """Whether a cached reply may answer it. Never for a file: one that was unknown may have been uploaded since."""
    return lookup.step is Step.ASK and lookup.due(now) and not lookup.is_file


def waits_for_quota(lookup: Lookup) -> bool:
    """Whether it would use a reply that somebody else's call brings before its own turn comes."""
    is_asking = lookup.step is Step.ASK and not lookup.is_file
    return is_asking and lookup.error is not None and isinstance(unpack(lookup.error), QuotaSpent)
