"""Cases, which are requests and how far they have come, and open modals: the tables, and the Store and Modals of handlers."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from bot.connections import Connection, FirstTurns, elapsed, put_off
from bot.database import NOT_AWAITED, Database, fetched
from bot.observability import Metrics
from bot.queue import jobs
from bot.storage import delete_older
from bot.tracing import DELIVERY, ROOT
from handlers import stored_shapes
from handlers.case import Case, Outcome, Unreadable, UnreadableCase, asked_lookups
from handlers.instances import DEFAULT
from handlers.request import LookupRequest, Modal, ModalTypes, Request
from vt.codec import INLINE, PackedReply, Packer, Raw
from vt.lookup import Lookup
from vt.privacy import masked

utc_now = partial(datetime.now, UTC)
log = structlog.get_logger()

# `json`, not `jsonb`: it keeps the order of keys, and it takes the NUL characters that people and engines send. It is read as
# text, since what is stored may not be readable.
COLUMNS = """
    cases.id, delivery, created, cases.team, asker, cases.channel, verb, outcome,
    request::text AS request, progress::text AS progress
"""
"""A case's columns as handlers.stored_shapes reads them."""
_KEPT = """
    WITH kept AS (
        INSERT INTO cases (id, delivery, created, team, asker, channel, verb, outcome, priority, request, progress)
        VALUES (%(id)s, %(delivery)s, %(at)s, %(team)s, %(asker)s, %(channel)s, %(verb)s, %(outcome)s, %(priority)s,
                %(request)s::json, %(progress)s::json)
        ON CONFLICT (delivery) DO NOTHING
        RETURNING id, priority
    ), audited AS (
        INSERT INTO audit (id, delivery, at, team, asker, channel, way, verb, about, what, outcome, calls)
        SELECT id, %(delivery)s, %(at)s, %(team)s, %(asker)s, %(channel)s, %(way)s, %(verb)s, %(about)s, %(what)s::json, %(outcome)s, 0
        FROM kept
        ON CONFLICT (delivery, asker) DO UPDATE SET id = excluded.id, outcome = excluded.outcome, why = NULL
    )
"""
_KEEP = _KEPT + "SELECT id FROM kept"  # noqa: S608 - constants
_ACCEPT = _KEPT + jobs.FIRST_TURN
_REFUSE = """
    INSERT INTO audit (id, delivery, at, team, asker, channel, way, verb, about, what, outcome, why, calls)
    VALUES (%(id)s, %(delivery)s, %(at)s, %(team)s, %(asker)s, %(channel)s, %(way)s, %(verb)s, %(about)s, %(what)s::json, %(outcome)s, %(why)s, 0)
    ON CONFLICT (delivery, asker) DO NOTHING
    RETURNING id
"""
_SAVE = """
    WITH audited AS (
        UPDATE audit SET outcome = %(outcome)s, what = %(what)s::json, instance = %(instance)s, calls = calls + %(calls)s
        WHERE id = %(id)s
    )
    UPDATE cases SET outcome = %(outcome)s, progress = %(progress)s::json WHERE id = %(id)s
"""
_DECLINE = """
    WITH audited AS (
        UPDATE audit SET outcome = %(outcome)s, what = %(what)s::json, why = %(why)s, delivery = delivery || ':' || id
        WHERE id = %(id)s
    )
    UPDATE cases SET outcome = %(outcome)s, progress = %(progress)s::json, delivery = delivery || ':' || id
    WHERE id = %(id)s
"""
_FAIL = """
    WITH audited AS (
        UPDATE audit SET outcome = %(outcome)s, why = %(why)s WHERE id = %(id)s
    )
    UPDATE cases SET outcome = %(outcome)s WHERE id = %(id)s
"""
_CASE = f"SELECT {COLUMNS} FROM cases WHERE id = %(id)s"  # noqa: S608 - constants
_SPENT = "UPDATE audit SET calls = calls + %(calls)s WHERE id = %(id)s"


class Cases:
    """The Store of handlers. Every method raises StoreDown when the database cannot take it.

    What is the last thing to be stored in a turn is stored at its end, together (see Database.write_later).
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime] = utc_now,
        first_turns: FirstTurns | None = None,
        packer: Packer | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics or Metrics()
        self._replies = CaseReplies(database, packer or Packer())
        self._first_turns = first_turns or FirstTurns()
        self._accepted: dict[str, Case] = {}
        """Requests whose first turn this process is about to take, which has no need to read them."""

    async def accept(self, request: Request, priority: int = jobs.PEOPLE) -> bool:
        """Store a request and its first job, both or neither. False: this delivery was stored before.

        If this process takes the turn itself, it begins at once.
        """
        row, since = _row(request, priority) | {"worker": self._first_turns.owner()}, elapsed()
        for job_id, worker in await self._database.rows(_ACCEPT, row):
            if (root := ROOT.get()) and root.name == DELIVERY:
                root.case_id = request.id
            if worker is not None:
                self._accepted[request.id] = Case(request=request)
                self._first_turns.begin(worker, job_id, request.id, since)
            return True
        return False

    async def refuse(self, attempt: Request | Modal, why: str) -> bool:
        """Store that a request, or the opening of a modal, was refused. False: this delivery was refused before."""
        what = "[]" if isinstance(attempt, ModalTypes) else _what(Case(request=attempt))
        row = _columns(attempt) | {"what": what, "why": why, "outcome": Outcome.REFUSED.value}
        return bool(await self._database.rows(_REFUSE, row))

    async def decline(self, case: Case, why: str) -> None:
        """End a stored request that does not count after all. The same delivery is a new request if it comes again."""
        declined = case.model_copy(update={"outcome": Outcome.REFUSED})
        await self._replies.save(declined)
        await self._database.write((_DECLINE, _progress(declined) | {"id": case.request.id, "why": why}))

    async def case(self, request_id: str) -> Case | None:
        """How far a request has come; None: there is none with that id. Raises UnreadableCase."""
        if accepted := self._accepted.pop(request_id, None):
            return accepted
        rows = await self._database.rows(_CASE, {"id": request_id})
        return await self._replies.read_case(rows[0]._asdict()) if rows else None

    async def save(self, case: Case) -> None:
        """Store how far a request has come; once it has ended, with the last writes of the turn, and measure how long it took."""
        await self._replies.save(case)
        statement = (_SAVE, _progress(case) | {"id": case.request.id, "calls": 0})
        if case.outcome is Outcome.OPEN:
            await self._database.write(statement)
            return
        await self._database.write_later(statement)
        actions = {lookup.action.key for lookup in case.lookups} or {case.request.verb.value}
        action = actions.pop() if len(actions) == 1 else "several"
        seconds = (self._clock() - case.request.at).total_seconds()
        self._metrics.answers.labels(action, case.outcome.value).observe(seconds)

    async def fail(self, request_id: str, why: str) -> None:
        """End a request whose progress cannot be read or written. `why` goes to the audit trail."""
        values = {"id": request_id, "why": why, "outcome": Outcome.FAILED.value}
        await self._database.write((_FAIL, values))

    async def spent(self, request_id: str, calls: int) -> None:
        """Add the calls to VirusTotal that a request has cost: to what is about to be stored of it, where there is something."""
        for values in put_off(_SAVE):
            if values["id"] == request_id:
                values["calls"] += calls
                return
        await self._database.write_later((_SPENT, {"id": request_id, "calls": calls}))

    async def again(self, request_id: str, at: datetime, failures: int = 0, *, outage: bool = False) -> None:
        """Schedule the next turn, in place of one that waits. `failures`: how many turns in a row have failed.

        `outage`: it waits for VirusTotal, which does not answer; `wake` calls it sooner.
        """
        seconds = (at - self._clock()).total_seconds()
        values = {"id": request_id, "seconds": seconds, "failures": failures, "outage": outage}
        await self._database.write_later((jobs.NEXT_TURN, values))

    async def wake(self, which: str = jobs.WAKE) -> None:
        """Have what waits for VirusTotal's return, or `which`, continue within two seconds, in whichever process."""
        await self._database.write((which, {}))

    async def ping(self) -> None:
        """One round trip."""
        await self._database.ping()

    async def unanswered(self) -> int:
        """How many requests have not ended yet."""
        sql = "SELECT count(*) FROM cases WHERE outcome = %(open)s"
        [[count]] = await self._database.rows(sql, {"open": Outcome.OPEN.value})
        return int(count)

    async def prune(self, older_than: datetime) -> None:
        """Delete ended cases that were asked before that time. Raises StoreDown."""
        await delete_older(
            self._database, "cases", "created", older_than, f"outcome <> '{Outcome.OPEN.value}'"
        )


# Modals ---------------------------------------------------------------------------------------------------

_KEEP_MODAL = """
    INSERT INTO modals (id, delivery, created, modal) VALUES (%(id)s, %(delivery)s, %(created)s, %(modal)s::json)
    ON CONFLICT (delivery) DO NOTHING RETURNING id
"""


class Modals:
    """The Modals of handlers. Every method raises StoreDown when the database cannot take it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, modal: Modal) -> bool:
        """Store what a modal is for. False: this delivery has opened one before."""
        row = {
            "id": modal.id,
            "delivery": modal.delivery,
            "created": modal.at,
            "modal": stored_shapes.MODAL.write(modal),
        }
        return bool(await self._database.rows(_KEEP_MODAL, row))

    async def modal(self, modal_id: str) -> Modal | None:
        """What a modal is for; None: there is none with that id, or what it was for cannot be read."""
        rows = await self._database.rows("SELECT modal::text FROM modals WHERE id = %(id)s", {"id": modal_id})
        if not rows:
            return None
        try:
            return stored_shapes.MODAL.read(stored_shapes.parsed(rows[0].modal))
        except Unreadable as unreadable:
            log.warning("modal_unreadable", modal=modal_id, reason=str(unreadable))
            return None

    async def prune(self, older_than: datetime) -> None:
        """Forget those that were opened before that time."""
        await delete_older(self._database, "modals", "created", older_than)


# The replies of cases -----------------------------------------------------------------------------------

# The case that names it is stored later: it is never there without its reply.
_KEEP_REPLY = f"""
    INSERT INTO case_replies (case_id, digest, content)
    SELECT id, %(digest)s, %(content)s FROM cases WHERE id = %(id)s AND {NOT_AWAITED}
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants
_KEPT_REPLIES = "SELECT digest FROM case_replies WHERE case_id = %(id)s"
_REPLY = "SELECT content FROM case_replies WHERE case_id = %(id)s AND digest = %(digest)s"


class CaseReplies:
    """The large replies of cases, each in a row of its own, which is written once, read alone, and deleted with its case."""

    def __init__(self, database: Database, packer: Packer) -> None:
        self._database = database
        self._packer = packer

    async def save(self, case: Case) -> None:
        """Store those that are not stored yet, before the case that names them. Raises StoreDown."""
        replies = {one.raw.digest: one.raw for one in case.lookups if isinstance(one.raw, PackedReply)}
        if not replies:
            return
        self._packer.forget()
        for row in await self._database.rows(_KEPT_REPLIES, {"id": case.request.id}):
            replies.pop(row.digest, None)
        for digest, reply in replies.items():
            async with self._packer.alone():
                row = {"id": case.request.id, "digest": digest, "content": reply.compressed}
                await self._database.rows(_KEEP_REPLY, row)

    async def read_case(self, row: Mapping[str, Any]) -> Case:
        """A case from its row, with its large replies. Older versions stored those with it. Raises StoreDown, UnreadableCase."""
        case = stored_shapes.read_case(row)
        if len(row["progress"]) <= INLINE and not any(
            isinstance(one.raw, PackedReply) for one in case.lookups
        ):
            return case
        try:
            lookups = [await self._with_reply(case.request.id, lookup) for lookup in case.lookups]
        except LookupError:
            raise UnreadableCase(stored_shapes.salvage(row), Unreadable("reply: missing")) from None
        return case.model_copy(update={"lookups": tuple(lookups)})

    async def _with_reply(self, case_id: str, lookup: Lookup) -> Lookup:
        """The lookup with its reply, packed if it is large. Raises LookupError."""
        raw: Raw | None = lookup.raw
        if isinstance(raw, PackedReply):
            async with self._packer.alone():
                rows = await self._database.rows(_REPLY, {"id": case_id, "digest": raw.digest})
                raw = self._packer.attached(raw, rows[0].content)
        elif raw is not None:
            raw = self._packer.packed(json.dumps(raw, ensure_ascii=False), raw)
        return lookup if raw is lookup.raw else lookup.evolve(raw=raw)


# Rows ----------------------------------------------------------------------------------------------------


async def keep(connection: Connection, request: Request, priority: int) -> bool:
    """Keep a request that takes its turns with others, in the caller's transaction. False: it was kept before."""
    return bool(await fetched(connection, _KEEP, _row(request, priority)))


def _row(request: Request, priority: int) -> dict[str, Any]:
    row = _columns(request) | _progress(Case(request=request))
    return row | {"priority": priority, "request": stored_shapes.REQUEST.write(request)}


def _progress(case: Case) -> dict[str, Any]:
    progress = stored_shapes.PROGRESS.write(case, exclude={"request"})
    row = {"outcome": case.outcome.value, "progress": progress, "what": _what(case)}
    return row | {"instance": stored_instance(case.instance)}


def stored_instance(name: str) -> str:
    """An instance of VirusTotal by its name, as columns have it: rows from when there was only VT_API_KEY's have none."""
    return "" if name == DEFAULT else name


def _what(case: Case) -> str:
    """As JSON, what a request is about: each action with its value, for a file that was read its hash; what was set otherwise.

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
    mentioned = [{"action": "domain-report", "value": f"<@{user}>"} for user in people]
    return json.dumps([*looked_up, *mentioned, *changed])


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
