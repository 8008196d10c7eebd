"""The stand-in Slack workspace, used by people and by a small real Bolt app, over HTTP and over Socket Mode."""

import asyncio
import contextlib
import json

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.playground.rules import Rule
from bot.playground.workspace import Workspace


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


@pytest.fixture
async def quiet():
    """A workspace without a bot."""
    async with Workspace(retries=(0, 0, 0)) as slack:
        yield slack


@pytest.fixture(params=[over_http, over_a_socket])
async def bot(request, quiet):
    """A workspace with a bot, which has broken no rule when the test is over."""
    bot = Bot(quiet)
    async with request.param(bot.app, quiet):
        yield bot
    assert quiet.faults == []


@pytest.fixture
async def web_bot(quiet):
    bot = Bot(quiet)
    async with over_http(bot.app, quiet):
        yield bot


@pytest.fixture
async def socket_bot(quiet):
    bot = Bot(quiet)
    async with over_a_socket(bot.app, quiet):
        yield bot


def heard(bot, kind):
    return [body for body in bot.heard if body.get("type") == kind]


def events(bot, kind):
    return [body["event"] for body in heard(bot, "event_callback") if body["event"]["type"] == kind]


async def test_a_command_is_answered_to_the_asker_alone(bot):
    """What a command is answered replaces what it was answered before, and nobody else sees it."""
    exchange = await bot.slack.types("ana", "#general", "/vt scan-ip 192.0.2.1")
    answer = await exchange.answer(having="RISKY")
    assert exchange.status == 200
    assert bot.slack.shown(answer) == ["RISKY 5 of 70 & VirusTotal", "[JSON] [⋯ Share / Delete]"]
    assert [m.text for m in exchange.messages] == ["looking", "RISKY"]
    assert bot.slack.messages("#general", "ana") == [answer]
    assert bot.slack.messages("#general", "ben") == []


async def test_a_button_brings_a_file(bot):
    """A button is pressed by its label, and the file that comes is there to read."""
    answer = await (await bot.slack.types("ana", "#general", "/vt x")).answer(having="RISKY")
    pressed = await bot.slack.presses("ana", answer, "JSON")
    await pressed.answer()
    [file] = bot.slack.files("@vt", "ana")
    assert (file.name, file.content) == ("raw.json", b"{}")
    assert bot.slack.files("@vt", "ben") == []
    [payload] = heard(bot, "block_actions")
    assert payload["actions"][0]["value"] == "id-1"
    assert "message" not in payload  # Slack does not send ephemeral messages back


async def test_a_menu_is_pressed_by_its_entry_or_number(bot):
    """An entry of an overflow menu shares the answer or deletes it."""
    answer = await (await bot.slack.types("ana", "#general", "/vt x")).answer(having="RISKY")
    assert [b.label for b in bot.slack.buttons(answer)] == ["JSON", "Share", "Delete"]
    shared = await (await bot.slack.presses("ana", answer, "Share")).answer()
    assert bot.slack.messages("#general", "ben") == [shared]
    await bot.slack.presses("ana", answer, 3)
    await bot.slack.until(lambda: bot.slack.messages("#general", "ana") == [shared])
    with pytest.raises(LookupError, match="only JSON, Share, Delete"):
        await bot.slack.presses("ana", answer, "Explode")


async def test_a_form_is_opened_filled_in_and_sent(bot):
    """A form opens, complains at the field that is wrong, and closes when it is taken."""
    slack = bot.slack
    form = await (await slack.uses_shortcut("ana", "open")).view()
    assert slack.shown(form)[:2] == ["VirusTotal", "Values: [plain text input]"]
    assert (await slack.submits("ana", form)).errors.keys() == {"values", "how"}
    slack.fills("ana", form, {"values": "x" * 21, "How": "Hash", "most": "10"})
    assert (await slack.submits("ana", form)).errors.keys() == {"values", "most"}
    slack.fills("ana", form, {"text": "nonsense", "most": "9"}, {"sample": [("a.exe", b"MZ")]})
    assert (await slack.submits("ana", form)).errors == {"values": "not an indicator"}
    assert slack.views("ana")
    slack.fills("ana", form, {"values": "192.0.2.1"})
    sent = await slack.submits("ana", form)
    assert sent.errors == {}
    assert slack.views("ana") == []
    assert (await sent.answer()).text == "looking: hash"
    state = heard(bot, "view_submission")[-1]["view"]["state"]["values"]
    assert state["sample"]["file"]["files"][0]["name"] == "a.exe"


async def test_a_closed_form_is_told(bot):
    """A form that asks for it tells the bot when it is closed."""
    form = await (await bot.slack.uses_shortcut("ana", "open")).view()
    await bot.slack.closes("ana", form)
    assert heard(bot, "view_closed")[0]["view"]["id"] == form.id
    assert bot.slack.views("ana") == []


async def test_a_message_shortcut_carries_the_message(bot):
    """A message's shortcut hands over the whole message, also one in a thread, and is answered in the thread."""
    slack = bot.slack
    said = (await slack.says("ana", "#inc-1042", "look at 192.0.2.1")).said
    answer = await (await slack.uses_shortcut("ben", "check", said)).answer()
    assert (answer.text, answer.thread_ts) == ("look at 192.0.2.1", said.ts)
    reply = (await slack.says("ana", "#inc-1042", "and 192.0.2.2", thread=said)).said
    await (await slack.uses_shortcut("ben", "check", reply)).answer()
    thread = slack.messages("#inc-1042", "ben", thread=said.ts)
    assert [m.text for m in thread] == [
        "look at 192.0.2.1",
        "look at 192.0.2.1",
        "and 192.0.2.2",
        "and 192.0.2.2",
    ]


async def test_a_mention_is_heard(bot):
    """A mention comes as an event of its own, with the text as Slack marks it up."""
    exchange = await bot.slack.says("ben", "#general", "@vt is http://evil.example/?a&b bad <really>?")
    assert (await exchange.answer()).text == "yes?"
    [mention] = events(bot, "app_mention")
    assert mention["text"] == "<@U0VTBOT001> is <http://evil.example/?a&amp;b> bad &lt;really&gt;?"
    links = [e for e in mention["blocks"][0]["elements"][0]["elements"] if e["type"] == "link"]
    assert links == [{"type": "link", "url": "http://evil.example/?a&b"}]
    assert bot.slack.shown(exchange.said) == ["@vt is http://evil.example/?a&b bad <really>?"]


async def test_a_home_is_published(bot):
    """Who opens the bot's home sees what the bot publishes."""
    assert bot.slack.home("ana") is None
    view = await (await bot.slack.opens_home("ana")).view()
    assert bot.slack.shown(view) == ["Hello"]
    assert bot.slack.home("ana") == view
    assert bot.slack.home("ben") is None


async def test_edits_and_deletions_are_told(bot):
    """An edit tells both texts, a deletion the old one."""
    said = (await bot.slack.says("ana", "#general", "one")).said
    changed = (await bot.slack.edits("ana", said, "two")).said
    await bot.slack.deletes("ana", changed)
    first, edit, deletion = events(bot, "message")
    assert (edit["subtype"], edit["previous_message"]["text"], edit["message"]["text"]) == (
        "message_changed",
        "one",
        "two",
    )
    assert (deletion["subtype"], deletion["deleted_ts"]) == ("message_deleted", first["ts"])
    assert bot.slack.messages("#general", "ana") == []


async def test_a_bot_hears_its_own_messages(bot):
    """What the bot posts comes back to it as an event with its bot_id, as at Slack."""
    await bot.app.client.chat_postMessage(channel="C0GENERAL1", text="hello")
    await bot.slack.settled()
    [delivery] = bot.slack.deliveries
    event = delivery.parcel.payload["event"]
    assert (event["text"], event["bot_id"], delivery.status) == ("hello", "B0VTBOT001", 200)


async def test_channels_come_into_being_and_people_join(bot):
    """A new channel is told; in it, messages are only heard once the bot was invited."""
    channel = await bot.slack.creates_channel("ana", "inc-2000")
    await bot.slack.says("ana", "#inc-2000", "unheard")
    await bot.slack.invites("ana", "#inc-2000")
    await bot.slack.says("ana", channel.id, "heard")
    assert events(bot, "channel_created")[0]["channel"]["name"] == "inc-2000"
    assert events(bot, "member_joined_channel")[0]["user"] == "U0VTBOT001"
    assert [event["text"] for event in events(bot, "message")] == ["heard"]


async def test_a_file_is_heard_of_and_read(bot):
    """A posted file is downloaded with the token; without it Slack shows its page to sign in, with a 200."""
    await bot.slack.says("ana", "#general", "see", files=[("mail.eml", b"From: x")])
    [file] = events(bot, "message")[0]["files"]
    assert events(bot, "file_shared")[0]["file_id"] == file["id"]
    async with aiohttp.ClientSession() as http:
        for token, kind, body in (
            (bot.slack.bot_token, "message/rfc822", b"From: x"),
            ("xoxb-other", "text/html", b"<!DO"),
        ):
            headers = {"Authorization": f"Bearer {token}"}
            async with http.get(file["url_private"], headers=headers) as reply:
                assert (reply.status, reply.content_type) == (200, kind)
                assert (await reply.read()).startswith(body)


async def test_a_strangers_file_is_a_stub(bot):
    """A file from another workspace has to be asked for with files.info."""
    await bot.slack.says("stranger", "#inc-1042", "see", files=[("a.txt", b"text")])
    event = events(bot, "message")[0]
    [file] = event["files"]
    assert (file["file_access"], event["user_team"]) == ("check_file_info", "T0ELSEWHER")
    info = await bot.app.client.files_info(file=file["id"])
    assert info["file"]["name"] == "a.txt"


async def test_command_text_is_marked_up(bot):
    """With should_escape, links, people and channels in a command are marked up with their names."""
    await bot.slack.types("ana", "#general", "/vt @ben #general evil.com/a a@b.example <x>")
    assert bot.heard[0]["text"] == (
        "<@U0BEN00001|ben> <#C0GENERAL1|general> <http://evil.com/a|evil.com/a> "
        "<mailto:a@b.example|a@b.example> &lt;x&gt;"
    )


async def test_without_should_escape_only_entities_are_made():
    """Without should_escape the text of a command is as typed, but for entities."""
    async with Workspace(should_escape=False) as slack:
        bot = Bot(slack)
        async with over_http(bot.app, slack):
            await slack.types("ana", "#general", "/vt http://evil.com/?a&b @ben")
        assert bot.heard[0]["text"] == "http://evil.com/?a&amp;b @ben"


async def test_a_delivery_is_repeated_byte_for_byte(web_bot):
    """The same signed bytes come again when a test wants a replay, and forged ones are refused."""
    exchange = await web_bot.slack.types("ana", "#general", "/vt x")
    again = await web_bot.slack.redelivers(exchange)
    assert again.status == 200
    assert web_bot.heard[0] == web_bot.heard[1]
    body, headers = exchange.ack.sent
    forged = await web_bot.slack.post(body + b"&x=1", headers)
    assert forged.status == 401
    right = await web_bot.slack.post(
        b"{}", {**web_bot.slack.signed(b"{}"), "Content-Type": "application/json"}
    )
    assert right.status == 404  # signed, but nothing that the app listens to


async def test_an_envelope_is_repeated(socket_bot):
    """Over Socket Mode the same payload comes again in another envelope."""
    exchange = await socket_bot.slack.types("ana", "#general", "/vt x")
    assert (await socket_bot.slack.redelivers(exchange)).status == 200
    assert socket_bot.heard[0] == socket_bot.heard[1]


async def test_an_event_that_is_not_taken_is_repeated_three_times(quiet):
    """Not acknowledged, an event comes three times more, each time saying why; with X-Slack-No-Retry it does not."""
    seen, done = [], asyncio.Event()

    async def refuse(request):
        seen.append((request.headers.get("X-Slack-Retry-Num"), request.headers.get("X-Slack-Retry-Reason")))
        body = await request.json()
        done.set() if len(seen) == 4 else None
        return web.Response(
            status=500, headers={"X-Slack-No-Retry": "1"} if body["event"]["text"] == "no" else {}
        )

    async with serving(quiet, refuse):
        await quiet.says("ana", "#general", "hello")
        await asyncio.wait_for(done.wait(), 5)
        await quiet.says("ana", "#general", "no")
        await quiet.settled()
    assert seen == [(None, None), *((str(n), "http_error") for n in (1, 2, 3)), (None, None)]


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


async def test_a_command_may_be_answered_in_its_acknowledgement(quiet):
    """The body of an acknowledgement is shown to the asker; JSON with in_channel, to all."""

    async def answer(request):
        text = (await request.post())["text"]
        return (
            web.json_response({"text": text, "response_type": "in_channel"})
            if text
            else web.Response(text="hm")
        )

    async with serving(quiet, answer):
        first = await (await quiet.types("ana", "#general", "/vt")).answer()
        second = await (await quiet.types("ana", "#general", "/vt loud")).answer()
    assert (first.text, first.ephemeral_to) == ("hm", "U0ANA00001")
    assert quiet.messages("#general", "ben") == [second]
    assert quiet.faults == []


async def test_a_bot_that_is_away(quiet):
    """When nobody takes a command, Slack itself says so to the asker, and events are lost."""
    answer = await (await quiet.types("ana", "#general", "/vt x")).answer()
    assert quiet.shown(answer) == ['/vt failed with the error "dispatch_failed"']
    assert (await quiet.says("ana", "#general", "hello")).status == 0


async def test_a_connection_that_is_refreshed_or_breaks_comes_back(socket_bot):
    """The bot reconnects after Slack asks it to, and after its connection broke."""
    for interrupt in (socket_bot.slack.link.refresh, socket_bot.slack.link.drop):
        await interrupt()
        await socket_bot.slack.link.connected()
        exchange = await socket_bot.slack.types("ana", "#general", "/vt x")
        assert await exchange.answer(having="RISKY")


async def test_a_wrong_app_token_gets_no_connection(quiet):
    """apps.connections.open wants the app's token, and a link wants a ticket from it."""
    async with aiohttp.ClientSession() as http:
        async with http.post(
            f"{quiet.api_url}apps.connections.open", headers={"Authorization": "Bearer x"}
        ) as got:
            reply = await got.json()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(f"{quiet.world.base}/link?ticket=x")
    assert reply == {"ok": False, "error": "invalid_auth"}
    assert quiet.faults == ["apps.connections.open: called with a wrong token or none"]


async def test_events_that_were_not_subscribed_or_scoped_do_not_come():
    """Only what the manifest subscribes to is sent, and only with the scope for it."""
    async with Workspace(events=["message.channels", "app_mention"], scopes=["channels:history"]) as slack:
        bot = Bot(slack)
        async with over_http(bot.app, slack):
            await slack.says("ana", "#general", "@vt hello")
            await slack.says("ana", "@vt", "hello")
            await slack.opens_home("ana")
    assert [body["event"]["type"] for body in bot.heard] == ["message"]


async def test_threads_reactions_and_reading_back(web_bot):
    """What the bot posts, changes, marks and deletes can be read back through the API."""
    client, room = web_bot.app.client, "C0GENERAL1"
    root = await client.chat_postMessage(channel=room, text="root")
    reply = await client.chat_postMessage(channel=room, text="reply", thread_ts=root["ts"])
    await client.reactions_add(channel=room, timestamp=root["ts"], name="eyes")
    await client.chat_update(channel=room, ts=reply["ts"], text="changed")
    history = await client.conversations_history(channel=room)
    replies = await client.conversations_replies(channel=room, ts=root["ts"])
    link = await client.chat_getPermalink(channel=room, message_ts=reply["ts"])
    assert [m["text"] for m in history["messages"]] == ["root"]
    assert [m["text"] for m in replies["messages"]] == ["root", "changed"]
    assert link["permalink"].startswith("https://playground.slack.com/archives/C0GENERAL1/p")
    await client.chat_delete(channel=room, ts=reply["ts"])
    await client.reactions_remove(channel=room, timestamp=root["ts"], name="eyes")
    assert [m.text for m in web_bot.slack.messages("#general", "ana")] == ["root"]


async def test_people_and_channels_are_as_different_as_at_slack(web_bot):
    """There are members, an admin, a guest, a stranger and another bot, and channels to be in or not."""
    client = web_bot.app.client
    people = {m["name"]: m for m in (await client.users_list())["members"]}
    assert people["admin"]["is_admin"]
    assert people["guest"]["is_restricted"]
    assert people["stranger"]["is_stranger"]
    assert people["otherbot"]["is_bot"]
    assert (await client.users_info(user="U0ANA00001"))["user"]["team_id"] == "T0PLAYGRND"
    channels = await client.conversations_list(types="public_channel,private_channel")
    assert [c["name"] for c in channels["channels"]] == ["general", "inc-1042", "old"]
    await client.conversations_join(channel="C0GENERAL1")
    assert "U0VTBOT001" in (await client.conversations_members(channel="C0GENERAL1"))["members"]


async def test_modals_stack_and_change(web_bot):
    """A second modal lies on the first, a change keeps what was filled in, and a fourth is refused."""
    slack, client = web_bot.slack, web_bot.app.client
    form = await (await slack.uses_shortcut("ana", "open")).view()
    slack.fills("ana", form, {"values": "kept"})
    changed = await client.views_update(view_id=form.id, hash=form.hash, view={**FORM, "title": plain("New")})
    assert changed["view"]["state"]["values"]["values"]["text"]["value"] == "kept"
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await client.views_update(view_id=form.id, hash=form.hash, view=FORM)
    triggers = [slack.world.trigger(slack.person("ana")).id for _ in range(3)]
    await client.views_push(trigger_id=triggers[0], view=FORM)
    await client.views_push(trigger_id=triggers[1], view=FORM)
    with pytest.raises(SlackApiError, match="push_limit_reached"):
        await client.views_push(trigger_id=triggers[2], view=FORM)
    assert [view.title for view in slack.views("ana")] == ["New", "VirusTotal", "VirusTotal"]


async def test_whoever_waits_in_vain_is_told_for_what(quiet):
    """An answer that does not come is a TimeoutError that names who waited for what, and the faults so far."""
    quiet.forgives(Rule.ACK)
    exchange = await quiet.says("ana", "#general", "hello")
    with pytest.raises(TimeoutError, match=r"ana waited 0.01 s for an answer to 'hello' \(no faults\)"):
        await exchange.answer(0.01)


async def test_what_was_delivered_and_called_can_be_looked_at(web_bot):
    """Deliveries and calls are kept, with their times and answers."""
    await (await web_bot.slack.types("ana", "#general", "/vt x")).answer(having="RISKY")
    await web_bot.app.client.auth_test()
    [delivery] = web_bot.slack.deliveries
    assert (delivery.parcel.kind, delivery.status) == ("slash_commands", 200)
    assert delivery.milliseconds > 0
    assert json.loads(json.dumps(web_bot.slack.calls[-1].reply))["user_id"] == "U0VTBOT001"
