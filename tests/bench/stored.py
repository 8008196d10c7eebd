"""A simple answer beside 1,000 to 1,000,000 stored cases, with their audit entries, history and cached replies.

Two bots on one PostgreSQL, each with a database of its own, answer in turns: one keeps its 1,000 rows, the other's grow.
`python -m tests.bench stored --most 100000` stops earlier.
"""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

import psycopg

from bot.postgres import Server
from bot.startup import prepare
from tests.bench import programs
from tests.bench.bots import environment, start_bot, stop_bot, virustotal
from tests.bench.bursts import App, alone, burst
from tests.bench.load import Commands
from tests.bench.minimal_slack import minimal_slack

FEWEST, MOST = 1_000, 1_000_000
GOAL = 1.2
REPEATS, ALONE = 3, 10
COUNT, TOGETHER = 60, 10
"""Of a burst, in which what PostgreSQL does for an answer is counted."""
COPY = """
    INSERT INTO {table} ({columns}) SELECT {values}
    FROM (SELECT * FROM {table} WHERE {key} NOT LIKE 'filler%' LIMIT 1) AS one, generate_series({first}, {last}) AS n
"""
COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND table_schema = 'public' AND is_generated = 'NEVER'"
PERSON = "'U0BENCH' || lpad((n % 20)::text, 3, '0')"
EARLIER = "now() - n * interval '2 s'"
FILLER = "'filler' || n"
TABLES = {
    "cases": {"id": FILLER, "delivery": FILLER, "created": EARLIER, "asker": PERSON, "progress": "'{}'"},
    "audit": {"id": FILLER, "delivery": FILLER, "at": EARLIER, "asker": PERSON},
    "sightings": {
        "case_id": FILLER,
        "subject": "'ipv4:filler' || n % 200000",
        "at": EARLIER,
        "asker": PERSON,
        "what": "'{}'",
    },
    "replies": {"key": f"{FILLER} || one.key", "raw": """'{"response_code": 0}'""", "at": "now()"},
}
"""What differs between copies of the rows of one real answer; the first column is the key. JSON is short: their number is measured."""


def measure(most=MOST):
    """Lines of a Markdown table."""
    yield (
        f"| cases, audit entries, history, replies ({programs.load()}) | one command to its answer, median "
        f"| beside {FEWEST:,} rows | goal | PostgreSQL's CPU an answer | beside |"
    )
    yield "|---|---|---|---|---|---|"
    with tempfile.TemporaryDirectory(prefix="vtbot-bench-") as folder:
        Path(folder).chmod(0o755)
        yield from asyncio.run(_measured(Path(folder), most))


async def _measured(folder, most):
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(minimal_slack())
        server = stack.enter_context(Server(folder).used())
        url = stack.enter_context(virustotal(0))
        commands = Commands(f"{slack.url}/hooks")
        apps, databases = [], []
        for name in ("few", "many"):
            databases.append(_made(server, name))
            environ = environment(slack, url, folder) | {
                "DATABASE_URL": databases[-1],
                "STATE_DIR": str(folder / name),
            }
            bot, port, _ = await start_bot(environ, folder)
            stack.push_async_callback(asyncio.to_thread, stop_bot, bot)
            apps.append(App(name, port, bot.pid, folder))
            await alone(slack, commands, apps[-1].line, 10)
            await asyncio.to_thread(_fill, databases[-1], 0, FEWEST)
        lines, rows = [], FEWEST
        while rows < most:
            await asyncio.to_thread(_fill, databases[1], rows, rows * 10)
            rows *= 10
            lines.append(_row(rows, await _compared(slack, commands, apps)))
        return lines


def _made(server, name):
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    database = server.replace("@/postgres?", f"@/{name}?")
    prepare(database)
    return database


def _fill(database, first, last):
    """Rows of past answers, numbered from the one after `first`."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        for table, changed in TABLES.items():
            columns = [name for (name,) in connection.execute(COLUMNS, [table])]
            values = ", ".join(changed.get(name, f"one.{name}") for name in columns)
            where = {"table": table, "key": next(iter(changed)), "first": first + 1, "last": last}
            connection.execute(COPY.format(**where, columns=", ".join(columns), values=values))
            connection.execute(f"VACUUM ANALYZE {table}")
        connection.execute("CHECKPOINT")


async def _compared(slack, commands, apps):
    """By app: seconds of each answer, and PostgreSQL's CPU an answer."""
    took, spent = {app.name: [] for app in apps}, {app.name: [] for app in apps}
    for _ in range(REPEATS):
        for app in apps:
            took[app.name] += await alone(slack, commands, app.line, ALONE)
            before = app.cpu()[1]
            await burst(slack, commands, [app], COUNT, TOGETHER)
            spent[app.name].append((app.cpu()[1] - before) / COUNT)
    return {name: (median(took[name]), median(spent[name])) for name in took}


def _row(rows, found):
    (few, few_cpu), (many, many_cpu) = found["few"], found["many"]
    return (
        f"| {rows:,} | {many * 1000:.0f} ms | {many / few:.2f} × | at most {GOAL} × "
        f"| {many_cpu * 1000:.1f} ms | {many_cpu / few_cpu:.2f} × |"
    )
