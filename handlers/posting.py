"""The bot's own messages: posted once, even when the process dies between posting and saving, and edited afterwards.

Slack has no idempotency key for chat.postMessage. So the channel is saved before the call, and the message carries the
request's id in its metadata: a later turn that finds the channel saved, but no timestamp, searches Slack for the message.
"""

from collections.abc import Awaitable, Callable
from copy import copy
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.models.views import View
from slack_sdk.web.async_client import AsyncWebClient

from handlers.case import Case
from handlers.deps import PostingDeps
from handlers.slack_errors import TOO_LONG, CannotPost, InvalidBlocks, MissingScope, call
from handlers.views.rich_text import (
    NEWER,
    Message,
    newer_kinds,
    rendered,
    rendered_view,
    sentence,
    simplified,
)

T = TypeVar("T")

POST_OPTIONS = {"unfurl_links": False, "unfurl_media": False, "mrkdwn": False}
"""Slack must not fetch or format anything in our messages. An unfurl would also come back as a `message_changed` event."""
EVENT_TYPE = "vtbot_answer"
"""Marks our messages in their metadata. Stored in Slack: changing it makes older messages unfindable."""
CLOCK_SKEW = 300
"""Seconds by which Slack's clock and ours may differ."""
SEARCHED = 200
"""How many messages since the request are searched for our own."""

IsOurs = Callable[[dict[str, Any], Case], bool]
"""Tells whether a message, as Slack lists it, is the one that a case was about to post."""


async def post(case: Case, message: Message, deps: PostingDeps, *, channel: str, thread: str | None) -> Case:
    """Post the message of a case, or edit it when an earlier turn posted it. Returns the case with its timestamp.

    Raises NotPosted, CannotPost, StoreDown.
    """
    if ts := await find(case, deps, channel=channel, thread=thread, is_ours=_carries_case):
        return await edit(case.model_copy(update={"channel": channel, "ts": ts}), message, deps)
    case = await save_posting(case, channel, deps)
    metadata = {"event_type": EVENT_TYPE, "event_payload": {"case": case.request.id}}
    where = {"channel": channel, "thread_ts": thread, "metadata": metadata, **POST_OPTIONS}
    method = without_retries(deps.slack).chat_postMessage
    case, posted = await _send(case, method, message, where, deps)
    return case.model_copy(update={"channel": posted["channel"], "ts": posted["ts"]})


async def edit(case: Case, message: Message, deps: PostingDeps) -> Case:
    """Replace the content of the message that a case has posted. Raises NotPosted, CannotPost."""
    where = {"channel": case.channel, "ts": case.ts}
    case, _ = await _send(case, deps.slack.chat_update, message, where, deps)
    return case


async def _send(
    case: Case, method: Any, message: Message, where: dict[str, Any], deps: PostingDeps
) -> tuple[Case, Any]:
    """Send a message with its blocks, or plainer when Slack refuses them; `Case.plain` says when it is text alone."""

    async def attempt(tried: Message) -> Any:
        return await call(method, **where, **tried.content)

    sent = await send_with_fallback(message, case.request.origin.team, deps, attempt)
    return case.model_copy(update={"plain": True}) if sent.plain else case, sent.response


@dataclass(frozen=True, slots=True)
class Sent(Generic[T]):
    """What became of a message."""

    response: T
    refusals: int = 0
    """How often Slack refused its blocks."""
    plain: bool = False
    """It is text alone."""


async def send_with_fallback(
    message: Message, team: str, deps: PostingDeps, attempt: Callable[[Message], Awaitable[T]]
) -> Sent[T]:
    """Send a message without the kinds of block that its workspace refused before; refused again, with plain blocks; then as text.

    What was refused is remembered once the plain blocks were taken: then it was not the rest. `attempt` raises
    InvalidBlocks for a refusal. Raises StoreDown.
    """
    refused = deps.refused_blocks
    shown = simplified(message, refused.kinds(team)) if refused.known else message
    try:
        return Sent(await attempt(shown))
    except InvalidBlocks as refusal:
        plain = simplified(shown, NEWER)
        if plain == shown or str(refusal) in TOO_LONG:
            return Sent(await attempt(Message(message.text)), 1, plain=True)
        kinds = refusal.kinds & NEWER or newer_kinds(shown)
    try:
        response = await attempt(plain)
    except InvalidBlocks:
        return Sent(await attempt(Message(message.text)), 2, plain=True)
    await deps.refused_blocks.remember(team, kinds)
    return Sent(response, 1)


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


def without_retries(slack: AsyncWebClient) -> AsyncWebClient:
    """The same client for calls that must not be made twice.

    It retries a 429 only, since Slack has surely not executed a call that it rate-limited. After a lost connection or
    a 5xx the message may be there all the same.
    """
    handlers: list[AsyncRetryHandler] = [
        one for one in slack.retry_handlers if isinstance(one, AsyncRateLimitErrorRetryHandler)
    ]
    limited = copy(slack)
    limited.retry_handlers = handlers
    return limited


async def save_posting(case: Case, channel: str, deps: PostingDeps) -> Case:
    """Save that something is about to be posted in a channel, before it is. Raises StoreDown."""
    if case.posting == channel:
        return case
    case = case.model_copy(update={"posting": channel})
    await deps.store.save(case)
    return case


async def find(
    case: Case, deps: PostingDeps, *, channel: str, thread: str | None, is_ours: IsOurs
) -> str | None:
    """The timestamp of a message that an earlier turn was about to post in this channel; None when it is not there.

    Raises NotPosted. Without the scope to read history the search is skipped: posting twice is better than never.
    """
    if case.posting != channel:
        return None
    search = {
        "channel": channel,
        "oldest": f"{case.request.at.timestamp() - CLOCK_SKEW:.6f}",
        "limit": SEARCHED,
        "include_all_metadata": True,
    }
    try:
        if thread:
            page = await call(deps.slack.conversations_replies, ts=thread, **search)
        else:
            page = await call(deps.slack.conversations_history, **search)
    except (CannotPost, MissingScope):
        return None
    found = (
        one for one in page["messages"] if isinstance(one, dict) and one.get("ts") and is_ours(one, case)
    )
    return next((str(one["ts"]) for one in found), None)


def _carries_case(message: dict[str, Any], case: Case) -> bool:
    metadata = message.get("metadata")
    payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(payload, dict):
        return False
    return bool(metadata.get("event_type") == EVENT_TYPE and payload.get("case") == case.request.id)
