"""What the buttons on an answer do: send files, share it, hide it, and agree to uploads."""

from collections.abc import Callable, Sequence

from handlers import replies, text
from handlers.case import Case, Outcome
from handlers.deps import AnswerDeps, LookupDeps
from handlers.replies import RESPONSE_URL_USES, reply
from handlers.request import AnswerRequest, UploadRequest
from handlers.text import files as files_text
from handlers.text import modals
from handlers.turns import consent
from handlers.turns.answers import case_of_button, decline, end, message, visible_answer
from handlers.turns.consent import Rejection
from handlers.turns.lookup import advance
from handlers.views import exports, messages
from handlers.views.exports import Attachment
from vt.client import DIRECT_UPLOAD
from vt.lookup import Lookup
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
    place = await replies.send_file(case, export(about.findings(deps.clock())), deps)
    await replies.post_ephemeral(case, place, deps)
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
    is_shared = await replies.share(case, shown, deps)
    await end(case, deps, Outcome.DONE if is_shared else Outcome.FAILED)


async def hide(case: Case[AnswerRequest], deps: AnswerDeps) -> None:
    """Delete the shared message and show the answer to its owner alone, as an answer of its own that can be shared again."""
    about = await visible_answer(case, deps)
    if about is None:
        await _decline_gone(case, deps)
        return
    owner = about.sharer or about.request.origin.user
    if owner != case.request.origin.user:
        await decline(case, modals.NOT_YOURS, "not-yours", deps)
        return
    private = case.as_renewal(about, about.lookups)
    if private.has_files:
        private = await consent.mark_asked(private, deps)
    await deps.store.save(private)
    await replies.delete(private, deps)
    await replies.reply_privately(private, await message(private, deps, hidden=True), deps)
    await end(private, deps)


async def _decline_gone(case: Case[AnswerRequest], deps: AnswerDeps) -> None:
    """The answer is no longer kept, or is not for this person."""
    await decline(case, text.GONE, "gone", deps)


# Uploads -----------------------------------------------------------------------------------------------


async def upload(case: Case[UploadRequest], deps: LookupDeps) -> None:
    """Upload the files that somebody agreed to, and go on until VirusTotal has analysed them."""
    consented = case if case.lookups else await _agree(case, deps)
    if consented:
        await advance(consented, deps)


async def offer(case: Case[UploadRequest], deps: LookupDeps) -> None:
    """Ask whether files that VirusTotal knows may be uploaded all the same, in the message of their answer."""
    about = await visible_answer(case, deps)
    rejection = await consent.check_person(about, case, deps)
    if about is None or rejection:
        await _reject(case, rejection, deps)
        return
    lookups = consent.offer_again(about.lookups, deps.clock(), deps.never_upload)
    offered = await consent.mark_asked(_in_message_of(about, case, lookups), deps)
    await end(await reply(offered, await message(offered, deps), deps), deps)


async def _agree(case: Case[UploadRequest], deps: LookupDeps) -> Case | None:
    """The case with the answer's lookups and consent for those that the question was about, in the answer's message.

    None: the click does not count, and the person was told why.
    """
    about = await case_of_button(case, deps)
    rejection = await consent.check_click(about, case, deps)
    if about is None or rejection:
        await _reject(case, rejection, deps)
        return None
    files = messages.asked_about(about.lookups)
    consented = _in_message_of(about, case, consent.agree(about.lookups))
    takes_long = sum(file.size or 0 for file in files) > DIRECT_UPLOAD
    moves = takes_long and not consented.channel and not case.request.origin.public
    if moves:
        # A response_url can be used five times. Progress that takes longer is shown in a message of the bot's own.
        consented = await reply(consented, messages.note(files_text.FOLLOW), deps, final=False)
        consented = consented.model_copy(update={"posts": RESPONSE_URL_USES})
    return await reply(consented, messages.progress((file, 0) for file in files), deps, final=moves)


def _in_message_of(about: Case, case: Case, lookups: tuple[Lookup, ...]) -> Case:
    """The case as a renewal of that answer, which its message will show."""
    where = {"channel": about.channel, "ts": about.ts, "shared_by": about.sharer}
    return case.as_renewal(about, lookups).model_copy(update=where)


async def _reject(case: Case, rejection: Rejection | None, deps: LookupDeps) -> None:
    why = rejection or Rejection.GONE
    await decline(case, consent.SENTENCES[why].to(deps.audience), why.value, deps)
