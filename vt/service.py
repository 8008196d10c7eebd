"""The one service layer: lookups in, lookups that know more out. Slack, terminal and tests all go through here.

A turn makes every call that can be made now. Equal resources are asked once, hashes and URLs in batches.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vt import errors
from vt.carrier import Carrier, Told, unheard
from vt.client import SUBMISSIONS_A_CALL, Client, Raw
from vt.errors import VTError
from vt.lookup import Lookup, Step
from vt.places import Places
from vt.uploads import Never

CALLS_AT_ONCE = 8

Lookups = tuple[Lookup, ...]
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Errand:
    """What a step asks VirusTotal, how many at once, and what the reply makes of a lookup."""

    fetch: Callable[[Client, Sequence[str]], Awaitable[Mapping[str, Raw]]]
    size: Callable[[Client], int]
    then: Callable[[Lookup, Raw, datetime, Client], Lookup]


def _reported(lookup: Lookup, raw: Raw, now: datetime, client: Client) -> Lookup:
    return lookup.answered(raw, now, may_rescan=client.kind == "private")


def _polled(lookup: Lookup, raw: Raw, now: datetime, _: Client) -> Lookup:
    return lookup.looked_again(raw, now)


def _queued(lookup: Lookup, raw: Raw, now: datetime, _: Client) -> Lookup:
    return lookup.queued(raw, now)


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


class Service:
    """What can be asked of VirusTotal, whoever asks."""

    def __init__(self, client: Client, *, places: Places, clock: Clock, never: Never | None = None) -> None:
        self.client = client
        self._carrier = Carrier(client, places, never or Never())
        self._clock = clock

    async def expanded(self, lookups: Lookups) -> Lookups:
        """With the files in place of paths with `*` and `?`: to be done once, before the first `advance`."""
        return await self._carrier.expanded(lookups)

    async def advance(self, lookups: Lookups, told: Told = unheard) -> AsyncIterator[Lookups]:
        """Do all that can be done now; yields where things stand after each call.

        What is left then waits: for the quota, for an analysis, or for VirusTotal to answer (`next_turn`).
        An upload that a process died over begins again with the question whether VirusTotal has the file.
        `told` hears of every piece of a file that is uploaded.
        """
        board = list(_resumed(lookups))
        while steps := self._steps(board, told):
            async for changed in _as_completed(steps):
                for index, lookup in changed.items():
                    board[index] = lookup
                yield tuple(board)

    def _steps(self, board: Sequence[Lookup], told: Told) -> list[Awaitable[Mapping[int, Lookup]]]:
        now = self._clock()
        due = [index for index, lookup in enumerate(board) if lookup.due(now)]
        unread = [index for index in due if not board[index].value]
        uploads = [index for index in due if board[index].step is Step.UPLOAD]
        rest = [index for index in due if index not in {*unread, *uploads}]
        return [
            *(self._read(place, board, unread) for place in {board[index].place for index in unread}),
            *(self._upload(index, board[index], told) for index in uploads),
            *(self._make(call, board) for call in plan(board, rest, self.client)),
        ]

    async def _make(self, call: Call, board: Sequence[Lookup]) -> Mapping[int, Lookup]:
        """One call, and what it makes of every lookup that waited for it."""
        mine = {index: board[index] for index in call.waiting}
        try:
            replies = await call.errand.fetch(self.client, call.resources)
        except VTError as error:
            return {index: self._without_answer(lookup, error) for index, lookup in mine.items()}
        if not replies:
            return {index: lookup.failed(errors.Dropped()) for index, lookup in mine.items()}
        return {
            index: call.errand.then(lookup, dict(replies[lookup.resource]), self._clock(), self.client)
            for index, lookup in mine.items()
            if lookup.resource in replies
        }

    def _without_answer(self, lookup: Lookup, error: VTError) -> Lookup:
        """Wait for the quota, try again where that may help, keep an old report, or say why there is none."""
        now = self._clock()
        if isinstance(error, errors.QuotaSpent):
            return lookup.delayed(error, error.retry_at)
        if isinstance(error, errors.NotAnswering):
            return lookup.unanswered(error, now)
        if lookup.step is Step.RESCAN:
            return lookup.kept("rescan-refused")
        return lookup.failed(error)

    async def _read(self, place: str, board: Sequence[Lookup], unread: Sequence[int]) -> Mapping[int, Lookup]:
        mine = [index for index in unread if board[index].place == place]
        return dict(zip(mine, await self._carrier.read(place, [board[index] for index in mine]), strict=True))

    async def _upload(self, index: int, lookup: Lookup, told: Told) -> Mapping[int, Lookup]:
        """Upload what was just found unknown. When the POST breaks, the hash is asked first, not the upload again."""
        try:
            outcome = await self._carrier.upload(lookup, told)
        except VTError as error:
            return {index: self._without_answer(lookup, error)}
        if isinstance(outcome, str):
            return {index: lookup.kept(outcome)}
        return {index: lookup.queued(outcome, self._clock())}


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


def next_turn(lookups: Lookups) -> datetime | None:
    """When to go on; None when everything is settled."""
    return min(
        (lookup.not_before for lookup in lookups if not lookup.settled and lookup.not_before), default=None
    )


def _resumed(lookups: Lookups) -> Lookups:
    return tuple(lookup.resumed() for lookup in lookups)


async def _as_completed(
    steps: Sequence[Awaitable[Mapping[int, Lookup]]],
) -> AsyncIterator[Mapping[int, Lookup]]:
    """Results as they come, a few steps at a time; what still runs is cancelled when nobody listens any more."""
    room = asyncio.Semaphore(CALLS_AT_ONCE)

    async def run(step: Awaitable[Mapping[int, Lookup]]) -> Mapping[int, Lookup]:
        async with room:
            return await step

    tasks = [asyncio.ensure_future(run(step)) for step in steps]
    try:
        for task in asyncio.as_completed(tasks):
            yield await task
    finally:
        for task in tasks:
            task.cancel()
