"""Replies that did not come from Slack's Web API, or not whole: what a proxy, a load balancer or a broken connection makes of them."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
HUGE_BYTES = 48 << 20
_BLOCK = b" " * (1 << 20)


@dataclass(frozen=True, slots=True)
class BadReply:
    """The bytes of a reply, and how they are sent."""

    status: int
    content_type: str
    body: bytes
    missing: int = 0
    """Bytes that are announced and never come: the connection breaks."""
    padding: int = 0
    """Bytes of white space before the body."""
    retry_after: str = ""
    hangs: float = 0
    """Seconds before anything is sent."""

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Answer a request with it."""
        await asyncio.sleep(self.hangs)
        response = web.StreamResponse(status=self.status)
        response.content_type = self.content_type
        response.content_length = self.padding + len(self.body) + self.missing
        if self.retry_after:
            response.headers["Retry-After"] = self.retry_after
        await response.prepare(request)
        for _ in range(self.padding // len(_BLOCK)):
            await response.write(_BLOCK)
        await response.write(self.body)
        if self.missing and request.transport:
            request.transport.close()
        return response


def _json(value: object, **more: int | str) -> BadReply:
    return BadReply(200, "application/json", json.dumps(value).encode(), **more)  # type: ignore[arg-type]


BAD_REPLIES: Mapping[str, BadReply] = {
    "html_500": BadReply(500, "text/html", HTML),
    "html_502": BadReply(502, "text/html", HTML),
    "html_502_as_json": BadReply(502, "application/json", HTML),
    "html_503": BadReply(503, "text/html", HTML),
    "html_504_as_json": BadReply(504, "application/json", HTML),
    "html_200": BadReply(200, "text/html", HTML),
    "html_200_as_json": BadReply(200, "application/json", HTML),
    "text_200": BadReply(200, "text/plain", b"upstream connect error or disconnect/reset before headers"),
    "text_503": BadReply(503, "text/plain", b"upstream connect error or disconnect/reset before headers"),
    "xml_503": BadReply(503, "application/xml", b"<Error><Code>SlowDown</Code></Error>"),
    "empty_200": BadReply(200, "application/json", b""),
    "empty_text_200": BadReply(200, "text/plain", b""),
    "empty_502": BadReply(502, "text/html", b""),
    "cut_json": BadReply(200, "application/json", b'{"ok": true, "channel": "C0INC1'),
    "broken_off": BadReply(200, "application/json", b'{"ok": true', missing=100),
    "list": _json([{"ok": True}]),
    "null": _json(None),
    "number": _json(200),
    "string": _json("ok!"),
    "no_ok": _json({}),
    "only_ok": _json({"ok": True}),
    "null_fields": _json(
        {"ok": True, "channel": None, "ts": None, "user": None, "view": None, "messages": None}
    ),
    "odd_fields": _json(
        {"ok": True, "channel": [], "ts": 7, "user": "U1", "view": 1, "messages": {}, "team_id": 1}
    ),
    "odd_ok": _json({"ok": "false", "error": {"code": 7}}),
    "odd_error": _json({"ok": False, "error": ["internal_error"]}),
    "no_error": _json({"ok": False}),
    "not_utf8": BadReply(200, "application/json", b'{"ok": true, "x": "\xff\xfe"}'),
    "gzip_type": BadReply(200, "application/gzip", b"\x1f\x8b\x08"),
    "deep": BadReply(200, "application/json", b'{"ok": true, "x": ' + b"[" * 100_000),
    "huge": BadReply(200, "application/json", b'{"ok": true}', padding=HUGE_BYTES),
    "limited_without_json": BadReply(429, "text/html", b"", retry_after="1"),
    "limited_until_a_date": BadReply(
        429, "application/json", b"{}", retry_after="Wed, 21 Oct 2026 07:28:00 GMT"
    ),
    "limited_for_a_day": BadReply(429, "application/json", b"{}", retry_after="86400"),
    "limited_oddly": BadReply(429, "application/json", b"{}", retry_after="soon"),
}
"""By the name under which a test orders them."""
