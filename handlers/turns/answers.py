"""Answers: read again by the id that a button carries, made into a message, and ended."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import structlog

from handlers import history, text
from handlers.access import may_change_all
from handlers.case import is_shared
from handlers.deps import AnswerDeps, Case, Outcome, PostingDeps
from handlers.files import consent
from handlers.posting import post_ephemeral
from handlers.request import AboutAnswer
from handlers.text.format import Audience
from handlers.unreadable import UnreadableCase
from handlers.views import answer, uploads
from handlers.views.answer_layout import AnswerContext
from handlers.views.rich_text import Message
from vt.verdict import Finding

log = structlog.get_logger()


async def visible_answer(case: Case[AboutAnswer], deps: PostingDeps) -> Case | None:
    """The answer that a button belongs to; None when it is gone, or whoever pressed the button may not see it.

    It may be seen by whoever asked, and by everybody who presses the button in a channel that sees it. Raises StoreDown.
    """
    about = await case_of_button(case, deps)
    if about is None or not about.lookups:
        return None
    here = case.request.origin
    there = about.request.origin
    in_public = here.public and here.channel == there.channel and _seen_by_all(about)
    is_asker = (here.team, here.user) == (there.team, there.user)
    return about if in_public or is_asker else None


async def case_of_button(case: Case[AboutAnswer], deps: PostingDeps) -> Case | None:
    """The request whose answer carried the button; None when it is no longer stored, or cannot be read.

    Raises UnreadableCase when a later release wrote it, which reads it at another try.
    """
    try:
        return await deps.store.case(case.request.about)
    except UnreadableCase as unreadable:
        if unreadable.is_newer:
            raise
        log.warning("answer_unreadable", case=unreadable.case_id, reason=unreadable.reason)
        return None


def findings(case: Case, now: datetime) -> list[Finding]:
    """What is known of everything that was asked, in that order."""
    return [lookup.finding(now) for lookup in case.lookups]


async def message(
    case: Case, deps: AnswerDeps, *, final: bool = True, shared_by: str | None = None, hidden: bool = False
) -> Message:
    """The answer to a request as it is now, with the question about its files if there is one. Raises StoreDown.

    `shared_by`: who wants the whole channel to see it. `hidden`: it is shown to the asker alone, whoever saw it before.
    """
    found = findings(case, deps.clock())
    has_question = final and not shared_by and case.has_files and uploads.concerns(case.lookups)
    context = AnswerContext(
        case=case.request.id,
        now=deps.clock(),
        final=final,
        shared_by=shared_by or sharer(case),
        public=not hidden and (_seen_by_all(case) or case.request.origin.apart),
        private_key=deps.service.client.kind == "private",
        submit=deps.submit,
        invented=deps.invented,
        records=await history.summaries(case, found, deps.history),
        reserved=uploads.MAX_CHARACTERS if has_question else 0,
        audience=await _audience(
            case, found, deps, alone=not shared_by and (hidden or not _seen_by_all(case))
        ),
    )
    shown = answer.answer(found, context)
    if not has_question:
        return shown
    return await consent.with_question(shown, case, deps)


async def _audience(case: Case, found: Iterable[Finding], deps: AnswerDeps, *, alone: bool) -> Audience:
    """Settings are named to an admin who reads the answer alone, and to nobody else."""
    named = alone and any(one.error and text.names_settings(one.error) for one in found)
    admin = named and await may_change_all(case.request.origin, deps.directory, deps.policy)
    return replace(deps.audience, operator=admin)


def _seen_by_all(case: Case) -> bool:
    """Whether the channel sees the answer: it was shared, or posted as a message of the bot's."""
    origin = case.request.origin
    is_posted = origin.response_url is None and not origin.apart
    return case.published or is_shared(case.request) or origin.public or is_posted


def sharer(case: Case) -> str | None:
    """Who wants the whole channel to see the answer; None: nobody."""
    return case.shared_by or (case.request.origin.user if is_shared(case.request) else None)


async def decline(case: Case, line: str, why: str, deps: PostingDeps) -> None:
    """Tell whoever pressed a button why nothing is done. Pressing it again is a new request: it may be allowed then."""
    await post_ephemeral(case, line, deps)
    await deps.store.decline(case, why)


async def end(case: Case, deps: PostingDeps, outcome: Outcome = Outcome.ANSWERED) -> None:
    """End a request: no turn follows. Raises StoreDown."""
    await deps.store.save(case.model_copy(update={"outcome": outcome}))
