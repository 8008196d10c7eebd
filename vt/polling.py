"""Looks at what is being analysed, and at what may have been uploaded: what each makes of a lookup. No I/O."""

from datetime import datetime

from vt import errors
from vt.lookup import Lookup, Raw, Step
from vt.notes import Note
from vt.patience import ANALYSIS, UNSURE
from vt.scan_ids import is_of, is_since

MOST_BROKEN = 3
"""Uploads of a file that broke, after which it is not sent again."""
QUEUED = -2
UNKNOWN = 0
"""VirusTotal's response_code."""


def again(lookup: Lookup, raw: Raw, now: datetime) -> Lookup:
    """The report of the awaited scan, or not yet. An empty reply is a look that came to nothing: it was too early."""
    if _is_awaited(lookup, raw):
        return lookup.kept(lookup.note).but(raw=raw, checked_at=now)
    if lookup.unsure and raw.get("response_code") == QUEUED and raw.get("scan_id"):
        return lookup.queued(raw, now)
    if _never_arrived(lookup, raw):
        if lookup.broken >= MOST_BROKEN:
            return lookup.refused(errors.Unreachable())
        return lookup.but(begun=None, since=None, tries=0, not_before=None).unknown()
    patience, since = UNSURE if lookup.unsure else ANALYSIS, lookup.since or now
    if now - since > patience.lasts:
        return (
            lookup.kept(Note.PERHAPS).but(begun=lookup.begun) if lookup.unsure else lookup.kept(Note.GAVE_UP)
        )
    tries = lookup.tries + 1
    return lookup.but(since=since, tries=tries, not_before=now + patience.pause(tries), trouble=None)


def _is_awaited(lookup: Lookup, raw: Raw) -> bool:
    return is_since(raw, lookup.begun) if lookup.begun else is_of(raw, lookup.scan_id or "")


def _never_arrived(lookup: Lookup, raw: Raw) -> bool:
    """What VirusTotal did not know before and does not know a while later either was not uploaded."""
    return lookup.unsure and lookup.anew is None and lookup.tries > 0 and raw.get("response_code") == UNKNOWN


def interrupted(lookup: Lookup) -> Lookup:
    """Nobody knows whether its upload arrived: what comes of it is waited for, before it is sent again.

    By the hash of what VirusTotal knew before it shows the old report until the new one is finished. So that is
    never sent again by itself; what it did not know is, once it is sure that it did not arrive.
    """
    if not lookup.begun:
        return lookup.but(step=Step.ASK)
    return lookup.but(
        step=Step.WAIT,
        scan_id=None,
        since=lookup.begun,
        tries=0,
        not_before=None,
        trouble=None,
        broken=lookup.broken + 1,
    )


def resumed(lookup: Lookup) -> Lookup:
    """As taken from storage: an upload may have been under way when the process died."""
    return interrupted(lookup) if lookup.step is Step.UPLOAD and lookup.begun else lookup
