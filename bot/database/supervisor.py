"""Supervises the private server while the bot uses it: when it was killed, it is started again."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from bot.database.postgres import Server

PAUSES = (0.5, 1, 2, 5, 10, 30)
"""Seconds between checks: the first while the server runs, the others after each failed start."""

log = structlog.get_logger()


@asynccontextmanager
async def kept(server: Server) -> AsyncIterator[None]:
    """In a thread of its own: a start takes seconds, and would keep a thread of the pool from other work."""
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
        except Exception as error:  # noqa: BLE001 - whatever the reason, it is tried again
            failures = min(failures + 1, len(PAUSES) - 1)
            log.warning("database_not_restarted", reason=str(error), again_in=PAUSES[failures])


def _look(server: Server, closing: threading.Event) -> None:
    began = time.monotonic()
    if server.pid is None and server.revive(lambda: not closing.is_set()):
        log.warning("database_restarted", seconds=round(time.monotonic() - began, 2))
