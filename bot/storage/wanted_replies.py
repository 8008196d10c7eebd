"""Which replies are wanted: asked for now, or waiting for room in somebody's call. The table, for all processes.

It is unlogged: it costs no write to the log, and is empty after a crash of the database, when everybody asks for themselves.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from bot.connections import Connection, Statement
from bot.database import Database, fetched
from bot.queue import jobs
from vt.indicators import Kind
from vt.steps import WantedReply

CLAIM_SECONDS = 5
"""How long a process that died keeps others from asking."""
GATHER_SECONDS = 10
"""How long what waits for a batch does so after its process died."""
LATE_SECONDS = 60
"""How long a case that has its turn may still be answered by others' calls."""
LOCK = 0x76746261
"""The first half of the advisory lock ("vtba") under which one process at a time takes what waits for a batch."""

WANTED = """
    unnest(%(keys)s::text[], %(batches)s::text[], %(actions)s::text[], %(kinds)s::text[], %(resources)s::text[])
        AS wanted (key, batch, action, kind, resource)
"""
WAITING = "claimed_until IS NULL AND until > now() AND starts_with(key, %(owner)s)"
_WAIT = f"""
    INSERT INTO wanted_replies AS mine
        (key, batch, action, kind, resource, automatic, case_ids, since, until, claimant)
    SELECT key, batch, action, kind, resource, %(automatic)s, %(cases)s::text[], now(),
           now() + make_interval(secs => %(seconds)s), ''
    FROM {WANTED}
    ON CONFLICT (key) DO UPDATE SET
        automatic = mine.automatic AND excluded.automatic,
        case_ids = mine.case_ids || ARRAY(
            SELECT unnest(excluded.case_ids) EXCEPT SELECT unnest(mine.case_ids)
        ),
        since = CASE WHEN mine.until > now() THEN mine.since ELSE now() END,
        until = GREATEST(mine.until, excluded.until),
        claimed_until = CASE WHEN mine.claimed_until > now() THEN mine.claimed_until END
"""  # noqa: S608 - constants
_COUNT = f"""
    SELECT count(*), COALESCE(extract(epoch FROM now() - max(since)), 0)::float AS quiet FROM wanted_replies
    WHERE batch = %(batch)s AND {WAITING}
"""  # noqa: S608 - constants
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(%(lock)s, hashtext(%(batch)s))"
# First one's own; then what people want before what nobody waits for, and each asker in turn, however much one has asked for.
# MATERIALIZED: as a subquery it may be run for each row, and then takes more than LIMIT allows, which no call could hold.
_FILL = f"""
    WITH taken AS MATERIALIZED (
        SELECT mine.key FROM wanted_replies AS mine JOIN (
            SELECT key, row_number() OVER (
                PARTITION BY COALESCE(cases.team || ':' || cases.asker, key) ORDER BY since
            ) AS place
            FROM wanted_replies LEFT JOIN cases ON cases.id = case_ids[1]
            WHERE batch = %(batch)s AND {WAITING}
        ) AS waiting ON waiting.key = mine.key
        WHERE claimed_until IS NULL AND (%(own)s::text[] = '{{}}' OR EXISTS (
            SELECT FROM wanted_replies WHERE key = ANY(%(own)s::text[]) AND {WAITING}
        ))
        ORDER BY mine.key = ANY(%(own)s::text[]) DESC, automatic, place, since
        LIMIT %(room)s FOR UPDATE OF mine SKIP LOCKED
    )
    UPDATE wanted_replies AS mine
    SET claimant = %(claimant)s, claimed_until = now() + interval '{CLAIM_SECONDS} seconds'
    FROM taken WHERE mine.key = taken.key
    RETURNING mine.key, batch, action, kind, resource, case_ids <> '{{}}' AS is_awaited
"""  # noqa: S608 - constants
_RELEASE = """
    WITH waiting AS (
        UPDATE wanted_replies SET claimed_until = NULL
        WHERE key = ANY(%(keys)s) AND claimant = %(claimant)s AND case_ids <> '{}'
    )
    DELETE FROM wanted_replies WHERE key = ANY(%(keys)s) AND claimant = %(claimant)s AND case_ids = '{}'
"""
END = "DELETE FROM wanted_replies WHERE key = ANY(%(keys)s)"
_WAKE = f"""
    WITH ended AS (
        DELETE FROM wanted_replies WHERE key = ANY(%(keys)s) RETURNING case_ids
    ), woken AS (
        SELECT DISTINCT unnest(case_ids) AS id FROM ended
    ), due AS (
        UPDATE watch_cards SET version = version + 1, due = %(at)s
        WHERE case_id IN (SELECT id FROM woken) AND due > %(at)s RETURNING case_id
    ), {jobs.WAKE_CASES}
"""  # noqa: S608 - constants


class WantedReplies:
    """The part of a ReplyCache that says who asks for what. Every method raises StoreDown. `owner`: whose key is used."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = owner
        self._awaited: set[str] = set()
        """Keys that are claimed by this process, and that cases wait for."""

    async def gather(self, wanted: Sequence[WantedReply], *, automatic: bool) -> None:
        """Let others' calls ask for these for some seconds."""
        await self._database.rows(_WAIT, self._waiting(wanted, GATHER_SECONDS, [], automatic=automatic))

    async def waiting(self, batch: str) -> tuple[int, float]:
        """How many wait for a batch, and for how many seconds nobody new has come."""
        [found] = await self._database.rows(_COUNT, {"batch": batch, "owner": self._owner})
        return found.count, found.quiet

    async def await_batch(
        self, case_id: str, wanted: Sequence[WantedReply], seconds: float, *, automatic: bool
    ) -> None:
        """Let others' calls ask for these for so long, and wake the case when the replies are there."""
        values = self._waiting(wanted, seconds + LATE_SECONDS, [case_id], automatic=automatic)
        await self._database.write_later((_WAIT, values))

    async def fill(
        self, batch: str, room: int, claimant: str, own: Collection[str] = ()
    ) -> list[WantedReply]:
        """Claim at most `room` of those that wait for a batch; none if one's own were all claimed by others."""
        values: dict[str, Any] = {"batch": batch, "room": room, "claimant": claimant, "owner": self._owner}
        values["own"] = [self._owner + key for key in own]

        async def taken(connection: Connection) -> list[Any]:
            await fetched(connection, _ONE_AT_A_TIME, {"lock": LOCK, "batch": self._owner + batch})
            return await fetched(connection, _FILL, values)

        rows = await self._database.run(taken, together=True)
        self._awaited |= {row.key for row in rows if row.is_awaited}
        return [
            WantedReply(
                row.key.removeprefix(self._owner), row.batch, row.action, Kind(row.kind), row.resource
            )
            for row in rows
        ]

    async def release(self, keys: Collection[str], claimant: str) -> None:
        """The claimant does not ask for these any more, and got no reply."""
        await self._database.write_later((_RELEASE, self._keys(keys) | {"claimant": claimant}))

    def _ended(self, keys: Iterable[str], at: datetime) -> Statement:
        """The statement that ends what is wanted, and wakes the cases that wait for it."""
        values = self._keys(keys)
        is_awaited = self._awaited.intersection(values["keys"])
        self._awaited -= is_awaited
        return (_WAKE, values | {"at": at}) if is_awaited else (END, values)

    async def _prune_wanted(self) -> None:
        """Delete what nobody waits for any more."""
        await self._database.rows(
            "DELETE FROM wanted_replies WHERE GREATEST(until, claimed_until) < now()", {}
        )

    def _keys(self, keys: Iterable[str]) -> dict[str, Any]:
        return {"keys": [self._owner + key for key in keys]}

    def _wanted(self, wanted: Sequence[WantedReply]) -> dict[str, Any]:
        """In the order of their keys: two who write the same rows never wait for each other in a circle."""
        ordered = sorted(wanted, key=lambda one: one.key)
        columns = {
            "batches": [one.batch for one in ordered],
            "actions": [one.action for one in ordered],
            "kinds": [one.kind.value for one in ordered],
            "resources": [one.resource for one in ordered],
        }
        return self._keys(one.key for one in ordered) | columns | {"owner": self._owner}

    def _waiting(
        self, wanted: Sequence[WantedReply], seconds: float, cases: list[str], *, automatic: bool
    ) -> dict[str, Any]:
        return self._wanted(wanted) | {"seconds": seconds, "cases": cases, "automatic": automatic}
