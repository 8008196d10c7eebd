"""The tables' history: one revision a module (Alembic), never changed once released."""

from pathlib import Path

from sqlalchemy import Connection

HEAD = "0008"
"""The newest revision."""


def upgrade(connection: Connection, revision: str = HEAD) -> None:
    """Bring a database to a revision, whatever it was before, inside the caller's transaction. Raises ForeignJobs."""
    # Alembic takes 0.1 s to import, which a start with a current database is spared.
    from alembic.config import Config  # noqa: PLC0415
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    folder = Path(__file__).parent
    revisions = ScriptDirectory(folder, version_locations=[folder])
    # As alembic.command.upgrade does, which reads an env.py: there is nothing to set but the connection.
    with EnvironmentContext(
        Config(),
        revisions,
        fn=lambda now, _: revisions._upgrade_revs(revision, now),  # noqa: SLF001
        destination_rev=revision,
    ) as context:
        context.configure(connection=connection)
        context.run_migrations()
