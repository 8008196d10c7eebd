"""The private server is killed: it is started again, whatever it has left behind."""

import asyncio
import os
import signal
import subprocess
import time
from contextlib import contextmanager

import psycopg
import pytest

from bot.postgres import Server
from bot.wheel import account, programs


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
