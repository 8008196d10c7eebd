"""Connections to the database that never hang, are never dead, and let acknowledgements go first."""

import asyncio
import errno
import os
import select
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import psycopg
import structlog
from psycopg.errors import DiskFull
from psycopg.pq import TransactionStatus
from psycopg.rows import namedtuple_row

from bot.connections import (
    TURN,
    AckPriority,
    Connection,
    Servers,
    Statement,
    Turn,
    Work,
    confirm_job,
    turn_context,
)
from bot.observability import Metrics
from handlers.case import StoreDown

T = TypeVar("T")
TIMEOUT = 2.0
"""Seconds after which whoever waits for the database is told that it is down: Slack waits for three."""
CLOSING_SECONDS = 5.0
CONNECTIONS = 10
CONNECT_SECONDS = 2.0

log = structlog.get_logger()

NOT_AWAITED = "set_config('synchronous_commit', 'off', true) = 'off'"
"""An SQL condition that is always true: the commit of its transaction does not wait until it is on disk.

When the database's machine loses power, or its server is killed, the writes of the last 0.6 s may be lost, always the newest ones.
Only for what would be written again, or would be worth nothing by then.
"""
_SPILL = "SELECT count(*) FROM (SELECT repeat('x', 90) || n FROM generate_series(1, 4000) AS n ORDER BY 1 OFFSET 0) AS rows"


class DatabaseFull(StoreDown):
    """The disk of the database is full."""

    def __init__(self) -> None:
        super().__init__(os.strerror(errno.ENOSPC).lower())


class DatabaseReadOnly(StoreDown):
    """The server takes no writes: it is a standby, or was set to."""

    def __init__(self) -> None:
        super().__init__("read-only")


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
        self._timeout = timeout
        # The server gives up before we do, so that a statement whose caller was told "down" is rarely executed after all.
        limit = f"SET statement_timeout = {int(timeout * 750)}"
        # With some statements planning takes longer than they do. The server would plan those each time, as it cannot know that
        # the arrays among their values nearly always have one element.
        self.pool = Pool(url, connections, f"{limit}; SET plan_cache_mode = force_generic_plan")
        self.ack_priority = AckPriority()
        self._under_way: set[asyncio.Future[Any]] = set()

    async def run(self, work: Work[T], *, together: bool = False) -> T:
        """Call `work` with a connection and return its result. Raises StoreDown.

        Each statement commits by itself; with `together`, all of them are one transaction. In a turn, what was put off
        is written first. Raises JobLost when others have taken the job.
        """
        turn = TURN.get()
        if turn and turn.deferred:
            await self.write()
        return await self._measured("transaction", self._run(work, together=together))

    async def rows(self, sql: str, values: Mapping[str, Any]) -> list[Any]:
        """Execute one prepared statement. Its rows, as named tuples; none of a statement without any. Raises StoreDown."""
        return await self._measured(_kind(sql), self._rows(sql, values))

    async def rows_after_writes(self, sql: str, values: Mapping[str, Any]) -> list[Any]:
        """The same; in a turn, what was put off is written first. Raises StoreDown."""
        return await self.run(lambda connection: fetched(connection, sql, values))

    async def write(self, *statements: Statement) -> None:
        """Execute the statements after those that the turn has put off: one transaction, one round trip.

        Raises StoreDown, and JobLost when others have taken the job.
        """
        turn = TURN.get() or Turn()
        every = [*turn.deferred, *statements]
        turn.deferred.clear()
        try:
            if every:
                await self._measured(_kind(every[-1][0]), self._write(every))
        except StoreDown:
            turn.deferred[:0] = every[: len(every) - len(statements)]
            raise

    async def write_later(self, *statements: Statement) -> None:
        """Execute the statements with the last ones of the turn, or at once where there is no turn. Raises StoreDown."""
        turn = TURN.get()
        if turn and not turn.has_ended:
            turn.deferred += statements
        else:
            await self.write(*statements)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A turn, which gives way to acknowledgements. What it has put off is written at its end. Raises StoreDown."""
        with turn_context() as turn:
            try:
                yield
            except BaseException:
                turn.has_ended = True
                with suppress(StoreDown):
                    await _finished(self.write())
                raise
            turn.has_ended = True
            await _finished(self.write())

    async def _measured(self, kind: str, work: Coroutine[Any, Any, T]) -> T:
        try:
            await self.ack_priority.give_way()
        except BaseException:
            work.close()
            raise
        spans = self._metrics.tracing.span(f"PostgreSQL {kind}")
        with (
            self._metrics.database.time(),
            self._metrics.database_failures.count_exceptions(StoreDown),
            spans,
        ):
            return await self._within_timeout(work)

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
        async with self.connection() as connection:
            if not together:
                await confirm_job(connection)
                return await work(connection)
            async with connection.transaction():
                await confirm_job(connection)
                return await work(connection)

    async def _rows(self, sql: str, values: Mapping[str, Any]) -> list[Any]:
        async with self.connection() as connection:
            return await fetched(connection, sql, values)

    async def _write(self, statements: list[Statement]) -> None:
        async with self.connection() as connection:
            await confirm_job(connection)
            async with connection.pipeline():
                for sql, values in statements:
                    await connection.execute(sql, values, prepare=True)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One of the pool's, which commits each statement. Raises StoreDown, and waits however long it takes."""
        try:
            async with self.pool.connection() as connection:
                yield connection
        except (psycopg.Error, OSError) as error:
            # The error's text may hold what people asked for, so only its type is logged.
            log.warning("database_down", error=type(error).__name__)
            raise (DatabaseFull if isinstance(error, DiskFull) else StoreDown) from None

    async def ping(self) -> None:
        """One round trip. Raises StoreDown."""
        await self.rows("SELECT 1", {})

    async def check_disk(self) -> None:
        """Have the server write a temporary file, which it deletes again. Raises StoreDown, DatabaseFull, DatabaseReadOnly.

        A sort that does not fit into `work_mem` is written to the disk that holds the tables. It leaves nothing behind,
        neither dead rows nor log records, so it can be asked for every few seconds.
        """

        async def sort(connection: Connection) -> None:
            await connection.execute("SET LOCAL work_mem = '64kB'")
            await connection.execute(_SPILL)
            shown = await connection.execute("SHOW transaction_read_only")
            if await shown.fetchone() == ("on",):
                raise DatabaseReadOnly

        await self.run(sort, together=True)

    async def close(self) -> None:
        """Wait for cancelled statements to release their connections, then close all of them."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=CLOSING_SECONDS)
        await self.pool.close()

    def _ended(self, task: asyncio.Future[Any]) -> None:
        """Retrieve the exception of a task nobody waits for any more; asyncio would log it as never retrieved."""
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()


def _kind(sql: str) -> str:
    """The first word of a statement."""
    return sql.split(maxsplit=1)[0]


async def _finished(work: Coroutine[Any, Any, None]) -> None:
    """Wait for it to its end, even if whoever waits is cancelled: a posted answer must be noted, or it is posted twice."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def fetched(connection: Connection, sql: str, values: Mapping[str, Any]) -> list[Any]:
    """Execute one prepared statement. Its rows, as named tuples; none of a statement without any."""
    cursor = await connection.execute(sql, values, prepare=True)
    return await cursor.fetchall() if cursor.description else []


class Pool:
    """Connections that commit each statement. They are opened when they are needed, so a database that returns is noticed at once."""

    def __init__(self, url: str, most: int, first: str = "SELECT") -> None:
        """`first`: the statements that each connection executes when it is opened."""
        self._servers, self._first = Servers(url), first
        self._slots = asyncio.Semaphore(most)
        self._idle: list[Connection] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One that is open, for one user. The one that was used last is the next to be used."""
        async with self._slots:
            connection = await self._open()
            try:
                yield connection
            finally:
                await self._put_back(connection)

    async def _open(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if is_alive(connection):
                return connection
            await connection.close()
        async with asyncio.timeout(CONNECT_SECONDS):
            connect = partial(psycopg.AsyncConnection.connect, autocommit=True, row_factory=namedtuple_row)
            connection = await self._servers.connect(connect)
            try:
                await connection.execute(self._first)
            except BaseException:
                await connection.close()
                raise
            return connection

    async def _put_back(self, connection: Connection) -> None:
        """One that was left in the middle of something, or that has ended, is closed."""
        if connection.pgconn.transaction_status != TransactionStatus.IDLE:
            await connection.close()
        else:
            self._idle.append(connection)

    async def close(self) -> None:
        """Close those that nobody uses."""
        while self._idle:
            await self._idle.pop().close()


def is_alive(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether an idle connection is open, found out without a round trip.

    A server that ends a session sends a message first: then there is something to read where nothing should be.
    The pool of psycopg would spend one more round trip for every statement.
    """
    try:
        socket = connection.pgconn.socket
    except psycopg.OperationalError:
        return False
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return not poll.poll(0)
