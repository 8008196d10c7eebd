"""Lists of indicators, looked up by this bot and by what one would take instead: calls, seconds, calls an indicator, memory.

`python -m tests.bench lookups [--clients PYTHON]`: a Python in whose environment virustotal-api and vt-py are installed.
"""

import asyncio
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import psycopg

from bot.postgres import Server
from bot.startup import prepare
from tests.bench import indicators, programs, virustotal
from tests.bench.bots import cpu_seconds, environment, start_bot, stop_bot
from tests.bench.clients.job import LATENCY
from tests.bench.load import Commands, Line
from tests.bench.minimal_slack import minimal_slack

A_MESSAGE = 100
"""Indicators that one command, or one `vtbot ask`, takes."""
REPEATS = 3
V2, V3 = "import virus_total_apis", "import vt; vt.url_id"
SERVICE = "tests.bench.service_client"
LISTS = {
    "25 hashes": lambda seed: indicators.hashes(25, seed),
    "100 mixed": lambda seed: indicators.mixed(100, seed),
    "1,000, of which 400 repeat": lambda seed: indicators.repeating(1000, 400, seed),
}
HEAD = "| {} | calls | calls a distinct indicator | seconds | beside this bot's service | CPU, s | peak memory, MB |"
UNFINISHED = "SELECT count(*) FROM cases WHERE outcome = 'open'"
FORGET = "TRUNCATE replies, quotas"


@dataclass(frozen=True, slots=True)
class Client:
    """One way to look up a list. `needed`: the statement that imports the package it needs."""

    name: str
    program: str
    variant: str = ""
    needed: str = ""
    kind: str = "public"
    is_loop: bool = False
    """One call after another: it mostly waits, so that others may be measured meanwhile."""


ALTERNATIVES = (
    Client("loop of requests, as the documented system's source", "plain_loop.py", is_loop=True),
    Client("virustotal-api", "virustotal_api.py", needed=V2, is_loop=True),
    Client("virustotal-api, lists of 4", "virustotal_api.py", "lists", V2, is_loop=True),
    Client("vt-py", "vt_py.py", needed=V3, is_loop=True),
    Client("vt-py, asyncio, 8 at once", "vt_py.py", "async", V3),
)
OURS = (
    Client("this bot's service, public key", SERVICE),
    Client("this bot's service, private key", SERVICE, kind="private"),
    Client("this bot's service, public key, the same list again", SERVICE, "again"),
)
ASK = "`vtbot ask`, the whole program"
SIGNED = "signed commands to a running bot"


@dataclass(frozen=True, slots=True)
class Run:
    """What one client needed for one list."""

    calls: int
    seconds: float
    cpu: float
    """Seconds of the processor that the client's process used: on a busy machine a better figure than the time."""
    peak: float
    refused: int = 0
    answered: int = 0
    failures: int = 0
    """Of the programs that were run."""


def measure(clients=programs.CLIENTS):
    """Lines of Markdown tables, one for each list."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vtbot-bench-")))
        folder.chmod(0o755)
        database = stack.enter_context(Server(folder).used())
        prepare(database)
        for title, listed in LISTS.items():
            yield from _table(title, listed, Bench(database, folder, clients))
            yield ""


class Bench:
    """Where the clients run: the database of this bot, and a folder for its logs."""

    def __init__(self, database, folder, clients):
        self.database, self.folder, self._clients = database, folder, clients

    def run(self, client, found):
        """Run it once, against a VirusTotal of its own."""
        python = programs.python_of(self._clients, client.needed) if client.needed else sys.executable
        with virustotal.serving(latency=LATENCY, kind=client.kind) as server:
            if client.program == SERVICE:
                self.forget()
            said = programs.run(client.program, self._job(client, found, server), python)
            return Run(server.calls(), **said)

    def _job(self, client, found, server):
        settings = self.settings(server) | {"VT_KEY_KIND": client.kind}
        addresses = {"v2": server.v2, "v3": server.v3, "control": server.control}
        return {**addresses, "indicators": found, "variant": client.variant, "settings": settings}

    def settings(self, server):
        return {
            "VT_API_KEY": "bench",
            "VT_API_URL": server.v2,
            "VT_QUOTA_MINUTE": "0",
            "VT_QUOTA_DAY": "0",
            "VT_QUOTA_MONTH": "0",
            "DATABASE_URL": self.database,
        }

    def forget(self):
        """Nothing is cached."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(FORGET)

    def ask(self, found):
        """`vtbot ask`, as often as the list needs: it takes 100 at once."""
        self.forget()
        with virustotal.serving(latency=LATENCY) as server:
            runs = [
                programs.asked(self.settings(server), "\n".join(value for _, value in part))
                for part in parts(found)
            ]
            total = {name: sum(run[name] for run in runs) for name in ("seconds", "cpu", "answered")}
            failures = sum(not run["answered"] for run in runs)
            return Run(server.calls(), **total, peak=max(run["peak"] for run in runs), failures=failures)

    async def command(self, found):
        """Commands of 100 indicators each, all at once, to a bot that is running and warm."""
        self.forget()
        async with minimal_slack() as slack:
            with virustotal.serving(latency=LATENCY) as server:
                environ = environment(slack, server.v2, self.folder) | {"DATABASE_URL": self.database}
                bot, port, _ = await start_bot(environ, self.folder)
                try:
                    line, commands = Line(port), Commands(f"{slack.url}/hooks")
                    await self._send(line, commands, ["scan-ip 21.1.1.1"])
                    server.calls()
                    start, spent = time.perf_counter(), cpu_seconds(bot.pid)
                    await self._send(
                        line, commands, [" ".join(one for _, one in part) for part in parts(found)]
                    )
                    took = max(slack.last.values()) - start
                    cpu = cpu_seconds(bot.pid) - spent
                    return Run(server.calls(), took, cpu, programs.memory(bot.pid, "VmHWM"))
                finally:
                    await asyncio.to_thread(stop_bot, bot)

    async def _send(self, line, commands, texts):
        """Send them at once, and wait until each is answered."""
        statuses = await asyncio.gather(*(line.send(commands.next(text)[1]) for text in texts))
        assert set(statuses) == {200}, statuses
        async with await psycopg.AsyncConnection.connect(self.database, autocommit=True) as connection:
            while (await (await connection.execute(UNFINISHED)).fetchone())[0]:  # noqa: ASYNC110 - the database is asked
                await asyncio.sleep(0.05)


def parts(found):
    """The list in parts of as many as one command takes."""
    return [found[start : start + A_MESSAGE] for start in range(0, len(found), A_MESSAGE)]


def _table(title, listed, bench):
    """One list. Loops, which mostly wait, run all at the same time; everything else runs in turns, a long list once."""
    loops = [client for client in ALTERNATIVES if client.is_loop]
    with ThreadPoolExecutor(len(loops)) as pool:
        futures = {client.name: pool.submit(bench.run, client, listed(0)) for client in loops}
        runs = {name: _outcome(future.result) for name, future in futures.items()}
    others = [client for client in (*ALTERNATIVES, *OURS) if not client.is_loop]
    for seed in range(1, 1 + (REPEATS if len(listed(0)) <= A_MESSAGE else 1)):
        for client in others:
            runs.setdefault(client.name, []).extend(_outcome(partial(bench.run, client, listed(seed))))
        runs.setdefault(ASK, []).append(bench.ask(listed(seed)))
        runs.setdefault(SIGNED, []).append(asyncio.run(bench.command(listed(seed))))
    yield HEAD.format(f"{title} ({programs.load()})")
    yield "|---|---|---|---|---|---|---|"
    distinct = len({value for _, value in listed(0)})
    own = median(run.seconds for run in runs[OURS[0].name])
    for name, found in runs.items():
        yield _row(name, found, distinct, own)


def _outcome(run):
    """Runs of a client: one, or none if its package is not installed."""
    try:
        return [run()]
    except programs.MissingError:
        return []


def _row(name, runs, distinct, own):
    if not runs:
        return f"| {name} | not installed | | | | | |"
    calls, seconds, cpu, peak = (
        median(values)
        for values in zip(*((run.calls, run.seconds, run.cpu, run.peak) for run in runs), strict=True)
    )
    if failures := sum(run.failures for run in runs):
        name = f"{name} ({failures} failed: the database was too busy)"
    return f"| {name} | {calls:,.0f} | {calls / distinct:.2f} | {seconds:.1f} | {seconds / own:.1f} × | {cpu:.2f} | {peak:.0f} |"
