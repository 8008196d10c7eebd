"""A small real Bolt app that does one of everything, and the two ways to connect it to a stand-in workspace."""

import contextlib

from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient


def plain(text):
    return {"type": "plain_text", "text": text}


def section(text):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(label, action_id, **more):
    return {"type": "button", "action_id": action_id, "text": plain(label), **more}


def options(*labels):
    return [{"text": plain(label), "value": label.lower()} for label in labels]


def field(name, element, **more):
    return {"type": "input", "block_id": name, "label": plain(name.title()), "element": element, **more}


FORM = {
    "type": "modal",
    "callback_id": "form",
    "title": plain("VirusTotal"),
    "submit": plain("Look up"),
    "notify_on_close": True,
    "blocks": [
        field("values", {"type": "plain_text_input", "action_id": "text", "max_length": 20}),
        field("how", {"type": "static_select", "action_id": "pick", "options": options("Found", "Hash")}),
        field("most", {"type": "number_input", "is_decimal_allowed": False, "max_value": "9"}, optional=True),
        field("sample", {"type": "file_input", "action_id": "file"}, optional=True),
    ],
}
ANSWER = [
    section("*RISKY* `5 of 70` &amp; <https://www.virustotal.com/|VirusTotal>"),
    {
        "type": "actions",
        "block_id": "below",
        "elements": [
            button("JSON", "json", value="id-1"),
            {"type": "overflow", "action_id": "more", "options": options("Share", "Delete")},
        ],
    },
]


class Bot:
    """A Bolt app that does one of everything, and remembers what it was handed."""

    def __init__(self, slack):
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        self.slack = slack
        self.app = AsyncApp(client=client, signing_secret=slack.signing_secret)
        self.heard = []
        self.app.use(self._hear)
        self.app.command("/vt")(self._command)
        self.app.action("json")(self._json)
        self.app.action("more")(self._more)
        self.app.shortcut("check")(self._check)
        self.app.shortcut("open")(self._open)
        self.app.view("form")(self._form)
        self.app.view_closed("form")(self._closed)
        self.app.event("app_home_opened")(self._home)
        for event in ("message", "app_mention", "file_shared", "channel_created", "member_joined_channel"):
            self.app.event(event)(self._event)

    async def _hear(self, body, next):  # noqa: A002 - Bolt's name
        self.heard.append(body)
        await next()

    async def _command(self, ack, respond):
        await ack()
        await respond(text="looking", replace_original=True)
        await respond(text="RISKY", blocks=ANSWER, replace_original=True)

    async def _json(self, ack, client, body):
        await ack()
        room = await client.conversations_open(users=body["user"]["id"])
        await client.files_upload_v2(channel=room["channel"]["id"], filename="raw.json", content="{}")

    async def _more(self, ack, respond, action):
        await ack()
        if action["selected_option"]["value"] == "delete":
            await respond(delete_original=True)
        else:
            await respond(text="shared", response_type="in_channel", replace_original=False)

    async def _check(self, ack, client, body):
        await ack()
        found = body["message"]
        thread = found.get("thread_ts", found["ts"])
        await client.chat_postMessage(channel=body["channel"]["id"], text=found["text"], thread_ts=thread)

    async def _open(self, ack, client, body):
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=FORM)

    async def _form(self, ack, client, body, view):
        values = view["state"]["values"]
        if values["values"]["text"]["value"] == "nonsense":
            await ack(response_action="errors", errors={"values": "not an indicator"})
            return
        await ack()
        picked = values["how"]["pick"]["selected_option"]["value"]
        await client.chat_postMessage(channel=body["user"]["id"], text=f"looking: {picked}")

    async def _closed(self, ack):
        await ack()

    async def _home(self, client, event):
        view = {"type": "home", "blocks": [section("*Hello*")]}
        await client.views_publish(user_id=event["user"], view=view)

    async def _event(self, event, client):
        if event["type"] == "app_mention":
            await client.chat_postMessage(channel=event["channel"], text="yes?", thread_ts=event["ts"])


@contextlib.asynccontextmanager
async def over_http(app, slack):
    runner = web.AppRunner(app.server(port=0, path="/slack/events").web_app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.target = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    try:
        yield
        await slack.settled()
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def over_a_socket(app, slack):
    client = AsyncWebClient(token=slack.app_token, base_url=slack.api_url)
    handler = AsyncSocketModeHandler(app, slack.app_token, web_client=client, ping_interval=0.2)
    await handler.connect_async()
    await slack.link.connected()
    try:
        yield
        await slack.settled()
    finally:
        await handler.close_async()


@contextlib.asynccontextmanager
async def serving(slack, handler):
    app = web.Application()
    app.router.add_post("/slack/events", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.target = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    yield
    await runner.cleanup()


def heard(bot, kind):
    return [body for body in bot.heard if body.get("type") == kind]


def events(bot, kind):
    return [body["event"] for body in heard(bot, "event_callback") if body["event"]["type"] == kind]
