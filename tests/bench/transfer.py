"""Uploads a file to VirusTotal with one of two methods, and measures seconds and the peak of memory above idle."""

import asyncio
import hashlib
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import httpx
import paramiko
from pydantic import SecretStr

from tests.support.memory_storage import NullCache
from vt.actions import FILE
from vt.client import Client
from vt.files.disk import Disk
from vt.files.hosts import Host, host_place
from vt.files.provider import Roots
from vt.files.transfer import Places
from vt.lookup import Lookup, Step
from vt.service import Service

LARGEST = 1 << 30
PEAK = Path("/proc/self/clear_refs")


class Unlimited:
    async def take(self, calls=1, ask=None):
        pass

    async def refused(self, seconds=None, ask=None):
        pass

    async def worked(self):
        pass


async def vtbot(job):
    """The whole lookup: hashed, asked for, uploaded."""
    places = Places(Disk(Roots((PurePosixPath(job["root"]),)), LARGEST), _hosts(job))
    place = host_place("bench") if "host" in job else ""
    async with Client(SecretStr("k"), url=job["url"], quota=Unlimited()) as client:
        service = Service(client, places=places, clock=lambda: datetime.now(UTC), cache=NullCache())
        await _look_up(service, job["warm"], place)
        return await _measured(lambda: _look_up(service, job["path"], place))


def _hosts(job):
    return {"bench": Host(name="bench", **job["host"])} if "host" in job else {}


async def _look_up(service, path, place):
    board = (Lookup.of_file(path, FILE, 3, place).auto_consented(),)
    *_, ((end,)) = [after async for after in service.advance(board)]
    assert end.step is Step.WAIT, end.error


async def one_after_the_other(job):
    """With a server, paramiko's own prefetching get into a file; without, the file's hash; then an httpx upload."""

    async def both():
        file = await asyncio.to_thread(_get if "host" in job else _hash, job)
        await asyncio.to_thread(_post, job, file)

    return await _measured(both)


def _hash(job):
    with Path(job["path"]).open("rb") as file:
        hashlib.file_digest(file, "sha256")
    return Path(job["path"])


def _get(job):
    entry, copy = job["host"], Path(job["copy"])
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())  # noqa: S507 - our own sshd, to be measured against
    client.connect(
        entry["address"], entry["port"], entry["user"], key_filename=entry["key_file"], look_for_keys=False
    )
    with client, client.open_sftp() as sftp:
        sftp.get(job["path"], str(copy))
    return copy


def _post(job, path):
    with path.open("rb") as file:
        answer = httpx.post(f"{job['url']}file/scan", files={"file": file}, data={"apikey": "k"}, timeout=600)
        answer.raise_for_status()


async def _measured(work):
    idle = _memory("VmRSS")
    PEAK.write_text("5")  # noqa: ASYNC240 - resets the peak that the kernel recorded
    began = time.perf_counter()
    await work()
    return {"seconds": time.perf_counter() - began, "mib": (_memory("VmHWM") - idle) / 1024}


def _memory(name):
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1])


if __name__ == "__main__":
    job = json.loads(sys.argv[1])
    measure = {"vtbot": vtbot, "baseline": one_after_the_other}[job["method"]]
    print(json.dumps(asyncio.run(measure(job))))  # noqa: T201 - read by the parent process
