"""The stand-in VirusTotal: as `vtbot sandbox`, and for a bot that has no key."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.settings import Settings
from playground.virustotal import Sandbox

QUEUE_SECONDS = 20
"""How long the sandbox takes to analyse what is submitted to it."""
DONE, WRONG = 0, 2


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[str]:
    """Serve a sandbox for keys of the kind that the settings name; yields its URL."""
    async with Sandbox(kind=settings.vt_key_kind, queue_seconds=QUEUE_SECONDS).serve() as sandbox:
        yield sandbox.url


async def command(arguments: argparse.Namespace) -> int:
    """Serve a sandbox until the process is interrupted; prints its URL. Exit status 2 when the port is taken."""
    sandbox = Sandbox(
        kind=arguments.kind,
        quota=arguments.quota,
        latency=arguments.latency,
        queue_seconds=arguments.queue_seconds,
        replay=arguments.replay,
    )
    try:
        async with sandbox.serve(port=arguments.port):
            sys.stdout.write(f"{sandbox.url}\n")
            sys.stdout.flush()
            await asyncio.Event().wait()
    except OSError as error:
        sys.stderr.write(
            f"vtbot: Cannot listen on port {arguments.port} ({error.strerror}): stop the other program or set --port.\n"
        )
        return WRONG
    return DONE
