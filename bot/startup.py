"""The database when the bot starts: the given one or a private one, and the revisions that bring its tables up to date."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg.errors import UndefinedTable
from psycopg.rows import dict_row

from bot.connections import with_loss_noticed
from bot.environment import OperatorError
from bot.postgres import NotStarted, Server, supervised
from bot.queue import jobs
from bot.settings import Settings
from handlers.text.language import lazy_gettext as _
from vt.privacy import has_secret, masked

LOCK = 0x7674_626F_74
"""The advisory lock ("vtbot") under which one process migrates and the others wait."""
START_SECONDS = 10.0
"""How long to wait for a database that is starting."""

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
PERHAPS_NOT_ESCAPED = ("its host is unknown", "a part of it is not valid")
"""The reasons that a password can be to blame for."""


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
        try:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except UndefinedTable:
            found = None
    if found and found[0] > HEAD:
        raise Unusable("The database was made by a newer version of vtbot: update this one.")
    if not found or found[0] != HEAD:
        _migrate(url)


def _connected(url: str, timeout: float) -> psycopg.Connection:
    until = time.monotonic() + timeout
    while True:
        try:
            return psycopg.connect(with_loss_noticed(url), autocommit=True, connect_timeout=5)
        except (psycopg.Error, ValueError) as error:
            if not isinstance(error, psycopg.OperationalError) or time.monotonic() > until:
                raise _unreachable(error) from None
        time.sleep(0.2)


def _unreachable(error: Exception) -> Unusable:
    """Why, in words of ours: the driver's own quote the address, and with it parts of a password that is not escaped."""
    said = str(error).lower()
    reasons = (reason for words, reason in REASONS.items() if any(map(said.count, words)))
    reason = next(reasons, _("the server refuses the connection"))
    if reason in PERHAPS_NOT_ESCAPED:
        escape = _("in a password write @ as %40, / as %2F, # as %23, ? as %3F and % as %25")
        return Unusable("Cannot connect to DATABASE_URL ({reason}; {escape}).", reason=reason, escape=escape)
    return Unusable("Cannot connect to DATABASE_URL ({reason}).", reason=reason)


def _migrate(url: str) -> None:
    """Migrate in one transaction and under a lock: a process that waited for the lock finds the work done."""
    try:
        with psycopg.connect(with_loss_noticed(url)) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            upgrade(connection)
    except jobs.ForeignJobs:
        raise Unusable(
            "Another program keeps its jobs in this database: give the bot one of its own in DATABASE_URL."
        ) from None


# The history of the tables ------------------------------------------------------------------------------
# Revisions are run in order, and never changed once released.

MIGRATIONS = Path(__file__).with_name("migrations")
Step = Callable[[psycopg.Connection], None]

FIRST = """
CREATE TABLE IF NOT EXISTS alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)
"""
"""Holds the revision of a database. The name is Alembic's, which ran the revisions before they were files of SQL."""


def script(name: str) -> Step:
    """A step that runs a file of SQL."""

    def run(connection: psycopg.Connection) -> None:
        # Without parameters, several statements are taken at once.
        connection.execute((MIGRATIONS / name).read_bytes())

    return run


BATCH = 1_000
"""Rows that are read and held in memory at once: the tables hold a year."""


def hide_url_secrets(connection: psycopg.Connection) -> None:
    """Revision 0008: passwords and tokens in URLs are hidden in what is kept for a year, and in what is ignored.

    Only rows that change are locked. Processes of the release before can still read them. What those write during a
    rolling restart is rewritten when a process of this release answers it.
    """
    for row in _rows(connection, "sightings", ("case_id", "position")):
        what = json.loads(row["what"])
        value = str(what.get("value"))
        if what.get("kind") == "url" and has_secret(value):
            _replace(connection, "sightings", row, what | dict.fromkeys(("value", "asked"), masked(value)))
    for row in _rows(connection, "audit", ("id",)):
        what = json.loads(row["what"])
        hidden = [one | {"value": masked(str(one["value"]))} if "value" in one else one for one in what]
        if hidden != what:
            _replace(connection, "audit", row, hidden)
    # A URL with a secret can no longer be ignored: the list would show it to everybody, in some cases forever.
    ignored = connection.execute("SELECT value FROM watch_ignored WHERE value LIKE '%://%'").fetchall()
    secret = [value for (value,) in ignored if has_secret(value)]
    connection.execute("DELETE FROM watch_ignored WHERE value = ANY(%s)", [secret])


def _rows(connection: psycopg.Connection, table: str, key: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The key and text of all rows that may hold a URL, but for those that housekeeping is about to delete.

    As text: PostgreSQL does not look into JSON that holds NUL characters.
    """
    columns = ", ".join(key)
    after: dict[str, Any] = {}
    while True:
        beyond = f"AND ({columns}) > ({', '.join(f'%({name})s' for name in key)})" if after else ""
        query = f"""
            SELECT {columns}, what::text AS what FROM {table}
            WHERE what::text LIKE '%%://%%' AND at > now() - interval '365 days' {beyond}
            ORDER BY {columns} LIMIT {BATCH}
        """  # noqa: S608 - constants
        page = connection.cursor(row_factory=dict_row).execute(query, after).fetchall()
        yield from page
        if len(page) < BATCH:
            return
        after = {name: page[-1][name] for name in key}


def _replace(connection: psycopg.Connection, table: str, row: dict[str, Any], hidden: object) -> None:
    key = {name: value for name, value in row.items() if name != "what"}
    same = " AND ".join(f"{name} = %({name})s" for name in key)
    change = f"UPDATE {table} SET what = %(hidden)s::json WHERE {same}"  # noqa: S608 - constants
    connection.execute(change, key | {"hidden": json.dumps(hidden)})


REVISIONS: Mapping[str, tuple[Step, ...]] = {
    "0001": (script("0001_cases.sql"), jobs.migrate_jobs),
    "0002": (script("0002_modals.sql"),),
    "0003": (script("0003_people.sql"),),
    "0004": (script("0004_watch.sql"),),
    # Stored shapes have versions from here on: the release before takes no jobs whose rows it could not read.
    "0005": (partial(jobs.take_over_queue, older="vtbot", newer="vtbot-2"),),
    "0006": (script("0006_locale.sql"),),
    "0007": (script("0007_refused_blocks.sql"),),
    "0008": (hide_url_secrets,),
    "0009": (script("0009_people_by_team.sql"),),
    "0010": (script("0010_case_replies.sql"),),
    "0011": (script("0011_installations.sql"),),
    "0012": (script("0012_wanted_replies.sql"),),
    "0013": (script("0013_cheaper_writes.sql"),),
    "0014": (script("0014_instances.sql"),),
    "0015": (script("0015_uploads.sql"),),
    "0016": (script("0016_cheaper_jobs.sql"),),
    "0017": (script("0017_uncompressed_progress.sql"),),
}
HEAD = max(REVISIONS)
"""The newest revision."""


def upgrade(connection: psycopg.Connection, revision: str = HEAD) -> None:
    """Bring a database to a revision, whatever it was before, inside the caller's transaction. Raises ForeignJobs."""
    connection.execute(FIRST)
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if found is None:
        connection.execute("INSERT INTO alembic_version VALUES ('')")
    known = found[0] if found else ""
    for number in sorted(one for one in REVISIONS if known < one <= revision):
        for step in REVISIONS[number]:
            step(connection)
        connection.execute("UPDATE alembic_version SET version_num = %s", [number])
