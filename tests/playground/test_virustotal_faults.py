"""Faults on demand, as a client meets them."""

import json
import zlib
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from playground.virustotal import faults
from tests.support.vt_client import EICAR_MD5, KEY, served


async def test_faults_come_in_order_and_then_end():
    """Added faults meet the next calls to their endpoint in order; other endpoints and later calls are ordinary."""
    async with served() as vt:
        vt.sandbox.faults.add("url/report", faults.html(503), faults.none(), faults.status(204))
        assert (await vt.get("domain/report", domain="example.co.in")).status_code == 200
        met = [await vt.get("url/report", resource="http://example.php") for _ in range(4)]
        assert [reply.status_code for reply in met] == [503, 200, 204, 200]
        assert met[0].headers["content-type"] == "text/html"
        assert b"<html>" in met[0].content


async def test_a_standing_fault_lasts_until_cleared():
    """`always` spoils every endpoint, and `clear` ends it."""
    async with served() as vt:
        vt.sandbox.faults.always("*", faults.says(["not", "a", "report"]))
        for endpoint in ("domain/report", "url/report"):
            assert (await vt.get(endpoint, domain="a.example", resource="a.example")).json() == [
                "not",
                "a",
                "report",
            ]
        vt.sandbox.faults.clear()
        assert (await vt.url("http://example.php"))["positives"] == 5


async def test_broken_json_and_broken_connections():
    """Truncated and too deep JSON cannot be read; a reset or a body that breaks off is an error of the connection."""
    async with served() as vt:
        vt.sandbox.faults.add("file/report", faults.truncated(), faults.nested())
        with pytest.raises(json.JSONDecodeError):
            await vt.report(EICAR_MD5)
        with pytest.raises(RecursionError):
            await vt.report(EICAR_MD5)
        for fault in (faults.reset(), faults.broken_off()):
            vt.sandbox.faults.add("file/report", fault)
            with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
                await vt.report(EICAR_MD5)
        assert (await vt.report(EICAR_MD5))["positives"] == 54


async def test_a_drip_is_the_ordinary_reply_in_small_pieces():
    """The reply comes whole in the end, in many reads."""
    async with served() as vt:
        vt.sandbox.faults.add("file/report", faults.drip(pause=0.001, size=16))
        async with vt.http.stream(
            "GET", "file/report", params={"apikey": KEY, "resource": EICAR_MD5}
        ) as reply:
            pieces = [piece async for piece in reply.aiter_raw()]
    assert len(pieces) > 10
    assert json.loads(b"".join(pieces))["positives"] == 54


async def test_a_delay_longer_than_the_client_waits_is_a_timeout():
    """Late replies, by a fault or by the stand-in's latency, run into the client's time-out."""
    async with served(latency=0.3) as vt:
        vt.http.timeout = httpx.Timeout(10, read=0.05)
        with pytest.raises(httpx.ReadTimeout):
            await vt.report(EICAR_MD5)
    async with served() as vt:
        vt.sandbox.faults.add("file/report", faults.delay(0.3))
        vt.http.timeout = httpx.Timeout(10, read=0.05)
        with pytest.raises(httpx.ReadTimeout):
            await vt.report(EICAR_MD5)


async def test_a_gzip_bomb_travels_small():
    """Twenty megabytes of zeros are sent in less than 40 kB."""
    async with served() as vt:
        vt.sandbox.faults.add("file/report", faults.bomb(20_000_000))
        async with vt.http.stream(
            "GET", "file/report", params={"apikey": KEY, "resource": EICAR_MD5}
        ) as reply:
            packed = b"".join([piece async for piece in reply.aiter_raw()])
    assert reply.headers["content-encoding"] == "gzip"
    assert len(packed) < 40_000
    assert len(zlib.decompress(packed, wbits=31)) == 20_000_000


async def test_a_redirect_leads_elsewhere_with_the_key():
    """The redirect names the other host and carries the query along, as VirusTotal's own does."""
    async with served() as vt:
        vt.sandbox.faults.add("file/report", faults.redirect("http://elsewhere.example/x", 307))
        reply = await vt.get("file/report", resource="x")
    assert reply.status_code == 307
    location = urlsplit(reply.headers["location"])
    assert (location.hostname, dict(parse_qsl(location.query))["apikey"]) == ("elsewhere.example", KEY)
