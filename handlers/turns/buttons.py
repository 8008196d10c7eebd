"""What the buttons on an answer do: files, and who sees it."""

from collections.abc import Callable, Sequence

from handlers import posting, text
from handlers.deps import Case, Deps, Outcome
from handlers.files import permission
from handlers.files.ownership import following
from handlers.text import modals
from handlers.turns.answers import answered, decline, end, findings, message, sharer
from handlers.views import exports
from handlers.views.exports import Attachment
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
    where = await posting.send_file(case, make(findings(about, deps.clock())), deps)
    await posting.post_ephemeral(case, where, deps)
    await end(case, deps)


async def share(case: Case, deps: Deps) -> None:
    """A new message for the whole channel."""
    about = await answered(case, deps)
    if about is None:
        await gone(case, deps)
        return
    shown = await message(about, deps, shared_by=case.request.origin.user)
    # Known before it is shown: whoever presses a button on it may see the answer.
    await deps.store.save(about.model_copy(update={"published": True}))
    done = await posting.share(case, shown, deps)
    await end(case, deps, Outcome.ANSWERED if done else Outcome.FAILED)


async def hide(case: Case, deps: Deps) -> None:
    """The message is deleted, and shown to its asker alone. Who has read it has read it."""
    about = await answered(case, deps)
    owner = about and (sharer(about) or about.request.origin.user)
    if about is None or owner != case.request.origin.user:
        await (decline(case, modals.NOT_YOURS, "not-yours", deps) if about else gone(case, deps))
        return
    # The copy is an answer of its own, which can be shared again.
    private = await permission.put(following(case, about, about.lookups), deps)
    await deps.store.save(private)
    await posting.delete(private, deps)
    await posting.reply_privately(private, await message(private, deps, hidden=True), deps)
    await end(private, deps)


async def gone(case: Case, deps: Deps) -> None:
    """The answer is no longer kept, or never was for this person."""
    await decline(case, text.GONE, "gone", deps)
