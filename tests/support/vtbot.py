"""`vtbot` as a process of its own."""

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path

HERE = Path(__file__).parents[2]


@asynccontextmanager
async def vtbot(folder, *arguments, stdin=asyncio.subprocess.DEVNULL, **environ):
    """`vtbot run`, with no tokens, from a folder that has no .env."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "run", *arguments),
        cwd=folder,
        env={**kept, "PYTHONPATH": str(HERE), "STATE_DIR": str(folder / "state"), **environ},
        stdin=stdin,
        stdout=pipe,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def says(process, words):
    """Read what it says until these words come."""
    async with asyncio.timeout(90):
        read = []
        async for line in process.stdout:
            read.append(line.decode())
            if words in read[-1]:
                return read
    raise AssertionError("".join(read))
