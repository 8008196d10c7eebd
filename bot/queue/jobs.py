"""Jobs as rows of procrastinate's table: its schema, and the statements that write them.

They are written without procrastinate's own API so that a case and its first job are stored by one statement: both or
neither, in one round trip. `queueing_lock` is unique among jobs that wait, so a case never has two of them: a later one
replaces the one that waits. `lock` keeps two jobs of one case from running at the same time.
"""

from dataclasses import dataclass
from importlib import resources

import psycopg

from bot.database import NOT_AWAITED, Database

QUEUE = "vtbot-2"
"""The queue that is written to. Its number goes up with a stored shape that the release before cannot read: then its
processes, which may still run during a rolling restart, do not take jobs whose rows they would fail on."""
OLDER_QUEUE = "vtbot"
"""The queue of the release before. What its processes write to it is moved to ours (see `take_over_queue`)."""
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
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args, worker_id, status)
    SELECT '{QUEUE}', '{TURN}', kept.priority, kept.id, kept.id, jsonb_build_object('case_id', kept.id), worker.id,
           CASE WHEN worker.id IS NULL THEN 'todo' ELSE 'doing' END::procrastinate_job_status
    FROM kept LEFT JOIN procrastinate_workers AS worker ON worker.id = %(worker)s
    RETURNING id AS job_id, worker_id
"""  # noqa: S608 - constants
"""The last part of a statement whose CTE `kept` holds the id and priority of each case that it has stored.

The job is waiting, or, if that worker is registered, running in its hands: nothing is fetched, and nobody is notified.
"""
IS_RUNNING = "status::text = 'doing'"
"""For a job that is found by its id. Without the cast, PostgreSQL may read the index of all running jobs instead."""
FIRST_TURN_ENDED = f"""
    DELETE FROM procrastinate_jobs WHERE id = %(job)s AND worker_id = %(worker)s AND {IS_RUNNING} AND {NOT_AWAITED}
"""  # noqa: S608 - constants
"""Nothing is deleted when the job was taken from its worker, which had seemed dead.

With the job's end, all that the turn has put off is not awaited: lost together, they leave the job, and the turn is taken again.
"""
# The lock on the job's row waits for a process that is requeueing the job just now. A requeued job may come back to the same
# worker, so `attempts`, which requeueing increments, is compared as well.
CONFIRM_JOB = f"""
    WITH beat AS (UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = %(worker)s RETURNING id)
    SELECT job.id FROM procrastinate_jobs AS job JOIN beat ON beat.id = job.worker_id
    WHERE job.id = %(job)s AND {IS_RUNNING} AND job.attempts = %(attempts)s
    FOR UPDATE OF job
"""  # noqa: S608 - constants
"""A heartbeat, and a row if the job is still running in the hands of that worker."""
NEXT_TURN = f"""
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
    SELECT '{QUEUE}', '{TURN}', priority, id, id,
           jsonb_build_object('case_id', id, 'failures', %(failures)s::int, 'outage', %(outage)s::boolean,
                              'at', extract(epoch FROM now())),
           now() + make_interval(secs => %(seconds)s)
    FROM cases WHERE id = %(id)s
    ON CONFLICT (queueing_lock) WHERE status = 'todo'
    DO UPDATE SET args = excluded.args, scheduled_at = excluded.scheduled_at
"""  # noqa: S608 - constants
"""Another turn of the case `id` in `seconds`. `failures`: how many turns in a row have failed before it.

`outage`: it waits for VirusTotal to answer again.
"""
BRING_FORWARD = """
    UPDATE procrastinate_jobs SET scheduled_at = now() + make_interval(secs => turn.seconds)
    FROM unnest(%(cases)s::text[], %(seconds)s::float8[]) AS turn (id, seconds)
    WHERE procrastinate_jobs.queueing_lock = turn.id AND procrastinate_jobs.status = 'todo'
      AND procrastinate_jobs.scheduled_at > now() + make_interval(secs => turn.seconds)
"""
"""The next turns of these cases are to be taken in so many seconds, unless they are due sooner."""
WAKE_FROM_FUTURE = """
    UPDATE procrastinate_jobs SET scheduled_at = now() + make_interval(secs => 2 * random())
    WHERE status = 'todo' AND (args->>'at')::float8 > extract(epoch FROM now()) + 1
"""
"""The clock was set back: jobs that were scheduled by the time before would wait for that much longer."""
WAKE = """
    UPDATE procrastinate_jobs SET scheduled_at = now() + make_interval(secs => 2 * random())
    WHERE status = 'todo' AND args->>'outage' = 'true' AND scheduled_at > now() + interval '2 seconds'
"""
"""VirusTotal answers again: those who wait for that take their turn, not all in the same moment."""
WAKE_CASES = f"""
    batch AS (
        INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, scheduled_at)
        SELECT '{QUEUE}', '{BATCH}', {AUTOMATIC}, '{BATCH}', '{BATCH}', now() WHERE EXISTS (SELECT FROM due)
        ON CONFLICT (queueing_lock) WHERE status = 'todo' DO UPDATE SET scheduled_at = excluded.scheduled_at
    )
    UPDATE procrastinate_jobs SET scheduled_at = now()
    WHERE status = 'todo' AND scheduled_at > now() AND queueing_lock IN (SELECT id FROM woken)
"""  # noqa: S608 - constants
"""The last part of a statement whose CTE `woken` holds the ids of cases, and `due` those whose cards have become due.

They take their turns now.
"""
NEXT_BATCH = f"""
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, scheduled_at)
    VALUES ('{QUEUE}', '{BATCH}', {AUTOMATIC}, '{BATCH}', '{BATCH}', now() + make_interval(secs => %(seconds)s))
    ON CONFLICT (queueing_lock) WHERE status = 'todo'
    DO UPDATE SET scheduled_at = LEAST(procrastinate_jobs.scheduled_at, excluded.scheduled_at)
"""  # noqa: S608 - constants
"""A batch in `seconds`, or earlier if one is due earlier."""

# procrastinate itself never deletes any of these. It defers nothing that was due more than ten minutes ago.
_PRUNE = (
    "DELETE FROM procrastinate_periodic_defers WHERE to_timestamp(defer_timestamp) < now() - interval '1 day'",
    "DELETE FROM procrastinate_workers WHERE last_heartbeat < now() - interval '1 day'",
    """
        DELETE FROM procrastinate_jobs WHERE status NOT IN ('todo', 'doing') AND queue_name = ANY(%(queues)s)
           AND NOT EXISTS (
               SELECT FROM procrastinate_events
               WHERE job_id = procrastinate_jobs.id AND at > now() - interval '30 days'
           )
    """,
    # Those of first turns that had to wait are not deleted with them (see bot/migrations/0016_cheaper_jobs.sql).
    "DELETE FROM procrastinate_events AS event WHERE NOT EXISTS (SELECT FROM procrastinate_jobs WHERE id = event.job_id)",
)

_COUNTS = f"""
    SELECT CASE WHEN job.status = 'doing' THEN 'running' WHEN job.status <> 'todo' THEN 'failed'
                WHEN job.scheduled_at > now() THEN 'scheduled' ELSE 'waiting' END AS state,
           CASE job.priority WHEN {PEOPLE} THEN 'people' WHEN {AUTOMATIC} THEN 'automatic' ELSE 'other' END AS priority,
           count(*), max(EXTRACT(epoch FROM now() - COALESCE(job.scheduled_at, cases.created)))::float
    FROM procrastinate_jobs AS job LEFT JOIN cases ON cases.id = job.lock
    WHERE job.queue_name = ANY(%(queues)s) GROUP BY 1, 2
"""  # noqa: S608 - constants


async def prune(database: Database) -> None:
    """Delete what is left of periodic jobs, of jobs that ended long ago, and of dead workers. Raises StoreDown."""
    for statement in _PRUNE:
        await database.rows(statement, {"queues": list(QUEUES)})


async def counts(database: Database) -> list[tuple[str, str, int, float]]:
    """How many jobs are in each state at each priority, and for how many seconds the oldest has been due. Raises StoreDown."""
    rows = await database.rows(_COUNTS, {"queues": list(QUEUES)})
    return [(state, priority, count, max(0.0, seconds or 0.0)) for state, priority, count, seconds in rows]


@dataclass(frozen=True, slots=True)
class Pace:
    """Intervals and timeouts, in seconds."""

    poll: float = 30
    """Between looks for jobs of which neither a notification nor a heartbeat has told."""
    heartbeat: float = 1.2
    """Between heartbeats. Each also asks when the next job is due, and which have stalled: idle, it is all that is asked."""
    missing: float = 3
    """A worker without a session and without a heartbeat for this long is dead."""
    stalled: float = 10
    """A worker without a heartbeat for this long is dead, even if its session has not ended."""
    sweep: float = 0.5
    """Between the first look at a stalled job and the second, by which it is requeued if its worker's session has ended."""
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


LOST = "lost"
"""Set in a job's context when others have taken it."""


# The schema, which migrations make ----------------------------------------------------------------------
#
# procrastinate does not record which of its migrations have run, so we note the last one in the table's comment.

LATEST = "03.04.00_50_post_add_retry_failed_job_procedure.sql"
"""procrastinate's newest migration. When an update of it brings a newer one, a new revision calls `migrate_jobs` again."""
_SQL = resources.files("procrastinate.sql")


class ForeignJobs(Exception):
    """Another program keeps its procrastinate jobs in this database."""


def migrate_jobs(connection: psycopg.Connection) -> None:
    """Create the tables, or run the migrations since the noted one. Raises ForeignJobs."""
    [(there, noted)] = connection.execute(
        "SELECT to_regclass('procrastinate_jobs') IS NOT NULL,"
        " obj_description(to_regclass('procrastinate_jobs'), 'pg_class')"
    )
    if there and not noted:
        raise ForeignJobs
    # Without parameters, several statements are taken at once, and percent signs as they are.
    for script in _since(noted) if there else [_SQL.joinpath("schema.sql").read_bytes()]:
        connection.execute(script)
    connection.execute(f"COMMENT ON TABLE procrastinate_jobs IS '{newest()}'".encode())


def newest() -> str:
    """The name of the last migration that the installed version brings."""
    return _names()[-1]


def _names() -> list[str]:
    return sorted(file.name for file in _SQL.joinpath("migrations").iterdir() if file.name.endswith(".sql"))


def _since(noted: str) -> list[bytes]:
    return [_SQL.joinpath("migrations", name).read_bytes() for name in _names() if name > noted]


def take_over_queue(connection: psycopg.Connection, older: str, newer: str) -> None:
    """Move the jobs that wait in one queue to another, and from now on all that are put there.

    For a rolling restart: processes of the release before go on accepting requests and finish the jobs that they are
    running, but take no more of them, since they could not read rows that ours have written. Whatever they store or
    put off is moved as it is written.
    """
    # The table is locked until the end of the transaction: no job slips in between the trigger and the update.
    connection.execute(
        f"""
        CREATE FUNCTION vtbot_take_over_queue() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN NEW.queue_name := ''{newer}''; RETURN NEW; END';
        CREATE TRIGGER vtbot_take_over_queue BEFORE INSERT OR UPDATE ON procrastinate_jobs
        FOR EACH ROW WHEN (NEW.queue_name = '{older}' AND NEW.status = 'todo')
        EXECUTE FUNCTION vtbot_take_over_queue();
        UPDATE procrastinate_jobs SET queue_name = '{newer}' WHERE queue_name = '{older}' AND status = 'todo';
        """.encode()  # noqa: S608 - constants of ours
    )
