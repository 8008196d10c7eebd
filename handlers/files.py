"""Files in Slack: those that people ask about, streamed from Slack's own hosts only, and those that the bot sends."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from handlers.case import Case
from handlers.deps import PostingDeps
from handlers.posting import channel_of, find, save_posting
from handlers.request import Origin
from handlers.slack_errors import MissingScope, NotPosted, TokenRefused, call
from handlers.text import about as about_text
from handlers.views.details import Attachment, as_json, json_name
from handlers.views.rich_text import mrkdwn
from vt import errors
from vt.actions import FILE
from vt.codec import PackedReply
from vt.files import FileProvider, Source, provider
from vt.files.provider import OnRead, Opener, noop
from vt.lookup import Lookup
from vt.results import json_text
from vt.verdict import Finding

UPLOAD_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=20, sock_read=60)
SLACK = "slack"
"""The kind of place for a file that Slack stores: `slack:<file id>`."""

HTML = "text/html"
_GONE = frozenset({"file_not_found", "file_deleted", "not_visible", "access_denied"})


def slack_files(slack: AsyncWebClient, limit: int, seconds: float = 300.0) -> Opener:
    """Opens the place `slack:<file id>`: its file may have up to `limit` bytes and is read within `seconds`.

    `slack`: the client outside of `acting_for`, which names that of the asker's workspace.
    """

    @asynccontextmanager
    async def opened(file_id: str) -> AsyncIterator[FileProvider]:
        yield Downloads(_slack.get() or slack, file_id, limit, seconds)

    return opened


_slack: ContextVar[AsyncWebClient | None] = ContextVar("slack", default=None)


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
        return await provider.digest(source, on_read)


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
                async for block in provider.exactly(self.path, self.size, self.source.seconds, read):
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
            read_bufsize=provider.BLOCK_BYTES // 2,
            timeout=aiohttp.ClientTimeout(total=None, connect=20, sock_read=60),
        )
        try:
            response = await provider.with_timeout(self.path, self.source.seconds, request)
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


# The files of a message --------------------------------------------------------------------------------


def file_lookups(files: Iterable[Mapping[str, Any]] | None, threshold: int) -> tuple[Lookup, ...]:
    """A lookup for each of Slack's file objects, by name; one from another workspace has an id only and is named by it.

    A name that occurs twice gets its id appended, since the JSON result has one entry for each name.
    """
    found: dict[str, Lookup] = {}
    for file in files or ():
        file_id, name = str(file.get("id") or ""), slack_file_name(file)
        label = f"{name} ({file_id})" if name in found else name or file_id
        if file_id:
            found[label] = Lookup.of_file(label, FILE, threshold, place=f"{SLACK}:{file_id}")
    return tuple(found.values())


def slack_file_name(file: Mapping[str, Any]) -> str:
    """The name of a file object, without halves of surrogate pairs, which cannot be stored; "" if Slack does not tell."""
    return str(file.get("name") or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


# For whom files are read ---------------------------------------------------------------------------------

UserKey = tuple[str, str]
"""The ids of a team and a user."""

_acting_for: ContextVar[UserKey | None] = ContextVar("acting_for", default=None)


@contextmanager
def acting_for(origin: Origin, slack: AsyncWebClient | None = None) -> Iterator[None]:
    """While the context is open, files are read on behalf of this person: with logins that they typed, and from this Slack."""
    token, client = _acting_for.set(user_key(origin)), _slack.set(slack)
    try:
        yield
    finally:
        _acting_for.reset(token)
        _slack.reset(client)


def current_user() -> UserKey | None:
    """On whose behalf files are read now; None outside of `acting_for`."""
    return _acting_for.get()


def user_key(origin: Origin) -> UserKey:
    """Who asked."""
    return origin.team, origin.user


# Files that the bot sends --------------------------------------------------------------------------------


async def send_json(case: Case, found: Sequence[Finding], deps: PostingDeps) -> str:
    """Send the documented JSON as `send_file` sends a file. With large replies it is written to disk, piece by piece."""
    if not any(isinstance(one.raw, PackedReply) for one in found):
        return await send_file(case, as_json(found), deps)
    with deps.new_file() as file:
        await asyncio.to_thread(_write, json_text(found), file)
        return await send_file(case, Attachment(json_name(found), file), deps)


def _write(pieces: Iterable[str], file: IO[bytes]) -> None:
    file.writelines(piece.encode("utf-8", "replace") for piece in pieces)
    file.flush()


async def send_file(case: Case, attachment: Attachment, deps: PostingDeps) -> str:
    """Send a file into the thread of a public answer, else into the asker's direct messages.

    Returns the sentence that says where it is. An ephemeral message cannot carry files. Raises NotPosted, StoreDown.
    """
    origin = case.request.origin
    if origin.public and origin.message:
        thread = origin.thread or origin.message
        if await send_file_to(origin.channel, attachment, case, deps, thread=thread):
            return about_text.JSON_IN_THREAD
    if not await send_file_to(origin.user, attachment, case, deps):
        raise NotPosted
    return about_text.JSON_SENT


async def send_file_to(
    place: str,
    attachment: Attachment,
    case: Case,
    deps: PostingDeps,
    *,
    thread: str | None = None,
    comment: str = "",
) -> bool:
    """Send a file to a channel or a person, once, even when the process dies before it learns that Slack took it.

    `comment`: what the message says beside the file. False: Slack did not take it. Raises NotPosted, StoreDown.
    """
    channel = await channel_of(place, deps)

    def has_attachment(message: dict[str, Any]) -> bool:
        return any(file.get("name") == attachment.name for file in message.get("files") or ())

    if await find(case, deps, channel=channel, thread=thread, is_ours=has_attachment):
        return True
    await save_posting(case, channel, deps)
    where = {"thread_ts": thread, "initial_comment": mrkdwn(comment) if comment else None}
    name, content = attachment.name, attachment.content
    try:
        if not isinstance(content, bytes):
            await _upload(name, content, deps, channel_id=channel, **where)
            return True
        what = {"filename": name, "title": name, "content": content, "alt_txt": attachment.alt or None}
        await call(deps.slack.files_upload_v2, **what, channel=channel, **where)
    except (MissingScope, TokenRefused):
        raise
    except NotPosted:
        return False
    return True


async def _upload(name: str, file: IO[bytes], deps: PostingDeps, **where: Any) -> None:
    """files_upload_v2 for a file on disk, which the SDK would read into memory. Raises NotPosted."""
    slack, size = deps.slack, os.fstat(file.fileno()).st_size
    place = await call(slack.files_getUploadURLExternal, filename=name, length=size)
    # aiohttp closes what it has sent, and a file may be sent again to another place.
    with open(os.dup(file.fileno()), "rb") as content:  # noqa: PTH123, ASYNC230 - it is open already
        content.seek(0)
        try:
            assert slack.session is not None  # noqa: S101 - the bot always creates its client with a session
            async with slack.session.post(
                place["upload_url"],
                data=content,
                proxy=slack.proxy,
                ssl=slack.ssl or True,
                timeout=UPLOAD_TIMEOUT,
            ) as sent:
                if sent.status != HTTPStatus.OK:
                    raise NotPosted
        except (aiohttp.ClientError, OSError) as error:
            raise NotPosted from error
    files = [{"id": place["file_id"], "title": name}]
    await call(slack.files_completeUploadExternal, files=files, **where)
