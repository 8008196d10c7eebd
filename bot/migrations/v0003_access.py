"""Who someone is, remembered for a while; and who asked for what, kept for the auditor."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """People, rooms and the audit trail."""
    op.create_table(
        "people",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("admin", sa.Boolean, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "rooms",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("delivery", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("team", sa.Text, nullable=False),
        sa.Column("asker", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("way", sa.Text, nullable=False),
        sa.Column("verb", sa.Text, nullable=False),
        sa.Column("about", sa.Text),
        sa.Column("what", sa.JSON, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("why", sa.Text),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.UniqueConstraint("delivery", "asker", name="audit_once"),
    )
    op.create_index("audit_by_age", "audit", ["at", "id"])
