"""The service layer at work against the stand-in VirusTotal, with a clock and a quota that tests control."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from playground.virustotal import Sandbox
from tests.support.memory_storage import NullCache
from vt import errors
from vt.actions import BY_KEY, FILE
from vt.client import Client
from vt.files.disk import Disk
from vt.files.provider import Roots
from vt.files.transfer import Places
from vt.indicators import read
from vt.lookup import Lookup
from vt.polling import Outage
from vt.service import Service


class Clock:
    """Time that passes when told."""

    def __init__(self):
        self.now = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)

    def __call__(self):
        return self.now

    def seconds(self):
        return self.now.timestamp()

    def passes(self, **time):
        self.now += timedelta(**time)


class Allowance:
    """A quota of so many calls, then none for a minute."""

    def __init__(self, clock, calls=10**9):
        self.clock = clock
        self.calls = calls
        self.most = 10**9

    async def take(self, calls=1, _ask=None):
        if calls > self.most:
            raise ValueError(calls)
        if self.calls < calls:
            raise errors.QuotaSpent(self.clock() + timedelta(seconds=60))
        self.calls -= calls

    async def refused(self, _seconds=None, _ask=None):
        raise errors.QuotaSpent(self.clock() + timedelta(seconds=60))

    async def worked(self):
        """Nothing to forget."""


async def no_pause(_):
    """Tests do not wait between attempts."""


async def turn(service, lookups):
    return [lookups, *[board async for board in service.advance(lookups)]][-1]


class RunningService:
    """Someone who asks, and goes on whenever there is something to go on with."""

    def __init__(self, sandbox, service, clock, quota):
        self.sandbox, self.service, self.clock, self.quota = sandbox, service, clock, quota

    async def turn(self, lookups):
        return await turn(self.service, tuple(lookups))

    async def asks(self, action, *values, **options):
        row = BY_KEY[action]
        return await self.turn(Lookup.of(read(value), row, row.threshold, **options) for value in values)

    def found(self, lookups):
        return [lookup.finding(self.clock()) for lookup in lookups]

    def states(self, lookups):
        return [finding.state for finding in self.found(lookups)]


@asynccontextmanager
async def running_service(kind="public", roots=(), calls=10**9, through=str, **settings):
    """`through`: makes of VirusTotal's address that of a way there."""
    clock = Clock()
    quota = Allowance(clock, calls)
    async with (
        Sandbox(kind=kind, clock=clock.seconds, **settings).serve() as sandbox,
        Client(
            SecretStr("k" * 64),
            url=through(sandbox.url),
            quota=quota,
            kind=kind,
            deadline=5,
            sleep=no_pause,
            outage=Outage(clock),
        ) as client,
    ):
        service = Service(
            client, places=Places(Disk(Roots(tuple(roots)), limit=64 << 20)), clock=clock, cache=NullCache()
        )
        yield RunningService(sandbox, service, clock, quota)


def of_file(path):
    return Lookup.of_file(str(path), FILE, FILE.threshold).auto_consented()
