"""What was answered, found again by the id that a button carries, and shown again."""

from datetime import datetime

from handlers import history
from handlers.deps import Case, Deps, Outcome
from handlers.files import consent, permission
from handlers.files.ownership import origins
from handlers.posting import post_ephemeral
from handlers.views import answer
from handlers.views.answer import Frame, Message
from vt.verdict import Finding


async def answered(case: Case, deps: Deps) -> Case | None:
    """The answered request a button belongs to, if the one who pressed it may see it."""
    about = await deps.store.case(case.request.about or "")
    if about is None or not about.lookups:
        return None
    mine, theirs = case.request.origin, about.request.origin
    shown_there = mine.public and mine.channel == theirs.channel and _seen_by_all(about)
    asked_for = (mine.team, mine.user) == (theirs.team, theirs.user)
    return about if shown_there or asked_for else None


def findings(case: Case, now: datetime) -> list[Finding]:
    """What is known of everything that was asked."""
    return [lookup.finding(now) for lookup in case.lookups]


async def message(
    case: Case, deps: Deps, *, final: bool = True, shared_by: str | None = None, hidden: bool = False
) -> Message:
    """The answer to a request as it stands now.

    `shared_by`: who wants the whole channel to see it. `hidden`: it is shown to its asker alone, whoever saw it before.
    """
    found = findings(case, deps.clock())
    asks = final and not shared_by and consent.concerns(case.lookups)
    frame = Frame(
        case=case.request.id,
        now=deps.clock(),
        final=final,
        shared_by=shared_by or sharer(case),
        public=not hidden and (_seen_by_all(case) or case.request.origin.apart),
        private_key=deps.service.client.kind == "private",
        submit=deps.submit,
        invented=deps.invented,
        past=await history.past(case, found, deps.history),
        follows=consent.CHARACTERS if asks else 0,
    )
    shown = answer.answer(found, frame)
    if not asks:
        return shown
    policy = await permission.policy(origins(case), deps)
    return consent.asked(shown, case, policy, deps.clock())


def _seen_by_all(case: Case) -> bool:
    origin = case.request.origin
    posted = origin.response_url is None and not origin.apart
    return case.published or case.request.share or origin.public or posted


def sharer(case: Case) -> str | None:
    """Who wants the whole channel to see the answer; None: nobody."""
    return case.shared_by or (case.request.origin.user if case.request.share else None)


async def decline(case: Case, line: str, why: str, deps: Deps) -> None:
    """Tell whoever pressed a button that it does not count. It may be pressed again: then things may be otherwise."""
    await post_ephemeral(case, line, deps)
    await deps.store.decline(case, why)


async def end(case: Case, deps: Deps, outcome: Outcome = Outcome.ANSWERED) -> None:
    """Nothing more is to be done."""
    await deps.store.save(case.model_copy(update={"outcome": outcome}))
