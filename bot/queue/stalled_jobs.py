"""Stalled jobs: those whose worker has died, or no longer knows of them, are put back into the queue."""

from collections.abc import Set as AbstractSet
from typing import Any

import structlog
from sqlalchemy import text

from bot.database import Database
from bot.queue.jobs import QUEUES

# A job is stalled when its worker is no longer registered, has sent no heartbeat for `stalled` seconds, or is our own
# (`mine`) and is not running it (`busy`), as after a status that could not be written.
_STALLED = """
    FROM procrastinate_jobs AS job LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id
    WHERE job.status = 'doing' AND job.queue_name = ANY(:queues) AND job.id <> ALL(:busy)
      AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => :stalled) OR worker.id = :mine)
"""
_FIND = text(f"SELECT job.id {_STALLED}")
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

log = structlog.get_logger()


class StalledJobs:
    """Puts stalled jobs back into the queue.

    Only what two sweeps in a row find is requeued: a machine that was suspended gets time to send heartbeats again.
    """

    def __init__(self, database: Database, stalled: float, running: AbstractSet[int]) -> None:
        """`stalled`: seconds without a heartbeat; `running`: the ids of the jobs that this process runs, kept current."""
        self._database = database
        self._stalled = stalled
        self._running = running
        self._suspects: frozenset[int] = frozenset()

    async def sweep(self, mine: int | None) -> None:
        """Requeue what the last sweep found too, and look for others. `mine`: the id of our own worker. Raises StoreDown."""
        values = {"queues": list(QUEUES), "busy": list(self._running), "stalled": self._stalled, "mine": mine}
        if self._suspects:
            requeued = await self._ids(_REQUEUE, values | {"suspects": list(self._suspects)})
            if requeued:
                log.warning("stalled_jobs_requeued", count=len(requeued))
        self._suspects = await self._ids(_FIND, values)

    async def _ids(self, statement: Any, values: dict[str, Any]) -> frozenset[int]:
        rows = await self._database.run(lambda connection: connection.execute(statement, values))
        return frozenset(row.id for row in rows)
