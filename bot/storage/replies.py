"""VirusTotal's replies, which processes share so that nothing is asked for twice: the table, and the ReplyCache of vt."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from bot.database import Database

# Several lookups may have asked at once: the reply that came last stays, whichever is written last. One from further ahead
# was stored before the clock was set back.
_PUT = """
    INSERT INTO replies (key, raw, at) VALUES (%(key)s, %(raw)s::json, %(at)s)
    ON CONFLICT (key) DO UPDATE SET raw = excluded.raw, at = excluded.at
    WHERE replies.at <= excluded.at OR replies.at > GREATEST(now(), excluded.at) + interval '1 minute'
"""
_RECALL = "SELECT key, raw, at FROM replies WHERE key = ANY(%(keys)s) AND at > %(after)s"
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
        self, database: Database, owner: str = "", max_rows: int = MAX_ROWS, max_bytes: int = MAX_BYTES
    ) -> None:
        self._database = database
        self._owner = owner
        self._max_rows = max_rows
        self._max_bytes = max_bytes

    async def get(self, keys: Iterable[str], newer_than: datetime) -> dict[str, dict[str, Any]]:
        """Those of them that are kept and came after that time."""
        return {key: raw for key, (raw, _) in (await self.recall(keys, newer_than)).items()}

    async def recall(
        self, keys: Iterable[str], newer_than: datetime
    ) -> dict[str, tuple[dict[str, Any], datetime]]:
        """The same, with the times when they came."""
        wanted = [self._owner + key for key in keys]
        rows = await self._database.rows(_RECALL, {"keys": wanted, "after": newer_than})
        found = [row for row in rows if isinstance(row.raw, dict)]
        return {row.key.removeprefix(self._owner): (row.raw, row.at) for row in found}

    async def put(self, raws: Mapping[str, dict[str, Any]], at: datetime) -> None:
        """Store replies that came at that time; what is newer stays. One that alone exceeds `max_bytes` is left out."""
        bodies = {key: json.dumps(raw) for key, raw in sorted(raws.items())}
        rows = [
            {"key": self._owner + key, "raw": body, "at": at}
            for key, body in bodies.items()
            if len(body) <= self._max_bytes
        ]
        if rows:
            await self._database.write_later(*((_PUT, row) for row in rows))

    async def prune(self, older_than: datetime) -> None:
        """Delete replies, to whichever key, that came before that time, and the oldest that exceed the bounds. Raises StoreDown."""
        bounds = {"rows": self._max_rows or None, "bytes": self._max_bytes}
        while True:
            deleted = await self._database.rows(
                _PRUNE, {"before": older_than, "most": PRUNED_AT_ONCE, **bounds}
            )
            if len(deleted) < PRUNED_AT_ONCE:
                return
