"""What the buttons on an answer do: send files, share it, hide it, look up again what it is about, and agree to uploads."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta

import structlog

from handlers.case import Case, Outcome, UnreadableCase
from handlers.deps import AnswerDeps, LookupDeps, PostingDeps
from handlers.files import send_file, send_json
from handlers.instances import for_answer, for_reading, with_instance
from handlers.posting import RESPONSE_URL_USES, Use, end, judged, post, reply, respond, respond_with
from handlers.request import AboutAnswer, AnswerRequest, CardRequest, RenewalRequest, UploadRequest, Verb
from handlers.slack_errors import CannotPost
from handlers.text import about as about_text
from handlers.text import files as files_text
from handlers.text import modals
from handlers.text.language import language
from handlers.turns import consent
from handlers.turns.consent import Rejection
from handlers.turns.lookup import advance, message
from handlers.views import details, messages
from handlers.views.rich_text import Message, mrkdwn
from vt.client import DIRECT_UPLOAD
from vt.lookup import Lookup, Step
from vt.privacy import SubmitPolicy
from vt.verdict import Finding, Note, can_rescan, can_submit

log = structlog.get_logger()


SHARING = "publishing"
"""Stored in `Case.told` while a response_url is used to show something to the whole channel."""


async def export(case: Case[AnswerRequest], deps: AnswerDeps) -> None:
    """Send the documented JSON, or a table, as a file."""
    about = await answer_or_decline(case, deps)
    if about is None:
        return
    found = await judged(about, deps.clock())
    if case.request.verb is Verb.JSON:
        place = await send_json(case, found, deps)
    else:
        place = await send_file(case, await asyncio.to_thread(details.as_csv, found), deps)
    await post_ephemeral(case, place, deps)
    await end(case, deps)


async def share(case: Case[AnswerRequest], deps: AnswerDeps) -> None:
    """Post the answer as a new message for the whole channel."""
    about = await answer_or_decline(case, deps)
    if about is None:
        return
    shown = await message(about, for_reading(deps, about), shared_by=case.request.origin.user)
    # Saved before it is posted: from then on everybody in the channel may press its buttons.
    await deps.store.save(about.model_copy(update={"published": True}))
    is_shared = await _post_for_all(case, shown, deps)
    await end(case, deps, Outcome.DONE if is_shared else Outcome.FAILED)


async def _post_for_all(case: Case, shown: Message, deps: PostingDeps) -> bool:
    """Post a new message for the whole channel. False when Slack does not accept it. Raises NotPosted, StoreDown.

    Where the bot is not a member only the response_url leads to the channel, and there is no way to look whether it
    was used. So it is used at most once; after a crash in between, whoever pressed the button is told to look.
    """
    origin = case.request.origin
    if case.told == SHARING:
        await post_ephemeral(case, about_text.PERHAPS_SHARED, deps)
        return True
    try:
        await post(case, shown, deps, channel=origin.channel, thread=origin.thread)
    except CannotPost:
        await deps.store.save(case.model_copy(update={"told": SHARING}))
        return await show_new(case, shown, deps, is_public=True)
    return True


async def hide(case: Case[AnswerRequest], deps: AnswerDeps) -> None:
    """Delete the shared message and show the answer to its owner alone, as an answer of its own that can be shared again."""
    about = await answer_or_decline(case, deps)
    if about is None:
        return
    owner = about.sharer or about.request.origin.user
    if owner != case.request.origin.user:
        await decline(case, modals.NOT_YOURS, "not-yours", deps)
        return
    private = case.as_renewal(about, about.lookups)
    if private.has_files:
        private = await consent.mark_asked(private, deps)
    await deps.store.save(private)
    if url := private.request.origin.response_url:
        await respond(url, {"delete_original": True}, deps.slack)
    await show_new(private, await message(private, for_reading(deps, about), hidden=True), deps)
    await end(private, deps)


# Beside the answer ----------------------------------------------------------------------------------------


async def post_ephemeral(case: Case, line: str, deps: PostingDeps) -> None:
    """Show a sentence to whoever pressed a button, beside the message with the button. Raises NotPosted."""
    url = case.request.origin.response_url
    if url:
        with language(await deps.languages.of_person(case.request.origin.user)):
            fields = {"text": mrkdwn(line), "response_type": "ephemeral", "replace_original": False}
        await respond(url, fields, deps.slack)


async def decline(case: Case, line: str, why: str, deps: PostingDeps) -> None:
    """Tell whoever pressed a button why nothing is done. Pressing it again is a new request: it may be allowed then."""
    await post_ephemeral(case, line, deps)
    await deps.store.decline(case, why)


async def show_new(case: Case, shown: Message, deps: PostingDeps, *, is_public: bool = False) -> bool:
    """Show a new message through the response_url. False when there is none, or Slack does not accept it. Raises NotPosted."""
    if not case.request.origin.response_url:
        return False
    sent = await respond_with(shown, case, deps, deps.slack, is_public=is_public)
    return sent.response is Use.ACCEPTED


# Look-ups again -------------------------------------------------------------------------------------------

Renewal = Callable[[Lookup, Finding, LookupDeps], Lookup]
"""Makes the lookup to do again, from a lookup and its finding."""


async def renew(case: Case[RenewalRequest], deps: LookupDeps) -> None:
    """Look up again what an answer is about, unless it is gone or may not be seen."""
    is_new = not case.lookups
    if is_new:
        case = await _renewed(case, deps)
    if not case.lookups:
        await decline(case, about_text.GONE, "gone", deps)
        return
    deps = with_instance(deps, case.instance)
    await advance(case, deps, fresh=case.request.verb is Verb.RECHECK, is_new=is_new)


async def _renewed(case: Case[RenewalRequest], deps: LookupDeps) -> Case[RenewalRequest]:
    """The case with an answer's lookups to do again; with none when the answer is gone or may not be seen.

    Everybody who sees an answer may have it checked again. But its files are read only for the person who asked for
    them first; for others they are looked up by their hashes. Raises InstanceRefused, StoreDown.
    """
    about = await visible_answer(case, deps)
    if about is None or (case.request.verb is Verb.SUBMIT and deps.submit is SubmitPolicy.DENY):
        return case
    is_asker = about.is_owned_by(case.request.origin)
    if case.request.verb is Verb.ALLOW_OWN_URL and not is_asker:
        return case  # only the asker may have their secret sent
    deps = await for_answer(deps, about, case.request.origin)
    by_hash = case.request.verb is Verb.RECHECK and not is_asker
    renewal = _recheck_by_hash if by_hash else RENEWALS[case.request.verb]
    found = zip(about.lookups, await judged(about, deps.clock()), strict=True)
    case = case.as_renewal(about, tuple(renewal(lookup, finding, deps) for lookup, finding in found))
    before = about.request.origin
    was_private = before.response_url is not None and not before.public
    shared_by = before.user if case.request.origin.public and was_private else None
    return case.model_copy(update={"shared_by": about.shared_by or shared_by})


def _submit(lookup: Lookup, finding: Finding, _: LookupDeps) -> Lookup:
    return lookup.submitted_on_request() if can_submit(finding) else lookup


def _rescan(lookup: Lookup, finding: Finding, deps: LookupDeps) -> Lookup:
    private_key = deps.service.client.kind == "private"
    return lookup.rescanned_on_request() if can_rescan(finding, private_key=private_key) else lookup


def _recheck_by_hash(lookup: Lookup, _: Finding, __: LookupDeps) -> Lookup:
    """A file by the hash that is known, without reading it; when none is known, it stays as it is."""
    again = lookup.rechecked()
    if not lookup.is_file:
        return again
    if not lookup.value:
        return lookup.evolve(step=Step.DONE)
    return again.evolve(kind=lookup.kind, value=lookup.value, size=lookup.size, note=Note.HASH_ONLY)


RENEWALS: Mapping[Verb, Renewal] = {
    Verb.SUBMIT: _submit,
    Verb.RESCAN: _rescan,
    Verb.RECHECK: lambda lookup, *_: lookup.rechecked(),
    Verb.ALLOW_OWN_URL: lambda lookup, *_: lookup.secret_allowed(),
}


# Uploads -----------------------------------------------------------------------------------------------


async def upload(case: Case[UploadRequest], deps: LookupDeps) -> None:
    """Upload the files that somebody agreed to, and go on until VirusTotal has analysed them."""
    consented = case if case.lookups else await _agree(case, deps)
    if consented:
        await advance(consented, with_instance(deps, consented.instance))


async def offer(case: Case[UploadRequest], deps: LookupDeps) -> None:
    """Ask whether files that VirusTotal knows may be uploaded all the same, in the message of their answer."""
    about = await visible_answer(case, deps)
    rejection = await consent.check_person(about, case, deps)
    if about is None or rejection:
        await _reject(case, rejection, deps)
        return
    deps = await for_answer(deps, about, case.request.origin)
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
    await for_answer(deps, about, case.request.origin)
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
    with language(await deps.languages.of_person(case.request.origin.user)):
        await decline(case, consent.SENTENCES[why].to(deps.audience), why.value, deps)


# The answer that a button belongs to --------------------------------------------------------------------


STORED_WITHIN = timedelta(minutes=1)
"""An answer is stored within this time of being shown, also on a machine that is busy."""


class NotStoredYet(Exception):
    """The answer is shown already, and its turn is about to store it."""


async def answer_or_decline(case: Case[AnswerRequest], deps: PostingDeps) -> Case | None:
    """The answer that a button belongs to. Where it is gone, or not for this person, they are told so, and it is None."""
    about = await visible_answer(case, deps)
    if about is None:
        await decline(case, about_text.GONE, "gone", deps)
    return about


async def visible_answer(case: Case[AboutAnswer], deps: PostingDeps) -> Case | None:
    """The answer that a button belongs to; None when it is gone, or whoever pressed the button may not see it.

    It may be seen by whoever asked, and by everybody who presses the button in a channel that sees it.
    Raises StoreDown, NotStoredYet.
    """
    about = await case_of_button(case, deps)
    if about is None or not about.lookups:
        return None
    here = case.request.origin
    there = about.request.origin
    in_public = here.public and here.channel == there.channel and about.is_seen_by_all
    return about if in_public or here.asker == there.asker else None


async def case_of_button(case: Case[AboutAnswer], deps: PostingDeps) -> Case | None:
    """The request whose answer carried the button; None when it is another workspace's, no longer stored, or unreadable.

    Raises NotStoredYet, and UnreadableCase when a later release wrote it, which reads it at another try.
    """
    try:
        about = await deps.store.case(case.request.about)
    except UnreadableCase as unreadable:
        if unreadable.is_newer:
            raise
        log.warning("answer_unreadable", case=unreadable.case_id, reason=unreadable.reason)
        return None
    if about is None or about.request.origin.team != case.request.origin.team:
        return None
    is_known = about.lookups and all(lookup.settled for lookup in about.lookups)
    # What has a button is final: it is still stored as it was before its answer. Cards have theirs earlier.
    is_ending = about.outcome is Outcome.OPEN and not is_known and not isinstance(about.request, CardRequest)
    if is_ending and deps.clock() - case.request.at < STORED_WITHIN:
        raise NotStoredYet
    return about
