"""The private server is killed while it is used: it is started again, once, and only for those who still want it."""

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import time
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
import pytest

from bot import startup
from bot.postgres import Server, account, programs
from bot.settings import load
from tests.support.app_fixture import ANA, GENERAL
from tests.support.processes import grounds
from tests.survival.test_survival import Questions

ENDPOINT = "ip-address/report"
MOMENTS = (0, 0.45, 0.5, 0.52, 0.55, 0.6)
"""Seconds after a kill: about as many as pass until it is noticed."""


@pytest.fixture(scope="module")
def state(new_state):
    return new_state()


@pytest.fixture
def server(state):
    """A private server that does not run; whatever becomes of it, it does not in the end."""
    own = Server(state)
    with own.used():
        pass
    yield own
    own.stop()


def using(server):
    """As the bot uses it."""
    return startup.database(load({"STATE_DIR": str(server.state)}, None))


def kill(server):
    """As the system does when it is out of memory. Returns when it is dead."""
    pid = server.pid
    os.kill(pid, signal.SIGKILL)
    while server.pid == pid:
        time.sleep(0.001)


def name_as_server(server, pid):
    """What was left behind names this process."""
    for file in (server.data / "postmaster.pid", server.sockets / ".s.PGSQL.5432.lock"):
        lines = file.read_text().split("\n")
        file.write_text("\n".join([str(pid), *lines[1:]]))


def serves(server):
    with psycopg.connect(server.url) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def starts(server):
    """How often it was started."""
    return server.log.read_text().count("LOG:  starting PostgreSQL")


async def eventually(seen, seconds=60):
    """What `seen` sees, once it sees something."""
    async with asyncio.timeout(seconds):
        while not (found := seen()):  # noqa: ASYNC110 - a process is looked at
            await asyncio.sleep(0.02)
        return found


def is_busy(server):
    """Somebody is about to start or stop it."""
    with (server.state / "postgres.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


@contextmanager
def lingering(server):
    """One of its sessions outlives it, until the block ends."""
    with psycopg.connect(server.url) as connection:
        pid = connection.info.backend_pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)
            connection.close()


# What a killed one leaves -----------------------------------------------------------------------------------


def test_a_dead_server_that_nobody_buried(server):
    """In a container a killed process can stay in the list of processes for ever: it is no server."""
    command = [programs() / "postgres", "--version"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, **account()) as dead:  # noqa: S603 - the wheel's own
        os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
        server.start()
        kill(server)
        name_as_server(server, dead.pid)
        assert server.pid is None
        server.start()
        assert serves(server)


def test_a_number_that_another_server_has_now(server, new_state):
    """A server on another folder is not taken for this one's."""
    with Server(new_state()).used():
        other = Server(new_state())
        with other.used():
            server.start()
            kill(server)
            name_as_server(server, other.pid)
            assert server.pid is None
            server.start()
            assert serves(server)


def test_a_server_whose_file_is_gone(server):
    """It answers, so it is neither taken for dead nor robbed of what it needs."""
    with server.used():
        file, elsewhere = server.data / "postmaster.pid", server.data / "elsewhere"
        file.rename(elsewhere)
        assert not server.revive(lambda: True)
        server.start()
        elsewhere.rename(file)
        assert (server.sockets / ".s.PGSQL.5432.lock").exists()
    assert server.pid is None


async def test_sessions_that_outlive_their_server(server):
    """As long as one of them has its memory no other server can start: the start waits for its end."""
    await asyncio.to_thread(server.start)
    with lingering(server):
        kill(server)
        starting = asyncio.create_task(asyncio.to_thread(server.start))
        await asyncio.sleep(1)
        assert not starting.done()
    await starting
    assert serves(server)


# While it is used -------------------------------------------------------------------------------------------


async def test_killed_it_is_started_again(server):
    """Again and again, at the same URL; when its last user leaves it is stopped, and stays so."""
    async with using(server) as url:
        for _ in range(3):
            kill(server)
            await eventually(server._answers)
            with psycopg.connect(url) as connection:
                assert connection.execute("SELECT count(*) FROM cases").fetchone() == (0,)
    await asyncio.sleep(1)
    assert server.pid is None


async def test_killed_before_its_user_leaves(server):
    """Whatever the moment, nobody starts it for a user that has left."""
    for moment in MOMENTS:
        async with using(server):
            kill(server)
            await asyncio.sleep(moment)
        assert server.pid is None
    started = starts(server)
    await asyncio.sleep(1)
    assert starts(server) == started


async def test_killed_and_no_longer_wanted(server):
    """Whoever waits for its turn to start it, and is told to leave meanwhile, leaves it."""
    with server.used():
        kill(server)
        assert not server.revive(lambda: False)
        assert server.pid is None
        assert server.revive(lambda: True)
        assert not server.revive(lambda: True)


async def test_left_while_it_is_started_again(server):
    """A user that leaves in the middle of it waits, and stops what was started."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(using(server))
        with lingering(server):
            kill(server)
            await eventually(lambda: is_busy(server))
            leaving = asyncio.create_task(stack.aclose())
            await asyncio.sleep(0.2)
        await leaving
    assert server.pid is None
    await asyncio.sleep(1)
    assert server.pid is None


# The bot ----------------------------------------------------------------------------------------------------


async def test_what_was_accepted_is_answered(server, tmp_path):
    """Taken before the kill and answered after it, once; while it is down refused at once; then taken again.

    It is down because its data is away, too: that is tried again after pauses that grow, and nothing is made anew.
    """
    async with private_bots(server, tmp_path) as place:
        questions, meanwhile, afterwards = Questions(place), asyncio.Event(), asyncio.Event()
        bot = await place.bot()
        for event in (meanwhile, afterwards):
            reached = held(place, event)
            await questions.ask()
            await reached.wait()
        with killed_and_away(server):
            refused = await place.slack.types(ANA, GENERAL, "/vt scan-ip 192.0.2.1")
            assert "Nothing was saved" in place.slack.shown(await refused.answer())[0]
            meanwhile.set()
            await eventually(lambda: len(said(bot, "database_not_restarted")) >= 2)
        await eventually(lambda: restarted(bot))
        afterwards.set()
        assert not (await questions.ask()).body
        await questions.settle()
        assert [line["again_in"] for line in said(bot, "database_not_restarted")][:2] == [1, 2]
        assert restarted(bot) == 1
        assert await bot.stopped() == 0
        assert place.slack.faults == []
    assert server.pid is None


async def test_two_bots(server, tmp_path):
    """One of them starts it again. That one of them stops is no kill, and the last to stop stops it for good."""
    async with private_bots(server, tmp_path) as place:
        one, other = await place.bot(), await place.bot()
        started = starts(server)
        kill(server)
        await eventually(lambda: restarted(one) + restarted(other))
        await asyncio.sleep(1)
        assert restarted(one) + restarted(other) == 1
        running = server.pid
        assert await one.stopped() == 0
        assert server.pid == running
        assert await other.stopped() == 0
        await asyncio.sleep(1)
        assert server.pid is None
        assert starts(server) == started + 1


@asynccontextmanager
async def private_bots(server, folder):
    """Bots without DATABASE_URL."""
    async with grounds(None, folder, STATE_DIR=str(server.state)) as place:
        yield place


def held(place, event):
    """VirusTotal's next reply waits for this event. What is returned says when it is asked."""
    reached = asyncio.Event()

    async def hold(_, reply):
        reached.set()
        await event.wait()
        return await reply()

    place.virustotal.faults.add(ENDPOINT, hold)
    return reached


def lives(pid):
    """A dead process that nobody buries keeps its number."""
    try:
        return b") Z" not in Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False


@contextmanager
def killed_and_away(server):
    """It is killed when its data is elsewhere; its sessions, which may still take something, are gone with it."""
    pid, there = server.pid, server.data.with_name("elsewhere")
    sessions = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    server.data.rename(there)
    os.kill(pid, signal.SIGKILL)
    while any(map(lives, sessions)):
        time.sleep(0.02)
    try:
        yield
    finally:
        there.rename(server.data)


def restarted(bot):
    """How often it noted that it started the server again."""
    return len(said(bot, "database_restarted"))


def said(bot, event):
    """What it wrote about this."""
    lines = [line for line in bot.written().splitlines() if f'"event": "{event}"' in line]
    return [json.loads(line) for line in lines]
