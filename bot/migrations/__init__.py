"""The tables' history (Alembic): `upgrade` brings a database to HEAD, whatever it was before."""

from pathlib import Path

from sqlalchemy import Connection

HEAD = "0007"
"""The newest revision in versions/."""


def upgrade(connection: Connection, revision: str = HEAD) -> None:
    """Bring the database to a revision, if not said otherwise the newest, inside the caller's transaction."""
    # Alembic takes 0.1 s to import, which a start with a current database is spared.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    command.upgrade(config, revision)
