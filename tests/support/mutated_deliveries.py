"""Ways in which a reply may arrive: compressed, cut, in another encoding, under a wrong header, with another status."""

import gzip
import json
import re
import zlib
from dataclasses import dataclass, field

import httpx

_CLEAN = b'{"response_code": 1, "positives": 0, "total": 1, "scans": {"A": {"detected": false}}, "undetected_urls": [["x", "y", 0, 9]]}'
_STATUSES = (201, 204, 206, 301, 302, 400, 401, 403, 404, 413, 429, 500, 502, 503)
_TYPES = (
    "text/html",
    "text/plain; charset=utf-16",
    "application/octet-stream",
    "image/png",
    "application/json; charset=latin-1",
    "",
)
_NUMBERS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-0",
    "0e0",
    "00",
    "+1",
    "1_0",
    "1.",
    ".5",
    "0x10",
    "9" * 5000,
)


@dataclass(frozen=True)
class Delivery:
    """A response, and what somebody who reads it with care may take from it: b"" for nothing."""

    truth: bytes
    chunks: tuple[bytes, ...]
    status: int = 200
    headers: dict = field(default_factory=dict)
    breaks: bool = False
    """The connection breaks after the last chunk."""

    def response(self):
        """As httpx would hand it over, not read yet."""
        return httpx.Response(self.status, headers=self.headers, stream=_Chunks(self.chunks, self.breaks))


@dataclass
class _Chunks(httpx.AsyncByteStream):
    chunks: tuple[bytes, ...]
    breaks: bool

    async def __aiter__(self):
        for chunk in self.chunks:
            yield chunk
        if self.breaks:
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


def delivered(body, chance):
    """The body in some way that a server, a proxy or somebody in between might send it."""
    return chance.choice(_DELIVERIES)(body, chance)


def _pieces(data, chance):
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.choice((0, 0, 1, 3))))
    return tuple(data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True))


def _gzip(data, chance, truth=b""):
    return Delivery(truth, _pieces(data, chance), headers={"Content-Encoding": "gzip"})


def _compressed(body, chance):
    return _gzip(gzip.compress(body, mtime=0), chance, body)


def _cut_compressed(body, chance):
    """Anywhere, and often only the checksum is missing."""
    data = gzip.compress(body, mtime=0)
    return _gzip(data[: -chance.choice((1, 4, 8, chance.randint(1, len(data))))], chance)


def _continued(body, chance):
    """Something follows the compressed reply: rubbish, or another reply."""
    return _gzip(
        gzip.compress(body, mtime=0) + chance.choice((b"\0", b"x" * 9, gzip.compress(_CLEAN, mtime=0))),
        chance,
    )


def _flipped(body, chance):
    data = bytearray(gzip.compress(body, mtime=0))
    data[chance.randrange(10, len(data))] ^= 1 << chance.randrange(8)
    try:
        truth = gzip.decompress(bytes(data))  # a few bits mean nothing
    except (OSError, EOFError, zlib.error):
        truth = b""
    return _gzip(bytes(data), chance, truth)


def _bomb(body, chance):
    return (
        _gzip(gzip.compress(body + b" " * (9 << 20), 1, mtime=0), chance)
        if chance.random() < 0.1
        else _plain(body, chance)
    )


def _mislabelled(body, chance):
    data, encoding = chance.choice(
        (
            (body, "gzip"),
            (gzip.compress(body, mtime=0), ""),
            (body, "br"),
            (body, "deflate"),
            (body, "gzip, gzip"),
        )
    )
    return Delivery(b"", _pieces(data, chance), headers={"Content-Encoding": encoding} if encoding else {})


def _plain(body, chance):
    return Delivery(body, _pieces(body, chance), headers={"Content-Type": chance.choice(_TYPES)})


def _stopped(body, chance):
    """The connection breaks, also after all that matters."""
    data = body[: chance.choice((len(body), chance.randrange(len(body) + 1)))]
    return Delivery(b"", _pieces(data, chance), breaks=True)


def _short(body, chance):
    return Delivery(b"", (body[: chance.randrange(len(body) or 1)],))


def _encoded(body, chance):
    """A reader may take it or not."""
    text = body.decode(errors="replace")
    encoding = chance.choice(("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"))
    return Delivery(body, _pieces(text.encode(encoding), chance))


def _wrapped(body, chance):
    before, after = chance.choice(
        (
            (b"<html>", b"</html>"),
            (b")]}'\n", b""),
            (b"", b"\0"),
            (b"", b" " + _CLEAN),
            (b"// x\n", b""),
            (b"callback(", b")"),
        )
    )
    return Delivery(b"", (before + body + after,))


def _refused(body, chance):
    """Whatever the body says: only 200 is an answer."""
    headers = {"Location": "http://evil.com/"} if chance.random() < 0.5 else {"Retry-After": "7"}
    body = chance.choice((body, _CLEAN, b"<html>http://evil.com/</html>"))
    return Delivery(b"", (body,), status=chance.choice(_STATUSES), headers=headers)


def _with_number(body, chance):
    """One of its numbers as no number of JSON, or as one of another kind."""
    places = list(re.finditer(rb"(?<=: )-?\d+(?=[,}\]])", body))
    if not places:
        return _plain(body, chance)
    place, number = chance.choice(places), chance.choice(_NUMBERS).encode()
    body = body[: place.start()] + number + body[place.end() :]
    try:
        json.loads(body)
    except ValueError:
        return Delivery(b"", (body,))
    return Delivery(body, (body,))


_DELIVERIES = (
    _compressed,
    _cut_compressed,
    _continued,
    _flipped,
    _bomb,
    _mislabelled,
    _plain,
    _stopped,
    _short,
    _encoded,
    _wrapped,
    _refused,
    _with_number,
    _with_number,
)
