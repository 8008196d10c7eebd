"""Which endpoint each step of a lookup asks, by action, and the fewest calls for many lookups."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vt import polling
from vt.client import SUBMISSIONS_A_CALL, Client, Raw
from vt.lookup import Lookup, Step


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one step of a lookup asks VirusTotal for."""

    fetch: Callable[[Client, Sequence[str]], Awaitable[Mapping[str, Raw]]]
    """Makes the call. Replies by resource; those that VirusTotal left out are missing. Raises a VTError."""
    batch_size: Callable[[Client], int]
    """Resources that one call may hold."""
    after: Callable[[Lookup, Raw, datetime, Client], Lookup]
    """The lookup's next state, from the reply for its resource and the time it came."""


Endpoints = Mapping[str, Mapping[Step, Endpoint]]
"""By action key and step."""


def _after_report(lookup: Lookup, raw: Raw, now: datetime, client: Client) -> Lookup:
    return polling.after_report(lookup, raw, now, may_rescan=client.kind == "private")


def _after_poll(lookup: Lookup, raw: Raw, now: datetime, _: Client) -> Lookup:
    return polling.poll(lookup, raw, now)


def _after_receipt(lookup: Lookup, raw: Raw, now: datetime, _: Client) -> Lookup:
    return polling.after_receipt(lookup, raw, now)


def _report_batch(client: Client) -> int:
    return client.reports_a_call


def _submission_batch(_: Client) -> int:
    return SUBMISSIONS_A_CALL


def single_report(fetch: Callable[[Client, str], Awaitable[Raw]]) -> Endpoint:
    """An endpoint that takes one resource per call and answers with its report."""

    async def fetch_one(client: Client, resources: Sequence[str]) -> Mapping[str, Raw]:
        [resource] = resources
        return {resource: await fetch(client, resource)}

    return Endpoint(fetch_one, lambda _: 1, _after_report)


_FILE: Mapping[Step, Endpoint] = {
    Step.ASK: Endpoint(Client.file_reports, _report_batch, _after_report),
    Step.WAIT: Endpoint(Client.file_reports, _report_batch, _after_poll),
    Step.RESCAN: Endpoint(Client.rescan, _submission_batch, _after_receipt),
}
_URL: Mapping[Step, Endpoint] = {
    Step.ASK: Endpoint(Client.url_reports, _report_batch, _after_report),
    Step.WAIT: Endpoint(Client.url_reports, _report_batch, _after_poll),
    Step.RESCAN: Endpoint(Client.submit_urls, _submission_batch, _after_receipt),
    Step.SUBMIT: Endpoint(Client.submit_urls, _submission_batch, _after_receipt),
}
ENDPOINTS: Endpoints = {
    "scan-hash": _FILE,
    "scan-file": _FILE,
    "scan-url": _URL,
    "scan-ip": {Step.ASK: single_report(Client.ip_report)},
    "domain-report": {Step.ASK: single_report(Client.domain_report)},
}
"""Uploads (Step.UPLOAD) are not here: vt/files/transfer.py makes them, because it has to read the file."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call to make for some resources, and the lookups that wait for it, by their index."""

    endpoint: Endpoint
    resources: tuple[str, ...]
    waiting: tuple[int, ...]


def plan(
    board: Sequence[Lookup], due: Sequence[int], client: Client, endpoints: Endpoints = ENDPOINTS
) -> list[Call]:
    """The fewest calls for the lookups that are due: equal resources once, as many to a call as the key allows."""
    groups: dict[tuple[Endpoint, Step], dict[str, list[int]]] = {}
    for index in due:
        lookup = board[index]
        endpoint = endpoints[lookup.action.key][lookup.step]
        group = groups.setdefault((endpoint, lookup.step), {})
        group.setdefault(lookup.resource, []).append(index)
    return [
        Call(endpoint, batch, tuple(index for resource in batch for index in waiting[resource]))
        for (endpoint, _), waiting in groups.items()
        for batch in _batches(list(waiting), endpoint.batch_size(client))
    ]


def _batches(resources: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(resources[start : start + size]) for start in range(0, len(resources), size)]
