"""The bot's own messages: posted once, even when the process dies between posting and saving, and edited afterwards.

Slack has no idempotency key for chat.postMessage. So the channel is saved before the call, and the message carries the
request's id in its metadata: a later turn that finds the channel saved, but no timestamp, searches Slack for the message.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from handlers.case import Case
from handlers.deps import PostingDeps
from handlers.views.rich_text import Message

POST_OPTIONS = {"unfurl_links": False, "unfurl_media": False, "mrkdwn": False}
"""Slack must not fetch or format anything in our messages. An unfurl would also come back as a `message_changed` event."""
CANNOT_POST = frozenset(
    {
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "thread_not_found",
        "message_not_found",
        "cannot_reply_to_message",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
        "restricted_action_thread_locked",
        "restricted_action_non_threadable_channel",
        "user_not_found",
        "user_disabled",
        "cannot_dm_bot",
        "messages_tab_disabled",
    }
)
"""Slack's error codes for a place where the bot cannot write, however often it tries."""
CANNOT_EDIT = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""Slack's error codes for a message that can no longer be edited: it was deleted, or it is too old."""
TRANSIENT = frozenset(
    {
        "ratelimited",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
    }
)
"""Slack's error codes for trouble of its own, which may be over in a moment."""
INVALID_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
"""Slack's error codes for blocks that it refuses. Some of its limits are undocumented (see `views.answer`)."""
EVENT_TYPE = "vtbot_answer"
"""Marks our messages in their metadata. Stored in Slack: changing it makes older messages unfindable."""
CLOCK_SKEW = 300
"""Seconds by which Slack's clock and ours may differ."""
SEARCHED = 200
"""How many messages since the request are searched for our own."""

IsOurs = Callable[[dict[str, Any], Case], bool]
"""Tells whether a message, as Slack lists it, is the one that a case was about to post."""


class NotPosted(Exception):
    """Slack did not take a call; the job is retried. The text is Slack's error code, or "" when it gave none."""


class InvalidBlocks(NotPosted):
    """Slack refused the blocks of a message; its plain text may still be posted."""


class CannotPost(NotPosted):
    """The bot may not write there, and trying again will not help."""


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
    case, posted = await _send(case, method, message, where)
    return case.model_copy(update={"channel": posted["channel"], "ts": posted["ts"]})


async def edit(case: Case, message: Message, deps: PostingDeps) -> Case:
    """Replace the content of the message that a case has posted. Raises NotPosted, CannotPost."""
    where = {"channel": case.channel, "ts": case.ts}
    case, _ = await _send(case, deps.slack.chat_update, message, where)
    return case


async def _send(case: Case, method: Any, message: Message, where: dict[str, Any]) -> tuple[Case, Any]:
    """Send a message with its blocks, or as plain text when Slack refuses them; `Case.plain` then says so."""
    try:
        return case, await call(method, **where, **message.content)
    except InvalidBlocks:
        response = await call(method, **where, **Message(message.text).content)
        return case.model_copy(update={"plain": True}), response


def without_retries(slack: AsyncWebClient) -> AsyncWebClient:
    """The same client for calls that must not be made twice.

    It retries a 429 only, since Slack has surely not executed a call that it rate-limited. After a lost connection or
    a 5xx the message may be there all the same.
    """
    handlers: list[AsyncRetryHandler] = [
        one for one in slack.retry_handlers if isinstance(one, AsyncRateLimitErrorRetryHandler)
    ]
    return AsyncWebClient(
        token=slack.token, base_url=slack.base_url, session=slack.session, retry_handlers=handlers
    )


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
    except CannotPost:
        return None
    except NotPosted as error:
        if str(error) == "missing_scope":
            return None
        raise
    return next((str(one["ts"]) for one in page["messages"] if is_ours(one, case)), None)


def _carries_case(message: dict[str, Any], case: Case) -> bool:
    metadata = message.get("metadata") or {}
    case_id = metadata.get("event_payload", {}).get("case")
    return bool(metadata.get("event_type") == EVENT_TYPE and case_id == case.request.id)


async def call(method: Any, **arguments: Any) -> Any:
    """Make a Web API call. Raises InvalidBlocks, CannotPost, or NotPosted for everything else."""
    try:
        return await method(**arguments)
    except SlackApiError as error:
        code = str(error.response.get("error", ""))
        if code in INVALID_BLOCKS:
            raise InvalidBlocks(code) from error
        if code in CANNOT_POST | CANNOT_EDIT:
            raise CannotPost(code) from error
        raise NotPosted(code) from error
    except SlackClientError as error:
        raise NotPosted from error


def is_transient(error: SlackApiError) -> bool:
    """Whether Slack itself is in trouble, which may be over in a moment. Its other answers are final."""
    status = error.response.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return True
    return error.response.get("error") in TRANSIENT
