"""What takes long, told of in the message that will hold the answer, which is edited at most every three seconds."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from handlers import text
from handlers.deps import Case, Deps
from handlers.posting import CannotPost, NotPosted, reply
from handlers.text import files
from handlers.views import answer
from handlers.views.rich_text import Message
from vt.files.safe_path import file_name
from vt.lookup import Lookup

EVERY = 3.0
"""Seconds between two edits, and before the first word of what takes long."""


def message(under_way: Iterable[tuple[Lookup, int]]) -> Message:
    """Each file with the bytes that were read or handed over; without one it is VirusTotal that takes long."""
    lines = [line(file, count) for file, count in under_way]
    return answer.note("\n".join(lines) or text.ASKING)


def line(file: Lookup, count: int) -> str:
    """How far a file is."""
    says = files.uploading if file.value else files.reading
    return says(text.cut(file_name(file.input), 80), text.size(count), text.size(file.size or 0))


class Telling:
    """A case on its way: how it stands, wherever that is stored and whatever was said of it meanwhile."""

    def __init__(self, case: Case, deps: Deps) -> None:
        self.case = case
        self.over = asyncio.Event()
        self._deps = deps
        self._under_way: dict[tuple[str, str], tuple[Lookup, int]] = {}
        self._first = asyncio.Lock()
        """Posting a first message stores the case: nothing older may be stored after something newer."""

    def told(self, lookup: Lookup, count: int) -> None:
        """So many bytes of a file were read, or handed over."""
        self._under_way[lookup.place, lookup.input] = (lookup, count)
        if not lookup.value and count == lookup.size:
            del self._under_way[lookup.place, lookup.input]

    async def save(self, lookups: tuple[Lookup, ...]) -> None:
        """How far it has come; what is settled is stored with its outcome, in a moment, unless an upload was begun."""
        begun = any(lookup.upload_started for lookup in self.case.lookups)
        self.case = self.case.model_copy(update={"lookups": lookups})
        if begun or not all(lookup.settled for lookup in lookups):
            async with self._first:
                await self._deps.store.save(self.case)

    async def tell(self) -> None:
        """Until it is over."""
        before: list[tuple[Lookup, int]] | None = None
        while not self.over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), EVERY)
            now = list(self._under_way.values())
            if now == before or self.over.is_set() or not self._worth(now):
                continue
            before = now
            with suppress(NotPosted, CannotPost):
                await self._say(message(now))

    def _worth(self, now: list[tuple[Lookup, int]]) -> bool:
        """A response_url has too few uses for more than a first word; a message is not edited to say nothing new."""
        return bool(now) if self.case.channel else not self.case.posts

    async def _say(self, said: Message) -> None:
        if self.case.channel:
            await reply(self.case, said, self._deps, final=False)
            return
        async with self._first:
            try:
                self._stands(await reply(self.case, said, self._deps, final=False))
            except NotPosted:
                # It may stand there all the same: where it was to be posted is stored, and must not be forgotten.
                self._stands(await self._deps.store.case(self.case.request.id) or self.case)
                raise

    def _stands(self, case: Case) -> None:
        self.case = case.model_copy(update={"lookups": self.case.lookups})


@asynccontextmanager
async def shown(case: Case, deps: Deps) -> AsyncIterator[Telling]:
    """While it is entered, what takes long is told of."""
    telling = Telling(case, deps)
    speaking = asyncio.create_task(telling.tell())
    try:
        yield telling
    finally:
        # A word on its way is waited for: it must not come after the answer.
        telling.over.set()
        await speaking
