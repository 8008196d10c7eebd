"""What the buttons on an answer do: send files, share it, hide it."""

from collections.abc import Callable, Sequence

from handlers import posting, text
from handlers.deps import AnswerDeps, Case, Outcome
from handlers.files import consent
from handlers.ownership import as_renewal
from handlers.request import AnswerRequest
from handlers.text import modals
from handlers.turns.answers import decline, end, findings, message, sharer, visible_answer
from handlers.views import exports
from handlers.views.exports import Attachment
from vt.verdict import Finding


async def json(case: Case[AnswerRequest], deps: AnswerDeps) -> None:
    """Send the documented JSON as a file."""
    await _send(case, deps, exports.as_json)


async def csv(case: Case[AnswerRequest], deps: AnswerDeps) -> None:
    """Send a table as a file."""
    await _send(case, deps, exports.as_csv)


async def _send(
    case: Case[AnswerRequest], deps: AnswerDeps, export: Callable[[Sequence[Finding]], Attachment]
) -> None:
    about = await visible_answer(case, deps)
    if about is None:
        await _decline_gone(case, deps)
        return
    place = await posting.send_file(case, export(findings(about, deps.clock())), deps)
    await posting.post_ephemeral(case, place, deps)
    await end(case, deps)


async def share(case: Case[AnswerRequest], deps: AnswerDeps) -> None:
    """Post the answer as a new message for the whole channel."""
    about = await visible_answer(case, deps)
    if about is None:
        await _decline_gone(case, deps)
        return
    shown = await message(about, deps, shared_by=case.request.origin.user)
    # Saved before it is posted: from then on everybody in the channel may press its buttons.
    await deps.store.save(about.model_copy(update={"published": True}))
    is_shared = await posting.share(case, shown, deps)
    await end(case, deps, Outcome.ANSWERED if is_shared else Outcome.FAILED)


async def hide(case: Case[AnswerRequest], deps: AnswerDeps) -> None:
    """Delete the shared message and show the answer to its owner alone, as an answer of its own that can be shared again."""
    about = await visible_answer(case, deps)
    if about is None:
        await _decline_gone(case, deps)
        return
    owner = sharer(about) or about.request.origin.user
    if owner != case.request.origin.user:
        await decline(case, modals.NOT_YOURS, "not-yours", deps)
        return
    private = as_renewal(case, about, about.lookups)
    if private.has_files:
        private = await consent.mark_asked(private, deps)
    await deps.store.save(private)
    await posting.delete(private, deps)
    await posting.reply_privately(private, await message(private, deps, hidden=True), deps)
    await end(private, deps)


async def _decline_gone(case: Case[AnswerRequest], deps: AnswerDeps) -> None:
    """The answer is no longer kept, or is not for this person."""
    await decline(case, text.GONE, "gone", deps)
