"""PostgreSQL is killed before the end of a first turn, which is not awaited on disk, is there: the answer is given again, in its place."""

import asyncio
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest
from pydantic import SecretStr

from bot.database import Database
from bot.postgres import Server
from bot.startup import prepare
from bot.storage.virustotal import QuotaStore
from tests.support.app_fixture import ANA, GENERAL
from tests.support.processes import grounds
from tests.survival.test_failover import lose_power
from vt.quota import Limits

ADDRESS = "198.51.100.7"
SHOWN = "198[.]51[.]100[.]7"
OPEN, ANSWERED = [("open",)], [("answered",)]
OUTCOME = "SELECT outcome FROM cases"
ON_RECORD = {
    "SELECT outcome, verb FROM audit": [("answered", "look-up")],
    "SELECT what->0->>'value' FROM audit": [(ADDRESS,)],
    "SELECT what->>'value' FROM sightings": [(ADDRESS,)],
    "SELECT count(*) FROM replies": [(1,)],
    "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'turn'": [(0,)],
}
"""What is stored of a request that was answered once."""


@contextmanager
def server_in(state):
    """A private database. Its WAL is written by commits that wait for it, and otherwise only after ten seconds."""
    server = Server(state)
    with server.used() as url:
        prepare(url)
        configure(server, wal_writer_delay="'10s'", wal_writer_flush_after="'1GB'", autovacuum="off")
        yield server


def configure(server, **settings):
    with psycopg.connect(server.url, autocommit=True) as connection:
        for name, value in settings.items():
            connection.execute(f"ALTER SYSTEM SET {name} = {value}")
        connection.execute("SELECT pg_reload_conf()")


def rows(server, sql):
    with psycopg.connect(server.url, autocommit=True) as connection:
        return connection.execute(sql).fetchall()


async def until_answered(server):
    """Until the case has ended; its job ends in the same transaction."""
    async with asyncio.timeout(60):
        while rows(server, OUTCOME) != ANSWERED:  # noqa: ASYNC110 - the database is asked
            await asyncio.sleep(0.02)


async def calls_booked(server, limits):
    """Of today, with the key."""
    database = Database(server.url)
    quota = QuotaStore(database, SecretStr("some-key"), limits, lambda: datetime.now(UTC))
    used, _ = (await quota.left())["day"]
    await database.close()
    return used


@pytest.mark.parametrize("options", ["", " --share"])
async def test_an_end_that_was_lost_with_the_database(new_state, tmp_path, options):
    """The request was on disk, its end was not. Whoever asked sees one answer, and all is stored as of one; both calls are booked."""
    with server_in(new_state()) as server:
        async with grounds(None, tmp_path, DATABASE_URL=server.url, VT_QUOTA_MINUTE="4") as place:
            await place.bot()
            answers = []

            def note(change):
                if change.message and SHOWN in "\n".join(place.slack.shown(change.message)):
                    answers.append(change.message.key)

            async def stop_flushing(_, reply):
                """From here on heartbeats, which would write what was committed before them, do not either."""
                configure(server, synchronous_commit="off")
                await asyncio.sleep(0.5)
                return await reply()

            place.slack.watches(note)
            place.virustotal.faults.add("ip-address/report", stop_flushing)
            await place.slack.types(ANA, GENERAL, f"/vt scan-ip {ADDRESS}{options}")
            await until_answered(server)
            given = len(answers)
            lose_power(server)
            await asyncio.to_thread(server.start)
            assert rows(server, OUTCOME) == OPEN
            await until_answered(server)
            assert len(answers) > given > 0, "it was not answered again"
            assert len(set(answers)) == 1, "there are two answers"
            assert {sql: rows(server, sql) for sql in ON_RECORD} == ON_RECORD
            assert len(place.virustotal.calls) == 2
            assert (await calls_booked(server, Limits(minute=4, day=500))) == 2
            assert place.slack.faults == []
