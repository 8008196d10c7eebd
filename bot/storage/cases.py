"""Cases: requests and how far they have come, and the modals that requests come from. The tables, and the Store of handlers."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Index,
    MetaData,
    SmallInteger,
    Table,
    Text,
    cast,
    delete,
    func,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database import Database
from bot.queue import jobs
from handlers import stored_shapes
from handlers.case import Case, Modal, ModalTypes, Outcome, Unreadable, asked_lookups
from handlers.request import LookupRequest, Request
from vt.privacy import masked

utc_now = partial(datetime.now, UTC)
log = structlog.get_logger()

metadata = MetaData()

# `json`, not `jsonb`: it keeps the order of keys, and it takes the NUL characters that people and engines send.
cases = Table(
    "cases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("delivery", Text, nullable=False, unique=True),
    Column("created", DateTime(timezone=True), nullable=False),
    Column("team", Text, nullable=False),
    Column("asker", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("request", JSON, nullable=False),
    Column("progress", JSON, nullable=False),
    Index("cases_by_asker", "team", "asker", "created"),
    Index("cases_by_channel", "team", "channel", "created"),
    Index("cases_by_age", "created"),
)
modals = Table(
    "modals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("delivery", Text, nullable=False, unique=True),
    Column("created", DateTime(timezone=True), nullable=False),
    Column("modal", JSON, nullable=False),
    Index("modals_by_age", "created"),
)
_KEEP_MODAL = text("""
    INSERT INTO modals (id, delivery, created, modal) VALUES (:id, :delivery, :created, CAST(:modal AS json))
    ON CONFLICT (delivery) DO NOTHING RETURNING id
""")

STORED = (
    *(column for column in cases.c if column.name not in ("request", "progress")),
    cast(cases.c.request, Text).label("request"),
    cast(cases.c.progress, Text).label("progress"),
)
"""A case's columns as handlers.stored_shapes reads them: JSON as text, since what is stored may not be readable."""
_KEPT = """
    WITH kept AS (
        INSERT INTO cases (id, delivery, created, team, asker, channel, verb, outcome, priority, request, progress)
        VALUES (:id, :delivery, :at, :team, :asker, :channel, :verb, :outcome, :priority,
                CAST(:request AS json), CAST(:progress AS json))
        ON CONFLICT (delivery) DO NOTHING
        RETURNING id, priority
    ), audited AS (
        INSERT INTO audit (id, delivery, at, team, asker, channel, way, verb, about, what, outcome, calls)
        SELECT id, :delivery, :at, :team, :asker, :channel, :way, :verb, :about, CAST(:what AS json), :outcome, 0
        FROM kept
        ON CONFLICT (delivery, asker) DO UPDATE SET id = excluded.id, outcome = excluded.outcome, why = NULL
    )
"""
_KEEP = text(_KEPT + "SELECT id FROM kept")  # noqa: S608 - constants
_ACCEPT = text(_KEPT + jobs.FIRST_TURN)
_REFUSE = text("""
    INSERT INTO audit (id, delivery, at, team, asker, channel, way, verb, about, what, outcome, why, calls)
    VALUES (:id, :delivery, :at, :team, :asker, :channel, :way, :verb, :about, CAST(:what AS json), :outcome, :why, 0)
    ON CONFLICT (delivery, asker) DO NOTHING
    RETURNING id
""").bindparams(outcome=Outcome.REFUSED.value)
_SAVE = text("""
    WITH audited AS (
        UPDATE audit SET outcome = :outcome, what = CAST(:what AS json) WHERE id = :id
    )
    UPDATE cases SET outcome = :outcome, progress = CAST(:progress AS json) WHERE id = :id
""")
_DECLINE = text("""
    WITH audited AS (
        UPDATE audit SET outcome = :outcome, what = CAST(:what AS json), why = :why, delivery = delivery || ':' || id
        WHERE id = :id
    )
    UPDATE cases SET outcome = :outcome, progress = CAST(:progress AS json), delivery = delivery || ':' || id
    WHERE id = :id
""")
_FAIL = text("""
    WITH audited AS (
        UPDATE audit SET outcome = :outcome, why = :why WHERE id = :id
    )
    UPDATE cases SET outcome = :outcome WHERE id = :id
""").bindparams(outcome=Outcome.FAILED.value)
_SPENT = text("UPDATE audit SET calls = calls + :calls WHERE id = :id")


class Cases:
    """The Store of handlers. Every method raises StoreDown when the database cannot take it."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def accept(self, request: Request, priority: int = jobs.PEOPLE) -> bool:
        """Store a request and its first job, both or neither. False: this delivery was stored before."""
        row = _row(request, priority)

        async def insert(connection: AsyncConnection) -> bool:
            return (await connection.execute(_ACCEPT, row)).first() is not None

        return await self._database.run(insert)

    async def refuse(self, attempt: Request | Modal, why: str) -> bool:
        """Store that a request, or the opening of a modal, was refused. False: this delivery was refused before."""
        what = "[]" if isinstance(attempt, ModalTypes) else _what(Case(request=attempt))
        row = _columns(attempt) | {"what": what, "why": why}

        async def insert(connection: AsyncConnection) -> bool:
            return (await connection.execute(_REFUSE, row)).first() is not None

        return await self._database.run(insert)

    async def decline(self, case: Case, why: str) -> None:
        """End a stored request that does not count after all. The same delivery is a new request if it comes again."""
        declined = case.model_copy(update={"outcome": Outcome.REFUSED})
        await self._execute(_DECLINE, _progress(declined) | {"id": case.request.id, "why": why})

    async def case(self, request_id: str) -> Case | None:
        """How far a request has come; None: there is none with that id. Raises UnreadableCase."""

        async def find(connection: AsyncConnection) -> Any:
            found = select(*STORED).where(cases.c.id == request_id)
            return (await connection.execute(found)).mappings().first()

        row = await self._database.run(find)
        return row and stored_shapes.read_case(row)

    async def save(self, case: Case) -> None:
        """Store how far a request has come."""
        await self._execute(_SAVE, _progress(case) | {"id": case.request.id})

    async def fail(self, request_id: str, why: str) -> None:
        """End a request whose progress cannot be read or written. `why` goes to the audit trail."""
        await self._execute(_FAIL, {"id": request_id, "why": why})

    async def spent(self, request_id: str, calls: int) -> None:
        """Add the calls to VirusTotal that a request has cost."""
        await self._execute(_SPENT, {"id": request_id, "calls": calls})

    async def again(self, request_id: str, at: datetime, failures: int = 0, *, outage: bool = False) -> None:
        """Schedule the next turn, in place of one that waits. `failures`: how many turns in a row have failed.

        `outage`: it waits for VirusTotal, which does not answer; `wake` calls it sooner.
        """
        seconds = (at - self._clock()).total_seconds()
        await self._execute(
            jobs.NEXT_TURN, {"id": request_id, "seconds": seconds, "failures": failures, "outage": outage}
        )

    async def wake(self) -> None:
        """Have what waits for VirusTotal's return continue within two seconds, in whichever process."""
        await self._execute(jobs.WAKE, {})

    async def ping(self) -> None:
        """One round trip."""
        await self._database.ping()

    async def unanswered(self) -> int:
        """How many requests have not ended yet."""
        count = select(func.count()).where(cases.c.outcome == Outcome.OPEN.value)
        return await self._database.run(lambda connection: connection.scalar(count)) or 0

    async def prune(self, older_than: datetime) -> None:
        """Delete ended cases that were asked before that time. Raises StoreDown."""
        ended = (cases.c.outcome != Outcome.OPEN.value) & (cases.c.created < older_than)
        await self._execute(delete(cases).where(ended), {})

    async def _execute(self, statement: Any, values: Mapping[str, Any]) -> None:
        await self._database.run(lambda connection: connection.execute(statement, values))


async def keep(connection: AsyncConnection, request: Request, priority: int) -> bool:
    """Keep a request that takes its turns with others, in the caller's transaction. False: it was kept before."""
    return (await connection.execute(_KEEP, _row(request, priority))).first() is not None


def _row(request: Request, priority: int) -> dict[str, Any]:
    row = _columns(request) | _progress(Case(request=request))
    return row | {"priority": priority, "request": stored_shapes.REQUEST.write(request)}


def _progress(case: Case) -> dict[str, Any]:
    progress = stored_shapes.PROGRESS.write(case, exclude={"request"})
    return {"outcome": case.outcome.value, "progress": progress, "what": _what(case)}


def _what(case: Case) -> str:
    return json.dumps(_subjects(case))


def _subjects(case: Case) -> list[dict[str, str]]:
    """What a request is about: each action with its value, for a file that was read its hash; what was set otherwise.

    The audit trail is kept for a year, so passwords and tokens in URLs are hidden.
    """
    lookups = case.lookups or asked_lookups(case.request)
    looked_up = [
        {"action": one.action.key, "value": masked(value) if "://" in value else value}
        for one in lookups
        for value in (one.value or one.input,)
    ]
    people = case.request.people if isinstance(case.request, LookupRequest) and not case.lookups else ()
    changed = [{"setting": one.name, "old": one.old or "", "new": one.new or ""} for one in case.changes]
    return [*looked_up, *({"action": "domain-report", "value": f"<@{user}>"} for user in people), *changed]


def _columns(request: Request | Modal) -> dict[str, Any]:
    """Who asked, where, when and how, by the names of the columns that cases and audit share."""
    return {
        "id": request.id,
        "delivery": request.delivery,
        "at": request.at,
        "team": request.origin.team,
        "asker": request.origin.user,
        "channel": request.origin.channel,
        "way": request.origin.entry_point.value,
        "verb": request.verb.value,
        "about": getattr(request, "about", None),
    }


# Modals -----------------------------------------------------------------------------------------------


class Modals:
    """The Modals of handlers. Every method raises StoreDown when the database cannot take it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, modal: Modal) -> bool:
        """Remember what a modal is for. False: this delivery opened one before."""
        row = {
            "id": modal.id,
            "delivery": modal.delivery,
            "created": modal.at,
            "modal": stored_shapes.MODAL.write(modal),
        }

        async def insert(connection: AsyncConnection) -> bool:
            return (await connection.execute(_KEEP_MODAL, row)).first() is not None

        return await self._database.run(insert)

    async def modal(self, modal_id: str) -> Modal | None:
        """What a modal is for; None: there is none with that id, or what it was for cannot be read."""

        async def find(connection: AsyncConnection) -> Any:
            return await connection.scalar(select(cast(modals.c.modal, Text)).where(modals.c.id == modal_id))

        stored = await self._database.run(find)
        if stored is None:
            return None
        try:
            return stored_shapes.MODAL.read(stored_shapes.parsed(stored))
        except Unreadable as unreadable:
            log.warning("modal_unreadable", modal=modal_id, reason=str(unreadable))
            return None

    async def prune(self, older_than: datetime) -> None:
        """Forget those that were opened before that time."""
        old = delete(modals).where(modals.c.created < older_than)
        await self._database.run(lambda connection: connection.execute(old))
