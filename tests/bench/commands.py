"""Commands: how soon they are acknowledged and answered, beside a bolt app that only acknowledges; and the bot's size."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from tests.bench.load import SECRET, Commands, Line, at_once, by_the_clock, percentile
from tests.bench.minimal_slack import minimal_slack

ROOT = Path(__file__).parents[2]
RATE, SECONDS, REPEATS = 100, 10, 2
"""Commands a second, for so long, so often, the two apps in turns."""
TOGETHER, BURST = 60, 600
ALONE = 40
LATENCY = 0.15
"""Seconds that VirusTotal takes."""
ANSWER_TIMEOUT = 60


def measure():
    """Lines of a Markdown table."""
    yield "| commands | measured | goal |"
    yield "|---|---|---|"
    with tempfile.TemporaryDirectory(prefix="vtbot-bench-") as folder:
        Path(folder).chmod(0o755)
        for what, measured, goal in asyncio.run(_measured(Path(folder))):
            yield f"| {what} | {measured} | {goal} |"


async def _measured(folder):
    async with minimal_slack() as slack:
        with ExitStack() as stack:
            virustotal = stack.enter_context(_virustotal())
            environ = _environ(slack, virustotal, folder)
            starts = [await _started(environ, folder) for _ in range(4)]
            bot, port, _ = await _start(environ, folder)
            stack.callback(_stop, bot)
            bolt = stack.enter_context(_only_acknowledges(slack))
            commands = Commands(f"{slack.url}/hooks")
            rows = await _rows(slack, commands, Line(port), Line(bolt), bot.pid)
            return [*rows, _ready(starts[1:])]


async def _rows(slack, commands, bot_figures, theirs, pid):
    await _alone(slack, commands, bot_figures, 10)
    await at_once(theirs, Commands(f"{slack.url}/none"), 1, 10)
    ack = await _by_the_clock(slack, commands, bot_figures, theirs)
    burst = await _burst(slack, commands, bot_figures)
    memory = _resident(pid)
    alone = await _alone(slack, commands, bot_figures, ALONE)
    return [
        *ack,
        *burst,
        (
            "command to answer, one at a time, VirusTotal taking 150 ms: median",
            _ms(median(alone)),
            "at most 250 ms",
        ),
        (f"resident memory after {BURST} commands, the database apart", f"{memory:.0f} MB", "under 150 MB"),
    ]


async def _by_the_clock(slack, commands, bot_figures, theirs):
    mine, bolts = [], []
    for _ in range(REPEATS):
        bolts += await by_the_clock(theirs, Commands(f"{slack.url}/none"), RATE, SECONDS)
        first = len(slack.answered)
        mine += await by_the_clock(bot_figures, commands, RATE, SECONDS)
        await _until(lambda: len(slack.answered) >= first + RATE * SECONDS)  # noqa: B023 - called at once
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


async def _burst(slack, commands, bot_figures):
    before = len(slack.answered)
    start = time.perf_counter()
    took = await at_once(bot_figures, commands, TOGETHER, BURST)
    rate = BURST / (time.perf_counter() - start)
    await _until(lambda: len(slack.answered) >= before + BURST)
    answered = len(slack.answered) - before
    all_in = max(slack.answered.values()) - start
    return [
        (
            f"acknowledged at {TOGETHER} at once: p50, p99, a second",
            f"{_ms(percentile(took, 50))}, {_ms(percentile(took, 99))}, {rate:.0f}",
            "p99 under 500 ms",
        ),
        (f"answered of {BURST}, the last after", f"{answered}, {all_in:.1f} s", f"{BURST}"),
    ]


async def _alone(slack, commands, line, count):
    took = []
    for _ in range(count):
        number, request = commands.next()
        start = time.perf_counter()
        await line.send(request)
        await slack.all_of({number}, ANSWER_TIMEOUT)
        took.append(slack.answered[number] - start)
    return took


async def _until(condition):
    end = time.monotonic() + ANSWER_TIMEOUT
    while not condition() and time.monotonic() < end:  # noqa: ASYNC110 - it is bounded
        await asyncio.sleep(0.05)


def _ready(starts):
    return ("ready after being started, its state prepared: median", f"{median(starts):.1f} s", "under 5 s")


def _ms(seconds):
    return f"{seconds * 1000:.1f} ms"


def _resident(pid):
    """Megabytes of one process, without its children: PostgreSQL is none of them."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


# Processes -----------------------------------------------------------------------------------------------


def _environ(slack, virustotal, folder):
    return {
        "PATH": os.defpath,
        "PYTHONPATH": str(ROOT),
        "SLACK_BOT_TOKEN": "xoxb-bench",
        "SLACK_SIGNING_SECRET": SECRET,
        "SLACK_API_URL": f"{slack.url}/api/",
        "VT_API_KEY": "bench",
        "VT_API_URL": virustotal,
        "VT_QUOTA_MINUTE": "0",
        "VT_QUOTA_DAY": "0",
        "VT_QUOTA_MONTH": "0",
        "STATE_DIR": str(folder / "state"),
        "PORT": "0",
    }


async def _started(environ, folder):
    """Seconds to be ready; stopped again, with its database."""
    bot, _, seconds = await _start(environ, folder)
    await asyncio.to_thread(_stop, bot)
    return seconds


async def _start(environ, folder):
    log = folder / "log"
    begun = time.perf_counter()
    with log.open("w") as stream:
        bot = subprocess.Popen(  # noqa: ASYNC220 - our own program; it is waited for below
            [sys.executable, "-m", "bot", "run"], cwd=folder, env=environ, stdout=stream, stderr=stream
        )
    while not (ready := [line for line in log.read_text().splitlines() if '"event": "ready"' in line]):
        assert bot.poll() is None, log.read_text()
        await asyncio.sleep(0.01)
    return bot, json.loads(ready[0])["port"], time.perf_counter() - begun


def _stop(process):
    process.terminate()
    process.wait(30)


@contextmanager
def _virustotal():
    command = [sys.executable, "-m", "bot", "sandbox", "--latency", str(LATENCY)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own program
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


@contextmanager
def _only_acknowledges(slack):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.bench.only_acknowledges", str(port), f"{slack.url}/api/"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, **silent)  # noqa: S603 - our own program
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.communicate()
