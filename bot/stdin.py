"""Standard input as a place of files (`scan-file -`), and the keyboard of a person whose input is a pipe."""

import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import TextIO

from bot.file_sources import spool
from bot.settings import Settings
from vt.files.places import Opener
from vt.files.spool import stream
from vt.lookup import Lookup

STDIN = "stdin"
"""What comes through a pipe: its name, and the kind of place it is."""
PLACE = f"{STDIN}:"


def place(lookup: Lookup) -> Lookup:
    """The same lookup; `-` is what comes through a pipe."""
    return lookup.evolve(input=STDIN, place=PLACE) if lookup.is_path and lookup.input == "-" else lookup


def closed(lookups: Iterable[Lookup]) -> bool:
    """Is it asked for, and not there? Python has none where the shell was told `<&-`."""
    return sys.stdin is None and any(lookup.place == PLACE for lookup in lookups)


@asynccontextmanager
async def kinds(settings: Settings, lookups: Iterable[Lookup]) -> AsyncIterator[Mapping[str, Opener]]:
    """Standard input, if it is asked for: read once, and put down while it is needed."""
    if not any(lookup.place == PLACE for lookup in lookups):
        yield {}
        return
    async with stream(sys.stdin.fileno(), spool(settings), settings.vt_max_upload) as files:
        yield {STDIN: lambda _: nullcontext(files)}


@contextmanager
def keyboard(files: Iterable[Lookup]) -> Iterator[TextIO | None]:
    """Where a person answers, if there is one: what came through a pipe is no answer."""
    if not any(file.place == PLACE for file in files):
        yield sys.stdin if sys.stdin and sys.stdin.isatty() else None
        return
    with ExitStack() as stack:
        try:
            terminal = stack.enter_context(Path("/dev/tty").open(encoding="utf-8"))
        except OSError:
            terminal = None
        yield terminal
