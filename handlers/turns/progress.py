"""While a lookup takes long, its message says how far it is; the message is edited every three seconds at most."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from handlers.deps import Case, PostingDeps
from handlers.posting import CannotPost, NotPosted, reply
from handlers.views import uploads
from handlers.views.rich_text import Message
from vt.lookup import Lookup

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
                await self._say(uploads.progress(files))

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
