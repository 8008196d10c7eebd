"""What was asked lately is not asked again, unless somebody wants it fresh; and a reserve is left for people."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from bot.database import Database
from bot.storage.replies import StoredReplies
from bot.storage.virustotal import QuotaStore
from playground.virustotal import Sandbox
from tests.support.memory_quota import MemoryQuota, book
from vt.actions import fitting
from vt.client import Client
from vt.coalescing import MaxAges
from vt.errors import QuotaSpent, Reserved
from vt.files.transfer import Places
from vt.indicators import read
from vt.lookup import Lookup
from vt.quota import Limits, Usage
from vt.service import Service
from vt.verdict import State

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 5, tzinfo=UTC)
KEY = SecretStr("canary-key")


class CachedService:
    """The service with a cache, whose replies are used for an hour or ten minutes, and a clock."""

    def __init__(self, service, virustotal):
        self.service, self.virustotal = service, virustotal
        self.now = NOON

    def __call__(self):
        return self.now

    async def asks(self, *values, fresh=False):
        indicators = [read(value) for value in values]
        lookups = tuple(Lookup.of(one, fitting(one.kind), 3) for one in indicators)
        async for board in self.service.advance(lookups, since=self.now if fresh else None):
            lookups = board
        return [lookup.finding(self.now) for lookup in lookups]


@pytest.fixture
async def cached(database):
    opened = Database(database)
    async with Sandbox().serve() as virustotal:
        one = CachedService(None, virustotal)
        allowance = MemoryQuota(Limits(0, 0, 0), one)
        async with Client(KEY, url=virustotal.url, quota=allowance) as client:
            memory = StoredReplies(opened)
            one.service = Service(
                client,
                places=Places({}),
                clock=one,
                cache=memory,
                max_ages=MaxAges(timedelta(hours=1), timedelta(minutes=10)),
            )
            yield one
    await opened.close()


async def test_what_is_known_is_asked_once_an_hour(cached):
    """The second answer is the first one's, and says when it was asked."""
    first = await cached.asks("9.9.9.9", "http://a.badplace.top/x", "44d88612fea8a8f36de82e1278abb02f")
    cached.now += timedelta(minutes=59)
    second = await cached.asks("9.9.9.9", "http://a.badplace.top/x", "44d88612fea8a8f36de82e1278abb02f")
    assert len(cached.virustotal.calls) == 3
    assert [one.raw for one in second] == [one.raw for one in first]
    assert {one.checked_at for one in second} == {NOON}
    cached.now += timedelta(minutes=2)
    await cached.asks("9.9.9.9")
    assert len(cached.virustotal.calls) == 4


async def test_what_is_unknown_is_asked_again_after_ten_minutes(cached):
    """Somebody may have sent it to VirusTotal since."""
    name = "ab" * 32
    cached.virustotal.tell("file/report", name, {"response_code": 0, "resource": name, "verbose_msg": "-"})
    for minutes, calls in ((0, 1), (9, 1), (2, 2), (9, 2)):
        cached.now += timedelta(minutes=minutes)
        [finding] = await cached.asks(name)
        assert finding.state is State.UNKNOWN
        assert len(cached.virustotal.calls) == calls


async def test_what_is_pending_is_not_cached(cached):
    """It is asked for by everybody who wants it, until there is a report."""
    name = "ab" * 32
    queued = {"response_code": -2, "resource": name, "scan_id": f"{name}-1795300000", "verbose_msg": "-"}
    cached.virustotal.tell("file/report", name, queued)
    for calls in (1, 2):
        [finding] = await cached.asks(name)
        assert finding.state is State.PENDING
        assert len(cached.virustotal.calls) == calls


async def test_fresh(cached):
    """Nothing is taken from memory, and what comes replaces it."""
    await cached.asks("9.9.9.9")
    cached.now += timedelta(minutes=1)
    [finding] = await cached.asks("9.9.9.9", fresh=True)
    assert len(cached.virustotal.calls) == 2
    assert finding.checked_at == cached.now
    [finding] = await cached.asks("9.9.9.9")
    assert finding.checked_at == cached.now


async def test_what_is_no_answer_is_not_remembered(cached):
    """A reply that cannot be read is asked for again."""
    cached.virustotal.tell("ip-address/report", "9.9.9.9", {"response_code": "what"})
    [finding] = await cached.asks("9.9.9.9")
    assert finding.state is State.NOT_CHECKED
    await cached.asks("9.9.9.9")
    assert len(cached.virustotal.calls) == 2


async def test_the_part_of_a_batch_that_is_known_is_not_asked(cached):
    """Only what is not remembered goes into the call."""
    hashes = [f"{number:064x}" for number in range(1, 5)]
    await cached.asks(*hashes[:2])
    await cached.asks(*hashes)
    assert cached.virustotal.calls[-1].params["resource"] == ",".join(hashes[2:])


def test_the_reserve():
    """Whoever leaves it stops there until midnight UTC; others go on to the end."""
    limits, use = Limits(0, 5, 0), Usage()
    for _ in range(3):
        use = book(use, limits, 1, NOON, reserve=2)
    with pytest.raises(Reserved) as caught:
        book(use, limits, 1, NOON, reserve=2)
    assert caught.value.retry_at == MIDNIGHT
    for _ in range(2):
        use = book(use, limits, 1, NOON)
    with pytest.raises(QuotaSpent) as spent:
        book(use, limits, 1, NOON, reserve=2)
    assert type(spent.value) is QuotaSpent


def test_no_reserve_without_a_limit():
    """A day without a limit has none."""
    assert book(Usage(), Limits(0, 0, 0), 1, NOON, reserve=2).calls_of_day == 1


async def test_one_count_for_both(database):
    """People's calls and the others are booked from one and the same key."""
    opened = Database(database)
    limits = Limits(0, 4, 0)
    people = QuotaStore(opened, KEY, limits, lambda: NOON)
    others = QuotaStore(opened, KEY, limits, lambda: NOON, reserve=2)
    await people.take(2)
    with pytest.raises(Reserved):
        await others.take()
    await people.take(2)
    assert (await people.left())["day"] == (4, 4)
    await opened.close()
