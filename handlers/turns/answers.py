"""Answers: read again by the id that a button carries, made into a message, updated while it takes long, and ended."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import structlog

from handlers import text
from handlers.admission import may_change_all
from handlers.case import Case, Outcome, Sighting, UnreadableCase
from handlers.deps import AnswerDeps, PostingDeps
from handlers.posting import CannotPost, NotPosted
from handlers.replies import post_ephemeral, reply
from handlers.request import AboutAnswer
from handlers.text.format import Audience
from handlers.turns import consent
from handlers.views import answer, messages
from handlers.views.answer import AnswerContext
from handlers.views.rich_text import Message
from vt.lookup import Lookup
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
    in_public = here.public and here.channel == there.channel and about.is_seen_by_all
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


async def message(
    case: Case, deps: AnswerDeps, *, final: bool = True, shared_by: str | None = None, hidden: bool = False
) -> Message:
    """The answer to a request as it is now, with the question about its files if there is one. Raises StoreDown.

    `shared_by`: who wants the whole channel to see it. `hidden`: it is shown to the asker alone, whoever saw it before.
    """
    found = case.findings(deps.clock())
    subjects = {Sighting.of(one).subject for one in found}
    has_question = final and not shared_by and case.has_files and messages.concerns(case.lookups)
    context = AnswerContext(
        case=case.request.id,
        now=deps.clock(),
        final=final,
        shared_by=shared_by or case.sharer,
        public=not hidden and (case.is_seen_by_all or case.request.origin.apart),
        private_key=deps.service.client.kind == "private",
        submit=deps.submit,
        invented=deps.invented,
        records=await deps.history.summaries(case.request.origin, subjects, case.request.at),
        reserved=messages.MAX_CHARACTERS if has_question else 0,
        audience=await _audience(
            case, found, deps, alone=not shared_by and (hidden or not case.is_seen_by_all)
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


async def decline(case: Case, line: str, why: str, deps: PostingDeps) -> None:
    """Tell whoever pressed a button why nothing is done. Pressing it again is a new request: it may be allowed then."""
    await post_ephemeral(case, line, deps)
    await deps.store.decline(case, why)


async def end(case: Case, deps: PostingDeps, outcome: Outcome = Outcome.DONE) -> None:
    """End a request: no turn follows. Raises StoreDown."""
    await deps.store.save(case.model_copy(update={"outcome": outcome}))


# Progress ----------------------------------------------------------------------------------------------

INTERVAL = 3.0
"""Seconds between two edits, and before the first message."""


class Progress:
    """A case during its turn. Two tasks change it: the turn stores lookups, the reporter posts messages."""

    def __init__(self, case: Case, deps: PostingDeps) -> None:
        self.case = case
        self.finished = asyncio.Event()
        self._deps = deps
        self._files: dict[tuple[str, str], tuple[Lookup, int]] = {}
        """The files that are being read or sent, by place and path, with the number of bytes so far."""
        self._storing = asyncio.Lock()
        """Posting the first message stores the case too: an older state must not be stored after a newer one."""

    def on_bytes(self, lookup: Lookup, count: int) -> None:
        """Take note of how many bytes of a file were read, or uploaded, so far."""
        self._files[lookup.place, lookup.input] = (lookup, count)
        if not lookup.value and count == lookup.size:
            del self._files[lookup.place, lookup.input]

    async def save(self, lookups: tuple[Lookup, ...]) -> None:
        """Store the lookups, so that the next turn goes on from there.

        Settled lookups are not stored here, since they are about to be stored with the answer. The exception is an
        upload that was stored as started: that must not be found as started again.
        """
        uploading = any(lookup.upload_started for lookup in self.case.lookups)
        self.case = self.case.model_copy(update={"lookups": lookups})
        if uploading or not all(lookup.settled for lookup in lookups):
            async with self._storing:
                await self._deps.store.save(self.case)

    async def report(self) -> None:
        """Say how far it is, every INTERVAL seconds, until the turn is finished."""
        reported: list[tuple[Lookup, int]] | None = None
        while not self.finished.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.finished.wait(), INTERVAL)
            files = list(self._files.values())
            if files == reported or self.finished.is_set() or not self._is_worth_saying(files):
                continue
            reported = files
            with suppress(NotPosted, CannotPost):
                await self._say(messages.progress(files))

    def _is_worth_saying(self, files: list[tuple[Lookup, int]]) -> bool:
        """A message of the bot's own is edited when there are numbers; a response_url has too few uses for more than one."""
        return bool(files) if self.case.channel else not self.case.posts

    async def _say(self, message: Message) -> None:
        if self.case.channel:
            await reply(self.case, message, self._deps, final=False)
            return
        async with self._storing:
            try:
                self._update(await reply(self.case, message, self._deps, final=False))
            except NotPosted:
                # Slack may have posted it all the same. The store knows where it was to be posted, so that the answer
                # replaces it; a later save of our copy must not erase that.
                self._update(await self._deps.store.case(self.case.request.id) or self.case)
                raise

    def _update(self, case: Case) -> None:
        """Take over where the message is; the lookups here are newer."""
        self.case = case.model_copy(update={"lookups": self.case.lookups})


@asynccontextmanager
async def reported(case: Case, deps: PostingDeps) -> AsyncIterator[Progress]:
    """While the context is open, progress is reported in the message that will hold the answer."""
    progress = Progress(case, deps)
    reporter = asyncio.create_task(progress.report())
    try:
        yield progress
    finally:
        # A message that is being sent is waited for: it must not arrive after the answer.
        progress.finished.set()
        await reporter
