"""Slack's Web API: one row for each method, and the checks that stand before all of them."""

import json
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from playground.slack import chat, conversations, files, objects, payloads, views
from playground.slack.bad_replies import BAD_REPLIES, BadReply
from playground.slack.link import Link
from playground.slack.posting import Refused
from playground.slack.rules import Fault, Rule
from playground.slack.seed import APP, BOT
from playground.slack.state import State

KEPT = 1_000
"""Calls that are remembered."""
MINUTE = 60
TIERS = {1: 1, 2: 20, 3: 50, 4: 100}
"""Calls a minute."""
LIMITED = 429
LOST = "lost"
"""An order that is carried out, though the answer to it gets lost."""
STATUS = {"ratelimited": LIMITED, "internal_error": 500, LOST: 503, "expired_url": 404, "used_url": 404}
"""Errors that come with another status than 200."""
EVERY = "*"
"""In place of a method: every one, and every response_url."""
PER_CHANNEL = 0
"""One a second in each channel."""
SCOPES = frozenset(
    [
        "commands",
        "chat:write",
        "app_mentions:read",
        "channels:history",
        "groups:history",
        "im:history",
        "channels:read",
        "groups:read",
        "channels:join",
        "files:read",
        "files:write",
        "reactions:write",
        "users:read",
        "users:read.email",
        "im:read",
        "im:write",
        "mpim:history",
        "mpim:read",
    ]
)


@dataclass(frozen=True, slots=True)
class Method:
    """A method, the scope it needs, the calls it allows, and what it does."""

    name: str
    scope: str
    """`channels:…` for a public channel: for other conversations it is `groups:…`, `im:…` or `mpim:…`."""
    tier: int
    run: Callable[[State, Mapping[str, Any]], dict[str, Any]]


METHODS = {
    method.name: method
    for method in (
        Method("chat.postMessage", "chat:write", PER_CHANNEL, chat.post_message),
        Method("chat.postEphemeral", "chat:write", 4, chat.post_ephemeral),
        Method("chat.update", "chat:write", 3, chat.update),
        Method("chat.delete", "chat:write", 3, chat.delete),
        Method("chat.getPermalink", "", 4, chat.permalink),
        Method("reactions.add", "reactions:write", 3, chat.add_reaction),
        Method("reactions.remove", "reactions:write", 2, chat.remove_reaction),
        Method("conversations.info", "channels:read", 3, conversations.info),
        Method("conversations.list", "channels:read", 2, conversations.listed),
        Method("conversations.members", "channels:read", 4, conversations.members),
        Method("conversations.join", "channels:join", 3, conversations.join),
        Method("conversations.open", "im:write", 3, conversations.direct),
        Method("conversations.history", "channels:history", 3, conversations.history),
        Method("conversations.replies", "channels:history", 3, conversations.replies),
        Method("users.info", "users:read", 4, conversations.user),
        Method("users.list", "users:read", 2, conversations.users),
        Method("views.open", "", 4, views.opened),
        Method("views.push", "", 4, views.pushed),
        Method("views.update", "", 4, views.updated),
        Method("views.publish", "", 4, views.published),
        Method("files.getUploadURLExternal", "files:write", 4, files.announced),
        Method("files.completeUploadExternal", "files:write", 4, files.completed),
        Method("files.info", "files:read", 4, files.info),
    )
}


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the bot made, and what it was answered."""

    method: str
    """`response_url` for a message that came that way."""
    args: Mapping[str, Any]
    status: int
    reply: Mapping[str, Any]
    milliseconds: float = 0.0


class Api:
    """Answers calls, each after its token, scope, rate and the failures that a test ordered."""

    def __init__(
        self,
        state: State,
        link: Link,
        bot_token: str,
        app_token: str,
        scopes: Collection[str],
        *,
        limited: bool,
    ) -> None:
        self.state = state
        self.link = link
        self.bot_token = bot_token
        self.app_token = app_token
        self.scopes = frozenset(scopes)
        self.limited = limited
        """Whether rates above Slack's are answered 429."""
        self.calls: deque[Call] = deque(maxlen=KEPT)
        self.watchers: list[Callable[[Call], None]] = []
        self.refused_tokens: dict[str, str] = {}
        """Tokens that no longer work, with the error that every call with one gets."""
        self._orders: defaultdict[str, deque[tuple[str, float]]] = defaultdict(deque)
        self._rates: dict[tuple[str, str], deque[float]] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """POST or GET /api/<method>."""
        name = request.match_info["method"]
        args = await arguments(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or args.pop("token", "")
        start = time.perf_counter()
        if bad := self.bad_reply(name):
            self.keep(Call(name, args, bad.status, {}))
            return await bad.send(request)
        status, reply, headers = self.call(name, str(token), args)
        self.keep(Call(name, args, status, reply, (time.perf_counter() - start) * 1000))
        return web.json_response(reply, status=status, headers=headers)

    def keep(self, call: Call) -> None:
        """Remember a call and tell of it."""
        self.calls.append(call)
        for watcher in self.watchers:
            watcher(call)

    def call(self, name: str, token: str, args: dict[str, Any]) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Status, JSON and headers of the answer."""
        try:
            self._allowed(name, token, args)
            wait = self._wait(name, args)
            if wait:
                return LIMITED, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(wait)}
            failed = self.failed(name)
            if failed and failed[1]["error"] != LOST:
                return failed
            reply = {"ok": True, **self._run(name, args)}
        except Refused as refused:
            return 200, self._refusal(refused), self._granted()
        payloads.tell(self.state, reply)
        if failed:
            return failed
        return 200, reply, self._granted()

    def _granted(self) -> dict[str, str]:
        return {"X-OAuth-Scopes": ",".join(sorted(self.scopes))}

    def _refusal(self, refused: Refused) -> dict[str, Any]:
        reply: dict[str, Any] = {"ok": False, "error": refused.error}
        if refused.error == "missing_scope":
            return {**reply, "needed": refused.messages[0], "provided": ",".join(sorted(self.scopes))}
        if refused.messages:
            reply["response_metadata"] = {"messages": list(refused.messages)}
        return reply

    def _run(self, name: str, args: dict[str, Any]) -> dict[str, Any]:
        if name == "auth.test":
            return _identity(self.state)
        if name == "apps.connections.open":
            return {"url": f"{self.state.base.replace('http', 'ws', 1)}/link?ticket={self.link.ticket()}"}
        reply = METHODS[name].run(self.state, args)
        if name == "users.info" and "users:read.email" not in self.scopes:
            reply["user"]["profile"].pop("email", None)
        return reply

    def _allowed(self, name: str, token: str, args: Mapping[str, Any]) -> None:
        right = self.app_token if name == "apps.connections.open" else self.bot_token
        if token != right:
            self._blame(name, Rule.TOKEN, "called with a wrong token or none")
            raise Refused("invalid_auth" if token else "not_authed")
        if token in self.refused_tokens:
            raise Refused(self.refused_tokens[token])
        if name not in METHODS and name not in ("auth.test", "apps.connections.open"):
            self._blame(name, Rule.CALL, "there is no such method")
            raise Refused("method_deprecated" if name == "files.upload" else "unknown_method")
        scope = self._scope(METHODS[name].scope, args) if name in METHODS else ""
        if scope and scope not in self.scopes:
            self._blame(name, Rule.SCOPE, f"needs the scope {scope}")
            raise Refused("missing_scope", scope)

    def _scope(self, scope: str, args: Mapping[str, Any]) -> str:
        """The scope for the conversation that is named."""
        channel = self.state.channels.get(str(args.get("channel")))
        if channel is None or scope not in ("channels:read", "channels:history"):
            return scope
        kind = {"channel": "channels", "group": "groups"}.get(objects.channel_type(channel))
        return f"{kind or objects.channel_type(channel)}:{scope.partition(':')[2]}"

    def _blame(self, name: str, rule: Rule, sentence: str) -> None:
        self.state.blame(name, Fault(rule, sentence))

    def _wait(self, name: str, args: Mapping[str, Any]) -> int:
        """Seconds to wait before this call; 0 when it may be made now."""
        if not self.limited or name not in METHODS:
            return 0
        tier = METHODS[name].tier
        where = str(args.get("channel")) if tier == PER_CHANNEL else ""
        most, window = (1, 1) if tier == PER_CHANNEL else (TIERS[tier], MINUTE)
        made = self._rates.setdefault((name, where), deque())
        now = self.state.clock()
        while made and made[0] <= now - window:
            made.popleft()
        if len(made) >= most:
            return max(1, round(made[0] + window - now))
        made.append(now)
        return 0

    def order(self, name: str, error: str, times: int, after: float) -> None:
        """Let the next calls fail with this error; `after` is what Retry-After says."""
        self._orders[name].extend([(error, after)] * times)

    def bad_reply(self, name: str) -> BadReply | None:
        """The reply that was ordered for this call, if it is one that is not from Slack. The call then does nothing."""
        for key in (name, EVERY):
            if self._orders[key] and self._orders[key][0][0] in BAD_REPLIES:
                return BAD_REPLIES[self._orders[key].popleft()[0]]
        return None

    def failed(self, name: str) -> tuple[int, dict[str, Any], dict[str, str]] | None:
        """The failure that was ordered for this call, if any."""
        key = name if self._orders[name] else EVERY
        if not self._orders[key]:
            return None
        error, after = self._orders[key].popleft()
        status = STATUS.get(error, 200)
        return (
            status,
            {"ok": False, "error": error},
            {"Retry-After": f"{after:g}"} if status == LIMITED else {},
        )


def _identity(state: State) -> dict[str, Any]:
    return {
        "url": f"https://{objects.DOMAIN}.slack.com/",
        "team": "Playground",
        "user": BOT.name,
        "team_id": state.team,
        **({"enterprise_id": state.enterprise} if state.enterprise else {}),
        "user_id": BOT.id,
        "bot_id": BOT.bot_id,
        "app_id": APP,
        "is_enterprise_install": False,
    }


async def arguments(request: web.Request) -> dict[str, Any]:
    """From the query, a form or JSON; what is JSON inside a form is read too."""
    if request.content_type == "application/json":
        body = await request.json()
        return {**request.query, **body} if isinstance(body, dict) else {}
    form = {**request.query, **await request.post()}
    return {name: _read(value) for name, value in form.items()}


def _read(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
