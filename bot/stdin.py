"""Standard input as a file to scan (`scan-file -`), and the terminal to ask a person whose input is a pipe."""

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
"""The name of a file that comes through a pipe, and the kind of its place."""
PLACE = f"{STDIN}:"


def from_dash(lookup: Lookup) -> Lookup:
    """The lookup; if its path is `-`, it is about standard input."""
    return lookup.evolve(input=STDIN, place=PLACE) if lookup.is_path and lookup.input == "-" else lookup


def closed(lookups: Iterable[Lookup]) -> bool:
    """Whether standard input is asked for but closed. After the shell's `<&-`, Python sets sys.stdin to None."""
    return sys.stdin is None and any(lookup.place == PLACE for lookup in lookups)


@asynccontextmanager
async def kinds(settings: Settings, lookups: Iterable[Lookup]) -> AsyncIterator[Mapping[str, Opener]]:
    """Standard input as a kind of place, if it is asked for: read once, and spooled to disk while it is needed."""
    if not any(lookup.place == PLACE for lookup in lookups):
        yield {}
        return
    async with stream(sys.stdin.fileno(), spool(settings), settings.vt_max_upload) as files:
        yield {STDIN: lambda _: nullcontext(files)}


@contextmanager
def keyboard(files: Iterable[Lookup]) -> Iterator[TextIO | None]:
    """The terminal where a person can answer; None if there is none. When standard input is the file, it is /dev/tty."""
    if not any(file.place == PLACE for file in files):
        yield sys.stdin if sys.stdin and sys.stdin.isatty() else None
        return
    with ExitStack() as stack:
        try:
            terminal = stack.enter_context(Path("/dev/tty").open(encoding="utf-8"))
        except OSError:
            terminal = None
        yield terminal
