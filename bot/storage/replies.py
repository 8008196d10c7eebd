"""VirusTotal's replies: those that processes share so that nothing is asked for twice, and the large ones of cases."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from bot.connections import Statement
from bot.database import Database
from bot.storage.wanted_replies import CLAIM_SECONDS, END, WAITING, WANTED, WantedReplies
from handlers import stored_shapes
from handlers.case import Case, Unreadable, UnreadableCase
from vt.coalescing import CachedReply, Claims
from vt.lookup import Lookup
from vt.steps import TimeRange, WantedReply
from vt.stored import INLINE, PackedReply, Packer, Raw, remembering

# Several lookups may have asked at once: the reply that came last stays, whichever is written last. One from further ahead
# was stored before the clock was set back.
_PUT = """
    INSERT INTO replies (key, raw, at, known)
    SELECT key, raw::json, %(at)s, known
    FROM unnest(%(stored)s::text[], %(raws)s::text[], %(known)s::boolean[]) AS reply (key, raw, known)
    ON CONFLICT (key) DO UPDATE SET raw = excluded.raw, at = excluded.at, known = excluded.known
    WHERE replies.at <= excluded.at OR replies.at > GREATEST(now(), excluded.at) + interval '1 minute'
"""
_PUT_AND_END = f"WITH ended AS ({END}) {_PUT}"
# Of a reply that an older version stored it is not noted whether VirusTotal knew anything.
_RECALL = """
    SELECT key, at, CASE WHEN octet_length(raw::text) <= %(inline)s THEN raw::text END AS raw FROM replies
    WHERE key = ANY(%(keys)s) AND at > CASE WHEN known THEN %(known)s::timestamptz ELSE %(unknown)s END AND at <= %(end)s
"""
_RECALL_LARGE = "SELECT raw::text AS raw FROM replies WHERE key = %(key)s AND at = %(at)s"
# The rows of others' claims are not touched, so that nobody waits for their locks; only when two claim at the same moment
# does the conflict decide.
_CLAIM = f"""
    WITH stored AS ({_RECALL}), claimed AS (
        INSERT INTO wanted_replies AS mine
            (key, batch, action, kind, resource, automatic, case_ids, since, until, claimant, claimed_until)
        SELECT key, batch, action, kind, resource, %(automatic)s, '{{}}', now(), claim.until, %(claimant)s, claim.until
        FROM {WANTED}, (SELECT now() + interval '{CLAIM_SECONDS} seconds' AS until) AS claim
        WHERE NOT EXISTS (SELECT FROM stored WHERE stored.key = wanted.key) AND NOT EXISTS (
            SELECT FROM wanted_replies AS other
            WHERE other.key = wanted.key AND other.claimed_until > now() AND other.claimant <> %(claimant)s
        )
        ON CONFLICT (key) DO UPDATE SET claimant = excluded.claimant, claimed_until = excluded.claimed_until
        WHERE mine.claimed_until IS NULL OR mine.claimed_until <= now() OR mine.claimant = excluded.claimant
        RETURNING key, case_ids <> '{{}}' AS is_awaited
    )
    SELECT found.*, EXISTS (SELECT FROM wanted_replies WHERE batch <> '' AND {WAITING}) AS others_wait FROM (
        SELECT key, at, raw, false AS is_awaited FROM stored
        UNION ALL SELECT key, NULL, NULL, is_awaited FROM claimed
    ) AS found
"""  # noqa: S608 - constants
# The newest replies stay that fit into both bounds; bytes are counted as PostgreSQL stores them, compressed, and no reply
# is read for that. So many are deleted at once that the statement does not take too long.
_PRUNE = """
    WITH newest AS (
        SELECT key, at, pg_column_size(raw) AS size FROM replies
        WHERE at >= %(before)s ORDER BY at DESC, key DESC LIMIT %(rows)s
    ), counted AS (
        SELECT key, at, sum(size) FILTER (WHERE size <= %(bytes)s) OVER (ORDER BY at DESC, key DESC) AS total FROM newest
    ), kept AS (
        SELECT at, key FROM counted WHERE total <= %(bytes)s ORDER BY at, key LIMIT 1
    )
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
PRUNED_AT_ONCE = 5_000
MAX_ROWS = 100_000
MAX_BYTES = 512 << 20


class StoredReplies(WantedReplies):
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
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._packer = packer or Packer()

    async def get(self, keys: Iterable[str], newer_than: datetime) -> dict[str, Raw]:
        """Those of them that are stored and came after that time."""
        within = TimeRange(newer_than, newer_than, datetime.max.replace(tzinfo=UTC))
        return {key: raw for key, (raw, _) in (await self.recall(keys, within)).items()}

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
                small[key] = json.dumps(raw)
                continue
            async with self._packer.alone():
                await self._database.rows(_PUT, self._rows({key: raw.text}, at, unknown))
        if raws:
            write = self._database.write if others else self._database.write_later
            await write(*self._last_writes(raws, self._rows(small, at, unknown), at))

    def _rows(self, bodies: Mapping[str, str], at: datetime, unknown: Collection[str]) -> dict[str, Any]:
        """Values for the replies that may be stored, in the order of their keys."""
        kept = [key for key, body in bodies.items() if len(body) <= self._max_bytes]
        return {
            "stored": [self._owner + key for key in kept],
            "raws": [bodies[key] for key in kept],
            "known": [key not in unknown for key in kept],
            "at": at,
        }

    def _last_writes(self, keys: Iterable[str], rows: dict[str, Any], at: datetime) -> list[Statement]:
        """Store these rows, and end what is wanted: one statement, unless cases have to be woken."""
        sql, values = self._ended(keys, at)
        if sql is END and rows["stored"]:
            return [(_PUT_AND_END, values | rows)]
        return [(_PUT, rows), (sql, values)] if rows["stored"] else [(sql, values)]

    async def prune(self, older_than: datetime) -> None:
        """Delete replies, to whichever key, that came before that time, and the oldest that exceed the bounds. Raises StoreDown."""
        bounds = {"rows": self._max_rows or None, "bytes": self._max_bytes}
        while True:
            deleted = await self._database.rows(
                _PRUNE, {"before": older_than, "most": PRUNED_AT_ONCE, **bounds}
            )
            if len(deleted) < PRUNED_AT_ONCE:
                break
        await self._prune_wanted()


# The replies of cases -----------------------------------------------------------------------------------

_KEEP_REPLY = """
    INSERT INTO case_replies (case_id, digest, content)
    SELECT id, %(digest)s, %(content)s FROM cases WHERE id = %(id)s
    ON CONFLICT DO NOTHING
"""
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
