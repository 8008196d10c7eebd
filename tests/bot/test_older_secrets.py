"""Tokens in URLs that an older version stored in clear: hidden by the upgrade wherever they would stay for a year."""

import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from bot import startup
from bot.database import Database
from bot.startup import prepare
from bot.storage.history import AuditTrail, History
from tests.support.older_rows import load, older_tables

NOW = datetime.now(UTC)
HUSH = "hushcanary5x9f3b2c77aa10"
URL = f"https://login.evil.com/reset?token={HUSH}"
PLAIN = {"action": "scan-url", "kind": "url", "value": "http://evil.com/a?b=c", "asked": "evil.com/a?b=c"}
SECRET = PLAIN | {"value": URL, "asked": f"hxxps[:]//login[.]evil[.]com/reset?token={HUSH}"}
ODD = PLAIN | {"kind": None, "value": "", "asked": "http://\0\ud800x"}
"""What PostgreSQL's own functions for JSON do not take."""


def sighting(number, what, at=NOW):
    row = {"case_id": f"{number:06d}", "position": 0, "team": "T1", "asker": "U1", "channel": "C1"}
    found = {"listed": True, "subject": f"s{number}", "state": "UNKNOWN", "engines": None, "total": None}
    return row | found | {"at": at.isoformat(), "what": what}


def entry(number, *values):
    row = {
        "id": f"{number:06d}",
        "delivery": f"d{number}",
        "at": NOW.isoformat(),
        "team": "T1",
        "asker": "U1",
    }
    what = [{"action": "scan-url", "value": value} for value in values]
    asked = {"channel": "C1", "way": "command", "verb": "look-up", "outcome": "answered", "calls": 0}
    return row | asked | {"what": [*what, {"setting": "answers", "old": "", "new": "thread"}]}


def ignored(value):
    return {"team": "T1", "channel": "", "value": value, "reason": "", "person": "U1", "at": NOW.isoformat()}


def insert(connection, table, rows):
    query = "INSERT INTO {0} SELECT * FROM json_populate_recordset(NULL::{0}, %s)"
    connection.execute(sql.SQL(query).format(sql.Identifier(table)), [json.dumps(rows)])


def stored(connection, table):
    return [row for (row,) in connection.execute(f"SELECT what::text FROM {table} ORDER BY 1")]  # noqa: S608


def to(url, revision):
    with psycopg.connect(url) as connection:
        startup.upgrade(connection, revision)


@pytest.fixture
def older(new_database):
    """A database as the version before this migration left it."""
    url = new_database("template1")
    to(url, "0007")
    return url


def test_tokens_are_hidden_and_nothing_else_changes(older):
    """In the history, the audit trail and the list of what is ignored; also more rows than are read at once."""
    many = startup.BATCH * 2 + 5
    with psycopg.connect(older, autocommit=True) as connection:
        insert(connection, "sightings", [sighting(number, PLAIN) for number in range(many)])
        insert(connection, "sightings", [sighting(many + number, SECRET) for number in range(3)])
        insert(connection, "audit", [entry(1, URL, PLAIN["value"]), entry(2, "192.0.2.1"), entry(3)])
        insert(connection, "watch_ignored", [ignored(URL), ignored("http://evil.com/b"), ignored("evil.com")])
        before = [stored(connection, table) for table in ("sightings", "audit")]
        prepare(older)
        after = [stored(connection, table) for table in ("sightings", "audit")]
        kept = [value for (value,) in connection.execute("SELECT value FROM watch_ignored ORDER BY 1")]
    assert HUSH in repr(before)
    assert HUSH not in repr(after)
    assert kept == ["evil.com", "http://evil.com/b"]
    assert [row for row in after[0] if "login" not in row] == [row for row in before[0] if "login" not in row]
    assert len(after[0]) == many + 3
    hidden = json.loads(next(row for row in after[0] if "login" in row))
    assert hidden["value"] == hidden["asked"] == "https://login.evil.com/reset?token=***"
    assert [row for row in after[1] if "login" not in row] == [row for row in before[1] if "login" not in row]


def test_what_cannot_be_looked_into_is_left_alone(older):
    """NUL characters and halves of surrogate pairs in JSON, and rows that are deleted with the next housekeeping."""
    old = sighting(3, SECRET, NOW - timedelta(days=366))
    with psycopg.connect(older, autocommit=True) as connection:
        insert(connection, "sightings", [sighting(1, PLAIN), old])
        connection.execute(
            "UPDATE sightings SET what = CAST(%s AS json) WHERE case_id = '000001'", [json.dumps(ODD)]
        )
        before = stored(connection, "sightings")
        prepare(older)
        assert stored(connection, "sightings") == before


async def test_masked_rows_are_read(older):
    """By what shows them: the home and `vtbot audit`."""
    with psycopg.connect(older, autocommit=True) as connection:
        insert(connection, "sightings", [sighting(1, SECRET)])
        insert(connection, "audit", [entry(1, URL)])
    prepare(older)
    database = Database(older)
    [seen] = await History(database).latest("T1", "U1")
    assert seen.value.endswith("?token=***")
    found = await AuditTrail(database).find("000001")
    assert found.what[0]["value"].endswith("?token=***")
    await database.close()


def test_processes_of_the_release_before_go_on_meanwhile(older):
    """Only rows with a secret are locked: while the upgrade is not committed, requests are accepted and answered.

    The revision that adds columns comes after all that takes long, so that its lock is held for a moment only.
    """
    with psycopg.connect(older, autocommit=True) as process:
        insert(process, "sightings", [sighting(1, SECRET), sighting(2, PLAIN)])
        insert(process, "audit", [entry(1, URL), entry(2, PLAIN["value"])])
        process.execute("SET lock_timeout = '2s'")
        with psycopg.connect(older) as connection:
            startup.upgrade(connection, "0013")
            insert(process, "sightings", [sighting(3, PLAIN)])
            insert(process, "audit", [entry(3, PLAIN["value"])])
            process.execute("UPDATE audit SET outcome = 'answered' WHERE id = '000002'")
        assert HUSH not in repr([stored(process, table) for table in ("sightings", "audit")])


def test_the_rows_of_the_release_before(new_database, tmp_path):
    """A whole dump of it, with a token added: every table is as it was but for the token."""
    url = new_database("template1")
    older_tables(url)
    load(url, tmp_path)
    with psycopg.connect(url, autocommit=True) as connection:
        insert(connection, "sightings", [sighting(1, SECRET)])
        insert(connection, "audit", [entry(1, URL)])
        before = [stored(connection, table) for table in ("sightings", "audit")]
        prepare(url)
        after = [stored(connection, table) for table in ("sightings", "audit")]
    for rows, then in zip(before, after, strict=True):
        assert [row for row in rows if "token=" not in row] == [row for row in then if "token=" not in row]
        assert len(rows) == len(then)
    assert "dGhpc2lzYXNlY3JldA" in repr(before)
    assert not {word for word in (HUSH, "dGhpc2lzYXNlY3JldA") if word in repr(after)}
