"""What an error makes of a lookup: whether it waits, tries again, keeps what is known, or has no answer. No I/O."""

from datetime import datetime

from vt import errors, polling
from vt.errors import VTError
from vt.lookup import Lookup, Step
from vt.notes import Note


def of(lookup: Lookup, error: VTError, now: datetime) -> Lookup:
    """Wait for the quota, try again where that may help, keep an old report, or say why there is none."""
    if isinstance(error, errors.QuotaSpent):
        return lookup.delayed(error, error.retry_at)
    if lookup.step is Step.WAIT:
        return polling.again(lookup, {}, now)
    if isinstance(error, errors.NotAnswering):
        return lookup.unanswered(error, now)
    if lookup.step is Step.RESCAN:
        return lookup.kept(Note.RESCAN_REFUSED)
    return lookup.refused(error)


def of_upload(lookup: Lookup, error: VTError, now: datetime, *, whole: bool) -> Lookup:
    """Without its last bytes it surely did not arrive; with them it may have. In both cases VirusTotal is asked first."""
    if not isinstance(error, errors.NotAnswering | errors.Unreadable):
        return of(lookup.but(begun=None), error, now)
    if lookup.broken + 1 >= polling.MOST_BROKEN:
        return lookup.but(begun=None).refused(error)
    if whole:
        return of(polling.interrupted(lookup), error, now)
    after = of(lookup.but(begun=None, broken=lookup.broken + 1), error, now)
    return after if after.settled else after.but(step=Step.ASK)
