"""Slack's Web API as the bot calls it: any reply can be read, and the operator learns of a refused token or missing scope."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState
from slack_sdk.web.async_client import AsyncWebClient

from bot.observability import Metrics
from handlers.slack_errors import DEAD_TOKEN, MISSING_SCOPE, NO_REPLY, TOKEN_ERRORS, UNREADABLE_REPLY

LONGEST_PAUSE = 30
"""Seconds that Slack may ask for with a 429 and that a call waits; for longer ones the job is scheduled again."""
MAX_REPLY_BYTES = 32 << 20
"""Of a reply from Slack: far more than the largest page of messages that is asked for."""

log = structlog.get_logger()


class Access:
    """Whether Slack accepts a token, by its latest replies, and which scopes it has granted."""

    def __init__(self, name: str, metrics: Metrics) -> None:
        """`name`: of the token, in the log and in the metrics."""
        self._name = name
        self._metrics = metrics
        self._metrics.token_refused.labels(name).set(0)
        self.refused = ""
        """Slack's error code for why it does not accept the token; "" while it does."""
        self.granted: frozenset[str] | None = None
        """None until Slack has said."""

    def accept(self, headers: Mapping[str, str]) -> None:
        """A call was answered."""
        if "x-oauth-scopes" in headers:
            scopes = (scope.strip() for scope in headers["x-oauth-scopes"].split(","))
            self.granted = frozenset(filter(None, scopes))
        if self.refused:
            log.warning("slack_token_accepted", token=self._name, after=self.refused)
            self._set("")

    def fail(self, method: str, data: Mapping[str, Any]) -> None:
        """A call was refused. The log tells what only the operator can change; the metrics count every code."""
        code = str(data["error"])
        self._metrics.slack_errors.labels(method, code).inc()
        if code == MISSING_SCOPE:
            log.warning(
                "slack_missing_scope", method=method, error=code, needed=str(data.get("needed") or "")[:200]
            )
        elif code in TOKEN_ERRORS and not self.refused:
            is_whole_token = code in DEAD_TOKEN or method == "auth.test"
            log.error(
                "slack_token_refused", token=self._name, method=method, error=code, work_rests=is_whole_token
            )
            if is_whole_token:
                self._set(code)
        elif code not in TOKEN_ERRORS:
            log.info("slack_refused_call", method=method, error=code)

    def _set(self, code: str) -> None:
        self.refused = code
        self._metrics.token_refused.labels(self._name).set(int(bool(code)))


class WebClient(AsyncWebClient):
    """Slack's Web API. Whatever comes back, a call returns a reply that holds what its method promises, or raises SlackApiError.

    By itself the SDK raises half a dozen other exceptions for replies that did not come from Slack: AttributeError for
    plain text, SlackApiError with a response of another type for half a JSON object, aiohttp's for a broken connection.
    """

    def __init__(self, access: Access, **options: Any) -> None:
        super().__init__(**options)
        self.access = access

    async def _request(self, *, http_verb: str, api_url: str, req_args: dict[str, Any]) -> dict[str, Any]:
        method = api_url.rpartition("/")[2]
        try:
            reply = await super()._request(http_verb=http_verb, api_url=api_url, req_args=req_args)
        except SlackApiError as error:
            reply = {"data": None, "headers": {}, "status_code": getattr(error.response, "status", 0)}
        except (aiohttp.ClientError, OSError):
            reply = {"data": {"error": NO_REPLY}, "headers": {}, "status_code": 0}
        except (ValueError, RecursionError):
            reply = {"data": None, "headers": {}, "status_code": 0}
        reply["data"] = _readable(method, reply)
        if reply["data"]["ok"]:
            self.access.accept(reply["headers"])
        else:
            self.access.fail(method, reply["data"])
        return reply

    async def _upload_file(self, **options: Any) -> Any:
        try:
            return await super()._upload_file(**options)
        except (SlackApiError, aiohttp.ClientError, OSError, ValueError):
            raise SlackRequestError(NO_REPLY) from None


_CODE = re.compile(r"[a-z][a-z0-9_]{0,79}")
_PROMISED: Mapping[str, Mapping[str, type]] = {
    "apps.connections.open": {"url": str},
    "auth.test": {"team_id": str, "user_id": str},
    "chat.postMessage": {"channel": str, "ts": str},
    "conversations.history": {"messages": list},
    "conversations.info": {"channel": dict},
    "conversations.open": {"channel": dict, "channel.id": str},
    "conversations.replies": {"messages": list},
    "files.getUploadURLExternal": {"upload_url": str, "file_id": str},
    "files.info": {"file": dict},
    "users.info": {"user": dict, "user.id": str},
    "views.open": {"view": dict, "view.id": str},
}
"""What is read from a method's reply, by its path."""


def _readable(method: str, reply: Mapping[str, Any]) -> dict[str, Any]:
    """The reply's body as the Web API sends it. One that it would not send becomes the error UNREADABLE_REPLY."""
    data = reply["data"]
    if not isinstance(data, dict):
        return {"ok": False, "error": UNREADABLE_REPLY}
    if data.get("ok") is not True or reply["status_code"] != HTTPStatus.OK:
        code = data.get("error")
        is_code = isinstance(code, str) and _CODE.fullmatch(code)
        return {**data, "ok": False, "error": code if is_code else UNREADABLE_REPLY}
    promised = _PROMISED.get(method, {})
    if all(isinstance(_at(data, path), kind) for path, kind in promised.items()):
        return data
    return {"ok": False, "error": UNREADABLE_REPLY}


def _at(data: Mapping[str, Any], path: str) -> Any:
    name, _, rest = path.partition(".")
    return data.get(name, {}).get(rest) if rest else data.get(name)


class Reply(aiohttp.ClientResponse):
    """A reply of limited size, whose text can always be read. Files are read from `content` and are not limited here."""

    async def read(self) -> bytes:
        """The body. Raises ClientPayloadError when it is larger than MAX_REPLY_BYTES."""
        if self._body is None:
            body = bytearray()
            async for chunk in self.content.iter_any():
                body += chunk
                if len(body) > MAX_REPLY_BYTES:
                    self.close()
                    raise aiohttp.ClientPayloadError("too large")
            self._body = bytes(body)
        return self._body

    async def text(self, encoding: str | None = None, errors: str = "replace") -> str:
        """The body as text, whatever its bytes."""
        return await super().text(encoding, errors)


class RateLimitRetries(AsyncRateLimitErrorRetryHandler):
    """Waits as long as a 429 asks for, unless that is longer than LONGEST_PAUSE or cannot be read: the SDK would raise ValueError."""

    async def _can_retry_async(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        if error is not None or response is None:
            return False
        pause = next(
            (value for name, value in response.headers.items() if name.lower() == "retry-after"), ["1"]
        )
        is_short = (
            bool(pause) and pause[0].isdecimal() and pause[0].isascii() and int(pause[0]) <= LONGEST_PAUSE
        )
        limited = await super()._can_retry_async(state=state, request=request, response=response, error=error)
        return is_short and limited
