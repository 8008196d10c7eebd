"""Slack with several workspaces and an organisation, into which people install one app by OAuth, and its tokens.

One HTTP server: the page to agree on, the Web API for every token, and below /T… what belongs to one workspace.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self
from urllib.parse import urlencode

from aiohttp import web

from playground.slack import payloads
from playground.slack.api import SCOPES, arguments
from playground.slack.delivery import Ack, Delivery
from playground.slack.install_pages import Listed, consent, overview
from playground.slack.link import Link
from playground.slack.seed import BOT, ENTERPRISE, ENTERPRISE_NAME
from playground.slack.state import new_id
from playground.slack.tokens import Grant, Refusal, Tokens
from playground.slack.workspace import UPLOAD_BYTES, Workspace


class Slack:
    """`async with Slack(Workspace(team=…), …) as slack:` starts all of them on one port. Those of an organisation say so.

    Args:
        clock: seconds since 1970, for what expires.
        rotates: whether tokens expire after 12 hours, and come with a refresh token.
    """

    def __init__(
        self,
        *workspaces: Workspace,
        clock: Callable[[], float] = time.time,
        rotates: bool = False,
        port: int = 0,
    ) -> None:
        self.app_token = "xapp-playground-app"  # noqa: S105 - the same
        self.workspaces = {workspace.state.team: workspace for workspace in workspaces}
        teams = {one.state.team: (one.name, one.state.enterprise) for one in workspaces}
        self.tokens = Tokens(teams, clock, rotates=rotates)
        self.signing_secret = workspaces[0].signing_secret
        self.redirect_urls: Sequence[str] = ()
        """Those of the app's manifest; people come back to the first unless the app names one of them."""
        self.pages: dict[str, str] = {}
        """Where people work in each workspace, by id."""
        self.install = ""
        """Where the app's own page with the button is."""
        self.exchanged: Callable[[], Awaitable[object]] = _at_once
        """What happens between the use of a code or of a refresh token and Slack's reply."""
        self.port = port
        self.link = Link()
        self.faults: list[str] = []
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=UPLOAD_BYTES)
        app.router.add_route("*", "/", self._overview)
        app.router.add_get("/oauth/v2/authorize", self._page)
        app.router.add_post("/oauth/v2/authorize", self._decision)
        app.router.add_route("*", "/api/{method}", self._call)
        app.router.add_get("/link", self.link.handle)
        for team, workspace in self.workspaces.items():
            app.add_subapp(f"/{team}", workspace.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        for team, workspace in self.workspaces.items():
            workspace.mount(f"http://127.0.0.1:{self.port}/{team}", self.link)
        return self

    async def __aexit__(self, *_: object) -> None:
        for workspace in self.workspaces.values():
            await workspace.dispatcher.close()
        await self.link.drop()
        if self._runner:
            await self._runner.cleanup()

    @property
    def api_url(self) -> str:
        """What the bot takes for https://slack.com/api/."""
        return f"http://127.0.0.1:{self.port}/api/"

    # The page ------------------------------------------------------------------------------------------

    async def _page(self, request: web.Request) -> web.Response:
        """Where somebody chooses a workspace, or the organisation, and agrees."""
        if fault := self._wrong(request.query):
            return web.Response(status=400, text=fault)
        text = consent(self._names(), request.query["scope"], request.query.get("team", ""))
        return web.Response(text=text, content_type="text/html")

    def _names(self) -> dict[str, str]:
        """Wherever the app may be installed, by id."""
        teams = {team: workspace.name for team, workspace in self.workspaces.items()}
        if any(workspace.state.enterprise for workspace in self.workspaces.values()):
            teams[ENTERPRISE] = ENTERPRISE_NAME
        return teams

    async def _overview(self, request: web.Request) -> web.Response:
        """Where the app is installed; from here somebody removes it."""
        if request.method == "POST":
            if request.headers.get("Origin") != f"http://{request.host}":
                raise web.HTTPForbidden(text="another site asked")
            await self.uninstalls(str((await request.post())["team"]))
            raise web.HTTPSeeOther("/")
        installed = {grant.team for grant in self.tokens.grants if not grant.refused}
        listed = [
            Listed(
                *(team, name, self._state(team, installed), team in installed),
                page=self.pages.get(team, ""),
                install=f"{self.install}?team={team}",
            )
            for team, name in self._names().items()
        ]
        return web.Response(text=overview(listed), content_type="text/html")

    def _state(self, team: str, installed: set[str]) -> str:
        workspace = self.workspaces.get(team)
        if team in installed:
            return "installed"
        if workspace and workspace.state.enterprise in installed:
            return "installed with the organization"
        return "not installed"

    async def _decision(self, request: web.Request) -> web.Response:
        if fault := self._wrong(request.query):
            return web.Response(status=400, text=fault)
        form, query = await request.post(), request.query
        back = query.get("redirect_uri") or self.redirect_urls[0]
        if form.get("decision") != "allow":
            answer = {"error": "access_denied"}
        else:
            redirect_uri = query.get("redirect_uri", "")
            answer = {"code": self.tokens.code(str(form["team"]), query["scope"], redirect_uri)}
        raise web.HTTPFound(f"{back}?{urlencode({**answer, 'state': query.get('state', '')})}")

    def _wrong(self, query: Mapping[str, str]) -> str:
        """What is wrong with the way in which the app sends people here; kept as a fault."""
        wrong = ""
        if query.get("client_id") != self.tokens.client_id:
            wrong = "invalid_client_id"
        elif unknown := set(query.get("scope", "").split(",")) - SCOPES:
            wrong = f"invalid_scope: {', '.join(sorted(unknown))}"
        elif query.get("redirect_uri") and query["redirect_uri"] not in self.redirect_urls:
            wrong = "bad_redirect_uri"
        elif not query.get("state"):
            wrong = "an app that sends no state takes anybody's code"
        if wrong:
            self.faults.append(f"authorize: {wrong}")
        return wrong

    # The Web API ---------------------------------------------------------------------------------------

    async def _call(self, request: web.Request) -> web.StreamResponse:
        form = await arguments(request)
        try:
            if (reply := self._own(request, form)) is not None:
                if request.match_info["method"] == "oauth.v2.access":
                    await self.exchanged()
                return web.json_response({"ok": True, **reply})
            workspace = self._concerned(self._grant(request), form)
        except Refusal as refusal:
            return web.json_response({"ok": False, "error": str(refusal)})
        workspace.api.bot_token = _bearer(request)
        return await workspace.api.handle(request)

    def _own(self, request: web.Request, form: Mapping[str, Any]) -> dict[str, Any] | None:
        """What is answered here; None for what a workspace answers. Raises Refusal."""
        match request.match_info["method"]:
            case "api.test":
                return {}
            case "oauth.v2.access":
                reply = self.tokens.access(request, form)
                self._mark()
                return reply
            case "apps.connections.open":
                return {"url": self._socket(request)}
            case "auth.revoke":
                self.tokens.refuse(self._grant(request).team, "token_revoked")
                return {"revoked": True}
            case "auth.test" if self._grant(request).is_org_wide:
                return _organisation()
        return None

    def _mark(self) -> None:
        """Each workspace of the organisation says in its payloads whether the app is installed in the whole of it."""
        is_org_wide = any(one.is_org_wide and not one.refused for one in self.tokens.grants)
        for workspace in self.workspaces.values():
            workspace.state.is_org_wide = is_org_wide and workspace.state.enterprise is not None

    def _socket(self, request: web.Request) -> str:
        if _bearer(request) != self.app_token:
            raise Refusal("invalid_auth")
        return f"ws://127.0.0.1:{self.port}/link?ticket={self.link.ticket()}"

    def _grant(self, request: web.Request) -> Grant:
        """The installation of the call's token. Raises Refusal."""
        token = _bearer(request)
        try:
            return self.tokens.grant(token)
        except LookupError:
            self.faults.append(f"{request.match_info['method']}: called with a wrong token or none")
            raise Refusal("invalid_auth" if token else "not_authed") from None

    def _covered(self, grant: Grant) -> list[Workspace]:
        """The workspaces that an installation is for."""
        if grant.is_org_wide:
            return [one for one in self.workspaces.values() if one.state.enterprise]
        return [self.workspaces[grant.team]]

    def _concerned(self, grant: Grant, form: Mapping[str, Any]) -> Workspace:
        """The workspace that a call is about: for a token of the organisation, the one that knows an id in it."""
        covered = self._covered(grant)
        named = {str(value) for value in form.values()}
        for workspace in covered:
            state = workspace.state
            if named & {*state.people, *state.channels, *state.views, *state.triggers, *state.files}:
                return workspace
        return covered[0]

    # What people do ------------------------------------------------------------------------------------

    async def uninstalls(self, team: str) -> list[Ack]:
        """Somebody removes the app from a workspace, or an organisation: its tokens die, and the app is told twice."""
        self.tokens.refuse(team, "account_inactive")
        self._mark()
        revoked = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [BOT.id]}}
        return [await self.tells(team, inner) for inner in (revoked, {"type": "app_uninstalled"})]

    async def tells(self, team: str, inner: dict[str, Any]) -> Ack:
        """An event about the app itself, from a workspace or the organisation."""
        about = next(one for one in reversed(self.tokens.grants) if one.team == team)
        workspace = self._covered(about)[0]
        payload = payloads.event(workspace.state, new_id("Ev"), inner)
        if about.is_org_wide:
            payload |= {"team_id": ENTERPRISE, "enterprise_id": ENTERPRISE, "authorizations": []}
        return await workspace.dispatcher.deliver(Delivery("events_api", payload))


async def _at_once() -> None:
    """Nothing happens."""


def _organisation() -> dict[str, Any]:
    """auth.test with a token of the organisation."""
    return {
        "url": "https://playground.enterprise.slack.com/",
        "team": ENTERPRISE_NAME,
        "team_id": ENTERPRISE,
        "enterprise_id": ENTERPRISE,
        "user": BOT.name,
        "user_id": BOT.id,
        "bot_id": BOT.bot_id,
        "is_enterprise_install": True,
    }


def _bearer(request: web.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")
