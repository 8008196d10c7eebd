"""Acknowledgements have priority over turns: Slack waits three seconds for one, people wait longer for an answer.

Both share one event loop and one pool of connections. While a delivery is being accepted, turns wait before their next
statement, but not longer than PAUSE, so that a stream of deliveries cannot hold up answers.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

PAUSE = 0.25
"""The longest that a turn waits before one statement, in seconds."""
_TURN: ContextVar[bool] = ContextVar("turn", default=False)


@contextmanager
def turn() -> Iterator[None]:
    """Marks what runs inside, and the tasks that it starts, as a turn, which waits for acknowledgements."""
    before = _TURN.set(True)
    try:
        yield
    finally:
        _TURN.reset(before)


class AckPriority:
    """The acknowledgements under way in this process, and the turns that wait for them."""

    def __init__(self) -> None:
        self._first = 0
        self._free = asyncio.Event()

    @contextmanager
    def first(self) -> Iterator[None]:
        """Turns wait while this is entered."""
        self._first += 1
        self._free.clear()
        try:
            yield
        finally:
            self._first -= 1
            if not self._first:
                self._free.set()

    async def give_way(self) -> None:
        """In a turn, wait until no acknowledgement is under way, for PAUSE seconds at most. Elsewhere, return at once."""
        if self._first and _TURN.get():
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE):
                    await self._free.wait()
