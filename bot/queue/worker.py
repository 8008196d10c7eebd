"""The worker: runs the turns of cases as procrastinate jobs, retries those that fail, and requeues stalled ones."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any, Self

import psycopg
import structlog
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision

from bot.connections import CONFIRM, Connection, FirstTurns, JobLost, Lease, Servers
from bot.database import Database, fetched
from bot.observability import Metrics
from bot.queue import jobs
from bot.queue.heartbeats import HeartbeatWorker, StalledJobs, WorkerSession
from bot.queue.jobs import LOST, Pace
from handlers.case import StoreDown
from handlers.slack_errors import NotPosted, TokenRefused

PAUSES = (2, 10, 60, 300)
"""Seconds before a failed turn is tried again; after the last of them it is given up."""
MOST_ATTEMPTS = 10
"""How often a job is started: one that ends with its process each time, or cannot be rescheduled, is given up."""
TURN_SECONDS = 3600
"""A turn that takes longer is stuck: reading the largest file, and sending it, may take 15 minutes each."""
FORGOTTEN = 24 * 3600.0
"""Seconds without a heartbeat after which a worker's record is deleted. Its jobs are taken over long before."""
TIDY_AT = "17 * * * *"

log = structlog.get_logger()


class Turns:
    """Runs a worker while it is entered.

    `turn` takes the next turn of a case; when it raises, it is called again after each of the `pauses` (seconds). Then `give_up` is
    called, until it returns. `tidy` is called once an hour in one of the processes. `run_batch` works on the cards of
    watched channels; one runs at a time.
    """

    def __init__(
        self,
        url: str,
        database: Database,
        *,
        turn: Callable[[str], Awaitable[None]],
        give_up: Callable[[str], Awaitable[None]],
        tidy: Callable[[], Awaitable[None]],
        run_batch: Callable[[], Awaitable[None]],
        pauses: tuple[float, ...] = PAUSES,
        metrics: Metrics | None = None,
        concurrency: int = 30,
        pace: Pace | None = None,
        first_turns: FirstTurns | None = None,
    ) -> None:
        self._turn = turn
        self._give_up = give_up
        self._tidy_up = tidy
        self._batch = run_batch
        self._pauses = pauses
        self._metrics = metrics or Metrics()
        self._concurrency = concurrency
        self._pace = pace or Pace()
        self._database = database
        self._app = self._registered(App(connector=_Connector(url)))
        self._first_turns = first_turns or FirstTurns(concurrency)
        self._worker: HeartbeatWorker | None = None
        self._running: set[int] = set()
        self._session = WorkerSession(url, self._pace)
        self._stalled_jobs = StalledJobs(
            database, self._pace, lambda: [*self._running, *self._first_turns.running], self._session
        )
        self._working: asyncio.Task[None] | None = None
        self._closing = False

    def _registered(self, app: App) -> App:
        app.task(name=jobs.TURN, queue=jobs.QUEUE, pass_context=True, retry=_Later())(self._run_turn)
        app.task(name=jobs.BATCH, queue=jobs.QUEUE, pass_context=True, retry=_Later())(self._take_batch)
        tidy = app.task(name="tidy", queue=jobs.QUEUE, queueing_lock="tidy", pass_context=True)(self._tidy)
        # Without a periodic task, procrastinate's worker ends its side tasks, the heartbeat among them.
        app.periodic(cron=TIDY_AT)(tidy)
        return app

    @property
    def working(self) -> bool:
        """Whether jobs are being run."""
        return self._worker is not None and self._worker.worker_id is not None

    async def __aenter__(self) -> Self:
        logging.getLogger("procrastinate").setLevel(logging.WARNING)  # below it prints the jobs' arguments
        self._working = asyncio.create_task(self._keep_working())
        return self

    async def __aexit__(self, *_: object) -> None:
        # Cancelling alone is not enough: the driver can swallow it while it connects or the worker registers.
        self._closing = True
        if self._worker:
            self._worker.stop()  # type: ignore[no-untyped-call]  # procrastinate left it bare
        if self._working:
            self._working.cancel()
            # When the database is away, the worker waits for it twice. What cannot be written now is requeued as stalled.
            await asyncio.wait([self._working], timeout=self._pace.grace + 1)

    async def _keep_working(self) -> None:
        """Start another worker whenever one ends, as it does when the database goes away."""
        while not self._closing:
            try:
                await self._database.ping()
                await self._work()
            except StoreDown:
                pass
            except Exception as error:  # noqa: BLE001 - whatever ended the worker, it is replaced
                log.warning("worker_ended", error=type(error).__name__)
            await asyncio.sleep(self._pace.rest)

    async def _work(self) -> None:
        pace = self._pace
        try:
            await self._app.open_async(self._database.pool)
            if self._closing:
                return
            self._worker = HeartbeatWorker(
                self._app,
                session=self._session,
                stalled_jobs=self._stalled_jobs,
                first_turns=self._first_turns,
                take=self._take_first_turn,
                sweep=pace.sweep,
                queues=list(jobs.QUEUES),
                concurrency=self._concurrency,
                fetch_job_polling_interval=pace.poll,
                update_heartbeat_interval=pace.heartbeat,
                stalled_worker_timeout=FORGOTTEN,
                shutdown_graceful_timeout=pace.grace,
                delete_jobs="successful",
                install_signal_handlers=False,
            )
            await self._worker.run()  # type: ignore[no-untyped-call]  # procrastinate left it bare
        finally:
            self._worker = None
            await self._app.close_async()

    async def _run_turn(
        self, context: JobContext, /, case_id: object = None, failures: object = 0, **_: object
    ) -> None:
        """Run a case's turn. A job that names no case is dropped: what raises here would be retried without end."""
        if not isinstance(case_id, str):
            log.error("job_unreadable", job=context.job.id)
            return
        if not isinstance(failures, int):
            failures = len(self._pauses)
        async with self._marked_running(context):
            with self._metrics.tracing.turn(case_id):
                async with self._database.turn():
                    await self._attempt(case_id, failures, is_last=context.job.attempts >= MOST_ATTEMPTS)

    async def _take_first_turn(self, worker: int, job: int, case_id: str, since: float) -> None:
        """Take the first turn of a request that was accepted a moment ago. Its job ends with the last write of the turn."""
        row = {"worker": worker, "job": job, "attempts": 0}
        held = HeldJob(self._database, self._session.lease, row, since)
        try:
            with held.confirmed(), self._metrics.tracing.turn(case_id):
                async with self._database.turn():
                    await self._attempt(case_id, failures=0, is_last=False)
                    await self._database.write_later((jobs.FIRST_TURN_ENDED, {"job": job, "worker": worker}))
        except JobLost:
            log.warning("job_lost", job=job)
        except Exception as error:  # noqa: BLE001 - whatever it was, the job is still there, and is found to have stalled
            log.warning("first_turn_broke", case=case_id, error=type(error).__name__)

    async def _attempt(self, case_id: str, failures: int, *, is_last: bool) -> None:
        """Run the turn, and schedule another when it fails."""
        if is_last:
            await self._give_up(case_id)
            return
        try:
            with self._metrics.turns.time(), self._metrics.turns_failed.count_exceptions():
                async with asyncio.timeout(TURN_SECONDS):
                    await self._turn(case_id)
        except TokenRefused:
            await self._schedule(case_id, self._pace.refused, failures)  # not counted as a failure
        except Exception as error:  # noqa: BLE001 - whatever a turn raises, it is retried
            what = {
                "error": type(error).__name__,
                "slack": str(error) if isinstance(error, NotPosted) else "",
            }
            log.warning("turn_broke", case=case_id, failures=failures + 1, **what)
            await self._retry_later(case_id, failures)

    @asynccontextmanager
    async def _marked_running(self, context: JobContext) -> AsyncIterator[None]:
        """Mark the job as running, so that the sweep does not requeue it. The block ends early if another worker has taken it.

        Who owns it is checked once more at the end: only its owner may store what becomes of it.
        """
        job, job_id = context.job, context.job.id or 0
        row = {"worker": job.worker_id or 0, "job": job_id, "attempts": job.attempts}
        looked = self._worker.looked if self._worker else -math.inf
        self._running.add(job_id)
        try:
            held = HeldJob(self._database, self._session.lease, row, looked)
            with held.confirmed():
                try:
                    yield
                finally:
                    with suppress(StoreDown):
                        await held.confirm()
        except JobLost:
            context.additional_context[LOST] = True
            log.warning("job_lost", job=job_id)
        finally:
            self._running.discard(job_id)

    async def _retry_later(self, case_id: str, failures: int) -> None:
        """Schedule the case's next turn after a failed one; give the case up after the last pause."""
        if failures >= len(self._pauses):
            await self._give_up(case_id)
            return
        await self._schedule(case_id, self._pauses[failures], failures + 1)

    async def _schedule(self, case_id: str, seconds: float, failures: int) -> None:
        values = {"id": case_id, "seconds": seconds, "failures": failures, "outage": False}
        await self._database.write_later((jobs.NEXT_TURN, values))

    async def _take_batch(self, context: JobContext) -> None:
        async with self._marked_running(context):
            try:
                async with asyncio.timeout(TURN_SECONDS):
                    await self._batch()
            except TokenRefused:
                await self._database.write((jobs.NEXT_BATCH, {"seconds": self._pace.refused}))

    async def _tidy(self, context: JobContext, timestamp: int) -> None:  # noqa: ARG002 - procrastinate passes it
        async with self._marked_running(context):
            await self._tidy_up()
            await jobs.prune(self._database)


class HeldJob:
    """A job that this process runs until it has ended, or until it is found that others have taken it."""

    def __init__(self, database: Database, lease: Lease, row: Mapping[str, int], since: float) -> None:
        """`row`: the values of jobs.CONFIRM_JOB. `since`: a time at which the job was its worker's."""
        self._database = database
        self._lease = lease
        self._row = row
        self._since = since
        self._is_lost = self._has_ended = False

    @contextmanager
    def confirmed(self) -> Iterator[None]:
        """Whatever is shown or stored in the block is preceded by `confirm`. Raises JobLost."""
        before = CONFIRM.set(self.confirm)
        try:
            yield
        finally:
            self._has_ended = True
            CONFIRM.reset(before)

    async def confirm(self, connection: Connection | None = None) -> None:
        """Make sure that nobody has taken the job; while the lease covers it, nothing is asked. Raises JobLost, StoreDown.

        In a transaction of that `connection`, nobody can take it before the end of that, either.
        """
        worker = self._row["worker"]
        if not self._is_lost and (self._has_ended or self._lease.covers(worker, self._since)):
            return
        sent = self._lease.clock()
        ask = partial(fetched, connection) if connection else self._database.rows
        if self._is_lost or not await ask(jobs.CONFIRM_JOB, self._row):
            self._is_lost = True
            raise JobLost
        self._since = sent
        self._lease.extend(worker, sent)


class _Connector(PsycopgConnector):
    """procrastinate's, on the bot's own pool; notifications come over a connection of their own."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._servers = Servers(url)

    @asynccontextmanager
    async def _get_standalone_connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        connect = partial(psycopg.AsyncConnection.connect, autocommit=True)
        async with await self._servers.connect(connect) as connection:
            yield connection


class _Later(BaseRetryStrategy):
    """Retries jobs that raised: a batch, or a turn that was cancelled or could not be rescheduled.

    At once if it was cancelled, else after 5 s, doubling up to an hour. A turn that raises is retried by _retry_later.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        was_cancelled = not isinstance(exception, Exception)
        return RetryDecision(retry_in={"seconds": 0 if was_cancelled else min(3600, 5 * 2**job.attempts)})
