"""Commands: how soon they are acknowledged and answered, and what that costs, beside bolt apps that store nothing.

`python -m tests.bench.commands ../other` measures another checkout of the bot in the same run, in alternation.
"""

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
ANSWER_TIMEOUT = 90
TICKS = os.sysconf("SC_CLK_TCK")


def measure(*others):
    """Lines of a Markdown table."""
    yield "| commands | measured | goal |"
    yield "|---|---|---|"
    with tempfile.TemporaryDirectory(prefix="vtbot-bench-") as folder:
        Path(folder).chmod(0o755)
        for what, measured, goal in asyncio.run(_measured(Path(folder), others)):
            yield f"| {what} | {measured} | {goal} |"


class App:
    """Something that answers commands: its connections, its process, and that of its database if it has one."""

    def __init__(self, name, port, pid, state=None):
        self.name, self.line, self.pid = name, Line(port), pid
        self.postgres = state and int((state / "postgres" / "postmaster.pid").read_text().split()[0])

    def cpu(self):
        """Seconds of the processor that the process, and its database, have used so far."""
        return _cpu(self.pid), sum(map(_cpu, _family(self.postgres))) if self.postgres else 0.0


async def _measured(folder, others):
    async with minimal_slack() as slack:
        with ExitStack() as stack:
            virustotal = stack.enter_context(_virustotal())
            starts = [await _started(_environ(slack, virustotal, folder), folder) for _ in range(4)]
            apps = []
            for root in (ROOT, *map(Path, others)):
                state = folder / f"state{len(apps)}"
                environ = _environ(slack, virustotal, folder) | {
                    "PYTHONPATH": str(root),
                    "STATE_DIR": str(state),
                }
                bot, port, _ = await _start(environ, folder)
                stack.callback(_stop, bot)
                apps.append(App(root.name if apps else "bot", port, bot.pid, state))
            silent = stack.enter_context(_bolt(slack))
            apps.append(App("bolt, storing nothing", *stack.enter_context(_bolt(slack, virustotal))))
            rows = await _rows(slack, apps, Line(silent[0]))
            return [*rows, _ready(starts[1:])]


async def _rows(slack, apps, silent):
    commands = Commands(f"{slack.url}/hooks")
    for app in apps:
        await _alone(slack, commands, app.line, 10)
    await at_once(silent, Commands(f"{slack.url}/none"), 1, 10)
    ack = await _by_the_clock(slack, commands, apps[0].line, silent)
    bursts = {app.name: [] for app in apps}
    for _ in range(REPEATS):
        for app in apps:
            bursts[app.name].append(await _burst(slack, commands, app))
    memory = _resident(apps[0].pid)
    alone = await _alone(slack, commands, apps[0].line, ALONE)
    return [
        *ack,
        *(_cost(name, runs) for name, runs in bursts.items()),
        (
            "command to answer, one at a time, VirusTotal taking 150 ms: median",
            _ms(median(alone)),
            "at most 250 ms",
        ),
        (
            f"resident memory after {_asked()} commands, the database apart",
            f"{memory:.0f} MB",
            "at most 110 MB",
        ),
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


async def _burst(slack, commands, app):
    """BURST commands, TOGETHER at once: answers a second, acknowledgement p99, and CPU an answer of the two processes."""
    before, start, spent = len(slack.answered), time.perf_counter(), app.cpu()
    took = await at_once(app.line, commands, TOGETHER, BURST)
    await _until(lambda: len(slack.answered) >= before + BURST)
    answered = len(slack.answered) - before
    rate = answered / (max(slack.answered.values()) - start)
    own, database = ((now - then) / BURST for now, then in zip(app.cpu(), spent, strict=True))
    return answered, rate, percentile(took, 99), own, database


def _cost(name, runs):
    answered, rate, p99, own, database = (median(values) for values in zip(*runs, strict=True))
    what = "answered; answers a second; acknowledged p99; CPU an answer, and of PostgreSQL"
    return (
        f"{BURST} commands, {TOGETHER} at once, {name}: {what}",
        f"{answered:.0f}; {rate:.0f}; {_ms(p99)}; {_ms(own)}, {_ms(database)}",
        "p99 under 300 ms" if name == "bot" else "",
    )


def _asked():
    """How many commands the first app was sent, all in all, before its memory was read."""
    return 10 + REPEATS * (RATE * SECONDS + BURST)


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


def _family(pid):
    """A process and its children."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def _cpu(pid):
    """Seconds of the processor, with those of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


if __name__ == "__main__":
    for line in measure(*sys.argv[1:]):
        print(line, flush=True)  # noqa: T201 - to be read
