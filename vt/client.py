"""The HTTP client for VirusTotal v2. Nothing else in the product calls VirusTotal.

From VirusTotal's v2 documentation and recorded replies: the key is a query parameter of GET and a form field of POST;
204 means that the quota is spent; a batch over the key's limit is silently cut.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from functools import partial
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Literal

import httpx
import structlog
from pydantic import SecretStr

from vt import errors
from vt.body import CHUNK, Limit
from vt.codec import Packer, Raw, read_json, remembering
from vt.errors import VTError
from vt.polling import SLOWEST, Outage
from vt.quota import ASK, Quota
from vt.replies import NAMING, Form, answers, form_data, is_about_another, status_error

log = structlog.get_logger()
Reader = Callable[[httpx.Response, Packer, Limit], Awaitable[Any]]
Chunks = AsyncGenerator[bytes, None]
KeyKind = Literal["public", "private"]
REPORTS_A_CALL: Mapping[KeyKind, int] = {"public": 4, "private": 25}
ALL_INFO: Mapping[KeyKind, Mapping[str, str]] = {"public": {}, "private": {"allinfo": "1"}}
SUBMISSIONS_A_CALL = 25
DIRECT_UPLOAD = 33_553_369
"""Bytes of the largest file that file/scan is known to take (measured by a public client)."""
REQUEST_BYTES = 32 << 20
"""Bytes of a whole request to file/scan, so a long file name leaves less for the file."""
RECEIPT_SECONDS = 120.0
"""Seconds between a file's last byte and the receipt: VirusTotal processes a large file before it answers."""
LARGE_CALLS = 3
"""Calls for one large upload: the upload_url, the host it redirects to, and the file."""
ATTEMPTS = 3
PING_ADDRESS = "8.8.8.8"
"""The address that is asked for when it only matters whether VirusTotal answers."""
PROBE_SECONDS = 5.0
"""Seconds for that without a key."""


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


async def reply(response: httpx.Response, packer: Packer, limit: Limit, entries: int = 1) -> Any:
    """The JSON of a reply about so many resources. Raises the error that its status stands for, and Unreadable."""
    if response.is_redirect:
        raise errors.Redirected(location(response).host)
    if response.status_code != HTTPStatus.OK:
        raise status_error(response.status_code, response.headers)
    encoding = response.headers.get("content-encoding", "")
    return await read_json(response.aiter_raw(CHUNK), encoding, packer, limit, entries=entries)


async def reply_or_location(response: httpx.Response, packer: Packer, limit: Limit) -> Any:
    """For the one endpoint that redirects: the URL to follow, or the JSON. Raises as `reply` does."""
    return location(response) if response.is_redirect else await reply(response, packer, limit)


def location(response: httpx.Response) -> httpx.URL:
    """Where a redirect leads. It may hold the key, so only its host may be shown."""
    return response.url.join(response.headers.get("location", ""))


def single(answer: Any, resource: str = "") -> Raw:
    """The one object of a reply. A list of one is accepted, as recorded for file/report.

    Raises Unreadable: "shape" when there is no such object, "resource" when it is about another resource.
    """
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, Mapping):
        raise errors.Unreadable("shape")
    if resource and any(name in answer for name in NAMING) and is_about_another(answer, resource):
        raise errors.Unreadable("resource")
    return remembering(answer)


class Client(AbstractAsyncContextManager["Client"]):
    """VirusTotal v2, one method per endpoint. Every method raises a VTError when there is no usable answer.

    Args:
        key: the API key. It is never logged, and never part of an error.
        url: the root of the API, such as https://www.virustotal.com/vtapi/v2/.
        quota: where each call is booked before it is made.
        kind: a private key has larger batches, and may rescan files.
        transport: how requests are sent; tests and proxies replace it.
        deadline: seconds that one call may take, with all its attempts.
        upload_deadline: seconds that an upload may take at least; a large file may take longer (SLOWEST).
        upload_hosts: hosts that uploads may be redirected to, besides the API's own.
        sleep: pauses between attempts. outage: what the clients of a process know of one. packer: packs large replies.
    """

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
        outage: Outage | None = None,
        packer: Packer | None = None,
    ) -> None:
        self.kind = kind
        self.reports_a_call = REPORTS_A_CALL[kind]
        self._key = key
        self._quota = quota
        self._deadline = deadline
        self._upload_deadline = upload_deadline
        self._sleep = sleep
        self._outage = outage or Outage()
        self._packer = packer or Packer()
        self._http = httpx.AsyncClient(
            base_url=url.rstrip("/") + "/",
            transport=KeyTransport(transport or httpx.AsyncHTTPTransport(retries=0), key),
            timeout=httpx.Timeout(deadline),
            headers={"Accept-Encoding": "gzip"},
            trust_env=False,
            # None are kept: once there is one that fits into no header, no later call could be sent.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
        # At DEBUG, httpcore logs the Location of redirects, into which VirusTotal puts the key.
        logging.getLogger("httpcore").setLevel(logging.INFO)
        self._upload_hosts = upload_hosts | {self._http.base_url.netloc.decode()}

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        self._outage.close()
        await self._http.aclose()

    async def file_reports(self, resources: Sequence[str]) -> dict[str, Raw]:
        """file/report for at most `reports_a_call` hashes or scan_ids. Replies by resource; some may be missing."""
        return await self._reports("file/report", resources, ",")

    async def url_reports(self, resources: Sequence[str]) -> dict[str, Raw]:
        """url/report for at most `reports_a_call` URLs or scan_ids. Replies by resource. Submits nothing."""
        return await self._reports("url/report", resources, "\n")

    async def _reports(self, path: str, resources: Sequence[str], separator: str) -> dict[str, Raw]:
        fields = {"resource": separator.join(resources), **ALL_INFO[self.kind]}
        return answers(resources, await self._post(path, entries=len(resources), **fields))

    async def domain_report(self, domain: str) -> Raw:
        """domain/report."""
        return single(await self._get("domain/report", domain=domain), domain)

    async def ip_report(self, address: str) -> Raw:
        """ip-address/report."""
        return single(await self._get("ip-address/report", ip=address), address)

    async def comments(self, resource: str, before: str = "") -> Raw:
        """comments/get: at most 25 comments, newest first. `before` (YYYYMMDDHHMMSS) asks for older ones."""
        older = {"before": before} if before else {}
        return single(await self._get("comments/get", resource=resource, **older))

    async def ping(self) -> None:
        """Check that VirusTotal answers and accepts the key. Costs one call."""
        await self.ip_report(PING_ADDRESS)

    async def rescan(self, resources: Sequence[str]) -> dict[str, Raw]:
        """file/rescan for at most 25 hashes. Receipts by hash. Raises RescanNotAllowed with a public key, without a call."""
        if self.kind == "public":
            raise errors.RescanNotAllowed
        fields = {"resource": ",".join(resources)}
        return answers(resources, await self._post("file/rescan", entries=len(resources), **fields))

    async def submit_urls(self, urls: Sequence[str]) -> dict[str, Raw]:
        """url/scan for at most 25 URLs. Receipts by URL. The URLs become visible to VirusTotal's community."""
        return answers(urls, await self._post("url/scan", entries=len(urls), url="\n".join(urls)))

    async def upload(self, name: str, size: int, chunks: Chunks) -> Raw:
        """file/scan, through an upload_url when the file is too large. The receipt.

        `size` in bytes. It is sent once, since after an error nobody knows whether it arrived. Raises what `chunks` does.
        """
        form = Form.of(name, {"apikey": self._key.get_secret_value()})
        if size > DIRECT_UPLOAD or form.length(size) > REQUEST_BYTES:
            return await self.upload_large(name, size, chunks)
        return await self._send_file("file/scan", form, size, chunks)

    async def upload_large(self, name: str, size: int, chunks: Chunks) -> Raw:
        """file/scan through an upload_url. Raises Redirected when that names a host that is not among `upload_hosts`."""
        await self._book(LARGE_CALLS)
        told = await self.upload_url(booked=True)
        url = httpx.URL()
        with suppress(httpx.InvalidURL):
            url = httpx.URL(str(told.get("upload_url")))
        if not url.host:
            raise errors.Unreadable("shape")
        self._check_host(url)
        return await self._send_file(url, Form.of(name, {}), size, chunks, booked=True)

    async def upload_url(self, *, booked: bool = False) -> Raw:
        """file/scan/upload_url: a 302 to a known host, which answers {"upload_url": …}. Raises LargeNotAllowed."""
        keyed = partial(self._http.build_request, "GET", extensions={"keyed": True})
        try:
            first = keyed("file/scan/upload_url")
            answer = await self._once(first, self._deadline, reply_or_location, booked=booked)
            if isinstance(answer, httpx.URL):
                self._check_host(answer)
                # The Location holds the key. It is removed here and added again by KeyTransport, after all logging.
                second = keyed(answer.copy_remove_param("apikey"))
                answer = await self._once(second, self._deadline, booked=booked)
        except errors.KeyRefused:
            # The documented answer to a key without access to this endpoint; it may be valid for all others.
            raise errors.LargeNotAllowed from None
        return single(answer)

    async def _get(self, path: str, **params: str) -> Any:
        build = partial(self._http.build_request, "GET", path, params=params, extensions={"keyed": True})
        return await self._repeat(f"{path} {params}", build)

    async def _post(self, path: str, *, entries: int, **fields: str) -> Any:
        data = form_data({"apikey": self._key.get_secret_value(), **fields})
        build = partial(self._http.build_request, "POST", path, **data)
        return await self._repeat(f"{path} {fields}", build, partial(reply, entries=entries))

    async def _repeat(self, call: str, build: Callable[[], httpx.Request], read: Reader = reply) -> Any:
        """Make a call, with up to ATTEMPTS attempts while VirusTotal does not answer, all within one deadline.

        `call` says in words which one it is. It is made once when VirusTotal is not expected to answer, or not at all.
        """
        clock = asyncio.get_running_loop().time
        end, attempt, booked = clock() + self._deadline, 1, False
        is_suspected = bool(self._outage.failed) and await self._outage.check(call, self._probe)
        while True:
            pause = 0.2 * 2**attempt * (0.5 + random.random())  # noqa: S311 - jitter, not a secret
            try:
                answer = await self._once(build(), end - clock(), read, booked=booked)
            except errors.NotAnswering as error:
                booked = not error.was_sent  # what never arrived was not counted there
                if attempt == ATTEMPTS or is_suspected or clock() + pause >= end:
                    self._outage.note_failure(call, error, self._probe)
                    raise
            else:
                if self._outage.failed:
                    self._outage.worked()
                return answer
            attempt += 1
            await self._sleep(pause)

    async def _probe(self) -> bool:
        """Whether VirusTotal answers, asked without the key: the documented reply is 403, and it costs no quota."""
        request = self._http.build_request("GET", "ip-address/report", params={"ip": PING_ADDRESS})
        outcome = await self._outcome(request, PROBE_SECONDS, reply)
        return not isinstance(outcome, errors.NotAnswering)

    async def _book(self, calls: int) -> None:
        """Book all calls of a sequence before its first, so that it can be finished. Raises QuotaTooSmall, QuotaSpent."""
        ask = ASK.get()
        try:
            await self._quota.take(calls, ask)
        except ValueError:
            raise errors.QuotaTooSmall(calls) from None
        if ask:
            ask.spent.calls += calls

    async def _once(
        self, request: httpx.Request, seconds: float, read: Reader = reply, *, booked: bool = False
    ) -> Any:
        """Make one call within `seconds`, and book it against the quota unless that was done (`booked`)."""
        if not booked:
            await self._book(1)
        outcome = await self._outcome(request, seconds, read)
        if isinstance(outcome, errors.OverQuota):
            await self._quota.refused(outcome.seconds, ASK.get())
        if isinstance(outcome, errors.KeyRefused):
            endpoint = request.url.path.removeprefix(self._http.base_url.path)
            log.warning("key_refused", instance=request.url.host, endpoint=endpoint)
        if isinstance(outcome, VTError):
            raise outcome
        await self._quota.worked()
        return outcome

    async def _outcome(self, request: httpx.Request, seconds: float, read: Reader) -> Any:
        """The answer, or the error as a value: raised in here it would carry the httpx error, and with it the URL."""
        try:
            async with asyncio.timeout(max(seconds, 0.01)) as limit:
                response = await self._http.send(request, stream=True)
                try:
                    return await read(response, self._packer, limit)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            return errors.TimedOut(max(seconds, self._deadline))
        except httpx.ConnectError:
            return errors.Unreachable.unsent()
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL):
            return errors.Unreachable()
        except VTError as error:
            return error

    async def _send_file(
        self, url: str | httpx.URL, form: Form, size: int, chunks: Chunks, *, booked: bool = False
    ) -> Raw:
        # When a connection breaks, httpx does not close the generator that it was reading from: close the file here.
        async with aclosing(chunks):
            request = self._http.build_request(
                "POST",
                url,
                content=form.stream(chunks),
                headers=form.headers(size),
                timeout=httpx.Timeout(self._deadline, read=RECEIPT_SECONDS),
            )
            seconds = max(self._upload_deadline, size / SLOWEST)
            return single(await self._once(request, seconds, booked=booked))

    def _check_host(self, url: httpx.URL) -> None:
        if url.netloc.decode() not in self._upload_hosts or url.scheme != self._http.base_url.scheme:
            raise errors.Redirected(url.host)
