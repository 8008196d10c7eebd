"""Bytes to and from VirusTotal: forms out; statuses and JSON in, with caps on size and depth; batches matched up."""

import json
import re
import secrets
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlencode

import httpx

from vt import errors

Raw = dict[str, Any]

REPLY_CAP = 8 * 1024 * 1024
"""Bytes of a decoded reply; the largest recorded one has 160 KB."""
DEPTH_CAP = 64
CHUNK = 64 * 1024
SLOWEST = 256 << 10
"""Bytes per second below which a transfer that has used up its minimum time is given up."""


def transfer_seconds(size: int, minimum: float) -> float:
    """How many seconds a transfer of `size` bytes may take: at least `minimum`, more for large files."""
    return max(minimum, size / SLOWEST)


def form_data(fields: Mapping[str, str]) -> dict[str, Any]:
    """A form as httpx takes it; a wrong Content-Type would be answered with 403."""
    return {
        "content": urlencode(fields).encode(),
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    }


@dataclass(frozen=True, slots=True)
class Form:
    """A form with one file, which is streamed between a head and a tail."""

    boundary: str
    head: bytes
    tail: bytes

    @classmethod
    def of(cls, name: str, fields: Mapping[str, str]) -> Self:
        """For a file of that name, whatever is in it, behind the other fields."""
        boundary = secrets.token_hex(16)
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
            for field, value in fields.items()
        ]
        # VirusTotal refuses a form whose name holds any other control character either.
        quoted = re.sub(r'["\x00-\x1f\x7f]', lambda found: f"%{ord(found[0]):02X}", name)
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        return cls(boundary, "".join(parts).encode("utf-8", "replace"), f"\r\n--{boundary}--\r\n".encode())

    def length(self, size: int) -> int:
        """Bytes of the whole, with a file of that size in it."""
        return len(self.head) + size + len(self.tail)

    def headers(self, size: int) -> dict[str, str]:
        """As a request needs them."""
        return {
            "Content-Type": f"multipart/form-data; boundary={self.boundary}",
            "Content-Length": str(self.length(size)),
        }

    async def around(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The whole, piece by piece."""
        yield self.head
        async for chunk in chunks:
            yield chunk
        yield self.tail


def status_error(response: httpx.Response) -> errors.VTError | None:
    """What the status alone says. 204 is a 2xx with an empty body: a spent quota."""
    status = response.status_code
    if status == HTTPStatus.OK:
        return None
    if response.is_redirect:
        return errors.Redirected(location(response).host)
    known: dict[int, errors.VTError] = {
        HTTPStatus.NO_CONTENT: errors.OverQuota(),
        HTTPStatus.FORBIDDEN: errors.KeyRefused(),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: errors.UploadTooLarge(),
    }
    if status in known:
        return known[status]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return errors.ServerFault(status)
    return errors.RequestRefused(status)


def location(response: httpx.Response) -> httpx.URL:
    """Where a redirect leads. It may hold the key: show its host only."""
    return response.url.join(response.headers.get("location", ""))


async def reply(response: httpx.Response) -> Any:
    """The JSON of a reply that is not an error."""
    if error := status_error(response):
        raise error
    return await read_json(response)


async def reply_or_location(response: httpx.Response) -> Any:
    """For the one endpoint that redirects: a URL to follow, or the JSON."""
    return location(response) if response.is_redirect else await reply(response)


async def read_json(response: httpx.Response) -> Any:
    """The reply's JSON. Raises Unreadable for HTML, cut-off or too deep JSON, and for more than REPLY_CAP bytes."""
    body = bytearray()
    async for piece in _decoded(response):
        body += piece
        if len(body) > REPLY_CAP:
            raise errors.Unreadable("size")
    if body.lstrip()[:1] == b"<":
        raise errors.Unreadable("html")
    return parse(bytes(body))


def parse(body: bytes) -> Any:
    """JSON, at most DEPTH_CAP deep, as VirusTotal sent it."""
    fault = ""
    value = None
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except RecursionError:
        fault = "depth"
    except ValueError:
        fault = "json"
    if fault or too_deep(value):
        raise errors.Unreadable(fault or "depth")
    return value


def too_deep(value: Any) -> bool:
    """More than DEPTH_CAP levels? Level by level, so that it never recurses."""
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


async def _decoded(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body unpacked in small steps: 200 MB of zeros fit into 194 KB of gzip."""
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


def single(reply: Any) -> Raw:
    """The one object that was asked for; a list of one is accepted (recorded: file/report with one resource)."""
    if isinstance(reply, list) and len(reply) == 1:
        reply = reply[0]
    if not isinstance(reply, dict):
        raise errors.Unreadable("shape")
    return reply


def by_resource(asked: Sequence[str], reply: Any) -> dict[str, Raw]:
    """Match a batch's entries with what was asked. What VirusTotal dropped is missing from the result."""
    entries = reply if isinstance(reply, list) else [reply]
    if not all(isinstance(entry, dict) for entry in entries):
        raise errors.Unreadable("shape")
    left = list(entries)
    found: dict[str, Raw] = {}
    for resource in asked:
        entry = next((entry for entry in left if _names(entry, resource)), None)
        if entry is not None:
            found[resource] = entry
            left.remove(entry)
    missing = [resource for resource in asked if resource not in found]
    if len(missing) == 1 and len(left) == 1 and not _names_another(left[0], missing[0]):
        found[missing[0]] = left[0]
    return found


def _names(entry: Raw, resource: str) -> bool:
    """Does this entry echo that resource? A URL may come back normalised, a hash in another case."""
    echoes = {str(entry.get(key, "")) for key in ("resource", "scan_id", "md5", "sha1", "sha256", "url")}
    plain = resource.rstrip("/").casefold()
    return resource in echoes or any(echo.rstrip("/").casefold() == plain for echo in echoes if echo)


def _names_another(entry: Raw, resource: str) -> bool:
    """A file's entry echoes its hash exactly; one that echoes another hash is not ours."""
    echo = str(entry.get("resource", ""))
    return bool(echo) and "://" not in resource and "://" not in echo
