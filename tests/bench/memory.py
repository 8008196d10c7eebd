"""Memory that one request takes when VirusTotal's replies are large: of a real process, driven by signed commands.

`python -m tests.bench.memory` measures the cases below; `python -m tests.bench.memory --of scan-hash --code ../other` those with
this action, with the code of another checkout.
"""

import argparse
import asyncio
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from aiohttp import web

from tests.bench.load import SECRET, Line, signed

ROOT = Path(__file__).parents[2]
MEBIBYTE = 1 << 20
BOUND = 64
"""Mebibytes that a request may take."""
COUNT = 100
MIXED = "mixed"
"""As many addresses, domains, hashes and URLs, found in a text."""
WARM = 30
"""Commands with small replies before, so that what is loaded once is not counted."""
ANSWER_SECONDS = 900


@dataclass(frozen=True)
class Case:
    """One request: so many indicators with replies of so many bytes each."""

    action: str
    size: int
    count: int = COUNT
    long: bool = False
    """Each is as large as it is for one long text, and not for its many entries."""
    kind: str = "private"
    """Of the key: a public one has batches of 4, a private one of 25."""

    @property
    def name(self):
        what = ", mostly one text" if self.long else ""
        key = "" if self.kind == "private" else f", {self.kind} key"
        return f"{self.count} × {self.action} with replies of {self.size // 1000:,} KB{what}{key}"


CASES = (
    Case("scan-ip", 160_000),
    Case("scan-ip", 2_000_000, long=True),
    Case("scan-ip", 2_000_000),
    Case("scan-hash", 160_000),
    Case("scan-hash", 2_000_000, 25),
    Case("scan-hash", 2_000_000, 25, kind="public"),
    Case("scan-hash", 2_000_000),
    Case("scan-url", 2_000_000, 25),
    Case("scan-file", 2_000_000, 1),
    Case(MIXED, 2_000_000),
)


@dataclass(frozen=True)
class Taken:
    """Mebibytes before, how many more at most until it was answered and until its JSON was sent, and afterwards."""

    before: float
    answer: float
    file: float
    after: float
    seconds: float
    states: int
    """Indicators that have a verdict in the answer."""
    sent: int
    """Bytes of the JSON."""


def measure(root=ROOT, cases=CASES):
    """Lines of a Markdown table."""
    yield "| one request | memory before | more at most, until answered | until its JSON was sent | afterwards | answered after |"
    yield "|---|---|---|---|---|---|"
    for case in cases:
        one = asyncio.run(taken(case, root))
        yield (
            f"| {case.name} | {one.before:.0f} MiB | +{one.answer:.0f} MiB | +{one.file:.0f} MiB"
            f" ({one.sent / 1e6:.0f} MB) | +{one.after - one.before:.0f} MiB | {one.seconds:.1f} s |"
        )


async def taken(case, root=ROOT):
    """What one request takes of a process that was just started and has answered small ones."""
    with tempfile.TemporaryDirectory(prefix="vtbot-memory-") as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 - PostgreSQL may run as somebody else
        async with _virustotal(case) as virustotal, _slack() as slack:
            environ = _environ(slack.url, virustotal, Path(folder), root) | {"VT_KEY_KIND": case.kind}
            bot, port = await _started(environ, Path(folder))
            line = Line(port)
            try:
                return await _measured(_typed(case, Path(folder)), slack, bot.pid, line)
            finally:
                line.hang_up()
                bot.terminate()
                await asyncio.to_thread(bot.wait, 20)


async def _measured(typed, slack, pid, line):
    for number in range(WARM):
        await line.send(_command(slack, number, f"scan-ip 9.9.9.{number}"))
        await slack.answers(number)
    await asyncio.sleep(1)
    before = _memory(pid, "VmRSS")
    _forget_peak(pid)
    start = time.perf_counter()
    status = await line.send(_command(slack, WARM, typed))
    assert status == 200, status
    answer = await slack.answers(WARM)
    seconds = time.perf_counter() - start
    until_answer = _memory(pid, "VmHWM")
    [button] = [one for one in _elements(answer) if one.get("action_id") == "json"]
    status = await line.send(_click(slack, button))
    assert status == 200, status
    sent = await slack.files()
    await asyncio.sleep(1)
    peak, after = _memory(pid, "VmHWM"), _memory(pid, "VmRSS")
    head = answer["text"].partition("\n")[0]
    states = sum(int(word) for word in head.split() if word.isdigit() and "NOT CHECKED" not in head)
    return Taken(before, until_answer - before, peak - before, after, seconds, states, sent)


def _memory(pid, name):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


def _forget_peak(pid):
    """VmHWM counts from here on."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _elements(answer):
    return [one for block in answer["blocks"] for one in block.get("elements", ())]


# What people do ------------------------------------------------------------------------------------------


def _typed(case, folder):
    """What is typed after /vt. `folder`: of the files that may be read."""
    numbers = range(case.count)
    match case.action:
        case "scan-file":
            return f"scan-file {','.join(str(_sample(folder, number)) for number in numbers)}"
        case "mixed":
            return " ".join(_value(tuple(VALUES)[number % len(VALUES)], number) for number in numbers)
        case action:
            return f"{action} {' '.join(_value(action, number) for number in numbers)}"


VALUES = {
    "scan-ip": lambda number: f"20.{number}.1.7",
    "scan-hash": lambda number: hashlib.sha256(str(number).encode()).hexdigest(),
    "scan-url": lambda number: f"http://w{number}.example.com/download/{number}.exe",
    "domain-report": lambda number: f"d{number}.example.com",
}


def _value(action, number):
    return VALUES[action](number)


def _sample(folder, number):
    """A file to look up."""
    path = folder / f"{number}.bin"
    path.write_bytes(f"sample {number}".encode())
    path.chmod(0o644)
    return path


def _command(slack, number, text):
    form = {
        "command": "/vt",
        "text": text,
        "team_id": "T0BENCH",
        "user_id": "U0BENCH",
        "channel_id": "C0BENCH",
        "trigger_id": f"{number}.bench.{time.time_ns()}",
        "response_url": f"{slack.url}/hooks/{number}",
    }
    return signed(urlencode(form).encode())


def _click(slack, button):
    payload = {
        "type": "block_actions",
        "team": {"id": "T0BENCH"},
        "user": {"id": "U0BENCH", "team_id": "T0BENCH"},
        "channel": {"id": "C0BENCH", "name": "bench"},
        "container": {
            "type": "message",
            "message_ts": "1700000000.000100",
            "channel_id": "C0BENCH",
            "is_ephemeral": True,
        },
        "trigger_id": f"click.{time.time_ns()}",
        "response_url": f"{slack.url}/hooks/click",
        "actions": [{**button, "block_id": "b", "action_ts": "1700000000.000200"}],
    }
    return signed(urlencode({"payload": json.dumps(payload)}).encode())


class _Slack:
    """The response_urls, and the files that are sent."""

    def __init__(self):
        self.url = ""
        self._answers = {}
        self._sizes = []
        self._news = asyncio.Condition()

    async def answers(self, number):
        """The answer to a command."""
        await self._until(lambda: number in self._answers)
        return self._answers[number]

    async def files(self):
        """The size of a file that was sent, once there is one."""
        await self._until(lambda: self._sizes)
        return self._sizes[-1]

    async def _until(self, condition):
        async with asyncio.timeout(ANSWER_SECONDS), self._news:
            await self._news.wait_for(condition)

    async def api(self, request):
        method = request.match_info["method"]
        user = (await request.post()).get("user") or request.query.get("user")
        replies = {
            "auth.test": {"user_id": "U0VT", "team_id": "T0BENCH", "bot_id": "B0VT"},
            "users.info": {"user": {"id": user, "team_id": "T0BENCH", "name": "somebody", "profile": {}}},
            "conversations.open": {"channel": {"id": "D0BENCH"}},
            "conversations.history": {"messages": []},
            "files.getUploadURLExternal": {"upload_url": f"{self.url}/upload", "file_id": "F0BENCH"},
            "files.completeUploadExternal": {"files": [{"id": "F0BENCH"}]},
        }
        return web.json_response({"ok": True, **replies.get(method, {})})

    async def hook(self, request):
        answer = await request.json()
        number = request.match_info["number"]
        if number.isdigit() and any(block["type"] == "actions" for block in answer.get("blocks", ())):
            async with self._news:
                self._answers[int(number)] = answer
                self._news.notify_all()
        return web.json_response({"ok": True})

    async def upload(self, request):
        size = 0
        async for chunk in request.content.iter_any():
            size += len(chunk)
        async with self._news:
            self._sizes.append(size)
            self._news.notify_all()
        return web.Response(text=f"OK - {size}")


@asynccontextmanager
async def _slack():
    slack = _Slack()
    routes = [
        web.route("*", "/api/{method}", slack.api),
        web.post("/hooks/{number}", slack.hook),
        web.post("/upload", slack.upload),
    ]
    async with _served(routes) as url:
        slack.url = url
        yield slack


@asynccontextmanager
async def _served(routes):
    app = web.Application(client_max_size=1 << 30)
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


# VirusTotal ----------------------------------------------------------------------------------------------


@asynccontextmanager
async def _virustotal(case):
    """Its address: one whose replies have the size of the case, but for small ones about 9.9.9.*."""

    async def address(request):
        ip = request.query["ip"]
        if ip.startswith("9.9.9."):
            return _json(address_report(ip, 2_000))
        return _json(long_report(ip, case.size) if case.long else address_report(ip, case.size))

    async def domain(request):
        return _json(address_report(request.query["domain"], case.size))

    async def batch(request):
        separator = "\n" if request.path.startswith("/url") else ","
        resources = (await request.post())["resource"].split(separator)
        if len(resources) == 1:
            return _json(file_report(resources[0], case.size))
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with suppress(ConnectionError):  # some versions hang up when it is too large for them
            for number, one in enumerate(resources):
                report = await asyncio.to_thread(file_report, one, case.size)
                await response.write((b"," if number else b"[") + json.dumps(report).encode())
            await response.write(b"]")
        return response

    routes = [
        web.get("/ip-address/report", address),
        web.get("/domain/report", domain),
        web.post("/file/report", batch),
        web.post("/url/report", batch),
    ]
    async with _served(routes) as url:
        yield f"{url}/"


def _json(body):
    return web.Response(body=json.dumps(body).encode(), content_type="application/json")


def address_report(ip, size):
    """An address of which much is known: the lists of a real report, and longer ones for more bytes."""
    chance = random.Random(ip)  # noqa: S311 - no secret
    times = max(1, size // 1_290)
    seen = [f"2026-{chance.randint(1, 10):02}-{chance.randint(1, 28):02} 12:00:00" for _ in range(20)]

    def samples(count, positives):
        return [
            {
                "date": chance.choice(seen),
                "positives": positives and chance.randint(1, 60),
                "total": 70,
                "sha256": f"{chance.getrandbits(256):064x}",
            }
            for _ in range(count)
        ]

    def url():
        return f"http://{chance.getrandbits(40):x}.example/{chance.getrandbits(120):x}?id={chance.getrandbits(90)}"

    return {
        "response_code": 1,
        "verbose_msg": "IP address in dataset",
        "country": "DE",
        "as_owner": "Example Hosting",
        "detected_urls": [
            {"url": url(), "positives": chance.randint(1, 9), "total": 90, "scan_date": chance.choice(seen)}
            for _ in range(times)
        ],
        "undetected_urls": [
            [url(), f"{chance.getrandbits(256):064x}", 0, 90, chance.choice(seen)] for _ in range(times)
        ],
        "detected_communicating_samples": samples(times, 1),
        "detected_downloaded_samples": samples(times, 1),
        "undetected_communicating_samples": samples(times, 0),
        "resolutions": [
            {
                "last_resolved": chance.choice(seen),
                "hostname": f"{chance.getrandbits(60):x}.example.org",
            }
            for _ in range(6 * times)
        ],
    }


def long_report(ip, size):
    """An address of which no more is known than usual, with a text that takes the rest of the bytes."""
    text = random.Random(ip).randbytes(size // 2 - 50_000).hex()  # noqa: S311 - no secret
    return {**address_report(ip, 100_000), "whois": text}


def file_report(resource, size):
    """A file or URL that a few engines flag, with what a private key is told about it."""
    chance = random.Random(resource)  # noqa: S311 - no secret
    scans = {
        f"Engine{number}": {
            "detected": number < 7,
            "version": "1.2.3",
            "result": "Trojan.Generic" if number < 7 else None,
            "update": "20261120",
        }
        for number in range(60)
    }
    is_url = "://" in resource
    digest = hashlib.sha256(resource.encode()).hexdigest() if is_url else resource
    report = {
        "response_code": 1,
        "resource": resource,
        "url" if is_url else "sha256": resource,
        "scan_id": f"{digest}-1700000000",
        "scan_date": "2026-11-20 12:00:00",
        "permalink": f"https://www.virustotal.com/{'url' if is_url else 'file'}/{digest}/analysis/1700000000/",
        "verbose_msg": "Scan finished, information embedded",
        "positives": 7,
        "total": 60,
        "scans": scans,
    }
    strings = [
        {"name": f"{chance.getrandbits(80):x}", "hash": f"{chance.getrandbits(128):032x}", "size": number}
        for number in range(max(0, size - 8_000) // 92)
    ]
    return {**report, "additional_info": {"sections": strings}}


# The bot -------------------------------------------------------------------------------------------------


def _environ(slack, virustotal, folder, root):
    return {
        "PATH": os.defpath,
        "PYTHONPATH": str(root),
        "SLACK_BOT_TOKEN": "xoxb-bench",
        "SLACK_SIGNING_SECRET": SECRET,
        "SLACK_API_URL": f"{slack}/api/",
        "VT_API_KEY": "bench",
        "VT_API_URL": virustotal,
        "FILE_ROOTS": str(folder),
        "VT_QUOTA_MINUTE": "0",
        "VT_QUOTA_DAY": "0",
        "VT_QUOTA_MONTH": "0",
        "STATE_DIR": str(folder / "state"),
        "PORT": "0",
    }


async def _started(environ, folder):
    log = folder / "log"
    with log.open("w") as stream:
        bot = subprocess.Popen(  # noqa: ASYNC220 - our own program; whoever starts it waits for it
            [sys.executable, "-m", "bot", "run"], cwd=folder, env=environ, stdout=stream, stderr=stream
        )
    while not (ready := [line for line in log.read_text().splitlines() if '"event": "ready"' in line]):
        assert bot.poll() is None, log.read_text()
        await asyncio.sleep(0.02)
    return bot, json.loads(ready[0])["port"]


def _main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--of", help="only the cases with this action")
    parser.add_argument("--code", type=Path, default=ROOT, help="the checkout that is measured")
    chosen = parser.parse_args()
    cases = [case for case in CASES if chosen.of in (None, case.action)]
    for line in measure(chosen.code, cases):
        print(line, flush=True)  # noqa: T201 - to be read


if __name__ == "__main__":
    _main()
