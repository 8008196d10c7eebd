"""A private database whose server or whose user was killed is used again."""

import os
import signal

import psycopg
import pytest

from bot.postgres import Server
from bot.startup import prepare
from tests.support.processes import user_of


@pytest.fixture(scope="module")
def state(new_state):
    """A folder with a private database in it, which has the bot's tables."""
    made = new_state()
    with Server(made).used() as url:
        prepare(url)
    return made


async def test_killed_user(state):
    """The server of a bot that was killed is found running by the next, and stopped with its last living user."""
    server = Server(state)
    killed = await user_of(state)
    running = server.pid
    killed.kill()
    await killed.communicate()
    assert server.pid == running
    other = await user_of(state)
    with server.used() as url:
        assert server.pid == running
        await other.communicate(b"\n")
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert server.pid is None


async def test_killed_server(state):
    """After a power cut, another process may have the old server's number: it is started again nevertheless."""
    server = Server(state)
    user = await user_of(state)
    os.kill(server.pid, signal.SIGKILL)
    await user.communicate(b"\n")
    lines = (server.data / "postmaster.pid").read_text().split("\n")
    (server.data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]))
    with server.used() as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM cases").fetchone() == (0,)
