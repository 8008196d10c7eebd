"""Large replies are packed: the same replies to everybody who reads them, and parsed one at a time."""

import asyncio
import gc
import json
import tracemalloc

import httpx
import pytest
from pydantic import SecretStr

from tests.bench.memory import address_report, file_report
from tests.support.findings import NOW, json_result
from tests.support.memory_quota import MemoryQuota
from vt import codec
from vt.actions import BY_KEY
from vt.client import Client
from vt.codec import INLINE, PackedReply, Packer
from vt.enrichment import enrichment
from vt.errors import Unreadable
from vt.indicators import read
from vt.lookup import Lookup, Step
from vt.quota import Limits
from vt.results import json_text
from vt.service import _without_blocking
from vt.steps import after_report
from vt.verdict import State

ADDRESS = "20.1.2.3"
SHA = "a" * 64
QUOTA = MemoryQuota(Limits(0, 0, 0), lambda: NOW)


def body(raw):
    return json.dumps(raw).encode()


async def streamed(content):
    yield content


async def endless():
    while True:
        yield b" " * codec.CHUNK


class Turns:
    """Counts how often the event loop comes round while the block runs: as often could it acknowledge a request."""

    async def __aenter__(self):
        self.count = 0
        self._counting = asyncio.create_task(self._count())
        await asyncio.sleep(0)
        return self

    async def _count(self):
        while True:
            self.count += 1
            await asyncio.sleep(0)

    async def __aexit__(self, *_):
        self._counting.cancel()


def packed(raw):
    """As it comes from VirusTotal."""
    return codec.parse(body(raw), Packer())


def looked_up(value, action, raw):
    return after_report(Lookup.of(read(value), BY_KEY[action], 3), raw, NOW, may_rescan=True)


CASES = [
    pytest.param(ADDRESS, "scan-ip", address_report(ADDRESS, 60_000), id="address"),
    pytest.param(SHA, "scan-hash", file_report(SHA, 60_000), id="hash"),
]


@pytest.mark.parametrize(("value", "action", "raw"), CASES)
def test_a_packed_reply_is_judged_and_shown_like_any_other(value, action, raw):
    """State, rule, report, enrichment and JSON."""
    reply = packed(raw)
    assert isinstance(reply, PackedReply)
    mine, other = (looked_up(value, action, one).finding(NOW) for one in (reply, raw))
    assert mine.state is State.RISKY
    assert (mine.state, mine.rule, mine.report) == (other.state, other.rule, other.report)
    assert enrichment(mine) == enrichment(other)
    assert "".join(json_text([mine, mine])) == "".join(json_text([other, other]))
    assert reply == raw


@pytest.mark.parametrize(("value", "action", "raw"), CASES)
def test_only_its_name_is_stored_with_the_lookup(value, action, raw):
    """In version 4, which the release before leaves to this one; without its content it says what it is, but not more."""
    stored = json.loads(looked_up(value, action, packed(raw)).model_dump_json())
    assert stored["version"] == 4
    assert len(json.dumps(stored)) < 5_000
    lookup = Lookup.model_validate(stored)
    assert lookup.raw["response_code"] == 1
    assert "nothing of the sort" not in lookup.raw
    with pytest.raises(LookupError):
        lookup.finding(NOW)
    attached = Packer().attached(lookup.raw, packed(raw).compressed)
    assert lookup.evolve(raw=attached).finding(NOW).raw == raw


def test_a_small_reply_is_stored_with_the_lookup_as_before():
    """In version 3, which the release before reads."""
    raw = address_report(ADDRESS, 2_000)
    assert packed(raw) == raw
    assert type(packed(raw)) is dict
    stored = json.loads(looked_up(ADDRESS, "scan-ip", packed(raw)).model_dump_json())
    assert (stored["version"], stored["raw"]) == (3, raw)


def test_what_is_short_is_known_without_parsing_it():
    """Such as the code, the scan_id and the hashes; and of each key, whether it is there."""
    reply = packed(file_report(SHA, 60_000))
    unreadable = PackedReply.named(reply.name())
    assert unreadable["scan_id"] == f"{SHA}-1700000000"
    assert unreadable.get("resource") == SHA
    assert "scans" in unreadable
    assert unreadable.get("md5") is None
    assert unreadable


def test_one_reply_at_a_time_is_held_parsed():
    """Whichever was read last."""
    packer = Packer()
    first, second = (codec.parse(body(address_report(ip, 60_000)), packer) for ip in ("20.1.1.1", "20.1.1.2"))
    held = first.parsed()
    assert first.parsed() is held
    second.parsed()
    assert first.parsed() is not held
    assert first.parsed() == held
    packer.forget()


def test_each_large_one_of_a_batch_is_packed():
    """The small ones are as they came."""
    reports = [file_report("a" * 64, 60_000), file_report("b" * 64, 1_000), file_report("c" * 64, 60_000)]
    found = codec.parse(body(reports), Packer())
    assert [isinstance(one, PackedReply) for one in found] == [True, False, True]
    assert found == reports


@pytest.mark.parametrize("end", [b"", b",", b"]]", b"] x", b',{"a":1,"a":2}]', b",NaN]"])
def test_a_batch_that_is_no_json_is_unreadable(end):
    """Wherever it breaks off."""
    with pytest.raises(Unreadable):
        codec.parse(body([file_report(SHA, INLINE)])[:-1] + end, Packer())


def test_halves_of_surrogate_pairs_are_replaced_in_packed_replies_too():
    """They could not be stored."""
    reply = codec.parse(rb'{"response_code": 1, "x": "\ud800", "y": "' + b"y" * INLINE + b'"}', Packer())
    assert reply.parsed()["x"] == "\N{REPLACEMENT CHARACTER}"


def test_a_reply_that_would_take_too_much_memory_is_unreadable():
    """Eight million bytes of empty lists would take half a gigabyte."""
    with pytest.raises(Unreadable) as caught:
        codec.parse(b'{"response_code": 1, "x": [' + b"[]," * 2_600_000 + b"0]}", Packer())
    assert caught.value.why == "size"


async def test_a_batch_whose_replies_are_too_large_together_is_asked_for_in_parts():
    """Down to one, if need be."""
    asked = []

    def answer(request):
        resources = httpx.QueryParams(request.content.decode())["resource"].split(",")
        asked.append(len(resources))
        return httpx.Response(200, content=streamed(body([file_report(one, 3_000_000) for one in resources])))

    hashes = [f"{number:064x}" for number in range(4)]
    transport = httpx.MockTransport(answer)
    async with Client(SecretStr("k"), url="http://vt", quota=QUOTA, transport=transport) as client:
        reports = await client.file_reports(hashes)
    assert list(reports) == hashes
    assert asked == [4, 2, 2]


def test_the_json_of_large_replies_is_json():
    """Very large ones are written as they came."""
    raw = address_report(ADDRESS, 700_000)
    finding = looked_up(ADDRESS, "scan-ip", packed(raw)).evolve(step=Step.DONE).finding(NOW)
    assert json_result([finding, finding]) == [{"EntityResult": raw, "Entity": ADDRESS}] * 2


async def test_the_event_loop_goes_on_while_a_large_reply_is_parsed():
    """Acknowledgements cannot wait for 2 MB with thousands of entries, which take tenths of a second."""
    content = body(address_report(ADDRESS, 2_000_000))
    async with Turns() as turns:
        reply = await codec.read_json(streamed(content), "", Packer())
    assert isinstance(reply, PackedReply)
    assert turns.count > 20


async def test_the_event_loop_goes_on_while_a_large_reply_is_judged():
    """Its report takes as long as its parsing."""

    def virustotal(_):
        return httpx.Response(200, content=streamed(body(address_report(ADDRESS, 2_000_000))))

    transport = httpx.MockTransport(virustotal)
    async with Client(
        SecretStr("k"), url="https://vt.example/v2/", quota=QUOTA, transport=transport
    ) as client:
        reply = await client.ip_report(ADDRESS)
        async with Turns() as turns:
            lookup = Lookup.of(read(ADDRESS), BY_KEY["scan-ip"], 3)
            judged = await _without_blocking(
                [reply], lambda: {0: after_report(lookup, reply, NOW, may_rescan=True)}
            )
    assert judged[0].settled
    assert turns.count > 20


async def test_a_reply_that_is_too_large_is_not_held_by_its_error():
    """A batch that is too large is asked for in halves: each try would leave 8 MB until the garbage is collected."""
    gc.collect()
    tracemalloc.start()
    try:
        gc.disable()
        with pytest.raises(Unreadable) as raised:
            await codec.read_json(endless(), "", Packer())
        held, _ = tracemalloc.get_traced_memory()
    finally:
        gc.enable()
        tracemalloc.stop()
    assert raised.value.why == "size"
    assert held < codec.REPLY_CAP / 2
