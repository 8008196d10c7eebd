"""Revision 0008: passwords and tokens in URLs are hidden in what is kept for a year, and in the list of what is ignored."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from vt.privacy import has_secret, masked

BATCH = 1_000
"""Rows that are read and held in memory at once: the tables hold a year."""


def hide(connection: sa.Connection) -> None:
    """Rows with a URL that has a secret are rewritten as they are written from now on; no other row is locked.

    Processes of the release before read them as before. What they still write during a rolling restart is rewritten
    when a process of this release answers it.
    """
    for row in _rows(connection, "sightings", ("case_id", "position")):
        _replace(connection, "sightings", row, _hidden_sighting(json.loads(row["what"])))
    for row in _rows(connection, "audit", ("id",)):
        _replace(connection, "audit", row, [_hidden_value(one) for one in json.loads(row["what"])])
    _forget_ignored(connection)


def _rows(connection: sa.Connection, table: str, key: Sequence[str]) -> Iterator[sa.RowMapping]:
    """The key and text of all rows that may hold a URL, but for those that housekeeping is about to delete.

    As text: PostgreSQL does not look into JSON that holds NUL characters.
    """
    columns = ", ".join(key)
    after: dict[str, Any] = {}
    while True:
        beyond = f"AND ({columns}) > ({', '.join(f':{name}' for name in key)})" if after else ""
        query = f"""
            SELECT {columns}, what::text AS what FROM {table}
            WHERE what::text LIKE '%://%' AND at > now() - interval '365 days' {beyond}
            ORDER BY {columns} LIMIT {BATCH}
        """  # noqa: S608 - constants
        page = connection.execute(sa.text(query), after).mappings().all()
        yield from page
        if len(page) < BATCH:
            return
        after = {name: page[-1][name] for name in key}


def _replace(connection: sa.Connection, table: str, row: sa.RowMapping, hidden: object) -> None:
    if hidden == json.loads(row["what"]):
        return
    key = {name: value for name, value in row.items() if name != "what"}
    same = " AND ".join(f"{name} = :{name}" for name in key)
    change = f"UPDATE {table} SET what = CAST(:hidden AS json) WHERE {same}"  # noqa: S608 - constants
    connection.execute(sa.text(change), key | {"hidden": json.dumps(hidden)})


def _hidden_sighting(what: dict[str, Any]) -> dict[str, Any]:
    value = str(what.get("value"))
    if what.get("kind") != "url" or not has_secret(value):
        return what
    return what | dict.fromkeys(("value", "asked"), masked(value))


def _hidden_value(subject: dict[str, Any]) -> dict[str, Any]:
    return subject | {"value": masked(str(subject["value"]))} if "value" in subject else subject


def _forget_ignored(connection: sa.Connection) -> None:
    """A URL with a secret can no longer be ignored: the list would show it to everybody, in some cases forever."""
    values = connection.scalars(sa.text("SELECT value FROM watch_ignored WHERE value LIKE '%://%'")).all()
    secret = [value for value in values if has_secret(value)]
    connection.execute(sa.text("DELETE FROM watch_ignored WHERE value = ANY(:secret)"), {"secret": secret})
