"""What a hand reaches for: modals that are open, settings of channels, and what was looked up where."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Modals, channels and sightings."""
    op.create_table(
        "modals",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("delivery", sa.Text, nullable=False, unique=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modal", sa.JSON, nullable=False),
    )
    op.create_index("modals_by_age", "modals", ["created"])
    op.create_table(
        "channels",
        sa.Column("team", sa.Text, primary_key=True),
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("ways", sa.JSON, nullable=False),
    )
    op.create_table(
        "sightings",
        sa.Column("case_id", sa.Text, primary_key=True),
        sa.Column("position", sa.SmallInteger, primary_key=True),
        sa.Column("team", sa.Text, nullable=False),
        sa.Column("asker", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("listed", sa.Boolean, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("engines", sa.Integer),
        sa.Column("total", sa.Integer),
        sa.Column("what", sa.JSON, nullable=False),
    )
    op.create_index("sightings_of_subject", "sightings", ["team", "subject", "at"])
    op.create_index("sightings_by_asker", "sightings", ["team", "asker", "at"])
    op.create_index("sightings_by_age", "sightings", ["at"])
