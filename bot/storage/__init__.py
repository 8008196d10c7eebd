"""What is stored: the tables, by subject, and the ports of handlers and vt that they serve. Here is how rows are deleted."""

from datetime import datetime

from bot.database import Database

DELETED_AT_ONCE = 500
"""Rows, each with what refers to it."""
TABLES = (
    "cases",
    "audit",
    "sightings",
    "channels",
    "refused_blocks",
    "people_by_team",
    "channel_names",
    "watch_channels",
    "watch_ignored",
    "slack_installations",
    "slack_workspaces",
)
"""Those with what is kept for a workspace. The watch's other tables follow their cases."""
_MEMBERS = (
    "SELECT team FROM slack_workspaces WHERE team = %(name)s OR (is_org_wide AND enterprise = %(name)s)"
)


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


async def forget(database: Database, name: str) -> int:
    """Delete all that is kept for a workspace, or for those of an organisation. Returns how many rows. Raises StoreDown."""
    found = await database.rows(_MEMBERS, {"name": name})
    teams = sorted({name, *(row.team for row in found)})
    values = {"teams": teams, "marks": [f'%"team":"{team}"%' for team in teams]}
    # As text: PostgreSQL does not look into JSON that holds NUL characters.
    modals = "DELETE FROM modals WHERE modal::text LIKE ANY(%(marks)s) RETURNING 1"
    own = [f"DELETE FROM {table} WHERE team = ANY(%(teams)s) RETURNING 1" for table in TABLES]  # noqa: S608 - constants
    return sum([len(await database.rows(one, values)) for one in (modals, *own)])
