"""A strict stand-in for a Slack workspace: a real bot talks to it unpatched, and each fault of the bot is kept."""

import asyncio
import ssl
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Self

from aiohttp import web

from playground.slack import drawing, files, hooks
from playground.slack.api import SCOPES, Api, Call
from playground.slack.buttons import Button, pressable
from playground.slack.delivery import EVENTS, Ack, Dispatcher, signed
from playground.slack.link import Link
from playground.slack.people import People, Who
from playground.slack.records import Change, Channel, File, Message, Person, View
from playground.slack.rules import Rule
from playground.slack.seed import TEAM
from playground.slack.state import State

UPLOAD_BYTES = 1 << 30
RETRIES = (0.0, 60.0, 300.0)
ACK_TIMEOUT = 3.0


class Workspace(People):
    """Slack for one bot. `async with Workspace() as slack:` starts it on a free port of the loopback.

    Args:
        target: where the bot takes requests (http://127.0.0.1:PORT/slack/events); None: it uses Socket Mode. May be
            set after the start, since the bot needs `api_url` first.
        clock: seconds since 1970, for timestamps and for what expires; signatures use the real time.
        ack_timeout: seconds that Slack waits for an acknowledgement.
        retries: seconds before each repetition of an event that was not taken.
        events: bot events as in a manifest that the bot subscribed to.
        scopes: what the bot token may do.
        rate_limits: whether calls above Slack's rates are answered 429.
        should_escape: whether the text of commands has people, channels and links marked up.
        port: 0 for a free one.
        tls: served by HTTPS with this.
        team: the id of the workspace; `name`: what it is called.
        enterprise: the organisation to which it belongs.
        number: a digit in the ids of its people and channels, which makes them other ones.
        uploads: the folder for files that people attach and the bot sends; None: they stay in memory.
    """

    def __init__(
        self,
        target: str | None = None,
        *,
        clock: Callable[[], float] = time.time,
        ack_timeout: float = ACK_TIMEOUT,
        retries: Collection[float] = RETRIES,
        events: Collection[str] = tuple(EVENTS),
        scopes: Collection[str] = SCOPES,
        should_escape: bool = True,
        rate_limits: bool = False,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        uploads: Path | None = None,
        team: str = TEAM,
        name: str = "Playground",
        enterprise: str | None = None,
        number: int = 0,
    ) -> None:
        self.name = name
        self.bot_token = "xoxb-playground-bot"  # noqa: S105 - of a workspace that does not exist
        self.app_token = "xapp-playground-app"  # noqa: S105 - of a workspace that does not exist
        self.signing_secret = "playground-signing-secret"  # noqa: S105 - of a workspace that does not exist
        self.port = port
        self._tls = tls
        self.link = Link()
        state = State(clock, uploads, team=team, enterprise=enterprise, number=number)
        self.dispatcher = Dispatcher(
            state,
            self.link,
            self.signing_secret,
            target=target,
            ack_timeout=ack_timeout,
            retries=retries,
            events=events,
            scopes=scopes,
        )
        super().__init__(state, self.dispatcher, should_escape=should_escape)
        self.api = Api(state, self.link, self.bot_token, self.app_token, scopes, limited=rate_limits)
        state.watchers.append(self._woken)
        self._waiting: set[asyncio.Event] = set()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self.routes(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.state.base = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.dispatcher.close()
        await self.link.drop()
        if self._runner:
            await self._runner.cleanup()

    def mount(self, base: str, link: Link) -> None:
        """It is one of several below the same server, which have the connections of Socket Mode in common."""
        self.state.base = base
        self.link = self.dispatcher.link = link

    def routes(self) -> web.Application:
        """What is served, below `State.base`."""
        app = web.Application(client_max_size=UPLOAD_BYTES)
        app.router.add_route("*", "/api/{method}", self.api.handle)
        app.router.add_get("/link", self.link.handle)
        app.router.add_post("/commands/{hook}", self._hook)
        app.router.add_post("/upload/{file}", self._upload)
        app.router.add_get("/files-pri/{file}/{rest:.*}", self._download)
        return app

    async def _hook(self, request: web.Request) -> web.StreamResponse:
        if bad := self.api.bad_reply(hooks.WHERE):
            return await bad.send(request)
        if failed := self.api.failed(hooks.WHERE):
            return web.json_response(failed[1], status=failed[0], headers=failed[2])
        body = await request.read()
        status, reply = hooks.used(self.state, request.match_info["hook"], body)
        self.api.keep(Call(hooks.WHERE, hooks.read(body) or {}, status, reply))
        return web.json_response(reply, status=status)

    async def _upload(self, request: web.Request) -> web.Response:
        return await files.receive(self.state, request)

    async def _download(self, request: web.Request) -> web.Response:
        bearer = request.headers.get("Authorization") == f"Bearer {self.api.bot_token}"
        name = request.match_info["file"].rpartition("-")[2]
        return files.download(self.state, name, authorized=bearer and "files:read" in self.api.scopes)

    @property
    def api_url(self) -> str:
        """What the bot takes for https://slack.com/api/."""
        return f"{self.state.base}/api/"

    @property
    def target(self) -> str | None:
        """Where the bot takes requests; None: Socket Mode."""
        return self.dispatcher.target

    @target.setter
    def target(self, url: str | None) -> None:
        self.dispatcher.target = url

    @property
    def faults(self) -> list[str]:
        """Each rule that the bot broke, as a sentence. A test's last line: `assert slack.faults == []`."""
        return self.state.faults

    @property
    def deliveries(self) -> Collection[Ack]:
        """What was delivered lately, the oldest first: `.delivery` in, the acknowledgement out."""
        return self.dispatcher.deliveries

    @property
    def calls(self) -> Collection[Call]:
        """The calls that the bot made lately, the oldest first."""
        return self.api.calls

    def watches(self, watcher: Callable[[Change], None]) -> None:
        """Tell of everything that is shown, as it is."""
        self.state.watchers.append(watcher)

    def forgives(self, *broken: Rule) -> None:
        """Keep no faults of these rules from here on: the test means to break them."""
        self.state.forgiven.update(broken)

    def lacks(self, *kinds: str) -> None:
        """Refuse messages with these kinds of block from here on, as a workspace does that is too old for them."""
        self.state.lacking.update(kinds)

    def fails(self, call: str, error: str = "ratelimited", *, times: int = 1, after: float = 1) -> None:
        """Let the next calls of a method, or uses of any `response_url`, fail as Slack would.

        `ratelimited` comes as 429 with Retry-After, `internal_error` as 500, `expired_url` as 404, others as 200. With
        `lost` a method does what it was called for, and a 503 comes in place of its answer. With a name of BAD_REPLIES
        a reply comes that is not from Slack. `call` may be `*` for all of them.
        """
        self.api.order(call, error, times, after)

    def refuses_token(self, error: str = "token_revoked", *, app: bool = False) -> None:
        """From here on every call with the bot token, or with the app token, gets this error."""
        self.api.refused_tokens[self.app_token if app else self.bot_token] = error

    def accepts_tokens(self) -> None:
        """Both tokens work again."""
        self.api.refused_tokens.clear()

    def grants(self, *scopes: str) -> None:
        """The app was installed again with these scopes. Which events are delivered is decided at the start."""
        self.api.scopes = frozenset(scopes)

    def messages(
        self, channel: str | None = None, user: Who | None = None, thread: str | None = None
    ) -> list[Message]:
        """What this person sees there, in order; without a person, all of it."""
        person = self.state.person(user) if user else None
        return list(self.state.seen(person, self.state.channel(channel, person) if channel else None, thread))

    def shown(self, item: Message | View | Iterable[Message]) -> list[str]:
        """What is read there, line by line, with buttons in brackets."""
        if isinstance(item, View):
            return drawing.view(self.state, item)
        items = [item] if isinstance(item, Message) else item
        return [line for message in items for line in drawing.message(self.state, message)]

    def buttons(self, place: Message | View) -> list[Button]:
        """What can be pressed, in order: `presses` takes the label or the number."""
        return pressable(place.blocks)

    def files(self, channel: str | None = None, user: Who | None = None) -> list[File]:
        """The files that were shared in the messages this person sees."""
        return [file for message in self.messages(channel, user) for file in message.files]

    def views(self, user: Who) -> list[View]:
        """The modals that this person has open, the top one last."""
        return [self.state.views[name] for name in self.state.stacks.get(self.state.person(user).id, [])]

    def home(self, user: Who) -> View | None:
        """The bot's home as this person has it."""
        return self.state.views.get(self.state.homes.get(self.state.person(user).id, ""))

    def direct(self, user: Who) -> Channel:
        """The direct messages of this person and the bot."""
        return self.state.direct(self.state.person(user))

    def person(self, who: Who) -> Person:
        """Somebody by name or id."""
        return self.state.person(who)

    async def until(self, condition: Callable[[], object], timeout: float = 60) -> None:  # noqa: ASYNC109 - a caller's word
        """Wait until this holds; it is asked whenever something is shown. TimeoutError when it never does."""
        woken = asyncio.Event()
        self._waiting.add(woken)
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    woken.clear()
                    await woken.wait()
        finally:
            self._waiting.discard(woken)

    def _woken(self, _: Change) -> None:
        for woken in self._waiting:
            woken.set()

    async def settled(self) -> None:
        """Wait until nothing is on its way to the bot."""
        await self.dispatcher.settled()

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Ack:
        """Any bytes to the bot's URL, as a forger would."""
        return await self.dispatcher.post(body, headers)

    def signed(self, body: bytes, at: float | None = None) -> dict[str, str]:
        """The headers with which Slack would sign this now (or at that time)."""
        return signed(self.signing_secret, body, at)
