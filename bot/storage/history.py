"""What is on record for KEEP_HISTORY and KEEP_AUDIT days: what was looked up where and what came of it, and the audit trail.

The audit trail says who asked for what, from where and when, what came of it, and what it cost. Its row is written with the
request itself, in one statement (bot/storage/cases.py); a refused request leaves only this row.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import structlog

from bot.database import Database
from bot.storage import delete_older
from bot.storage.cases import stored_instance
from handlers.case import JUDGED, Sighting, Summary
from handlers.deps import MAX_LATEST, Judged
from handlers.instances import DEFAULT
from handlers.request import Origin
from vt.verdict import State

log = structlog.get_logger()

AUDIT_PAGE = 1_000
"""Rows of the audit trail that are read at once."""
_JUDGED = [state.value for state in JUDGED]
WHAT = {"action", "kind", "value", "input"}

_REMEMBER = """
    INSERT INTO sightings
        (case_id, position, team, asker, channel, listed, subject, at, state, engines, total, what, instance)
    VALUES (%(case_id)s, %(position)s, %(team)s, %(asker)s, %(channel)s, %(listed)s, %(subject)s, %(at)s, %(state)s,
            %(engines)s, %(total)s, %(what)s::json, %(instance)s)
    ON CONFLICT DO NOTHING
"""
_OF_SUBJECT = "team = %(team)s AND subject = wanted.subject AND at < %(before)s AND instance = %(instance)s"
# One subject after another: with a list of them, PostgreSQL may read all that the workspace has looked up instead. Most are new,
# and then only the first part is executed.
_SUMMARIES = f"""
    SELECT counted.*, first.channel, first.listed, last.at, last.state, last.engines, last.total, last.what
    FROM unnest(%(subjects)s::text[]) AS wanted (subject)
    CROSS JOIN LATERAL (
        SELECT wanted.subject, count(*) AS times, min(at) AS since FROM sightings WHERE {_OF_SUBJECT}
    ) AS counted
    CROSS JOIN LATERAL (
        SELECT channel, listed FROM sightings WHERE {_OF_SUBJECT} ORDER BY at, case_id LIMIT 1
    ) AS first
    LEFT JOIN LATERAL (
        SELECT at, state, engines, total, what FROM sightings WHERE {_OF_SUBJECT} AND state = ANY(%(judged)s)
        ORDER BY at DESC, case_id LIMIT 1
    ) AS last ON true
"""  # noqa: S608 - constants
_TIMELINE = """
    SELECT at, state, engines FROM sightings
    WHERE team = %(team)s AND subject = %(subject)s AND state = ANY(%(judged)s) AND instance = %(instance)s
    ORDER BY at DESC, case_id, position LIMIT %(most)s
"""
_NEWEST_TEAM = """
    SELECT team FROM sightings WHERE subject = %(subject)s AND instance = %(instance)s ORDER BY at DESC LIMIT 1
"""
_LATEST = """
    SELECT at, state, engines, total, what FROM sightings WHERE team = %(team)s AND asker = %(asker)s
    ORDER BY at DESC, case_id, position LIMIT %(most)s
"""
# In the order of Entry's fields. The id, which comes last, is not one of them.
_ENTRY = (
    "SELECT at, team, asker, channel, way, verb, about, what, outcome, why, calls, instance, id FROM audit"
)
_AUDIT_PAGE = f"{_ENTRY} WHERE (at, id) > (%(at)s, %(id)s) ORDER BY at, id LIMIT {AUDIT_PAGE}"
_AUDIT_ENTRY = f"{_ENTRY} WHERE id = %(id)s"


class History:
    """The History of handlers. Every method raises StoreDown when the database cannot take it."""

    def __init__(self, database: Database, instance: str = DEFAULT) -> None:
        self._database = database
        self._instance = stored_instance(instance)

    def of_instance(self, name: str) -> Self:
        """What was looked up with one instance of VirusTotal."""
        return type(self)(self._database, name)

    async def remember(
        self, case_id: str, origin: Origin, sightings: Sequence[Sighting], now: datetime
    ) -> None:
        """Store the findings of a request; a second call for the same request changes nothing."""
        rows = [
            {
                "case_id": case_id,
                "position": position,
                "team": origin.team,
                "asker": origin.user,
                "channel": origin.channel,
                "listed": origin.listed,
                "subject": one.subject,
                "at": now,
                "instance": self._instance,
                "state": one.state.value,
                "engines": one.count,
                "total": one.total,
                # The release before refuses keys that it does not know: only hosts have `known`.
                "what": one.without_secrets().model_dump_json(
                    include=WHAT | ({"known"} if one.known else set())
                ),
            }
            for position, one in enumerate(sightings)
        ]
        if rows:
            await self._database.write_later(*((_REMEMBER, row) for row in rows))

    async def summaries(
        self, origin: Origin, subjects: Iterable[str], before: datetime
    ) -> Mapping[str, Summary]:
        """What is on record in the asker's workspace, by subject."""
        wanted = {"team": origin.team, "subjects": list(subjects), "before": before, "judged": _JUDGED}
        wanted["instance"] = self._instance
        rows = await self._database.rows(_SUMMARIES, wanted)
        return {row.subject: _summary(row, origin.channel) for row in rows}

    async def timeline(self, origin: Origin, subject: str, most: int) -> list[Judged]:
        """What VirusTotal said about it at the lookups of the asker's workspace, the newest first, at most so many."""
        wanted = {"team": origin.team, "subject": subject, "judged": _JUDGED, "most": most}
        wanted["instance"] = self._instance
        rows = await self._database.rows_after_writes(_TIMELINE, wanted)
        return [(row.at, State(row.state), row.engines or 0) for row in rows]

    async def newest_team(self, subject: str) -> str:
        """The workspace that looked it up last; "" when none did. For the terminal, which is in no workspace."""
        wanted = {"subject": subject, "instance": self._instance}
        rows = await self._database.rows_after_writes(_NEWEST_TEAM, wanted)
        return str(rows[0].team) if rows else ""

    async def latest(self, team: str, user: str, most: int = MAX_LATEST) -> list[Sighting]:
        """A person's last lookups, the newest first."""
        wanted = {"team": team, "asker": user, "most": most}
        rows = await self._database.rows_after_writes(_LATEST, wanted)
        found = [_sighting(row) for row in rows]
        return [one for one in found if one]

    async def prune(self, older_than: datetime) -> None:
        """Delete what was looked up before that time."""
        await delete_older(self._database, "sightings", "at", older_than)


def _summary(row: Any, channel: str) -> Summary:
    here = row.channel == channel
    return Summary(
        times=row.times,
        since=row.since,
        here=here,
        channel=row.channel if row.listed and not here else None,
        last=_sighting(row) if row.state else None,
    )


def _sighting(row: Any) -> Sighting | None:
    """What is on record; None when it cannot be read: an answer does without it."""
    try:
        return Sighting(state=row.state, count=row.engines, total=row.total, at=row.at, **row.what)
    except (TypeError, ValueError):
        log.warning("sighting_unreadable", at=row.at.isoformat())
        return None


# The audit trail ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One request, accepted or refused."""

    at: datetime
    team: str
    user: str
    channel: str
    way: str
    """How it came in: command, mention, button, …"""
    verb: str
    about: str | None
    """The id of the request whose button was pressed."""
    what: tuple[dict[str, str], ...]
    """Actions with the indicators, the hashes of files, or the people that were asked for."""
    outcome: str
    why: str | None
    """The reason of a refusal."""
    calls: int
    """To VirusTotal."""
    instance: str = ""
    """The instance of VirusTotal that was asked; "" for VT_API_KEY's, and where none was."""


class AuditTrail:
    """Reads the audit trail. Every method raises StoreDown when the database cannot answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, start: datetime) -> AsyncIterator[Entry]:
        """Everything from then on, the oldest first."""
        at, name = start, ""
        while page := await self._database.rows_after_writes(_AUDIT_PAGE, {"at": at, "id": name}):
            for row in page:
                yield _entry(row)
            at, name = page[-1].at, page[-1].id

    async def find(self, request_id: str) -> Entry | None:
        """The request of exactly this id; None when there is none, or it is older than the trail."""
        rows = await self._database.rows_after_writes(_AUDIT_ENTRY, {"id": request_id})
        return _entry(rows[0]) if rows else None

    async def prune(self, older_than: datetime) -> None:
        """Forget what is older than that."""
        await delete_older(self._database, "audit", "at", older_than)


def _entry(row: Any) -> Entry:
    return Entry(*row._replace(what=tuple(row.what))[:-1])
