"""VirusTotal's replies, which processes share so that nothing is asked for twice: which are stored, and which are wanted.

What is wanted is asked for now, or waits for room in somebody's call. Its table is unlogged, which costs no write to the log:
it is empty after a crash of the database, when everybody asks for themselves.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from bot.connections import Connection
from bot.database import Database, fetched
from bot.queue import jobs
from bot.storage.virustotal import PRUNE_UPLOADS, Uploads
from vt.coalescing import CachedReply, Claims, TimeRange
from vt.codec import INLINE, PackedReply, Packer, Raw, remembering
from vt.indicators import Kind
from vt.steps import WantedReply

CLAIM_SECONDS = 5
"""How long a process that died keeps others from asking."""
GATHER_SECONDS = 10
"""How long what waits for a batch does so after its process died."""
LATE_SECONDS = 60
"""How long after a case's slot its replies may still come from the calls of other requests."""
LOCK = 0x76746261
"""The first half of the advisory lock ("vtba") under which one process at a time takes what waits for a batch."""

WANTED = """
    unnest(%(keys)s::text[], %(batches)s::text[], %(actions)s::text[], %(kinds)s::text[], %(resources)s::text[]) AS wanted (key, batch, action, kind, resource)
"""
WAITING = "claimed_until IS NULL AND until > now() AND starts_with(key, %(owner)s)"
# The reply that came last stays, whichever is written last; one from further ahead was stored before the clock was set back.
# `keys` are no longer wanted. `raws` is sent in binary: as text, its quotes would be escaped, and read letter by letter.
_PUT = """
    WITH ended AS (DELETE FROM wanted_replies WHERE key = ANY(%(keys)s))
    INSERT INTO replies (key, raw, at, known)
    SELECT key, raw::json, %(at)s, known
    FROM unnest(%(stored)s::text[], %(raws)b::text[], %(known)s::boolean[]) AS reply (key, raw, known)
    ON CONFLICT (key) DO UPDATE SET raw = excluded.raw, at = excluded.at, known = excluded.known
    WHERE replies.at <= excluded.at OR replies.at > GREATEST(now(), excluded.at) + interval '1 minute'
"""
# Of a reply that an older version stored it is not noted whether VirusTotal knew anything. The times are written so that no
# index on them is used: while nothing is known about the table, it seems as good as that of the keys, and is read from end to end.
_RECALL = """
    SELECT key, at, CASE WHEN octet_length(raw::text) <= %(inline)s THEN raw::text END AS raw FROM replies
    WHERE key = ANY(%(keys)s) AND CASE WHEN at > %(end)s THEN false WHEN known THEN at > %(known)s ELSE at > %(unknown)s END
"""
_RECALL_LARGE = "SELECT raw::text AS raw FROM replies WHERE key = %(key)s AND at = %(at)s"
# The rows of others' claims are not touched, so that nobody waits for their locks; only when two claim at the same moment
# does the conflict decide. They are looked up one by one: a join would read the whole table, and the rows that were deleted.
_CLAIM = f"""
    WITH stored AS ({_RECALL}), claimed AS (
        INSERT INTO wanted_replies AS mine (key, batch, action, kind, resource, automatic, case_ids, since, until, claimant, claimed_until)
        SELECT key, batch, action, kind, resource, %(automatic)s, '{{}}', now(), claim.until, %(claimant)s, claim.until
        FROM {WANTED}, (SELECT now() + interval '{CLAIM_SECONDS} seconds' AS until) AS claim
        WHERE NOT EXISTS (SELECT FROM stored WHERE stored.key = wanted.key) AND (
            SELECT other.claimed_until > now() AND other.claimant <> %(claimant)s FROM wanted_replies AS other WHERE other.key = wanted.key
        ) IS NOT TRUE
        ON CONFLICT (key) DO UPDATE SET claimant = excluded.claimant, claimed_until = excluded.claimed_until
        WHERE mine.claimed_until IS NULL OR mine.claimed_until <= now() OR mine.claimant = excluded.claimant
        RETURNING key, case_ids <> '{{}}' AS is_awaited
    )
    SELECT found.*, EXISTS (SELECT FROM wanted_replies WHERE batch <> '' AND {WAITING}) AS others_wait FROM (
        SELECT key, at, raw, false AS is_awaited FROM stored
        UNION ALL SELECT key, NULL, NULL, is_awaited FROM claimed
    ) AS found
"""  # noqa: S608 - constants
_WAIT = f"""
    INSERT INTO wanted_replies AS mine (key, batch, action, kind, resource, automatic, case_ids, since, until, claimant)
    SELECT key, batch, action, kind, resource, %(automatic)s, %(cases)s::text[], now(), now() + make_interval(secs => %(seconds)s), ''
    FROM {WANTED}
    ON CONFLICT (key) DO UPDATE SET
        automatic = mine.automatic AND excluded.automatic,
        case_ids = mine.case_ids || ARRAY(SELECT unnest(excluded.case_ids) EXCEPT SELECT unnest(mine.case_ids)),
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
            SELECT key, row_number() OVER (PARTITION BY COALESCE(cases.team || ':' || cases.asker, key) ORDER BY since) AS place
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
    WITH waiting AS (UPDATE wanted_replies SET claimed_until = NULL WHERE key = ANY(%(keys)s) AND claimant = %(claimant)s AND case_ids <> '{}')
    DELETE FROM wanted_replies WHERE key = ANY(%(keys)s) AND claimant = %(claimant)s AND case_ids = '{}'
"""
_WAKE = f"""
    WITH ended AS (DELETE FROM wanted_replies WHERE key = ANY(%(keys)s) RETURNING case_ids),
    woken AS (SELECT DISTINCT unnest(case_ids) AS id FROM ended),
    due AS (
        UPDATE watch_cards SET version = version + 1, due = %(at)s WHERE case_id IN (SELECT id FROM woken) AND due > %(at)s RETURNING case_id
    ), {jobs.WAKE_CASES}
"""  # noqa: S608 - constants
# The newest replies stay that fit into both bounds; bytes are counted as PostgreSQL stores them, and no reply is read
# for that. So many are deleted at once that the statement does not take too long.
_PRUNE = """
    WITH newest AS (
        SELECT key, at, pg_column_size(raw) AS size FROM replies
        WHERE at >= %(before)s ORDER BY at DESC, key DESC LIMIT %(rows)s
    ), counted AS (
        SELECT key, at, sum(size) FILTER (WHERE size <= %(bytes)s) OVER (ORDER BY at DESC, key DESC) AS total FROM newest
    ), kept AS (SELECT at, key FROM counted WHERE total <= %(bytes)s ORDER BY at, key LIMIT 1)
    DELETE FROM replies WHERE key IN (
        SELECT key FROM newest WHERE size > %(bytes)s
        UNION ALL (
            SELECT key FROM replies
            WHERE NOT EXISTS (SELECT FROM kept WHERE (replies.at, replies.key) >= (kept.at, kept.key))
            ORDER BY at LIMIT %(most)s
        )
    )
    RETURNING key
"""
_PRUNE_WANTED = "DELETE FROM wanted_replies WHERE GREATEST(until, claimed_until) < now()"
PRUNED_AT_ONCE = 5_000
MAX_ROWS = 100_000
MAX_BYTES = 512 << 20


class StoredReplies(Uploads):
    """VirusTotal's replies, stored so that the same thing is not asked twice. Every method raises StoreDown.

    `owner`: to whose key they came. What the sandbox invented is never taken for what VirusTotal said.
    `max_rows` (0: no limit) and `max_bytes`: what `prune` leaves, of all keys together.
    """

    def __init__(
        self,
        database: Database,
        owner: str = "",
        max_rows: int = MAX_ROWS,
        max_bytes: int = MAX_BYTES,
        *,
        packer: Packer | None = None,
    ) -> None:
        super().__init__(database, owner)
        self._awaited: set[str] = set()
        """Keys that are claimed by this process, and that cases wait for."""
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._packer = packer or Packer()

    async def get(self, keys: Iterable[str], newer_than: datetime) -> dict[str, Raw]:
        """Those of them that are stored and came after that time."""
        found = await self.recall(keys, TimeRange(newer_than, newer_than, datetime.max.replace(tzinfo=UTC)))
        return {key: raw for key, (raw, _) in found.items()}

    async def recall(self, keys: Iterable[str], within: TimeRange) -> dict[str, CachedReply]:
        """The stored replies for these keys that came within that time, with the times when they came."""
        values = self._keys(keys) | asdict(within) | {"inline": INLINE}
        return await self._stored(await self._database.rows(_RECALL, values))

    async def claim(
        self, wanted: Sequence[WantedReply], within: TimeRange, claimant: str, *, automatic: bool
    ) -> Claims:
        """The stored replies, and which of the others the claimant is to ask for. One statement."""
        values = self._wanted(wanted) | asdict(within) | {"inline": INLINE}
        rows = await self._database.rows(_CLAIM, values | {"claimant": claimant, "automatic": automatic})
        self._awaited |= {row.key for row in rows if row.is_awaited}
        own = frozenset(row.key.removeprefix(self._owner) for row in rows if row.at is None)
        stored = await self._stored([row for row in rows if row.at])
        return Claims(stored, own, others_wait=any(row.others_wait for row in rows))

    async def _stored(self, rows: Iterable[Any]) -> dict[str, CachedReply]:
        """Large ones are read one at a time, and packed."""
        found: dict[str, CachedReply] = {}
        for row in rows:
            raw = json.loads(row.raw) if row.raw else await self._large(row.key, row.at)
            if isinstance(raw, Mapping):
                found[row.key.removeprefix(self._owner)] = remembering(raw), row.at
        return found

    async def _large(self, key: str, at: datetime) -> Raw | None:
        """None: in the meantime another one took its place."""
        async with self._packer.alone():
            rows = await self._database.rows(_RECALL_LARGE, {"key": key, "at": at})
            raw = json.loads(rows[0].raw) if rows else None
            return self._packer.packed(rows[0].raw, raw) if isinstance(raw, dict) else None

    async def put(
        self, raws: Mapping[str, Raw], at: datetime, *, unknown: Collection[str] = (), others: bool = False
    ) -> None:
        """Store replies that came at that time; what is newer stays. One that alone exceeds `max_bytes` is left out.

        Large ones are written at once, one at a time: to put them off would be to hold all of them in memory. So are all,
        if `others` wait for them. `unknown`: keys of replies that VirusTotal knows nothing.
        """
        small: dict[str, str] = {}
        for key, raw in sorted(raws.items()):
            if not isinstance(raw, PackedReply):
                small[key] = json.dumps(raw, separators=(",", ":"))
                continue
            async with self._packer.alone():
                await self._database.rows(_PUT, self._rows({key: raw.text}, at, unknown))
        if not raws:
            return
        ended = self._keys(raws)
        awaited = self._awaited.intersection(ended["keys"])
        self._awaited -= awaited
        rows = self._rows(small, at, unknown)
        statements = [(_PUT, rows), (_WAKE, ended | {"at": at})] if awaited else [(_PUT, rows | ended)]
        await (self._database.write if others else self._database.write_later)(*statements)

    def _rows(self, bodies: Mapping[str, str], at: datetime, unknown: Collection[str]) -> dict[str, Any]:
        """Values of _PUT for the replies that may be stored, in the order of their keys. Nothing ends with them."""
        kept = [key for key, body in bodies.items() if len(body) <= self._max_bytes]
        return {
            "stored": [self._owner + key for key in kept],
            "raws": [bodies[key] for key in kept],
            "known": [key not in unknown for key in kept],
            "at": at,
            "keys": [],
        }

    async def prune(self, older_than: datetime) -> None:
        """Delete replies to any key that came before that time, the oldest beyond the bounds, and what nobody waits for any more."""
        bounds = {"rows": self._max_rows or None, "bytes": self._max_bytes, "most": PRUNED_AT_ONCE}
        while len(await self._database.rows(_PRUNE, bounds | {"before": older_than})) == PRUNED_AT_ONCE:
            pass
        for statement in (_PRUNE_WANTED, PRUNE_UPLOADS):
            await self._database.rows(statement, {})

    # What is wanted --------------------------------------------------------------------------------------

    async def gather(self, wanted: Sequence[WantedReply], *, automatic: bool) -> None:
        """Let others' calls ask for these for some seconds."""
        values = {"seconds": GATHER_SECONDS, "cases": [], "automatic": automatic}
        await self._database.rows(_WAIT, self._wanted(wanted) | values)

    async def waiting(self, batch: str) -> tuple[int, float]:
        """How many wait for a batch, and for how many seconds nobody new has come."""
        [found] = await self._database.rows(_COUNT, {"batch": batch, "owner": self._owner})
        return found.count, found.quiet

    async def await_batch(
        self, case_id: str, wanted: Sequence[WantedReply], seconds: float, *, automatic: bool
    ) -> None:
        """Let others' calls ask for these for so long, and wake the case when the replies are there."""
        values = {"seconds": seconds + LATE_SECONDS, "cases": [case_id], "automatic": automatic}
        await self._database.write_later((_WAIT, self._wanted(wanted) | values))

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
        keys = [row.key.removeprefix(self._owner) for row in rows]
        return [
            WantedReply(key, row.batch, row.action, kind=Kind(row.kind), resource=row.resource)
            for key, row in zip(keys, rows, strict=True)
        ]

    async def release(self, keys: Collection[str], claimant: str) -> None:
        """The claimant does not ask for these any more, and got no reply."""
        await self._database.write_later((_RELEASE, self._keys(keys) | {"claimant": claimant}))

    def _keys(self, keys: Iterable[str]) -> dict[str, Any]:
        return {"keys": [self._owner + key for key in keys]}

    def _wanted(self, wanted: Sequence[WantedReply]) -> dict[str, Any]:
        """In the order of their keys: two who write the same rows never wait for each other in a circle."""
        ordered = sorted(wanted, key=lambda one: one.key)
        return self._keys(one.key for one in ordered) | {
            "batches": [one.batch for one in ordered],
            "actions": [one.action for one in ordered],
            "kinds": [one.kind.value for one in ordered],
            "resources": [one.resource for one in ordered],
            "owner": self._owner,
        }
