"""The database's host is gone without a word, as after a power cut or behind a firewall that drops packets."""

import asyncio
import sys
import time

import httpx
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.support.app_fixture import ANA, at_work
from tests.support.flaky_proxy import vanishing_host

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="packets are dropped by a filter of Linux's")
VERDICT = "SUSPICIOUS · 6 of 57 engines"
NOTICED = 15
"""Seconds until the bot says that its database is away, or works again when it is back."""


def socket_of(url):
    """The path of the server's Unix socket."""
    parts = conninfo_to_dict(url)
    return f"{parts['host']}/.s.PGSQL.{parts['port']}"


def behind(host, url):
    """DATABASE_URL through the host."""
    return f"postgresql://postgres@127.0.0.1:{host.port}/{conninfo_to_dict(url)['dbname']}"


async def ready(app, expected):
    """How many seconds it takes until /readyz says so."""
    began = time.monotonic()
    async with asyncio.timeout(60), httpx.AsyncClient() as client:
        while True:
            reply = await client.get(f"http://127.0.0.1:{app.port}/readyz", timeout=20)
            if (reply.status_code == 200) is expected:
                return time.monotonic() - began
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("seconds", [3, 30])
async def test_the_database_vanishes_and_returns(database, seconds):
    """It is noticed, said at /readyz and to whoever asks; afterwards work goes on by itself, on connections that work."""
    async with (
        vanishing_host(socket_of(database)) as host,
        at_work(database, DATABASE_URL=behind(host, database)) as app,
    ):
        assert VERDICT in app.now(await app.asks("/vt scan-ip 192.0.2.1"))
        host.vanishes()
        assert await ready(app, False) < NOTICED
        refused = await app.slack.types(ANA, "#general", "/vt scan-ip 192.0.2.2")
        assert "my database is down" in app.now(await refused.answer())
        await asyncio.sleep(seconds)
        host.returns()
        assert await ready(app, True) < NOTICED
        began = time.monotonic()
        answer = await app.asks("/vt scan-ip 192.0.2.1 --fresh")
        await app.slack.until(lambda: VERDICT in app.now(answer), timeout=NOTICED)
        assert time.monotonic() - began < NOTICED


async def test_what_was_asked_before_is_answered_after(database):
    """A job that was running or waiting when the host went is done once it is back."""
    async with (
        vanishing_host(socket_of(database)) as host,
        at_work(database, DATABASE_URL=behind(host, database), sandbox={"latency": 2}) as app,
    ):
        asked = asyncio.create_task(app.asks("/vt scan-ip 192.0.2.1"))
        await asyncio.sleep(1)
        host.vanishes()
        await asyncio.sleep(25)
        host.returns()
        answer = await asked
        await app.slack.until(lambda: VERDICT in app.now(answer), timeout=40)
        await app.idle()
