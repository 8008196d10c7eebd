"""One call for all who want the same at the same time, and batches that are shared, in one process and in two."""

import asyncio
import contextlib
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from bot.database import Database
from bot.storage.cases import Cases
from bot.storage.replies import CLAIM_SECONDS, StoredReplies
from bot.storage.virustotal import QuotaStore
from playground.virustotal import Sandbox, faults
from tests.bot.test_storage import WHERE, request
from tests.support.vt_service import no_pause
from vt import errors
from vt.actions import fitting
from vt.client import Client
from vt.coalescing import InFlight, MaxAges, Saving
from vt.files.transfer import Places
from vt.indicators import read
from vt.lookup import Lookup
from vt.quota import Limits
from vt.service import Service
from vt.steps import WantedReply
from vt.verdict import State

KEY = SecretStr("canary-key")
IP = "9.9.9.9"
HASHES = [f"{number:064x}" for number in range(1, 33)]
AGES = MaxAges(timedelta(hours=1), timedelta(minutes=10))


def now():
    return datetime.now(UTC)


def lookups_of(*values):
    indicators = [read(value) for value in values]
    return tuple(Lookup.of(one, fitting(one.kind), 3) for one in indicators)


class Replica:
    """What one process of the bot has: a pool, what it is asking now, and the services for people and automatic work."""

    def __init__(self, stack, database, virustotal, limits, kind):
        self.database, self.saved = database, Counter()
        self.replies = StoredReplies(database)
        in_flight = InFlight(gathers=0 < limits.minute <= 8)
        made = {"places": Places({}), "clock": now, "cache": self.replies, "max_ages": AGES}
        made |= {"in_flight": in_flight, "on_saved": lambda saving, calls: self.saved.update({saving: calls})}

        def service(reserve=0):
            quota = QuotaStore(database, KEY, limits, now, reserve=reserve)
            client = Client(KEY, url=virustotal.url, quota=quota, kind=kind, sleep=no_pause, deadline=5)
            stack.push_async_exit(client)
            return Service(client, automatic=bool(reserve), **made)

        self.people, self.automatic = service(), service(reserve=limits.day or 1)

    async def asks(self, *values, automatic=False, since=None, lookups=None):
        """The lookups as far as one turn takes them."""
        lookups = lookups or lookups_of(*values)
        service = self.automatic if automatic else self.people
        async for board in service.advance(lookups, since=since):
            lookups = board
        return lookups


@pytest.fixture
async def world(database):
    """Makes replicas that share a database, a key and a VirusTotal, which takes a moment to answer."""
    async with contextlib.AsyncExitStack() as stack:
        virustotal = await stack.enter_async_context(Sandbox().serve())

        async def replicas(count=1, limits=Limits(0, 0, 0), kind="public"):  # noqa: B008 - frozen
            made = []
            for _ in range(count):
                opened = Database(database)
                stack.push_async_callback(opened.close)
                await asyncio.gather(*(opened.ping() for _ in range(10)))  # a pool that has been used
                made.append(Replica(stack, opened, virustotal, limits, kind))
            return virustotal, *made

        yield replicas


def slow(virustotal, seconds=0.3):
    async def late(_, reply):
        await asyncio.sleep(seconds)
        return await reply()

    virustotal.faults.always("*", late)


def states(lookups):
    return [lookup.finding(now()).state for lookup in lookups]


def resources(virustotal):
    return sorted(one for call in virustotal.calls for one in call.params["resource"].split(","))


async def test_what_is_being_asked_is_not_asked_again(world):
    """By people and by automatic work of a process, whether it came in one request or in many."""
    virustotal, here = await world()
    slow(virustotal)
    together = await asyncio.gather(
        *(here.asks(IP, automatic=number % 2) for number in range(10)), here.asks(HASHES[0], IP)
    )
    assert len(virustotal.calls) == 2
    assert {lookup.raw["response_code"] for board in together for lookup in board} == {1}
    assert here.saved[Saving.COALESCING] == 10


async def test_what_another_replica_is_asking_is_not_asked_again(world):
    """It comes from the cache as soon as it is there."""
    virustotal, here, there = await world(2)
    slow(virustotal)
    first, second = await asyncio.gather(here.asks(IP, HASHES[0]), there.asks(HASHES[0], IP))
    assert len(virustotal.calls) == 2
    assert [one.raw for one in first] == [one.raw for one in reversed(second)]
    assert here.saved[Saving.COALESCING] + there.saved[Saving.COALESCING] == 2


async def test_a_failure_is_that_of_one_call(world):
    """Those who waited for it share it, and whoever asks later asks VirusTotal."""
    virustotal, here = await world()
    slow(virustotal, 0.2)
    virustotal.faults.add("ip-address/report", faults.status(403))
    failed = await asyncio.gather(*(here.asks(IP) for _ in range(3)))
    assert [states(board) for board in failed] == [[State.NOT_CHECKED]] * 3
    assert len(virustotal.calls) == 1
    assert states(await here.asks(IP)) != [State.NOT_CHECKED]
    assert len(virustotal.calls) == 2


async def test_a_failure_elsewhere_is_not_waited_for(world):
    """The other replica asks as soon as the first has failed."""
    virustotal, here, there = await world(2)
    slow(virustotal, 0.2)
    virustotal.faults.add("ip-address/report", faults.status(403))
    found = await asyncio.gather(here.asks(IP), there.asks(IP))
    assert sorted(states(board)[0] is State.NOT_CHECKED for board in found) == [False, True]
    assert len(virustotal.calls) == 2


async def test_the_reserve_of_automatic_work_does_not_stop_people(world):
    """Somebody who asks for what automatic work was refused gets it."""
    virustotal, here = await world(1, Limits(0, 3, 0))
    refused, found = await asyncio.gather(here.asks(IP, automatic=True), here.asks(IP))
    assert refused[0].error is None or refused[0].error["code"] == errors.Reserved.code
    assert states(found) != [State.NOT_CHECKED]
    assert len(virustotal.calls) == 1


async def test_a_killed_process_keeps_nobody_waiting(world):
    """What it was asking is asked for by others after some seconds."""
    virustotal, here, there = await world(2)
    wanted = [WantedReply.of(one, batched=False) for one in lookups_of(IP)]
    await there.replies.claim(wanted, AGES.range(now()), "died", automatic=False)
    async with asyncio.timeout(CLAIM_SECONDS + 10):
        assert states(await here.asks(IP)) != [State.NOT_CHECKED]
    assert len(virustotal.calls) == 1


async def test_a_fresh_look_up_takes_what_came_after_it_was_wanted(world):
    """A reply from before is not used; one that is on its way is."""
    virustotal, here, there = await world(2)
    await here.asks(IP)
    slow(virustotal)
    at = now()
    await asyncio.gather(*(replica.asks(IP, since=at) for replica in (here, there, here)))
    assert len(virustotal.calls) == 2
    await here.asks(IP, since=at)
    assert len(virustotal.calls) == 2


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("together", [1, 4])
async def test_sixteen_hashes_of_four_people(world, processes, together):
    """With a fresh free key all of them are answered by its four calls, as single commands and as commands of four."""
    virustotal, *replicas = await world(processes, Limits(4, 500, 0))
    wanted = [HASHES[start : start + together] for start in range(0, 16, together)]
    boards = await asyncio.gather(
        *(replicas[number % processes].asks(*hashes) for number, hashes in enumerate(wanted))
    )
    assert all(lookup.settled for board in boards for lookup in board)
    assert resources(virustotal) == HASHES[:16]
    assert len(virustotal.calls) == 4


async def test_nothing_waits_for_a_batch_while_there_are_calls(world):
    """A key with many calls a minute makes one for each request."""
    virustotal, here = await world(1, Limits(1000, 0, 0))
    boards = await asyncio.gather(*(here.asks(one) for one in HASHES[:4]))
    assert all(board[0].settled for board in boards)
    assert len(virustotal.calls) == 4


async def refused(replica, case, *values, automatic=False):
    """A case whose lookups the quota has refused."""
    service = replica.automatic if automatic else replica.people
    board = await replica.asks(*values, automatic=automatic)
    assert all(not lookup.settled for lookup in board)
    await service.await_batch(case, board)
    return board


async def test_whoever_gets_a_call_asks_for_what_others_wait_for(world):
    """Its batch is filled: what people want first, and each of them in turn; their cases are woken, and cost no call."""
    virustotal, here, there = await world(2, Limits(10, 500, 0))
    cases = Cases(here.database)
    for name, person in (("many", "U1"), ("more", "U1"), ("one", "U2"), ("none", "U3")):
        await cases.accept(request(name, origin=WHERE.model_copy(update={"user": person})))
        await cases.again(name, now() + timedelta(minutes=1))
    await here.people.client._quota.take(10)
    automatic = await refused(here, "none", HASHES[0], automatic=True)
    many = await refused(here, "many", *HASHES[1:4])
    await refused(here, "more", *HASHES[4:7])
    one = await refused(there, "one", HASHES[7])
    await here.database.rows("DELETE FROM quotas", {})
    await there.asks(HASHES[8])
    [call] = virustotal.calls
    found = call.params["resource"].split(",")
    assert found[0] == HASHES[8]
    assert HASHES[7] in found
    assert len(set(found) & {*HASHES[1:7]}) == 2
    due = await here.database.rows(
        "SELECT lock FROM procrastinate_jobs WHERE status = 'todo' AND scheduled_at <= now() ORDER BY lock",
        {},
    )
    assert {row.lock for row in due} == {"one", "many"}
    woken = [lookup.evolve(not_before=None) for lookup in one]
    assert (await here.asks(lookups=tuple(woken)))[0].settled
    assert len(virustotal.calls) == 1
    assert not automatic[0].settled
    assert not many[2].settled


async def test_what_nobody_waits_for_any_more_fills_no_batch(world):
    """It has had its turn, or its process has died."""
    virustotal, here = await world(1, Limits(10, 500, 0))
    await here.people.client._quota.take(10)
    await refused(here, "gone", HASHES[0])
    await here.database.rows("DELETE FROM quotas", {})
    await here.database.rows("UPDATE wanted_replies SET until = now() - interval '1 second'", {})
    await here.asks(HASHES[1])
    assert resources(virustotal) == [HASHES[1]]
    await here.replies.prune(now() - timedelta(days=1))
    assert await here.database.rows("SELECT FROM wanted_replies", {}) == []
