"""What is stored: the tables, by subject, and the ports of handlers and vt that they serve."""

from datetime import datetime

from bot.database import Database

DELETED_AT_ONCE = 500
"""Rows, each with what refers to it."""


async def delete_older(
    database: Database,
    table: str,
    column: str,
    before: datetime,
    only: str = "true",
    at_once: int = DELETED_AT_ONCE,
) -> None:
    """Delete rows whose time in a column is before that one, the oldest first, `at_once` with each statement. Raises StoreDown.

    All of them in one statement might take longer than a statement may, for example after KEEP_HISTORY was lowered: then none
    would ever be deleted. `only`: what else holds for them.
    """
    sql = f"""
        DELETE FROM {table} WHERE ctid IN (
            SELECT ctid FROM {table} WHERE {column} < %(before)s AND {only} ORDER BY {column} LIMIT %(most)s FOR UPDATE SKIP LOCKED
        )
        RETURNING true
    """  # noqa: S608 - constants
    while len(await database.rows(sql, {"before": before, "most": at_once})) == at_once:
        pass
