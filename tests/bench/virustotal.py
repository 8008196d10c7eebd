"""The VirusTotal that clients are measured against, in a process of its own: the stand-in for v2, and the same data as v3.

The control address has `GET /calls` (how many since it was last asked) and `GET /clock/SECONDS` (sets the simulated clock).
"""

import asyncio
import base64
import json
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web

from playground.virustotal import Call, Sandbox

START = 1_795_780_800.0
"""Unix seconds at which simulated time begins: 2026-11-27 12:00 UTC, so that a run of hours stays within two days."""
RESOURCES = {
    "files": ("file", "file/report", "resource"),
    "urls": ("url", "url/report", "resource"),
    "ip_addresses": ("ip_address", "ip-address/report", "ip"),
    "domains": ("domain", "domain/report", "domain"),
}
SPENT, NOT_FOUND = 429, 404


@dataclass(frozen=True, slots=True)
class Address:
    """Where it listens."""

    v2: str
    v3: str
    control: str

    def calls(self):
        """How many calls came since this was last asked."""
        with urllib.request.urlopen(f"{self.control}/calls") as reply:  # noqa: S310 - our own server
            return int(reply.read())

    def set_clock(self, seconds):
        """Set the simulated clock."""
        urllib.request.urlopen(f"{self.control}/clock/{seconds}").close()  # noqa: S310 - the same


@contextmanager
def serving(*, latency=0.0, kind="public", minute=0):
    """One, while the block runs. `minute`: calls that each key has in a simulated minute; 0 means no limit."""
    command = [sys.executable, "-m", "tests.bench.virustotal", json.dumps([latency, kind, minute])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own program
    try:
        yield Address(**json.loads(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()


class Version3:
    """Objects as v3 gives them, made of the stand-in's v2 replies."""

    def __init__(self, sandbox, latency):
        self._sandbox, self._latency = sandbox, latency

    async def object(self, request):
        """`GET /api/v3/COLLECTION/ID`."""
        collection, name = request.match_info["collection"], request.match_info["id"]
        self._sandbox.calls.append(Call(f"v3/{collection}", "GET", {}))
        await asyncio.sleep(self._latency)
        if self._sandbox._authorizer.refusal(request.headers.get("X-Apikey", ""), "v3"):
            return _error(SPENT, "QuotaExceededError", "Quota exceeded")
        kind, endpoint, parameter = RESOURCES[collection]
        value = base64.urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode() if kind == "url" else name
        report = json.loads(self._sandbox._answers.to(endpoint, {parameter: value})[1])
        if report["response_code"] != 1:
            return _error(NOT_FOUND, "NotFoundError", f'{kind} "{name}" not found')
        return web.json_response({"data": {"type": kind, "id": name, "attributes": _attributes(report)}})


def _attributes(report):
    results = {
        engine: {
            "category": "malicious" if found["detected"] else "undetected",
            "engine_name": engine,
            "method": "blacklist",
            "result": found.get("result"),
        }
        for engine, found in report.get("scans", {}).items()
    }
    flagged = report.get("positives", 0)
    others = {name: value for name, value in report.items() if name != "scans"}
    stats = {"malicious": flagged, "undetected": len(results) - flagged}
    return {**others, "last_analysis_results": results, "last_analysis_stats": stats}


def _error(status, code, message):
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


async def main(latency, kind, minute):
    now = [START]
    sandbox = Sandbox(kind=kind, latency=latency, quota=(minute, 0, 0), clock=lambda: now[0])

    async def calls(_):
        count = len(sandbox.calls)
        sandbox.calls.clear()
        return web.Response(text=str(count))

    async def clock(request):
        now[0] = float(request.match_info["seconds"])
        return web.Response()

    app = web.Application()
    app.router.add_get("/api/v3/{collection}/{id:.+}", Version3(sandbox, latency).object)
    app.router.add_get("/calls", calls)
    app.router.add_get("/clock/{seconds}", clock)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    other = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with sandbox.serve():
        print(json.dumps({"v2": sandbox.url, "v3": other, "control": other}), flush=True)  # noqa: T201 - whoever started it reads it
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*json.loads(sys.argv[1])))
