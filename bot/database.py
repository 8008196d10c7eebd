"""Connections to the database that never hang, are never dead, and let acknowledgements go first."""

import asyncio
import select
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

import psycopg
import sqlalchemy
import structlog
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from handlers.case import StoreDown

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

TIMEOUT = 2.0
"""Seconds after which whoever waits for the database is told that it is down: Slack waits for three."""
CLOSING_SECONDS = 5.0
CONNECTIONS = 10
PAUSE = 0.25
"""The longest that a turn waits before one statement, in seconds."""
_TURN: ContextVar[bool] = ContextVar("turn", default=False)

log = structlog.get_logger()


def with_setting(url: str, name: str, value: str) -> str:
    """The URL with one more setting for its sessions."""
    options = conninfo_to_dict(url).get("options") or ""
    return make_conninfo(url, options=f"{options} -c {name}={value}".strip())


class Database:
    """A pool of connections. Nobody waits for them longer than `timeout` seconds: then StoreDown is raised."""

    def __init__(self, url: str, timeout: float = TIMEOUT, connections: int = CONNECTIONS) -> None:
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
        task = asyncio.ensure_future(self._run(work, together=together))
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
            raise StoreDown from None

    async def ping(self) -> None:
        """One round trip. Raises StoreDown."""
        await self.run(lambda connection: connection.execute(sqlalchemy.select(1)))

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
