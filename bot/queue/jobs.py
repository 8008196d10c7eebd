"""Jobs as rows of procrastinate's table, and the statements that write them.

They are written without procrastinate's own API so that a case and its first job are stored by one statement: both or
neither, in one round trip. `queueing_lock` is unique among jobs that wait, so a case never has two of them: a later one
replaces the one that waits. `lock` keeps two jobs of one case from running at the same time.
"""

from sqlalchemy import text

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
