"""Where an answer goes: the response_url while it lives, or the channel; else the asker's direct messages; and files."""

import re
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.webhook.async_client import AsyncWebhookClient

from handlers import messages, text
from handlers.deps import Case, Deps
from handlers.messages import QUIET, UNSHOWN, Barred, NotPosted, Unshowable, body, call
from handlers.text import access
from handlers.views import answer
from handlers.views.answer import Message, escape
from handlers.views.exports import Attachment

RESPONSE_URL_LIVES = timedelta(minutes=25)
"""Slack gives it 30 minutes; the rest is for clocks that differ."""
RESPONSE_URL_USES = 5
PUBLISHING = "publishing"
"""What is remembered while a response_url is used to show something to the whole channel."""


async def reply(case: Case, message: Message, deps: Deps, *, final: bool = True) -> Case:
    """Show it to whom it is for; a later call replaces what an earlier one showed.

    One use of the response_url is kept for the last word. Raises NotPosted; Barred when there is no way to the asker.
    """
    if case.channel:
        return await _again(case, message, deps, final=final)
    if case.request.origin.response_url is None:
        return await _in_place(case, message, deps)
    room = RESPONSE_URL_USES if final else RESPONSE_URL_USES - 2
    origin = case.request.origin
    alive = deps.clock() - (origin.since or case.request.at) < RESPONSE_URL_LIVES
    if origin.response_url and alive and case.posts < room and (told := await _respond(case, message, deps)):
        return told
    if not final and alive:
        return case
    return await _direct(case, message, deps)


async def whisper(case: Case, line: str, deps: Deps) -> None:
    """A sentence to the one who pressed a button, beside the message with the button."""
    url = case.request.origin.response_url
    if url:
        await _send(
            url, {"text": escape(line), "response_type": "ephemeral", "replace_original": False}, deps
        )


async def publish(case: Case, message: Message, deps: Deps) -> bool:
    """A new message for the whole channel. False when Slack does not let us.

    Where the bot is no member only the response_url leads there, and nobody can look whether it was used: then at
    most once, and a word to whoever pressed the button.
    """
    origin = case.request.origin
    if case.told == PUBLISHING:
        await whisper(case, text.PERHAPS_SHARED, deps)
        return True
    try:
        await messages.post(case, message, origin.channel, origin.thread, deps)
    except Barred:
        await deps.store.save(case.model_copy(update={"told": PUBLISHING}))
        content = {**body(message), **QUIET, "response_type": "in_channel", "replace_original": False}
        return bool(origin.response_url) and await _send_plainly(str(origin.response_url), content, deps)
    return True


async def aside(case: Case, message: Message, deps: Deps) -> bool:
    """A new message for the asker alone. False when Slack does not let us."""
    url = case.request.origin.response_url
    content = {**body(message), **QUIET, "response_type": "ephemeral", "replace_original": False}
    return bool(url) and await _send_plainly(str(url), content, deps)


async def take_back(case: Case, deps: Deps) -> bool:
    """Delete the message that carried the button. False when Slack does not let us."""
    url = case.request.origin.response_url
    return bool(url) and await _send(str(url), {"delete_original": True}, deps)


async def _send_plainly(url: str, content: dict[str, Any], deps: Deps) -> bool:
    """With its blocks, or as plain text when Slack does not take them."""
    try:
        return await _send(url, content, deps)
    except Unshowable:
        return await _send(url, {**content, "blocks": []}, deps)


async def hand_over(case: Case, attachment: Attachment, deps: Deps) -> str:
    """A file: into the thread of a public answer, else into the asker's direct messages. Says where it went."""
    origin = case.request.origin
    if origin.public and origin.message:
        thread = origin.thread or origin.message
        if await _upload(case, attachment, deps, origin.channel, thread):
            return text.JSON_IN_THREAD
    if not await _upload(case, attachment, deps, await _room(origin.user, deps)):
        raise NotPosted
    return text.JSON_SENT


async def _upload(
    case: Case, attachment: Attachment, deps: Deps, channel: str, thread: str | None = None
) -> bool:
    """Once, though a process may die before it hears that the file was taken."""

    def holds(message: dict[str, Any], _: Case) -> bool:
        return any(file.get("name") == attachment.name for file in message.get("files", ()))

    if await messages.found(case, channel, thread, holds, deps):
        return True
    await messages.about_to(case, channel, deps)
    try:
        await deps.slack.files_upload_v2(
            filename=attachment.name,
            title=attachment.name,
            content=attachment.content,
            channel=channel,
            thread_ts=thread,
        )
    except SlackClientError:
        return False
    return True


async def _respond(case: Case, message: Message, deps: Deps) -> Case | None:
    seen_by_all = case.request.share or case.request.origin.public
    kind = "in_channel" if seen_by_all else "ephemeral"
    # Replacing what this response_url showed before, if anything: said twice, it is still one message.
    content = {**body(message), **QUIET, "response_type": kind, "replace_original": True}
    url = str(case.request.origin.response_url)
    try:
        sent = await _send(url, content, deps)
    except Unshowable:
        sent = await _send(url, {**content, "blocks": []}, deps)
        case = case.model_copy(update={"plain": True, "posts": case.posts + 1})
    return case.model_copy(update={"posts": case.posts + 1}) if sent else None


async def _send(url: str, body: dict[str, Any], deps: Deps) -> bool:
    """POST to a response_url. False when Slack will not have it there. Raises NotPosted, Unshowable."""
    webhook = AsyncWebhookClient(url, session=deps.slack.session, retry_handlers=deps.slack.retry_handlers)
    try:
        result = await webhook.send_dict(body)
    except (aiohttp.ClientError, TimeoutError, SlackClientError) as error:
        raise NotPosted from error
    if any(word in str(result.body) for word in UNSHOWN):
        raise Unshowable
    if (
        result.status_code == HTTPStatus.TOO_MANY_REQUESTS
        or result.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
    ):
        raise NotPosted
    return result.status_code == HTTPStatus.OK and not re.search(r'"ok":\s*false', result.body)


async def _in_place(case: Case, message: Message, deps: Deps) -> Case:
    """Where it was asked; where we may not write there, to the asker's direct messages."""
    origin = case.request.origin
    if origin.apart:
        return await _direct(case, message, deps)
    room = await _room(origin.channel, deps)
    if case.posting in (None, room):
        try:
            return await messages.post(case, message, room, origin.thread, deps)
        except Barred:
            pass
    return await _direct(case, message, deps)


async def _direct(case: Case, message: Message, deps: Deps) -> Case:
    """To the asker's direct messages, saying why it is there."""
    room = await _room(case.request.origin.user, deps)
    return await messages.post(case, _explained(case, message, room), room, None, deps)


async def _again(case: Case, message: Message, deps: Deps, *, final: bool) -> Case:
    """In place of what was posted. An answer whose place is gone is posted anew; news on the way to it are not."""
    try:
        return await messages.change(case, _explained(case, message, str(case.channel)), deps)
    except Barred:
        if not final:
            return case
    anew = case.model_copy(update={"channel": None, "ts": None, "posting": None})
    return await reply(anew, message, deps)


async def _room(channel: str, deps: Deps) -> str:
    """A channel as it is; for a person, their direct messages."""
    if not channel.startswith(("U", "W")):
        return channel
    return str((await call(deps.slack.conversations_open, users=channel))["channel"]["id"])


def _explained(case: Case, message: Message, room: str) -> Message:
    origin = case.request.origin
    if origin.apart or origin.channel in (room, origin.user):
        return message
    why = text.LATE if origin.response_url else access.ELSEWHERE
    return Message(f"{why}\n{message.text}", (*answer.note(why).blocks, *message.blocks))
