"""Keeps the private server alive while the bot uses it: killed, it is started again."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from bot.database.postgres import Server

PAUSES = (0.5, 1, 2, 5, 10, 30)
"""Seconds before the next look at the server: while all is well, and after each start that failed."""

log = structlog.get_logger()


@asynccontextmanager
async def kept(server: Server) -> AsyncIterator[None]:
    """By a thread of its own: a start takes seconds, and the looks would take the place of other work in the pool."""
    closing = threading.Event()
    supervisor = threading.Thread(target=_keep, args=(server, closing), name="supervisor", daemon=True)
    supervisor.start()
    try:
        yield
    finally:
        closing.set()
        await asyncio.to_thread(supervisor.join)


def _keep(server: Server, closing: threading.Event) -> None:
    failures = 0
    while not closing.wait(PAUSES[failures]):
        try:
            _look(server, closing)
            failures = 0
        except Exception as error:  # noqa: BLE001 - whatever hinders it, it must be tried again
            failures = min(failures + 1, len(PAUSES) - 1)
            log.warning("database_not_restarted", reason=str(error), again_in=PAUSES[failures])


def _look(server: Server, closing: threading.Event) -> None:
    began = time.monotonic()
    if server.pid is None and server.revive(lambda: not closing.is_set()):
        log.warning("database_restarted", seconds=round(time.monotonic() - began, 2))
