"""Files up and down: announced, uploaded, completed, asked about, downloaded."""

import mimetypes
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from playground.slack import objects
from playground.slack.chat import written
from playground.slack.posting import Refused, room, weigh
from playground.slack.records import File
from playground.slack.seed import BOT
from playground.slack.state import State, new_id

Args = Mapping[str, Any]
Reply = dict[str, Any]
_CHANNEL = re.compile(r"[CGDZ][A-Z0-9]{8,}")
_LOGIN = "<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body>Sign in to Playground</body></html>"


def mimetype(name: str) -> str:
    """What a file of this name is taken for."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def announced(state: State, args: Args) -> Reply:
    """files.getUploadURLExternal."""
    name, length = str(args.get("filename") or ""), _whole(args.get("length"))
    if not name or length <= 0:
        raise Refused("invalid_arguments", "[ERROR] filename and a length above 0 are required")
    alt, kind = str(args.get("alt_txt") or ""), mimetype(name)
    file = File(new_id("F"), name, b"", kind, BOT.id, title=name, alt=alt, complete=False, expected=length)
    state.files[file.id] = file
    return {"upload_url": f"{state.base}/upload/{file.id}", "file_id": file.id}


async def receive(state: State, request: web.Request) -> web.Response:
    """The bytes of an announced file: raw, or as a form's first file."""
    file = state.files.get(request.match_info["file"])
    if file is None or file.size:
        return web.Response(status=404, text="no such upload")
    content = await _content(request)
    if len(content) != file.expected:
        return web.Response(status=400, text=f"{file.expected} bytes were announced")
    state.files[file.id] = replace(file, held=state.held(file.id, content))
    return web.Response(text=f"OK - {len(content)}")


async def _content(request: web.Request) -> bytes:
    if request.content_type != "multipart/form-data":
        return await request.read()
    for field in (await request.post()).values():
        if isinstance(field, web.FileField):
            return field.file.read()
    return b""


def completed(state: State, args: Args) -> Reply:
    """files.completeUploadExternal: shares the files in a message, if a channel is given."""
    items = args.get("files")
    if not isinstance(items, list) or not items:
        raise Refused("invalid_arguments", "[ERROR] missing required field: files")
    files = [_uploaded(state, item) for item in items]
    channel = _channel(state, args)
    state.files.update({file.id: file for file in files})
    if channel:
        _share(state, files, channel, args)
    # Sharing is asynchronous at Slack: the answer does not yet know where.
    return {"files": [{**objects.file(state, file, whole=True), "shares": {}} for file in files]}


def _uploaded(state: State, item: Any) -> File:
    file = state.files.get(str(item.get("id"))) if isinstance(item, dict) else None
    if file is None or file.complete or not file.size:
        raise Refused("file_not_found")
    return replace(file, title=str(item.get("title") or file.name), complete=True)


def _channel(state: State, args: Args) -> str | None:
    name = args.get("channel_id") or args.get("channels")
    if not name:
        return None
    if not _CHANNEL.fullmatch(str(name)):
        # A user's id is not taken here: open the direct messages first.
        raise Refused(
            "invalid_arguments",
            f"[ERROR] input must match regex pattern: ^{_CHANNEL.pattern}$ [json-pointer:/channel_id]",
        )
    return room(state, "files.completeUploadExternal", name).id


def _share(state: State, files: list[File], channel: str, args: Args) -> None:
    comment = args.get("initial_comment")
    if comment or args.get("blocks"):
        weigh(state, "files.completeUploadExternal", {"text": comment, **_quiet(args)}, public=True)
    root = state.messages.get((channel, str(args.get("thread_ts"))))
    thread = (root.thread_ts or root.ts) if root else None
    state.post(
        written(
            state,
            channel,
            "files.completeUploadExternal",
            {"text": comment, "blocks": args.get("blocks")},
            thread_ts=thread,
            files=state.share(files, channel, thread),
        )
    )


def _quiet(args: Args) -> dict[str, Any]:
    """A comment beside a file takes no unfurl flags; it is not unfurled."""
    return {"blocks": args.get("blocks"), "unfurl_links": False, "unfurl_media": False}


def info(state: State, args: Args) -> Reply:
    """files.info: the whole file, and where it is shared."""
    file = state.files.get(str(args.get("file")))
    if file is None or not file.complete:
        raise Refused("file_not_found")
    shares = {file.channel: [{"ts": m.ts} for m in state.messages.values() if file in m.files]}
    whole = {**objects.file(state, file, whole=True), "channels": [file.channel] if file.channel else []}
    return {"file": {**whole, "shares": {"public": shares} if file.channel else {}}}


def download(state: State, file_id: str, *, authorized: bool) -> web.Response:
    """url_private. Without the right token Slack answers 200 with the page to sign in."""
    file = state.files.get(file_id)
    if not authorized:
        return web.Response(text=_LOGIN, content_type="text/html")
    if file is None or not file.complete:
        raise web.HTTPNotFound
    return web.Response(body=file.content, content_type=file.mimetype)


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
