"""`make trace`: which modules and functions one `/vt scan-ip 192.0.2.1` passes through, from the payload until nothing is left to do.

Everything is real but Slack and VirusTotal, for which the stand-ins answer. Counted are calls (and resumed coroutines)
of functions in vt, handlers and bot; libraries and the stand-ins are left out. The database's log says which statements
it executed, and in how many transactions.
"""

import asyncio
import re
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import psycopg

from bot.app import Bot, running
from bot.manifest import EVENTS, SCOPES
from bot.postgres import Server
from bot.settings import load
from playground.slack.workspace import Workspace
from playground.virustotal import Sandbox

ROOT = Path(__file__).parents[1]
PACKAGES = ("vt", "handlers", "bot")
LINE = "/vt scan-ip 192.0.2.1"
NOT_THE_ANSWERS = ("WITH beat AS", "SELECT clock_timestamp()", "SELECT count(*) FROM cases")
"""How statements begin that would be executed without the command too: heartbeats, the clock, and our own question."""
FILE_MODULES = ("vt/files/", "handlers/files.py", "handlers/turns/consent.py")


class Trace:
    """What was called, in order."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, str]] = []
        """What the database executed: the transaction, and the beginning of the SQL."""
        self.functions: Counter[tuple[str, str]] = Counter()
        self.changes = 0
        self._last = ""
        self._modules: dict[str, str | None] = {}

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Take one event of the interpreter's profiling hook."""
        if event != "call":
            return
        module = self._module(frame.f_code.co_filename)
        if module is None or frame.f_code.co_name.startswith("<"):
            return
        self.functions[module, frame.f_code.co_qualname] += 1
        self.changes += module != self._last
        self._last = module

    def _module(self, file: str) -> str | None:
        """The module's path below the root; None for everything that is not ours. Remembered: it is asked for each call."""
        if file not in self._modules:
            path = Path(file)
            inside = path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in PACKAGES
            self._modules[file] = str(path.relative_to(ROOT)) if inside else None
        return self._modules[file]

    @property
    def modules(self) -> list[str]:
        """The modules in which something was called."""
        return sorted({module for module, _ in self.functions})


@contextmanager
def tracing() -> Iterator[Trace]:
    """Count from here to the end of the block, in this thread and in those that it starts."""
    trace = Trace()
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        yield trace
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


async def lookup(line: str, state: Path, database: str = "") -> Trace:
    """Trace one command, asked by a person whom the bot has answered a moment ago, as usual: replies are not kept.

    The process then remembers the person for a few seconds (handlers/admission.py), which spares a look at the database.
    """
    async with (
        Workspace(events=EVENTS, scopes=SCOPES) as slack,
        Sandbox().serve() as virustotal,
    ):
        settings = load(
            {
                "SLACK_BOT_TOKEN": slack.bot_token,
                "SLACK_SIGNING_SECRET": slack.signing_secret,
                "SLACK_API_URL": slack.api_url,
                "VT_API_KEY": "any",
                "VT_API_URL": virustotal.url,
                "VT_QUOTA_MINUTE": "0",
                "CACHE_MINUTES": "0",
                "STATE_DIR": str(state),
                "PORT": "0",
                **({"DATABASE_URL": database} if database else {}),
            },
            dotenv=None,
        )
        async with running(settings) as bot:
            slack.target = f"http://127.0.0.1:{bot.port}/slack/events"
            await _ask(slack, line, bot)
            log = None if database else _statement_log(Server(state))
            with tracing() as trace:
                await _ask(slack, line, bot)
            trace.statements = _statements(log) if log else []
            return trace


def _statement_log(server: Server) -> Path:
    """Have the private server log its statements from now on, each with its transaction; where."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET log_line_prefix = '%v|'")
        connection.execute("ALTER SYSTEM SET log_statement = 'all'")
        connection.execute("SELECT pg_reload_conf()")
    return server.log


def _statements(log: Path) -> list[tuple[str, str]]:
    entry = re.compile(r"^(\d+/\d+)\|LOG:  (?:statement|execute [^:]*): \s*(.{1,70})", re.MULTILINE)
    found = [(one[1], " ".join(one[2].split())) for one in entry.finditer(log.read_text())]
    return [one for one in found if not one[1].startswith(NOT_THE_ANSWERS)]


async def _ask(slack: Workspace, line: str, bot: Bot) -> None:
    exchange = await slack.types("ana", "#general", line)
    await exchange.answer()
    while await bot.unanswered():  # noqa: ASYNC110 - the database is asked
        await asyncio.sleep(0.02)


def main() -> None:
    """Print the modules in which something was called, with the functions and calls of each, and the sums."""
    line = " ".join(sys.argv[1:]) or LINE
    with tempfile.TemporaryDirectory(prefix="vtbot-trace-") as folder:
        trace = asyncio.run(lookup(line, Path(folder) / "state"))
    for module in trace.modules:
        called = {name: count for (where, name), count in trace.functions.items() if where == module}
        print(f"{module:45} {len(called):3} functions {sum(called.values()):4} calls")
    print(
        f"{line}: {len(trace.modules)} modules, {len(trace.functions)} functions, {trace.changes} changes of module"
    )
    for transaction, sql in trace.statements:
        print(f"  {transaction:10} {sql}")
    print(f"{len(trace.statements)} statements in {len({one for one, _ in trace.statements})} transactions")
    files = [module for module in trace.modules if module.startswith(FILE_MODULES)]
    print("the same person asked the same a moment before, so the process still remembers who they are")
    print(f"modules about files: {', '.join(files) or 'none'}")


if __name__ == "__main__":
    main()
