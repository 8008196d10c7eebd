"""Where an answer goes: to the response_url while it lives, else to the channel or the asker's direct messages; and files."""

import json
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.webhook import WebhookResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

from handlers import posting, text
from handlers.case import Case, Outcome, is_shared
from handlers.deps import PostingDeps
from handlers.posting import POST_OPTIONS, Sent, send_with_fallback
from handlers.slack_errors import (
    INVALID_BLOCKS,
    UNREADABLE_REPLY,
    CannotPost,
    InvalidBlocks,
    MissingScope,
    NotPosted,
    TokenRefused,
    call,
    unsupported,
)
from handlers.text import about
from handlers.text.language import language
from handlers.views import messages
from handlers.views.details import Attachment
from handlers.views.rich_text import Message, mrkdwn

RESPONSE_URL_LIFETIME = timedelta(minutes=25)
"""Slack accepts a response_url for 30 minutes; five are kept for clocks that differ."""
RESPONSE_URL_USES = 5
"""How often Slack accepts the same response_url."""
SHARING = "publishing"
"""Stored in `Case.told` while a response_url is used to show something to the whole channel."""


async def reply(case: Case, message: Message, deps: PostingDeps, *, final: bool = True) -> Case:
    """Show a message to whoever asked; a later call replaces what an earlier one showed.

    `final=False` is for progress: one use of the response_url is kept for the answer, and progress that cannot be shown
    is dropped. Raises NotPosted, StoreDown; CannotPost when there is no way to reach the asker.
    """
    origin = case.request.origin
    if case.channel:
        return await _edit(case, message, deps, final=final)
    if origin.response_url is None:
        return await _post_where_asked(case, message, deps)
    uses = RESPONSE_URL_USES if final else RESPONSE_URL_USES - 2
    is_alive = deps.clock() - (origin.since or case.request.at) < RESPONSE_URL_LIFETIME
    if (
        origin.response_url
        and is_alive
        and case.posts < uses
        and (shown := await _respond(case, message, deps))
    ):
        return shown
    if not final and is_alive:
        return case
    return await _post_directly(case, message, deps)


async def _respond(case: Case, message: Message, deps: PostingDeps) -> Case | None:
    """Answer through the response_url. None when Slack no longer accepts it."""
    seen_by_all = is_shared(case.request) or case.request.origin.public
    kind = "in_channel" if seen_by_all else "ephemeral"
    # replace_original replaces what this response_url showed before: a turn that is repeated shows nothing twice.
    fields = {**POST_OPTIONS, "response_type": kind, "replace_original": True}
    sent = await _send_with_fallback(case, message, fields, deps)
    # A refused attempt may have used up one of Slack's five as well.
    posts = case.posts + sent.refusals + 1
    plain = case.plain or sent.plain
    return case.model_copy(update={"plain": plain, "posts": posts}) if sent.response else None


async def _post_where_asked(case: Case, message: Message, deps: PostingDeps) -> Case:
    """Post where the request came from; where the bot may not write, in the asker's direct messages."""
    origin = case.request.origin
    if origin.apart:
        return await _post_directly(case, message, deps)
    channel = await channel_of(origin.channel, deps)
    if case.posting in (None, channel):
        try:
            return await posting.post(case, message, deps, channel=channel, thread=origin.thread)
        except CannotPost:
            pass
    return await _post_directly(case, message, deps)


async def _post_directly(case: Case, message: Message, deps: PostingDeps) -> Case:
    """Post in the asker's direct messages, saying why the answer is there."""
    channel = await channel_of(case.request.origin.user, deps)
    explained = _explained(case, message, channel)
    return await posting.post(case, explained, deps, channel=channel, thread=None)


async def _edit(case: Case, message: Message, deps: PostingDeps, *, final: bool) -> Case:
    """Edit the message that was posted. When it is gone, an answer is posted again, and progress is dropped."""
    try:
        return await posting.edit(case, _explained(case, message, str(case.channel)), deps)
    except CannotPost:
        if not final:
            return case
    unposted = case.model_copy(update={"channel": None, "ts": None, "posting": None})
    return await reply(unposted, message, deps)


async def channel_of(place: str, deps: PostingDeps) -> str:
    """A channel's id as it is; for a person's id, that of their direct messages. Raises NotPosted."""
    if not place.startswith(("U", "W")):
        return place
    try:
        opened = await call(deps.slack.conversations_open, users=place)
    except MissingScope:
        return place  # chat.postMessage takes a person's id as well
    return str(opened["channel"]["id"])


def _explained(case: Case, message: Message, channel: str) -> Message:
    """The message, after a sentence that says why it is not where it was asked for, if it is not."""
    origin = case.request.origin
    if origin.apart or origin.channel in (channel, origin.user):
        return message
    why = text.LATE if origin.response_url else about.ELSEWHERE
    return Message(f"{why}\n{message.text}", (*messages.note(why).blocks, *message.blocks))


async def end(case: Case, deps: PostingDeps, outcome: Outcome = Outcome.DONE) -> None:
    """End a request: no turn follows. Raises StoreDown."""
    await deps.store.save(case.model_copy(update={"outcome": outcome}))


# Beside an answer ----------------------------------------------------------------------------------------


async def post_ephemeral(case: Case, line: str, deps: PostingDeps) -> None:
    """Show a sentence to whoever pressed a button, beside the message with the button. Raises NotPosted."""
    url = case.request.origin.response_url
    if url:
        with language(await deps.languages.of_person(case.request.origin.user)):
            fields = {"text": mrkdwn(line), "response_type": "ephemeral", "replace_original": False}
        await _send(url, fields, deps)


async def decline(case: Case, line: str, why: str, deps: PostingDeps) -> None:
    """Tell whoever pressed a button why nothing is done. Pressing it again is a new request: it may be allowed then."""
    await post_ephemeral(case, line, deps)
    await deps.store.decline(case, why)


async def reply_privately(case: Case, message: Message, deps: PostingDeps) -> bool:
    """Show a new message to the asker alone. False when Slack does not accept it. Raises NotPosted."""
    url = case.request.origin.response_url
    fields = {**POST_OPTIONS, "response_type": "ephemeral", "replace_original": False}
    return bool(url) and (await _send_with_fallback(case, message, fields, deps)).response


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
        await posting.post(case, message, deps, channel=origin.channel, thread=origin.thread)
    except CannotPost:
        await deps.store.save(case.model_copy(update={"told": SHARING}))
        fields = {**POST_OPTIONS, "response_type": "in_channel", "replace_original": False}
        return bool(origin.response_url) and (await _send_with_fallback(case, message, fields, deps)).response
    return True


async def delete(case: Case, deps: PostingDeps) -> bool:
    """Delete the message that carried the button. False when Slack does not accept it. Raises NotPosted."""
    url = case.request.origin.response_url
    return bool(url) and await _send(str(url), {"delete_original": True}, deps)


async def _send_with_fallback(
    case: Case, message: Message, fields: dict[str, Any], deps: PostingDeps
) -> Sent[bool]:
    """Send a message to the response_url of a case, plainer when Slack refuses its blocks."""
    url = str(case.request.origin.response_url)

    async def attempt(tried: Message) -> bool:
        return await _send(url, {**tried.content, **fields}, deps)

    return await send_with_fallback(message, case.request.origin.team, deps, attempt)


async def _send(url: str, fields: dict[str, Any], deps: PostingDeps) -> bool:
    """POST to a response_url. False when Slack does not accept it. Raises NotPosted, InvalidBlocks.

    A response_url answers in several ways: with a status, with "ok" or nothing as plain text, or with 200 and
    `{"ok": false}`.
    """
    webhook = AsyncWebhookClient(url, session=deps.slack.session, retry_handlers=deps.slack.retry_handlers)
    try:
        result = await webhook.send_dict(fields)
    except (aiohttp.ClientError, OSError, ValueError, SlackClientError) as error:
        raise NotPosted from error
    if code := next((one for one in INVALID_BLOCKS if one in str(result.body)), ""):
        raise InvalidBlocks(code, unsupported(result.body))
    status = result.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise NotPosted
    return status < HTTPStatus.BAD_REQUEST and _is_accepted(result)


def _is_accepted(reply: WebhookResponse) -> bool:
    """Whether a reply with status 200 says so. Raises NotPosted for what did not come from Slack, a proxy's page for one."""
    said = reply.body.strip().lower()
    kind = next((value for name, value in reply.headers.items() if name.lower() == "content-type"), "")
    if said == "ok" or (not said and (not kind or kind.startswith("text/plain"))):
        return True
    try:
        accepted = json.loads(reply.body)["ok"]
    except (ValueError, TypeError, LookupError, RecursionError):
        raise NotPosted(UNREADABLE_REPLY) from None
    return accepted is True


# Files ---------------------------------------------------------------------------------------------------


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

    if await posting.find(case, deps, channel=channel, thread=thread, is_ours=has_attachment):
        return True
    await posting.save_posting(case, channel, deps)
    try:
        await call(
            deps.slack.files_upload_v2,
            filename=attachment.name,
            title=attachment.name,
            content=attachment.content,
            channel=channel,
            thread_ts=thread,
            alt_txt=alt or None,
            initial_comment=mrkdwn(comment) if comment else None,
        )
    except (MissingScope, TokenRefused):
        raise
    except NotPosted:
        return False
    return True
