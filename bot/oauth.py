"""Installation by OAuth: the page with the button, the page that people come back to, and what the bot has besides."""

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from html import escape
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urljoin

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncBoltContext, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltError
from slack_bolt.oauth.async_callback_options import AsyncCallbackOptions, AsyncFailureArgs, AsyncSuccessArgs
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.response import BoltResponse
from slack_sdk.oauth.installation_store import Installation as Stored
from slack_sdk.oauth.token_rotation.async_rotator import AsyncTokenRotator

from bot.backend import Backend
from bot.installations import Installations, Renewals, same_client, tried
from bot.manifest import INSTALL, REDIRECT, SCOPES
from bot.observability import Metrics, place
from bot.settings import Settings
from bot.slack_client import Access, WebClient
from bot.storage.installations import InstallationStore, States, Undecipherable, Workspaces, installed_in
from handlers.admission import Directory
from handlers.case import StoreDown
from handlers.deps import Deps, Installation
from handlers.text.language import Language, enumerated, join, language, line, ngettext, spoken_in
from handlers.text.language import lazy_gettext as _

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_STYLE = ":root{color-scheme:light dark}body{font:1rem/1.5 sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem}"
_BUTTON = "display:inline-block;padding:.6rem 1rem;border-radius:.3rem;background:#0b57a4;color:#fff;text-decoration:none"

log = structlog.get_logger()


_USED = _("This page was opened from another browser, twice, or more than ten minutes after the first one.")
_CODE = _("Slack did not accept the code in the address: it can be used once, within ten minutes.")
DATABASE_DOWN = _("The bot cannot store anything at the moment. Try again in a minute.")
NOT_LET = _("Slack did not let the bot be installed.")
MOST_TRIED = 100
"""Tokens that vtbot doctor tries."""
NOT_INSTALLED_BECAUSE = {
    "access_denied": _("You did not allow it in Slack. Nothing was changed."),
    "invalid_browser": _USED,
    "invalid_state": _USED,
    "missing_code": _CODE,
    "invalid_code": _CODE,
    "storage_error": DATABASE_DOWN,
}
"""By bolt's names for the reason, and Slack's."""


class Flow(AsyncOAuthFlow):
    """Bolt's flow, with pages of our own, of which one says that the database is down."""

    def __init__(self, installations: Installations, **options: Any) -> None:
        super().__init__(**options)
        self._installations = installations

    async def build_authorize_url(self, state: str, request: AsyncBoltRequest) -> str:
        """Where the button leads. A workspace may be preselected: `/slack/install?team=T0123`."""
        team = (request.query.get("team") or [""])[0]
        chosen = team if re.fullmatch(r"[TE][A-Z0-9]{1,20}", team) else None
        return str(self.settings.authorize_url_generator.generate(state=state, team=chosen))

    async def build_install_page_html(self, url: str, request: AsyncBoltRequest) -> str:  # noqa: ARG002 - bolt's signature
        """The page with the button."""
        asks = line(
            "Slack will show what the bot may see and do, and ask you to allow it. "
            "Choose a workspace there, or your organization. The button works for ten minutes."
        )
        return page(line("Install the VirusTotal bot"), asks, (url, line("Add to Slack")))

    async def store_installation(self, request: AsyncBoltRequest, installation: Stored) -> None:  # noqa: ARG002 - the same
        """Keep it. Raises BoltError."""
        try:
            await self._installations.save(installation)
        except StoreDown:
            raise BoltError("database") from None


async def succeeded(args: AsyncSuccessArgs) -> BoltResponse:
    """The page after the last step."""
    name = args.installation.team_name or args.installation.enterprise_name
    next_step = line("Type /vt help in Slack to see what it does.")
    if name:
        next_step = line("It is in {workspace} now. Type /vt help there to see what it does.", workspace=name)
    return _answer(HTTPStatus.OK, page(line("The bot is installed"), next_step, None))


async def failed(args: AsyncFailureArgs) -> BoltResponse:
    """The page that says why nothing was installed, and how to begin again."""
    status = HTTPStatus.SERVICE_UNAVAILABLE if args.reason == "storage_error" else HTTPStatus.BAD_REQUEST
    return _not_installed(status, NOT_INSTALLED_BECAUSE.get(args.reason, NOT_LET))


def _not_installed(status: HTTPStatus, sentence: str) -> BoltResponse:
    return _answer(status, page(line("The bot was not installed"), sentence, (INSTALL, line("Start again"))))


def _answer(status: HTTPStatus, body: str) -> BoltResponse:
    return BoltResponse(status=status, body=body, headers={"Content-Type": "text/html; charset=utf-8"})


def page(title: str, said: str, link: tuple[str, str] | None) -> str:
    """A page of HTML. Whatever is in the texts, only our own tags are tags."""
    button = (
        f'<p><a style="{_BUTTON}" href="{escape(link[0])}">{escape(str(link[1]))}</a></p>' if link else ""
    )
    meta = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head = f"{meta}<title>{escape(str(title))}</title><style>{_STYLE}</style>"
    body = f"<h1>{escape(str(title))}</h1><p>{escape(str(said))}</p>{button}"
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"


def routes(flow: Flow, default: Language) -> list[web.RouteDef]:
    """The two pages. Whatever happens, people are shown one of ours."""

    def handling(handle: Callable[[AsyncBoltRequest], Awaitable[BoltResponse]]) -> Any:
        async def handled(request: web.Request) -> web.Response:
            received = AsyncBoltRequest(body="", query=request.query_string, headers=dict(request.headers))
            accepted = re.findall(r"[A-Za-z]{2,3}", request.headers.get("Accept-Language", "")[:100])
            with language(next(filter(None, map(spoken_in, accepted)), default)):
                try:
                    response = await handle(received)
                except StoreDown:
                    response = _not_installed(HTTPStatus.SERVICE_UNAVAILABLE, DATABASE_DOWN)
                except Exception as error:  # noqa: BLE001 - whatever it is
                    # The log does not hold what was received: a code is a secret.
                    log.warning("installation_broke", error=type(error).__name__, at=place(error))
                    response = _not_installed(HTTPStatus.SERVICE_UNAVAILABLE, NOT_LET)
            shown = await to_aiohttp_response(response)
            shown.headers.update(HEADERS)
            return shown

        return handled

    return [
        web.get(INSTALL, handling(flow.handle_installation)),
        web.get(REDIRECT, handling(flow.handle_callback)),
    ]


@dataclass(frozen=True, slots=True)
class OAuth:
    """What a bot that is installed by OAuth has besides."""

    store: InstallationStore
    installations: Installations
    renewals: Renewals
    authorize: Callable[..., Awaitable[AuthorizeResult | None]]
    workspaces: Workspaces
    routes: list[web.RouteDef]


async def oauth(settings: Settings, parts: Backend, deps: Deps, metrics: Metrics) -> OAuth:
    """Everything for it. Raises StoreDown; Undecipherable when TOKEN_KEYS lacks a key that was used."""
    slack = cast("WebClient", deps.slack)

    def made(token: str, team: str) -> tuple[WebClient, Installation]:
        client = same_client(slack, Access("installation", metrics), token)
        directory = Directory(client, parts.people, parts.clock, team)
        languages = replace(deps.languages, directory=directory)
        return client, Installation(client, directory, languages, lambda: bool(client.access.refused))

    client_id = str(settings.slack_client_id)
    secret = settings.slack_client_secret.get_secret_value() if settings.slack_client_secret else ""
    store = InstallationStore(parts.database, parts.clock, settings.token_keys)
    await store.check()
    states, workspaces = States(parts.database, parts.clock), Workspaces(parts.database, parts.clock)
    rotator = AsyncTokenRotator(client_id=client_id, client_secret=secret, client=slack)
    renewals = Renewals(store, rotator, parts.clock)
    installations = Installations(store, workspaces, renewals, made, parts.clock)
    chosen = AsyncOAuthSettings(
        client_id=client_id,
        client_secret=secret,
        scopes=list(SCOPES),
        installation_store=store,
        state_store=states,
        authorization_url=urljoin(settings.slack_api_url, "/oauth/v2/authorize"),
        callback_options=AsyncCallbackOptions(succeeded, failed),
    )
    flow = Flow(installations, client=slack, logger=logging.getLogger("slack_bolt"), settings=chosen)

    # Bolt looks at the names of the arguments, and would pass `self` to a method.
    async def authorize(
        context: AsyncBoltContext, enterprise_id: str | None, team_id: str | None
    ) -> AuthorizeResult | None:
        return await installations.authorize(context, enterprise_id, team_id)

    return OAuth(store, installations, renewals, authorize, workspaces, routes(flow, settings.language))


# For vtbot doctor --------------------------------------------------------------------------------------


async def examined(settings: Settings, parts: Backend, slack: WebClient) -> tuple[str, bool]:
    """Tells the operator where the app is installed and what is wrong there, and whether all is well. Raises StoreDown.

    The first MOST_TRIED tokens are tried, for TRYING_SECONDS at most. None is renewed.
    """
    bots, undecipherable = await InstallationStore(parts.database, parts.clock, settings.token_keys).every()
    now = parts.clock().timestamp()
    live = [bot for bot in bots if (bot.bot_token_expires_at or now + 1) > now]
    refused = [refusal for refusal in await tried(live[:MOST_TRIED], slack) if refusal]
    lost = [str(Undecipherable(undecipherable))] if undecipherable else []
    outdated = [
        line(
            "{team}: the app was installed without {scopes}. Install it there again.",
            team=installed_in(bot),
            scopes=enumerated(missing),
        )
        for bot in bots
        if (missing := sorted(SCOPES.keys() - set(bot.bot_scopes)))
    ]
    faults = [*lost, *refused, *outdated]
    expired = _("⏳ {team}: the token has expired; it is renewed as soon as the app is used there.")
    lines = [
        _count(len(bots) + len(undecipherable), len(live[:MOST_TRIED]) - len(refused)),
        *(line("⛔ {fault}", fault=fault) for fault in faults),
        *(line(expired, team=installed_in(bot)) for bot in bots if bot not in live),
        line("Only the first {count} tokens were tried.", count=MOST_TRIED) if live[MOST_TRIED:] else "",
    ]
    return join("\n", lines), not faults


def _count(count: int, accepted: int) -> str:
    """How many installations there are, and of how many of them Slack accepts the token."""
    if not count:
        return line("The app is not installed anywhere yet: open /slack/install in a browser.")
    return ngettext(
        "One installation. Tokens that Slack accepts: {accepted}",
        "{count} installations. Tokens that Slack accepts: {accepted}",
        count,
        accepted=accepted,
    )
