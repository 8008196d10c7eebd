"""Encoding requests and decoding replies: the key, forms, JSON with caps on size and depth."""

import json
import math
import re
import secrets
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

from vt import errors
from vt.replies import status_error
from vt.stored import INLINE, Limit, Packer, Raw

T = TypeVar("T")

REPLY_CAP = 8 * 1024 * 1024
"""Bytes of a decoded reply. The largest recorded one has 160 KB."""
DEPTH_CAP = 64
"""Levels of nested JSON."""
CHUNK = 64 * 1024
"""Bytes that are read or decompressed at once."""
READ_AT_ONCE = 256 * 1024
"""Bytes of a reply from which on it is read alone."""
PARSED_CAP = 48 * 1024 * 1024
"""Bytes of memory that a parsed reply may take; the one that was recorded as the largest takes 1.5 MB."""
_SURROGATE = re.compile(r"[\ud800-\udfff]|\\u[dD][89a-fA-F]")
"""Half of a surrogate pair, or how JSON spells it."""
_SPACES = frozenset(" \t\n\r")


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


async def reply(response: httpx.Response, packer: Packer | None = None, limit: Limit | None = None) -> Any:
    """The JSON of a reply. Raises the error that its status stands for, and Unreadable."""
    if response.is_redirect:
        raise errors.Redirected(location(response).host)
    if response.status_code != HTTPStatus.OK:
        raise status_error(response.status_code, response.headers)
    return await read_json(response, packer, limit)


async def reply_or_location(
    response: httpx.Response, packer: Packer | None = None, limit: Limit | None = None
) -> Any:
    """For the one endpoint that redirects: the URL to follow, or the JSON. Raises as `reply` does."""
    return location(response) if response.is_redirect else await reply(response, packer, limit)


async def read_json(
    response: httpx.Response, packer: Packer | None = None, limit: Limit | None = None
) -> Any:
    """The body as JSON. Raises Unreadable for HTML, broken or too deep JSON, and more than REPLY_CAP bytes.

    With a `packer`, large replies are read one at a time, and packed. While one waits for that, `limit` stops.
    """
    body = bytearray()
    async with AsyncExitStack() as stack:
        waited = packer is None
        async for piece in _decoded(response):
            body += piece
            if len(body) > REPLY_CAP:
                raise errors.Unreadable("size")
            if packer and not waited and len(body) > READ_AT_ONCE:
                await stack.enter_async_context(packer.alone(limit))
                waited = True
        if re.match(rb"\s*<", body):
            raise errors.Unreadable("html")
        return parse(body, packer)


def parse(body: bytes | bytearray, packer: Packer | None = None) -> Any:
    """Parse JSON of at most DEPTH_CAP levels. Raises Unreadable.

    NaN, Infinity and numbers too large for a float are errors, and so are two equal keys of one object, of which nobody
    knows which one is meant. Halves of surrogate pairs can be neither stored nor sent, so U+FFFD replaces them.

    With a `packer`, a large object, and each large one of a list, comes back packed; of a list, one at a time is parsed.
    """
    return _readable(
        lambda: _parsed(body.decode(json.detect_encoding(bytes(body[:4])), "surrogatepass"), packer)
    )


def _parsed(text: str, packer: Packer | None) -> Any:
    packer = packer if len(text) > INLINE else None
    start = _skip(text, 0)
    is_list = text[start : start + 1] == "["
    # Whatever is in it, this many bytes would be taken by its objects, lists and values.
    if len(text) + 200 * text.count("{") + 70 * (text.count("[") + text.count(",")) > PARSED_CAP << is_list:
        raise errors.Unreadable("size")
    if packer and is_list:
        return [packer.packed(*_whole(piece, value, 1)) for piece, value in _entries(text, start + 1)]
    text, value = _whole(text, _JSON.decode(text))
    return packer.packed(text, value) if packer else value


def _entries(text: str, at: int) -> Iterator[tuple[str, Any]]:
    """The entries of a list, with their JSON. Raises ValueError."""
    at = _skip(text, at)
    if text[at : at + 1] != "]":
        while True:
            value, end = _JSON.raw_decode(text, at)
            yield text[at:end], value
            at = _skip(text, end)
            if text[at : at + 1] != ",":
                break
            at = _skip(text, at + 1)
    if text[at:].rstrip(" \t\n\r") != "]":
        raise ValueError


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in _SPACES:
        at += 1
    return at


def _whole(text: str, value: Any, above: int = 0) -> tuple[str, Any]:
    """JSON and what it says, without halves of surrogate pairs. `above`: levels around it."""
    if too_deep(value, DEPTH_CAP - above):
        raise errors.Unreadable("depth")
    if _SURROGATE.search(text) and _SURROGATE.search(shown := json.dumps(value, ensure_ascii=False)):
        text = shown.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text, _JSON.decode(text)
    return text, value


def _readable(read: Callable[[], T]) -> T:
    """What `read` returns. Raises Unreadable, without the error that would hold the reply."""
    fault = ""
    try:
        return read()
    except RecursionError:
        fault = "depth"
    except ValueError:
        fault = "json"
    raise errors.Unreadable(fault)


def too_deep(value: Any, levels: int = DEPTH_CAP) -> bool:
    """Does it have more than so many levels? Checked level by level, since recursion could overflow the stack."""
    level = [value]
    for _ in range(levels):
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


_JSON = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique_keys)


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
