"""Which replies are wanted: asked for now, or waiting for room in somebody's call; and which contents are uploaded. For all processes.

The table of wanted replies is unlogged: it costs no write to the log, and is empty after a crash of the database, when
everybody asks for themselves.

An upload is claimed with a row that is renewed while it is sent, not with an advisory lock of PostgreSQL. Such a lock belongs
to a session: an upload would keep a connection of the pool for minutes, and lose its lock with it although it goes on. And it
leaves nothing behind: the row says that an upload was started by a process that has died, and keeps the receipt.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

from bot.connections import Connection, Statement
from bot.database import Database, fetched
from bot.queue import jobs
from handlers.case import StoreDown
from vt.files.transfer import Upload
from vt.indicators import Kind
from vt.lookup import Lookup
from vt.polling import SAME_SCAN
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

UPLOAD_SECONDS = 20
"""How long an upload is claimed after its process has died."""
UPLOAD_RENEWAL = 5.0
"""Seconds between renewals."""
UPLOAD_SETTLES = 10
"""Seconds from the end of such a claim after which VirusTotal knows a file if it got it."""
_OVER = f"""
    mine.claimed_until < now() AND (mine.receipt IS NULL OR mine.claimed_until < now() - interval '{SAME_SCAN.seconds} seconds')
    AND CASE WHEN %(wanted)s::timestamptz IS NOT NULL THEN mine.upload_started < %(wanted)s
             ELSE mine.claimed_until + interval '{UPLOAD_SETTLES} seconds' < %(checked)s::timestamptz END
"""
"""Whether an upload is no reason not to send the same: it has ended, and VirusTotal was `checked` after that and does not know
the file, or a newer analysis is `wanted` than it brings."""
_BEGIN_UPLOAD = f"""
    INSERT INTO uploads AS mine (key, claimant, upload_started, claimed_until)
    VALUES (%(key)s, %(claimant)s, now(), now() + interval '{UPLOAD_SECONDS} seconds')
    ON CONFLICT (key) DO UPDATE
    SET claimant = excluded.claimant, upload_started = now(), claimed_until = excluded.claimed_until, receipt = NULL
    WHERE {_OVER}
    RETURNING key
"""  # noqa: S608 - constants
_UPLOAD = """
    SELECT upload_started, claimed_until > now() AS is_running, receipt::text AS receipt FROM uploads WHERE key = %(key)s
"""
_RENEW_UPLOAD = f"""
    UPDATE uploads SET claimed_until = now() + interval '{UPLOAD_SECONDS} seconds'
    WHERE key = %(key)s AND claimant = %(claimant)s
"""  # noqa: S608 - constants
_END_UPLOAD = """
    UPDATE uploads SET claimed_until = now(), receipt = %(receipt)s::json
    WHERE key = %(key)s AND claimant = %(claimant)s
"""
_FORGET_UPLOAD = "DELETE FROM uploads WHERE key = %(key)s AND claimant = %(claimant)s"


class WantedReplies:
    """The part of a ReplyCache that says who asks for what, and who uploads what. Every method raises StoreDown. `owner`: whose key is used."""

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

    @asynccontextmanager
    async def claimed(self, lookup: Lookup) -> AsyncIterator[Upload]:
        """The content is the caller's to send while the context is open, unless somebody else sends it or has sent it.

        Nothing is locked meanwhile, and no connection held. When the database is down at the end, the claim runs out.
        """
        row = {"key": f"{self._owner}{lookup.value}", "claimant": secrets.token_hex(8)}
        terms = {"wanted": lookup.reanalyse_after, "checked": lookup.checked_at}
        if not await self._database.rows(_BEGIN_UPLOAD, row | terms):
            yield await self._others_upload(row)
            return
        upload, renewing = Upload(), asyncio.create_task(self._renew(row))
        try:
            yield upload
        finally:
            renewing.cancel()
            is_kept = upload.receipt or upload.may_have_arrived
            receipt = {"receipt": json.dumps(dict(upload.receipt)) if upload.receipt else None}
            with suppress(StoreDown):
                await self._database.rows(_END_UPLOAD if is_kept else _FORGET_UPLOAD, row | receipt)

    async def _others_upload(self, row: Mapping[str, Any]) -> Upload:
        found = await self._database.rows(_UPLOAD, row)
        if not found or found[0].is_running:
            return Upload(is_own=False)
        receipt = json.loads(found[0].receipt) if found[0].receipt else None
        return Upload(
            is_own=False, receipt=receipt, upload_started=None if receipt else found[0].upload_started
        )

    async def _renew(self, row: Mapping[str, Any]) -> None:
        while True:
            await asyncio.sleep(UPLOAD_RENEWAL)
            with suppress(StoreDown):
                await self._database.rows(_RENEW_UPLOAD, row)

    async def _prune_wanted(self) -> None:
        """Delete what nobody waits for any more, and uploads of which VirusTotal has told everybody for a day."""
        await self._database.rows(
            "DELETE FROM wanted_replies WHERE GREATEST(until, claimed_until) < now()", {}
        )
        await self._database.rows("DELETE FROM uploads WHERE claimed_until < now() - interval '1 day'", {})

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
