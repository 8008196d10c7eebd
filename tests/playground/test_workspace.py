"""The stand-in Slack workspace as people use it, with a small real Bolt app over HTTP and over Socket Mode."""

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from playground.slack.workspace import Workspace
from tests.support.sample_bot import FORM, Bot, events, heard, over_a_socket, over_http, plain


@pytest.fixture(params=[over_http, over_a_socket])
async def bot(request):
    """A workspace with a bot, which has broken no rule when the test is over."""
    async with Workspace(retries=(0, 0, 0)) as slack:
        bot = Bot(slack)
        async with request.param(bot.app, slack):
            yield bot
        assert slack.faults == []


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
    with pytest.raises(LookupError, match="no shortcuts"):
        await bot.slack.uses_shortcut("ana", "check", answer)


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
    event = delivery.delivery.payload["event"]
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


async def test_threads_reactions_and_reading_back(bot):
    """What the bot posts, changes, marks and deletes can be read back through the API."""
    client, room = bot.app.client, "C0GENERAL1"
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
    assert [m.text for m in bot.slack.messages("#general", "ana")] == ["root"]


async def test_people_and_channels_are_as_different_as_at_slack(bot):
    """There are members, an admin, a guest, a stranger and another bot, and channels to be in or not."""
    client = bot.app.client
    people = {m["name"]: m for m in (await client.users_list())["members"]}
    assert people["admin"]["is_admin"]
    assert people["guest"]["is_restricted"]
    assert people["stranger"]["is_stranger"]
    assert people["otherbot"]["is_bot"]
    hana = {"user": "U0HANA0001"}
    assert (await client.users_info(**hana))["user"]["team_id"] == "T0PLAYGRND"
    assert "locale" not in (await client.users_info(**hana))["user"]
    assert (await client.users_info(**hana, include_locale=True))["user"]["locale"] == "ja-JP"
    channels = await client.conversations_list(types="public_channel,private_channel")
    assert [c["name"] for c in channels["channels"]] == ["general", "inc-1042", "old"]
    await client.conversations_join(channel="C0GENERAL1")
    assert "U0VTBOT001" in (await client.conversations_members(channel="C0GENERAL1"))["members"]


async def test_modals_stack_and_change(bot):
    """A second modal lies on the first, a change keeps what was filled in, and a fourth is refused."""
    slack, client = bot.slack, bot.app.client
    form = await (await slack.uses_shortcut("ana", "open")).view()
    slack.fills("ana", form, {"values": "kept"})
    changed = await client.views_update(view_id=form.id, hash=form.hash, view={**FORM, "title": plain("New")})
    assert changed["view"]["state"]["values"]["values"]["text"]["value"] == "kept"
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await client.views_update(view_id=form.id, hash=form.hash, view=FORM)
    triggers = [slack.state.trigger(slack.person("ana")).id for _ in range(3)]
    await client.views_push(trigger_id=triggers[0], view=FORM)
    await client.views_push(trigger_id=triggers[1], view=FORM)
    with pytest.raises(SlackApiError, match="push_limit_reached"):
        await client.views_push(trigger_id=triggers[2], view=FORM)
    assert [view.title for view in slack.views("ana")] == ["New", "VirusTotal", "VirusTotal"]


async def test_attached_files_lie_where_they_are_told_to(tmp_path):
    """With a folder for them, the bytes of files are on disk and nowhere else, and read back as they were."""
    async with Workspace(uploads=tmp_path) as slack:
        await slack.says("ana", "#general", "look", files=[("a.bin", b"12345")])
        [file] = slack.files("#general")
        assert [place.read_bytes() for place in tmp_path.iterdir()] == [b"12345"]
        assert (file.content, file.size) == (b"12345", 5)
