"""Connections to the database that never hang, are never dead, and let acknowledgements go first."""

import asyncio
import errno
import os
import select
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import psycopg
import sqlalchemy
import structlog
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import DiskFull
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.observability import Metrics
from handlers.case import StoreDown

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

TIMEOUT = 2.0
"""Seconds after which whoever waits for the database is told that it is down: Slack waits for three."""
CLOSING_SECONDS = 5.0
CONNECTIONS = 10
READ_SECONDS = 10.0
"""Between two readings of the database's clock."""
PAUSE = 0.25
"""The longest that a turn waits before one statement, in seconds."""
_TURN: ContextVar[bool] = ContextVar("turn", default=False)

log = structlog.get_logger()


# A host that is gone closes nothing: without these, its connections would hang for a quarter of an hour.
_NOTICE_LOSS = {
    "connect_timeout": "5",
    "keepalives_idle": "3",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "8000",
}


def with_setting(url: str, name: str, value: str) -> str:
    """The URL with one more setting for its sessions, and with limits to noticing that the server's host is gone."""
    given = conninfo_to_dict(url)
    options = f"{given.get('options') or ''} -c {name}={value}".strip()
    return make_conninfo(url, **(_NOTICE_LOSS | given | {"options": options}))


_NOW = sqlalchemy.select(sqlalchemy.func.clock_timestamp())
_SPILL = sqlalchemy.text(
    "SELECT count(*) FROM (SELECT repeat('x', 90) || n FROM generate_series(1, 4000) AS n ORDER BY 1 OFFSET 0) AS rows"
)


class DatabaseFull(StoreDown):
    """The disk of the database is full."""

    def __init__(self) -> None:
        super().__init__(os.strerror(errno.ENOSPC).lower())


class Database:
    """A pool of connections. Nobody waits for them longer than `timeout` seconds: then StoreDown is raised."""

    def __init__(
        self,
        url: str,
        timeout: float = TIMEOUT,
        connections: int = CONNECTIONS,
        metrics: Metrics | None = None,
    ) -> None:
        self._metrics = metrics or Metrics()
        # The server gives up before we do, so that a statement whose caller was told "down" is rarely executed after all.
        self._conninfo = with_setting(url, "statement_timeout", str(int(timeout * 750)))
        self._timeout = timeout
        self._engine = checked_on_checkout(
            create_async_engine(
                "postgresql+psycopg://",
                async_creator=self._connect,
                pool_size=connections,
                max_overflow=0,
                pool_timeout=timeout,
                hide_parameters=True,
                isolation_level="AUTOCOMMIT",
                use_native_hstore=False,  # asked for at each connection, and not used
            )
        )
        self._together = self._engine.execution_options(isolation_level="READ COMMITTED")
        self.ack_priority = AckPriority()
        self._under_way: set[asyncio.Future[Any]] = set()

    async def _connect(self) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(self._conninfo)

    async def run(self, work: Work[T], *, together: bool = False) -> T:
        """Call `work` with a connection and return its result. Raises StoreDown.

        Each statement commits by itself; with `together`, all of them are one transaction.
        """
        await self.ack_priority.give_way()
        with self._metrics.database.time(), self._metrics.database_failures.count_exceptions(StoreDown):
            return await self._within_timeout(self._run(work, together=together))

    async def _within_timeout(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        try:
            await asyncio.wait({task}, timeout=self._timeout)
        finally:
            # The cancellation is not awaited: to cancel a query, the driver asks the very server that does not answer.
            task.cancel()
        if not task.done():
            log.warning("database_slow", seconds=self._timeout)
            raise StoreDown
        return task.result()

    async def _run(self, work: Work[T], *, together: bool) -> T:
        try:
            async with self._together.begin() if together else self._engine.connect() as connection:
                return await work(connection)
        except (SQLAlchemyError, psycopg.Error, OSError) as error:
            # The error's text may hold what people asked for, so only its type is logged.
            cause = getattr(error, "orig", None) or error
            log.warning("database_down", error=type(cause).__name__)
            raise (DatabaseFull if isinstance(cause, DiskFull) else StoreDown) from None

    async def ping(self) -> None:
        """One round trip. Raises StoreDown."""
        await self.run(lambda connection: connection.execute(sqlalchemy.select(1)))

    async def check_disk(self) -> None:
        """Have the server write a temporary file, which it deletes again. Raises StoreDown, DatabaseFull.

        A sort that does not fit into `work_mem` is written to the disk that holds the tables. It leaves nothing behind,
        neither dead rows nor log records, so it can be asked for every few seconds.
        """

        async def sort(connection: AsyncConnection) -> None:
            await connection.execute(sqlalchemy.text("SET LOCAL work_mem = '64kB'"))
            await connection.execute(_SPILL)

        await self.run(sort, together=True)

    async def close(self) -> None:
        """Wait for cancelled statements to release their connections, then close all of them."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=CLOSING_SECONDS)
        await self._engine.dispose()

    def _ended(self, task: asyncio.Future[Any]) -> None:
        """Retrieve the exception of a task nobody waits for any more; asyncio would log it as never retrieved."""
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()


@contextmanager
def gives_way() -> Iterator[None]:
    """Marks what runs inside, and the tasks that it starts, as a turn, which waits for acknowledgements."""
    before = _TURN.set(True)
    try:
        yield
    finally:
        _TURN.reset(before)


class DatabaseClock:
    """The database's time in UTC: what is stored by one process and compared by another comes from one clock.

    It is read now and then, and goes on by the time that has passed here since. That it is wrong, or put right, on the
    machine of this process makes no difference.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._read = datetime.now(UTC)
        self._since = monotonic()

    def __call__(self) -> datetime:
        """The time now. Until it was read for the first time, this machine's."""
        return self._read + timedelta(seconds=self._monotonic() - self._since)

    async def read(self, database: Database) -> None:
        """Read it. A difference that the round trip explains changes nothing. Raises StoreDown."""
        began = self._monotonic()
        at = await database.run(lambda connection: connection.scalar(_NOW))
        ended = self._monotonic()
        if at and abs(at - self()) > timedelta(seconds=ended - began):
            self._read, self._since = at, (began + ended) / 2

    async def keep_reading(self, database: Database) -> None:
        """Read it every READ_SECONDS, without end."""
        while True:
            await asyncio.sleep(READ_SECONDS)
            with suppress(StoreDown):
                await self.read(database)


class AckPriority:
    """The acknowledgements under way in this process, and the turns that wait for them."""

    def __init__(self) -> None:
        self._first = 0
        self._free = asyncio.Event()

    @contextmanager
    def first(self) -> Iterator[None]:
        """Turns wait while this is entered."""
        self._first += 1
        self._free.clear()
        try:
            yield
        finally:
            self._first -= 1
            if not self._first:
                self._free.set()

    async def give_way(self) -> None:
        """In a turn, wait until no acknowledgement is under way, for PAUSE seconds at most. Elsewhere, return at once."""
        if self._first and _TURN.get():
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE):
                    await self._free.wait()


def is_alive(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether an idle connection is open, found out without a round trip.

    A server that ends a session sends a message first: then there is something to read where nothing should be. SQLAlchemy's
    pre-ping and psycopg_pool's check would cost one more round trip for every statement.
    """
    try:
        socket = connection.pgconn.socket
    except psycopg.OperationalError:
        return False
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return not poll.poll(0)


def checked_on_checkout(engine: AsyncEngine) -> AsyncEngine:
    """Check each connection before it is handed out; if one is dead, the whole pool is replaced."""

    def look(connection: Any, *_: Any) -> None:
        if not is_alive(connection.driver_connection):
            raise InvalidatePoolError

    event.listen(engine.sync_engine, "checkout", look)
    return engine


def pool(**options: Any) -> AsyncConnectionPool[Any]:
    """A pool for procrastinate: autocommit, and checked without a round trip."""
    return AsyncConnectionPool(**options | {"check": _check, "configure": _autocommit})


async def _autocommit(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.set_autocommit(True)


async def _check(connection: psycopg.AsyncConnection[Any]) -> None:
    if not is_alive(connection):
        # Closed here because the pool would keep it: psycopg has not read the server's last message yet.
        await connection.close()
        raise psycopg.OperationalError
