"""PostgreSQL's primary dies and its standby is promoted while replicas work: real servers, with streaming replication."""

import asyncio
import os
import signal
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from bot.database import Database, DatabaseReadOnly
from bot.postgres import Server, account, hand_to, programs
from bot.queue.heartbeats import LIVE, StalledJobs, WorkerSession
from bot.queue.jobs import QUEUE, TURN, Pace
from bot.startup import prepare
from handlers.case import StoreDown
from tests.bench.replicas import run
from tests.support.flaky_proxy import vanishing_host
from tests.survival.test_database_vanished import socket_of

STANDBY = "standby"


@contextmanager
def primary_and_standby(new_state):
    """Two servers; the second has all that the first has committed. Nothing is committed before it has it."""
    primary, standby = Server(new_state()), Server(new_state())
    with primary.used():
        prepare(primary.url)
        _copy(primary, standby)
        standby.start()
        with psycopg.connect(primary.url, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'")
            connection.execute("SELECT pg_reload_conf()")
        try:
            yield primary, standby
        finally:
            standby.stop()


def _copy(primary, standby):
    hand_to(standby.state, account())
    source = f"host={primary.sockets} port=5432 user=postgres application_name={STANDBY}"
    command = [programs() / "pg_basebackup", "-R", "-c", "fast", "-d", source, "-D", standby.data]
    subprocess.run(command, check=True, cwd="/", **account())  # noqa: S603 - the wheel's own program


def either(primary, standby):
    """DATABASE_URL with both of them, of which the one is used that takes writes."""
    hosts = ",".join(quote(str(server.sockets), safe="") for server in (primary, standby))
    return f"postgresql://postgres@/postgres?host={hosts}&port=5432&target_session_attrs=read-write"


def lose_power(server):
    """All of its processes at once: a session that outlives the others may call committed what the standby has not."""
    pid = server.pid
    sessions = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for one in (pid, *map(int, sessions)):
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def promote(server):
    subprocess.run(  # noqa: S603 - the wheel's own program
        [programs() / "pg_ctl", "promote", "-w", "-s", "-D", server.data], check=True, cwd="/", **account()
    )


async def is_ready(replica):
    """What /readyz says about the database."""
    async with httpx.AsyncClient() as client:
        reply = await client.get(f"http://127.0.0.1:{replica.ports[-1]}/readyz", timeout=20)
    return reply.json()["database"]


async def all_say(replicas, expected):
    async with asyncio.timeout(60):
        while set(await asyncio.gather(*map(is_ready, replicas))) != {expected}:  # noqa: ASYNC110 - processes are asked
            await asyncio.sleep(0.1)


async def test_a_standby_is_promoted(new_state, tmp_path):
    """What was accepted is answered once, by whoever; meanwhile /readyz says that the database is away."""
    with primary_and_standby(new_state) as (primary, standby):
        reader = Database(standby.url)

        async def fail_over(running):
            lose_power(primary)
            await all_say(running.replicas, expected=False)
            with pytest.raises(DatabaseReadOnly):
                await reader.check_disk()
            await reader.close()
            await asyncio.to_thread(promote, standby)
            await all_say(running.replicas, expected=True)

        async def story(running):
            await all_say(running.replicas, expected=True)
            await running.deliver(50, 10, 30)
            await asyncio.gather(fail_over(running), running.deliver(80, 10, 30))
            await running.deliver(20, 10, 30)

        report = await run(either(primary, standby), tmp_path, story, latency=2, imported=True)
        assert (report.lost, report.doubled) == (0, 0), "\n".join(report.lines())
        assert report.answered_once == report.accepted > 50
        assert report.faults == []


async def test_after_a_failover_workers_have_time_to_come_back(database):
    """No session has come along to the new server: that a worker has none says nothing yet, to those who have lost their own."""
    pace = Pace(missing=0.2)
    store, session = Database(database), WorkerSession(database, pace)
    stalled_jobs = StalledJobs(store, pace, list, session)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO procrastinate_workers (id, last_heartbeat) OVERRIDING SYSTEM VALUE"
            " VALUES (1, now()), (2, now())"
        )
        # A heartbeat from before the server's start would say nothing, and the server may have been started just now.
        await asyncio.sleep(2 * pace.missing)
        [job] = connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id) VALUES (%s, %s, 'doing', 2) RETURNING id",
            [QUEUE, TURN],
        ).fetchone()
        assert (await session.beat(stalled_jobs.values(1))).stalled == {job: True}
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s",
            [LIVE],
        )
        await session.beat(stalled_jobs.values(1))
        assert (await session.beat(stalled_jobs.values(1))).stalled == {}
    await session.close()
    await store.close()


async def test_the_first_server_s_host_is_gone(database):
    """A host that drops packets takes up the time of one connection; the next one begins with the other server."""
    async with vanishing_host(socket_of(database)) as gone:
        gone.vanishes()
        given = conninfo_to_dict(database)
        hosts = f"127.0.0.1,{quote(given['host'], safe='')}"
        url = f"postgresql://postgres@/{given['dbname']}?host={hosts}&port={gone.port},{given['port']}"
        store = Database(url)
        with pytest.raises(StoreDown):
            await store.ping()
        await asyncio.gather(*(store.ping() for _ in range(5)))
        await store.close()
