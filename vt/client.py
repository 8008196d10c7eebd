"""The only one that speaks HTTP to VirusTotal v2.

Facts: the v2 documentation and the recorded replies. The key is a query parameter of GET and a form field
of POST; 204 is a spent quota; a batch over the key's limit is cut without a word.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from types import TracebackType
from typing import Any, Literal, Self

import httpx
from pydantic import SecretStr

from vt import errors
from vt.codec import Form, by_resource, form_data, reply, reply_or_location, single, transfer_seconds
from vt.errors import VTError
from vt.quota import Quota, count

Raw = dict[str, Any]
Reader = Callable[[httpx.Response], Awaitable[Any]]
KeyKind = Literal["public", "private"]

REPORTS_A_CALL: Mapping[KeyKind, int] = {"public": 4, "private": 25}
SUBMISSIONS_A_CALL = 25
DIRECT_UPLOAD = 33_553_369
"""Bytes of the largest file that file/scan was seen to take (measured by a public client)."""
REQUEST_BYTES = 32 << 20
"""Of a whole request to file/scan: a long name leaves less room for the file."""
TAKING_IN = 120.0
"""Seconds between a file's last byte and the receipt: VirusTotal reads a large one before it answers."""
LARGE_CALLS = 3
"""That one large upload takes: for its place, where the redirect leads, and the file."""
ATTEMPTS = 3
HARMLESS = "8.8.8.8"
"""An address to ask for when only the answer matters."""


class Keyed(httpx.AsyncBaseTransport):
    """Adds the key to a GET at the last moment, so that no URL which is logged or raised ever holds it."""

    def __init__(self, inner: httpx.AsyncBaseTransport, key: SecretStr) -> None:
        self._inner = inner
        self._key = key

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a copy that carries the key."""
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


class Client(AbstractAsyncContextManager["Client"]):
    """VirusTotal v2, one method an endpoint. Every method raises a VTError when it has no answer."""

    def __init__(
        self,
        key: SecretStr,
        *,
        url: str,
        quota: Quota,
        kind: KeyKind = "public",
        transport: httpx.AsyncBaseTransport | None = None,
        deadline: float = 20.0,
        upload_deadline: float = 600.0,
        upload_hosts: frozenset[str] = frozenset(),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.kind = kind
        self.reports_a_call = REPORTS_A_CALL[kind]
        self._key = key
        self._quota = quota
        self._deadline = deadline
        self._upload_deadline = upload_deadline
        self._sleep = sleep
        self._http = httpx.AsyncClient(
            base_url=url.rstrip("/") + "/",
            transport=Keyed(transport or httpx.AsyncHTTPTransport(retries=0), key),
            timeout=httpx.Timeout(deadline),
            headers={"Accept-Encoding": "gzip"},
            trust_env=False,
        )
        # At DEBUG it writes a redirect's Location, into which VirusTotal puts the key.
        logging.getLogger("httpcore").setLevel(logging.INFO)
        self._upload_hosts = upload_hosts | {self._http.base_url.netloc.decode()}

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Nothing is opened before the first call."""
        return self

    # The endpoints -----------------------------------------------------------------------------------

    async def file_reports(self, resources: Sequence[str]) -> dict[str, Raw]:
        """file/report for hashes or scan_ids, at most `reports_a_call`; what came back, by what was asked."""
        return by_resource(
            resources, await self._post("file/report", resource=",".join(resources), **self._all)
        )

    async def url_reports(self, resources: Sequence[str]) -> dict[str, Raw]:
        """url/report for URLs or scan_ids, at most `reports_a_call`; never submits anything."""
        return by_resource(
            resources, await self._post("url/report", resource="\n".join(resources), **self._all)
        )

    async def domain_report(self, domain: str) -> Raw:
        """domain/report."""
        return single(await self._get("domain/report", domain=domain))

    async def ip_report(self, address: str) -> Raw:
        """ip-address/report."""
        return single(await self._get("ip-address/report", ip=address))

    async def comments(self, resource: str, before: str = "") -> Raw:
        """comments/get: at most 25, newest first; `before` (YYYYMMDDHHMMSS) asks for older ones."""
        return single(
            await self._get("comments/get", resource=resource, **({"before": before} if before else {}))
        )

    async def ping(self) -> None:
        """Does VirusTotal answer, and to this key? Costs one call."""
        await self.ip_report(HARMLESS)

    async def rescan(self, resources: Sequence[str]) -> dict[str, Raw]:
        """file/rescan, at most 25 hashes. Raises RescanNotAllowed with a public key, without a call."""
        if self.kind == "public":
            raise errors.RescanNotAllowed
        return by_resource(resources, await self._post("file/rescan", resource=",".join(resources)))

    async def submit_urls(self, urls: Sequence[str]) -> dict[str, Raw]:
        """url/scan, at most 25. The URLs become visible to VirusTotal's community."""
        return by_resource(urls, await self._post("url/scan", url="\n".join(urls)))

    async def upload(self, name: str, size: int, chunks: AsyncGenerator[bytes, None]) -> Raw:
        """file/scan, through an upload_url when it is too large. Sent once: an upload is never repeated blindly."""
        form = Form.of(name, {"apikey": self._key.get_secret_value()})
        if size > DIRECT_UPLOAD or form.length(size) > REQUEST_BYTES:
            return await self.upload_large(name, size, chunks)
        return await self._send_file("file/scan", form, size, chunks)

    async def upload_large(self, name: str, size: int, chunks: AsyncGenerator[bytes, None]) -> Raw:
        """file/scan through an upload_url; the address that it names must be a known host."""
        await self._book(LARGE_CALLS)
        url = _address((await self.upload_url(booked=True)).get("upload_url"))
        self._check_host(url)
        return await self._send_file(url, Form.of(name, {}), size, chunks, booked=True)

    async def upload_url(self, *, booked: bool = False) -> Raw:
        """file/scan/upload_url: a 302 to a known host, which then answers {"upload_url": …}. Raises LargeNotAllowed."""
        try:
            return await self._upload_url(booked=booked)
        except errors.KeyRefused:
            # The documented answer to a key that was not granted this endpoint; it may well be fit for all others.
            raise errors.LargeNotAllowed from None

    async def _upload_url(self, *, booked: bool) -> Raw:
        first = self._http.build_request("GET", "file/scan/upload_url", extensions={"keyed": True})
        answer = await self._once(first, self._deadline, reply_or_location, booked=booked)
        if isinstance(answer, httpx.URL):
            self._check_host(answer)
            # The key stands in that address: it is taken out here and put back behind everything that logs.
            bare = answer.copy_remove_param("apikey")
            second = self._http.build_request("GET", bare, extensions={"keyed": True})
            answer = await self._once(second, self._deadline, booked=booked)
        return single(answer)

    # How a call is made ------------------------------------------------------------------------------

    @property
    def _all(self) -> dict[str, str]:
        return {"allinfo": "1"} if self.kind == "private" else {}

    async def _get(self, path: str, **params: str) -> Any:
        return await self._repeat(
            lambda: self._http.build_request("GET", path, params=params, extensions={"keyed": True})
        )

    async def _post(self, path: str, **fields: str) -> Any:
        def build() -> httpx.Request:
            data = form_data({"apikey": self._key.get_secret_value(), **fields})
            return self._http.build_request("POST", path, **data)

        return await self._repeat(build)

    async def _repeat(self, build: Callable[[], httpx.Request]) -> Any:
        """Ask, and again with jitter while no usable answer comes, all within one deadline."""
        clock = asyncio.get_running_loop().time
        end = clock() + self._deadline
        attempt = 1
        while True:
            pause = 0.2 * 2**attempt * (0.5 + random.random())  # noqa: S311 - jitter, not a secret
            try:
                return await self._once(build(), end - clock())
            except errors.NotAnswering:
                if attempt == ATTEMPTS or clock() + pause >= end:
                    raise
            attempt += 1
            await self._sleep(pause)

    async def _book(self, calls: int) -> None:
        """Several calls at once, so that what is begun can be ended. Raises QuotaTooSmall, QuotaSpent."""
        try:
            await self._quota.take(calls)
        except ValueError:
            raise errors.QuotaTooSmall(calls) from None
        count(calls)

    async def _once(
        self, request: httpx.Request, seconds: float, read: Reader = reply, *, booked: bool = False
    ) -> Any:
        """One call against the quota, unless it is `booked`, and a total deadline."""
        if not booked:
            await self._quota.take(1)
            count(1)
        outcome = await self._outcome(request, seconds, read)
        if isinstance(outcome, errors.OverQuota):
            await self._quota.refused()
        if isinstance(outcome, VTError):
            raise outcome
        await self._quota.worked()
        return outcome

    async def _outcome(self, request: httpx.Request, seconds: float, read: Reader) -> Any:
        """What came: an error as a value, for its raiser to raise, so that no httpx error hangs on it."""
        try:
            async with asyncio.timeout(max(seconds, 0.01)):
                response = await self._http.send(request, stream=True)
                try:
                    return await read(response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            return errors.TimedOut(max(seconds, self._deadline))
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL):
            return errors.Unreachable()
        except VTError as error:
            return error

    async def _send_file(
        self,
        url: str | httpx.URL,
        form: Form,
        size: int,
        chunks: AsyncGenerator[bytes, None],
        *,
        booked: bool = False,
    ) -> Raw:
        # httpx leaves half read what it was given when a connection breaks: the file must not stay open.
        async with aclosing(chunks):
            request = self._http.build_request(
                "POST",
                url,
                content=form.around(chunks),
                headers=form.headers(size),
                timeout=httpx.Timeout(self._deadline, read=TAKING_IN),
            )
            return single(
                await self._once(request, transfer_seconds(size, self._upload_deadline), booked=booked)
            )

    def _check_host(self, url: httpx.URL) -> None:
        if url.netloc.decode() not in self._upload_hosts or url.scheme != self._http.base_url.scheme:
            raise errors.Redirected(url.host)


def _address(told: Any) -> httpx.URL:
    """Where VirusTotal wants a file sent. Raises Unreadable."""
    url = None
    with suppress(httpx.InvalidURL):
        url = httpx.URL(told) if isinstance(told, str) else None
    if url is None or not url.host:
        raise errors.Unreadable("shape")
    return url
