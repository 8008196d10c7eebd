"""`vtbot audit`: the audit trail on stdout, for a reader or as one JSON object a line."""

import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from datetime import UTC, datetime

from bot.database import Database
from bot.settings import Settings
from bot.startup import database
from bot.storage.audit import AuditTrail, Entry
from handlers.deps import StoreDown
from handlers.text import about
from handlers.views.rich_text import clean

DONE, NOT_DONE = 0, 1
COLUMNS = ("at", "outcome", "calls", "user", "channel", "way", "verb", "what")
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def moment(value: str) -> datetime:
    """A date or a time as ISO 8601 writes it; UTC, if it does not say. Raises ValueError."""
    read = datetime.fromisoformat(value)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


async def audit(settings: Settings, since: datetime, *, as_json: bool, request_id: str | None = None) -> int:
    """Everything from then on, the oldest first, or the one request of that id.

    Exit status 1 when there is no such request, or the database does not answer.
    """
    async with database(settings) as url:
        kept = Database(url)
        try:
            if request_id is None:
                entries = AuditTrail(kept).since(since)
            elif entry := await AuditTrail(kept).find(request_id):
                entries = _only(entry)
            else:
                sys.stderr.write(f"vtbot: {about.no_request(request_id)}\n")
                return NOT_DONE
            return await _written(entries, as_line if as_json else as_row, head=not as_json)
        except StoreDown:
            sys.stderr.write(f"vtbot: {about.DATABASE_SILENT}\n")
            return NOT_DONE
        finally:
            await kept.close()


async def _only(entry: Entry) -> AsyncIterator[Entry]:
    yield entry


async def _written(entries: AsyncIterator[Entry], form: Callable[[Entry], str], *, head: bool) -> int:
    try:
        if head:
            sys.stdout.write("\t".join(COLUMNS) + "\n")
        async for entry in entries:
            sys.stdout.write(f"{form(entry)}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read it has read enough. What is still buffered must not complain at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def as_line(entry: Entry) -> str:
    """All of it as JSON."""
    return json.dumps({**asdict(entry), "at": _time(entry)}, ensure_ascii=False)


def as_row(entry: Entry) -> str:
    """What a reader wants to know, separated by tabs; a value cannot separate or end anything."""
    outcome = f"{entry.outcome}: {entry.why}" if entry.why else entry.outcome
    what = ", ".join(f"{one['action']} {one['value']}" for one in entry.what)
    values = (_time(entry), outcome, entry.calls, entry.user, entry.channel, entry.way, entry.verb, what)
    return "\t".join(clean(str(value)).replace("\n", " ") for value in values)


def _time(entry: Entry) -> str:
    return entry.at.astimezone(UTC).isoformat(timespec="seconds")
