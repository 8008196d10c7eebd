"""Processes that are frozen in the middle of something until others have done it, and then go on."""

import asyncio
import os
import signal

import psycopg

from playground.slack.rules import Rule
from tests.support.app_fixture import ANA, GENERAL
from tests.support.flaky_proxy import MIB, flaky_proxy
from tests.support.incident import INC, Incident
from tests.support.processes import grounds
from tests.survival.test_shared_calls import are_answered
from tests.survival.test_shared_uploads import SANDBOX, SETTINGS, sent, verdicts

SIZE = 24 * MIB
"""Of a file that takes some seconds to send."""
TAKEN_OVER = 120
"""Seconds in which others find the jobs of a frozen process, and do them."""


async def until(condition):
    """Until something holds of which nothing tells."""
    async with asyncio.timeout(TAKEN_OVER):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def goes_on(process):
    """It is not frozen any more, and has found that its job was taken over."""
    os.kill(process.pid, signal.SIGCONT)
    await until(lambda: "job_lost" in process.written())


async def test_amid_an_upload(database, tmp_path):
    """The sender is frozen when a part of the file has passed. Another one sends it; the first stops when it goes on."""
    async with (
        grounds(database, tmp_path, sandbox=SANDBOX, FILE_ROOTS=str(tmp_path), **SETTINGS) as place,
        flaky_proxy() as proxy,
    ):
        place.slack.forgives(Rule.LATE)
        sender = await place.bot(VT_API_URL=proxy.to(place.virustotal.url))
        proxy.seconds, proxy.left = 0.2, 1 << 40
        (tmp_path / "a.bin").write_bytes(bytes(SIZE))
        await place.slack.types(ANA, GENERAL, f"/vt scan-file {tmp_path}/a.bin")
        await until(lambda: proxy.left < (1 << 40) - MIB)
        os.kill(sender.pid, signal.SIGSTOP)
        await place.bot()
        await are_answered(database, 1, seconds=TAKEN_OVER)
        await goes_on(sender)
        passed = (1 << 40) - proxy.left
        assert passed < SIZE
        assert len(sent(place)) == 1
        assert verdicts(place) == 1
        assert place.slack.faults == []


async def test_amid_a_batch(database, tmp_path):
    """The process at work on the cards is frozen when it has posted one, before it hears of that. Another one goes on.

    A message is edited meanwhile. When the first process goes on, it changes neither the cards nor what is stored of them.
    """
    async with grounds(database, tmp_path) as place:
        place.slack.forgives(Rule.LATE, Rule.ACK)
        first = await place.bot()
        await (await place.slack.types(ANA, INC, "/vt watch on")).answer()
        posted = asyncio.Event()

        def freeze(change):
            message = change.message
            if change.kind == "posted" and message and message.thread_ts and not posted.is_set():
                os.kill(first.pid, signal.SIGSTOP)
                posted.set()

        place.slack.watches(freeze)
        said = [(await place.slack.says(ANA, INC, f"seen 9.9.9.{number}")).said for number in (1, 2, 3)]
        await asyncio.wait_for(posted.wait(), TAKEN_OVER)
        await place.bot()
        incident = Incident(place)
        await place.slack.edits(ANA, said[0], "seen 9.9.9.4")
        await incident.quiet(TAKEN_OVER)
        cards, stored = [incident.cards(one) for one in said], rows(database)
        await goes_on(first)
        await incident.quiet(TAKEN_OVER)
        assert [incident.cards(one) for one in said] == cards
        assert [len(one) for one in cards] == [1, 1, 1]
        assert rows(database) == stored
        assert place.slack.faults == []


def rows(database):
    """What is stored of cards and of what they answer."""
    with psycopg.connect(database) as connection:
        return [
            connection.execute(f"SELECT * FROM {table} ORDER BY case_id, 2, 3").fetchall()  # noqa: S608 - constants
            for table in ("watch_cards", "watch_seen")
        ]
