"""Messages of the bot's own: posted once, though a process may die between posting and remembering; then edited."""

from collections.abc import Callable
from typing import Any

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from handlers.deps import Case, Deps
from handlers.views.answer import Message

QUIET = {"unfurl_links": False, "unfurl_media": False, "mrkdwn": False}
"""Nothing in our messages is fetched or formatted."""
BARRED = frozenset(
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
"""Slack's words for a place where we cannot write, today or tomorrow."""
LOST = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""Slack's words for a message that can no longer be changed: it was deleted, or it is too old."""
PASSING = frozenset(
    {
        "ratelimited",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
    }
)
"""Slack's words for trouble of its own."""
UNSHOWN = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
"""Slack's words for blocks that it does not take."""
EVENT_TYPE = "vtbot_answer"
AROUND = 300
"""Seconds that Slack's clock and ours may differ."""
SEEN = 200
"""Messages since the request among which our own is looked for."""


Ours = Callable[[dict[str, Any], Case], bool]
"""Whether a message is the one that a case was about to post."""


class NotPosted(Exception):
    """Slack did not take it; the job is tried again. The text is Slack's word for why, if it said one."""


class Unshowable(NotPosted):
    """Slack does not take the blocks."""


class Barred(NotPosted):
    """The bot may not write there, and trying again will not help."""


async def post(case: Case, message: Message, channel: str, thread: str | None, deps: Deps) -> Case:
    """Post the message of a case, or change the one that stands there already. Raises NotPosted, Barred.

    That it is about to be posted is remembered first. Who finds that and no timestamp looks for a message that
    carries the case's id, and posts only when there is none.
    """
    if ts := await found(case, channel, thread, _carries, deps):
        return await change(case.model_copy(update={"channel": channel, "ts": ts}), message, deps)
    case = await about_to(case, channel, deps)
    metadata = {"event_type": EVENT_TYPE, "event_payload": {"case": case.request.id}}
    where = {"channel": channel, "thread_ts": thread, "metadata": metadata, **QUIET}
    case, posted = await _shown(case, once(deps.slack).chat_postMessage, message, where)
    return case.model_copy(update={"channel": posted["channel"], "ts": posted["ts"]})


def once(slack: AsyncWebClient) -> AsyncWebClient:
    """The same client, but for what may not be done twice: it sends again only what Slack surely did not take."""
    patient: list[AsyncRetryHandler] = [
        one for one in slack.retry_handlers if isinstance(one, AsyncRateLimitErrorRetryHandler)
    ]
    return AsyncWebClient(
        token=slack.token, base_url=slack.base_url, session=slack.session, retry_handlers=patient
    )


async def change(case: Case, message: Message, deps: Deps) -> Case:
    """Put this in place of what the case's message said. Raises NotPosted, Barred."""
    where = {"channel": case.channel, "ts": case.ts}
    case, _ = await _shown(case, deps.slack.chat_update, message, where)
    return case


async def _shown(case: Case, method: Any, message: Message, where: dict[str, Any]) -> tuple[Case, Any]:
    """With its blocks, or as plain text when Slack does not take them, which the case then knows."""
    try:
        return case, await call(method, **where, **body(message))
    except Unshowable:
        plain = await call(method, **where, **body(Message(message.text)))
        return case.model_copy(update={"plain": True}), plain


async def about_to(case: Case, channel: str, deps: Deps) -> Case:
    """Remember that something is about to be posted there, before it is."""
    if case.posting == channel:
        return case
    case = case.model_copy(update={"posting": channel})
    await deps.store.save(case)
    return case


async def found(case: Case, channel: str, thread: str | None, ours: Ours, deps: Deps) -> str | None:
    """The timestamp of what was about to be posted there, if it stands there."""
    if case.posting != channel:
        return None
    wanted = {
        "channel": channel,
        "oldest": f"{case.request.at.timestamp() - AROUND:.6f}",
        "limit": SEEN,
        "include_all_metadata": True,
    }
    try:
        if thread:
            page = await call(deps.slack.conversations_replies, ts=thread, **wanted)
        else:
            page = await call(deps.slack.conversations_history, **wanted)
    except Barred:
        return None
    except NotPosted as why:
        if str(why) != "missing_scope":  # who does not let us read lets us post twice rather than never
            raise
        return None
    return next((str(one["ts"]) for one in page["messages"] if ours(one, case)), None)


def _carries(message: dict[str, Any], case: Case) -> bool:
    metadata = message.get("metadata") or {}
    mine = metadata.get("event_payload", {}).get("case") == case.request.id
    return bool(metadata.get("event_type") == EVENT_TYPE and mine)


async def call(method: Any, **arguments: Any) -> Any:
    """A Web API call. Raises NotPosted, Unshowable, Barred."""
    try:
        return await method(**arguments)
    except SlackApiError as error:
        raise _refused(str(error.response.get("error", ""))) from error
    except SlackClientError as error:
        raise NotPosted from error


def passing(error: SlackApiError) -> bool:
    """Slack's own trouble, that may be over in a moment; anything else it said is final."""
    status, word = error.response.status_code, error.response.get("error")
    return status in (429, *range(500, 600)) or word in PASSING


def _refused(word: str) -> NotPosted:
    if word in UNSHOWN:
        return Unshowable(word)
    return Barred(word) if word in BARRED | LOST else NotPosted(word)


def body(message: Message) -> dict[str, Any]:
    """As Slack takes it."""
    return {"text": message.text, "blocks": list(message.blocks)}
