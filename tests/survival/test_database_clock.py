"""The database's own clock is set, by minutes or an hour, and put right: nothing waits until a wrong time, spins or exceeds the quota."""

import asyncio
import os
import subprocess
import time
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from bot.app import running
from bot.database import Database
from bot.manifest import EVENTS, SCOPES
from bot.postgres import Server, programs
from bot.queue.heartbeats import StalledJobs, WorkerSession
from bot.queue.jobs import QUEUE, TURN, Pace
from bot.settings import load
from bot.startup import prepare
from playground.slack.workspace import Workspace
from playground.virustotal import Sandbox, faults
from tests.support.app_fixture import ANA, GENERAL
from tests.support.incident import EICAR, INC

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="Debian's package faketime sets the database's clock")
NOTICED = 25
"""Seconds in which the bot has read the clock again, and done what was due."""
VERDICT = "SUSPICIOUS · 6 of 57 engines"


class Skewed(Server):
    """A PostgreSQL whose clock can be set while it runs."""

    def __init__(self, state, offset):
        super().__init__(state)
        self._offset = offset

    def set(self, minutes):
        self._offset.write_text(f"{minutes * 60:+d}s")

    def _launch(self, as_account):
        environ = {
            "PATH": os.defpath,
            "TZ": "UTC",
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        command = ["-W", "-l", str(self.log), "-o", f"-k {self.sockets}", "-D", str(self.data), "start"]
        subprocess.run([programs() / "pg_ctl", *command], env=environ, cwd="/", check=True, **as_account)  # noqa: S603 - the wheel's own program


@pytest.fixture
def server(new_state):
    """A PostgreSQL for this test alone."""
    state = new_state()
    offset = state / "offset"
    skewed = Skewed(state / "server", offset)
    skewed.set(0)
    offset.chmod(0o644)
    with skewed.used():
        prepare(skewed.url)
        yield skewed


@asynccontextmanager
async def at_work(server, **environ):
    """The whole bot, by the database's clock; the clocks of this machine, of Slack and of VirusTotal are right."""
    async with Workspace(events=EVENTS, scopes=SCOPES) as slack, Sandbox().serve() as virustotal:
        settings = load(
            {
                "SLACK_BOT_TOKEN": slack.bot_token,
                "SLACK_API_URL": slack.api_url,
                "SLACK_SIGNING_SECRET": slack.signing_secret,
                "VT_API_KEY": "k" * 64,
                "VT_API_URL": virustotal.url,
                "DATABASE_URL": server.url,
                "PORT": "0",
                **environ,
            },
            dotenv=None,
        )
        async with running(settings) as bot:
            slack.target = f"http://127.0.0.1:{bot.port}/slack/events"
            yield slack, virustotal
            await slack.settled()


def shown(slack, message):
    return "\n".join(slack.shown(slack.state.messages[message.key]))


def everything(slack):
    """All that the asker sees: after an hour by the clock, the answer is a message of its own, since response_urls end."""
    return "\n".join("\n".join(slack.shown(one)) for one in slack.messages(user=ANA))


async def asks(slack, line, channel=GENERAL):
    return await (await slack.types(ANA, channel, line)).answer()


def turns(server):
    with psycopg.connect(server.url) as connection:
        return connection.execute("SELECT last_value FROM procrastinate_jobs_id_seq").fetchone()[0]


@pytest.mark.parametrize("minutes", [60, -60])
async def test_the_clock_is_wrong_and_put_right(server, minutes):
    """What waits for VirusTotal or for the quota when the clock is set, and when it is set back, goes on at once."""
    async with at_work(server, VT_QUOTA_MINUTE="3") as (slack, virustotal):
        server.set(minutes)
        await asyncio.sleep(11)  # it is read every ten seconds
        virustotal.faults.always("*", faults.status(503))
        waiting = await asks(slack, "/vt scan-ip 192.0.2.1")
        assert "NOT CHECKED" in shown(slack, waiting)
        server.set(0)
        await asyncio.sleep(3)
        virustotal.faults.clear()
        await slack.until(lambda: VERDICT in everything(slack), timeout=60 + NOTICED)
        before = turns(server)
        await asyncio.sleep(5)
        assert turns(server) - before <= 5


@pytest.mark.parametrize("minutes", [60, -60, -3])
async def test_the_quota_is_kept(server, minutes):
    """Calls that were made before the clock was set count for a minute, not for longer and not for less."""
    async with at_work(server, VT_QUOTA_MINUTE="2", CACHE_MINUTES="0") as (slack, virustotal):
        first = time.monotonic()
        for number in (1, 2):
            await asks(slack, f"/vt scan-ip 192.0.2.{number}")
        assert len(virustotal.calls) == 2
        server.set(minutes)
        await asyncio.sleep(15)
        waiting = await asks(slack, "/vt scan-ip 198.51.100.3")
        assert "out of quota" in shown(slack, waiting)
        server.set(0)
        await asyncio.sleep(max(0, 58 - (time.monotonic() - first)))
        assert len(virustotal.calls) == 2
        await slack.until(lambda: len(virustotal.calls) == 3, timeout=60 + NOTICED)


async def test_a_card_that_waits(server):
    """In a watched channel, too."""
    async with at_work(server) as (slack, virustotal):
        await asks(slack, "/vt watch on", INC)
        server.set(60)
        await asyncio.sleep(11)
        virustotal.faults.always("*", faults.status(503))
        message = (await slack.says(ANA, INC, f"we saw {EICAR}")).said
        cards = lambda: "".join(  # noqa: E731
            "".join(slack.shown(one)) for one in slack.messages(INC, ANA, thread=message.ts) if one.bot_id
        )
        await slack.until(lambda: "NOT CHECKED" in cards())
        server.set(0)
        await asyncio.sleep(3)
        virustotal.faults.clear()
        await slack.until(lambda: "RISKY" in cards(), timeout=NOTICED)


async def test_it_was_put_right_while_no_bot_ran(server):
    """Jobs of before wait until the wrong time for nobody."""
    server.set(60)
    async with at_work(server) as (slack, virustotal):
        virustotal.faults.always("*", faults.status(503))
        waiting = await asks(slack, "/vt scan-ip 192.0.2.1")
        assert "NOT CHECKED" in shown(slack, waiting)
    server.set(0)
    async with at_work(server):
        began = time.monotonic()
        async with (
            asyncio.timeout(NOTICED),
            await psycopg.AsyncConnection.connect(server.url, autocommit=True) as connection,
        ):
            while True:
                found = await connection.execute(
                    "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND scheduled_at > now() + interval '1 minute'"
                )
                if await found.fetchone() == (0,):
                    break
                await asyncio.sleep(0.2)
        assert time.monotonic() - began < NOTICED


@pytest.mark.parametrize("heartbeat", ["1 hour", "-20 seconds"])
async def test_a_job_of_a_process_that_died_before(server, heartbeat):
    """It is taken over, though the server's start, or the last heartbeat, lies in the future."""
    server.stop()
    server.set(60)
    server.start()
    server.set(0)
    with psycopg.connect(server.url) as connection:
        connection.execute(
            "INSERT INTO procrastinate_workers (id, last_heartbeat) OVERRIDING SYSTEM VALUE VALUES (1, now() + %s::interval)",
            [heartbeat],
        )
        connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id) VALUES (%s, %s, 'doing', 1)",
            [QUEUE, TURN],
        )
    database = Database(server.url)
    stalled_jobs = StalledJobs(database, Pace(recheck=0), list, WorkerSession(server.url, Pace()))
    await stalled_jobs.requeue([1], 0)
    await database.close()
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT status FROM procrastinate_jobs").fetchone() == ("todo",)
