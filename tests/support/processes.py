"""The bot as it is run for real: a process of its own, which can be killed, stopped and started again."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

from playground.slack.workspace import Workspace
from playground.virustotal import Sandbox
from tests.support import forked
from tests.support.app_fixture import address

ROOT = Path(__file__).parents[2]
VARIABLES = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}

USE_DATABASE = """
import sys
from pathlib import Path
from bot.postgres import Server
with Server(Path(sys.argv[1])).used():
    print(flush=True)
    input()
"""


def run(*arguments, folder, environ=None, stdin="", seconds=180):
    """One command from its beginning to its end."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "bot", *arguments],
        cwd=folder,
        env=VARIABLES | (environ or {}),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


async def user_of(state, **more):
    """Another process that uses the private server, until it reads a line."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", USE_DATABASE, str(state), stdin=pipe, stdout=pipe, **more
    )
    await process.stdout.readline()
    return process


class Died(Exception):
    """A process that ended before it was ready; what it wrote."""


class Process:
    """One `vtbot run`. What it writes is kept in a file, over all its lives.

    Its lives begin with a program of their own, or, if `imported`, with the bot imported by another one (see forked.py).
    """

    def __init__(self, environ, folder, *arguments, imported=False):
        self.environ, self.folder, self.arguments = environ, folder, arguments or ("run",)
        self._begin = self._fork if imported else self._execute
        self.log = folder / f"{id(self)}.log"
        self.ports = []
        self._process = None

    @property
    def pid(self):
        return self._process.pid

    def written(self):
        """Everything it wrote, on both streams."""
        return self.log.read_text() if self.log.exists() else ""

    async def start(self, seconds=90):
        """Until it says that it is ready, which it has to say for this life. Raises Died."""
        assert self._process is None or self._process.returncode is not None, "it is still alive"
        began = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("a") as log:
            self._process = await self._begin(log)
        async with asyncio.timeout(seconds):
            while not (ready := self._ready_since(began)):
                if self._process.returncode is not None:
                    raise Died(self.written())
                await asyncio.sleep(0.02)
        self.ports.append(ready[0])
        return ready[0]

    async def _execute(self, log):
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", *self.arguments),
            cwd=self.folder,
            env=VARIABLES | self.environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )

    async def _fork(self, log):
        return await forked.start(self.arguments, self.folder, VARIABLES | self.environ, log)

    def _ready_since(self, began):
        """The port it has named after so many bytes of its log, of which the lives before may have written megabytes."""
        with self.log.open() as log:
            log.seek(began)
            return [json.loads(line)["port"] for line in log if '"event": "ready"' in line]

    def kill(self):
        """As by a machine that loses power."""
        if self._process and self._process.returncode is None:
            self._process.kill()

    async def killed(self):
        """Killed, and gone."""
        self.kill()
        await self._process.wait()

    async def ended(self, seconds=90):
        """It ends by itself, or somebody else kills it."""
        async with asyncio.timeout(seconds):
            return await self._process.wait()

    async def stopped(self, seconds=90):
        """Asked to end; its exit status."""
        self._process.terminate()
        return await self.ended(seconds)


class Grounds:
    """Slack and VirusTotal as a bot's process finds them, and the settings that lead there."""

    def __init__(self, slack, virustotal, database, folder, environ, imported):
        self.slack, self.virustotal, self.database, self.folder = slack, virustotal, database, folder
        self.environ = environ
        self._imported = imported
        self.processes = []

    async def bot(self, **environ):
        """Another process of the bot, at work; what is delivered goes to the latest one."""
        process = Process(self.environ | environ, self.folder, imported=self._imported)
        self.processes.append(process)
        await self.up(process)
        return process

    async def up(self, process):
        """Started, or started again."""
        self.slack.target = f"http://127.0.0.1:{await process.start()}/slack/events"


@asynccontextmanager
async def grounds(database, folder, *, sandbox=None, imported=True, **environ):
    """A workspace and a VirusTotal of this process, for bots in processes of their own; all are killed at the end.

    Without a database they make a private one. `imported` is explained at Process.
    """
    async with Workspace() as slack, Sandbox(**(sandbox or {})).serve() as virustotal:
        given = {
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_SIGNING_SECRET": slack.signing_secret,
            "SLACK_API_URL": slack.api_url,
            "VT_API_KEY": "some-key",
            "VT_API_URL": virustotal.url,
            "VT_QUOTA_MINUTE": "0",
            "PORT": "0",
        } | ({"DATABASE_URL": address(database)} if database else {})
        place = Grounds(slack, virustotal, database, folder, given | environ, imported)
        try:
            yield place
        finally:
            for process in place.processes:
                await process.killed()
