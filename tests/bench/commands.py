"""Commands: how soon they are acknowledged and answered, and what that costs, beside bolt apps that store nothing.

`python -m tests.bench commands --beside ../other` measures another checkout of the bot in the same run, in alternation.
"""

import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import astuple
from pathlib import Path
from statistics import median

from tests.bench.bots import ROOT, environment, start_bot, stop_bot, virustotal
from tests.bench.bursts import App, alone, burst, until
from tests.bench.load import Commands, Line, at_once, by_the_clock, percentile
from tests.bench.minimal_slack import minimal_slack
from tests.bench.programs import memory

RATE, SECONDS, REPEATS = 100, 10, 2
"""Commands a second, for so long, so often, the two apps in turns."""
TOGETHER, BURST = 60, 600
ALONE = 40
LATENCY = 0.15
"""Seconds that VirusTotal takes."""


def measure(*others):
    """Lines of a Markdown table."""
    yield "| commands | measured | goal |"
    yield "|---|---|---|"
    with tempfile.TemporaryDirectory(prefix="vtbot-bench-") as folder:
        Path(folder).chmod(0o755)
        for what, measured, goal in asyncio.run(_measured(Path(folder), others)):
            yield f"| {what} | {measured} | {goal} |"


async def _measured(folder, others):
    async with minimal_slack() as slack:
        with ExitStack() as stack:
            url = stack.enter_context(virustotal(LATENCY))
            starts = [await _started(environment(slack, url, folder), folder) for _ in range(4)]
            apps = []
            for root in (ROOT, *map(Path, others)):
                state = folder / f"state{len(apps)}"
                environ = environment(slack, url, folder) | {
                    "PYTHONPATH": str(root),
                    "STATE_DIR": str(state),
                }
                bot, port, _ = await start_bot(environ, folder)
                stack.callback(stop_bot, bot)
                apps.append(App(root.name if apps else "bot", port, bot.pid, state))
            silent = stack.enter_context(_bolt(slack))
            apps.append(App("bolt, storing nothing", *stack.enter_context(_bolt(slack, url))))
            rows = await _rows(slack, apps, Line(silent[0]))
            return [*rows, _ready(starts[1:])]


async def _rows(slack, apps, silent):
    commands = Commands(f"{slack.url}/hooks")
    for app in apps:
        await alone(slack, commands, app.line, 10)
    await at_once(silent, Commands(f"{slack.url}/none"), 1, 10)
    ack = await _by_the_clock(slack, commands, apps[0].line, silent)
    bursts = {app.name: [] for app in apps}
    for _ in range(REPEATS):
        for app in apps:
            bursts[app.name].append(await burst(slack, commands, [app], BURST, TOGETHER))
    resident = memory(apps[0].pid)
    answers = await alone(slack, commands, apps[0].line, ALONE)
    return [
        *ack,
        *(_cost(name, runs) for name, runs in bursts.items()),
        (
            "command to answer, one at a time, VirusTotal taking 150 ms: median",
            _ms(median(answers)),
            "at most 250 ms",
        ),
        (
            f"resident memory after {_asked()} commands, the database apart",
            f"{resident:.0f} MB",
            "at most 110 MB",
        ),
    ]


async def _by_the_clock(slack, commands, bot_figures, theirs):
    mine, bolts = [], []
    for _ in range(REPEATS):
        bolts += await by_the_clock(theirs, Commands(f"{slack.url}/none"), RATE, SECONDS)
        first = len(slack.answered)
        mine += await by_the_clock(bot_figures, commands, RATE, SECONDS)
        await until(lambda: len(slack.answered) >= first + RATE * SECONDS)  # noqa: B023 - called at once
    ratio = median(mine) / median(bolts)
    return [
        (
            f"acknowledged at {RATE} a second: p50, beside bolt's",
            f"{_ms(median(mine))} / {_ms(median(bolts))} = {ratio:.2f}",
            "at most 2",
        ),
        (
            f"acknowledged at {RATE} a second: p99, beside bolt's",
            f"{_ms(percentile(mine, 99))} / {_ms(percentile(bolts, 99))}",
            "",
        ),
    ]


def _cost(name, runs):
    answered, rate, p99, own, database = (median(values) for values in zip(*map(astuple, runs), strict=True))
    what = "answered; answers a second; acknowledged p99; CPU an answer, and of PostgreSQL"
    return (
        f"{BURST} commands, {TOGETHER} at once, {name}: {what}",
        f"{answered:.0f}; {rate:.0f}; {_ms(p99)}; {_ms(own)}, {_ms(database)}",
        "p99 under 300 ms" if name == "bot" else "",
    )


def _asked():
    """How many commands the first app was sent, all in all, before its memory was read."""
    return 10 + REPEATS * (RATE * SECONDS + BURST)


def _ready(starts):
    return ("ready after being started, its state prepared: median", f"{median(starts):.1f} s", "under 5 s")


def _ms(seconds):
    return f"{seconds * 1000:.1f} ms"


# Processes -----------------------------------------------------------------------------------------------


async def _started(environ, folder):
    """Seconds to be ready; stopped again, with its database."""
    bot, _, seconds = await start_bot(environ, folder)
    await asyncio.to_thread(stop_bot, bot)
    return seconds


@contextmanager
def _bolt(slack, *virustotal):
    """The port and the id of a bolt app that only acknowledges, or, with a VirusTotal, answers too."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.bench.minimal_bolt", str(port), f"{slack.url}/api/", *virustotal]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, **silent)  # noqa: S603 - our own program
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port, process.pid
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    for line in measure(*sys.argv[1:]):
        print(line, flush=True)  # noqa: T201 - to be read
