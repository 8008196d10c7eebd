"""Connections to the database: what they are for, who goes first (acknowledgements, then first turns), and its clock."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol, Self, TypeVar

import psycopg
import structlog
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from handlers.case import StoreDown

log = structlog.get_logger()

T = TypeVar("T")
C = TypeVar("C")
Connection = psycopg.AsyncConnection[Any]
Work = Callable[[Connection], Awaitable[T]]
Statement = tuple[str, dict[str, Any]]
"""SQL with psycopg's placeholders, and their values."""

PAUSE = 0.05
"""Seconds. While acknowledgements never stop, one statement of a turn is let through in each of these periods."""
QUIET = 0.012
"""Seconds without an acknowledgement after which turns go on: the next ones may be about to come."""
TakeFirst = Callable[[int, str, float], Awaitable[None]]
"""Takes the first turn of a case, given its job, its id, and since when the job is ours."""
elapsed = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
"""Seconds, as a clock counts that is never set, and goes on while the machine is suspended where it can."""
TURN: ContextVar["Turn | None"] = ContextVar("turn", default=None)
"""The turn that is under way; None outside of turns."""


# A host that is gone closes nothing: without these, its connections would hang for a quarter of an hour.
_NOTICE_LOSS = {
    "connect_timeout": "5",
    "keepalives_idle": "3",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "8000",
}


def with_loss_noticed(url: str) -> str:
    """The URL with limits to how long it may take to notice that the server's host is gone.

    Settings of a session are not in it but set once it is open: PgBouncer refuses them at the start, or ignores them.
    """
    return make_conninfo(url, **(_NOTICE_LOSS | conninfo_to_dict(url)))


_OF_SERVERS = ("host", "hostaddr", "port")
"""What a URL may list, a value for each server."""


class Servers:
    """Where DATABASE_URL leads. It may name several servers, of which one takes writes.

    A host that is gone without a word takes up all the time that a connection may take, before the others are tried. So
    whenever that has failed, the next try begins with the next server.
    """

    def __init__(self, url: str) -> None:
        every = with_loss_noticed(url)
        lists = {
            name: str(value).split(",")
            for name, value in conninfo_to_dict(every).items()
            if name in _OF_SERVERS
        }
        self._orders = [
            make_conninfo(
                every, **{name: ",".join(values[first:] + values[:first]) for name, values in lists.items()}
            )
            for first in range(max(map(len, lists.values()), default=1))
        ]
        self._first = 0

    async def connect(self, connect: Callable[[str], Awaitable[C]]) -> C:
        """What `connect` returns, given a connection string. Raises what it raises."""
        first = self._first
        try:
            return await connect(self._orders[first])
        except BaseException:
            if self._first == first:  # others that failed at the same time count once
                self._first = (first + 1) % len(self._orders)
            raise


# Whose job it is -----------------------------------------------------------------------------------------


class JobLost(BaseException):
    """Another worker has taken the job. Like CancelledError it is no Exception: nothing handles it as a failure that is retried."""


CONFIRM: ContextVar[Callable[[Connection | None], Awaitable[None]] | None] = ContextVar(
    "confirm", default=None
)
"""Checks that the job which this task belongs to is still ours; None outside of jobs."""


async def confirm_job(connection: Connection | None = None) -> None:
    """To be called right before a job shows or stores something: another worker may be doing that by now.

    `connection`: the one that is about to be used, if there is one. Raises JobLost, StoreDown.
    """
    if confirm := CONFIRM.get():
        await confirm(connection)


class Lease:
    """How long nobody can take jobs from this process's worker, by its heartbeats. All times are those of `clock`.

    Others take them once they have seen none for Pace.missing. A heartbeat counts from before it was sent, and only once
    it is stored. A third of the time is left for what happens between a look at the lease and what is then shown.
    """

    def __init__(self, missing: float, clock: Callable[[], float] = elapsed) -> None:
        """`missing`: Pace.missing."""
        self.clock = clock
        self._seconds = missing * 2 / 3
        self._worker: int | None = None
        self._sent = self._unbroken_since = -math.inf

    def extend(self, worker: int, sent: float) -> None:
        """A heartbeat that this worker sent at that time is stored. If it came late, jobs may have been taken before it."""
        if worker != self._worker or self.clock() - self._sent > self._seconds:
            self._worker, self._unbroken_since = worker, sent
        self._sent = max(self._sent, sent)

    def covers(self, worker: int, since: float) -> bool:
        """Whether nobody can have taken a job that this worker had at that time."""
        is_unbroken = worker == self._worker and self._unbroken_since <= since
        return is_unbroken and self.clock() - self._sent < self._seconds


# Who goes first ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Turn:
    """What a turn has put off until its end. A task that it has started may go on after that: then nothing is put off."""

    deferred: list[Statement] = field(default_factory=list)
    has_ended: bool = False


@contextmanager
def turn_context() -> Iterator[Turn]:
    """Marks what runs inside, and the tasks that it starts, as a turn, which waits for acknowledgements."""
    turn = Turn()
    before = TURN.set(turn)
    try:
        yield turn
    finally:
        TURN.reset(before)


def put_off(sql: str) -> list[dict[str, Any]]:
    """The values of each such statement that the turn of this task has put off until its end; they may be changed."""
    turn = TURN.get()
    return [values for other, values in turn.deferred if other is sql] if turn and not turn.has_ended else []


class AckPriority:
    """The acknowledgements under way in this process, and the turns that wait for them."""

    def __init__(self) -> None:
        self._first = 0
        self._free = asyncio.Event()
        self._free.set()
        self._quiet: asyncio.TimerHandle | None = None
        self._in_line = asyncio.Lock()

    @contextmanager
    def first(self) -> Iterator[None]:
        """Turns wait while this is entered, and QUIET after the last one."""
        self._first += 1
        self._free.clear()
        if self._quiet:
            self._quiet.cancel()
        try:
            yield
        finally:
            self._first -= 1
            if not self._first:
                self._quiet = asyncio.get_running_loop().call_later(QUIET, self._free.set)

    async def give_way(self) -> None:
        """In a turn, wait until no acknowledgement is under way, or PAUSE after the turn before. Elsewhere, return at once.

        Turns are let through one after the other, however many there are: all together they would delay acknowledgements.
        """
        if not self._free.is_set() and TURN.get() is not None:
            async with self._in_line:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE):
                        await self._free.wait()


class FirstTurns:
    """First turns of requests that this process accepts, which it takes itself and at once.

    Each is stored with a job that runs in the hands of this process's worker already. If the process dies, that job is an
    orphan like any other. Without a worker, or with `most` of them under way, requests are stored with a job that waits.
    """

    def __init__(self, at_once: int = 30, most: int = 500) -> None:
        self._slots = asyncio.Semaphore(at_once)
        self._most = most
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._worker: int | None = None
        self._take: TakeFirst

    def open(self, worker: int, take: TakeFirst) -> None:
        """From now on there is a worker: `take` takes the turn of a job, for the case with this id."""
        self._worker, self._take = worker, take

    def owner(self) -> int | None:
        """The worker in whose hands a request is stored now; None: it has to wait."""
        return self._worker if len(self._tasks) < self._most else None

    def begin(self, worker: int, job: int, case_id: str, since: float) -> None:
        """Take the turn of a request that was stored in the hands of this worker. If it has ended, the job is an orphan.

        `since`: when the request was sent to be stored, as `elapsed` counts.
        """
        if worker == self._worker:
            self._tasks[job] = asyncio.create_task(self._run(job, case_id, since))

    async def _run(self, job: int, case_id: str, since: float) -> None:
        try:
            async with self._slots:
                await self._take(job, case_id, since)
        finally:
            del self._tasks[job]

    @property
    def running(self) -> frozenset[int]:
        """The jobs whose turns have begun, or are about to."""
        return frozenset(self._tasks)

    async def close(self, grace: float) -> list[int]:
        """Take no more first turns. Cancels those that are still running after `grace` seconds, and returns their jobs."""
        self._worker = None
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=grace)
        unfinished = dict(self._tasks)
        for task in unfinished.values():
            task.cancel()
        await asyncio.gather(*unfinished.values(), return_exceptions=True)
        return list(unfinished)


# The clock of the database -------------------------------------------------------------------------------

READ_SECONDS = 10.0
"""Between two readings of the database's clock."""
STEP = timedelta(seconds=2)
"""A clock that differs by more was set."""


class Rows(Protocol):
    """What the clock asks: `Database`."""

    async def rows(self, sql: str, values: Mapping[str, Any]) -> list[Any]:
        """The rows of a statement. Raises StoreDown."""


class DatabaseClock:
    """The database's time in UTC: what is stored by one process and compared by another comes from one clock.

    It is read now and then, and goes on by the time that has passed here since. That it is wrong, or put right, on the
    machine of this process makes no difference.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.on_set: Callable[[datetime, datetime], Awaitable[None]] | None = None
        """Called with the times before and after when the database's clock was set. Raises StoreDown."""
        self._monotonic = monotonic
        self._read = datetime.now(UTC)
        self._since = monotonic()

    def __call__(self) -> datetime:
        """The time now. Until it was read for the first time, this machine's."""
        return self._read + timedelta(seconds=self._monotonic() - self._since)

    async def read(self, database: Rows) -> None:
        """Read it. A difference that the round trip explains changes nothing. Raises StoreDown."""
        began = self._monotonic()
        [[at]] = await database.rows("SELECT clock_timestamp()", {})
        ended = self._monotonic()
        before = self()
        if abs(at - before) > timedelta(seconds=ended - began):
            last = self._read, self._since
            self._read, self._since = at, (began + ended) / 2
            if self.on_set and abs(at - before) > STEP:
                log.warning("clock_was_set", seconds=round((at - before).total_seconds()))
                try:
                    await self.on_set(before, at)
                except StoreDown:
                    self._read, self._since = last  # the next reading finds it again
                    raise

    @classmethod
    @asynccontextmanager
    async def kept(cls, database: Rows) -> AsyncIterator[Self]:
        """One that is read now, if that is possible, and then every READ_SECONDS while the block runs."""
        clock = cls()
        with suppress(StoreDown):
            await clock.read(database)

        async def keep_reading() -> None:
            while True:
                await asyncio.sleep(READ_SECONDS)
                with suppress(StoreDown):
                    await clock.read(database)

        reading = asyncio.create_task(keep_reading())
        try:
            yield clock
        finally:
            reading.cancel()
