"""What is accepted is kept, once, with its turn; and a database that cannot take it says so at once."""

import asyncio
import os
import re
import secrets
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import bot
from bot.database import Database
from bot.postgres import Server
from bot.startup import prepare
from bot.storage.cases import Cases, Modals
from bot.storage.history import AuditTrail, History
from bot.storage.replies import StoredReplies
from handlers.case import Case, Outcome, StoreDown
from handlers.request import LookupRequest, Origin
from vt.actions import BY_KEY
from vt.coalescing import TimeRange
from vt.files.transfer import Upload
from vt.indicators import Indicator, Kind
from vt.lookup import Lookup

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
WHERE = Origin(team="T1", user="U1", channel="C1", response_url="https://hooks.slack.com/x")

ACCEPT_FIFTY = """
import asyncio, sys
from tests.bot.test_storage import accept_fifty
print(asyncio.run(accept_fifty(sys.argv[1], sys.argv[2])))
"""


def request(name: str = "1", **more) -> LookupRequest:
    lookup = Lookup.of(Indicator(Kind.IPV4, "192.0.2.1"), BY_KEY["scan-ip"], 25)
    return LookupRequest(
        **{
            "id": name,
            "delivery": f"d{name}",
            "at": NOON,
            "origin": WHERE,
            "lookups": (lookup,),
        }
        | more
    )


async def accept_fifty(url: str, name: str) -> int:
    """How many of fifty deliveries of the same thing, all at once, were taken."""
    database = Database(url, timeout=60)  # on a busy machine a hundred at once take longer than two seconds
    cases = Cases(database)
    async with asyncio.TaskGroup() as group:
        taken = [group.create_task(cases.accept(request(f"{name}-{n}", delivery="same"))) for n in range(50)]
    await database.close()
    return sum(task.result() for task in taken)


@pytest.fixture
async def opened(database):
    opened = Database(database)
    yield opened
    await opened.close()


@pytest.fixture
def cases(opened) -> Cases:
    return Cases(opened)


@pytest.fixture(scope="module")
def server(new_state):
    """A server of this file's own, to be stopped and frozen."""
    server = Server(new_state())
    with server.used() as url:
        prepare(url)
        yield server


def jobs(url: str) -> list[tuple]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT args->>'case_id', status::text, scheduled_at, priority FROM procrastinate_jobs ORDER BY id"
        ).fetchall()


async def test_accepted(cases, database):
    """A request that is accepted is a case that nobody has begun, and its first turn waits."""
    assert await cases.accept(request()) is True
    assert await cases.case("1") == Case(request=request())
    assert await cases.case("2") is None
    assert jobs(database) == [("1", "todo", None, 10)]


async def test_progress(cases):
    """What is saved is what the next turn finds."""
    await cases.accept(request())
    later = Case(
        request=request(), lookups=request().lookups, outcome=Outcome.DONE, posts=2, told="x", ts="1.2"
    )
    await cases.save(later)
    assert await cases.case("1") == later


async def test_odd_text(cases):
    """NUL and other characters that databases dislike are kept as they came."""
    odd = request(lookups=(Lookup.of_file("/a\x00b\u202e\U0001f600", BY_KEY["scan-file"], 3),))
    await cases.accept(odd)
    assert (await cases.case("1")).request == odd


@pytest.mark.slow
async def test_same_delivery_a_hundred_times(database):
    """The same delivery, a hundred times over two processes at once, is one case with one turn."""
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", ACCEPT_FIFTY, database, name, stdout=pipe)
        for name in ("a", "b")
    ]
    # Its last line: on a busy machine it logs before that the database takes long.
    taken = [int((await process.communicate())[0].splitlines()[-1]) for process in processes]
    assert sum(taken) == 1
    assert len(jobs(database)) == 1


async def test_one_turn_waits(opened, database):
    """A case's next turn replaces the one that waits: it never has two. It waits by the database's clock, not by ours."""
    cases = Cases(opened, lambda: NOON)
    before = datetime.now(UTC)
    await cases.accept(request())
    for minutes in (5, 1):
        await cases.again("1", NOON + timedelta(minutes=minutes))
    await cases.again("unknown", NOON)
    [(name, status, at, priority)] = jobs(database)
    assert (name, status, priority) == ("1", "todo", 10)
    assert timedelta(minutes=1) <= at - before <= timedelta(minutes=1) + (datetime.now(UTC) - before)


async def test_prune(cases, opened):
    """Ended cases and replies are forgotten when they are old; what is open stays."""
    for name, days in (("old", 3), ("open", 3), ("new", 0)):
        await cases.accept(request(name, at=NOON - timedelta(days=days)))
    for name in ("old", "new"):
        await cases.save(Case(request=request(name), outcome=Outcome.DONE))
    await StoredReplies(opened).put({"k": {}}, NOON - timedelta(days=3))
    await cases.prune(NOON - timedelta(days=1))
    await StoredReplies(opened).prune(NOON - timedelta(days=1))
    assert [await cases.case(name) is not None for name in ("old", "open", "new")] == [False, True, True]
    assert await StoredReplies(opened).get(["k"], NOON - timedelta(days=9)) == {}


def since(at):
    """Replies that came after that time, whatever they say."""
    return TimeRange(at, at, at + timedelta(days=1))


async def test_replies(opened):
    """Replies come back as they were, the order of their keys too, while they are new enough."""
    replies = StoredReplies(opened)
    raw = {"z": 1, "a": "nul \x00 and half a pair \ud800", "big": 2**70, "scans": {"Z": None, "A": [1.5]}}
    await replies.put({"one": raw, "two": {}}, NOON)
    await replies.put({}, NOON)
    found = await replies.get(["one", "three"], NOON - timedelta(minutes=1))
    assert found == {"one": raw}
    assert list(found["one"]) == list(raw)
    assert await replies.recall(["one"], since(NOON - timedelta(minutes=1))) == {"one": (raw, NOON)}
    assert await replies.get(["one", "two"], NOON) == {}


async def test_newest_reply_stays(opened):
    """A reply that came earlier does not replace one that came later."""
    replies = StoredReplies(opened)
    for minute in (1, 2, 0):
        await replies.put({"one": {"minute": minute}}, NOON + timedelta(minutes=minute))
    assert await replies.recall(["one"], since(NOON)) == {"one": ({"minute": 2}, NOON + timedelta(minutes=2))}


async def test_replies_to_another_key(opened):
    """What came to one key is not known to another: the sandbox's inventions are not VirusTotal's word."""
    await StoredReplies(opened, "sandbox:").put({"one": {}}, NOON)
    assert await StoredReplies(opened, "real:").get(["one"], NOON - timedelta(minutes=1)) == {}


FILE = Lookup.of_file("/srv/a.bin", BY_KEY["scan-file"], 3).hashed("ab" * 32, 3)


async def claim(store, lookup=FILE):
    """What is said to somebody who is about to upload it."""
    async with store.claimed(lookup) as upload:
        upload.may_have_arrived = not upload.is_own
        return upload


async def test_a_content_is_uploaded_by_one_at_a_time(opened):
    """Whoever comes meanwhile is told to wait, and what VirusTotal said of it later; those with another key are not."""
    mine, other, another_key = (StoredReplies(opened, owner) for owner in ("a:", "a:", "b:"))
    async with mine.claimed(FILE) as upload:
        assert upload.is_own
        assert await claim(other) == Upload(is_own=False)
        assert (await claim(another_key)).is_own
        upload.receipt = {"scan_id": "x"}
    assert await claim(other) == Upload(is_own=False, receipt={"scan_id": "x"})
    assert (await claim(another_key)).is_own


async def test_an_upload_that_surely_did_not_arrive_is_anybodys(opened):
    """The file could not be read, or VirusTotal refused it."""
    assert [(await claim(StoredReplies(opened))).is_own for _ in range(2)] == [True, True]


async def test_an_upload_that_may_have_arrived_is_not_sent_again_before_virustotal_was_asked(opened):
    """Not before some time later, either; or when somebody has agreed to a newer analysis since."""
    store, now = StoredReplies(opened), datetime.now(UTC)
    with pytest.raises(ZeroDivisionError):
        async with store.claimed(FILE):
            raise ZeroDivisionError
    for checked in (None, now, now + timedelta(seconds=5)):
        found = await claim(store, FILE.evolve(checked_at=checked))
        assert (found.is_own, found.upload_started is None) == (False, False)
    agreed = FILE.evolve(reanalyse_after=now - timedelta(minutes=1), checked_at=now + timedelta(minutes=1))
    assert not (await claim(store, agreed)).is_own
    assert (await claim(store, FILE.evolve(checked_at=now + timedelta(minutes=1)))).is_own


async def kept_of(replies, *names):
    """Which of these replies are stored."""
    return "".join(sorted(await replies.get(names, NOON - timedelta(days=9))))


async def test_the_newest_replies_that_fit_are_kept(opened):
    """Beyond so many rows, or so many bytes, the oldest are deleted, of whichever key."""
    for minute, name in enumerate("abcdef"):
        owner = StoredReplies(opened, "x:" if name == "b" else "")
        await owner.put({name: {"text": secrets.token_hex(1000)}}, NOON + timedelta(minutes=minute))
    await StoredReplies(opened, max_rows=0).prune(NOON - timedelta(days=1))
    assert await kept_of(StoredReplies(opened), *"abcdef") == "acdef"
    await StoredReplies(opened, max_rows=4).prune(NOON - timedelta(days=1))
    assert await kept_of(StoredReplies(opened), *"abcdef") == "cdef"
    assert await kept_of(StoredReplies(opened, "x:"), "b") == ""
    await StoredReplies(opened, max_bytes=3 * 2100).prune(NOON - timedelta(days=1))
    assert await kept_of(StoredReplies(opened), *"abcdef") == "def"
    await StoredReplies(opened).prune(NOON + timedelta(minutes=4))
    assert await kept_of(StoredReplies(opened), *"abcdef") == "ef"


async def test_more_replies_than_are_deleted_at_once(database):
    """What exceeds the bounds by far is deleted all the same."""
    opened = Database(database, timeout=60)  # on one busy core that takes longer than two seconds
    await opened.rows(
        "INSERT INTO replies SELECT n::text, '{}', %(at)s + n * interval '1 second' FROM generate_series(1, 12_000) AS n",
        {"at": NOON},
    )
    await StoredReplies(opened, max_rows=100).prune(NOON)
    [[count, first]] = await opened.rows("SELECT count(*), min(key::int) FROM replies", {})
    assert (count, first) == (100, 11_901)
    await opened.close()


FILL = """
    INSERT INTO cases SELECT n::text, n::text, %(at)s, 'T1', 'U1', 'C1', 'lookup', 'answered', 0, '{}', '{}'
    FROM generate_series(1, 1100) AS n;
    INSERT INTO sightings SELECT n::text, 0, 'T1', 'U1', 'C1', true, 's', %(at)s, 'CLEAN', 0, 70, '{}'
    FROM generate_series(1, 1100) AS n;
    INSERT INTO audit SELECT n::text, n::text, %(at)s, 'T1', 'U1', 'C1', 'command', 'lookup', NULL, '[]', 'answered', NULL, 1
    FROM generate_series(1, 1100) AS n;
    INSERT INTO modals SELECT n::text, n::text, %(at)s, '{}' FROM generate_series(1, 1100) AS n
"""
FEW_AT_ONCE = """
    CREATE FUNCTION few() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN IF (SELECT count(*) FROM gone) > 500 THEN RAISE ''too many''; END IF; RETURN NULL; END'
"""


async def test_what_is_old_is_deleted_in_several_statements(database):
    """One that deletes all of a long time's rows would take longer than a statement may, each time it is tried."""
    opened = Database(database, timeout=60)
    with psycopg.connect(database, autocommit=True) as connection:
        psycopg.ClientCursor(connection).execute(FILL, {"at": NOON})
        connection.execute(FEW_AT_ONCE)
        parts = {"cases": Cases, "sightings": History, "audit": AuditTrail, "modals": Modals}
        for table, part in parts.items():
            connection.execute(
                f"CREATE TRIGGER few AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone EXECUTE FUNCTION few()"
            )
            await part(opened).prune(NOON + timedelta(seconds=1))
            count = connection.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - constants
            assert count.fetchone() == (0,)
    await opened.close()


async def test_a_reply_beyond_the_bound_is_not_kept(opened):
    """It would drive out all others; those before and after it stay."""
    small, large = {"text": secrets.token_hex(100)}, {"text": secrets.token_hex(5000)}
    for minute, reply in enumerate((small, large, small)):
        await StoredReplies(opened).put({str(minute): reply}, NOON + timedelta(minutes=minute))
    replies = StoredReplies(opened, max_bytes=5000)
    await replies.prune(NOON - timedelta(days=1))
    assert await kept_of(replies, *"012") == "02"
    await replies.put({"3": large, "4": small}, NOON)
    assert await kept_of(replies, *"34") == "4"


async def everything(database: Database) -> None:
    """Each thing that is asked of the store says that it is down."""
    cases, replies = Cases(database), StoredReplies(database)
    for call in (
        cases.accept(request("x")),
        cases.case("x"),
        cases.save(Case(request=request("x"))),
        cases.again("x", NOON),
        cases.prune(NOON),
        replies.prune(NOON),
        cases.ping(),
        replies.get(["x"], NOON),
        replies.put({"x": {}}, NOON),
    ):
        with pytest.raises(StoreDown) as caught:
            await call
        assert caught.value.__cause__ is None


async def test_stopped_database(server):
    """While the database is stopped everything says so, and when it is back everything works again."""
    database = Database(server.url)
    await Cases(database).accept(request("before"))
    server.stop()
    await everything(database)
    server.start()
    assert await Cases(database).accept(request("after"))
    assert await Cases(database).case("before")
    await database.close()


async def test_frozen_database(server):
    """A database that stands still is down after the store's timeout, and up when it goes on."""
    database = Database(server.url, timeout=0.2)
    await Cases(database).ping()
    with psycopg.connect(server.url) as connection:
        pids = [
            row[0]
            for row in connection.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        ]
    for pid in (server.pid, *pids):
        os.kill(pid, signal.SIGSTOP)
    try:
        await everything(database)
    finally:
        for pid in (server.pid, *pids):
            os.kill(pid, signal.SIGCONT)
    await until(Cases(database).ping)
    await database.close()


async def until(works) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                return await works()
            except StoreDown:
                await asyncio.sleep(0.05)


async def test_locked_tables(database):
    """A table that somebody locks makes the store down, not slow, and what was refused is not kept later."""
    opened = Database(database, timeout=0.2)
    with psycopg.connect(database) as connection:
        connection.execute("LOCK TABLE cases")
        with pytest.raises(StoreDown):
            await Cases(opened).accept(request())
        await asyncio.sleep(0.3)
    await asyncio.sleep(0.1)
    assert jobs(database) == []
    await opened.close()


async def test_unreachable_database():
    """A store whose database was never there says that it is down."""
    database = Database(make_conninfo("postgresql://u:canary@127.0.0.1:1/x"))
    await everything(database)
    await database.close()


def test_only_the_queue_knows_procrastinates_tables():
    """Whatever reads or writes them, or uses its private methods, is in bot/queue."""
    root = Path(bot.__file__).parent
    outside = [path for path in root.rglob("*.py") if path.parent != root / "queue"]
    knowing = re.compile(r"procrastinate_|(?:import|from) procrastinate")
    assert [path.name for path in outside if knowing.search(path.read_text())] == []
