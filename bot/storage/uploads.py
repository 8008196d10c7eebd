"""Which contents are being uploaded, and were, by any process: the table, and the Uploads of vt.

An upload is claimed with a row that is renewed while it is sent, not with an advisory lock of PostgreSQL. Such a lock belongs
to a session: an upload would keep a connection of the pool for minutes, and lose its lock with it although it goes on. And it
leaves nothing behind: the row says that an upload was started by a process that has died, and keeps the receipt.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from bot.database import Database
from handlers.case import StoreDown
from vt.files.transfer import Upload
from vt.lookup import Lookup
from vt.polling import SAME_SCAN

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
_PRUNE = "DELETE FROM uploads WHERE claimed_until < now() - interval '1 day'"


class Uploads:
    """The Uploads of vt. Every method raises StoreDown. `owner`: whose key is used."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = owner

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

    async def _prune_uploads(self) -> None:
        """Delete uploads of which VirusTotal has told everybody for a day."""
        await self._database.rows(_PRUNE, {})
