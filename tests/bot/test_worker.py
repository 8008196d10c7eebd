"""A stored turn is taken: again when it broke, by another when its process died, and never twice at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from inspect import isawaitable

import psycopg
import pytest
from pydantic import SecretStr

from bot.connections import FirstTurns
from bot.database import Database, Pool
from bot.queue.jobs import AUTOMATIC, Pace, prune
from bot.queue.worker import MOST_ATTEMPTS, PAUSES, Turns
from bot.storage.cases import Cases
from bot.storage.virustotal import QuotaStore
from handlers.case import Outcome
from tests.bot.test_storage import request
from tests.conftest import EMPTYING
from vt.quota import Limits

# Quick, but not so quick that a busy machine looks like a dead worker, or like a database that is away.
QUICK = Pace(
    poll=0.05,
    heartbeat=0.1,
    stalled=1.5,
    sweep=0.1,
    recheck=0.1,
    missing=0.5,
    grace=1,
    rest=0.05,
)
BELL_ONLY = Pace(poll=3600)
AT_ONCE = (0,) * len(PAUSES)
CLOCK_ERROR = 0.1
"""Seconds by which a process may be wrong about the database's clock."""
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Bot:
    """Takes turns as a bot does, and remembers what happened."""

    def __init__(self, url: str, turn=None, first_turns=None, **options):
        """`first_turns`: it takes those itself; else they wait for whichever worker comes."""
        self.url, self.first_turns = url, first_turns
        self.database = Database(
            url, timeout=60
        )  # on a busy machine, fifty statements at once take longer than two seconds
        self.cases = Cases(self.database, first_turns=first_turns)
        self.happened = []
        self.tidied = asyncio.Event()
        self._news = asyncio.Condition()
        self._turn = turn
        self.turns = Turns(
            url,
            self.database,
            turn=self._take,
            give_up=lambda case_id: self.note(f"gave up {case_id}"),
            tidy=self._tidy,
            run_batch=lambda: self.note("went round"),
            first_turns=first_turns,
            **{"pace": QUICK, "pauses": AT_ONCE} | options,
        )

    async def note(self, what):
        async with self._news:
            self.happened.append(what)
            self._news.notify_all()

    async def until(self, *expected):
        """Waits until these have happened, in any order."""
        async with asyncio.timeout(60), self._news:
            await self._news.wait_for(lambda: sorted(self.happened) == sorted(expected))

    async def _tidy(self):
        self.tidied.set()

    async def _take(self, case_id):
        await self.note(case_id)
        if self._turn:
            await self._turn(self, case_id)

    async def __aenter__(self):
        await self.turns.__aenter__()
        return self

    async def __aexit__(self, *_):
        await self.turns.__aexit__()
        await self.database.close()


async def ask(url: str, query: str, *values) -> list[tuple]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(query, values)
        return await cursor.fetchall() if cursor.description else []


async def jobs(url: str) -> list[tuple]:
    return await ask(
        url, "SELECT args->>'case_id', status::text FROM procrastinate_jobs WHERE task_name = 'turn'"
    )


async def eventually(seen):
    """What `seen` sees, once it sees something. It looks less and less often: each look may cost a new session."""
    pause = 0.02
    async with asyncio.timeout(60):
        while True:
            found = seen()
            if found := await found if isawaitable(found) else found:
                return found
            await asyncio.sleep(pause)
            pause = min(0.5, pause * 1.2)


async def listening(url: str):
    """A worker hears what is stored from now on."""
    others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    await eventually(lambda: ask(url, f"{others} AND query ~ 'LISTEN'"))


async def left(url: str, *expected):
    """Waits until only these jobs are stored."""

    async def as_expected():
        return await jobs(url) == list(expected)

    await eventually(as_expected)


async def test_a_turn_is_taken(database):
    """An accepted case gets its turn at once, and nothing is left of the job."""
    async with Bot(database, pace=BELL_ONLY) as bot:
        await listening(database)
        await bot.cases.accept(request("a"))
        await bot.until("a")
        await left(database)


async def test_turns_from_before(database):
    """What was accepted while nobody worked is taken when somebody does."""
    bot = Bot(database)
    await bot.cases.accept(request("a"))
    async with bot:
        await bot.until("a")


async def test_next_turns(database):
    """A turn may ask for another, which begins when this one has ended, and not before its time."""
    ended = []

    async def turn(bot, case_id):
        if len(bot.happened) < 4:
            await bot.cases.again(case_id, LONG_AGO)
            await asyncio.sleep(0.02)
        ended.append(len(bot.happened))

    async with Bot(database, turn, pace=BELL_ONLY) as bot:
        await listening(database)
        await bot.cases.accept(request("a"))
        await bot.until(*"aaaa")
        await left(database)
        assert ended == [1, 2, 3, 4]
        await bot.cases.again("a", datetime.now(UTC) + timedelta(hours=1))
        await asyncio.sleep(0.1)
        assert bot.happened == ["a"] * 4


async def test_scheduled_turn(database):
    """A turn for later is taken when its time has come."""
    async with Bot(database) as bot:
        await bot.cases.accept(request("a"))
        await bot.until("a")
        at = datetime.now(UTC) + timedelta(seconds=0.3)
        await bot.cases.again("a", at)
        await bot.until("a", "a")
        assert datetime.now(UTC) >= at


async def test_broken_turns(database):
    """A turn that breaks is taken again after each pause, and then given up."""

    async def turn(_bot, _case_id):
        raise RuntimeError("canary")

    async with Bot(database, turn) as bot:
        await bot.cases.accept(request("a"))
        await bot.until(*["a"] * (len(PAUSES) + 1), "gave up a")
        await left(database)


async def test_pauses_grow(database):
    """The pause after the second broken turn in a row is longer; a good turn in between makes it short again."""
    broken = iter([True, True, False, True])

    async def turn(bot, case_id):
        if next(broken):
            raise RuntimeError
        await bot.cases.again(case_id, LONG_AGO)

    async def pause() -> float:
        waiting = "SELECT extract(epoch FROM scheduled_at - now()) FROM procrastinate_jobs WHERE scheduled_at > now()"
        rows = await eventually(lambda: ask(database, waiting))
        await ask(database, "UPDATE procrastinate_jobs SET scheduled_at = NULL")
        return float(rows[0][0])

    async with Bot(database, turn, pauses=PAUSES) as bot:
        await bot.cases.accept(request("a"))
        await bot.until("a")
        assert 0 < await pause() <= PAUSES[0] + CLOCK_ERROR < await pause() <= PAUSES[1] + CLOCK_ERROR
        await bot.until(*"aaaa")
        assert 0 < await pause() <= PAUSES[0] + CLOCK_ERROR


async def test_giving_up_that_fails(database):
    """A case whose giving up fails is not lost: it is tried again later."""

    async def fail(case_id):
        await bot.note(f"could not give up {case_id}")
        if len(bot.happened) < 2:
            raise RuntimeError

    bot = Bot(database)
    bot.turns._give_up = fail
    await bot.cases.accept(request("a"))
    await ask(database, "UPDATE procrastinate_jobs SET attempts = %s", MOST_ATTEMPTS)
    async with bot:
        await bot.until("could not give up a")
        await left(database, ("a", "todo"))
        await ask(database, "UPDATE procrastinate_jobs SET scheduled_at = NULL")
        await bot.until("could not give up a", "could not give up a")


async def test_long_turns(database):
    """A turn that takes longer than a worker may be silent is taken once: its worker is not silent."""

    async def turn(_bot, _case_id):
        await asyncio.sleep(QUICK.stalled * 2)

    async with Bot(database, turn) as one, Bot(database, turn) as other:
        await one.cases.accept(request("a"))
        await left(database)
        assert one.happened + other.happened == ["a"]


async def test_lost_by_its_own_worker(database):
    """A job that this worker is said to do, but does not, is done after all."""
    async with Bot(database) as bot:
        await bot.cases.accept(request("a"))
        await bot.until("a")
        await bot.cases.again("a", datetime.now(UTC) + timedelta(hours=1))
        await ask(
            database,
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT max(id) FROM procrastinate_workers)",
        )
        await bot.until("a", "a")


async def test_dead_after_its_last_word(database):
    """When a process died after it had stored the case's next turn, that one is taken, and only that one."""
    bot = Bot(database)
    await bot.cases.accept(request("a"))
    await ask(database, "UPDATE procrastinate_jobs SET status = 'doing'")
    await bot.cases.again("a", LONG_AGO)
    async with bot:
        await left(database)
        assert bot.happened == ["a"]


async def test_forgotten_worker(database):
    """A worker whose record is gone, as after the machine slept, is replaced and goes on."""
    async with Bot(database) as bot:
        await eventually(lambda: bot.turns.working)
        await ask(database, "DELETE FROM procrastinate_workers")
        await bot.cases.accept(request("a"))
        await bot.until("a")


async def test_ended_sessions(database):
    """A pool replaces each connection whose session was ended, and need not be closed and opened for it."""
    others = f"""FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND application_name <> '{EMPTYING}'"""
    pool = Pool(database, 2)
    async with pool.connection(), pool.connection():
        pass
    assert await ask(database, f"SELECT pg_terminate_backend(pid, 20000) {others}") == [(True,), (True,)]
    async with pool.connection() as connection:
        assert await (await connection.execute("SELECT 1")).fetchone() == (1,)
    await pool.close()


async def test_graceful_stop(database):
    """When the worker stops, short turns are ended; a long one is cut off and taken by the next worker."""
    stops = asyncio.Event()

    async def turn(bot, case_id):
        await stops.wait()
        await asyncio.sleep(0.1 if case_id == "short" else 3600)
        await bot.note(f"ended {case_id}")

    async with Bot(database, turn) as bot:
        await bot.cases.accept(request("short"))
        await bot.cases.accept(request("long"))
        await bot.until("short", "long")
        stops.set()
    assert bot.happened[2:] == ["ended short"]
    assert await jobs(database) == [("long", "todo")]
    async with Bot(database) as bot:
        await bot.until("long")


async def test_people_first(database):
    """What people wait for is done before what nobody asked for."""
    bot = Bot(database, concurrency=1)
    for name in ("1", "2"):
        await bot.cases.accept(request(name), AUTOMATIC)
    await bot.cases.accept(request("person"))
    async with bot:
        await left(database)
    assert bot.happened == ["person", "1", "2"]


async def test_tidying(database):
    """The tidying that is stored once an hour is done."""
    tidy = ("vtbot", "tidy", '{"timestamp": 0}')
    await ask(
        database, "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES (%s, %s, %s)", *tidy
    )
    async with Bot(database) as bot, asyncio.timeout(60):
        await bot.tidied.wait()


async def test_nothing_in_the_log(database, caplog):
    """The log of procrastinate holds no job's arguments, whatever becomes of the job."""
    caplog.set_level("DEBUG", logger="root")

    async def turn(_bot, case_id):
        if case_id == "canary-broken":
            raise RuntimeError("canary")

    async with Bot(database, turn) as bot:
        for name in ("canary-good", "canary-broken"):
            await bot.cases.accept(request(name))
        await left(database)
    assert "canary" not in caplog.text


@pytest.mark.parametrize("turns", [50])
async def test_each_once(database, turns):
    """Many turns over two workers: each is taken once."""
    async with Bot(database) as one, Bot(database) as other:
        await asyncio.gather(*(one.cases.accept(request(str(n))) for n in range(turns)))
        await left(database)
        assert sorted(one.happened + other.happened) == sorted(str(n) for n in range(turns))


# First turns, which the process that accepted the request takes itself ------------------------------------


async def test_a_first_turn_is_taken_by_who_accepted(database):
    """At once, by the one of two processes that accepted it, and nothing is left of the job."""
    async with Bot(database, first_turns=FirstTurns()) as one, Bot(database) as other:
        await eventually(lambda: one.first_turns.owner() and other.turns.working)
        for name in ("a", "b", "c"):
            await one.cases.accept(request(name))
        await one.until("a", "b", "c")
        await left(database)
        assert other.happened == []


async def test_a_first_turn_needs_no_read(database):
    """The case is as it was accepted; whoever asks again reads what is stored."""
    found = []

    async def turn(bot, case_id):
        found.extend([await bot.cases.case(case_id), await bot.cases.case(case_id)])

    async with Bot(database, turn, first_turns=FirstTurns()) as bot:
        await eventually(bot.first_turns.owner)
        await bot.cases.accept(request("a"))
        await left(database)
    assert found[0] == found[1]


async def test_a_first_turn_that_breaks(database):
    """It is taken again from the queue, after each pause, and then given up."""

    async def turn(_bot, _case_id):
        raise RuntimeError("canary")

    async with Bot(database, turn, first_turns=FirstTurns()) as bot:
        await eventually(bot.first_turns.owner)
        await bot.cases.accept(request("a"))
        await bot.until(*["a"] * (len(PAUSES) + 1), "gave up a")
        await left(database)


async def test_a_first_turn_whose_end_is_not_stored(database):
    """What the turn put off could not be written: the request is found again, and taken once more."""

    async def turn(bot, _case_id):
        if len(bot.happened) == 1:
            await bot.database.write_later(("SELECT 1 / 0", {}))

    async with Bot(database, turn, first_turns=FirstTurns()) as bot:
        await eventually(bot.first_turns.owner)
        await bot.cases.accept(request("a"))
        await bot.until("a", "a")
        await left(database)


@pytest.mark.parametrize("saved", ["before", "after", "between"])
async def test_a_first_turn_is_written_as_one(database, saved):
    """Its end, with the job's and what it has cost, is one transaction: all of it, or nothing."""

    async def turn(bot, case_id):
        case = await bot.cases.case(case_id)
        done = bot.cases.save(case.model_copy(update={"outcome": Outcome.DONE}))
        spent = [bot.cases.spent(case_id, 1), bot.cases.spent(case_id, 1)]
        order = {"before": [done, *spent], "after": [*spent, done], "between": [spent[0], done, spent[1]]}
        for step in order[saved]:
            await step
        written.append(await ask(database, "SELECT outcome, calls FROM audit"))

    written = []
    async with Bot(database, turn, first_turns=FirstTurns()) as bot:
        await eventually(bot.first_turns.owner)
        await bot.cases.accept(request("a"))
        await left(database)
        assert written == [[("open", 0)]]
        rows = "SELECT outcome, calls, audit.xmin = cases.xmin FROM audit JOIN cases USING (id, outcome)"
        assert await ask(database, rows) == [("answered", 2, True)]


AT_COMMIT = """
    CREATE TABLE committed (change text, awaited text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO committed VALUES (TG_OP, current_setting(''synchronous_commit'')); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER note AFTER INSERT OR UPDATE ON cases DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION note();
    CREATE CONSTRAINT TRIGGER note AFTER UPDATE ON quotas DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION note();
    DO 'BEGIN EXECUTE format(''ALTER DATABASE %I SET synchronous_commit = on'', current_database()); END'
"""


async def test_what_is_awaited_on_disk(database):
    """A request, and what is stored while it is answered; not the end of its first turn, which would be taken again."""

    async def turn(bot, case_id):
        case = await bot.cases.case(case_id)
        await bot.cases.save(case.model_copy(update={"posting": "C1"}))
        await bot.cases.save(case.model_copy(update={"outcome": Outcome.DONE}))

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(AT_COMMIT)
    async with Bot(database, turn, first_turns=FirstTurns()) as bot:
        await eventually(bot.first_turns.owner)
        await bot.cases.accept(request("a"))
        await eventually(lambda: ask(database, "SELECT 1 FROM cases WHERE outcome = 'answered'"))
        rows = await ask(database, "SELECT change, awaited FROM committed")
        assert rows == [("INSERT", "on"), ("UPDATE", "on"), ("UPDATE", "off")]


@pytest.mark.parametrize(("limits", "awaited"), [(Limits(), "on"), (Limits(0, 0, 0), "off")])
async def test_a_booked_call_is_awaited_on_disk_if_it_counts(database, limits, awaited):
    """A key's limits hold across a crash of the database. Without limits, a booking is worth no wait."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(AT_COMMIT)
    opened = Database(database)
    await QuotaStore(opened, SecretStr("key"), limits, lambda: datetime.now(UTC)).take()
    await opened.close()
    assert await ask(database, "SELECT change, awaited FROM committed") == [("UPDATE", awaited)]


async def test_what_refers_to_a_job_is_deleted_with_it(database):
    """Its events; those of a first turn that waited, by housekeeping. When its worker is deleted, the job has none."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("""
            INSERT INTO procrastinate_workers DEFAULT VALUES;
            INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('vtbot-2', 'tidy');
            INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at) VALUES ('vtbot-2', 'turn', now());
            INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('vtbot-2', 'turn');
            UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT id FROM procrastinate_workers);
            DELETE FROM procrastinate_workers
        """)
    assert await ask(database, "SELECT DISTINCT worker_id FROM procrastinate_jobs") == [(None,)]
    first = await ask(database, "DELETE FROM procrastinate_jobs RETURNING id, scheduled_at, task_name")
    waited = [job for job, scheduled, task in first if task == "turn" and scheduled is None]
    assert await ask(database, "SELECT DISTINCT job_id FROM procrastinate_events") == [(waited[0],)]
    opened = Database(database)
    await prune(opened)
    await opened.close()
    assert await ask(database, "SELECT FROM procrastinate_events") == []


async def test_a_periodic_job_that_ends_is_deleted(database):
    """Its schedule refers to it: procrastinate's trigger unlinks that, which it does not do for turns."""
    await ask(
        database,
        """
        WITH job AS (
            INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('vtbot-2', 'tidy', 'doing') RETURNING id
        )
        INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp, job_id, periodic_id) SELECT 'tidy', 1, id, 'x' FROM job
        """,
    )
    await ask(database, "DELETE FROM procrastinate_jobs WHERE task_name = 'tidy'")
    assert await ask(database, "SELECT job_id FROM procrastinate_periodic_defers") == [(None,)]


async def test_a_stop_amid_first_turns(database):
    """Short ones are ended; a long one, and those that have not begun, are taken by the next worker."""

    async def turn(bot, case_id):
        await asyncio.sleep(0.1 if case_id == "short" else 3600)
        await bot.note(f"ended {case_id}")

    async with Bot(database, turn, first_turns=FirstTurns(at_once=2)) as bot:
        await eventually(bot.first_turns.owner)
        for name in ("short", "long", "longer", "waits"):
            await bot.cases.accept(request(name))
        await bot.until("short", "long", "ended short", "longer")
    assert sorted(await jobs(database)) == [("long", "todo"), ("longer", "todo"), ("waits", "todo")]
    async with Bot(database) as bot:
        await bot.until("long", "longer", "waits")


async def test_no_more_first_turns_than_there_is_room_for(database):
    """The others wait in the queue, for whichever process comes."""

    async def turn(_bot, _case_id):
        await asyncio.sleep(3600)

    full = FirstTurns(most=2)
    async with Bot(database, turn, first_turns=full, concurrency=1) as one:
        await eventually(one.first_turns.owner)
        for name in ("a", "b", "c", "d"):
            await one.cases.accept(request(name))
        await one.until("a", "b", "c")
        async with Bot(database) as other:
            await other.until("d")
        assert sorted(one.happened) == ["a", "b", "c"]


async def test_a_request_for_a_worker_that_is_gone(database):
    """Whoever is no longer registered gets no jobs: they wait."""
    first_turns = FirstTurns()
    first_turns.open(4711, None)
    bot = Bot(database, first_turns=first_turns)
    await bot.cases.accept(request("a"))
    assert await jobs(database) == [("a", "todo")]
    first_turns._worker = None
    async with bot:
        await bot.until("a")
