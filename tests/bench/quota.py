"""One key's quota in simulated time: two processes over one PostgreSQL, with people, polls and automatic look-ups that want more than there is.

`python -m tests.bench quota` simulates 10,000 minutes. The processes and the database are real, the time is passed in.
"""

import asyncio
import heapq
import json
import random
import sys
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from pydantic import SecretStr

from bot.database import Database
from bot.postgres import Server
from bot.startup import prepare
from bot.storage.virustotal import QuotaStore
from tests.bench.quota_figures import LIMITS, MANY, OTHERS, START, Case, Found
from vt.errors import QuotaSpent
from vt.fair_queue import Priority
from vt.quota import Ask, Meter, Plan

MINUTES = 10_000
PROCESSES = 2
LATE = 0.7
"""Seconds after a booking by which its call is at VirusTotal."""
TOGETHER = 0.03
"""Seconds within which turns are taken at the same time."""
CACHED, LOST = 0.02, 0.002
"""The part of the waiting requests that are answered without a call, and that never come again."""
KEY = SecretStr("simulated")


def measure(minutes=MINUTES):
    """Lines of a Markdown table."""
    with tempfile.TemporaryDirectory(prefix="vtbot-bench-") as folder:
        Path(folder).chmod(0o755)
        with Server(Path(folder)).used() as url:
            prepare(url)
            found = asyncio.run(simulated(url, minutes))
    yield "| simulated | measured | goal |"
    yield "|---|---|---|"
    for row in found.rows():
        yield "| {} | {} | {} |".format(*row)


# A process -----------------------------------------------------------------------------------------------


async def work(url, offset):
    """Take turns at the times that are read from standard input, and say what each was given.

    `offset`: seconds by which this process has measured the database's clock wrongly.
    """
    now = [START]
    database = Database(url)
    quota = QuotaStore(database, KEY, LIMITS, lambda: now[0] + timedelta(seconds=offset))
    while line := await asyncio.to_thread(sys.stdin.readline):
        step = json.loads(line)
        now[0] = datetime.fromtimestamp(step["now"], UTC)
        done = await asyncio.gather(*(_turn(quota, *turn) for turn in step["turns"]))
        print(json.dumps(done), flush=True)  # noqa: T201 - the parent reads it
    await database.close()


async def _turn(quota, case, asker, priority, calls):
    """How many calls were booked, when to come again, and how many are ahead."""
    ask = Ask(case, asker, Priority(priority), Plan(calls), Meter())
    if not calls:
        await quota.leave(case)
    for booked in range(calls):
        try:
            await quota.take(1, ask)
        except QuotaSpent as spent:
            return booked, spent.retry_at.timestamp(), spent.ahead
    return calls, None, 0


@asynccontextmanager
async def _process(url, offset):
    program = f"import asyncio; from tests.bench.quota import work; asyncio.run(work({url!r}, {offset}))"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdin=pipe, stdout=pipe)
    try:
        yield process
    finally:
        process.stdin.close()
        await process.wait()


# The simulation ------------------------------------------------------------------------------------------


class Simulation:
    """The time, who asks, and who comes again when."""

    def __init__(self, processes, connection, minutes, chance):
        self._processes, self._connection, self._chance = processes, connection, chance
        self._end = START.timestamp() + 60 * minutes
        self.found = Found(minutes, [], [], [], [], 0)
        self._arrivals = self._crowd_arrivals(minutes) + self._usual_arrivals(minutes)
        heapq.heapify(self._arrivals)
        self._waiting = {}
        self._watched = []
        """Calls that nobody waited for: when, and what was left for people to ask for then."""

    def _usual_arrivals(self, minutes):
        """Half of the time nearly as much as there is, in the other half less; automatic look-ups take the rest."""
        arrivals = []
        for minute in range(minutes):
            for number in range(self._chance.choice([0, 0, 1, 1, 2] if minute // 30 % 2 else [1, 1, 2, 3])):
                at = START.timestamp() + 60 * (minute + self._chance.random())
                priority = Priority.POLL if self._chance.random() < 0.2 else Priority.PERSON
                calls = self._chance.choice([1, 1, 1, 1, 2, 5]) if priority is Priority.PERSON else 1
                asker = f"asker {self._chance.randrange(30)}"
                arrivals.append((at, f"case {minute}.{number}", asker, priority, calls))
        arrivals.append(
            (START.timestamp(), "watch", "watch", Priority.AUTOMATIC, 10 * LIMITS.minute * minutes)
        )
        arrivals.append(
            (START.timestamp(), "again", "again", Priority.FOLLOW_UP, 10 * LIMITS.minute * minutes)
        )
        return arrivals

    def _crowd_arrivals(self, minutes):
        """Now and then one person asks for MANY, and OTHERS for one thing each right after that."""
        arrivals = []
        for number, minute in enumerate(range(20, max(21, minutes - 400), 900)):
            at = START.timestamp() + 60 * minute + 7
            arrivals.append((at, f"many {number}", "many", Priority.PERSON, MANY))
            arrivals += [
                (at + 0.3 * other, f"other {number}.{other}", f"other {other}", Priority.PERSON, 1)
                for other in range(1, OTHERS + 1)
            ]
        return arrivals

    async def run(self):
        """Let the time pass, from one event to the next."""
        while True:
            due = min([case.due for case in self._waiting.values()] + [at for at, *_ in self._arrivals[:1]])
            if due >= self._end:
                break
            await self._step(due + TOGETHER)
        self._judge()
        return self.found

    async def _step(self, now):
        while self._arrivals and self._arrivals[0][0] <= now:
            at, name, asker, priority, calls = heapq.heappop(self._arrivals)
            case = Case(name, asker, priority, calls, at, at)
            self._waiting[name] = case
            self.found.cases.append(case)
        turns = [
            case for case in list(self._waiting.values()) if case.due <= now and not self._vanishes(case)
        ]
        self._chance.shuffle(turns)
        await self._take(turns, now)
        self._bring_forward(now)

    def _vanishes(self, case):
        """A few never come again; some others are answered from the cache, and take their leave."""
        if case.promised and not case.booked:
            case.left *= self._chance.random() >= CACHED
            if self._chance.random() < LOST:
                del self._waiting[case.name]
                return True
        return False

    async def _take(self, turns, now):
        """Take turns at the same time, in all processes."""
        first = self._chance.randrange(len(self._processes))
        shares = [turns[number :: len(self._processes)] for number in range(len(self._processes))]
        at_work = []
        for number, share in enumerate(shares):
            if share:
                process = self._processes[first - number]
                asked = [(one.name, one.asker, one.priority, one.left) for one in share]
                process.stdin.write(f"{json.dumps({'now': now, 'turns': asked})}\n".encode())
                at_work.append((process, share))
        for process, share in at_work:
            for case, answer in zip(share, json.loads(await process.stdout.readline()), strict=True):
                self._came(case, now, *answer)

    def _came(self, case, now, booked, again, _ahead):
        case.left -= booked
        case.booked += [now] * booked
        for _ in range(booked):
            self.found.booked.append((now, case.priority))
            self.found.sent.append(now + self._chance.uniform(0.02, LATE))
        if booked and case.priority >= Priority.AUTOMATIC:
            people = [one for one in self._waiting.values() if one.priority is Priority.PERSON]
            self._watched.append((now, [(one, len(one.booked) + one.left) for one in people]))
        if again is None:
            del self._waiting[case.name]
            return
        # A turn begins some milliseconds after it was due.
        case.due = max(again, now) + self._chance.uniform(0.001, 0.05)
        if case.left == 1 and not case.booked and case.promised is None:
            case.promised = again

    def _bring_forward(self, now):
        """As QuotaStore does with the jobs of those who wait, which are not stored here."""
        [use] = self._connection.execute("SELECT use FROM quotas").fetchone()
        for name, _, _, _, due, *_ in json.loads(use).get("tickets", ()):
            if name in self._waiting:
                at = max(now, datetime.fromisoformat(due).timestamp())
                if at < self._waiting[name].due - 0.2:
                    self._waiting[name].due = at + self._chance.uniform(0.001, 0.05)

    def _judge(self):
        self.found.sent.sort()
        for now, people in self._watched:
            for case, total in people:
                done = sum(at <= now + 2 for at in case.booked)
                self.found.overtaken += (case.name in self._waiting and done < total) or len(
                    case.booked
                ) > done
        by_name = {case.name: case for case in self.found.cases}
        for name, case in by_name.items():
            if name.startswith("many"):
                others = [by_name[f"other {name.split()[1]}.{other}"] for other in range(1, OTHERS + 1)]
                last = max((other.booked[0] for other in others if other.booked), default=case.asked)
                slots = sum((other.booked for other in others), case.booked)
                # Not counted are those before the last of them has asked.
                self.found.crowds.append(sum(others[-1].asked < at < last for at in slots) + 1)


async def simulated(url, minutes, seed=0):
    """What happened in so many minutes."""
    async with AsyncExitStack() as stack:
        connection = stack.enter_context(psycopg.connect(url, autocommit=True))
        # What is simulated need not survive a power cut.
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET synchronous_commit = off")
        processes = [
            await stack.enter_async_context(_process(url, 0.01 * (-1) ** number))
            for number in range(PROCESSES)
        ]
        return await Simulation(processes, connection, minutes, random.Random(seed)).run()  # noqa: S311 - not a secret
