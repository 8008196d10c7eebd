"""The stand-in's HTTP: keys, quotas, content types, uploads, faults, and a note of every call."""

import asyncio
import json
import logging
import secrets
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web

from playground.virustotal.answers import Answers, MissingArgumentError
from playground.virustotal.auth import FORBIDDEN, SPENT, Authorizer, closed
from playground.virustotal.calls import Call
from playground.virustotal.faults import Faults
from playground.virustotal.recordings import Recordings
from playground.virustotal.request_parser import ParsedRequest, RefusedError, read
from playground.virustotal.state import State, midnight
from playground.virustotal.submissions import Submissions

ROOT = "/vtapi/v2/"
MEBIBYTE = 1024 * 1024
REQUEST_LIMIT = 32 * MEBIBYTE
"""Of the whole request to file/scan."""
METHODS = {
    "file/report": ("GET", "POST"),
    "file/scan": ("POST",),
    "file/scan/upload_url": ("GET",),
    "file/rescan": ("POST",),
    "url/scan": ("POST",),
    "url/report": ("GET", "POST"),
    "domain/report": ("GET",),
    "ip-address/report": ("GET",),
    "comments/get": ("GET",),
    "comments/put": ("POST",),
}


UPLOADS = frozenset({"file/scan", "large/upload"})

Answer = Callable[[str, ParsedRequest, web.Request], web.Response]


class Sandbox:
    """A VirusTotal v2 of one's own, in memory.

    Args:
        key: the key that is accepted when `any_key` is false.
        kind: "public" (batches of 4, no rescan) or "private" (25, rescan, allinfo, comments).
        quota: calls a minute, a day, a month for each key; 0 means no limit.
        queue_seconds: how long uploads, rescans and submitted URLs take.
        latency: seconds before each reply.
        replay: a folder of recorded replies, served where they fit.
        clock: unix seconds; dates of invented reports lie before the day it shows when the stand-in is made.
        any_key: accept every key that is not empty.
        invent: whether what is neither recorded nor documented gets a report, or is unknown.
        comments: whether comments/get is open; None: to private keys only.
        upload_limit: bytes of one request to the large-file location.
        upload_host: another name of this machine for the large-file location, so that it is another host.
    """

    def __init__(
        self,
        *,
        key: str = "sandbox",
        kind: str = "public",
        quota: tuple[int, int, int] = (0, 0, 0),
        queue_seconds: float = 0,
        latency: float = 0,
        replay: Path | None = None,
        clock: Callable[[], float] = time.time,
        any_key: bool = True,
        invent: bool = True,
        comments: bool | None = None,
        upload_limit: int = 200 * MEBIBYTE,
        upload_host: str | None = None,
    ) -> None:
        self.faults = Faults()
        self.calls: deque[Call] = deque(maxlen=10_000)
        self.url = ""
        self._latency = latency
        self._upload_limit = upload_limit
        self._upload_host = upload_host
        self._authorizer = Authorizer(
            key=None if any_key else key,
            closed=closed(private=kind == "private", comments=comments),
            quota=quota,
            clock=clock,
        )
        self._places: set[str] = set()
        self._routes: dict[str, Callable[[Mapping[str, str]], dict[str, Any]]] = {}
        self._recordings = Recordings(replay)
        submissions = Submissions(clock, queue_seconds)
        self._answers = Answers(State(self._recordings, submissions, midnight(clock), invent, clock), kind)

    @asynccontextmanager
    async def serve(
        self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> AsyncIterator["Sandbox"]:
        """Listen until the block ends; `port` 0 takes a free one. `tls`: by HTTPS, with this."""
        app = web.Application(client_max_size=REQUEST_LIMIT)
        app.router.add_route("*", ROOT + "{endpoint:.+}", self._serve)
        app.router.add_route("GET", "/large" + ROOT + "file/scan/upload_url", self._large_place)
        app.router.add_route("POST", "/large/upload/{place}", self._large_upload)
        # The key stands in the query of GET requests: no access log, and none of aiohttp's notes at DEBUG, which
        # hold the first line of a malformed request.
        log = logging.getLogger(__name__)
        log.setLevel(logging.INFO)
        runner = web.AppRunner(app, access_log=None, logger=log, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, ssl_context=tls).start()
            self.url = f"{'https' if tls else 'http'}://{host}:{runner.addresses[0][1]}{ROOT}"
            yield self
        finally:
            await runner.cleanup()

    def calls_to(self, endpoint: str) -> list[Call]:
        """The calls to one endpoint, in order."""
        return [call for call in self.calls if call.endpoint == endpoint]

    def tell(self, endpoint: str, subject: str, reply: dict[str, Any]) -> None:
        """From now on this is the reply about one subject (a hash, URL, domain or address)."""
        self._recordings.add(endpoint, subject, reply)

    def route(self, endpoint: str, answer: Callable[[Mapping[str, str]], dict[str, Any]]) -> None:
        """Answer GET requests to an endpoint that the stand-in does not have: `answer` makes a reply of the parameters."""
        self._routes[endpoint] = answer

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        endpoint = request.match_info["endpoint"]
        known = METHODS | dict.fromkeys(self._routes, ("GET",))
        if request.method not in known.get(endpoint, ()):
            self.calls.append(Call(endpoint, request.method, {}))
            return _empty(405 if endpoint in known else 404)
        return await self._handle(endpoint, request, REQUEST_LIMIT, self._ordinary)

    async def _large_place(self, request: web.Request) -> web.StreamResponse:
        return await self._handle("large/upload_url", request, REQUEST_LIMIT, self._upload_location)

    async def _large_upload(self, request: web.Request) -> web.StreamResponse:
        return await self._handle("large/upload", request, self._upload_limit, self._accept_large)

    async def _handle(
        self, endpoint: str, request: web.Request, limit: int, answer: Answer
    ) -> web.StreamResponse:
        """Read it, note it, wait for as long as VirusTotal takes, and answer, or let a fault do that."""
        try:
            parsed = await read(request, file=endpoint in UPLOADS, limit=limit)
        except RefusedError as refused:
            self.calls.append(Call(endpoint, request.method, {}))
            return _empty(refused.status)
        self.calls.append(Call(endpoint, request.method, parsed.params, parsed.upload))
        if self._latency:
            await asyncio.sleep(self._latency)

        async def ordinary() -> web.Response:
            return answer(endpoint, parsed, request)

        fault = self.faults.next(endpoint)
        return await (fault(request, ordinary) if fault else ordinary())

    def _ordinary(self, endpoint: str, parsed: ParsedRequest, request: web.Request) -> web.Response:
        if status := self._authorizer.refusal(parsed.key, endpoint):
            return _empty(status)
        if endpoint == "file/scan/upload_url":
            location = f"{self._large(request)}{ROOT}{endpoint}?apikey={quote(parsed.key)}"
            return _empty(302, {"Location": location})
        if endpoint == "file/scan":
            return self._accept(parsed)
        if route := self._routes.get(endpoint):
            return _json(200, json.dumps(route(parsed.params)).encode())
        try:
            return _json(*self._answers.to(endpoint, parsed.params))
        except MissingArgumentError:
            return _empty(400)

    def _upload_location(self, _: str, parsed: ParsedRequest, request: web.Request) -> web.Response:
        """Where the redirect leads; the call was counted before it."""
        if not self._authorizer.knows(parsed.key):
            return _empty(FORBIDDEN)
        place = secrets.token_hex(16)
        self._places.add(place)
        return _json(200, json.dumps({"upload_url": f"{self._large(request)}/upload/{place}"}).encode())

    def _accept_large(self, _: str, parsed: ParsedRequest, request: web.Request) -> web.Response:
        """The place itself is the permission, and holds for one upload."""
        place = request.match_info["place"]
        if place not in self._places:
            return _empty(404)
        self._places.discard(place)
        return self._accept(parsed)

    def _accept(self, parsed: ParsedRequest) -> web.Response:
        if parsed.upload is None:
            return _empty(400)
        return _json(*self._answers.to_upload(parsed.upload))

    def _large(self, request: web.Request) -> str:
        """The large-file location's root, by the name that the client knows this machine by, or by the other one."""
        host = f"{self._upload_host}:{request.url.port}" if self._upload_host else request.host
        return f"{request.scheme}://{host}/large"


def _json(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")


def _empty(status: int, headers: dict[str, str] | None = None) -> web.Response:
    """As VirusTotal says no: text/html without a body; of 204 not even that."""
    if status == SPENT:
        return web.Response(status=status)
    return web.Response(status=status, headers=headers, body=b"", content_type="text/html", charset="utf-8")
