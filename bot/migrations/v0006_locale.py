"""People are answered in the language in which they use Slack."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """With a default, since processes of the release before may still store people without it."""
    op.add_column("people", sa.Column("locale", sa.Text, nullable=False, server_default=""))
