"""VirusTotal does not answer for a while: with a free key, and whoever asked, the answer comes soon after its return."""

import asyncio
import time

import pytest

from playground.virustotal import faults
from tests.support.app_fixture import BEN, at_work
from tests.support.incident import EICAR, at_incident

pytestmark = pytest.mark.slow
COMMAND = "/vt scan-ip 192.0.2.1"
VERDICT = "SUSPICIOUS · 6 of 57 engines"
RETURN = 16
"""Seconds from VirusTotal's return to the answer: a probe each 10 s, then a turn within 2 s."""
FREE = {"VT_QUOTA_MINUTE": "4", "VT_QUOTA_DAY": "500"}


def with_key(app):
    """The calls that count against the quota: probes carry no key, and ask about one address."""
    return [call for call in app.virustotal.calls if call.params.get("ip") != "8.8.8.8"]


async def test_the_answer_comes_soon_after_its_return_and_no_quota_was_spent(database):
    """Three people wait: what they ask is called for once, and nobody's turn costs a call while VirusTotal is out."""
    async with at_work(database, **FREE) as app:
        app.virustotal.faults.always("*", faults.status(503))
        first = await app.asks(COMMAND)
        others = [await app.asks(f"/vt scan-ip 192.0.2.{number}", BEN) for number in (2, 3)]
        assert "VirusTotal returned an error (503), trying again in 15 s or less" in app.now(first)
        await asyncio.sleep(25)
        assert len(with_key(app)) == 3  # the tries of the first look-up
        app.virustotal.faults.clear()
        began = time.monotonic()
        waiting = [first, *others]
        await app.slack.until(
            lambda: not all("NOT CHECKED" in app.now(one) for one in waiting), timeout=RETURN
        )
        assert time.monotonic() - began < RETURN
        await app.passes(seconds=61)
        await app.slack.until(lambda: all("NOT CHECKED" not in app.now(one) for one in waiting))


async def test_calls_fail_while_probes_are_answered(database):
    """As when only what is behind VirusTotal's front is broken: one call in 20 s, for everybody."""
    async with at_work(database, **FREE) as app:

        async def broken(request, reply):
            key = request.query.get("apikey")
            return await (faults.status(503)(request, reply) if key else reply())

        app.virustotal.faults.always("*", broken)
        first = await app.asks(COMMAND)
        await app.asks("/vt scan-ip 192.0.2.2", BEN)
        await asyncio.sleep(19)
        assert len(with_key(app)) <= 4
        app.virustotal.faults.clear()
        await app.passes(seconds=61)
        await app.slack.until(lambda: VERDICT in app.now(first), timeout=RETURN)


async def test_who_asks_after_its_return_need_not_wait_for_a_probe(database):
    """The first new question is worth a probe of its own."""
    async with at_work(database, **FREE) as app:
        app.virustotal.faults.always("*", faults.reset())
        await app.asks(COMMAND)
        await asyncio.sleep(3)
        app.virustotal.faults.clear()
        began = time.monotonic()
        asked = await app.asks("/vt scan-ip 198.51.100.7", BEN)
        assert "NOT CHECKED" not in app.now(asked)
        assert time.monotonic() - began < 4


async def test_a_card_completes_by_itself(database):
    """Nobody has to ask, or to post it again."""
    async with at_incident(database, **FREE) as incident:
        incident.virustotal.faults.always("*", faults.status(502))
        message = await incident.posts(f"we saw {EICAR}")
        assert "NOT CHECKED" in "".join(incident.cards(message)[0])
        await asyncio.sleep(12)
        incident.virustotal.faults.clear()
        shown = lambda: "".join("".join(lines) for lines in incident.cards(message))  # noqa: E731
        await incident.slack.until(lambda: "RISKY" in shown(), timeout=RETURN)
        assert len(incident.cards(message)) == 1


async def test_a_card_waits_for_longer_than_people_do(database):
    """Nobody would ask for it again: an outage of hours ends with a verdict."""
    async with at_incident(database, **FREE) as incident:
        incident.virustotal.faults.always("*", faults.status(502))
        message = await incident.posts(f"we saw {EICAR}")
        for _ in range(4):
            await incident.app.passes(hours=1)
            await asyncio.sleep(1)
        incident.virustotal.faults.clear()
        await incident.app.passes(hours=1)
        shown = lambda: "".join("".join(lines) for lines in incident.cards(message))  # noqa: E731
        await incident.slack.until(lambda: "RISKY" in shown(), timeout=RETURN)
