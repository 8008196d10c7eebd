"""Acknowledgements go first: Slack waits three seconds for one, and a person waits longer than that for an answer.

Both share one event loop and one pool of connections. While a delivery is being taken, turns pause before their next
statement; never for long, so that no stream of deliveries keeps answers away.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

PAUSE = 0.25
"""Seconds that a turn waits at most before one statement."""
_TURN: ContextVar[bool] = ContextVar("turn", default=False)


@contextmanager
def turn() -> Iterator[None]:
    """What is done inside, the tasks that it starts included, gives way."""
    before = _TURN.set(True)
    try:
        yield
    finally:
        _TURN.reset(before)


class AckPriority:
    """Who goes first in one process."""

    def __init__(self) -> None:
        self._first = 0
        self._free = asyncio.Event()

    @contextmanager
    def first(self) -> Iterator[None]:
        """Turns wait while this runs."""
        self._first += 1
        self._free.clear()
        try:
            yield
        finally:
            self._first -= 1
            if not self._first:
                self._free.set()

    async def give_way(self) -> None:
        """In a turn, wait until nobody goes first; anywhere else, do not."""
        if self._first and _TURN.get():
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE):
                    await self._free.wait()
