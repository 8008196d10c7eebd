"""Housekeeping: no table grows without bound."""

import asyncio

import psycopg
import pytest
from psycopg import sql

from tests.handlers.test_form import opened
from tests.support.app_fixture import at_work
from tests.support.incident import EICAR, at_incident

KEPT = {"alembic_version", "channels", "quotas", "watch_channels"}
"""What people have set, one row for each channel, and one for each key."""
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
TIMES = """
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND data_type = 'timestamp with time zone'
"""


def counts(connection):
    """The rows of every table."""
    names = [name for (name,) in connection.execute(TABLES)]
    count = sql.SQL("SELECT count(*) FROM {}")
    return {name: connection.execute(count.format(sql.Identifier(name))).fetchone()[0] for name in names}


def age(connection, passed="2 years"):
    """Let this time pass over everything that is stored."""
    for table, column in connection.execute(TIMES).fetchall():
        older = sql.SQL("UPDATE {0} SET {1} = {1} - {2}::interval")
        connection.execute(older.format(sql.Identifier(table), sql.Identifier(column), sql.Literal(passed)))


def leave_behind(connection):
    """What procrastinate leaves: periodic jobs that were deferred, a job that failed, and a worker that died."""
    connection.execute(
        "INSERT INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp) VALUES ('tidy', '', 1)"
    )
    connection.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('vtbot-2', 'tidy', 'failed')"
    )
    connection.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())")


async def tidied(connection):
    """Housekeeping has run once more."""
    connection.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('vtbot-2', 'tidy', %s)",
        ['{"timestamp": 0}'],
    )
    async with asyncio.timeout(60):
        while connection.execute(  # noqa: ASYNC110 - the database is asked
            "SELECT FROM procrastinate_jobs WHERE task_name = 'tidy' AND status <> 'failed'"
        ).rowcount:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("passed", "gone"),
    [
        ("29 days", set()),
        ("31 days", {"cases", "modals", "watch_cards", "watch_seen"}),
        ("367 days", {"cases", "modals", "watch_cards", "watch_seen", "sightings", "audit"}),
    ],
)
async def test_when_what_was_asked_is_deleted(database, passed, gone):
    """Answers, cards and forms, which may hold a token that somebody typed, after 30 days; what is on record after a year."""
    with psycopg.connect(database, autocommit=True) as connection:
        async with at_incident(database) as incident:
            assert incident.cards(await incident.posts(f"we saw {EICAR}"))
            await incident.asks("/vt scan-ip 192.0.2.1")
            await opened(incident.app)
            await incident.quiet()
        age(connection, passed)
        async with at_work(database):
            await tidied(connection)
            rows = counts(connection)
    kept = {"cases", "modals", "watch_cards", "watch_seen", "sightings", "audit"}
    assert {name for name in kept if not rows[name]} == gone


async def test_every_table_is_emptied(database):
    """After two years nothing is left of what was asked, shown, watched or run, but for what people have set."""
    with psycopg.connect(database, autocommit=True) as connection:
        async with at_incident(database) as incident:
            assert incident.cards(await incident.posts(f"we saw {EICAR}"))
            await incident.asks("/vt ignore example.com 7d")
            await incident.asks("/vt scan-ip 192.0.2.1")
            leave_behind(connection)
        filled = counts(connection)
        age(connection)
        async with at_work(database):
            await tidied(connection)
            left = {name for name, rows in counts(connection).items() if rows}
            old = connection.execute(
                "SELECT FROM procrastinate_periodic_defers WHERE to_timestamp(defer_timestamp) < now() - interval '1 day'"
            )
            assert old.rowcount == 0
        # In the ten minutes after TIDY_AT, each of the two bots also defers the run that is due.
        assert filled["procrastinate_periodic_defers"] in (1, 2)
        assert all(
            filled[name] for name in ("watch_cards", "watch_seen", "watch_ignored", "audit", "sightings")
        )
        assert left <= KEPT | {"procrastinate_workers", "procrastinate_periodic_defers"}


SHORT = {"KEEP_ANSWERS": "2", "KEEP_AUDIT": "4", "KEEP_HISTORY": "6"}


@pytest.mark.parametrize(
    ("passed", "gone"),
    [
        ("47 hours", set()),
        ("49 hours", {"cases", "modals", "replies"}),
        ("97 hours", {"cases", "modals", "replies", "audit"}),
        ("145 hours", {"cases", "modals", "replies", "audit", "sightings"}),
    ],
)
async def test_how_long_the_settings_keep_things(database, passed, gone):
    """Answers, the audit trail and what is remembered of verdicts are deleted after as many days as are set for each."""
    with psycopg.connect(database, autocommit=True) as connection:
        async with at_work(database) as app:
            await app.asks("/vt scan-ip 192.0.2.1")
            await opened(app)
            await app.idle()
        age(connection, passed)
        async with at_work(database, **SHORT):
            await tidied(connection)
            rows = counts(connection)
    assert {name for name in ("cases", "modals", "replies", "sightings", "audit") if not rows[name]} == gone
