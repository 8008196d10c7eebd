"""Faults on demand: each a small function that answers in place of the ordinary reply, or spoils it."""

import asyncio
import json
import zlib
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any

from aiohttp import web

Ordinary = Callable[[], Awaitable[web.Response]]
Fault = Callable[[web.Request, Ordinary], Awaitable[web.StreamResponse]]

JSON = "application/json"


class Faults:
    """What goes wrong next, by endpoint as in Call ("file/report", "large/upload"), or "*" for any."""

    def __init__(self) -> None:
        self._once: dict[str, deque[Fault]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}

    def add(self, endpoint: str, *faults: Fault) -> None:
        """One for each of the next requests, in this order."""
        self._once[endpoint].extend(faults)

    def always(self, endpoint: str, fault: Fault) -> None:
        """For every request until cleared."""
        self._always[endpoint] = fault

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._once.clear()
        self._always.clear()

    def next(self, endpoint: str) -> Fault | None:
        """What this request meets."""
        for place in (endpoint, "*"):
            if self._once.get(place):
                return self._once[place].popleft()
            if place in self._always:
                return self._always[place]
        return None


def none() -> Fault:
    """An ordinary reply, to put between two faults."""

    async def ordinary(_: web.Request, reply: Ordinary) -> web.StreamResponse:
        return await reply()

    return ordinary


def status(
    code: int, body: bytes = b"", content_type: str = "text/html", headers: Mapping[str, str] | None = None
) -> Fault:
    """Any status; html(500), 204 and the like; `headers` such as Retry-After."""

    async def reply(_: web.Request, __: Ordinary) -> web.StreamResponse:
        return web.Response(status=code, body=body, content_type=content_type, headers=headers)

    return reply


def html(code: int = 500) -> Fault:
    """An error page, as load balancers write them."""
    page = b"<!DOCTYPE html><html><head><title>Server Error</title></head><body><h1>Error</h1></body></html>"
    return status(code, page)


def says(reply: Any) -> Fault:
    """A 200 with this JSON: a wrong shape, a hostile string, a report of one's own."""
    return status(200, json.dumps(reply).encode(), JSON)


def changed(change: Callable[[Any], Any]) -> Fault:
    """The ordinary JSON, but as `change` returns it: in another order, with an entry twice, or named differently."""

    async def spoilt(_: web.Request, reply: Ordinary) -> web.StreamResponse:
        return web.json_response(change(json.loads(_body(await reply()))))

    return spoilt


def nested(depth: int = 100_000) -> Fault:
    """JSON that is nothing but brackets."""
    return status(200, b"[" * depth + b"]" * depth, JSON)


def truncated() -> Fault:
    """The ordinary JSON, cut in the middle, in a reply that is well-formed HTTP."""

    async def cut(_: web.Request, reply: Ordinary) -> web.StreamResponse:
        body = _body(await reply())
        return web.Response(body=body[: len(body) // 2], content_type=JSON)

    return cut


def broken_off() -> Fault:
    """The connection ends in the middle of the body that was announced."""

    async def cut(request: web.Request, _: Ordinary) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": JSON, "Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"response_code": 1, ')
        _reset(request)
        return response

    return cut


def delay(seconds: float) -> Fault:
    """The ordinary reply, later."""

    async def late(_: web.Request, reply: Ordinary) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await reply()

    return late


def drip(pause: float = 0.05, size: int = 1) -> Fault:
    """The ordinary reply, a few bytes at a time: no single read is slow."""

    async def dripping(request: web.Request, reply: Ordinary) -> web.StreamResponse:
        body = _body(await reply())
        response = web.StreamResponse(headers={"Content-Type": JSON, "Content-Length": str(len(body))})
        await response.prepare(request)
        for start in range(0, len(body), size):
            await response.write(body[start : start + size])
            await asyncio.sleep(pause)
        return response

    return dripping


def reset() -> Fault:
    """The connection is reset, without an answer."""

    async def gone(request: web.Request, _: Ordinary) -> web.StreamResponse:
        _reset(request)
        return web.Response()

    return gone


def bomb(size: int = 200_000_000) -> Fault:
    """So many zeros, as gzip: about a thousandth of it travels."""

    async def swollen(_: web.Request, __: Ordinary) -> web.StreamResponse:
        return web.Response(body=_zeros(size), content_type=JSON, headers={"Content-Encoding": "gzip"})

    return swollen


def redirect(location: str, code: int = 302) -> Fault:
    """Somewhere else, with whatever the request's query was (VirusTotal's own redirect carries the key)."""

    async def elsewhere(request: web.Request, _: Ordinary) -> web.StreamResponse:
        joint = "&" if "?" in location else "?"
        query = f"{joint}{request.query_string}" if request.query_string else ""
        return web.Response(status=code, headers={"Location": location + query})

    return elsewhere


def _body(response: web.Response) -> bytes:
    return response.body if isinstance(response.body, bytes) else b""


@lru_cache(maxsize=4)
def _zeros(size: int) -> bytes:
    """Packed a mebibyte at a time, so that the stand-in does not burst itself."""
    packer = zlib.compressobj(wbits=31)
    piece = bytes(1 << 20)
    packed = [packer.compress(piece[: size - start]) for start in range(0, size, len(piece))]
    return b"".join([*packed, packer.flush()])


def _reset(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
