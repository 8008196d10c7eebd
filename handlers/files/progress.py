"""How an upload comes along: bytes, in the message that will hold the answer, edited at most every three seconds."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from handlers import blocks, text
from handlers.deps import Case, Deps
from handlers.messages import Barred, NotPosted
from handlers.post import reply
from handlers.rich import Message
from handlers.text import file_words
from vt.carrier import Told
from vt.files.beneath import name_of
from vt.lookup import Lookup

EVERY = 3.0
"""Seconds between two edits."""


def message(sent: Iterable[tuple[Lookup, int]]) -> Message:
    """What is under way: each file with the bytes that were handed over."""
    lines = [
        file_words.uploading(text.cut(name_of(file.asked), 80), text.size(count), text.size(file.size or 0))
        for file, count in sent
    ]
    return blocks.note("\n".join(lines))


@asynccontextmanager
async def shown(case: Case, deps: Deps) -> AsyncIterator[Told]:
    """Gives what hears of every piece that is handed over. A response_url has too few uses to be told of each."""
    sent: dict[str, tuple[Lookup, int]] = {}
    over = asyncio.Event()
    telling = asyncio.create_task(_tell(case, sent, over, deps)) if case.channel else None

    def told(lookup: Lookup, count: int) -> None:
        sent[lookup.value] = (lookup, count)

    try:
        yield told
    finally:
        # An edit under way is waited for: it must not come after the answer.
        over.set()
        if telling:
            await telling


async def _tell(case: Case, sent: dict[str, tuple[Lookup, int]], over: asyncio.Event, deps: Deps) -> None:
    before: list[tuple[Lookup, int]] = []
    while not over.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), EVERY)
        now = list(sent.values())
        if now == before or over.is_set():
            continue
        before = now
        with suppress(NotPosted, Barred):
            await reply(case, message(now), deps, final=False)
