"""Posting an answer: to the response_url while it lives, else in the channel or the asker's direct messages.

Slack has no idempotency key for chat.postMessage. So that a message is posted once, even when the process dies in between,
the channel is saved before the call, and the message carries the request's id in its metadata: a later turn that finds the
channel saved, but no timestamp, searches Slack for the message.

What a response_url shows cannot be searched for, but each use replaces what the one before showed. So progress is counted
before it is sent, whatever becomes of it, and two of the five uses are left to answers. Answers are not counted: when Slack
says that all five uses were made, at least two of them were answers, and the asker has read one.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import partial
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook import WebhookResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

from handlers import slack_errors
from handlers.case import Case, Outcome, is_shared
from handlers.deps import PostingDeps
from handlers.slack_errors import CannotPost, InvalidBlocks, MissingScope, NotPosted, call, without_retries
from handlers.text import about
from handlers.views import messages
from handlers.views.rich_text import NEWER, Message, newer_kinds, simplified
from vt.codec import PackedReply
from vt.verdict import Finding

T = TypeVar("T")

RESPONSE_URL_LIFETIME = timedelta(minutes=25)
"""Slack accepts a response_url for 30 minutes; five are kept for clocks that differ."""
RESPONSE_URL_USES = 5
"""How often Slack accepts the same response_url."""
USED_UP = "used_url"
"""Slack's error code for a response_url that was used so often."""
POST_OPTIONS = {"unfurl_links": False, "unfurl_media": False, "mrkdwn": False}
"""Slack must not fetch or format anything in our messages. An unfurl would also come back as a `message_changed` event."""
EVENT_TYPE = "vtbot_answer"
"""Marks our messages in their metadata. Stored in Slack: changing it makes older messages unfindable."""
CLOCK_SKEW = 300
"""Seconds by which Slack's clock and ours may differ."""
SEARCHED = 200
"""How many messages since the request are searched for our own."""


async def reply(case: Case, message: Message, deps: PostingDeps, *, final: bool = True) -> Case:
    """Show a message to whoever asked; a later call replaces what an earlier one showed.

    `final=False` is for progress: two uses of the response_url are kept for the answer, and progress that cannot be shown
    is dropped. Raises NotPosted, StoreDown; CannotPost when there is no way to reach the asker.
    """
    origin = case.request.origin
    if case.channel:
        return await _edit(case, message, deps, final=final)
    if origin.response_url is None:
        return await _post_where_asked(case, message, deps)
    uses = RESPONSE_URL_USES if final else RESPONSE_URL_USES - 2
    is_alive = deps.clock() - (origin.since or case.request.at) < RESPONSE_URL_LIFETIME
    may_respond = bool(origin.response_url) and is_alive and case.posts < uses
    if may_respond and (shown := await _respond(case, message, deps, final=final)):
        return shown
    if not final and is_alive:
        return case
    return await _post_directly(case, message, deps)


async def _respond(case: Case, message: Message, deps: PostingDeps, *, final: bool) -> Case | None:
    """Use the response_url. None if Slack refuses it and nothing was shown through it yet: the caller posts in another way."""
    case = case.model_copy(update={"posts": case.posts + 1})
    slack = deps.slack
    if not final:
        slack = without_retries(slack)  # each of them might be a use that was not counted
        await deps.store.save(case)
    is_public = is_shared(case.request) or case.request.origin.public
    # It replaces what this response_url showed before: a turn that is repeated shows nothing twice.
    sent = await respond_with(message, case, deps, slack, is_public=is_public, replaces=True)
    if sent.response is Use.REFUSED or (sent.response is Use.TOO_MANY and sent.refusals):
        return None
    posts = case.posts + sent.refusals  # a refused attempt may have used up one of Slack's five as well
    return case.model_copy(update={"plain": case.plain or sent.plain, "posts": posts})


async def _post_where_asked(case: Case, message: Message, deps: PostingDeps) -> Case:
    """Post where the request came from; where the bot may not write, in the asker's direct messages."""
    origin = case.request.origin
    if origin.apart:
        return await _post_directly(case, message, deps)
    channel = await channel_of(origin.channel, deps)
    if case.posting in (None, channel):
        with suppress(CannotPost):
            return await post(case, message, deps, channel=channel, thread=origin.thread)
    return await _post_directly(case, message, deps)


async def _post_directly(case: Case, message: Message, deps: PostingDeps) -> Case:
    """Post in the asker's direct messages, saying why the answer is there."""
    channel = await channel_of(case.request.origin.user, deps)
    return await post(case, _explained(case, message, channel), deps, channel=channel, thread=None)


async def _edit(case: Case, message: Message, deps: PostingDeps, *, final: bool) -> Case:
    """Edit the message that was posted. When it is gone, an answer is posted again, and progress is dropped."""
    try:
        return await edit(case, _explained(case, message, str(case.channel)), deps)
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
    why = about.LATE if origin.response_url else about.ELSEWHERE
    return Message(f"{why}\n{message.text}", (*messages.note(why).blocks, *message.blocks))


async def end(case: Case, deps: PostingDeps, outcome: Outcome = Outcome.DONE) -> None:
    """End a request: no turn follows. Raises StoreDown."""
    await deps.store.save(case.model_copy(update={"outcome": outcome}))


# Messages of the bot's own, and what Slack makes of blocks ---------------------------------------------


async def post(case: Case, message: Message, deps: PostingDeps, *, channel: str, thread: str | None) -> Case:
    """Post the message of a case, or edit it when an earlier turn posted it. Returns the case with its timestamp.

    Raises NotPosted, CannotPost, StoreDown.
    """
    answer_metadata = {"event_type": EVENT_TYPE, "event_payload": {"case": case.request.id}}

    def is_ours(found: dict[str, Any]) -> bool:
        metadata = found.get("metadata")
        return isinstance(metadata, dict) and answer_metadata.items() <= metadata.items()

    if ts := await find(case, deps, channel=channel, thread=thread, is_ours=is_ours):
        return await edit(case.model_copy(update={"channel": channel, "ts": ts}), message, deps)
    case = await save_posting(case, channel, deps)
    where = {"channel": channel, "thread_ts": thread, "metadata": answer_metadata, **POST_OPTIONS}
    method = without_retries(deps.slack).chat_postMessage
    case, posted = await _send(case, method, message, where, deps)
    return case.model_copy(update={"channel": posted["channel"], "ts": posted["ts"]})


async def edit(case: Case, message: Message, deps: PostingDeps) -> Case:
    """Replace the content of the message that a case has posted. Raises NotPosted, CannotPost."""
    where = {"channel": case.channel, "ts": case.ts}
    return (await _send(case, deps.slack.chat_update, message, where, deps))[0]


async def _send(
    case: Case, method: Any, message: Message, where: dict[str, Any], deps: PostingDeps
) -> tuple[Case, Any]:
    """Send a message with its blocks, or plainer when Slack refuses them; `Case.plain` says when it is text alone."""

    async def attempt(tried: Message) -> Any:
        return await call(method, **where, **tried.content)

    sent = await send_with_fallback(message, case.request.origin.team, deps, attempt)
    return case.model_copy(update={"plain": True}) if sent.plain else case, sent.response


async def save_posting(case: Case, channel: str, deps: PostingDeps) -> Case:
    """Save that something is about to be posted in a channel, before it is. Raises StoreDown."""
    if case.posting == channel:
        return case
    case = case.model_copy(update={"posting": channel})
    await deps.store.save(case)
    return case


async def find(
    case: Case,
    deps: PostingDeps,
    *,
    channel: str,
    thread: str | None,
    is_ours: Callable[[dict[str, Any]], bool],
) -> str | None:
    """The timestamp of a message that an earlier turn was about to post in this channel; None when it is not there.

    `is_ours` recognises it, as Slack lists messages. Raises NotPosted. Without the scope to read history the search is skipped: posting twice is better than never.
    """
    if case.posting != channel:
        return None
    search = {
        "channel": channel,
        "oldest": f"{case.request.at.timestamp() - CLOCK_SKEW:.6f}",
        "limit": SEARCHED,
        "include_all_metadata": True,
    }
    method = deps.slack.conversations_replies if thread else deps.slack.conversations_history
    try:
        page = await call(method, **search, **({"ts": thread} if thread else {}))
    except (CannotPost, MissingScope):
        return None
    listed = (one for one in page["messages"] if isinstance(one, dict) and one.get("ts"))
    return next((str(one["ts"]) for one in listed if is_ours(one)), None)


@dataclass(frozen=True, slots=True)
class Sent(Generic[T]):
    """What became of a message."""

    response: T
    refusals: int = 0  # how often Slack refused its blocks
    plain: bool = False  # it is text alone


async def send_with_fallback(
    message: Message, team: str, deps: PostingDeps, attempt: Callable[[Message], Awaitable[T]]
) -> Sent[T]:
    """Send a message without the kinds of block that its workspace refused before; refused again, with plain blocks; then as text.

    What was refused is remembered once the plain blocks were accepted: then the rest was not at fault. `attempt` raises
    InvalidBlocks for a refusal. Raises StoreDown.
    """
    refused = deps.refused_blocks
    shown = simplified(message, refused.kinds(team)) if refused.known else message
    try:
        return Sent(await attempt(shown))
    except InvalidBlocks as refusal:
        plain = simplified(shown, NEWER)
        if plain == shown or str(refusal) in slack_errors.TOO_LONG:
            return Sent(await attempt(Message(message.text)), 1, plain=True)
        kinds = refusal.kinds & NEWER or newer_kinds(shown)
    try:
        response = await attempt(plain)
    except InvalidBlocks:
        return Sent(await attempt(Message(message.text)), 2, plain=True)
    await deps.refused_blocks.remember(team, kinds)
    return Sent(response, 1)


# The response_url ----------------------------------------------------------------------------------------


class Use(Enum):
    """What Slack makes of a use of a response_url."""

    ACCEPTED = auto()
    TOO_MANY = auto()  # it was used five times before
    REFUSED = auto()


async def respond_with(
    message: Message,
    case: Case,
    deps: PostingDeps,
    slack: AsyncWebClient,
    *,
    is_public: bool = False,
    replaces: bool = False,
) -> Sent[Use]:
    """Show a message through the response_url: to the asker alone, or to the whole channel. Raises NotPosted, StoreDown.

    `replaces`: in place of what it showed before, or of the message with the button.
    """
    kind = "in_channel" if is_public else "ephemeral"
    fields = {**POST_OPTIONS, "response_type": kind, "replace_original": replaces}
    url = str(case.request.origin.response_url)

    async def attempt(tried: Message) -> Use:
        return await respond(url, {**tried.content, **fields}, slack)

    return await send_with_fallback(message, case.request.origin.team, deps, attempt)


async def respond(url: str, fields: dict[str, Any], slack: AsyncWebClient) -> Use:
    """POST to a response_url. Raises NotPosted, InvalidBlocks."""
    webhook = AsyncWebhookClient(url, session=slack.session, retry_handlers=slack.retry_handlers)
    try:
        reply = await webhook.send_dict(fields)
    except (aiohttp.ClientError, OSError, ValueError, SlackClientError) as error:
        raise NotPosted from error
    return _use(reply)


def _use(reply: WebhookResponse) -> Use:
    """What was made of a use, by the reply to it. Raises NotPosted, InvalidBlocks.

    A response_url answers in several ways: with a status, with "ok" or nothing as plain text, or with 200 and
    `{"ok": false}`.
    """
    said, status = str(reply.body), reply.status_code
    if code := next((one for one in slack_errors.INVALID_BLOCKS if one in said), ""):
        raise InvalidBlocks(code, slack_errors.unsupported(said))
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise NotPosted
    if status < HTTPStatus.BAD_REQUEST and _is_accepted(reply):
        return Use.ACCEPTED
    return Use.TOO_MANY if USED_UP in said else Use.REFUSED


def _is_accepted(reply: WebhookResponse) -> bool:
    """Whether a reply with status 200 says so. Raises NotPosted for what did not come from Slack, a proxy's page for one."""
    said = reply.body.strip().lower()
    kind = next((value for name, value in reply.headers.items() if name.lower() == "content-type"), "")
    if said == "ok" or (not said and (not kind or kind.startswith("text/plain"))):
        return True
    try:
        accepted = json.loads(reply.body)["ok"]
    except (ValueError, TypeError, LookupError, RecursionError):
        raise NotPosted(slack_errors.UNREADABLE_REPLY) from None
    return accepted is True


# Large replies -------------------------------------------------------------------------------------------


async def judged(case: Case, now: datetime) -> list[Finding]:
    """The findings of a case, made without blocking."""
    return await without_blocking(case, partial(case.findings, now))


async def without_blocking(case: Case, make: Callable[[], T]) -> T:
    """What is made of a case. Large replies take a tenth of a second each: then it is made in a thread."""
    if any(isinstance(one.raw, PackedReply) for one in case.lookups):
        return await asyncio.to_thread(make)
    return make()
