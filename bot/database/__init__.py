"""PostgreSQL: the connections to it, and a private server when no DATABASE_URL is given."""

from bot.database.connections import Database, with_setting

__all__ = ["Database", "with_setting"]
