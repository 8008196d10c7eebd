"""The same lists with a free key's 4 calls a minute, in simulated time: calls, and minutes until the last answer.

Nothing waits: each client's clock is its own to move, and the stand-in, which refuses a fifth call in any minute, is told.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bot.postgres import Server
from bot.startup import prepare
from tests.bench import programs, virustotal
from tests.bench.lookups import ALTERNATIVES, LISTS, OURS, Bench, Client, Run

MINUTE = 4
DOCUMENTED = Client(
    "loop of requests, as the documented system's source: what is refused is dropped", "plain_loop.py"
)
SEQUENTIAL = tuple(client for client in ALTERNATIVES if client.is_loop)
HEAD = "| {} | calls | refused by VirusTotal | answered | simulated minutes to the last answer |"


def measure(clients=programs.CLIENTS):
    """Lines of Markdown tables, one for each list."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vtbot-bench-")))
        folder.chmod(0o755)
        database = stack.enter_context(Server(folder).used())
        prepare(database)
        bench = Simulated(database, folder, clients)
        for title, listed in LISTS.items():
            found = listed(0)
            distinct = len({value for _, value in found})
            yield HEAD.format(title)
            yield "|---|---|---|---|---|"
            yield _row(DOCUMENTED.name, bench.run(DOCUMENTED, found), distinct)
            for client in SEQUENTIAL:
                yield _paced(bench, client, found, distinct)
            yield _row(OURS[0].name, bench.run(OURS[0], found), distinct)
            yield ""


class Simulated(Bench):
    """The quota is 4 a minute, and time is simulated."""

    def run(self, client, found, *, paced=False):
        """Run it once; `paced`: it waits for 15 s after each call."""
        python = programs.python_of(self._clients, client.needed) if client.needed else sys.executable
        with virustotal.serving(minute=MINUTE) as server:
            self.forget()
            time = {"simulated": True, "paced": paced, "now": virustotal.START}
            said = programs.run(client.program, self._job(client, found, server) | time, python)
            return Run(server.calls(), **said)

    def settings(self, server):
        """Those of a free key, but for the day and the month: whatever needs more than 500 calls needs days."""
        return super().settings(server) | {"VT_QUOTA_MINUTE": str(MINUTE)}


def _paced(bench, client, found, distinct):
    try:
        run = bench.run(client, found, paced=True)
    except programs.MissingError:
        return f"| {client.name} | not installed | | | |"
    return _row(f"{client.name}, waiting for 15 s after each call", run, distinct)


def _row(name, run, distinct):
    return f"| {name} | {run.calls:,} | {run.refused:,} | {run.answered:,} of {distinct:,} | {run.seconds / 60:,.1f} |"
