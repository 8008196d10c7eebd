"""procrastinate's own tables, brought to what the installed version wants. It keeps no record itself, so we do."""

from contextlib import closing
from importlib import resources

from sqlalchemy import Connection, text

LATEST = "03.04.00_50_post_add_retry_failed_job_procedure.sql"
"""procrastinate's newest migration. When an update of it brings a newer one, a new revision calls `bring` again."""
_SQL = resources.files("procrastinate.sql")


class Foreign(Exception):
    """Another program keeps its procrastinate jobs in this database."""


def bring(connection: Connection) -> None:
    """Make the tables, or run the migrations that came since the one noted in the table's comment."""
    there, noted = connection.execute(
        text(
            "SELECT to_regclass('procrastinate_jobs') IS NOT NULL,"
            " obj_description(to_regclass('procrastinate_jobs'), 'pg_class')"
        )
    ).one()
    if there and not noted:
        raise Foreign
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
    """By the driver, which takes several statements, and percent signs as they are, when nothing is bound."""
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute(script)
