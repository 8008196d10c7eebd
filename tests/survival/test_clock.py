"""Clocks that are wrong, or put right: no turn is taken for nothing, and nothing waits until a wrong time."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest

from bot.backend import backend
from bot.connections import DatabaseClock
from bot.database import Database
from bot.settings import load
from playground.virustotal import faults
from tests.support.app_fixture import ANA, address, at_work

COMMAND = "/vt scan-ip 192.0.2.1"
VERDICT = "SUSPICIOUS · 6 of 57 engines"


async def turns(app):
    """How many turns the process has taken."""
    async with httpx.AsyncClient() as client:
        page = await client.get(app.slack.target.replace("/slack/events", "/metrics"))
    return float(re.search(r"^vtbot_turn_seconds_count (\S+)", page.text, re.MULTILINE)[1])


async def settled(app, message):
    """What was asked is answered within 20 s, though it waited for VirusTotal."""
    app.virustotal.faults.clear()
    everywhere = lambda: [app.now(message), *map(app.now, app.slack.messages(user=ANA))]  # noqa: E731
    await app.slack.until(lambda: any(VERDICT in shown for shown in everywhere()), timeout=20)


@pytest.mark.parametrize("minutes", [-4, 4])
async def test_a_clock_that_is_wrong(database, minutes):
    """Behind or ahead of the database's by minutes: as many turns as there are tries, and the answer in time."""
    async with at_work(database) as app:
        app.clock.ahead = timedelta(minutes=minutes)
        app.virustotal.faults.always("*", faults.status(503))
        waiting = await app.asks(COMMAND)
        await asyncio.sleep(3)
        assert await turns(app) <= 2
        await settled(app, waiting)
        assert await turns(app) <= 4


@pytest.mark.parametrize("hours", [-1, 30])
async def test_a_clock_that_is_put_right(database, hours):
    """What was stored by the wrong time does not wait until then."""
    async with at_work(database, "socket") as app:
        app.clock.ahead = timedelta(hours=hours)
        app.virustotal.faults.always("*", faults.status(503))
        waiting = await app.asks(COMMAND)
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
            await app._rested(connection)
        app.clock.ahead = timedelta()
        await settled(app, waiting)


async def test_calls_that_were_booked_by_a_wrong_clock(database):
    """They do not keep the next look-up from being made."""
    async with at_work(database, VT_QUOTA_MINUTE="1") as app:
        app.clock.ahead = timedelta(minutes=4)
        assert VERDICT in app.now(await app.asks(COMMAND))
        app.clock.ahead = timedelta()
        assert "out of quota" not in app.now(await app.asks("/vt scan-ip 192.0.2.2"))


async def test_the_databases_clock(database):
    """Read from the database, carried on by the time that passes here, and read again when that went wrong."""
    passed = [1000.0]
    clock, store = DatabaseClock(lambda: passed[0]), Database(database)

    def off():
        return abs(clock() - datetime.now(UTC))

    await clock.read(store)
    assert off() < timedelta(seconds=2)
    passed[0] += 7200
    assert timedelta(seconds=7190) < off() < timedelta(seconds=7210)
    await clock.read(store)
    assert off() < timedelta(seconds=2)
    await store.close()


async def test_a_process_goes_by_the_databases_clock(database):
    """All that a process stores or compares is by this clock, if nobody gives it another."""
    settings = load({"DATABASE_URL": address(database), "VT_API_KEY": "some-key"}, dotenv=None)
    async with backend(settings) as parts:
        assert isinstance(parts.clock, DatabaseClock)
