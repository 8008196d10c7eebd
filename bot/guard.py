"""Checks every request before bolt parses it: its size, and Slack's signature over the raw bytes.

Measured with bolt 1.30: a timestamp `abc` or a non-ASCII signature gives 500, bad JSON is parsed before the
signature is checked, and the body of a refused request is logged. Replays within the five minutes are harmless:
the database stores each delivery once.
"""

import asyncio
import hashlib
import hmac
import re
from collections.abc import Callable

from aiohttp import web
from multidict import CIMultiDictProxy
from pydantic import SecretStr

MAX_BYTES = 1024 * 1024
"""Of a request's body; Slack's largest payloads are far smaller."""
MAX_SKEW_SECONDS = 300
"""How far a timestamp may lie in the past or the future, as Slack's documentation recommends."""
READ_SECONDS = 5.0
"""How long a body may take to arrive; Slack itself gives up on the answer after three seconds."""


class Guard:
    """Decides whether a request came from Slack."""

    def __init__(self, secret: SecretStr, clock: Callable[[], float]) -> None:
        self._secret = secret
        self._clock = clock

    def is_genuine(self, headers: CIMultiDictProxy[str], body: bytes) -> bool:
        """Whether the body is signed with our secret and its timestamp is recent. Never raises, whatever the headers hold."""
        stamp = _only(headers, "X-Slack-Request-Timestamp")
        given = _only(headers, "X-Slack-Signature")
        if not re.fullmatch(r"[0-9]{1,12}", stamp) or abs(self._clock() - int(stamp)) > MAX_SKEW_SECONDS:
            return False
        return hmac.compare_digest(self.signature(stamp, body), given.encode("utf-8", "surrogateescape"))

    def signature(self, stamp: str, body: bytes) -> bytes:
        """Slack's v0 signature: HMAC-SHA256 over `v0:<timestamp>:<raw body>`."""
        secret = self._secret.get_secret_value().encode()
        return b"v0=" + hmac.new(secret, f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest().encode()


def _only(headers: CIMultiDictProxy[str], name: str) -> str:
    """A header's value, or "" if it is missing or repeated: a proxy in front of us may have checked the other one."""
    given = headers.getall(name, [])
    return given[0] if len(given) == 1 else ""


class TooLarge(Exception):
    """The body has more than MAX_BYTES."""


class Incomplete(Exception):
    """The body broke off, was not valid HTTP, or took too long to arrive."""


async def read(request: web.Request, seconds: float = READ_SECONDS) -> bytes:
    """Read the raw body, trusting no Content-Length. Raises TooLarge, Incomplete."""
    if (request.content_length or 0) > MAX_BYTES:
        raise TooLarge
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_chunked(64 * 1024):
                body += chunk
                if len(body) > MAX_BYTES:
                    raise TooLarge
    except (TimeoutError, web.RequestPayloadError):
        raise Incomplete from None
    return bytes(body)
