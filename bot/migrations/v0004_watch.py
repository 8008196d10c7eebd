"""What is watched, which message has which card, what was posted where, and what is left alone."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Watched channels, cards, what was seen in them, and the list of what is ignored."""
    op.create_table(
        "watch_channels",
        sa.Column("team", sa.Text, primary_key=True),
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "watch_cards",
        sa.Column("case_id", sa.Text, sa.ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("team", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("heard", sa.Text, nullable=False),
        sa.Column("wanted", sa.JSON, nullable=False),
        sa.Column("wishes", sa.JSON, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("manners", sa.JSON, nullable=False),
        sa.Column("posted", sa.DateTime(timezone=True)),
        sa.Column("due", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("team", "channel", "message"),
    )
    op.create_index("watch_cards_due", "watch_cards", ["due"])
    op.create_index("watch_cards_posted", "watch_cards", ["team", "channel", "posted"])
    op.create_table(
        "watch_seen",
        sa.Column("case_id", sa.Text, sa.ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("value", sa.Text, primary_key=True),
        sa.Column("team", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_by", sa.Text, nullable=False),
    )
    op.create_index("watch_seen_where", "watch_seen", ["team", "channel", "value", "at"])
    op.create_index("watch_seen_answered", "watch_seen", ["answered_by"])
    op.create_table(
        "watch_ignored",
        sa.Column("team", sa.Text, primary_key=True),
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, primary_key=True),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
