"""A free key has four calls a minute: what is asked at the same moment shares them, in one process and in two."""

import asyncio
from itertools import cycle

import psycopg
import pytest

from tests.support.app_fixture import ANA, BEN, GENERAL, HASHES
from tests.support.processes import grounds

PEOPLE = (ANA, BEN, "lucia", "hana")
FREE = {"VT_QUOTA_MINUTE": "4", "VT_QUOTA_DAY": "500"}


class Balancer:
    """Where the next request goes, as a load balancer decides it."""

    def __init__(self, addresses):
        self._addresses = cycle(addresses)

    def __str__(self):
        return next(self._addresses)


def shown(place, message):
    return "\n".join(place.slack.shown(place.slack.state.messages[message.key]))


async def asks(place, person, *hashes):
    """Somebody types a command, and reads the first message in answer to it."""
    exchange = await place.slack.types(person, GENERAL, f"/vt scan-hash {' '.join(hashes)}")
    return await exchange.answer()


async def are_answered(database, count, seconds=110):
    """Cases end some moments after their answers are shown."""
    async with asyncio.timeout(seconds):
        with psycopg.connect(database, autocommit=True) as connection:
            ended = "SELECT count(*) FROM cases WHERE outcome = 'answered'"
            while connection.execute(ended).fetchone() != (count,):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.1)


def resources(virustotal):
    return sorted(one for call in virustotal.calls for one in call.params["resource"].split(","))


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("together", [1, 4])
async def test_sixteen_hashes_of_four_people(database, tmp_path, processes, together):
    """Sixteen commands, or four with four hashes each, all at once: the four calls of the first minute answer all.

    On a machine that is busy with other things, they do not all arrive within a second, and some wait for one more call;
    tests/vt/test_coalescing.py counts exactly.
    """
    async with grounds(database, tmp_path, **FREE) as place:
        started = [await place.bot() for _ in range(processes)]
        place.slack.target = Balancer(f"http://127.0.0.1:{one.ports[-1]}/slack/events" for one in started)
        wanted = [HASHES[start : start + together] for start in range(0, 16, together)]
        await asyncio.gather(
            *(asks(place, PEOPLE[number % 4], *hashes) for number, hashes in enumerate(wanted))
        )
        await are_answered(database, len(wanted))
        assert resources(place.virustotal) == HASHES[:16]
        assert len(place.virustotal.calls) <= 6
        assert place.slack.faults == []


async def test_what_waits_for_the_quota_is_answered_by_anothers_call(database, tmp_path):
    """The message of somebody who waits is completed, long before their own turn, without a call of their own."""
    async with grounds(database, tmp_path, **FREE) as place:
        await place.bot()
        for one in HASHES[:4]:
            await asks(place, ANA, one)
        waiting = await asks(place, BEN, HASHES[4])
        assert "NOT CHECKED" in shown(place, waiting)
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("DELETE FROM quotas")
        await asks(place, ANA, HASHES[5])
        await place.slack.until(lambda: "NOT CHECKED" not in shown(place, waiting), timeout=20)
        assert sorted(place.virustotal.calls[-1].params["resource"].split(",")) == HASHES[4:6]
        assert len(place.virustotal.calls) == 5
        assert place.slack.faults == []
