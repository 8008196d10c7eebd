"""Jobs as rows of procrastinate's table: the statements that write them, and that put stalled ones back into the queue.

They are written without procrastinate's own API so that a case and its first job are stored by one statement: both or
neither, in one round trip. `queueing_lock` is unique among jobs that wait, so a case never has two of them: a later one
replaces the one that waits. `lock` keeps two jobs of one case from running at the same time.
"""

from collections.abc import Set as AbstractSet
from typing import Any

import structlog
from sqlalchemy import text

from bot.database import Database

log = structlog.get_logger()

QUEUE = "vtbot-2"
"""The queue that is written to. Its number goes up with a stored shape that the release before cannot read: then its
processes, which may still run during a rolling restart, do not take jobs whose rows they would fail on."""
OLDER_QUEUE = "vtbot"
"""The queue of the release before. What its processes write to it is moved to ours (see schema.take_over_queue)."""
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

FIRST_TURN = f"""
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args)
    SELECT '{QUEUE}', '{TURN}', priority, id, id, jsonb_build_object('case_id', id) FROM kept
    RETURNING id
"""  # noqa: S608 - constants
"""The last part of a statement whose CTE `kept` holds the id and priority of each case that it has stored."""
NEXT_TURN = text(f"""
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
    SELECT '{QUEUE}', '{TURN}', priority, id, id,
           jsonb_build_object('case_id', id, 'failures', CAST(:failures AS int)), CAST(:at AS timestamptz)
    FROM cases WHERE id = :id
    ON CONFLICT (queueing_lock) WHERE status = 'todo'
    DO UPDATE SET args = excluded.args, scheduled_at = excluded.scheduled_at
""")  # noqa: S608 - constants
"""Another turn of the case `id` at the time `at`. `failures`: how many turns in a row have failed before it."""
# The delay counts from the database's own time, which is also the one that starts the job.
NEXT_BATCH = text(f"""
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, scheduled_at)
    VALUES ('{QUEUE}', '{BATCH}', {AUTOMATIC}, '{BATCH}', '{BATCH}', now() + make_interval(secs => :seconds))
    ON CONFLICT (queueing_lock) WHERE status = 'todo'
    DO UPDATE SET scheduled_at = LEAST(procrastinate_jobs.scheduled_at, excluded.scheduled_at)
""")  # noqa: S608 - constants
"""A batch in `seconds`, or earlier if one is due earlier."""

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
