"""The database: the given one or a private one, with its tables brought up to date, and connections that never hang."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
import sqlalchemy
import structlog
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import UndefinedTable
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from bot import migrations
from bot.database import health
from bot.database.ack_priority import AckPriority
from bot.database.postgres import Server
from bot.database.programs import NotStarted
from bot.database.supervisor import kept
from bot.queue.schema import ForeignJobs
from bot.settings import Settings
from handlers.deps import StoreDown

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

LOCK = 0x7674_626F_74
"""The advisory lock ("vtbot") under which one process migrates and the others wait."""
START_SECONDS = 10.0
"""How long a database that is starting itself is waited for."""
TIMEOUT = 2.0
"""Seconds after which whoever waits for the database is told that it is down: Slack waits for three."""
CLOSING_SECONDS = 5.0
CONNECTIONS = 10

log = structlog.get_logger()


class Unusable(Exception):
    """No database to work with. One sentence for the operator, without what DATABASE_URL holds."""


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[str]:
    """The URL of a database with current tables, while it is used. Raises Unusable."""
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        await asyncio.to_thread(prepare, url)
        yield url
        return
    async with _private(Server(settings.state_dir)) as url:
        await asyncio.to_thread(prepare, url)
        yield url


@asynccontextmanager
async def _private(server: Server) -> AsyncIterator[str]:
    use = server.used()
    try:
        url = await asyncio.to_thread(use.__enter__)
    except (NotStarted, OSError) as fault:
        why = fault.strerror.lower() if isinstance(fault, OSError) and fault.strerror else str(fault)
        hint = "Make it writable" if isinstance(fault, PermissionError) else "Solve that"
        message = f"Could not start the embedded database in STATE_DIR={server.state}: {why}. {hint}, or set DATABASE_URL."
        raise Unusable(message) from None
    try:
        async with kept(server):
            yield url
    finally:
        await asyncio.to_thread(use.__exit__, None, None, None)


def prepare(url: str, timeout: float = START_SECONDS) -> None:
    """Bring the tables up to date; when they are, one query finds it out. Blocks. Raises Unusable."""
    with _connected(url, timeout) as connection:
        version = _version(connection)
    if version is not None and version > migrations.HEAD:
        raise Unusable("The database was made by a newer version of vtbot: update this one.")
    if version != migrations.HEAD:
        _migrate(url)


def _connected(url: str, timeout: float) -> psycopg.Connection:
    until = time.monotonic() + timeout
    while True:
        try:
            return psycopg.connect(url, autocommit=True, connect_timeout=5)
        except psycopg.OperationalError as error:
            if time.monotonic() > until:
                reason = str(error).strip().splitlines()[0].rpartition("failed: ")[2]
                raise Unusable(f"Cannot connect to DATABASE_URL ({reason}).") from None
        time.sleep(0.2)


def _version(connection: psycopg.Connection) -> str | None:
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except UndefinedTable:
        return None
    return str(row[0]) if row else None


def _migrate(url: str) -> None:
    """All or nothing, and one process at a time: who waited finds it done."""
    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))
    try:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(LOCK)))
            migrations.upgrade(connection)
    except ForeignJobs:
        message = (
            "Another program keeps its jobs in this database: give vtbot one of its own in DATABASE_URL."
        )
        raise Unusable(message) from None
    finally:
        engine.dispose()


def with_setting(url: str, name: str, value: str) -> str:
    """The URL with a setting for its sessions, beside those that it has."""
    options = conninfo_to_dict(url).get("options") or ""
    return make_conninfo(url, options=f"{options} -c {name}={value}".strip())


class Database:
    """Connections, and the promise that nobody waits for them longer than `timeout` seconds."""

    def __init__(self, url: str, timeout: float = TIMEOUT, connections: int = CONNECTIONS) -> None:
        # The server gives up first, so that what was refused is rarely done after all.
        self._conninfo = with_setting(url, "statement_timeout", str(int(timeout * 750)))
        self._timeout = timeout
        self._engine = health.watched(
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
        """What `work` makes of a connection. Raises StoreDown.

        Each statement commits by itself, or all of them `together`.
        """
        await self.ack_priority.give_way()
        task = asyncio.ensure_future(self._run(work, together=together))
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        try:
            await asyncio.wait({task}, timeout=self._timeout)
        finally:
            # Not waited for: to cancel a query, the driver asks the very server that does not answer.
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
            # Its text may hold what people asked.
            cause = getattr(error, "orig", None) or error
            log.warning("database_down", error=type(cause).__name__)
            raise StoreDown from None

    async def ping(self) -> None:
        """One round trip. Raises StoreDown."""
        await self.run(lambda connection: connection.execute(sqlalchemy.select(1)))

    async def close(self) -> None:
        """Close every connection, once what was cancelled and not waited for has let go of its own."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=CLOSING_SECONDS)
        await self._engine.dispose()

    def _ended(self, task: asyncio.Future[Any]) -> None:
        """A failure that comes after its waiter has gone is not news."""
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()
