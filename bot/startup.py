"""The database when the bot starts: the given one or a private one, brought up to date, and supervised."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import psycopg
import structlog
from psycopg.errors import UndefinedTable

from bot import migrations
from bot.connections import with_loss_noticed
from bot.environment import OperatorError
from bot.postgres import NotStarted, Server
from bot.queue.jobs import ForeignJobs
from bot.settings import Settings
from handlers.text.language import lazy_gettext as _

LOCK = 0x7674_626F_74
"""The advisory lock ("vtbot") under which one process migrates and the others wait."""
START_SECONDS = 10.0
"""How long to wait for a database that is starting."""
PAUSES = (0.5, 1, 2, 5, 10, 30)
"""Seconds between checks: the first while the server runs, the others after each failed start."""

REASONS: Mapping[tuple[str, ...], str] = {
    ("startup parameter",): _("PgBouncer needs pool_mode = session and ignore_startup_parameters = options"),
    ("connection refused",): _("connection refused: nothing listens there"),
    ("translate host name", "resolve host", "name or service"): _("its host is unknown"),
    ("timeout expired", "timed out"): _("it does not answer in time"),
    ("authentication failed", "no password supplied", "role "): _(
        "the server refuses the user or the password"
    ),
    ("database ",): _("the server has no such database"),
    ("no such file",): _("there is no server on that socket"),
    ("starting up", "shutting down"): _("the server is starting or stopping"),
    ("too many", "slots are reserved"): _("the server has no free connection"),
    ("certificate", "ssl"): _("the encrypted connection fails: see sslmode and the certificates"),
    ("invalid", "percent-encoded", "missing"): _("a part of it is not valid"),
}
"""By words that occur in the driver's errors, the first that fits."""
OTHER_REASON = _("the server refuses the connection")
ESCAPE = _("in a password write @ as %40, / as %2F, # as %23, ? as %3F and % as %25")
PERHAPS_NOT_ESCAPED = ("its host is unknown", "a part of it is not valid")
"""The reasons after which ESCAPE is said too."""

log = structlog.get_logger()


class Unusable(OperatorError):
    """No database to work with. Never holds what DATABASE_URL holds."""


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
        what = {"folder": str(server.state), "why": why}
        if isinstance(fault, PermissionError):
            raise Unusable(
                "Could not start the embedded database in STATE_DIR={folder}: {why}. Make it writable, or set DATABASE_URL.",
                **what,
            ) from None
        raise Unusable(
            "Could not start the embedded database in STATE_DIR={folder}: {why}. Solve that, or set DATABASE_URL.",
            **what,
        ) from None
    try:
        async with supervised(server):
            yield url
    finally:
        await asyncio.to_thread(use.__exit__, None, None, None)


def prepare(url: str, timeout: float = START_SECONDS) -> None:
    """Bring the tables up to date; one query finds out whether they are. Blocks. Raises Unusable."""
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
            return psycopg.connect(with_loss_noticed(url), autocommit=True, connect_timeout=5)
        except psycopg.OperationalError as error:
            if time.monotonic() > until:
                raise _unreachable(error) from None
        except (psycopg.Error, ValueError) as error:
            raise _unreachable(error) from None
        time.sleep(0.2)


def _unreachable(error: Exception) -> Unusable:
    """Why, in words of ours: the driver's own quote the address, and with it parts of a password that is not escaped."""
    said = str(error).lower()
    reason = next((reason for words, reason in REASONS.items() if any(map(said.count, words))), OTHER_REASON)
    if reason in PERHAPS_NOT_ESCAPED:
        return Unusable("Cannot connect to DATABASE_URL ({reason}; {escape}).", reason=reason, escape=ESCAPE)
    return Unusable("Cannot connect to DATABASE_URL ({reason}).", reason=reason)


def _version(connection: psycopg.Connection) -> str | None:
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except UndefinedTable:
        return None
    return str(row[0]) if row else None


def _migrate(url: str) -> None:
    """Migrate in one transaction and under a lock: a process that waited for the lock finds the work done."""
    try:
        with psycopg.connect(with_loss_noticed(url)) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            migrations.upgrade(connection)
    except ForeignJobs:
        raise Unusable(
            "Another program keeps its jobs in this database: give the bot one of its own in DATABASE_URL."
        ) from None


@asynccontextmanager
async def supervised(server: Server) -> AsyncIterator[None]:
    """In a thread of its own: a start takes seconds, and would keep a thread of the pool from other work."""
    closing = threading.Event()
    supervisor = threading.Thread(target=_supervise, args=(server, closing), name="supervisor", daemon=True)
    supervisor.start()
    try:
        yield
    finally:
        closing.set()
        await asyncio.to_thread(supervisor.join)


def _supervise(server: Server, closing: threading.Event) -> None:
    failures = 0
    while not closing.wait(PAUSES[failures]):
        try:
            _restart_if_dead(server, closing)
            failures = 0
        except Exception as error:  # noqa: BLE001 - whatever the reason, it is tried again
            failures = min(failures + 1, len(PAUSES) - 1)
            log.warning("database_not_restarted", reason=str(error), again_in=PAUSES[failures])


def _restart_if_dead(server: Server, closing: threading.Event) -> None:
    began = time.monotonic()
    if server.pid is None and server.revive(lambda: not closing.is_set()):
        log.warning("database_restarted", seconds=round(time.monotonic() - began, 2))


# Its clock ----------------------------------------------------------------------------------------------
