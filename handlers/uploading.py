"""A click on "Upload": whether it counts, and what becomes of the message that carried the button."""

from handlers import consent, progress
from handlers.answered import end
from handlers.deps import Case, Deps, Outcome
from handlers.lookups import look_up
from handlers.post import reply, whisper


async def upload(case: Case, deps: Deps) -> None:
    """Upload what was agreed to, and wait for what comes of it."""
    begun = case if case.lookups else await _begun(case, deps)
    if begun:
        await look_up(begun, deps)
    else:
        await end(case, deps, Outcome.REFUSED)


async def _begun(case: Case, deps: Deps) -> Case | None:
    """The answer's lookups with what was agreed to, in its message. None: the click does not count, and was told why."""
    about = await deps.store.case(case.request.about or "")
    refused = consent.refusal(about, case, await consent.policy(case.request.origin, deps))
    if about is None or refused:
        await whisper(case, refused, deps)
        return None
    lookups = consent.agreed(about.lookups)
    case = case.model_copy(update={"lookups": lookups, "channel": about.channel, "ts": about.ts})
    files = [(file, 0) for file in consent.waiting(about.lookups)]
    return await reply(case, progress.message(files), deps, final=False)
