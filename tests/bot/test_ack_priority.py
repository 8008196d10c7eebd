"""Deliveries go first: turns pause while one is taken, and everything else does not."""

import asyncio

from bot.connections import PAUSE, AckPriority, turn_context
from bot.database import Database


async def in_turn(first, done):
    """A turn that comes to its next statement."""
    with turn_context():
        await first.give_way()
        done.append("turn")


async def test_a_turn_gives_way():
    """It goes on when the last of the deliveries that came meanwhile is taken."""
    first, done = AckPriority(), []
    with first.first():
        turn = asyncio.create_task(in_turn(first, done))
        await asyncio.sleep(0)
        with first.first():
            done.append("one")
        await asyncio.sleep(0)
        done.append("other")
    await turn
    assert done == ["one", "other", "turn"]


async def test_no_turn_waits_for_ever():
    """Deliveries without end do not keep answers away."""
    first, done = AckPriority(), []
    with first.first():
        await in_turn(first, done)
    assert done == ["turn"]


async def test_only_turns_wait(database):
    """The statements with which a delivery itself is taken, and all others, do not."""
    store = Database(database)
    with store.ack_priority.first():
        async with asyncio.timeout(PAUSE * 80):
            for _ in range(100):
                await store.run(lambda connection: connection.execute("SELECT 1"))
    await store.close()


async def test_a_turns_statement_waits(database):
    """It reaches the database after the delivery is taken."""
    store, done = Database(database), []

    async def ask():
        with turn_context():
            await store.run(lambda connection: connection.execute("SELECT 1"))
            done.append("turn")

    await store.ping()
    with store.ack_priority.first():
        turn = asyncio.create_task(ask())
        await store.ping()
        done.append("delivery")
    await turn
    await store.close()
    assert done == ["delivery", "turn"]


async def test_a_task_that_outlives_its_turn(database):
    """What it writes after the turn's end is written at once: nothing is put off to an end that has been."""
    store, ended = Database(database), asyncio.Event()
    await store.write(("CREATE TABLE written (number int)", {}))

    async def outlive():
        await ended.wait()
        await store.write_later(("INSERT INTO written VALUES (2)", {}))

    async with store.turn():
        task = asyncio.create_task(outlive())
        await store.write_later(("INSERT INTO written VALUES (1)", {}))
        assert await store.rows("SELECT number FROM written", {}) == []
    ended.set()
    await task
    assert await store.rows("SELECT number FROM written ORDER BY 1", {}) == [(1,), (2,)]
    await store.close()
