"""The bot in Socket Mode against local-slack, a stand-in for Slack that others wrote (the npm package of that name)."""

import asyncio
import json
import os
import shutil
import socket
from contextlib import asynccontextmanager

import httpx
import pytest

from bot.app import running
from bot.settings import load
from playground.virustotal import Sandbox
from tests.support.app_fixture import address

PROGRAM = os.environ.get("LOCAL_SLACK") or shutil.which("local-slack")
"""The program of the package for this platform, such as local-slack-linux-x64."""
pytestmark = pytest.mark.skipif(not PROGRAM, reason="local-slack is not installed: name it in LOCAL_SLACK")

TEAM, BOT, ANA, GENERAL = "T01TEST", "U0BOT", "U01ANA", "C01GEN"
CONFIG = f"""
workspace: {{ name: Test, domain: test, teamId: {TEAM} }}
app:
  appId: A01APP
  botUserId: {BOT}
  botName: vt
  botToken: xoxb-local-slack
  appToken: xapp-local-slack
  signingSecret: none
  mode: socket
users:
  - {{ id: {ANA}, name: ana, real_name: Ana, email: ana@example.com }}
channels:
  - {{ id: {GENERAL}, name: general, members: [{ANA}, {BOT}] }}
"""
SECONDS = 30


class LocalSlack:
    """A running local-slack, and what people do there."""

    def __init__(self, port, folder):
        self.port, self.folder = port, folder
        self.url = f"http://localhost:{port}"
        self.process = None
        self.client = httpx.AsyncClient(base_url=f"{self.url}/_control")

    async def start(self):
        (self.folder / "config.yaml").write_text(CONFIG)
        self.process = await asyncio.create_subprocess_exec(
            PROGRAM,
            *("--config", str(self.folder / "config.yaml"), "--port", str(self.port)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(SECONDS):
            while not await self._is_up():  # noqa: ASYNC110 - another program is asked
                await asyncio.sleep(0.1)

    async def _is_up(self):
        try:
            return (await self.client.get("/state")).status_code == 200
        except httpx.HTTPError:
            return False

    async def stop(self):
        self.process.terminate()
        await self.process.wait()

    async def does(self, what, **values):
        return (await self.client.post(f"/{what}", json=values)).raise_for_status().json()

    async def messages(self):
        """The bot's messages in #general, with everything that is written in them."""
        found = (await self.client.get(f"/messages/{GENERAL}")).json()["messages"]
        return [one for one in found if one["user"] == BOT]

    async def log(self):
        return json.dumps((await self.client.get("/log")).json()["log"])

    async def until(self, words, where):
        """Wait until these words are there."""
        async with asyncio.timeout(SECONDS):
            while words not in json.dumps(await where(), ensure_ascii=False):  # noqa: ASYNC110 - another program is asked
                await asyncio.sleep(0.1)


@pytest.fixture
async def slack(database, tmp_path):
    """local-slack with the bot at work in it."""
    async with at_work(database, tmp_path) as place:
        yield place


@asynccontextmanager
async def at_work(database, folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = LocalSlack(port, folder)
    await place.start()
    try:
        async with Sandbox().serve() as virustotal:
            settings = load(
                {
                    "SLACK_BOT_TOKEN": "xoxb-local-slack",
                    "SLACK_APP_TOKEN": "xapp-local-slack",
                    "SLACK_API_URL": f"{place.url}/api/",
                    "VT_API_KEY": "k",
                    "VT_API_URL": virustotal.url,
                    "VT_QUOTA_MINUTE": "0",
                    "DATABASE_URL": address(database),
                    "PORT": "0",
                },
                dotenv=None,
            )
            async with running(settings):
                yield place
    finally:
        await place.stop()
        await place.client.aclose()


async def command(slack, text):
    await slack.does("command", channel=GENERAL, user=ANA, command="/vt", text=text)


async def test_a_command_is_answered_once(slack):
    """An answer through the response_url, which local-slack acknowledges with nothing."""
    await command(slack, "scan-ip 192.0.2.1")
    await slack.until("6 of 57 engines", slack.messages)
    await asyncio.sleep(4)
    assert len([one for one in await slack.messages() if "6 of 57 engines" in json.dumps(one)]) == 1


async def test_a_mention_is_answered_in_its_thread(slack):
    """By chat.postMessage."""
    said = await slack.does("message", channel=GENERAL, user=ANA, text=f"<@{BOT}> 192.0.2.1")
    await slack.until("6 of 57 engines", slack.messages)
    [answer] = await slack.messages()
    assert answer["thread_ts"] == said["message"]["ts"]


async def test_a_button_opens_a_modal(slack):
    """Details: views.open with the trigger_id, then views.update with what is known."""
    await command(slack, "scan-ip 192.0.2.1 --share")
    await slack.until("6 of 57 engines", slack.messages)
    [answer] = await slack.messages()
    element = next(
        element
        for block in answer["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
        if "Details" in json.dumps(element)
    )
    action = {**element, "block_id": "b", "action_ts": "1.1"}
    if element["type"] == "overflow":
        chosen = next(one for one in element["options"] if "Details" in json.dumps(one))
        action["selected_option"] = chosen
    await slack.does("interact", channel=GENERAL, messageTs=answer["ts"], user=ANA, action=action)
    await slack.until("views.open", slack.log)
    await slack.until("views.update", slack.log)


async def test_the_home_is_shown(slack):
    """By views.publish."""
    await slack.does("open-home", user=ANA)
    await slack.until("views.publish", slack.log)


async def test_who_may_switch_the_watch_is_asked(slack):
    """conversations.info and users.info are read."""
    await command(slack, "watch on")
    await slack.until("Only this channel's creator", slack.messages)


async def test_slack_is_restarted(slack):
    """The bot connects again by itself, and answers."""
    await command(slack, "help")
    await slack.until("scan-hash", slack.messages)
    await slack.stop()
    await slack.start()
    async with asyncio.timeout(2 * SECONDS):
        while "6 of 57 engines" not in json.dumps(await slack.messages()):
            await command(slack, "scan-ip 192.0.2.1")
            await asyncio.sleep(1)
