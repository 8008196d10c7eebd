"""Encoding requests and decoding replies: the key, forms, status codes, JSON with caps on size and depth."""

import json
import math
import re
import secrets
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

from vt import errors

Raw = dict[str, Any]

REPLY_CAP = 8 * 1024 * 1024
"""Bytes of a decoded reply. The largest recorded one has 160 KB."""
DEPTH_CAP = 64
"""Levels of nested JSON."""
CHUNK = 64 * 1024
"""Bytes that are read or decompressed at once."""
_SURROGATE = re.compile(r"[\ud800-\udfff]")
SLOWEST = 256 << 10
"""Bytes per second below which a transfer that has used up its minimum time is given up."""


def transfer_seconds(size: int, minimum: float) -> float:
    """How many seconds a transfer of `size` bytes may take: at least `minimum`, more for large files."""
    return max(minimum, size / SLOWEST)


def form_data(fields: Mapping[str, str]) -> dict[str, Any]:
    """A form, as arguments of httpx's build_request. VirusTotal answers another Content-Type with 403."""
    return {
        "content": urlencode(fields).encode(),
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    }


class KeyTransport(httpx.AsyncBaseTransport):
    """Adds the key to the URL of a GET right before it is sent, so that no URL in a log or an error holds it."""

    def __init__(self, inner: httpx.AsyncBaseTransport, key: SecretStr) -> None:
        self._inner = inner
        self._key = key

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a copy of the request with the key in its query, if the request is marked as `keyed`."""
        if not request.extensions.get("keyed"):
            return await self._inner.handle_async_request(request)
        url = request.url.copy_merge_params({"apikey": self._key.get_secret_value()})
        copy = httpx.Request(
            request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
        )
        return await self._inner.handle_async_request(copy)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart form with one file. The file's content is streamed between `head` and `tail`."""

    boundary: str
    head: bytes
    tail: bytes

    @classmethod
    def of(cls, name: str, fields: Mapping[str, str]) -> Self:
        """A form with these fields, followed by a file of this name. Any character may occur in the name."""
        boundary = secrets.token_hex(16)
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
            for field, value in fields.items()
        ]
        # Besides quotes and line breaks, VirusTotal refuses file names with any other control character.
        quoted = re.sub(r'["\x00-\x1f\x7f]', lambda found: f"%{ord(found[0]):02X}", name)
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        return cls(boundary, "".join(parts).encode("utf-8", "replace"), f"\r\n--{boundary}--\r\n".encode())

    def length(self, size: int) -> int:
        """Bytes of the whole form with a file of `size` bytes."""
        return len(self.head) + size + len(self.tail)

    def headers(self, size: int) -> dict[str, str]:
        """The request's headers, for a file of `size` bytes."""
        return {
            "Content-Type": f"multipart/form-data; boundary={self.boundary}",
            "Content-Length": str(self.length(size)),
        }

    async def stream(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The whole form around the file's content, chunk by chunk."""
        yield self.head
        async for chunk in chunks:
            yield chunk
        yield self.tail


def status_error(response: httpx.Response) -> errors.VTError | None:
    """The error that a status stands for; None for 200. 204, although a 2xx, is a spent quota."""
    status = response.status_code
    if status == HTTPStatus.OK:
        return None
    if response.is_redirect:
        return errors.Redirected(location(response).host)
    known: dict[int, errors.VTError] = {
        HTTPStatus.NO_CONTENT: errors.OverQuota(retry_after(response)),
        HTTPStatus.TOO_MANY_REQUESTS: errors.OverQuota(retry_after(response)),
        HTTPStatus.FORBIDDEN: errors.KeyRefused(),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: errors.UploadTooLarge(),
    }
    if status in known:
        return known[status]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return errors.ServerFault(status)
    return errors.RequestRefused(status)


def retry_after(response: httpx.Response) -> float | None:
    """The seconds of its Retry-After header, which holds them or a date (RFC 9110); None if there is none to read."""
    value = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]*)?", value, re.ASCII):  # some servers send fractions
        return min(float(value[:300]), 1e9)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    # Counted from the reply's own Date, which is by the same clock.
    try:
        now = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        return None
    return max(0.0, (at - (now if now.tzinfo else now.replace(tzinfo=UTC))).total_seconds())


def location(response: httpx.Response) -> httpx.URL:
    """Where a redirect leads. It may hold the key, so only its host may be shown."""
    return response.url.join(response.headers.get("location", ""))


def upload_address(raw: Raw) -> httpx.URL:
    """The URL that VirusTotal wants a file sent to, from the reply of file/scan/upload_url. Raises Unreadable."""
    told = raw.get("upload_url")
    url = None
    with suppress(httpx.InvalidURL):
        url = httpx.URL(told) if isinstance(told, str) else None
    if url is None or not url.host:
        raise errors.Unreadable("shape")
    return url


async def reply(response: httpx.Response) -> Any:
    """The JSON of a reply. Raises the error that its status stands for, and Unreadable."""
    if error := status_error(response):
        raise error
    return await read_json(response)


async def reply_or_location(response: httpx.Response) -> Any:
    """For the one endpoint that redirects: the URL to follow, or the JSON. Raises as `reply` does."""
    if response.is_redirect:
        return location(response)
    return await reply(response)


async def read_json(response: httpx.Response) -> Any:
    """The body as JSON. Raises Unreadable for HTML, broken or too deep JSON, and more than REPLY_CAP bytes."""
    body = bytearray()
    async for piece in _decoded(response):
        body += piece
        if len(body) > REPLY_CAP:
            raise errors.Unreadable("size")
    if body.lstrip()[:1] == b"<":
        raise errors.Unreadable("html")
    return parse(bytes(body))


def parse(body: bytes) -> Any:
    """Parse JSON of at most DEPTH_CAP levels. Raises Unreadable.

    NaN, Infinity and numbers too large for a float are errors, and so are two equal keys of one object, of which nobody
    knows which one is meant. Halves of surrogate pairs can be neither stored nor sent, so U+FFFD replaces them.
    """
    value = _load(body)
    text = json.dumps(value, ensure_ascii=False)
    if _SURROGATE.search(text):
        return _load(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return value


def _load(body: bytes | str) -> Any:
    fault = ""
    value = None
    try:
        value = json.loads(
            body, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique_keys
        )
    except RecursionError:
        fault = "depth"
    except ValueError:
        fault = "json"
    if fault or too_deep(value):
        raise errors.Unreadable(fault or "depth")
    return value


def too_deep(value: Any) -> bool:
    """Does it have more than DEPTH_CAP levels? Checked level by level, since recursion could overflow the stack."""
    level = [value]
    for _ in range(DEPTH_CAP):
        level = [child for node in level for child in _children(node)]
        if not level:
            return False
    return True


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return [child for child in node.values() if isinstance(child, dict | list)]
    return [child for child in node if isinstance(child, dict | list)] if isinstance(node, list) else []


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError(text)
    return number


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


async def _decoded(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body, decompressed in small steps: 194 KB of gzip can hold 200 MB of zeros."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        async for raw in response.aiter_raw(CHUNK):
            yield raw
        return
    if encoding != "gzip":
        raise errors.Unreadable("encoding")
    unpacker = zlib.decompressobj(wbits=31)
    async for raw in response.aiter_raw(CHUNK):
        pending = raw
        while pending:
            yield _unpack(unpacker, pending)
            pending = unpacker.unconsumed_tail
    # The checksum stands at the very end: what was cut off before it, or goes on after it, is not what was sent.
    if not unpacker.eof or unpacker.unused_data:
        raise errors.Unreadable("encoding")


def _unpack(unpacker: "zlib._Decompress", data: bytes) -> bytes:
    broken = False
    piece = b""
    try:
        piece = unpacker.decompress(data, CHUNK)
    except zlib.error:
        broken = True
    if broken:
        raise errors.Unreadable("encoding")
    return piece
