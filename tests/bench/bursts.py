"""A burst of commands to one bot or to several: how soon they are acknowledged and answered, and what that costs."""

import asyncio
import time
from dataclasses import dataclass

from tests.bench.bots import cpu_seconds, family
from tests.bench.load import Line, at_once, percentile

ANSWER_SECONDS = 90
"""After which what is missing is given up."""


class App:
    """Something that answers commands: its connections, its process, and that of its database if it has one of its own."""

    def __init__(self, name, port, pid, state=None):
        self.name, self.line, self.pid = name, Line(port), pid
        self.postgres = state and postmaster(state)

    def cpu(self):
        """Seconds of the processor that the process, and its database, have used so far."""
        return cpu_seconds(self.pid), database_cpu(self.postgres) if self.postgres else 0.0


def postmaster(state):
    """The process of a private PostgreSQL in this state folder."""
    return int((state / "postgres" / "postmaster.pid").read_text().split()[0])


def database_cpu(pid):
    """Seconds of the processor that PostgreSQL has used so far, with those of its sessions."""
    return sum(map(cpu_seconds, family(pid)))


@dataclass(frozen=True, slots=True)
class Burst:
    """What came of it. CPU in seconds an answer."""

    answered: int
    rate: float
    p99: float
    own: float
    database: float


async def burst(slack, commands, apps, count, together):
    """`count` commands, `together` at once, shared out among the apps. The database is that of the first."""
    before, start = len(slack.answered), time.perf_counter()
    spent = [app.cpu() for app in apps]
    shares = [(count // len(apps), together // len(apps)) for _ in apps]
    took = await asyncio.gather(
        *(at_once(app.line, commands, at, share) for app, (share, at) in zip(apps, shares, strict=True))
    )
    sent = sum(map(len, took))
    await until(lambda: len(slack.answered) >= before + sent)
    answered = len(slack.answered) - before
    rate = answered / (max(slack.answered.values()) - start)
    now = [app.cpu() for app in apps]
    own = sum(after[0] - then[0] for after, then in zip(now, spent, strict=True)) / sent
    database = (now[0][1] - spent[0][1]) / sent
    return Burst(answered, rate, percentile([one for each in took for one in each], 99), own, database)


async def until(condition):
    """Wait for it, for as long as an answer may take."""
    end = time.monotonic() + ANSWER_SECONDS
    while not condition() and time.monotonic() < end:  # noqa: ASYNC110 - it is bounded
        await asyncio.sleep(0.05)


async def alone(slack, commands, line, count):
    """One command after another: seconds from each to its answer."""
    took = []
    for _ in range(count):
        number, request = commands.next()
        start = time.perf_counter()
        await line.send(request)
        await slack.all_of({number}, ANSWER_SECONDS)
        took.append(slack.answered[number] - start)
    return took
