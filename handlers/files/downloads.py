"""Files that Slack stores, streamed from Slack's own hosts: the bot's token is sent to no other host."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from handlers.message_content import slack_file_name
from vt import errors
from vt.files import FileProvider, Source, hashing
from vt.files.hashing import OnRead, Opener, noop

HTML = "text/html"
_GONE = frozenset({"file_not_found", "file_deleted", "not_visible", "access_denied"})


def slack_files(slack: AsyncWebClient, limit: int, seconds: float = 300.0) -> Opener:
    """Opens the place `slack:<file id>`: its file may have up to `limit` bytes and is read within `seconds`."""

    @asynccontextmanager
    async def opened(file_id: str) -> AsyncIterator[FileProvider]:
        yield Downloads(slack, file_id, limit, seconds)

    return opened


@dataclass(frozen=True, slots=True)
class Downloads:
    """One file of Slack's. files.info is called each time: a file from another workspace comes as a mere id."""

    slack: AsyncWebClient
    file_id: str
    limit: int
    seconds: float

    async def find(self, typed: str) -> list[str]:
        """The path itself: a `*` in the name of an attached file is an ordinary character."""
        return [typed]

    async def open(self, path: str) -> "SlackFile":
        """The file, by what files.info says about it. Raises Missing, NotGiven, FileTooLarge."""
        info = await self._info(path)
        size = int(info.get("size") or 0)
        if size > self.limit:
            raise errors.FileTooLarge(path, size, self.limit)
        url = str(info.get("url_private_download") or info.get("url_private") or "")
        if not trusted(url, self.slack.base_url):
            raise errors.NotGiven(path, "elsewhere")
        return SlackFile(
            path,
            size,
            name=slack_file_name(info) or path,
            url=url,
            mimetype=str(info.get("mimetype")),
            source=self,
        )

    async def _info(self, path: str) -> Mapping[str, Any]:
        try:
            reply = await self.slack.files_info(file=self.file_id)
        except SlackApiError as error:
            reason = error.response.get("error")
            if reason in _GONE:
                raise errors.Missing(path) from None
            raise errors.NotGiven(path, "scope" if reason == "missing_scope" else "silent") from None
        except (SlackClientError, aiohttp.ClientError, TimeoutError):
            raise errors.NotGiven(path, "silent") from None
        found: Mapping[str, Any] = reply["file"]
        return found

    async def digest(self, source: Source, on_read: OnRead = noop) -> str:
        """The SHA-256 of the content as hexadecimal digits. Raises a FileFault."""
        return await hashing.digest(source, on_read)


def trusted(url: str, api: str) -> bool:
    """Whether the token may be sent to the URL: to the host of the API, or to its host for files (files.slack.com)."""
    wanted = urlsplit(api)
    roots = (f"{wanted.scheme}://{host}/" for host in (wanted.netloc, f"files.{wanted.netloc}"))
    # Compared as text, and without characters that two URL parsers could understand differently.
    return url.startswith(tuple(roots)) and url.isascii() and url.isprintable() and "\\" not in url


@dataclass(frozen=True, slots=True)
class SlackFile:
    """A file that Slack has. It is downloaded again each time it is read."""

    path: str
    size: int
    name: str
    url: str
    mimetype: str
    source: Downloads

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The content: exactly as many bytes as files.info reported. Raises a FileFault."""
        try:
            async with self._response() as response:
                self._check(response)
                read = response.content.readany
                async for block in hashing.exactly(self.path, self.size, self.source.seconds, read):
                    yield block
        except (aiohttp.ClientError, ConnectionError):
            raise errors.NotGiven(self.path, "silent") from None

    @asynccontextmanager
    async def _response(self) -> AsyncIterator[aiohttp.ClientResponse]:
        session = self.source.slack.session
        assert session is not None  # noqa: S101 - the bot always creates its client with a session
        request = session.get(
            self.url,
            headers={"Authorization": f"Bearer {self.source.slack.token}", "Accept-Encoding": "identity"},
            allow_redirects=False,
            auto_decompress=False,
            read_bufsize=hashing.BLOCK_BYTES // 2,
            timeout=aiohttp.ClientTimeout(total=None, connect=20, sock_read=60),
        )
        try:
            response = await hashing.with_timeout(self.path, self.source.seconds, request)
        except TimeoutError:
            raise errors.NotGiven(self.path, "silent") from None
        async with response:
            yield response

    def _check(self, response: aiohttp.ClientResponse) -> None:
        """Raise for what is not the file. Without the scope files:read, Slack sends its sign-in page or a redirect to it."""
        if response.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise errors.Missing(self.path)
        is_page = response.content_type == HTML and (
            self.mimetype != HTML or response.content_length not in (None, self.size)
        )
        if is_page or HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
            raise errors.NotGiven(self.path, "scope")
        if response.status != HTTPStatus.OK:
            raise errors.NotGiven(self.path, "silent")
