"""Jobs as rows of procrastinate's table: the statements that write them, and that put stalled ones back into the queue.

They are written without procrastinate's own API so that a case and its first job are stored by one statement: both or
neither, in one round trip. `queueing_lock` is unique among jobs that wait, so a case never has two of them: a later one
replaces the one that waits. `lock` keeps two jobs of one case from running at the same time.
"""

import asyncio
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database import Database, with_setting

log = structlog.get_logger()

QUEUE = "vtbot-2"
"""The queue that is written to. Its number goes up with a stored shape that the release before cannot read: then its
processes, which may still run during a rolling restart, do not take jobs whose rows they would fail on."""
OLDER_QUEUE = "vtbot"
"""The queue of the release before. What its processes write to it is moved to ours (see bot.queue.schema.take_over_queue)."""
QUEUES = (QUEUE, OLDER_QUEUE)
"""The queues that workers take jobs from."""
TURN = "turn"
"""The task that takes the next turn of a case. Stored, so it keeps its name."""
BATCH = "round"
"""The task that works on the cards of watched channels. Stored, so it keeps its first name."""
PEOPLE = 10
"""The priority of what a person waits for."""
AUTOMATIC = 0
"""The priority of what nobody asked for."""

# Delays count from the database's own time, which is also the one that starts the job: it makes no difference then whether
# the clock of the process is right.
FIRST_TURN = f"""
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args)
    SELECT '{QUEUE}', '{TURN}', priority, id, id, jsonb_build_object('case_id', id) FROM kept
    RETURNING id
"""  # noqa: S608 - constants
"""The last part of a statement whose CTE `kept` holds the id and priority of each case that it has stored."""
NEXT_TURN = text(f"""
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
    SELECT '{QUEUE}', '{TURN}', priority, id, id,
           jsonb_build_object('case_id', id, 'failures', CAST(:failures AS int), 'outage', CAST(:outage AS boolean)), now() + make_interval(secs => :seconds)
    FROM cases WHERE id = :id
    ON CONFLICT (queueing_lock) WHERE status = 'todo'
    DO UPDATE SET args = excluded.args, scheduled_at = excluded.scheduled_at
""")  # noqa: S608 - constants
"""Another turn of the case `id` in `seconds`. `failures`: how many turns in a row have failed before it.

`outage`: it waits for VirusTotal to answer again.
"""
WAKE = text("""
    UPDATE procrastinate_jobs SET scheduled_at = now() + make_interval(secs => 2 * random())
    WHERE status = 'todo' AND args->>'outage' = 'true' AND scheduled_at > now() + interval '2 seconds'
""")
"""VirusTotal answers again: those who wait for that take their turn, not all in the same moment."""
NEXT_BATCH = text(f"""
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, scheduled_at)
    VALUES ('{QUEUE}', '{BATCH}', {AUTOMATIC}, '{BATCH}', '{BATCH}', now() + make_interval(secs => :seconds))
    ON CONFLICT (queueing_lock) WHERE status = 'todo'
    DO UPDATE SET scheduled_at = LEAST(procrastinate_jobs.scheduled_at, excluded.scheduled_at)
""")  # noqa: S608 - constants
"""A batch in `seconds`, or earlier if one is due earlier."""

# procrastinate itself never deletes any of these. It defers nothing that was due more than ten minutes ago.
_PRUNE = (
    text(
        "DELETE FROM procrastinate_periodic_defers WHERE to_timestamp(defer_timestamp) < now() - interval '1 day'"
    ),
    text("DELETE FROM procrastinate_workers WHERE last_heartbeat < now() - interval '1 day'"),
    text("""
        DELETE FROM procrastinate_jobs WHERE status NOT IN ('todo', 'doing') AND queue_name = ANY(:queues)
           AND NOT EXISTS (
               SELECT FROM procrastinate_events
               WHERE job_id = procrastinate_jobs.id AND at > now() - interval '30 days'
           )
    """).bindparams(queues=list(QUEUES)),
)

_COUNTS = text(f"""
    SELECT CASE WHEN job.status = 'doing' THEN 'running' WHEN job.status <> 'todo' THEN 'failed'
                WHEN job.scheduled_at > now() THEN 'scheduled' ELSE 'waiting' END AS state,
           CASE job.priority WHEN {PEOPLE} THEN 'people' WHEN {AUTOMATIC} THEN 'automatic' ELSE 'other' END AS priority,
           count(*), max(EXTRACT(epoch FROM now() - COALESCE(job.scheduled_at, cases.created)))::float
    FROM procrastinate_jobs AS job LEFT JOIN cases ON cases.id = job.lock
    WHERE job.queue_name = ANY(:queues) GROUP BY 1, 2
""").bindparams(queues=list(QUEUES))  # noqa: S608 - constants

LIVE = 0x76_74_62_6F
"""The first half of the advisory lock ("vtbo") that a worker's session holds; the other half is the worker's id."""
_LOCK = "SELECT pg_try_advisory_lock(%(live)s, (%(id)s %% 2147483648)::int)"
_BEAT = "UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = %(id)s"
# A job is orphaned when its worker's session has ended: the server drops the lock at once, however the process died.
# A live worker whose session was ended opens another, hence the heartbeat, of which two must be missing. After a restart
# of the server no session is left, so then only heartbeats count, and only from the restart on. It is orphaned too when
# its worker is no longer registered.
# It is stalled when its worker has sent no heartbeat for `stalled` seconds, or is our own (`mine`) and is not running it
# (`busy`), as after a status that could not be written.
_STALLED = f"""
    FROM procrastinate_jobs AS job LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id
    CROSS JOIN LATERAL (
        SELECT worker.id IS NULL
            OR worker.last_heartbeat > pg_postmaster_start_time()
           AND worker.last_heartbeat < now() - make_interval(secs => :missing)
           AND NOT EXISTS (
               SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = {LIVE} AND objsubid = 2
                  AND objid::bigint = worker.id % 2147483648
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
           ) AS orphaned
    ) AS session
    WHERE job.status = 'doing' AND job.queue_name = ANY(:queues) AND job.id <> ALL(:busy)
      AND (session.orphaned OR worker.id = :mine
           OR GREATEST(worker.last_heartbeat, pg_postmaster_start_time()) < now() - make_interval(secs => :stalled))
"""  # noqa: S608 - constants
_FIND = text(f"SELECT job.id, session.orphaned {_STALLED}")
# When the case's next turn is stored already, the stalled job is deleted: it had done its work, and `queueing_lock`
# allows one waiting job only. SKIP LOCKED: another process may be requeueing the same jobs.
_REQUEUE = text(f"""
    WITH stalled AS (SELECT job.id, job.queueing_lock {_STALLED} AND job.id = ANY(:suspects) FOR UPDATE OF job SKIP LOCKED),
    obsolete AS (
        DELETE FROM procrastinate_jobs USING stalled
        WHERE procrastinate_jobs.id = stalled.id AND EXISTS (
            SELECT FROM procrastinate_jobs AS next
            WHERE next.queueing_lock = stalled.queueing_lock AND next.status = 'todo'
        )
        RETURNING stalled.id
    )
    UPDATE procrastinate_jobs SET status = 'todo', worker_id = NULL, scheduled_at = NULL, attempts = attempts + 1
    FROM stalled WHERE procrastinate_jobs.id = stalled.id AND stalled.id NOT IN (SELECT id FROM obsolete)
    RETURNING stalled.id
""")  # noqa: S608 - constants


async def prune(database: Database) -> None:
    """Delete what is left of periodic jobs, of jobs that ended long ago, and of dead workers. Raises StoreDown."""

    async def delete(connection: AsyncConnection) -> None:
        for statement in _PRUNE:
            await connection.execute(statement)

    await database.run(delete)


async def counts(database: Database) -> list[tuple[str, str, int, float]]:
    """How many jobs are in each state at each priority, and for how many seconds the oldest has been due. Raises StoreDown."""

    async def find(connection: AsyncConnection) -> Any:
        return (await connection.execute(_COUNTS)).all()

    rows = await database.run(find)
    return [(state, priority, count, max(0.0, seconds or 0.0)) for state, priority, count, seconds in rows]


@dataclass(frozen=True, slots=True)
class Pace:
    """Intervals and timeouts, in seconds."""

    poll: float = 0.5
    """Between looks for scheduled jobs: they start at most this late."""
    heartbeat: float = 1
    missing: float = 3
    """A worker without a session and without a heartbeat for this long is dead."""
    stalled: float = 10
    """A worker without a heartbeat for this long is dead, even if its session has not ended."""
    sweep: float = 0.5
    """Between looks for jobs of dead workers; those whose worker's session has ended are requeued by the second look."""
    recheck: float = 3
    """How long other stalled jobs must be found before they are requeued."""
    grace: float = 4
    """How long running turns may go on when the worker stops. Less than `stalled`, so that no other worker takes them."""
    refused: float = 30
    """Before work is taken up again that rests because Slack does not accept the bot's token."""
    rest: float = 1
    """Before a worker that ended is replaced."""
    timeout: float = 5
    """For getting a connection to the database; then the worker ends and is replaced."""


class WorkerUnknown(Exception):
    """The worker is no longer registered: others have taken it for dead."""


class WorkerSession:
    """A worker's session of its own: it holds the lock that shows that the process lives, and sends the heartbeats.

    Heartbeats go through this session so that none is sent without the lock.
    """

    def __init__(self, url: str, timeout: float) -> None:
        """`timeout`: seconds that the database may take for one heartbeat."""
        self._conninfo = with_setting(url, "synchronous_commit", "off")
        self._timeout = timeout
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def beat(self, worker_id: int) -> None:
        """Send a heartbeat, in a new session if there is none or it has ended. Raises WorkerUnknown, psycopg.Error, OSError, TimeoutError."""
        if self._connection is not None:
            try:
                await self._send(self._connection, worker_id)
            except (psycopg.Error, OSError, TimeoutError):
                await self.close()
            else:
                return
        async with asyncio.timeout(self._timeout):
            self._connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
            await self._connection.execute(_LOCK, {"live": LIVE, "id": worker_id})
        await self._send(self._connection, worker_id)

    async def _send(self, connection: psycopg.AsyncConnection[Any], worker_id: int) -> None:
        async with asyncio.timeout(self._timeout):
            if not (await connection.execute(_BEAT, {"id": worker_id})).rowcount:
                raise WorkerUnknown

    async def close(self) -> None:
        """End the session: its lock is free."""
        connection, self._connection = self._connection, None
        if connection:
            await connection.close()


class StalledJobs:
    """Puts stalled jobs back into the queue, and those whose worker's process has died.

    Only what is found again after a while is requeued. An orphaned job is found again by the next sweep; the others
    get `recheck` seconds, in which a machine that was suspended can send heartbeats again.
    """

    def __init__(
        self,
        database: Database,
        running: AbstractSet[int],
        *,
        stalled: float,
        missing: float,
        recheck: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the limits, in seconds, and the ids of the jobs that this process runs, kept current.

        `stalled`: without a heartbeat; `missing`: without one and without a session.
        """
        self._database = database
        self._limits = {"stalled": stalled, "missing": missing}
        self._recheck = recheck
        self._running = running
        self._clock = clock
        self._suspects: dict[int, float] = {}

    async def sweep(self, mine: int | None) -> None:
        """Requeue what was found before and still is, and look for others. `mine`: the id of our own worker. Raises StoreDown."""
        values = {"queues": list(QUEUES), "busy": list(self._running), "mine": mine, **self._limits}
        now = self._clock()
        found = await self._rows(_FIND, values)
        due = [
            row.id
            for row in found
            if row.id in self._suspects and (row.orphaned or now - self._suspects[row.id] >= self._recheck)
        ]
        if due and (requeued := await self._rows(_REQUEUE, values | {"suspects": due})):
            log.warning("stalled_jobs_requeued", count=len(requeued))
        self._suspects = {row.id: self._suspects.get(row.id, now) for row in found if row.id not in due}

    async def _rows(self, statement: Any, values: dict[str, Any]) -> list[Row[Any]]:
        return list(await self._database.run(lambda connection: connection.execute(statement, values)))
