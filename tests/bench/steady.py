"""Does anything grow? Commands at a steady rate for minutes: memory, cases, replies, jobs and the size of the database.

Cases, replies and their rows are kept on purpose, so they grow with the answers; memory, jobs and the write-ahead log must not.
`python -m tests.bench steady --minutes 30` is the whole run.
"""

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg

from bot.postgres import Server
from tests.bench import programs
from tests.bench.bots import environment, start_bot, stop_bot, virustotal
from tests.bench.bursts import until
from tests.bench.load import Commands, Line
from tests.bench.minimal_slack import minimal_slack

MINUTES = 3
RATE = 10
"""Commands a second."""
LOOKS = 6
"""How often the run is looked at."""
COUNTS = """
    SELECT (SELECT count(*) FROM cases), (SELECT count(*) FROM replies),
           (SELECT count(*) FROM procrastinate_jobs), (SELECT count(*) FROM procrastinate_jobs WHERE status NOT IN ('todo', 'doing')),
           pg_database_size(current_database()), (SELECT sum(size) FROM pg_ls_waldir())
"""


def measure(minutes=MINUTES):
    """Lines of a Markdown table."""
    yield f"{RATE} commands a second for {minutes} minutes ({programs.load()})"
    yield ""
    yield "| minute | answered | cases | replies | jobs | of them finished | memory, MB | database, MB | an answer | WAL, MB |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    with tempfile.TemporaryDirectory(prefix="vtbot-bench-") as folder:
        Path(folder).chmod(0o755)
        yield from asyncio.run(_measured(Path(folder), minutes * 60))


async def _measured(folder, seconds):
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(minimal_slack())
        url = stack.enter_context(virustotal(0))
        environ = environment(slack, url, folder)
        bot, port, _ = await start_bot(environ, folder)
        stack.push_async_callback(asyncio.to_thread, stop_bot, bot)
        line, commands = Line(port), Commands(f"{slack.url}/hooks")
        database = Server(folder / "state").url
        looks, sent, start = [], 0, time.monotonic()
        for look in range(LOOKS + 1):
            end = seconds * look / LOOKS
            while sent < RATE * end:
                await asyncio.sleep(max(0, start + sent / RATE - time.monotonic()))
                assert await line.send(commands.next()[1]) == 200
                sent += 1
            await until(lambda: len(slack.answered) >= sent)  # noqa: B023 - called at once
            looks.append((end / 60, len(slack.answered), _counted(database), programs.memory(bot.pid)))
        return [_row(look, looks[0]) for look in looks]


def _counted(database):
    with psycopg.connect(database) as connection:
        return connection.execute(COUNTS).fetchone()


def _row(look, first):
    minute, answers, (cases, replies, jobs, finished, size, wal), memory = look
    grown = size - first[2][4]
    each = f"{grown / (answers - first[1]) / 1000:.1f} KB" if answers > first[1] else ""
    return (
        f"| {minute:.1f} | {answers:,} | {cases:,} | {replies:,} | {jobs} | {finished} | {memory:.0f} | {size / 1e6:.0f} | {each} "
        f"| {float(wal) / 1e6:.0f} |"
    )
