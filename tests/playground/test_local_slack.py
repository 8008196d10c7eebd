"""The bot in Socket Mode against local-slack, a stand-in for Slack that others wrote (the npm package of that name)."""

import asyncio
import hashlib
import json
import os
import shutil
import socket
from contextlib import asynccontextmanager

import aiohttp
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
SECONDS = 60


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

    async def uploads(self, name, content, text=""):
        """Post a file in #general, with some text."""
        values = {"channel": GENERAL, "user": ANA, "text": text}
        reply = await self.client.post("/upload", data=values, files={"file": (name, content)})
        return reply.raise_for_status().json()["message"]

    async def view(self):
        """The modal that is open, once one is."""
        async with asyncio.timeout(SECONDS), aiohttp.ClientSession() as session:
            while True:
                async with session.ws_connect(f"{self.url}/ui") as page:
                    stack = (await page.receive_json())["state"]["modalStack"]
                if stack:
                    return stack[-1].get("view", stack[-1])
                await asyncio.sleep(0.2)

    async def submits(self, values):
        """Send the open modal off, filled in: values by the label's block and the element's action."""
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{self.url}/ui") as page:
            await page.receive_json()
            await page.send_json({"t": "view_submit", "user": ANA, "values": values})
            await asyncio.sleep(0.5)

    async def presses(self, message, words):
        """Press the button, or choose the entry of a menu, that has these words."""
        buttons = [e for b in message["blocks"] if b["type"] == "actions" for e in b["elements"]]
        element = next(one for one in buttons if words in json.dumps(one, ensure_ascii=False))
        action = {**element, "block_id": "b", "action_ts": "1.1"}
        if element["type"] == "overflow":
            chosen = (one for one in element["options"] if words in json.dumps(one, ensure_ascii=False))
            action["selected_option"] = next(chosen)
        await self.does("interact", channel=GENERAL, messageTs=message["ts"], user=ANA, action=action)

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
async def at_work(database, folder, **sandbox):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = LocalSlack(port, folder)
    await place.start()
    try:
        async with Sandbox(**sandbox).serve() as virustotal:
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
    await slack.presses(answer, "Details")
    await slack.until("views.open", slack.log)
    await slack.until("views.update", slack.log)


def filled(view, **texts):
    """The state of a modal in which the inputs whose labels hold these words are filled in; the others keep what they show."""
    values = {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        element, label = block["element"], block["label"]["text"]
        text = next((text for words, text in texts.items() if words in label), None)
        if text is not None:
            state = {"type": element["type"], "value": text}
        elif element["type"] == "plain_text_input":
            state = {"type": element["type"], "value": element.get("initial_value")}
        else:
            chosen = "selected_options" if element["type"] == "checkboxes" else "selected_option"
            state = {"type": element["type"], chosen: element.get(chosen.replace("selected", "initial"))}
        values[block["block_id"]] = {element["action_id"]: state}
    return values


async def test_a_form_is_filled_in(slack):
    """/vt form opens it; what is typed is looked up."""
    await command(slack, "form")
    await slack.submits(filled(await slack.view(), Indic="192.0.2.1"))
    await slack.until("6 of 57 engines", slack.messages)


async def test_a_form_with_a_wrong_value(slack):
    """It is said in the form, which stays open: nothing is posted."""
    await command(slack, "form")
    view = await slack.view()
    await slack.submits(filled(view, Indic="192.0.2.1", Thresh="many"))
    await slack.until("view_submission", slack.log)
    await asyncio.sleep(2)
    assert (await slack.view())["id"] == view["id"]
    assert await slack.messages() == []


async def test_a_file_that_is_posted_with_a_mention(database, tmp_path):
    """It is downloaded with the bot's token, asked about by its hash, and uploaded to VirusTotal when its poster agrees."""
    content = b"not known to anybody"
    async with at_work(database, tmp_path, invent=False, queue_seconds=2) as slack:
        said = await slack.uploads("note.txt", content, f"<@{BOT}> is this bad?")
        await slack.until("Upload", slack.messages)
        [answer] = await slack.messages()
        assert answer["thread_ts"] == said["ts"]
        assert hashlib.sha256(content).hexdigest()[:12] in json.dumps(answer)
        await slack.presses(answer, "Upload")
        await slack.until(" engines", slack.messages)


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
