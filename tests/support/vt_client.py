"""For tests of the stand-in VirusTotal: a clock that stands still, and a client that puts the key where it belongs."""

import json
from contextlib import asynccontextmanager

import httpx

from playground.virustotal import Sandbox

KEY = "canary-key-5f1d"
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
EICAR_MD5 = "44d88612fea8a8f36de82e1278abb02f"
EICAR_SHA1 = "3395856ce81f2b7382dee72602f798b642f14140"
EICAR_SHA256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
NOW = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC
MIB = 1024 * 1024
FILE_UNKNOWN = "The requested resource is not among the finished, queued or pending scans"


class Clock:
    """Unix seconds that stand still until told otherwise."""

    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        return self.now


class Asker:
    """A client that puts the key where each method has it."""

    def __init__(self, sandbox, http, key=KEY):
        self.sandbox, self.http, self.key = sandbox, http, key

    async def get(self, endpoint, **params):
        return await self.http.get(endpoint, params={"apikey": self.key, **params})

    async def post(self, endpoint, **params):
        return await self.http.post(endpoint, data={"apikey": self.key, **params})

    async def file(self, content, name="a.bin"):
        return await self.http.post("file/scan", data={"apikey": self.key}, files={"file": (name, content)})

    async def report(self, resource, **params):
        return (await self.post("file/report", resource=resource, **params)).json()

    async def url(self, resource, **params):
        return (await self.post("url/report", resource=resource, **params)).json()


@asynccontextmanager
async def served(**options):
    async with Sandbox(**options).serve() as sandbox, httpx.AsyncClient(base_url=sandbox.url) as http:
        yield Asker(sandbox, http)


def recording_folder(folder, *recordings):
    """Write recordings: (name, body, request or None, recorded_at or None)."""
    for name, body, request, when in recordings:
        (folder / name).write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())
        meta = {"source": {"recorded_at": when} if when else {}, **({"request": request} if request else {})}
        (folder / name).with_suffix(".meta.json").write_text(json.dumps(meta))
    return folder


async def large_place(vt):
    """Follow the redirect of file/scan/upload_url by hand."""
    first = await vt.get("file/scan/upload_url")
    assert (first.status_code, first.content) == (302, b"")
    second = await vt.http.get(first.headers["location"])
    assert second.headers["content-type"] == "application/json"
    return second.json()["upload_url"]
