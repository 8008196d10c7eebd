"""Workspaces that are too old for a kind of block are sent plainer ones from then on."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """A table of its own: what Slack refused, by workspace."""
    op.create_table(
        "refused_blocks",
        sa.Column("team", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
