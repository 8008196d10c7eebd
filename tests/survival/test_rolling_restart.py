"""A rolling restart: processes of the release before and of this one share a database, and no request is lost."""

import asyncio
import io
import re
import subprocess
import tarfile
from pathlib import Path

import psycopg
import pytest

from tests.support.app_fixture import ANA, GENERAL
from tests.support.processes import Process, grounds

ROOT = Path(__file__).parents[2]
BEFORE = "2854d27"
"""The commit of the release before stored shapes had versions."""
COMMANDS = 80


@pytest.fixture
def before(tmp_path):
    """Its code. Skipped where the history does not reach back to it, as in a shallow clone."""
    archive = ["git", "-C", str(ROOT), "archive", BEFORE, "bot", "handlers", "vt"]
    made = subprocess.run(archive, capture_output=True, check=False)  # noqa: S603 - a fixed command
    if made.returncode:
        pytest.skip(f"the history holds no commit {BEFORE}: a shallow clone, or no git")
    folder = tmp_path / "before"
    with tarfile.open(fileobj=io.BytesIO(made.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


class Restart:
    """Two releases behind one address, and what people asked of them."""

    def __init__(self, place, before):
        self.place, self.slack, self.before = place, place.slack, before
        self.up = []
        self.taken = []
        self._asked = 0

    async def start(self, *, older=False):
        """A process of either release joins."""
        environ = self.place.environ | ({"PYTHONPATH": str(self.before)} if older else {})
        process = Process(environ, self.place.folder)
        self.place.processes.append(process)
        process.url = f"http://127.0.0.1:{await process.start()}/slack/events"
        self.up.append(process)
        return process

    async def leave(self, process):
        """It gets no more requests, and is asked to end."""
        self.up.remove(process)
        assert await process.stopped() == 0

    async def ask(self, many):
        """Commands, each to another process than the one before."""
        for _ in range(many):
            self._asked += 1
            address = f"198.51.{100 + self._asked // 200}.{self._asked % 200 + 1}"
            self.slack.target = self.up[self._asked % len(self.up)].url
            exchange = await self.slack.types(ANA, GENERAL, f"/vt scan-ip {address}")
            if exchange.status == 200:
                self.taken.append(address)

    def answers(self, address):
        shown = re.compile(re.escape(address.replace(".", "[.]")) + r"(?!\d)")
        return [
            one for one in self.slack.messages(GENERAL, ANA) if shown.search("\n".join(self.slack.shown(one)))
        ]

    def answered(self):
        return all(self.answers(address) for address in self.taken)

    async def settle(self):
        """Until all are answered: each once, with a verdict."""
        await self.slack.until(self.answered, timeout=90)
        await asyncio.sleep(1)
        for address in self.taken:
            [answer] = self.answers(address)
            text = "\n".join(self.slack.shown(answer))
            assert "[JSON]" in text
            assert "NOT CHECKED" not in text


async def test_each_request_is_answered_once_while_two_releases_share_the_database(
    database, tmp_path, before
):
    """Commands to both in turn, while the first process of this release comes and the last one before it goes."""
    _forget_tables(database)
    async with grounds(database, tmp_path, sandbox={"latency": 0.05}) as place:
        restart = Restart(place, before)
        older = [await restart.start(older=True) for _ in range(2)]
        await restart.ask(COMMANDS // 4)
        newer = await restart.start()
        await restart.ask(COMMANDS // 4)
        await restart.leave(older[0])
        await restart.ask(COMMANDS // 4)
        await restart.leave(older[1])
        await restart.ask(COMMANDS // 4)
        await restart.settle()
        assert len(restart.taken) == COMMANDS
        assert place.slack.faults == []
        assert "turn_broke" not in newer.written()
        with psycopg.connect(database) as connection:
            outcomes = connection.execute("SELECT DISTINCT outcome FROM cases").fetchall()
        assert outcomes == [("answered",)]


async def test_a_button_of_either_release_works_in_the_other(database, tmp_path, before):
    """An answer that one release gave is exported when the other one takes the click."""
    _forget_tables(database)
    async with grounds(database, tmp_path) as place:
        restart = Restart(place, before)
        older = await restart.start(older=True)
        await restart.ask(1)
        await restart.settle()
        newer = await restart.start()
        restart.up = [newer]
        await restart.ask(1)
        await restart.settle()
        for address, process in zip(restart.taken, (newer, older), strict=True):
            place.slack.target = process.url
            await place.slack.presses(ANA, restart.answers(address)[0], "JSON")
        await place.slack.until(lambda: len(place.slack.files("@ana")) == 2)
        assert place.slack.faults == []


def _forget_tables(database):
    """The release before makes its own: it does not start on tables that are newer."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
