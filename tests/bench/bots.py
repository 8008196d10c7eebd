"""Starts bots and bolt apps to be measured, each a process of its own, and reads what they use."""

import asyncio
import itertools
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from tests.bench.load import SECRET

ROOT = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
_NUMBERS = itertools.count()


def environment(slack, virustotal, folder):
    """The settings of a bot that answers commands over HTTP, with a quota without limits."""
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


async def start_bot(environ, folder):
    """The process, its port, and the seconds until it was ready."""
    log = folder / f"log{next(_NUMBERS)}"
    begun = time.perf_counter()
    with log.open("w") as stream:
        bot = subprocess.Popen(  # noqa: ASYNC220 - our own program; it is waited for below
            [sys.executable, "-m", "bot", "run"], cwd=folder, env=environ, stdout=stream, stderr=stream
        )
    while not (ready := [line for line in log.read_text().splitlines() if '"event": "ready"' in line]):
        assert bot.poll() is None, log.read_text()
        await asyncio.sleep(0.01)
    return bot, json.loads(ready[0])["port"], time.perf_counter() - begun


def stop_bot(process):
    """Let it finish, with its database if it is the last one that uses it."""
    process.terminate()
    process.wait(30)


def family(pid):
    """A process and its children."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def cpu_seconds(pid):
    """Seconds of the processor, with those of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


@contextmanager
def virustotal(latency):
    """The address of a stand-in VirusTotal, which takes so many seconds, while the block runs."""
    command = [sys.executable, "-m", "bot", "sandbox", "--latency", str(latency)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own program
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()
