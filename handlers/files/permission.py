"""Whether an upload may be: what is set where it was asked for, whose click counts, and what holds once it begins."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from handlers import text
from handlers.deps import Case, Deps, Origin
from handlers.files.consent import over, waiting
from handlers.files.ownership import asked_first, first, origins
from handlers.request import Uploads
from handlers.text import files as words
from handlers.text.audience import Sentence, said
from vt.lookup import ANY_CONTENT, Lookup, Step
from vt.verdict import Note


async def policy(places: Iterable[Origin], deps: Deps) -> str:
    """The strictest of what the operator and the channels set for uploads. Raises StoreDown.

    `places`: where the files were asked for first, and where somebody presses a button now: a private answer to what was
    asked in a channel stands in direct messages.
    """
    channels = {(origin.team, origin.channel) for origin in places}
    ways = [await deps.channels.ways(*channel) for channel in sorted(channels)]
    return max(Uploads(deps.upload), *(one.uploads for one in ways), key=list(Uploads).index)


class Refusal(StrEnum):
    """Why a click does not count; the values are in the audit trail."""

    GONE = "gone"
    NOT_YOURS = "not-yours"
    DENIED = "uploads-denied"
    TOO_LATE = "too-late"


SAID: Mapping[Refusal, Sentence] = {
    Refusal.GONE: said(text.GONE),
    Refusal.NOT_YOURS: said(words.NOT_YOURS),
    Refusal.DENIED: words.NOT_NOW,
    Refusal.TOO_LATE: said(words.TOO_LATE),
}


async def refusal(about: Case | None, click: Case, deps: Deps) -> Refusal | None:
    """Why a click on the button does not count; None: it does. Raises StoreDown."""
    if about is None or not waiting(about.lookups):
        return Refusal.GONE
    late = Refusal.TOO_LATE if over(about, click.request.at) else None
    return await denied(about, click, deps) or late


async def denied(about: Case | None, click: Case, deps: Deps) -> Refusal | None:
    """Why somebody cannot have files of that answer uploaded; None: they can. Raises StoreDown."""
    if about is None:
        return Refusal.GONE
    if not asked_first(click, about):
        return Refusal.NOT_YOURS
    where = (first(about), click.request.origin)
    return Refusal.DENIED if await policy(where, deps) == "deny" else None


async def put(case: Case, deps: Deps) -> Case:
    """With the time of its question, if it is shown one now that was not put before. Raises StoreDown."""
    if case.asked_at or not waiting(case.lookups) or await policy(origins(case), deps) == "deny":
        return case
    return case.model_copy(update={"asked_at": deps.clock()})


async def still(case: Case, deps: Deps) -> Case:
    """With those uploads that are still to begin and still allowed: quotas are waited for, and settings change meanwhile.

    Raises StoreDown.
    """
    if not any(_begins(lookup) for lookup in case.lookups):
        return case
    now = await policy(origins(case), deps)
    lookups = tuple(_held_back(one) if _begins(one) and _forbids(now, one) else one for one in case.lookups)
    return case.model_copy(update={"lookups": lookups})


def _begins(lookup: Lookup) -> bool:
    return bool(lookup.consented_sha256) and (
        lookup.upload_uncertain or lookup.step in (Step.ASK, Step.UPLOAD)
    )


def _forbids(policy: str, lookup: Lookup) -> bool:
    """What nobody was asked about needs more than what somebody agreed to."""
    return policy == "deny" or (lookup.consented_sha256 == ANY_CONTENT and policy != "allow")


def _held_back(lookup: Lookup) -> Lookup:
    """VirusTotal is asked for it all the same: an upload that broke may have arrived."""
    asks_again = lookup.reanalyse_after and not lookup.upload_started
    return lookup.evolve(consented_sha256="", note=Note.NEEDS_CONSENT if asks_again else lookup.note)
