"""A turn whose process was killed in the middle of it is taken by another."""

import asyncio
import sys

from tests.bot.test_storage import request
from tests.bot.test_worker import Bot, left

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
