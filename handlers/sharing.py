"""What is shown besides an answer: a sentence to whoever pressed a button, a copy for the channel, a file, a modal's content."""

import asyncio
import os
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import IO, Any, TypeVar

import aiohttp
from slack_sdk.models.views import View

from handlers import text
from handlers.case import Case
from handlers.deps import PostingDeps
from handlers.posting import (
    POST_OPTIONS,
    Sent,
    channel_of,
    find,
    post,
    respond,
    save_posting,
    send_with_fallback,
)
from handlers.slack_errors import CannotPost, MissingScope, NotPosted, TokenRefused, Use, call
from handlers.text.language import language
from handlers.views.details import Attachment, as_json, json_name
from handlers.views.rich_text import Message, mrkdwn, rendered, rendered_view, sentence
from vt.codec import PackedReply
from vt.results import json_text
from vt.verdict import Finding

T = TypeVar("T")

UPLOAD_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=20, sock_read=60)
SHARING = "publishing"
"""Stored in `Case.told` while a response_url is used to show something to the whole channel."""


async def post_ephemeral(case: Case, line: str, deps: PostingDeps) -> None:
    """Show a sentence to whoever pressed a button, beside the message with the button. Raises NotPosted."""
    url = case.request.origin.response_url
    if url:
        with language(await deps.languages.of_person(case.request.origin.user)):
            fields = {"text": mrkdwn(line), "response_type": "ephemeral", "replace_original": False}
        await respond(url, fields, deps.slack)


async def decline(case: Case, line: str, why: str, deps: PostingDeps) -> None:
    """Tell whoever pressed a button why nothing is done. Pressing it again is a new request: it may be allowed then."""
    await post_ephemeral(case, line, deps)
    await deps.store.decline(case, why)


async def reply_privately(case: Case, message: Message, deps: PostingDeps) -> bool:
    """Show a new message to the asker alone. False when Slack does not accept it. Raises NotPosted."""
    return await _respond(case, message, "ephemeral", deps)


async def share(case: Case, message: Message, deps: PostingDeps) -> bool:
    """Post a new message for the whole channel. False when Slack does not accept it. Raises NotPosted, StoreDown.

    Where the bot is not a member only the response_url leads to the channel, and there is no way to look whether it
    was used. So it is used at most once; after a crash in between, whoever pressed the button is told to look.
    """
    origin = case.request.origin
    if case.told == SHARING:
        await post_ephemeral(case, text.PERHAPS_SHARED, deps)
        return True
    try:
        await post(case, message, deps, channel=origin.channel, thread=origin.thread)
    except CannotPost:
        await deps.store.save(case.model_copy(update={"told": SHARING}))
        return await _respond(case, message, "in_channel", deps)
    return True


async def _respond(case: Case, message: Message, response_type: str, deps: PostingDeps) -> bool:
    """Show a new message through the response_url, if there is one. False when Slack does not accept it."""
    url = case.request.origin.response_url
    if not url:
        return False
    fields = {**POST_OPTIONS, "response_type": response_type, "replace_original": False}

    async def attempt(tried: Message) -> Use:
        return await respond(url, {**tried.content, **fields}, deps.slack)

    sent = await send_with_fallback(message, case.request.origin.team, deps, attempt)
    return sent.response is Use.ACCEPTED


async def delete(case: Case, deps: PostingDeps) -> bool:
    """Delete the message that carried the button. False when Slack does not accept it. Raises NotPosted."""
    url = case.request.origin.response_url
    return bool(url) and await respond(str(url), {"delete_original": True}, deps.slack) is Use.ACCEPTED


async def show_view(
    method: Any, view: View, team: str, deps: PostingDeps, *, instead: str, **where: Any
) -> Sent[Any]:
    """Update or publish a view as `send_with_fallback` sends a message. `instead`: the sentence that is left when Slack refuses all blocks.

    Raises NotPosted, StoreDown.
    """
    shown = rendered_view(view)

    async def attempt(tried: Message) -> Any:
        blocks = tried.blocks or rendered([sentence(instead)])
        return await call(method, view={**shown, "blocks": list(blocks)}, **where)

    return await send_with_fallback(Message(instead, tuple(shown["blocks"])), team, deps, attempt)


# Files ---------------------------------------------------------------------------------------------------


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
            return text.JSON_IN_THREAD
    if not await send_file_to(origin.user, attachment, case, deps):
        raise NotPosted
    return text.JSON_SENT


async def send_file_to(
    place: str,
    attachment: Attachment,
    case: Case,
    deps: PostingDeps,
    *,
    thread: str | None = None,
    alt: str = "",
    comment: str = "",
) -> bool:
    """Send a file to a channel or a person, once, even when the process dies before it learns that Slack took it.

    `alt`: what a picture shows, in words. `comment`: what the message says beside the file. False: Slack did not take it.
    Raises NotPosted, StoreDown.
    """
    channel = await channel_of(place, deps)

    def has_attachment(message: dict[str, Any], _: Case) -> bool:
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
        what = {"filename": name, "title": name, "content": content, "alt_txt": alt or None}
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
