"""A worker and its heartbeats, by which the jobs of workers that have died are told from those that are running."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
import structlog
from procrastinate import App
from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker

from bot.connections import FirstTurns, Lease, Servers
from bot.database import Database
from bot.queue.jobs import LOST, QUEUES, Pace
from handlers.case import StoreDown

log = structlog.get_logger()

LIVE = 0x76_74_62_6F
"""The first half of the advisory lock ("vtbo") that a worker's session holds; the other half is the worker's id."""
LONG_AGO = 1e9
"""Seconds, as an interval that PostgreSQL can subtract from a time."""
_LOCK = "SELECT pg_try_advisory_lock(%(live)s, (%(id)s %% 2147483648)::int)"
# A job is orphaned when its worker's session has ended: the server drops the lock at once, however the process died.
# A live worker whose session was ended opens another, hence the heartbeat, of which two must be missing. After a restart
# of the server no session is left, so then only heartbeats count, and only from the restart on. The same holds after a
# failover, to a server that may have run for long: it is assumed when our own session had to be opened again. The job is
# orphaned too when its worker is no longer registered. A start or a heartbeat in the future is from before the clock was
# set back: that start says nothing, and such a worker is dead unless it sends another.
# It is stalled when its worker has sent no heartbeat for `stalled` seconds. It is also stalled when its worker is or was in this
# process (`workers`) and the process is not running it (`busy`), for example because its final status could not be written.
_STALLED = f"""
    FROM procrastinate_jobs AS job LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id
    CROSS JOIN (
        SELECT GREATEST(
            CASE WHEN pg_postmaster_start_time() < now() THEN pg_postmaster_start_time() ELSE '-infinity' END,
            now() - make_interval(secs => %(reopened)s)
        ) AS at
    ) AS started
    CROSS JOIN LATERAL (
        SELECT worker.id IS NULL
            OR worker.last_heartbeat > started.at
           AND worker.last_heartbeat < now() - make_interval(secs => %(missing)s)
           AND NOT EXISTS (
               SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = {LIVE} AND objsubid = 2
                  AND objid::bigint = worker.id %% 2147483648
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
           ) AS orphaned
    ) AS session
    WHERE job.status = 'doing' AND job.queue_name = ANY(%(queues)s) AND job.id <> ALL(%(busy)s)
      AND (session.orphaned OR worker.id = ANY(%(workers)s) OR worker.last_heartbeat > now() + make_interval(secs => %(missing)s)
           OR GREATEST(worker.last_heartbeat, started.at) < now() - make_interval(secs => %(stalled)s))
"""  # noqa: S608 - constants
_BEAT = f"""
    WITH beat AS (UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = %(mine)s RETURNING id)
    SELECT EXISTS (SELECT FROM beat) AS registered,
           (SELECT EXTRACT(epoch FROM min(COALESCE(scheduled_at, now())) - now())::float
            FROM procrastinate_jobs WHERE status = 'todo' AND queue_name = ANY(%(queues)s)) AS due,
           (SELECT json_object_agg(job.id, session.orphaned) {_STALLED}) AS stalled
"""  # noqa: S608 - constants
# When the case's next turn is stored already, the stalled job is deleted: it had done its work, and `queueing_lock`
# allows one waiting job only. SKIP LOCKED: another process may be requeueing the same jobs.
_REQUEUE = f"""
    WITH stalled AS (SELECT job.id, job.queueing_lock {_STALLED} AND job.id = ANY(%(suspects)s) FOR UPDATE OF job SKIP LOCKED),
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
"""  # noqa: S608 - constants


class WorkerUnknown(Exception):
    """The worker is no longer registered: others have taken it for dead."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What a heartbeat has found in the database."""

    due: float | None
    """In how many seconds the next waiting job is due; None if none waits."""
    stalled: Mapping[int, bool]
    """Jobs that are said to be running and seem not to be, by id; True if the session of their worker has ended."""


class WorkerSession:
    """A worker's session of its own: it holds the lock that shows that the process lives, and sends the heartbeats.

    Heartbeats go through this session so that none is sent without the lock. It is the same for all workers of a process.
    """

    def __init__(self, url: str, pace: Pace) -> None:
        self.lease = Lease(pace.missing)
        self._servers = Servers(url)
        self._timeout = pace.timeout
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._has_been_open = False
        self._reopened = -math.inf

    @property
    def seconds_since_reopened(self) -> float:
        """Since the session was opened again; infinite while it is the first one of this process."""
        return self.lease.clock() - self._reopened

    async def beat(self, values: Mapping[str, Any]) -> Beat:
        """Send a heartbeat, in a new session if there is none or it has ended. `values`: see StalledJobs.values.

        Raises WorkerUnknown, psycopg.Error, OSError, TimeoutError.
        """
        if self._connection is not None:
            try:
                return await self._send(self._connection, values)
            except (psycopg.Error, OSError, TimeoutError):
                await self.close()
        async with asyncio.timeout(self._timeout):
            connect = partial(psycopg.AsyncConnection.connect, autocommit=True)
            self._connection = await self._servers.connect(connect)
            if self._has_been_open:
                self._reopened = self.lease.clock()
            self._has_been_open = True
            await self._connection.execute("SET synchronous_commit = off")
            await self._connection.execute(_LOCK, {"live": LIVE, "id": values["mine"]})
        return await self._send(self._connection, values)

    async def _send(self, connection: psycopg.AsyncConnection[Any], values: Mapping[str, Any]) -> Beat:
        sent = self.lease.clock()
        async with asyncio.timeout(self._timeout):
            row = await (await connection.execute(_BEAT, values, prepare=True)).fetchone()
        if row is None or not row[0]:
            raise WorkerUnknown
        self.lease.extend(values["mine"], sent)
        return Beat(row[1], {int(job): orphaned for job, orphaned in (row[2] or {}).items()})

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
        pace: Pace,
        running: Callable[[], Sequence[int]],
        session: WorkerSession,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`running`: the ids of the jobs that this process runs. `session`: that of its workers."""
        self._database = database
        self._limits = {"stalled": pace.stalled, "missing": pace.missing}
        self._recheck = pace.recheck
        self._running = running
        self._session = session
        self._workers: set[int] = set()
        self._clock = clock
        self._suspects: dict[int, float] = {}

    def values(self, mine: int) -> dict[str, Any]:
        """What identifies stalled jobs. `mine`: the id of our own worker."""
        self._workers.add(mine)
        own = {"mine": mine, "workers": list(self._workers), "busy": list(self._running())}
        reopened = min(self._session.seconds_since_reopened, LONG_AGO)
        return {"queues": list(QUEUES), "reopened": reopened, **own, **self._limits}

    async def judge(self, found: Mapping[int, bool], mine: int) -> bool:
        """Requeue what was found before and still is. Returns whether to look again soon. Raises StoreDown."""
        now = self._clock()
        due = [
            job
            for job, orphaned in found.items()
            if job in self._suspects and (orphaned or now - self._suspects[job] >= self._recheck)
        ]
        if due:
            await self.requeue(due, mine)
        self._suspects = {job: self._suspects.get(job, now) for job in found if job not in due}
        return bool(self._suspects)

    async def requeue(self, suspects: Sequence[int], mine: int) -> None:
        """Put those of them back into the queue that are stalled now. Raises StoreDown."""
        values = self.values(mine) | {"suspects": list(suspects)}
        if requeued := await self._database.rows(_REQUEUE, values):
            log.warning("stalled_jobs_requeued", count=len(requeued))


# procrastinate's worker ----------------------------------------------------------------------------------


class _StickyEvent(asyncio.Event):
    """An event that stays set when it is set while the worker looks for jobs.

    The worker clears the event after it has looked. A job that was added during the look would be missed until the next
    poll, so the first `clear` after a `set` is ignored and the worker looks once more.
    """

    def __init__(self) -> None:
        super().__init__()
        self._set_since = False

    def set(self) -> None:
        """Have the worker look."""
        self._set_since = True
        super().set()

    def clear(self) -> None:
        """Cleared by the second call only: the look that was under way may have missed the job."""
        if not self._set_since:
            super().clear()
        self._set_since = False


class HeartbeatWorker(Worker):
    """Looks for jobs after each turn: the next one of the same case may be due, and was locked until now."""

    def __init__(
        self,
        app: App,
        *,
        session: WorkerSession,
        stalled_jobs: StalledJobs,
        first_turns: FirstTurns,
        take: Callable[[int, int, str, float], Awaitable[None]],
        sweep: float,
        **options: Any,
    ) -> None:
        super().__init__(app, **options)
        self._new_job_event = _StickyEvent()
        self._session = session
        self._stalled_jobs = stalled_jobs
        self._first_turns = first_turns
        self._take = take
        self._sweep = sweep

    async def _run_loop(self) -> None:
        """Take jobs, and none before the session holds the lock: without it they would pass for orphans."""
        assert self.worker_id is not None  # noqa: S101 - `run` has registered it
        try:
            await self._session.beat(self._stalled_jobs.values(self.worker_id))
            self._first_turns.open(self.worker_id, partial(self._take, self.worker_id))
            await super()._run_loop()  # type: ignore[no-untyped-call]  # procrastinate left it bare
        finally:
            await self._session.close()

    async def _fetch_and_process_jobs(self) -> None:
        """Note the time before the look: no job that it finds was ours earlier."""
        self.looked = self._session.lease.clock()
        await super()._fetch_and_process_jobs()  # type: ignore[no-untyped-call]  # procrastinate left it bare

    async def _update_heartbeat(self) -> None:
        """Send heartbeats through the session. What this raises ends the worker."""
        pause = self.update_heartbeat_interval
        while True:
            await asyncio.sleep(pause)
            if self.worker_id is None:
                continue
            seen = await self._session.beat(self._stalled_jobs.values(self.worker_id))
            if seen.due is not None and seen.due < self.update_heartbeat_interval:
                asyncio.get_running_loop().call_later(max(0.0, seen.due), self._new_job_event.set)
            with suppress(StoreDown):
                again_soon = await self._stalled_jobs.judge(seen.stalled, self.worker_id)
                pause = self._sweep if again_soon else self.update_heartbeat_interval

    async def _shutdown(self, side_tasks: list[asyncio.Task[Any]]) -> None:
        """First turns have the same time as all others to end. What is cut off goes back into the queue."""
        worker, began = self.worker_id, time.monotonic()
        grace = self.shutdown_graceful_timeout or 0
        unfinished = await self._first_turns.close(grace)
        if unfinished and worker is not None:
            with suppress(StoreDown):
                await self._stalled_jobs.requeue(unfinished, worker)
        self.shutdown_graceful_timeout = max(0.0, grace - (time.monotonic() - began))
        await super()._shutdown(side_tasks)

    async def _persist_job_status(self, *args: Any, **kwargs: Any) -> None:
        try:
            if LOST not in kwargs["context"].additional_context:  # else another worker writes it
                await super()._persist_job_status(*args, **kwargs)
        except (ConnectorException, OSError):
            log.warning("job_status_not_written")  # the job is requeued as stalled
        self._new_job_event.set()
