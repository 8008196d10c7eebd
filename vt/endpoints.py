"""What each step of a lookup asks VirusTotal, and the fewest calls for many of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vt import polling
from vt.client import SUBMISSIONS_A_CALL, Client, Raw
from vt.lookup import Lookup, Step


@dataclass(frozen=True, slots=True)
class Errand:
    """What a step asks VirusTotal, how many at once, and what the reply makes of a lookup."""

    fetch: Callable[[Client, Sequence[str]], Awaitable[Mapping[str, Raw]]]
    size: Callable[[Client], int]
    then: Callable[[Lookup, Raw, datetime, Client], Lookup]


def _reported(lookup: Lookup, raw: Raw, now: datetime, client: Client) -> Lookup:
    return polling.after_report(lookup, raw, now, may_rescan=client.kind == "private")


def _polled(lookup: Lookup, raw: Raw, now: datetime, _: Client) -> Lookup:
    return polling.poll(lookup, raw, now)


def _queued(lookup: Lookup, raw: Raw, now: datetime, _: Client) -> Lookup:
    return polling.after_receipt(lookup, raw, now)


async def _ip(client: Client, resources: Sequence[str]) -> Mapping[str, Raw]:
    return {resources[0]: await client.ip_report(resources[0])}


async def _domain(client: Client, resources: Sequence[str]) -> Mapping[str, Raw]:
    return {resources[0]: await client.domain_report(resources[0])}


def _report_batch(client: Client) -> int:
    return client.reports_a_call


def _submission_batch(_: Client) -> int:
    return SUBMISSIONS_A_CALL


def _one(_: Client) -> int:
    return 1


_FILE: Mapping[Step, Errand] = {
    Step.ASK: Errand(Client.file_reports, _report_batch, _reported),
    Step.WAIT: Errand(Client.file_reports, _report_batch, _polled),
    Step.RESCAN: Errand(Client.rescan, _submission_batch, _queued),
}
_URL: Mapping[Step, Errand] = {
    Step.ASK: Errand(Client.url_reports, _report_batch, _reported),
    Step.WAIT: Errand(Client.url_reports, _report_batch, _polled),
    Step.RESCAN: Errand(Client.submit_urls, _submission_batch, _queued),
    Step.SUBMIT: Errand(Client.submit_urls, _submission_batch, _queued),
}
ERRANDS: Mapping[str, Mapping[Step, Errand]] = {
    "scan-hash": _FILE,
    "scan-file": _FILE,
    "scan-url": _URL,
    "scan-ip": {Step.ASK: Errand(_ip, _one, _reported)},
    "domain-report": {Step.ASK: Errand(_domain, _one, _reported)},
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call to make: an errand for some resources, and the lookups that wait for it."""

    errand: Errand
    resources: tuple[str, ...]
    waiting: tuple[int, ...]


def plan(board: Sequence[Lookup], due: Sequence[int], client: Client) -> list[Call]:
    """The fewest calls for what is due: equal resources once, as many to a call as the key allows."""
    groups: dict[tuple[int, Step], tuple[Errand, dict[str, list[int]]]] = {}
    for index in due:
        lookup = board[index]
        errands = ERRANDS[lookup.action]
        _, wanted = groups.setdefault((id(errands), lookup.step), (errands[lookup.step], {}))
        wanted.setdefault(lookup.resource, []).append(index)
    return [call for errand, wanted in groups.values() for call in _cut(errand, wanted, errand.size(client))]


def _cut(errand: Errand, wanted: Mapping[str, Sequence[int]], size: int) -> list[Call]:
    resources = list(wanted)
    pieces = [tuple(resources[start : start + size]) for start in range(0, len(resources), size)]
    return [Call(errand, piece, tuple(index for name in piece for index in wanted[name])) for piece in pieces]
