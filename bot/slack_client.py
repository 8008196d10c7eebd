"""The connections to Slack: its Web API, and whether it accepts a token; who the bot is there; and Socket Mode."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from http import HTTPStatus
from time import time
from typing import Any

import aiohttp
import structlog
from pydantic import SecretStr
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.errors import SlackApiError, SlackClientError, SlackRequestError
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.environment import OperatorError
from bot.observability import OTHER, Metrics
from bot.server import Listener, authorized_as
from bot.settings import Settings
from bot.transport import slack_fault, slack_session
from handlers.slack_errors import (
    CANNOT_EDIT,
    CANNOT_POST,
    DEAD_TOKEN,
    INVALID_BLOCKS,
    MISSING_SCOPE,
    NO_REPLY,
    TOKEN_ERRORS,
    TRANSIENT,
    UNREADABLE_REPLY,
    error_code,
)
from handlers.text.language import lazy_gettext as _

LONGEST_PAUSE = 30
"""Seconds that Slack may ask for with a 429 and that a call waits; for longer ones the job is scheduled again."""
RETRY_SECONDS = 10
"""Between calls of auth.test while Slack does not answer, or refuses the token."""
PROBE_SECONDS = 60
"""Between calls of auth.test while all is well: a token that is revoked while nobody asks anything is noticed too."""
CONNECT_SECONDS = 20
"""How long Slack may take to open a Socket Mode connection."""

Probe = Callable[[], Awaitable[object]]
"""Asks one part whether it works; raises when it does not."""

CODES = CANNOT_POST | CANNOT_EDIT | TRANSIENT | INVALID_BLOCKS | TOKEN_ERRORS | {MISSING_SCOPE}
"""Error codes of Slack that the metrics count by themselves."""

log = structlog.get_logger()


class NotConnected(Exception):
    """The Socket Mode connection is not open at the moment; the text says why."""


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

    @contextmanager
    def timed(self, method: str) -> Iterator[None]:
        """Measures a call while the block runs."""
        with self._metrics.slack.labels(method).time(), self._metrics.tracing.span(f"Slack {method}"):
            yield

    def accept(self, headers: Mapping[str, str]) -> None:
        """A call was answered."""
        if "x-oauth-scopes" in headers:
            scopes = (scope.strip() for scope in headers["x-oauth-scopes"].split(","))
            self.granted = frozenset(filter(None, scopes))
        if self.refused:
            log.warning("slack_token_accepted", token=self._name, after=self.refused)
            self.set_refused("")

    def fail(self, method: str, data: Mapping[str, Any]) -> None:
        """A call was refused. The log tells what only the operator can change; the metrics count the codes that are known."""
        code = str(data["error"])
        self._metrics.slack_errors.labels(method, code if code in CODES else OTHER).inc()
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
                self.set_refused(code)
        elif code not in TOKEN_ERRORS:
            log.info("slack_refused_call", method=method, error=code)

    def set_refused(self, code: str) -> None:
        """Note why Slack does not accept the token; "": it does."""
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
            with self.access.timed(method):
                reply = await super()._request(http_verb=http_verb, api_url=api_url, req_args=req_args)
        except (aiohttp.ClientError, OSError) as error:
            reply = {"data": {"error": slack_fault(error)}, "headers": {}, "status_code": 0}
        except (SlackApiError, ValueError, RecursionError) as error:
            status = getattr(getattr(error, "response", None), "status", 0)
            reply = {"data": None, "headers": {}, "status_code": status}
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
    "oauth.v2.access": {"access_token": str, "token_type": str},
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


@asynccontextmanager
async def web_client(settings: Settings, metrics: Metrics | None = None) -> AsyncIterator[WebClient]:
    """Slack's Web API over one HTTP session; repeats calls that were rate-limited, interrupted or answered with 5xx."""
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else None
    metrics = metrics or Metrics()
    traced = metrics.tracing.response_urls(settings.slack_api_url)
    async with slack_session(settings.vt_ca_bundle, settings.proxies, traced) as session:
        yield WebClient(
            Access("bot", metrics),
            token=token,
            base_url=settings.slack_api_url,
            session=session,
            retry_handlers=[
                AsyncConnectionErrorRetryHandler(max_retry_count=2),
                RateLimitRetries(max_retry_count=3),
                AsyncServerErrorRetryHandler(max_retry_count=2),
            ],
        )


@asynccontextmanager
async def identity(slack: WebClient) -> AsyncIterator[Callable[[], Awaitable[AuthorizeResult]]]:
    """Yields what tells bolt the bot's ids; they are None until Slack has answered. Raises OperatorError.

    Left to itself, bolt would call auth.test when the first command arrives, while the person waits. Asking goes on, so
    that a token that is revoked is noticed, and that work goes on when Slack accepts it again.
    """
    known = [AuthorizeResult(enterprise_id=None, team_id=None, bot_token=slack.token)]
    await _ask(slack, known)
    if slack.access.refused:
        raise OperatorError(
            "Slack refused SLACK_BOT_TOKEN ({why}): copy it again from the app's page.",
            why=slack.access.refused,
        )
    asking = asyncio.create_task(_keep_asking(slack, known))
    try:
        yield authorized_as(known)
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking


async def _keep_asking(slack: WebClient, known: list[AuthorizeResult]) -> None:
    while True:
        all_is_well = known[-1].team_id and not slack.access.refused
        await asyncio.sleep(PROBE_SECONDS if all_is_well else RETRY_SECONDS)
        await _ask(slack, known)


async def _ask(slack: WebClient, known: list[AuthorizeResult]) -> None:
    try:
        who = await slack.auth_test()
    except SlackApiError as error:
        if not slack.access.refused:
            log.warning("slack_not_answering", error=error_code(error))
        return
    known[1:] = [
        AuthorizeResult(
            enterprise_id=None,
            team_id=who["team_id"],
            bot_token=slack.token,
            bot_id=who.get("bot_id"),
            bot_user_id=who["user_id"],
        )
    ]


# Socket Mode -------------------------------------------------------------------------------------------


_NOT_OPENED = _("Slack did not open a connection for SLACK_APP_TOKEN ({why}).")


@asynccontextmanager
async def socket_mode(
    app: Listener, token: SecretStr, client: WebClient, metrics: Metrics
) -> AsyncIterator[Probe]:
    """Stay connected while the block runs; yields what asks whether the connection is up. Raises OperatorError."""
    web = WebClient(
        Access("app", metrics),
        token=token.get_secret_value(),
        base_url=client.base_url,
        session=client.session,
    )
    try:
        # Bolt's handler would retry a bad token endlessly.
        await web.apps_connections_open(app_token=web.token or "")
    except SlackClientError as error:
        why = error_code(error) if isinstance(error, SlackApiError) else type(error).__name__
        raise OperatorError(_NOT_OPENED, why=why) from None
    connection: Any = _Envelopes(app, token.get_secret_value(), web_client=web).client
    # Its own session knows nothing of our proxies and certificates.
    await connection.aiohttp_client_session.close()
    connection.aiohttp_client_session = client.session
    try:
        try:
            await asyncio.wait_for(connection.connect(), CONNECT_SECONDS)
        except TimeoutError:
            raise OperatorError(_NOT_OPENED, why="no answer") from None

        async def connected() -> None:
            if not await connection.is_connected():
                raise NotConnected(web.access.refused or "not connected")

        yield connected
    finally:
        connection.aiohttp_client_session = None  # it is not the connection's to close
        await connection.close()


class _Envelopes(AsyncSocketModeHandler):
    """Bolt's adapter, which would not acknowledge an event that bolt cannot read."""

    app: Listener

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]
        """Take what one envelope holds."""
        start = time()
        response = await self.app.take(req.payload, is_event=req.type == "events_api")
        await send_async_response(client, req, response, start)
