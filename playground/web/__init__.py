"""The workspace as a page for a browser: the routes, and where it listens."""

import asyncio
import errno
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import BodyPartReader, web

from bot.environment import OperatorError
from handlers.text.language import lazy_gettext as _
from playground.slack.records import File, Person
from playground.slack.workspace import Workspace
from playground.web.actions import Acts, Files, Wrong
from playground.web.guard import Guard, loopback
from playground.web.live import Live, Window
from playground.web.snapshot import actors, drawable, readable

Json = dict[str, Any]
HERE = Path(__file__).parent
BUILT = HERE / "built"
"""Made of playground/web/client by Vite; without it there is the plain page."""
PLAIN = HERE / "plain"
LARGEST = 256 << 20
"""Bytes in one request: more than VirusTotal takes."""
QUIET_SECONDS = 15
"""A word after so long, so that a connection that broke is noticed."""
TOKEN = "{{token}}"  # noqa: S105 - its place in the page
_SANDBOX = {"Content-Security-Policy": "sandbox; default-src 'none'"}


class NotServed(OperatorError):
    """The page cannot be had there."""


@asynccontextmanager
async def served(
    slack: Workspace, offered: Json, host: str, port: int, *, anywhere: bool = False, built: Path = BUILT
) -> AsyncIterator[str]:
    """Serve until the block ends; yields the address.

    Args:
        slack: the workspace that is shown.
        offered: what the bot offers, from `offers.offers`.
        host: an address of the loopback; any other only with `anywhere`.
        port: 0 for a free one.
        anywhere: others on the network may drive it.
        built: where Vite put the page.

    Raises:
        NotServed: the host is open to others, or the port is taken.
    """
    if not (anywhere or loopback(host)):
        raise NotServed(
            "HOST={host} would let others on the network act in this workspace: "
            "leave it at 127.0.0.1, or say `vtbot run --i-know`.",
            host=host,
        )
    page = Page(slack, offered, built if (built / "index.html").is_file() else PLAIN, anywhere=anywhere)
    runner = web.AppRunner(page.application(), access_log=None, handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await _listen(runner, host, port)
        page.guard.port = runner.addresses[0][1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{page.guard.port}"
    finally:
        page.live.close()
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        why = _("another program uses it") if error.errno == errno.EADDRINUSE else str(error.strerror).lower()
        where = f"{host}:{port}"
        raise NotServed(
            "Cannot listen on {where} ({why}): stop the other program or set PORT={free}.",
            where=where,
            why=why,
            free=str(port + 1),
        ) from None


class Page:
    """Reads from the workspace, and acts in it for whoever the request names with `as`."""

    def __init__(self, slack: Workspace, offered: Json, folder: Path, *, anywhere: bool) -> None:
        self._slack = slack
        self._folder = folder
        self.guard = Guard(anywhere=anywhere)
        self.live = Live(slack, {"offers": offered, "run": secrets.token_hex(8), "name": slack.name})
        self._acts = Acts(slack, [command["name"] for command in offered["commands"]])

    def application(self) -> web.Application:
        """All routes, behind the guard."""
        app = web.Application(middlewares=[self.guard.stand], client_max_size=LARGEST)
        app.on_response_prepare.append(self.guard.dress)
        app.router.add_get("/", self._index)
        app.router.add_get("/assets/{name}", self._asset)
        app.router.add_get("/live", self._live)
        app.router.add_get("/journal/{number:[0-9]+}", self._entry)
        app.router.add_get("/files/{file}/{name}", self._file)
        app.router.add_post("/do/{verb}", self._do)
        return app

    async def _index(self, _: web.Request) -> web.Response:
        page = (self._folder / "index.html").read_text("utf-8")
        return web.Response(text=page.replace(TOKEN, self.guard.token), content_type="text/html")

    async def _asset(self, request: web.Request) -> web.FileResponse:
        path = self._folder / "assets" / request.match_info["name"]
        if path.parent != self._folder / "assets" or not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: everything first, then what happens; for a name that nobody has, who there is."""
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await reply.prepare(request)
        person = self._actor(request.query.get("as", "ana"))
        if person is None:
            await reply.write(_event({"kind": "nobody", "people": actors(self._slack)}))
            return reply
        tab = request.query.get("tab", "")
        with (
            self.live.window(person, tab, partial(_connected, request)) as window,
            suppress(ConnectionResetError),
        ):
            await _stream(reply, window)
        return reply

    def _actor(self, name: str) -> Person | None:
        """Whom the page acts as: a person, by name or id; None for an app and for a name that nobody has."""
        try:
            person = self._slack.person(name)
        except LookupError:
            return None
        return None if person.bot_id else person

    async def _entry(self, request: web.Request) -> web.Response:
        found = self.live.entry(int(request.match_info["number"]))
        return web.json_response(found or {}, status=200 if found else 404)

    async def _file(self, request: web.Request) -> web.Response:
        """A file: to be opened as plain text when it is text, shown when a picture is asked for, else to be kept."""
        file = self._slack.state.files.get(request.match_info["file"])
        if file is None or not file.complete:
            raise web.HTTPNotFound
        if "picture" in request.query and drawable(file):
            return web.Response(body=file.content, content_type=file.mimetype, headers=_SANDBOX)
        return _download(file) if "download" in request.query or not readable(file) else _open(file)

    async def _do(self, request: web.Request) -> web.Response:
        act = self._acts.known.get(request.match_info["verb"])
        if act is None:
            raise web.HTTPNotFound
        try:
            ask, files = await _read(request)
            return web.json_response(await act(self._slack.person(ask["as"]), ask, files))
        except Wrong as wrong:
            return web.json_response({"error": str(wrong)}, status=409)
        except (LookupError, TypeError, ValueError) as error:
            return web.json_response({"error": f"that cannot be done: {error}"}, status=400)


async def _stream(reply: web.StreamResponse, window: Window) -> None:
    await reply.write(b"retry: 500\n\n")
    while True:
        try:
            news = await asyncio.wait_for(window.news.get(), QUIET_SECONDS)
        except TimeoutError:
            await reply.write(b": still here\n\n")
            continue
        if news is None:
            return
        await reply.write(_event(news))


def _event(news: Json) -> bytes:
    return b"data: " + json.dumps(news).encode() + b"\n\n"


def _connected(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


async def _read(request: web.Request) -> tuple[Json, Files]:
    """What is asked, as JSON or, with files, as the part `ask` of a form. Files stay in memory.

    Raises Wrong for more than that should hold.
    """
    if (request.content_length or 0) > LARGEST or "Transfer-Encoding" in request.headers:
        raise Wrong(f"That is too large: at most {LARGEST >> 20} MB.")
    if not request.content_type.startswith("multipart/"):
        return await request.json(), {}
    ask: Json = {}
    files: dict[str, list[tuple[str, bytes]]] = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        if part.filename is None:
            ask = json.loads(await part.text())
        else:
            files.setdefault(str(part.name), []).append((part.filename, bytes(await part.read())))
    return ask, files


def _open(file: File) -> web.Response:
    return web.Response(body=file.content, content_type="text/plain", charset="utf-8", headers=_SANDBOX)


def _download(file: File) -> web.Response:
    name = f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"
    return web.Response(body=file.content, headers={**_SANDBOX, "Content-Disposition": name})
