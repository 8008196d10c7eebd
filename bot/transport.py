"""How calls to VirusTotal and Slack are sent: over which connections or proxies, what was at fault, and how long they take."""

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import httpx
from aiohttp import connector
from aiohttp.connector import Connection
from yarl import URL

from bot.connections import confirm_job
from bot.network import DIRECT, Proxies, Proxy, tls
from bot.observability import OTHER, Metrics
from bot.tracing import Span
from handlers import slack_errors
from handlers.case import StoreDown
from vt import errors

MAX_CONNECTIONS = 50
"""Of one client, to each proxy and without one."""
KEPT_SECONDS = 5.0
"""How long an idle connection stays open: as long as with httpx."""
MAX_HEADER_BYTES = 64 * 1024
"""Of one header of a reply. httpx takes 100 KB of them in all; aiohttp would take 8 KB."""
MAX_REPLY_BYTES = 32 << 20
"""Of a reply from Slack: far more than the largest page of messages that is asked for."""


class DirectTransport(httpx.AsyncBaseTransport):
    """Sends requests to VirusTotal without a proxy, over at most so many connections. Raises httpx's errors.

    httpx looks through all its connections whenever one is needed or returned, asks for the running event loop at each lock,
    and parses replies in Python. Files are sent by httpx nonetheless: when a connection breaks, it has stopped reading the file
    by the time it says so.
    """

    def __init__(self, tls: ssl.SSLContext, most: int) -> None:
        self._tls, self._most = tls, most
        self._session: aiohttp.ClientSession | None = None
        self._files: httpx.AsyncHTTPTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it. The reply's body is read from the connection, as it was sent, when it is asked for."""
        if not isinstance(request.stream, httpx.ByteStream):
            self._files = self._files or httpx.AsyncHTTPTransport(verify=self._tls)
            return await self._files.handle_async_request(request)
        seconds = request.extensions.get("timeout", {})
        timeout = aiohttp.ClientTimeout(
            sock_connect=seconds.get("connect"), sock_read=seconds.get("read"), connect=seconds.get("pool")
        )
        self._session = self._session or self._opened()
        for _ in range(2):
            # While the event loop was busy, the server may have closed an idle connection: have the loop notice that first.
            await asyncio.sleep(0)
        with _httpx_errors():
            response = await self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=request.headers.multi_items(),
                data=b"".join(request.stream) or None,
                allow_redirects=False,
                timeout=timeout,
            )
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response))

    def _opened(self) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._most, ssl=self._tls, keepalive_timeout=KEPT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_field_size=MAX_HEADER_BYTES,
        )
        # There is no public way. A GET whose connection broke would be sent again: a call that the quota does not know of.
        session._retry_connection = False  # noqa: SLF001
        return session

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()
        if self._files:
            await self._files.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _httpx_errors():
            async for piece in self._response.content.iter_any():
                yield piece

    async def aclose(self) -> None:
        """Return the connection if the body was read to its end; else close it."""
        self._response.close()


@contextmanager
def _httpx_errors() -> Iterator[None]:
    """Raise what httpx would raise instead of aiohttp's errors, whose text may hold the URL, and with it the key."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx.ConnectTimeout(type(error).__name__) from error
    except aiohttp.ServerTimeoutError as error:
        raise httpx.ReadTimeout(type(error).__name__) from error
    except aiohttp.ClientConnectorError as error:
        raise httpx.ConnectError(type(error).__name__) from error
    except ValueError as error:  # of a URL or a header that cannot be sent
        raise httpx.UnsupportedProtocol(type(error).__name__) from error
    except (aiohttp.ClientError, OSError) as error:
        raise httpx.ReadError(type(error).__name__) from error


class _ConfirmedStream(httpx.AsyncByteStream):
    """A file on its way, which stops when others have taken the job that sends it: they may be sending it as well."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            with suppress(StoreDown):  # while the database is away, nobody can take the job
                await confirm_job()
            yield piece

    async def aclose(self) -> None:
        """The inner stream is closed."""
        await self._stream.aclose()


# To VirusTotal ------------------------------------------------------------------------------------------


class VirusTotalTransport(httpx.AsyncBaseTransport):
    """Sends calls to VirusTotal, and to the hosts of uploads. The environment is not read.

    Args:
        verify: whether certificates are checked.
        ca_bundle: a PEM file of authorities that are trusted besides.
        proxies: which of them leads to which host.
    """

    def __init__(
        self, *, verify: bool = True, ca_bundle: Path | None = None, proxies: Proxies = DIRECT
    ) -> None:
        self._context = tls(verify=verify, ca_bundle=ca_bundle)
        self._proxies = proxies or None
        self._transports: dict[Proxy | None, httpx.AsyncBaseTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it. Raises Unreachable, which says what on the way was at fault, when there is no connection."""
        url = request.url
        proxy = None if self._proxies is None else self._proxies.choose(url.scheme, url.host, url.port)
        await confirm_job()
        stream = request.stream
        if isinstance(stream, httpx.AsyncByteStream) and not isinstance(stream, httpx.ByteStream):
            request.stream = _ConfirmedStream(stream)
        try:
            return await self._through(proxy).handle_async_request(request)
        except (httpx.ProxyError, httpx.ConnectError) as error:
            fault = _fault(error, proxy)
        # Raised here, it does not carry httpx's error, which holds the URL and with it perhaps the key.
        raise fault

    def _through(self, proxy: Proxy | None) -> httpx.AsyncBaseTransport:
        """The connections through a proxy, or without one."""
        if proxy in self._transports:
            return self._transports[proxy]
        if proxy is None:
            made: httpx.AsyncBaseTransport = DirectTransport(self._context, MAX_CONNECTIONS)
        else:
            login = proxy.login if proxy.user else None
            encryption = self._context if proxy.url.startswith("https:") else None
            made = httpx.AsyncHTTPTransport(
                verify=self._context,
                limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
                proxy=httpx.Proxy(proxy.url, auth=login, ssl_context=encryption),
            )
        return self._transports.setdefault(proxy, made)

    async def aclose(self) -> None:
        """Close the connections."""
        for transport in self._transports.values():
            await transport.aclose()


def _fault(error: httpx.TransportError, proxy: Proxy | None) -> errors.Unreachable:
    """What on the way was at fault."""
    if _is_certificate(error):
        return errors.Unreachable.unsent("certificate")
    if proxy is None:
        return errors.Unreachable.unsent()
    refused = re.match(r"[1-5][0-9]{2}\b", str(error)) if isinstance(error, httpx.ProxyError) else None
    return errors.Unreachable.unsent("proxy", int(refused[0]) if refused else 0)


def _is_certificate(error: BaseException | None) -> bool:
    """Whether it was raised because a certificate is not trusted. The libraries wrap that up."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


ENDPOINTS = frozenset(f"{kind}/report" for kind in ("file", "url", "domain", "ip-address"))
ENDPOINTS |= {"file/scan", "file/rescan", "file/scan/upload_url", "url/scan", "comments/get"}
STATUSES = frozenset({200, 204, 302, 400, 401, 403, 404, 413, 429, 500, 502, 503, 504})


class TimedTransport(httpx.AsyncBaseTransport):
    """Measures requests to VirusTotal. `root`: the path of its API. `name`: that of the instance, or of the host that is asked."""

    def __init__(self, inner: httpx.AsyncBaseTransport, root: str, metrics: Metrics, name: str) -> None:
        self._inner, self._root, self._metrics, self._name = inner, root, metrics, name

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it. Without a reply its status is "none"."""
        path = request.url.path.removeprefix(self._root)
        endpoint, status, began = path if path in ENDPOINTS else OTHER, "none", time.perf_counter()
        try:
            with self._metrics.tracing.span(f"VirusTotal {endpoint}") as span:
                response = await self._inner.handle_async_request(request)
            if isinstance(span, Span):
                span.attributes["http.response.status_code"] = response.status_code
            status = str(response.status_code) if response.status_code in STATUSES else OTHER
        finally:
            took = time.perf_counter() - began
            self._metrics.virustotal.labels(self._name, endpoint, status).observe(took)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


# To Slack ------------------------------------------------------------------------------------------------


def slack_session(
    ca_bundle: Path | None,
    proxies: Proxies,
    trace_configs: list[aiohttp.TraceConfig],
) -> aiohttp.ClientSession:
    """What sends calls to Slack, and to wherever its replies lead."""
    # aiohttp reads this machine's authorities when it is imported, for a context of its own that takes 2 MB. There is no public way.
    authorities = tls(verify=True, ca_bundle=ca_bundle)
    connector._SSL_CONTEXT_VERIFIED = authorities  # noqa: SLF001
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=authorities),
        request_class=_proxied_request(proxies) if proxies else _ConfirmedRequest,
        response_class=Reply,
        trace_configs=trace_configs,
    )


class Reply(aiohttp.ClientResponse):
    """A reply of limited size, whose text can always be read. Files are read from `content` and are not limited here."""

    async def read(self) -> bytes:
        """The body. Raises ClientPayloadError when it is larger than MAX_REPLY_BYTES."""
        if self._body is None:
            body = bytearray()
            async for chunk in self.content.iter_any():
                body += chunk
                if len(body) > MAX_REPLY_BYTES:
                    self.close()
                    raise aiohttp.ClientPayloadError("too large")
            self._body = bytes(body)
        return self._body

    async def text(self, encoding: str | None = None, errors: str = "replace") -> str:
        """The body as text, whatever its bytes."""
        return await super().text(encoding, errors)


class _ConfirmedRequest(aiohttp.ClientRequest):
    """Checks before each attempt of a call that the job is still ours: otherwise its answer would be shown twice.

    A middleware would check before a connection is waited for and opened, which may take seconds.
    """

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        await confirm_job()
        return await super().send(conn)


def _proxied_request(proxies: Proxies) -> type[aiohttp.ClientRequest]:
    class Request(_ConfirmedRequest):
        """Goes through one of our proxies. Slack's SDK would name that of its own reading, for every host."""

        def update_proxy(self, *_: Any) -> None:
            chosen = proxies.choose(self.url.scheme, self.url.host or "", self.url.port)
            address = type(self.url)(chosen.url) if chosen else None
            login = aiohttp.BasicAuth(*chosen.login, "utf-8") if chosen and chosen.user else None
            super().update_proxy(address, login, None)

    return Request


_SLACK_FAULTS = {
    aiohttp.ClientConnectorCertificateError: slack_errors.CERTIFICATE_NOT_TRUSTED,
    aiohttp.ClientProxyConnectionError: slack_errors.PROXY_NOT_RESPONDING,
    aiohttp.ClientHttpProxyError: slack_errors.PROXY_REFUSED,
}


def slack_fault(error: Exception) -> str:
    """Our code for why a call to Slack got no reply."""
    if getattr(error, "status", 0) == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return slack_errors.PROXY_WANTS_LOGIN
    return _SLACK_FAULTS.get(type(error), slack_errors.NO_REPLY)
