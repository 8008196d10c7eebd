"""What was answered, found again by the id that a button carries, and shown again."""

from datetime import datetime

from handlers import blocks, consent, history
from handlers.blocks import Frame, Message
from handlers.deps import Case, Deps, Outcome
from vt.verdict import Finding


async def answered(case: Case, deps: Deps) -> Case | None:
    """The answered request a button belongs to, if the one who pressed it may see it."""
    about = await deps.store.case(case.request.about or "")
    if about is None or not about.lookups:
        return None
    mine, theirs = case.request.origin, about.request.origin
    seen_by_all = mine.public and mine.channel == theirs.channel
    return about if mine.team == theirs.team and (seen_by_all or mine.user == theirs.user) else None


def findings(case: Case, now: datetime) -> list[Finding]:
    """What is known of everything that was asked."""
    return [lookup.finding(now) for lookup in case.lookups]


async def message(case: Case, deps: Deps, *, final: bool = True, shared_by: str | None = None) -> Message:
    """The answer to a request as it stands now. `shared_by`: who wants the whole channel to see it."""
    found = findings(case, deps.clock())
    frame = Frame(
        case=case.request.id,
        now=deps.clock(),
        final=final,
        shared_by=shared_by or (case.request.origin.user if case.request.share else None),
        public=case.request.origin.response_url is None,
        submit=deps.submit,
        invented=deps.invented,
        past=await history.past(case, found, deps.history),
    )
    shown = blocks.answer(found, frame)
    askable = final and not shared_by
    return consent.asked(shown, case.lookups, case.request.id, deps.upload) if askable else shown


async def end(case: Case, deps: Deps, outcome: Outcome = Outcome.ANSWERED) -> None:
    """Nothing more is to be done."""
    await deps.store.save(case.model_copy(update={"outcome": outcome}))
