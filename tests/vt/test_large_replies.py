"""Large replies are packed: the same replies to everybody who reads them, and parsed one at a time."""

import asyncio
import gc
import gzip
import json
import threading
import tracemalloc
import zlib

import httpx
import pytest
from pydantic import SecretStr

from tests.bench.memory import address_report, file_report
from tests.support.findings import NOW, json_result
from tests.support.memory_quota import MemoryQuota
from tests.support.memory_storage import NullCache
from vt import codec
from vt.actions import BY_KEY
from vt.body import CHUNK, REPLY_CAP, EntrySplitter
from vt.client import Client
from vt.codec import INLINE, PackedReply, Packer
from vt.enrichment import enrichment
from vt.errors import Unreadable
from vt.files.disk import Disk
from vt.files.provider import Roots
from vt.files.transfer import Places
from vt.indicators import read
from vt.lookup import Lookup, Step
from vt.quota import Limits
from vt.results import json_text
from vt.service import Service, _without_blocking
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
        yield b" " * CHUNK


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


HASHES = [f"{number:064x}" for number in range(4)]


async def answered(reports):
    """What a client makes of these, in one reply to a call about all of HASHES; and about how many it asked in each call."""
    asked = []

    def answer(request):
        asked.append(len(httpx.QueryParams(request.content.decode())["resource"].split(",")))
        return httpx.Response(200, content=streamed(body(reports)))

    transport = httpx.MockTransport(answer)
    async with Client(SecretStr("k"), url="http://vt", quota=QUOTA, transport=transport) as client:
        return await client.file_reports(HASHES), asked


async def test_a_batch_costs_one_call_however_large_its_replies_are_together():
    """Each may have as many bytes as a single one."""
    reports, asked = await answered([file_report(one, 3_000_000) for one in HASHES])
    assert list(reports) == HASHES
    assert [one["resource"] for one in reports.values()] == HASHES
    assert asked == [4]


def too_large(resource):
    return {**file_report(resource, 1_000), "text": "x" * REPLY_CAP}


async def test_one_that_is_too_large_keeps_nobody_from_the_others():
    """It is missing, and so is asked for again by itself, which says why it cannot be read."""
    *others, last = HASHES
    reports, _ = await answered([too_large(last), *(file_report(one, 60_000) for one in others)])
    assert list(reports) == others
    with pytest.raises(Unreadable) as raised:
        await answered([too_large(last)])
    assert raised.value.why == "size"


async def test_one_that_is_too_large_is_not_overlooked_when_the_others_are_all_there():
    """It is about one of them, and may say otherwise."""
    with pytest.raises(Unreadable) as raised:
        await answered([*(file_report(one, 60_000) for one in HASHES), too_large(HASHES[0])])
    assert raised.value.why == "size"


async def test_an_entry_that_is_about_something_else_is_nobodys():
    """As in a small reply."""
    reports, _ = await answered([file_report(one, 100_000) for one in (*HASHES[:3], "f" * 64)])
    assert list(reports) == HASHES[:3]


async def test_each_reply_of_a_large_batch_is_parsed_once_more_to_be_judged():
    """For the answer and for the cache together, and never where it would keep others waiting."""
    readers = []

    def keep(data):
        def again():
            readers.append(threading.current_thread())
            return data

        return again

    def virustotal(_):
        return httpx.Response(200, content=streamed(body([file_report(one, 100_000) for one in HASHES])))

    transport = httpx.MockTransport(virustotal)
    client = Client(SecretStr("k"), url="http://vt", quota=QUOTA, transport=transport, packer=Packer(keep))
    service = Service(client, places=Places(Disk(Roots(()), limit=1)), clock=lambda: NOW, cache=NullCache())
    lookups = tuple(Lookup.of(read(one), BY_KEY["scan-hash"], 3) for one in HASHES)
    async with client:
        boards = [board async for board in service.advance(lookups)]
    assert all(lookup.settled for lookup in boards[-1])
    assert len(readers) == len(HASHES)
    assert threading.main_thread() not in readers


# Lists that are cut into their entries while they come ---------------------------------------------------

TRICKY = [
    {"a": 'say "]},{[" \\ and \\"', "b": [[], {}, [{"c": "\\"}]]},
    {"é\U0001f600": "\u2028]", "d": {"e": "}\\\\"}},
    {},
    {"f": [1, 2.5, None, True, "\\u005d"], "g": '\\"'},
]


def cut(*pieces):
    """The entries of a list that comes in these pieces, without its first bracket."""
    splitter = EntrySplitter(bytearray())
    found = [bytes(entry) for piece in pieces for entry in splitter.feed(piece)]
    splitter.end()
    return [json.loads(entry) for entry in found]


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_may_be_cut_anywhere(ascii_only, indent):
    """At every byte, also within an escape, a character or a string; and into single bytes."""
    text = (json.dumps(TRICKY, ensure_ascii=ascii_only, indent=indent) + "\n").encode()[1:]
    for at in range(len(text) + 1):
        assert cut(text[:at], b"", text[at:]) == TRICKY
    assert cut(*(text[at : at + 1] for at in range(len(text)))) == TRICKY


def pieces(content, size):
    async def parts():
        for at in range(0, len(content), size):
            yield content[at : at + size]

    return parts()


MANY = [*TRICKY, *(file_report(f"{number:064x}", 120_000) for number in range(6))]


@pytest.mark.parametrize("size", [1009, 65_536, 10_000_000])
@pytest.mark.parametrize("encoding", ["", "gzip"])
@pytest.mark.parametrize("before", [b"", b" \r\n", b"\xef\xbb\xbf"])
async def test_a_large_list_is_read_in_any_pieces(size, encoding, before):
    """Compressed too, and with what may be in front of it."""
    content = before + body(MANY)
    content = gzip.compress(content, 1) if encoding else content
    found = await codec.read_json(pieces(content, size), encoding, Packer(), entries=len(MANY))
    assert found == MANY
    assert [isinstance(one, PackedReply) for one in found] == [False] * 4 + [True] * 6


LARGE = body(file_report(SHA, 300_000))
REPORTS = body([file_report(SHA, 300_000)] * 3)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(REPORTS[:-1], "json", id="not closed"),
        pytest.param(REPORTS[:-1] + b"}", "json", id="closed otherwise"),
        pytest.param(REPORTS + b"]", "json", id="closed twice"),
        pytest.param(REPORTS + b" x", "json", id="followed by something"),
        pytest.param(REPORTS + b" " * 70_000 + b"x", "json", id="followed by something much later"),
        pytest.param(REPORTS[:-1] + b",]", "json", id="a comma too many"),
        pytest.param(REPORTS.replace(b"}, {", b"} {"), "json", id="a comma too few"),
        pytest.param(REPORTS[:-2] + b"]]", "json", id="brackets that do not fit"),
        pytest.param(REPORTS[:-1] + b',{"a": 1, "a": 2}]', "json", id="equal keys"),
        pytest.param(REPORTS[:-1] + b',{"a": NaN}]', "json", id="NaN"),
        pytest.param(REPORTS[:-1] + b",1\x00]", "json", id="NUL"),
        pytest.param(REPORTS[:-1] + b',"' + b"x" * 100_000, "json", id="a string without an end"),
        pytest.param(REPORTS[:-1] + b"," + b"[" * 64 + b"]" * 64 + b"]", "depth", id="too deep"),
        pytest.param(REPORTS[:-1] + b"," + b"[" * 1_000_000, "depth", id="much too deep"),
        pytest.param(b"[" + b"{}," * 1_000_000 + b"{}]", "shape", id="a million empty entries"),
        pytest.param(b"[" + b"," * 1_000_000 + b"]", "json", id="a million commas"),
        pytest.param(b"[" + b" " * 1_000_000 + b"]", "json", id="nothing but spaces"),
        pytest.param(REPORTS + b" " * 5 * REPLY_CAP, "size", id="spaces that do not end"),
    ],
)
async def test_a_large_list_that_is_wrong_is_unreadable(content, why):
    """What is wrong with it is noticed wherever it is."""
    with pytest.raises(Unreadable) as raised:
        await codec.read_json(pieces(content, 65_536), "", Packer(), entries=5)
    assert raised.value.why == why


async def test_a_large_list_may_be_as_deep_as_a_small_one():
    """The list itself is one of the levels."""
    content = REPORTS[:-1] + b"," + b"[" * 63 + b"]" * 63 + b"]"
    found = await codec.read_json(pieces(content, 65_536), "", Packer(), entries=4)
    assert found[3] == json.loads(b"[" * 63 + b"]" * 63)


async def test_no_more_than_one_entry_of_a_list_is_in_memory():
    """Not the whole list, and no entry is parsed while another one is."""
    reports = [file_report(one, 1_000_000) for one in HASHES]
    content = [body(one) for one in reports]
    folder = {}

    def keep(data):
        number = len(folder)
        folder[number] = len(data)
        return lambda: zlib.compress(content[number], 1)

    async def arriving():
        for number, one in enumerate(content):
            yield b",["[not number :][:1]
            for at in range(0, len(one), CHUNK):
                yield one[at : at + CHUNK]
        yield b"]"

    peaks = []
    for asked in (1, 4):
        chosen = arriving() if asked == 4 else streamed(b"[" + content[0] + b"]")
        tracemalloc.start()
        try:
            await codec.read_json(chosen, "", Packer(keep), entries=asked)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


async def test_others_read_between_two_entries():
    """Who waits for a small reply that is large enough to be read alone does not wait for a whole batch."""
    packer, order = Packer(), []

    async def slowly(content, name):
        async for piece in pieces(content, 65_536):
            yield piece
            await asyncio.sleep(0)
        order.append(name)

    batch = body([file_report(one, 1_000_000) for one in HASHES])
    one = body(file_report(SHA, 300_000))
    await asyncio.gather(
        codec.read_json(slowly(batch, "batch"), "", packer, entries=4),
        codec.read_json(slowly(one, "one"), "", packer),
    )
    assert order == ["one", "batch"]


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
    assert held < REPLY_CAP / 2
