"""The schema of procrastinate's tables.

procrastinate does not record which of its migrations have run, so we note the last one in the table's comment.
"""

from contextlib import closing
from importlib import resources

from sqlalchemy import Connection, text

LATEST = "03.04.00_50_post_add_retry_failed_job_procedure.sql"
"""procrastinate's newest migration. When an update of it brings a newer one, a new revision calls `migrate_jobs` again."""
_SQL = resources.files("procrastinate.sql")


class ForeignJobs(Exception):
    """Another program keeps its procrastinate jobs in this database."""


def migrate_jobs(connection: Connection) -> None:
    """Create the tables, or run the migrations since the noted one. Raises ForeignJobs."""
    there, noted = connection.execute(
        text(
            "SELECT to_regclass('procrastinate_jobs') IS NOT NULL,"
            " obj_description(to_regclass('procrastinate_jobs'), 'pg_class')"
        )
    ).one()
    if there and not noted:
        raise ForeignJobs
    for script in _since(noted) if there else [_SQL.joinpath("schema.sql").read_text()]:
        _run(connection, script)
    _run(connection, f"COMMENT ON TABLE procrastinate_jobs IS '{newest()}'")


def newest() -> str:
    """The name of the last migration that the installed version brings."""
    return _names()[-1]


def _names() -> list[str]:
    return sorted(file.name for file in _SQL.joinpath("migrations").iterdir() if file.name.endswith(".sql"))


def _since(noted: str) -> list[str]:
    return [_SQL.joinpath("migrations", name).read_text() for name in _names() if name > noted]


def _run(connection: Connection, script: str) -> None:
    """Through the driver: without parameters it takes several statements, and percent signs as they are."""
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute(script)


def take_over_queue(connection: Connection, older: str, newer: str) -> None:
    """Move the jobs that wait in one queue to another, and from now on all that are put there.

    For a rolling restart: processes of the release before go on accepting requests and finish the jobs that they are
    running, but take no more of them, since they could not read rows that ours have written. Whatever they store or
    put off is moved as it is written.
    """
    # The table is locked until the end of the transaction: no job slips in between the trigger and the update.
    _run(
        connection,
        f"""
        CREATE FUNCTION vtbot_take_over_queue() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN NEW.queue_name := ''{newer}''; RETURN NEW; END';
        CREATE TRIGGER vtbot_take_over_queue BEFORE INSERT OR UPDATE ON procrastinate_jobs
        FOR EACH ROW WHEN (NEW.queue_name = '{older}' AND NEW.status = 'todo')
        EXECUTE FUNCTION vtbot_take_over_queue();
        UPDATE procrastinate_jobs SET queue_name = '{newer}' WHERE queue_name = '{older}' AND status = 'todo';
        """,  # noqa: S608 - constants of ours
    )
