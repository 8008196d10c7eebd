"""What Slack's error codes mean for a call: final or worth another try, about the token, a scope, or the place."""

import asyncio
import re
from collections.abc import Mapping
from copy import copy
from http import HTTPStatus
from typing import Any

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

UNREADABLE_REPLY = "unreadable_reply"
"""Our own code for a reply that is not what the Web API sends: a proxy's HTML, half a JSON object, nothing at all."""
NO_REPLY = "no_reply"
"""Our own code for a call without a reply: no connection, a connection that broke, a timeout."""
PROXY_NOT_RESPONDING = "proxy_not_responding"
PROXY_WANTS_LOGIN = "proxy_wants_login"
PROXY_REFUSED = "proxy_refused"
CERTIFICATE_NOT_TRUSTED = "certificate_not_trusted"
"""Our own codes where it is known which part of the connection is at fault."""
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
"""For a place where the bot cannot write, however often it tries."""
CANNOT_EDIT = frozenset(
    {
        "message_not_found",
        "cant_update_message",
        "cant_delete_message",
        "edit_window_closed",
        "is_inactive",
    }
)
"""For a message that can no longer be changed: it was deleted, is too old, or is in a channel that was archived."""
TRANSIENT = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
        "update_failed",
        UNREADABLE_REPLY,
        NO_REPLY,
        PROXY_NOT_RESPONDING,
        PROXY_WANTS_LOGIN,
        PROXY_REFUSED,
        CERTIFICATE_NOT_TRUSTED,
    }
)
"""For trouble of Slack's own, or on the way there, which may be over in a moment."""
TOO_LONG = frozenset({"msg_blocks_too_long", "view_too_large"})
"""For more characters than Slack takes: plainer blocks would be as long."""
INVALID_ARGUMENTS = "invalid_arguments"
INVALID_BLOCKS = TOO_LONG | {"invalid_blocks", "invalid_blocks_format"}
"""For blocks that Slack refuses. Some of its limits are undocumented (see `views/layout.py`)."""
DEAD_TOKEN = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "not_authed",
        "team_disabled",
        "token_expired",
        "token_revoked",
        "user_removed_from_team",
    }
)
"""For a token with which no method can be called."""
TOKEN_ERRORS = DEAD_TOKEN | {
    "access_denied",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "not_allowed_token_type",
    "org_login_required",
    "team_access_not_granted",
    "two_factor_setup_required",
}
"""For a token that Slack does not accept. Those that are not in DEAD_TOKEN may concern one method or channel only."""
MISSING_SCOPE = "missing_scope"
SLACK_TIMEOUT = 0.7
"""Seconds for one call to Slack before the acknowledgement: a listener has three in all, and makes at most four calls."""


class NotPosted(Exception):
    """Slack did not take a call; the job is retried. The text is Slack's error code, or "" when it gave none."""


_UNSUPPORTED = re.compile(r"unsupported type: (\w+)")
"""How Slack's reply names a kind of block that it does not know."""


def unsupported(reply: str) -> frozenset[str]:
    """The kinds of block that Slack's reply says it does not know."""
    return frozenset(_UNSUPPORTED.findall(reply))


class InvalidBlocks(NotPosted):
    """Slack refused the blocks of a message; plainer ones, or its text, may still be posted.

    `kinds`: the kinds of block that it does not know, where it names them.
    """

    def __init__(self, code: str = "", kinds: frozenset[str] = frozenset()) -> None:
        super().__init__(code)
        self.kinds = kinds


class CannotPost(NotPosted):
    """The bot may not write there, and trying again will not help."""


class TokenRefused(NotPosted):
    """Slack does not accept the bot's token. Work pauses until it does: nothing that is tried before then can succeed."""


class NotInstalled(NotPosted):
    """The app is not installed in the workspace, or no longer: nobody there can be told anything."""


class MissingScope(NotPosted):
    """The token lacks `scope`: trying again helps only after the app was installed again with it."""

    def __init__(self, scope: str) -> None:
        super().__init__(MISSING_SCOPE)
        self.scope = scope


NO_USE = (CannotPost, MissingScope, NotInstalled)
"""Errors after which another try helps only when somebody has changed something in Slack."""


class Unknown(Exception):
    """Slack did not answer, or does not know. The text is its error code; `scope` the one that the app lacks."""

    def __init__(self, code: str = NO_REPLY, scope: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.scope = scope

    @property
    def is_transient(self) -> bool:
        """Whether Slack may well say it at another time."""
        return self.code in TRANSIENT | TOKEN_ERRORS


class NotVisible(Unknown):
    """A user of another workspace who shares no channel with the bot."""


def is_final(error: NotPosted) -> bool:
    """Whether the same call would be refused again at any time: not when Slack is in trouble, or only needs to be set up."""
    return not isinstance(error, TokenRefused | MissingScope) and str(error) not in TRANSIENT | {""}


async def call(method: Any, **arguments: Any) -> Any:
    """Make a Web API call. Raises InvalidBlocks, CannotPost, TokenRefused, MissingScope, or NotPosted for the rest."""
    try:
        return await method(**arguments)
    except SlackApiError as error:
        code = error_code(error)
        if "view" in arguments and code == INVALID_ARGUMENTS:  # its blocks are all that can be wrong
            raise InvalidBlocks(code, unsupported(str(_body(error)))) from error
        raise not_posted(error) from error
    except SlackClientError as error:
        raise NotPosted from error


async def ask(method: Any, **arguments: Any) -> Any:
    """Make a Web API call before the acknowledgement, which waits for it. Raises Unknown, NotVisible for some people."""
    try:
        async with asyncio.timeout(SLACK_TIMEOUT):
            return await method(**arguments)
    except SlackApiError as error:
        if error_code(error) == "user_not_visible":
            raise NotVisible("user_not_visible") from None
        refused = not_posted(error)
        raise Unknown(str(refused), refused.scope if isinstance(refused, MissingScope) else "") from error
    except (SlackClientError, OSError, TimeoutError) as error:
        raise Unknown from error


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


def not_posted(error: SlackApiError) -> NotPosted:
    """The exception that says what Slack's error code means."""
    code = error_code(error)
    if code == MISSING_SCOPE:
        return MissingScope(str(_body(error).get("needed") or ""))
    if code in TOKEN_ERRORS:
        return TokenRefused(code)
    if code in INVALID_BLOCKS:
        return InvalidBlocks(code, unsupported(str(_body(error))))
    if code in CANNOT_POST | CANNOT_EDIT:
        return CannotPost(code)
    return NotPosted(code)


def error_code(error: SlackApiError) -> str:
    """Slack's error code; "" when the reply holds none."""
    return str(_body(error).get("error") or "")


def _body(error: SlackApiError) -> Mapping[str, Any]:
    body = getattr(error.response, "data", None)
    return body if isinstance(body, dict) else {}


def is_transient(error: SlackApiError) -> bool:
    """Whether Slack itself is in trouble, which may be over in a moment. Its other answers are final."""
    status = getattr(error.response, "status_code", 0)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return True
    return error_code(error) in TRANSIENT
