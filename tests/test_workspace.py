"""The stand-in Slack workspace, driven by small real Bolt apps: good ones get along, bad ones are caught."""
import contextlib
import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.playground.workspace import Workspace


def button(label, action_id, **more):
    return {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": label}, **more}


def section(text):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def new_app(slack, **more):
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    return AsyncApp(client=client, signing_secret=slack.signing_secret, **more)


@contextlib.asynccontextmanager
async def over_http(app, slack):
    runner = web.AppRunner(app.server(port=0, path="/slack/events").web_app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.target = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    try:
        yield app
        await slack.settled()
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def over_a_socket(app, slack):
    client = AsyncWebClient(token=slack.app_token, base_url=slack.api_url)
    handler = AsyncSocketModeHandler(app, slack.app_token, web_client=client)
    await handler.connect_async()
    await slack.link.connected()
    try:
        yield app
        await slack.settled()
    finally:
        await handler.close_async()


@pytest.fixture(params=[over_http, over_a_socket])
async def bot(request):
    async with Workspace(retries=(0, 0, 0)) as slack:
        app = new_app(slack)

        @app.command("/vt")
        async def command(ack, respond, body):
            await ack()
            blocks = [section(f"*{body['text']}*"), {"type": "actions", "elements": [button("JSON", "json")]}]
            await respond(text=body["text"], blocks=blocks, replace_original=True)

        @app.action("json")
        async def json(ack, client, body):
            await ack()
            room = await client.conversations_open(users=body["user"]["id"])
            await client.files_upload_v2(channel=room["channel"]["id"], filename="raw.json", content="{}")

        async with request.param(app, slack):
            yield slack
        assert slack.faults == []


async def test_a_command_is_answered(bot):
    """A typed command is acknowledged and answered to the asker alone."""
    exchange = await bot.types("ana", "#general", "/vt scan-ip 192.0.2.1")
    answer = await exchange.answer()
    assert exchange.status == 200
    assert bot.shown(answer) == ["scan-ip 192.0.2.1", "[JSON]"]
    assert bot.messages("#general", "ana") == [answer]
    assert bot.messages("#general", "ben") == []


async def test_a_button_brings_a_file(bot):
    """A pressed button reaches the bot, and a file it uploads is there to read."""
    answer = await (await bot.types("ana", "#general", "/vt x")).answer()
    await (await bot.presses("ana", answer, "JSON")).answer()
    [file] = bot.files("@ana", "ana")
    assert (file.name, file.content) == ("raw.json", b"{}")
