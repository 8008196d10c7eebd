"""The history of the tables: revisions that are run in order and never changed once released."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from bot.queue import jobs
from vt.privacy import has_secret, masked

Row = dict[str, Any]
Step = Callable[[Connection], None]

FIRST = """
CREATE TABLE IF NOT EXISTS alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)
"""
"""Holds the revision of a database. The name is Alembic's, which ran the revisions before they were files of SQL."""


def script(name: str) -> Step:
    """A step that runs a file of SQL."""

    def run(connection: Connection) -> None:
        # Without parameters, several statements are taken at once.
        connection.execute(Path(__file__).with_name(name).read_bytes())

    return run


# Revision 0008: passwords and tokens in URLs are hidden in what is kept for a year, and in what is ignored -----

BATCH = 1_000
"""Rows that are read and held in memory at once: the tables hold a year."""


def hide_url_secrets(connection: Connection) -> None:
    """Rows with a URL that has a secret are rewritten as they are written from now on; no other row is locked.

    Processes of the release before read them as before. What they still write during a rolling restart is rewritten
    when a process of this release answers it.
    """
    for row in _rows(connection, "sightings", ("case_id", "position")):
        _replace(connection, "sightings", row, _hidden_sighting(json.loads(row["what"])))
    for row in _rows(connection, "audit", ("id",)):
        _replace(connection, "audit", row, [_hidden_value(one) for one in json.loads(row["what"])])
    _forget_ignored(connection)


def _rows(connection: Connection, table: str, key: Sequence[str]) -> Iterator[Row]:
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


def _replace(connection: Connection, table: str, row: Row, hidden: object) -> None:
    if hidden == json.loads(row["what"]):
        return
    key = {name: value for name, value in row.items() if name != "what"}
    same = " AND ".join(f"{name} = %({name})s" for name in key)
    change = f"UPDATE {table} SET what = %(hidden)s::json WHERE {same}"  # noqa: S608 - constants
    connection.execute(change, key | {"hidden": json.dumps(hidden)})


def _hidden_sighting(what: dict[str, Any]) -> dict[str, Any]:
    value = str(what.get("value"))
    if what.get("kind") != "url" or not has_secret(value):
        return what
    return what | dict.fromkeys(("value", "asked"), masked(value))


def _hidden_value(subject: dict[str, Any]) -> dict[str, Any]:
    return subject | {"value": masked(str(subject["value"]))} if "value" in subject else subject


def _forget_ignored(connection: Connection) -> None:
    """A URL with a secret can no longer be ignored: the list would show it to everybody, in some cases forever."""
    rows = connection.execute("SELECT value FROM watch_ignored WHERE value LIKE '%://%'").fetchall()
    secret = [value for (value,) in rows if has_secret(value)]
    connection.execute("DELETE FROM watch_ignored WHERE value = ANY(%s)", [secret])


# The revisions ------------------------------------------------------------------------------------------

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
}
HEAD = max(REVISIONS)
"""The newest revision."""


def upgrade(connection: Connection, revision: str = HEAD) -> None:
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
