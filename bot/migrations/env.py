"""What Alembic runs for each upgrade: on the connection that it was handed, in the transaction that is open."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
