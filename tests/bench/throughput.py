"""One to four replicas over one PostgreSQL: answers a second of signed commands, in turns.

All four run all the time; the commands of a burst are shared out among the first of them.
"""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from bot.postgres import Server
from bot.startup import prepare
from tests.bench import programs
from tests.bench.bots import environment, start_bot, stop_bot, virustotal
from tests.bench.bursts import App, alone, burst, postmaster
from tests.bench.clients.job import LATENCY
from tests.bench.load import Commands
from tests.bench.minimal_slack import minimal_slack

MOST = 4
COUNT, TOGETHER, REPEATS = 240, 48, 2


def measure():
    """Lines of a Markdown table."""
    yield (
        f"| replicas ({programs.load()}, PostgreSQL, VirusTotal and Slack among them) | answered | answers a second "
        "| beside one | acknowledged, p99 | CPU an answer: bots | PostgreSQL |"
    )
    yield "|---|---|---|---|---|---|---|"
    with tempfile.TemporaryDirectory(prefix="vtbot-bench-") as folder:
        Path(folder).chmod(0o755)
        runs = asyncio.run(_measured(Path(folder)))
    one = median(burst.rate for burst in runs[1])
    for count, found in runs.items():
        rate, p99, own, database = (
            median(getattr(each, name) for each in found) for name in ("rate", "p99", "own", "database")
        )
        answered = sum(each.answered for each in found)
        yield (
            f"| {count} | {answered} of {COUNT * len(found)} | {rate:.0f} | {rate / one:.2f} × | {p99 * 1000:.0f} ms "
            f"| {own * 1000:.1f} ms | {database * 1000:.1f} ms |"
        )


async def _measured(folder):
    runs = {count: [] for count in range(1, MOST + 1)}
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(minimal_slack())
        database = stack.enter_context(Server(folder).used())
        prepare(database)
        url = stack.enter_context(virustotal(LATENCY))
        apps = []
        for number in range(MOST):
            environ = environment(slack, url, folder) | {
                "DATABASE_URL": database,
                "STATE_DIR": str(folder / f"{number}"),
            }
            bot, port, _ = await start_bot(environ, folder)
            stack.push_async_callback(asyncio.to_thread, stop_bot, bot)
            apps.append(App(str(number), port, bot.pid))
        apps[0].postgres = postmaster(folder)
        commands = Commands(f"{slack.url}/hooks")
        for app in apps:
            await alone(slack, commands, app.line, 5)
        for _ in range(REPEATS):
            for count, found in runs.items():
                found.append(await burst(slack, commands, apps[:count], COUNT, TOGETHER))
    return runs
