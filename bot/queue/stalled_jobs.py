"""Turns whose worker died, or lost them, are given to another."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from sqlalchemy import text

from bot.database import Database
from bot.queue.jobs import QUEUES

# Lost is what no living worker answers for: its worker has no heart, or is this one and does not know of it.
_LOST = """
    FROM procrastinate_jobs AS job LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id
    WHERE job.status = 'doing' AND job.queue_name = ANY(:queues) AND job.id <> ALL(:busy)
      AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => :stalled) OR worker.id = :mine)
"""
_FIND = text(f"SELECT job.id {_LOST}")
# A case whose next turn is stored already does not need the lost one (and may not have two).
_REQUEUE = text(f"""
    WITH lost AS (SELECT job.id, job.queueing_lock {_LOST} AND job.id = ANY(:suspects) FOR UPDATE OF job SKIP LOCKED),
    needless AS (
        DELETE FROM procrastinate_jobs USING lost
        WHERE procrastinate_jobs.id = lost.id AND EXISTS (
            SELECT FROM procrastinate_jobs AS next
            WHERE next.queueing_lock = lost.queueing_lock AND next.status = 'todo'
        )
        RETURNING lost.id
    )
    UPDATE procrastinate_jobs SET status = 'todo', worker_id = NULL, scheduled_at = NULL, attempts = attempts + 1
    FROM lost WHERE procrastinate_jobs.id = lost.id AND lost.id NOT IN (SELECT id FROM needless)
    RETURNING lost.id
""")  # noqa: S608 - constants

log = structlog.get_logger()


class StalledJobs:
    """Finds lost turns. What two sweeps in a row find is lost: a machine that slept has time to show its pulse."""

    def __init__(self, database: Database, stalled: float) -> None:
        self._database = database
        self._stalled = stalled
        self._busy: set[int] = set()
        self._suspects: frozenset[int] = frozenset()

    @contextmanager
    def busy(self, job_id: int) -> Iterator[None]:
        """While this process does that job."""
        self._busy.add(job_id)
        try:
            yield
        finally:
            self._busy.discard(job_id)

    async def sweep(self, mine: int | None) -> None:
        """Look once. `mine`: this process' worker. Raises StoreDown."""
        values = {"queues": list(QUEUES), "busy": list(self._busy), "stalled": self._stalled, "mine": mine}
        if self._suspects:
            again = await self._ids(_REQUEUE, values | {"suspects": list(self._suspects)})
            if again:
                log.warning("stalled_jobs_requeued", count=len(again))
        self._suspects = await self._ids(_FIND, values)

    async def _ids(self, statement: Any, values: dict[str, Any]) -> frozenset[int]:
        rows = await self._database.run(lambda connection: connection.execute(statement, values))
        return frozenset(row.id for row in rows)
