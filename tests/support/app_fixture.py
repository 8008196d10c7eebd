"""The whole bot running for tests: real bolt, database and HTTP, a strict stand-in workspace and a stand-in VirusTotal."""

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bot.app import running
from bot.manifest import EVENTS, SCOPES
from bot.settings import load
from handlers.case import StoreDown
from playground.slack.workspace import Workspace
from playground.virustotal import Sandbox
from tests.support.due_jobs import HEARD

ANA, BEN, GENERAL = "ana", "ben", "#general"
HASHES = [f"{number:064x}" for number in range(1, 101)]


class Clock:
    """The real time, plus as much as a test lets pass."""

    def __init__(self):
        self.ahead = timedelta()

    def __call__(self):
        return datetime.now(UTC) + self.ahead

    def seconds(self):
        return self().timestamp()


class RunningApp:
    """The running bot, and the people who use it."""

    def __init__(self, slack, virustotal, clock, database, bot):
        self.slack, self.virustotal, self.clock, self.database = slack, virustotal, clock, database
        self.unanswered, self.port = bot.unanswered, bot.port

    async def asks(self, line, user=ANA, channel=GENERAL):
        """Type a line and return the first message in answer to it."""
        return await (await self.slack.types(user, channel, line)).answer()

    def now(self, message):
        """What a message says now, in lines."""
        found = self.slack.state.messages[message.key]
        return "\n".join(self.slack.shown(found))

    async def passes(self, **time):
        """Let time pass: all clocks advance, and jobs that were scheduled within it become due."""
        async with await psycopg.AsyncConnection.connect(self.database, autocommit=True) as connection:
            await self._rested(connection)
            self.clock.ahead += timedelta(**time)
            await connection.execute(
                f"UPDATE procrastinate_jobs SET scheduled_at = scheduled_at - %s WHERE status = 'todo' {HEARD}",  # noqa: S608 - constants
                [timedelta(**time)],
            )

    async def _rested(self, connection, seconds=90):
        """Wait until no job is running or due: what wants to wait has then been scheduled."""
        async with asyncio.timeout(seconds):
            while True:
                found = await connection.execute(
                    "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' OR status = 'todo' "
                    "AND (scheduled_at IS NULL OR scheduled_at <= now())"
                )
                if await found.fetchone() == (0,):
                    return
                await asyncio.sleep(0.02)

    async def idle(self, seconds=120):
        """Wait until every request has ended, also while the database is too busy to say how many there are."""
        async with asyncio.timeout(seconds):
            while await self._under_way():  # noqa: ASYNC110 - the database is asked
                await asyncio.sleep(0.02)

    async def _under_way(self):
        with suppress(StoreDown):
            return await self.unanswered()
        return True


def address(conninfo):
    """A libpq connection string as a URL for DATABASE_URL."""
    parts = conninfo_to_dict(conninfo)
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={quote(parts['host'], safe='')}"


@asynccontextmanager
async def at_work(
    database,
    mode="http",
    *,
    key="private-or-not",
    sandbox=None,
    before=None,
    slack_tls=None,
    virustotal_tls=None,
    **environ,
):
    """Run the bot in a workspace, which must not report a single broken rule of Slack's at the end.

    `before`: called with the workspace before the bot starts. `slack_tls`, `virustotal_tls`: they are served by HTTPS.
    """
    clock = Clock()
    kind = environ.get("VT_KEY_KIND", "public")
    listening = Sandbox(kind=kind, clock=clock.seconds, **(sandbox or {}))
    async with (
        Workspace(clock=clock.seconds, events=EVENTS, scopes=SCOPES, tls=slack_tls) as slack,
        listening.serve(tls=virustotal_tls) as virustotal,
    ):
        tokens = {
            "http": {"SLACK_SIGNING_SECRET": slack.signing_secret},
            "socket": {"SLACK_APP_TOKEN": slack.app_token},
        }[mode]
        if before:
            before(slack)
        settings = load(
            {
                "SLACK_BOT_TOKEN": slack.bot_token,
                "SLACK_API_URL": slack.api_url,
                "VT_API_KEY": key,
                "VT_API_URL": virustotal.url,
                "VT_QUOTA_MINUTE": "0",
                "DATABASE_URL": address(database),
                "PORT": "0",
                **tokens,
                **environ,
            },
            dotenv=None,
        )
        async with running(settings, clock) as bot:
            if mode == "http":
                slack.target = f"http://127.0.0.1:{bot.port}/slack/events"
            else:
                await slack.link.connected()
            yield RunningApp(slack, virustotal, clock, database, bot)
            await slack.settled()
        assert slack.faults == []
