"""One way of bringing a file to VirusTotal, in a process of its own: seconds, and memory above idle at the most."""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import httpx
import paramiko
from pydantic import SecretStr

from vt.actions import FILE
from vt.beneath import Roots
from vt.client import Client
from vt.disk import Disk
from vt.hosts import Host
from vt.lookup import Lookup, Step
from vt.places import Places, on_host
from vt.service import Service

LARGEST = 1 << 30


class Unlimited:
    async def take(self, calls=1):
        pass

    async def refused(self):
        pass

    async def worked(self):
        pass


async def ours(job):
    """Read for its hash, asked for, uploaded: the whole way."""
    places = Places(Disk(Roots((PurePosixPath(job["root"]),)), LARGEST), _hosts(job))
    place = on_host("bench") if "host" in job else ""
    async with Client(SecretStr("k"), url=job["url"], quota=Unlimited()) as client:
        service = Service(client, places=places, clock=lambda: datetime.now(UTC))
        await _carry(service, job["warm"], place)
        return await _measured(lambda: _carry(service, job["path"], place))


def _hosts(job):
    return {"bench": Host(name="bench", **job["host"])} if "host" in job else {}


async def _carry(service, path, place):
    board = (Lookup.of_file(path, FILE, 3, place).unasked(),)
    steps = {}
    async for board in service.advance(board):
        steps[board[0].step] = time.perf_counter()
    assert board[0].step is Step.WAIT, board[0].trouble
    return steps


async def one_after_the_other(job):
    """paramiko's own prefetching get into a file, then an httpx upload of that file."""
    copy = Path(job["copy"])

    async def both():
        await asyncio.to_thread(_get, job, copy)
        await asyncio.to_thread(_post, job, copy)

    return await _measured(both)


def _get(job, copy):
    if "host" not in job:
        copy.write_bytes(b"") or copy.unlink()
        copy.symlink_to(job["path"])
        return
    entry = job["host"]
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())  # noqa: S507 - our own sshd, to be measured against
    client.connect(
        entry["address"], entry["port"], entry["user"], key_filename=entry["key_file"], look_for_keys=False
    )
    with client, client.open_sftp() as sftp:
        sftp.get(job["path"], str(copy))


def _post(job, copy):
    with copy.open("rb") as file:
        answer = httpx.post(f"{job['url']}file/scan", files={"file": file}, data={"apikey": "k"}, timeout=600)
        answer.raise_for_status()


async def _measured(work):
    idle = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    began = time.perf_counter()
    await work()
    return {"seconds": time.perf_counter() - began, "mib": (_memory("VmHWM") - idle) / 1024}


def _memory(name):
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1])


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    way = {"ours": ours, "theirs": one_after_the_other}[asked["way"]]
    print(json.dumps(asyncio.run(way(asked))))  # noqa: T201 - whoever started it reads it
