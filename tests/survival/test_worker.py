"""A turn whose process was killed is taken by another, and work goes on when the database was away."""

import asyncio
import sys

from bot.postgres import Server
from bot.queue.jobs import Pace
from bot.startup import prepare
from tests.bot.test_storage import request
from tests.bot.test_worker import Bot, eventually, left

BEGIN_AND_HANG = """
import asyncio, sys
from tests.survival.test_worker import begin_and_hang
asyncio.run(begin_and_hang(sys.argv[1]))
"""


async def begin_and_hang(url):
    """A process that takes a turn and never ends it."""

    async def hang(_bot, _case_id):
        sys.stdout.write("\n")
        sys.stdout.flush()
        await asyncio.sleep(3600)

    async with Bot(url, hang):
        await asyncio.sleep(3600)


async def test_killed_process(database):
    """After kill -9 in the middle of a turn, others take it, once."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BEGIN_AND_HANG, database, stdout=asyncio.subprocess.PIPE
    )
    one, other = Bot(database), Bot(database)
    await one.cases.accept(request("a"))
    await process.stdout.readline()
    process.kill()
    await process.communicate()
    async with one, other:
        await left(database)
    assert one.happened + other.happened == ["a"]


async def test_restarted_database(new_state):
    """When the database was away, work goes on within 20 s of its return, at the pace of the product."""
    server = Server(new_state())
    with server.used() as url:
        prepare(url)
        async with Bot(url, pace=Pace()) as bot:
            await bot.cases.accept(request("a"))
            await bot.until("a")
            await asyncio.to_thread(server.stop)
            await eventually(lambda: not bot.turns.working)
            await asyncio.to_thread(server.start)
            async with asyncio.timeout(20):
                await bot.cases.accept(request("b"))
                await bot.until("a", "b")
