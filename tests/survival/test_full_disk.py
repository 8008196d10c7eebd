"""A full disk: no request fails for a log line, and /readyz says what is full until it is not."""

import asyncio
import errno
import os
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest

from tests.support.app_fixture import ANA, GENERAL
from tests.support.processes import VARIABLES, grounds
from tests.survival.test_survival import Questions

FULL = os.strerror(errno.ENOSPC).lower()


def free_port():
    """One that nobody listens on: the process cannot say which it was given."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


async def ready(address, seconds=60):
    """What /readyz says, once there is one."""
    async with asyncio.timeout(seconds), httpx.AsyncClient() as client:
        while True:
            try:
                return await client.get(f"{address}/readyz", timeout=20)
            except httpx.TransportError:
                await asyncio.sleep(0.1)


async def test_a_log_that_cannot_be_written(database, tmp_path):
    """Everything is answered as ever, what is refused too: a lost line costs nothing else."""
    port = free_port()
    async with grounds(database, tmp_path, PORT=str(port)) as place:
        with open("/dev/full", "w") as full:  # noqa: ASYNC230, PTH123 - a device
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot", "run"),
                cwd=tmp_path,
                env=VARIABLES | place.environ,
                stdin=subprocess.DEVNULL,
                stdout=full,
                stderr=full,
            )
        try:
            address = f"http://127.0.0.1:{port}"
            assert (await ready(address)).status_code == 200
            place.slack.target = f"{address}/slack/events"
            place.virustotal.faults.add("ip-address/report", broken)
            questions = Questions(place)
            assert (await questions.ask()).status == 200
            odd = await place.slack.types(ANA, GENERAL, "/vt ping")
            assert odd.status == 200
            await questions.settle()
        finally:
            process.terminate()
            await process.wait()


async def broken(_, reply):
    """VirusTotal breaks off, which is logged."""
    await reply()
    raise ConnectionResetError


@contextmanager
def small_disk(folder):
    """A file system of 160 MB. Skipped where nobody may mount one."""
    folder.mkdir()
    mounted = subprocess.run(  # noqa: S603 - a fixed command
        [str(shutil.which("mount")), "-t", "tmpfs", "-o", "size=160m,mode=755", "none", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run([str(shutil.which("umount")), "-l", str(folder)], check=False)  # noqa: S603 - a fixed command


async def test_readyz_says_that_the_disk_is_full(tmp_path):
    """The private database and STATE_DIR on a disk that fills up: not ready, with the reason; ready when there is space."""
    with small_disk(tmp_path / "disk") as disk:
        async with grounds(None, tmp_path, STATE_DIR=str(disk / "state")) as place:
            bot = await place.bot()
            address = place.slack.target.removesuffix("/slack/events")
            assert (await ready(address)).json() == {"database": True, "disk": True, "slack": True}
            fill(disk / "ballast")
            said = await ready(address)
            assert said.status_code == 503
            assert said.json()["reasons"] == {"database": FULL, "disk": FULL}
            (disk / "ballast").unlink()
            questions = Questions(place)
            async with asyncio.timeout(30):
                while (await ready(address)).status_code != 200:  # noqa: ASYNC110 - another process is asked
                    await asyncio.sleep(0.2)
            assert (await questions.ask()).status == 200
            await questions.settle()
            assert await bot.stopped() == 0


def fill(file):
    """Write until there is no space left."""
    with file.open("wb", buffering=0) as ballast:
        try:
            for size in (1 << 20, 1 << 12):
                while True:
                    try:
                        ballast.write(bytes(size))
                    except OSError:
                        break
        finally:
            ballast.flush()
