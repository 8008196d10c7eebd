"""How extraction, planning and look-ups grow from 100 to 100,000 indicators: CPU of one process, and its peak of memory.

Each size runs in a process of its own. VirusTotal knows nothing and answers at once, so that what is measured is ours.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from bot.backend import backend
from bot.postgres import Server
from bot.settings import load
from bot.startup import prepare
from handlers.case import StoreDown
from handlers.parser import new_lookup
from tests.bench import indicators, null_virustotal, programs
from tests.bench.clients.job import peak
from vt.actions import fitting
from vt.indicators import extract
from vt.service import plan
from vt.steps import ENDPOINTS

SIZES = (100, 1_000, 10_000, 100_000)
A_MESSAGE = 100
BUDGET = 60
"""Seconds of CPU that the look-ups of one size may take: if they would take longer, they are left out."""


def measure():
    """Lines of a Markdown table."""
    yield f"| indicators ({programs.load()}) | extracted, CPU ms each | planned | looked up through the service | peak memory, MB |"
    yield "|---|---|---|---|---|"
    took = 0.0
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder)).used() as database:
        prepare(database)
        with null_virustotal.serving() as url:
            for size in SIZES:
                lookups = took * 10 < BUDGET
                said = _run({"size": size, "database": database, "url": url, "lookups": lookups})
                took = said.get("lookups", BUDGET)
                yield _row(size, said)


def _run(job):
    command = [sys.executable, "-m", "tests.bench.growth", json.dumps(job)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def _row(size, said):
    each = {name: f"{said[name] * 1000 / size:.3f}" if name in said else "left out" for name in PARTS}
    return f"| {size:,} | {each['extract']} | {each['plan']} | {each['lookups']} | {said['peak']:.0f} |"


# One size, in a process of its own -----------------------------------------------------------------------

PARTS = ("extract", "plan", "lookups")


async def _one_size(job):
    values = [value for _, value in indicators.mixed(job["size"], job["size"])]
    messages = ["\n".join(values[start : start + A_MESSAGE]) for start in range(0, len(values), A_MESSAGE)]
    settings = load(
        {
            "VT_API_KEY": "bench",
            "VT_API_URL": job["url"],
            "VT_QUOTA_MINUTE": "0",
            "VT_QUOTA_DAY": "0",
            "VT_QUOTA_MONTH": "0",
            "DATABASE_URL": job["database"],
        },
        dotenv=None,
    )
    said = {}
    extract("warm.example.com")
    start = time.process_time()
    found = [one for message in messages for one in extract(message)]
    said["extract"] = time.process_time() - start
    assert len(found) == len(values), (len(found), len(values))
    async with backend(settings) as parts:
        start = time.process_time()
        lookups = tuple(new_lookup(one, fitting(one.kind), settings.verdicts) for one in found)
        plan(lookups, range(len(lookups)), parts.key.service.client, ENDPOINTS)
        said["plan"] = time.process_time() - start
        if job["lookups"]:
            start = time.process_time()
            await _settled(parts.key.service, lookups)
            said["lookups"] = time.process_time() - start
    return said | {"peak": peak()}


async def _settled(service, lookups):
    """Until all are; a busy database ends a turn, and the next one goes on from there."""
    lookups = await service.expand(lookups)
    while not all(lookup.settled for lookup in lookups):
        with suppress(StoreDown):
            async for board in service.advance(lookups):
                lookups = board


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_one_size(json.loads(sys.argv[1])))))  # noqa: T201 - read by the parent process
