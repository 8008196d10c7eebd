"""What stands in front of bolt: a size cap and the signature over the raw bytes, before anything is parsed.

Measured with bolt 1.30: a timestamp `abc` or a non-ASCII signature gives 500, bad JSON is parsed before the
signature is checked, and the body of a refused request is logged. Replays are refused by the database, which
keeps each delivery once.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping

from aiohttp import web
from pydantic import SecretStr

LARGEST = 1024 * 1024
"""Bytes of a request; Slack's largest payloads stay far below."""
LATEST = 300
"""Seconds that a timestamp may lie in the past or the future."""


class Guard:
    """Says whether bytes came from Slack."""

    def __init__(self, secret: SecretStr, clock: Callable[[], float]) -> None:
        self._secret = secret
        self._clock = clock

    def genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Signed with our secret, within five minutes. Never raises, whatever the headers hold."""
        stamp = headers.get("X-Slack-Request-Timestamp", "")
        given = headers.get("X-Slack-Signature", "")
        if not re.fullmatch(r"[0-9]{1,12}", stamp) or abs(self._clock() - int(stamp)) > LATEST:
            return False
        return hmac.compare_digest(self.signature(stamp, body), given.encode("utf-8", "surrogateescape"))

    def signature(self, stamp: str, body: bytes) -> bytes:
        """Slack's v0 signature: HMAC-SHA256 over `v0:<timestamp>:<raw body>`."""
        secret = self._secret.get_secret_value().encode()
        return b"v0=" + hmac.new(secret, f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest().encode()


async def read(request: web.Request) -> bytes | None:
    """The raw body; None when it is larger than LARGEST, whatever its headers say."""
    if (request.content_length or 0) > LARGEST:
        return None
    body = bytearray()
    async for chunk in request.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > LARGEST:
            return None
    return bytes(body)
