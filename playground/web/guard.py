"""Who may drive the page: this machine alone, and only the page itself. No other site, whatever its name resolves to."""

import ipaddress
import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

HEADER = "X-Playground-Token"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Stands before every request.

    A foreign name that resolves to 127.0.0.1 is refused by its Host header, another site's script by Origin, and
    whatever has not read the page by the token.
    """

    def __init__(self, *, anywhere: bool) -> None:
        self.token = secrets.token_urlsafe(24)
        self.port = 0
        """Known once it listens."""
        self._anywhere = anywhere

    @web.middleware
    async def stand(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """An aiohttp middleware."""
        if why := self._refusal(request):
            return web.json_response({"error": why}, status=403)
        return await handler(request)

    async def dress(self, _: web.Request, reply: web.StreamResponse) -> None:
        """What every reply says: nothing from elsewhere, nothing kept, no frames."""
        for name, value in HEADERS.items():
            reply.headers.setdefault(name, value)

    def _refusal(self, request: web.Request) -> str | None:
        if not self._known(request.host):
            return f"this page is at http://127.0.0.1:{self.port}"
        if (
            request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
            and request.path != "/"
        ):
            return "another site asked"
        if request.method in ("GET", "HEAD"):
            return None
        if request.headers.get("Origin") != f"{request.scheme}://{request.host}":
            return "another site asked"
        if not secrets.compare_digest(request.headers.get(HEADER, "").encode(), self.token.encode()):
            return "the page is of another run: reload it"
        return None

    def _known(self, host: str) -> bool:
        return self._anywhere or host in {f"{name}:{self.port}" for name in _LOOPBACK}
