"""A key's calls are counted in three windows, by every process alike, and never booked twice."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.connections import PAUSE, DatabaseClock, turn_context
from bot.database import Database
from bot.storage.virustotal import QuotaStore
from handlers.case import StoreDown
from tests.support.memory_quota import MemoryQuota, book
from vt.errors import QuotaSpent
from vt.quota import MINUTE, Limits, Usage, after_refusal, clock_was_set

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 5, tzinfo=UTC)
KEY = SecretStr("canary-key")

TAKE_TWENTY = """
import asyncio, sys
from tests.vt.test_quota import take_twenty
print(asyncio.run(take_twenty(sys.argv[1])))
"""


class Clock:
    """A time that the test sets."""

    def __init__(self, now=NOON):
        self.now = now

    def __call__(self):
        return self.now

    def passes(self, **time):
        self.now += timedelta(**time)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["memory", "database"])
async def new_quota(request, clock):
    """Makes quotas that share one count, each as another process would make its own."""
    if request.param == "memory":
        shared = MemoryQuota(Limits(), clock)

        def make(limits=None):
            shared.limits = limits or shared.limits
            return shared

        yield make
        return
    opened = Database(request.getfixturevalue("database"))
    yield lambda limits=None: QuotaStore(opened, KEY, limits or Limits(), clock)
    await opened.close()


async def spent(call) -> datetime:
    with pytest.raises(QuotaSpent) as caught:
        await call
    return caught.value.retry_at


async def take_twenty(url: str) -> int:
    """How many of twenty calls, all at once, were booked."""
    database = Database(url)
    quota = QuotaStore(database, KEY, Limits(minute=25), Clock())
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_taken(quota)) for _ in range(20)]
    await database.close()
    return sum(task.result() for task in tasks)


async def _taken(quota) -> bool:
    try:
        await quota.take()
    except QuotaSpent:
        return False
    return True


async def test_minute(new_quota, clock):
    """A minute slides: the fifth call may be made when the first is a minute old, with a margin, and not before."""
    quota = new_quota()
    for _ in range(4):
        await quota.take()
        clock.passes(seconds=10)
    assert await spent(quota.take()) == NOON + MINUTE
    assert await spent(quota.take(2)) == NOON + MINUTE + timedelta(seconds=10)
    clock.now = NOON + MINUTE - timedelta(seconds=0.1)
    assert await spent(quota.take()) == NOON + MINUTE
    clock.now = NOON + MINUTE
    await quota.take()
    assert await spent(quota.take()) == NOON + MINUTE + timedelta(seconds=10)


def test_the_margin():
    """A call that is sent 0.7 s after it was booked still has its minute to itself, and few slots are lost to that."""
    assert MINUTE - timedelta(seconds=0.7) > timedelta(seconds=60)
    assert timedelta(seconds=60) / (MINUTE + timedelta(seconds=0.1)) > 0.98


async def test_all_or_none(new_quota):
    """Calls that do not fit together are not booked in part."""
    quota = new_quota()
    await quota.take(3)
    await spent(quota.take(2))
    await quota.take(1)


async def test_day(new_quota, clock):
    """A day's calls are there again at midnight UTC."""
    quota = new_quota(Limits(minute=0, day=5, month=0))
    await quota.take(5)
    assert await spent(quota.take()) == MIDNIGHT
    clock.now = MIDNIGHT - timedelta(seconds=1)
    assert await spent(quota.take()) == MIDNIGHT
    clock.now = MIDNIGHT
    await quota.take(5)


async def test_month(new_quota, clock):
    """A month's calls are there again on the 1st, of January too."""
    clock.now = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    quota = new_quota(Limits(minute=0, day=0, month=5))
    await quota.take(5)
    assert await spent(quota.take()) == datetime(2027, 1, 1, tzinfo=UTC)
    clock.passes(seconds=1)
    await quota.take(5)


async def test_no_limit(new_quota):
    """A window of 0 holds any number of calls."""
    quota = new_quota(Limits(0, 0, 0))
    await quota.take(10**6)
    await quota.take()
    assert await quota.left() == {"minute": (10**6 + 1, 0), "day": (10**6 + 1, 0), "month": (10**6 + 1, 0)}


@pytest.mark.parametrize("calls", [0, -1, 5])
async def test_calls_that_never_fit(new_quota, calls):
    """More calls than a window holds, or none, are a mistake and not a wait."""
    with pytest.raises(ValueError, match=str(calls)):
        await new_quota().take(calls)


async def test_left(new_quota, clock):
    """What is left is told for each window as it is now."""
    quota = new_quota()
    assert await quota.left() == {"minute": (0, 4), "day": (0, 500), "month": (0, 15500)}
    await quota.take(3)
    clock.passes(seconds=61)
    await quota.take()
    assert await new_quota().left() == {"minute": (1, 4), "day": (4, 500), "month": (4, 15500)}
    clock.now = MIDNIGHT
    assert await quota.left() == {"minute": (0, 4), "day": (0, 500), "month": (4, 15500)}


async def test_refused(new_quota, clock):
    """After a 204 nobody calls for a minute; the wait doubles while 204s go on, at most until midnight UTC."""
    first, second = new_quota(), new_quota()
    assert await spent(first.refused()) == NOON + timedelta(seconds=60)
    clock.passes(seconds=30)
    assert await spent(second.refused()) == NOON + timedelta(seconds=60)
    assert await spent(second.take()) == NOON + timedelta(seconds=60)
    clock.passes(seconds=30)
    await second.take()
    assert await spent(second.refused()) == clock.now + timedelta(seconds=120)
    for _ in range(20):
        clock.now = (await spent(first.take())) - timedelta(seconds=1)
        await spent(first.take())
        clock.passes(seconds=1)
        if clock.now == MIDNIGHT:
            break
        await spent(first.refused())
    assert clock.now == MIDNIGHT
    await first.take()
    assert await spent(first.refused()) == MIDNIGHT + timedelta(seconds=60)


async def test_worked(new_quota, clock):
    """An answer ends the suspicion, but not one to a call from before the block."""
    quota = new_quota()
    await quota.take()
    await spent(quota.refused())
    await quota.worked()
    assert await spent(quota.take()) == NOON + timedelta(seconds=60)
    clock.passes(seconds=60)
    await quota.take()
    await quota.worked()
    assert await spent(quota.refused()) == clock.now + timedelta(seconds=60)


@pytest.mark.slow
async def test_two_processes(database):
    """Two processes that take at once never book more than there is."""
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", TAKE_TWENTY, database, stdout=pipe)
        for _ in range(2)
    ]
    assert sum([int((await process.communicate())[0]) for process in processes]) == 25


async def test_who_is_booked_together_goes_on_one_after_the_other(database, clock):
    """While requests are being acknowledged, turns do not all make their calls, and read the replies, at the same moment."""
    opened, went_on = Database(database), []
    quota = QuotaStore(opened, KEY, Limits(minute=100), clock)
    await quota.take()

    async def turn():
        with turn_context():
            await quota.take()
        went_on.append(asyncio.get_running_loop().time())

    with opened.ack_priority.first():
        async with asyncio.TaskGroup() as turns:
            for _ in range(4):
                turns.create_task(turn())
    await opened.close()
    assert min(later - before for before, later in pairwise(went_on)) > PAUSE / 2


async def test_keys_apart(database, clock):
    """Each key has its own count, and none is written down."""
    opened = Database(database)
    for key in ("canary-key", "canary-other"):
        await QuotaStore(opened, SecretStr(key), Limits(), clock).take(4)
    await opened.close()
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT * FROM quotas").fetchall()
    assert len(rows) == 2
    assert "canary" not in str(rows)
    assert sha256(b"canary-key").hexdigest()[:16] in str(rows)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 40_000_000)), max_size=60), st.integers(3, 9))
async def test_never_over_booked(bookings, limit):
    """Whatever is taken and when: no 60 s hold more than the limit, and what is promised for a time fits then."""
    clock = Clock()
    quota = MemoryQuota(Limits(limit, 0, 0), clock)
    booked = []
    for calls, microseconds in bookings:
        clock.passes(microseconds=microseconds)
        try:
            await quota.take(calls)
        except QuotaSpent as error:
            clock.now = error.retry_at
            await quota.take(calls)
        booked.append((clock.now, calls))
    for end, _ in booked:
        assert sum(calls for when, calls in booked if end - timedelta(seconds=60) < when <= end) <= limit


async def test_a_process_that_stood_still(database):
    """Suspended for minutes, it books nothing by the time before: it would not see what others have booked since."""
    opened, passed = Database(database), [1000.0]
    late = DatabaseClock(lambda: passed[0])
    await late.read(opened)
    passed[0] -= 300
    right = DatabaseClock()
    await right.read(opened)
    await QuotaStore(opened, KEY, Limits(minute=2), right).take(2)
    quota = QuotaStore(opened, KEY, Limits(minute=2), late)
    with pytest.raises(StoreDown):
        await quota.take()
    await late.read(opened)
    await spent(quota.take())
    await opened.close()


# The clock is set ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("moved", [timedelta(hours=1), timedelta(hours=-1), timedelta(minutes=-3)])
def test_the_clock_was_set(moved):
    """A booking counts for its minute, whatever the clock shows; a second process that moves it changes nothing."""
    limits, now = Limits(2, 0, 0), NOON + moved
    usage = book(book(Usage(), limits, 1, NOON - timedelta(seconds=40)), limits, 1, NOON)
    once = clock_was_set(usage, NOON, now)
    assert clock_was_set(once, NOON, now) == once
    with pytest.raises(QuotaSpent) as spent:
        book(once, limits, 1, now)
    assert spent.value.retry_at == now + MINUTE - timedelta(seconds=40)


def test_the_clock_was_set_over_midnight():
    """The calls of the day stay used, in both directions."""
    limits, before = Limits(0, 2, 0), MIDNIGHT - timedelta(minutes=10)
    usage = book(Usage(), limits, 2, before)
    for now in (before + timedelta(hours=1), before):
        usage = clock_was_set(usage, before, now)
        before = now
        with pytest.raises(QuotaSpent):
            book(usage, limits, 1, now)


def test_the_clock_was_set_back_while_the_key_is_blocked():
    """The block lasts as long as VirusTotal asked for."""
    usage = after_refusal(Usage(), NOON, 30)
    now = NOON - timedelta(hours=1)
    usage = clock_was_set(usage, NOON, now)
    with pytest.raises(QuotaSpent) as spent:
        book(usage, Limits(), 1, now)
    assert spent.value.retry_at == now + timedelta(seconds=30)
