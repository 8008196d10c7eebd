"""The whole bot, installed by OAuth: a stand-in Slack of several workspaces, and somebody with a browser."""

import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from urllib.parse import parse_qs, urljoin, urlsplit

import aiohttp
import psycopg
from cryptography.fernet import Fernet

from bot.app import running
from bot.manifest import EVENTS, SCOPES
from bot.settings import load
from playground.slack.oauth import Slack
from playground.slack.seed import ENTERPRISE
from playground.slack.workspace import Workspace
from playground.virustotal import Sandbox
from tests.support.app_fixture import Clock, RunningApp, address

FIRST, SECOND = "T0PLAYGRND", "T0SECOND01"
THIRD, FOURTH = "T0ORGANI03", "T0ORGANI04"
"""Of the organisation."""
KEY = Fernet.generate_key().decode()


class Browser:
    """Somebody who installs the app: it keeps cookies and follows no link by itself."""

    def __init__(self, slack, port):
        self.slack, self.bot = slack, f"http://127.0.0.1:{port}"
        jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=self.bot)
        self.http = aiohttp.ClientSession(cookie_jar=jar)

    async def get(self, url, **options):
        """The status and the text of a page."""
        async with self.http.get(urljoin(self.bot, url), allow_redirects=False, **options) as reply:
            return reply.status, await reply.text()

    async def begins(self):
        """Open the page with the button; returns where that leads."""
        status, page = await self.get("/slack/install")
        assert status == 200
        return unescape(re.search(r'href="([^"]+)"', page)[1])

    async def agrees(self, link, team, decision="allow"):
        """Choose a workspace at Slack; returns the address that leads back."""
        async with self.http.get(link) as page:
            assert page.status == 200, await page.text()
        data = {"team": team, "decision": decision}
        async with self.http.post(link, data=data, allow_redirects=False) as reply:
            assert reply.status == 302, await reply.text()
            return reply.headers["Location"]

    async def installs(self, team):
        """All of it; the last page must say that it worked."""
        status, page = await self.get(await self.agrees(await self.begins(), team))
        assert (status, "The bot is installed" in page) == (200, True), page
        return page


@dataclass
class Installed:
    """The running bot, and who uses it in which workspace."""

    slack: Slack
    apps: dict
    browser: Browser
    clock: Clock
    database: str
    port: int
    environ: dict
    """The bot's settings."""

    def __getitem__(self, team):
        return self.apps[team]

    async def idle(self):
        """Wait until every request has ended."""
        await next(iter(self.apps.values())).idle()

    def query(self, sql, *values):
        """Rows of the database."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            cursor = connection.execute(sql, values)
            return cursor.fetchall() if cursor.description else []


def workspaces_of_all(clock=time.time):
    """Two workspaces and an organisation of two more. People, channels and files have the same ids in all of them."""
    options = {"clock": clock, "events": EVENTS, "scopes": SCOPES}
    return [
        Workspace(team=FIRST, name="First", **options),
        Workspace(team=SECOND, name="Second <b>", **options),
        Workspace(team=THIRD, name="Third", enterprise=ENTERPRISE, number=3, **options),
        Workspace(team=FOURTH, name="Fourth", enterprise=ENTERPRISE, number=4, **options),
    ]


def environ_of(slack, virustotal_url, database, mode="http"):
    """The settings of a bot that is installed there by OAuth."""
    tokens = {
        "http": {"SLACK_SIGNING_SECRET": slack.signing_secret},
        "socket": {"SLACK_APP_TOKEN": slack.app_token},
    }[mode]
    return {
        "SLACK_CLIENT_ID": slack.tokens.client_id,
        "SLACK_CLIENT_SECRET": slack.tokens.client_secret,
        "TOKEN_KEYS": KEY,
        "SLACK_API_URL": slack.api_url,
        "VT_API_KEY": "private-or-not",
        "VT_API_URL": virustotal_url,
        "VT_QUOTA_MINUTE": "0",
        "DATABASE_URL": address(database),
        "PORT": "0",
        **tokens,
    }


@asynccontextmanager
async def several(database, *, mode="http", rotates=False, sandbox=None, **environ):
    """Run the bot, installed nowhere yet, for two workspaces and an organisation of two more."""
    clock = Clock()
    workspaces = workspaces_of_all(clock.seconds)
    async with (
        Slack(*workspaces, clock=clock.seconds, rotates=rotates) as slack,
        Sandbox(clock=clock.seconds, **(sandbox or {})).serve() as virustotal,
    ):
        given = environ_of(slack, virustotal.url, database, mode) | environ
        async with running(load(given, dotenv=None), clock) as bot:
            slack.redirect_urls = [f"http://127.0.0.1:{bot.port}/slack/oauth_redirect"]
            for workspace in workspaces:
                workspace.target = f"http://127.0.0.1:{bot.port}/slack/events" if mode == "http" else None
            if mode == "socket":
                await slack.link.connected()
            apps = {one.state.team: RunningApp(one, virustotal, clock, database, bot) for one in workspaces}
            browser = Browser(slack, bot.port)
            try:
                yield Installed(slack, apps, browser, clock, database, bot.port, given)
            finally:
                await browser.http.close()
            for one in workspaces:
                await one.settled()
        faults = [*slack.faults, *(fault for one in workspaces for fault in one.faults)]
        assert faults == [], faults


def query_of(link):
    """What an address says behind the question mark."""
    return {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
