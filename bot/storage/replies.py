"""VirusTotal's replies: those that processes share so that nothing is asked for twice, and the large ones of cases."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from bot.connections import Statement
from bot.database import Database
from handlers import stored_shapes
from handlers.case import Case, Unreadable, UnreadableCase
from vt.lookup import Lookup
from vt.stored import INLINE, PackedReply, Packer, Raw

# Several lookups may have asked at once: the reply that came last stays, whichever is written last. One from further ahead
# was stored before the clock was set back.
_PUT = """
    INSERT INTO replies (key, raw, at) VALUES (%(key)s, %(raw)s::json, %(at)s)
    ON CONFLICT (key) DO UPDATE SET raw = excluded.raw, at = excluded.at
    WHERE replies.at <= excluded.at OR replies.at > GREATEST(now(), excluded.at) + interval '1 minute'
"""
_RECALL = """
    SELECT key, at, CASE WHEN octet_length(raw::text) <= %(inline)s THEN raw::text END AS raw
    FROM replies WHERE key = ANY(%(keys)s) AND at > %(after)s
"""
_RECALL_LARGE = "SELECT raw::text AS raw FROM replies WHERE key = %(key)s AND at = %(at)s"
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


class StoredReplies:
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
        self._database = database
        self._owner = owner
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._packer = packer or Packer()

    async def get(self, keys: Iterable[str], newer_than: datetime) -> dict[str, Raw]:
        """Those of them that are kept and came after that time."""
        return {key: raw for key, (raw, _) in (await self.recall(keys, newer_than)).items()}

    async def recall(self, keys: Iterable[str], newer_than: datetime) -> dict[str, tuple[Raw, datetime]]:
        """The same, with the times when they came. Large ones are read one at a time, and packed."""
        wanted = {"keys": [self._owner + key for key in keys], "after": newer_than, "inline": INLINE}
        found: dict[str, tuple[Raw, datetime]] = {}
        for row in await self._database.rows(_RECALL, wanted):
            raw = json.loads(row.raw) if row.raw else await self._large(row.key, row.at)
            if isinstance(raw, Mapping):
                found[row.key.removeprefix(self._owner)] = raw, row.at
        return found

    async def _large(self, key: str, at: datetime) -> Raw | None:
        """None: in the meantime another one took its place."""
        async with self._packer.alone():
            rows = await self._database.rows(_RECALL_LARGE, {"key": key, "at": at})
            raw = json.loads(rows[0].raw) if rows else None
            return self._packer.packed(rows[0].raw, raw) if isinstance(raw, dict) else None

    async def put(self, raws: Mapping[str, Raw], at: datetime) -> None:
        """Store replies that came at that time; what is newer stays. One that alone exceeds `max_bytes` is left out.

        Large ones are written at once, one at a time: to put them off would be to hold all of them in memory.
        """
        small: list[Statement] = []
        for key, raw in sorted(raws.items()):
            row = {"key": self._owner + key, "at": at}
            if not isinstance(raw, PackedReply):
                body = json.dumps(raw)
                small += [(_PUT, row | {"raw": body})] if len(body) <= self._max_bytes else []
                continue
            async with self._packer.alone():
                body = raw.text
                if len(body) <= self._max_bytes:
                    await self._database.rows(_PUT, row | {"raw": body})
        if small:
            await self._database.write_later(*small)

    async def prune(self, older_than: datetime) -> None:
        """Delete replies, to whichever key, that came before that time, and the oldest that exceed the bounds. Raises StoreDown."""
        bounds = {"rows": self._max_rows or None, "bytes": self._max_bytes}
        while True:
            deleted = await self._database.rows(
                _PRUNE, {"before": older_than, "most": PRUNED_AT_ONCE, **bounds}
            )
            if len(deleted) < PRUNED_AT_ONCE:
                return


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
        self._packer.forget()
        replies = {one.raw.digest: one.raw for one in case.lookups if isinstance(one.raw, PackedReply)}
        for row in await self._database.rows(_KEPT_REPLIES, {"id": case.request.id}) if replies else ():
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
        raw = lookup.raw
        if isinstance(raw, PackedReply):
            async with self._packer.alone():
                rows = await self._database.rows(_REPLY, {"id": case_id, "digest": raw.digest})
                raw = self._packer.attached(raw, rows[0].content)
        elif raw is not None:
            raw = self._packer.packed(json.dumps(raw, ensure_ascii=False), raw)
        return lookup if raw is lookup.raw else lookup.evolve(raw=raw)
