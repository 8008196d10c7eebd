"""What stands in front of bolt: a size cap and the signature over the raw bytes, before anything is parsed.

Measured with bolt 1.30: a timestamp `abc` or a non-ASCII signature gives 500, bad JSON is parsed before the
signature is checked, and the body of a refused request is logged. Replays are refused by the database, which
keeps each delivery once.
"""

import asyncio
import hashlib
import hmac
import re
from collections.abc import Callable

from aiohttp import web
from multidict import CIMultiDictProxy
from pydantic import SecretStr

LARGEST = 1024 * 1024
"""Bytes of a request; Slack's largest payloads stay far below."""
LATEST = 300
"""Seconds that a timestamp may lie in the past or the future."""
READ_SECONDS = 5.0
"""For a body to arrive; Slack itself waits three for the answer."""


class Guard:
    """Says whether bytes came from Slack."""

    def __init__(self, secret: SecretStr, clock: Callable[[], float]) -> None:
        self._secret = secret
        self._clock = clock

    def genuine(self, headers: CIMultiDictProxy[str], body: bytes) -> bool:
        """Signed with our secret, within five minutes. Never raises, whatever the headers hold."""
        stamp = _only(headers, "X-Slack-Request-Timestamp")
        given = _only(headers, "X-Slack-Signature")
        if not re.fullmatch(r"[0-9]{1,12}", stamp) or abs(self._clock() - int(stamp)) > LATEST:
            return False
        return hmac.compare_digest(self.signature(stamp, body), given.encode("utf-8", "surrogateescape"))

    def signature(self, stamp: str, body: bytes) -> bytes:
        """Slack's v0 signature: HMAC-SHA256 over `v0:<timestamp>:<raw body>`."""
        secret = self._secret.get_secret_value().encode()
        return b"v0=" + hmac.new(secret, f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest().encode()


def _only(headers: CIMultiDictProxy[str], name: str) -> str:
    """A header that stands there once: of two, who knows which one somebody in front of us has looked at."""
    given = headers.getall(name, [])
    return given[0] if len(given) == 1 else ""


class TooLarge(Exception):
    """More than LARGEST."""


class NotWhole(Exception):
    """The body broke off, is no body, or takes too long."""


async def read(request: web.Request, seconds: float = READ_SECONDS) -> bytes:
    """The raw body. Raises TooLarge, whatever its headers say, and NotWhole."""
    if (request.content_length or 0) > LARGEST:
        raise TooLarge
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_chunked(64 * 1024):
                body += chunk
                if len(body) > LARGEST:
                    raise TooLarge
    except (TimeoutError, web.RequestPayloadError):
        raise NotWhole from None
    return bytes(body)
