"""Large replies have rows of their own, which are written once; and what one request takes of memory is bounded."""

import contextlib
import gc
import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from bot.database import Database
from bot.file_sources import ReplySpool, unnamed_file
from bot.storage.cases import Cases
from bot.storage.replies import StoredReplies
from handlers.case import Outcome, UnreadableCase
from tests.bench.memory import BOUND, MIXED, Case, address_report, file_report, taken
from tests.bot.test_storage import request
from vt import codec
from vt.actions import BY_KEY
from vt.codec import PackedReply, Packer
from vt.indicators import read
from vt.lookup import Lookup
from vt.steps import after_report

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
ADDRESSES = ("20.1.1.1", "20.1.1.2", "20.1.1.3")
SIZES = (60_000, 2_000, 60_000)
FILES = Path("/proc/self/fd")
"""One entry for each open file."""
REPORTS = {ip: address_report(ip, size) for ip, size in zip(ADDRESSES, SIZES, strict=True)}


@pytest.fixture
async def opened(database):
    opened = Database(database)
    yield opened
    await opened.close()


def looked_up(packer):
    """Lookups of which two have large replies and one has a small one."""
    lookups = (Lookup.of(read(ip), BY_KEY["scan-ip"], 3) for ip in ADDRESSES)
    replies = (codec.parse(json.dumps(raw).encode(), packer) for raw in REPORTS.values())
    return tuple(
        after_report(lookup, raw, NOON, may_rescan=False)
        for lookup, raw in zip(lookups, replies, strict=True)
    )


async def stored(opened, outcome=Outcome.DONE):
    """The storage of a process, and a case there that was answered."""
    packer = Packer()
    cases = Cases(opened, packer=packer)
    await cases.accept(request())
    case = await cases.case("1")
    case = case.model_copy(update={"lookups": looked_up(packer), "outcome": outcome})
    await cases.save(case)
    return cases, case


def rows(database, sql="SELECT digest, xmin::text FROM case_replies ORDER BY digest"):
    with psycopg.connect(database) as connection:
        return connection.execute(sql).fetchall()


async def test_an_answer_is_read_with_its_large_replies(database, opened):
    """By another process too. The case itself holds their names."""
    _, case = await stored(opened)
    again = await Cases(opened).case("1")
    assert again.findings(NOON) == case.findings(NOON)
    assert [one.raw for one in again.findings(NOON)] == list(REPORTS.values())
    assert len(rows(database)) == 2
    [[progress]] = rows(database, "SELECT octet_length(progress::text) FROM cases")
    assert progress < 10_000


async def test_a_large_reply_is_written_once(database, opened):
    """However often the case is stored."""
    cases, case = await stored(opened)
    before = rows(database)
    for _ in range(3):
        await cases.save(case)
    again = await Cases(opened).case("1")
    await Cases(opened).save(again)
    assert rows(database) == before


async def test_large_replies_go_with_their_case(database, opened):
    """By the same retention."""
    cases, _ = await stored(opened)
    await cases.prune(NOON + timedelta(days=1))
    assert rows(database) == []


async def test_a_case_whose_reply_is_gone_cannot_be_read(database, opened):
    """It is ended, rather than answered as if VirusTotal had said nothing."""
    cases, _ = await stored(opened)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DELETE FROM case_replies")
    with pytest.raises(UnreadableCase):
        await cases.case("1")


async def test_large_replies_that_older_versions_stored_with_the_case_are_read(database, opened):
    """And have rows of their own once the case is stored again."""
    cases, case = await stored(opened)
    with psycopg.connect(database, autocommit=True) as connection:
        [[progress]] = connection.execute("SELECT progress FROM cases").fetchall()
        for lookup, raw in zip(progress["lookups"], REPORTS.values(), strict=True):
            lookup |= {"version": 3, "raw": raw}
        connection.execute("UPDATE cases SET progress = %s", [json.dumps(progress)])
        connection.execute("DELETE FROM case_replies")
    again = await cases.case("1")
    assert again.findings(NOON) == case.findings(NOON)
    await cases.save(again)
    assert len(rows(database)) == 2
    assert (await cases.case("1")).findings(NOON) == case.findings(NOON)


async def test_large_replies_are_cached_like_others(opened):
    """They come back packed."""
    packer = Packer()
    replies = StoredReplies(opened, packer=packer)
    parsed = {ip: codec.parse(json.dumps(raw).encode(), packer) for ip, raw in REPORTS.items()}
    await replies.put(parsed, NOON)
    found = await StoredReplies(opened).get(ADDRESSES, NOON - timedelta(minutes=1))
    assert found == REPORTS
    assert [isinstance(found[ip], PackedReply) for ip in ADDRESSES] == [True, False, True]


async def test_a_large_reply_is_stored_in_little_memory(opened):
    """As it is: in the text of an array each of its hundred thousand quotes would be escaped, in ten times its size."""
    packer = Packer()
    text = json.dumps(file_report("a" * 64, 1_000_000))
    reply = codec.parse(text.encode(), packer)
    packer.forget()
    tracemalloc.start()
    try:
        await StoredReplies(opened, packer=packer).put({"a": reply}, NOON)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * len(text)
    assert await StoredReplies(opened).get(["a"], NOON - timedelta(minutes=1)) == {"a": json.loads(text)}


def test_what_is_spooled_is_on_disk_without_a_name_and_ends_with_its_use(tmp_path):
    """Nothing is left in the folder, and no file stays open."""
    spool = ReplySpool(tmp_path / "spool")
    readers = [spool(bytes([number]) * 100_000) for number in range(5)]
    assert [read() for read in readers] == [bytes([number]) * 100_000 for number in range(5)]
    assert list((tmp_path / "spool").iterdir()) == []
    assert open_below(tmp_path) == 1
    del readers, spool
    gc.collect()
    assert open_below(tmp_path) == 0


def open_below(folder):
    """How many files of this process below a folder are open, with or without a name."""
    targets = []
    for file in FILES.iterdir():
        with contextlib.suppress(FileNotFoundError):
            targets.append(str(file.readlink()))
    return sum(target.startswith(str(folder)) for target in targets)


def test_what_cannot_be_spooled_stays_in_memory(tmp_path):
    """As when the disk is full."""
    (tmp_path / "spool").write_text("a file where the folder should be")
    spool = ReplySpool(tmp_path / "spool")
    assert spool(b"x" * 100)() == b"x" * 100


@pytest.mark.parametrize("name", ["spool", "a file/spool"])
def test_a_file_for_what_is_sent_has_no_name(tmp_path, name):
    """Not even where the folder cannot be made."""
    (tmp_path / "a file").write_text("")
    with unnamed_file(tmp_path / name) as file:
        file.write(b"x")
        assert not (tmp_path / name).exists() or list((tmp_path / name).iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        Case("scan-ip", 160_000),
        Case("scan-ip", 2_000_000, long=True),
        Case("scan-hash", 160_000),
        Case("scan-hash", 2_000_000, 25),
        Case("scan-hash", 2_000_000, 25, kind="public"),
        Case("scan-url", 2_000_000, 25),
        Case("scan-file", 2_000_000, 1),
        Case(MIXED, 2_000_000, 24),
    ],
    ids=lambda case: case.name,
)
async def test_a_request_with_large_replies_takes_little_memory_and_is_answered(case):
    """A real process: from the command to its answer, and to the file that the button JSON sends."""
    one = await taken(case)
    assert case.count in (1, one.states)  # of one, the answer says how many engines flag it
    assert one.sent > case.count * case.size * 0.8
    assert one.answer < BOUND
    assert one.file < BOUND
