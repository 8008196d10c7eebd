"""The bot through PgBouncer in session mode: prepared statements, locks and notifications belong to a session."""

import asyncio

import pytest

from bot.database import Database
from bot.queue.jobs import Pace
from playground.slack.rules import Rule
from tests.bot.test_storage import request
from tests.bot.test_worker import Bot, listening
from tests.support.pgbouncer import INSTALLED, pgbouncer
from tests.support.processes import grounds
from tests.survival.test_survival import Questions

pytestmark = pytest.mark.skipif(not INSTALLED, reason="PgBouncer is not installed")
BELL_ONLY = Pace(poll=3600, heartbeat=3600)
"""Neither looks nor heartbeats: only a notification has a worker look for jobs."""


async def test_from_empty_tables_to_a_takeover(new_database, tmp_path):
    """Tables are made; two processes answer; one dies, and its jobs are taken over as soon as its session has ended."""
    with pgbouncer(new_database("template1")) as pooler:
        async with grounds(None, tmp_path, DATABASE_URL=pooler.url) as place:
            place.slack.forgives(Rule.LATE, Rule.ACK)
            questions = Questions(place)
            near = await place.bot(VT_API_URL=place.virustotal.url)
            far = await place.bot(VT_API_URL=place.virustotal.url.replace("127.0.0.1", "localhost"))
            for _ in range(12):
                await questions.ask()
            await questions.settle()

            async def kill(request, reply):
                (near if request.url.host == "127.0.0.1" else far).kill()
                return await reply()

            place.virustotal.faults.add("ip-address/report", kill)
            await questions.ask()
            await questions.settle()
            assert place.slack.faults == []


async def test_pgbouncer_is_killed_and_started_again(database, tmp_path):
    """All sessions end at once: what was accepted is answered once, on new ones."""
    with pgbouncer(database) as pooler:
        async with grounds(None, tmp_path, sandbox={"latency": 1}, DATABASE_URL=pooler.url) as place:
            place.slack.forgives(Rule.LATE, Rule.ACK)
            questions = Questions(place)
            await place.bot()
            await place.bot()
            for _ in range(4):
                await questions.ask()
            await asyncio.to_thread(pooler.kill)
            await asyncio.sleep(2)
            await asyncio.to_thread(pooler.start)
            await questions.settle()
            await questions.ask()
            await questions.settle()


async def test_the_server_gives_up_first(database):
    """PgBouncer passes on no settings of a start; the limit of statements is set nevertheless."""
    with pgbouncer(database) as pooler:
        through = Database(pooler.url, timeout=2)
        assert await through.rows("SHOW statement_timeout", {}) == [("1500ms",)]
        await through.close()


async def test_notifications_arrive(database):
    """A job that another process stores is begun without a look at the table."""
    with pgbouncer(database) as pooler:
        other = Bot(pooler.url)
        async with Bot(pooler.url, pace=BELL_ONLY) as bot:
            await listening(database)
            await other.cases.accept(request("a"))
            await bot.until("a")
        await other.database.close()
