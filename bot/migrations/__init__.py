"""The history of the tables: revisions that are run in order and never changed once released."""

from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, text

from bot.migrations import url_secrets
from bot.queue import schema

Step = Callable[[Connection], None]

FIRST = """
CREATE TABLE IF NOT EXISTS alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)
"""
"""Holds the revision of a database. The name is Alembic's, which ran the revisions before they were files of SQL."""


def script(name: str) -> Step:
    """A step that runs a file of SQL."""

    def run(connection: Connection) -> None:
        content = Path(__file__).with_name(name).read_text()
        # Through the driver: without parameters it takes several statements.
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute(content)

    return run


REVISIONS: Mapping[str, tuple[Step, ...]] = {
    "0001": (script("0001_cases.sql"), schema.migrate_jobs),
    "0002": (script("0002_modals.sql"),),
    "0003": (script("0003_people.sql"),),
    "0004": (script("0004_watch.sql"),),
    # Stored shapes have versions from here on: the release before takes no jobs whose rows it could not read.
    "0005": (partial(schema.take_over_queue, older="vtbot", newer="vtbot-2"),),
    "0006": (script("0006_locale.sql"),),
    "0007": (script("0007_refused_blocks.sql"),),
    "0008": (url_secrets.hide,),
}
HEAD = max(REVISIONS)
"""The newest revision."""


def upgrade(connection: Connection, revision: str = HEAD) -> None:
    """Bring a database to a revision, whatever it was before, inside the caller's transaction. Raises ForeignJobs."""
    connection.execute(text(FIRST))
    known = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if known is None:
        connection.execute(text("INSERT INTO alembic_version VALUES ('')"))
    for number in sorted(one for one in REVISIONS if (known or "") < one <= revision):
        for step in REVISIONS[number]:
            step(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = :number"), {"number": number})
