"""The bot's service layer as a client: its settings, its cache and its quota in PostgreSQL, nothing of Slack.

The variant "again" looks the list up once more, which is what is measured then.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

from bot.backend import backend
from bot.settings import load
from handlers.case import StoreDown
from handlers.parser import new_lookup
from tests.bench.clients.job import Job
from vt.actions import fitting
from vt.indicators import read
from vt.service import next_turn
from vt.verdict import State

WARM = ("f" * 64, "http://warm.example.com/x", "21.1.1.1", "unknown.warm-3.com")
"""Looked up before anything is measured: the bot has been running for a while, and has loaded what it needs."""


async def run(job):
    settings = load(job.settings, dotenv=None)
    clock = (lambda: datetime.fromtimestamp(job.now, UTC)) if job.simulated else None
    async with backend(settings, clock=clock) as parts:
        lookups = _lookups((value for _, value in job.indicators), settings.verdicts)
        if not job.simulated:
            await _settled(parts, job, _lookups(WARM, settings.verdicts))
        for _ in range(2 if job.variant == "again" else 1):
            job.begin()
            settled = await _settled(parts, job, lookups)
    for lookup in settled:
        if lookup.finding(datetime.now(UTC)).state is not State.NOT_CHECKED:
            job.answer(lookup.input)


def _lookups(values, thresholds):
    found = map(read, values)
    return tuple(new_lookup(one, fitting(one.kind), thresholds) for one in found)


async def _settled(parts, job, lookups):
    lookups = await parts.key.service.expand(lookups)
    while True:
        with suppress(StoreDown):  # a busy database: the next turn goes on from here
            async for board in parts.key.service.advance(lookups):
                lookups = board
        if all(lookup.settled for lookup in lookups):
            return lookups
        if at := next_turn(lookups):
            job.pause(max(0.001, (at - parts.clock()).total_seconds()))


if __name__ == "__main__":
    job = Job()
    asyncio.run(run(job))
    job.report()
