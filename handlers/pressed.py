"""What the buttons on an answer do: files, and who sees it."""

from collections.abc import Callable, Sequence

from handlers import exports, text
from handlers.answered import answered, end, findings, message
from handlers.deps import Case, Deps, Outcome
from handlers.exports import Attachment
from handlers.post import hand_over, publish, whisper
from vt.verdict import Finding


async def json(case: Case, deps: Deps) -> None:
    """The documented JSON as a file."""
    await _file(case, deps, exports.as_json)


async def csv(case: Case, deps: Deps) -> None:
    """All of it as a table."""
    await _file(case, deps, exports.as_csv)


async def _file(case: Case, deps: Deps, make: Callable[[Sequence[Finding]], Attachment]) -> None:
    about = await answered(case, deps)
    if about is None:
        await gone(case, deps)
        return
    where = await hand_over(case.request.origin, make(findings(about, deps.clock())), deps)
    await whisper(case, where, deps)
    await end(case, deps)


async def share(case: Case, deps: Deps) -> None:
    """A new message for the whole channel."""
    about = await answered(case, deps)
    if about is None:
        await gone(case, deps)
        return
    shown = await message(about, deps, shared_by=case.request.origin.user)
    done = await publish(case, shown, deps)
    await end(case, deps, Outcome.ANSWERED if done else Outcome.FAILED)


async def gone(case: Case, deps: Deps) -> None:
    """The answer is no longer kept, or never was for this person."""
    await whisper(case, text.GONE, deps)
    await end(case, deps, Outcome.REFUSED)
