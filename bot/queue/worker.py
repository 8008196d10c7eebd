"""Turns of cases, run by procrastinate: by whom, what comes after one that breaks, and after a process that dies."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import structlog
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from procrastinate.worker import Worker

from bot.database import Database, ack_priority, health, with_setting
from bot.queue.jobs import BATCH, NEXT_TURN, QUEUE, QUEUES, TURN
from bot.queue.stalled_jobs import StalledJobs
from handlers.deps import StoreDown

PAUSES = (2, 10, 60, 300)
"""Seconds before a turn that broke is taken again; when it breaks once more after them, it is given up."""
MOST_ATTEMPTS = 10
"""A turn that so often ended with its process, or could not even be put off, is not taken again."""
TURN_SECONDS = 3600
"""A turn that takes longer hangs: the largest file may be read, and sent, for a quarter of an hour each."""
TIDY_AT = "17 * * * *"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """How often things are looked at, in seconds."""

    poll: float = 0.5
    """For turns whose time has come: they start this much late at most."""
    heartbeat: float = 2
    stalled: float = 10
    """Without a heartbeat for so long, a worker is dead."""
    sweep: float = 3
    """For turns of dead workers; taken again when two sweeps find them."""
    grace: float = 4
    """For turns under way when the worker stops. Less than `stalled`: nobody else takes them meanwhile."""
    rest: float = 1
    """Before a worker that ended is replaced."""
    timeout: float = 5
    """For a connection to the database, before a worker ends."""


class Turns:
    """A worker for as long as it is entered. It takes turns, puts off those that break, and rescues those of the dead.

    `turn` takes a case's turn. `give_up` is told of a case whose turn broke too often; until it returns it is told
    again. `tidy` runs once an hour, on one of the processes. `run_batch` sees to what nobody asked for, one at a time.
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
        clock: Callable[[], datetime],
        concurrency: int = 30,
        pace: Pace | None = None,
    ) -> None:
        self._take = turn
        self._give_up = give_up
        self._tidy_up = tidy
        self._run_batch = run_batch
        self._clock = clock
        self._concurrency = concurrency
        self._pace = pace or Pace()
        self._database = database
        self._app = self._registered(App(connector=_connector(url, self._pace.timeout)))
        self._worker: _Worker | None = None
        self._stalled_jobs = StalledJobs(database, self._pace.stalled)
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False

    def _registered(self, app: App) -> App:
        app.task(name=TURN, queue=QUEUE, pass_context=True, retry=_Later())(self._turn)
        app.task(name=BATCH, queue=QUEUE, pass_context=True, retry=_Later())(self._batch)
        tidy = app.task(name="tidy", queue=QUEUE, queueing_lock="tidy", pass_context=True)(self._tidy)
        # procrastinate's worker stops watching its heart when its periodic tasks end, as they do when there are none.
        app.periodic(cron=TIDY_AT)(tidy)
        return app

    @property
    def working(self) -> bool:
        """Turns are being taken."""
        return self._worker is not None and self._worker.worker_id is not None

    async def __aenter__(self) -> Self:
        logging.getLogger("procrastinate").setLevel(logging.WARNING)  # below it prints the jobs' arguments
        self._tasks = [asyncio.create_task(self._keep_working()), asyncio.create_task(self._keep_sweeping())]
        return self

    async def __aexit__(self, *_: object) -> None:
        # A cancellation alone can be lost in the driver, while it connects or the worker registers.
        self._closing = True
        if self._worker:
            self._worker.stop()  # type: ignore[no-untyped-call]  # procrastinate left it bare
        for task in self._tasks:
            task.cancel()
        # A database that went away lets a worker wait for it twice: what is not noted now is rescued later.
        await asyncio.wait(self._tasks, timeout=self._pace.grace + 1)

    async def _keep_working(self) -> None:
        """A worker ends when the database goes away: another follows."""
        while not self._closing:
            try:
                await self._database.ping()
                await self._work()
            except StoreDown:
                pass
            except Exception as error:  # noqa: BLE001 - whatever ends a worker, another must follow
                log.warning("worker_ended", error=type(error).__name__)
            await asyncio.sleep(self._pace.rest)

    async def _work(self) -> None:
        pace = self._pace
        try:
            await self._app.open_async()
            if self._closing:
                return
            self._worker = _Worker(
                self._app,
                queues=list(QUEUES),
                concurrency=self._concurrency,
                fetch_job_polling_interval=pace.poll,
                update_heartbeat_interval=pace.heartbeat,
                stalled_worker_timeout=pace.stalled,
                shutdown_graceful_timeout=pace.grace,
                delete_jobs="successful",
                install_signal_handlers=False,
            )
            await self._worker.run()  # type: ignore[no-untyped-call]  # procrastinate left it bare
        finally:
            self._worker = None
            await self._app.close_async()

    async def _keep_sweeping(self) -> None:
        while True:
            await asyncio.sleep(self._pace.sweep)
            with suppress(StoreDown):
                await self._stalled_jobs.sweep(self._worker.worker_id if self._worker else None)

    async def _turn(
        self, context: JobContext, /, case_id: object = None, failures: object = 0, **_: object
    ) -> None:
        """Run a case's turn. A job that names no case is dropped: what raises here would be retried without end."""
        if not isinstance(case_id, str):
            log.error("job_unreadable", job=context.job.id)
            return
        if not isinstance(failures, int):
            failures = len(PAUSES)
        with self._stalled_jobs.busy(context.job.id or 0):
            if context.job.attempts >= MOST_ATTEMPTS:
                await self._give_up(case_id)
                return
            try:
                with ack_priority.turn():
                    async with asyncio.timeout(TURN_SECONDS):
                        await self._take(case_id)
            except Exception as error:  # noqa: BLE001 - whatever breaks a turn, the case must go on
                log.warning("turn_broke", case=case_id, failures=failures + 1, error=type(error).__name__)
                await self._after(case_id, failures)

    async def _after(self, case_id: str, failures: int) -> None:
        if failures >= len(PAUSES):
            await self._give_up(case_id)
            return
        at = self._clock() + timedelta(seconds=PAUSES[failures])
        values = {"id": case_id, "at": at, "failures": failures + 1}
        await self._database.run(lambda connection: connection.execute(NEXT_TURN, values))

    async def _batch(self, context: JobContext) -> None:
        with self._stalled_jobs.busy(context.job.id or 0):
            async with asyncio.timeout(TURN_SECONDS):
                await self._run_batch()

    async def _tidy(self, context: JobContext, timestamp: int) -> None:  # noqa: ARG002 - procrastinate passes it
        with self._stalled_jobs.busy(context.job.id or 0):
            await self._tidy_up()


def _connector(url: str, timeout: float) -> PsycopgConnector:
    """Its commits do not wait for the disk: what a power cut takes of them is taken again from the stored case."""
    swift = with_setting(url, "synchronous_commit", "off")
    return PsycopgConnector(pool_factory=health.pool, conninfo=swift, min_size=2, max_size=8, timeout=timeout)


class _Worker(Worker):
    """Looks for work again after each turn: the case's next one may be due already, and was locked until now."""

    def __init__(self, app: App, **options: Any) -> None:
        super().__init__(app, **options)
        self._new_job_event = _StickyEvent()

    async def _persist_job_status(self, *args: Any, **kwargs: Any) -> None:
        try:
            await super()._persist_job_status(*args, **kwargs)
        except ConnectorException:
            log.warning("turn_not_noted")  # it is rescued
        self._new_job_event.set()


class _StickyEvent(asyncio.Event):
    """A call for work that is not lost when it comes during a look for work, after which the worker clears it."""

    def __init__(self) -> None:
        super().__init__()
        self._rung = False

    def set(self) -> None:
        """Call."""
        self._rung = True
        super().set()

    def clear(self) -> None:
        """End the call at the second time: only the look after the one that was under way has seen everything."""
        if not self._rung:
            super().clear()
        self._rung = False


class _Later(BaseRetryStrategy):
    """What a turn could not see to itself (it was cut off, or the database was away) is taken again, never dropped."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        cut_off = not isinstance(exception, Exception)
        return RetryDecision(retry_in={"seconds": 0 if cut_off else min(3600, 5 * 2**job.attempts)})
