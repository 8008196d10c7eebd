"""Cases, replies, quotas, and the tables of the jobs."""

import sqlalchemy as sa
from alembic import op

from bot.queue import schema

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Everything that the first version needs."""
    op.create_table(
        "cases",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("delivery", sa.Text, nullable=False, unique=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("team", sa.Text, nullable=False),
        sa.Column("asker", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("verb", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("progress", sa.JSON, nullable=False),
    )
    op.create_index("cases_by_asker", "cases", ["team", "asker", "created"])
    op.create_index("cases_by_channel", "cases", ["team", "channel", "created"])
    op.create_index("cases_by_age", "cases", ["created"])
    op.create_table(
        "replies",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("raw", sa.JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("replies_by_age", "replies", ["at"])
    op.create_table(
        "quotas",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("use", sa.Text, nullable=False),
    )
    schema.migrate_jobs(op.get_bind())
