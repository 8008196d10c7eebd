"""The workspace in a browser, with the real bot in it: what someone types, presses and reads, in Chromium."""

import json
from contextlib import asynccontextmanager, suppress

import pytest
from browser import MISSING, Window, build, chromium, window
from office import ANA, BEN, at_work
from slack_sdk.errors import SlackApiError
from slackbot import Bot, field, heard, options, over_http, plain, section

from bot.manifest import manifest
from bot.playground import page, scenes
from bot.playground.page.offers import offers
from bot.playground.records import Message
from bot.playground.workspace import Workspace
from handlers import text

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
EICAR = "44d88612fea8a8f36de82e1278abb02f"


@pytest.fixture(scope="session")
async def browser():
    """Chromium, and a page that is built."""
    build()
    async with chromium() as running:
        yield running


@asynccontextmanager
async def shown(slack, offered=None, **more):
    """The page of a workspace in which an incident is going on."""
    scenes.furnish(slack.world)
    offered = offered or offers(manifest(), text.help_lines())
    async with page.served(slack, offered, "127.0.0.1", 0, **more) as address:
        yield address


async def presses_once(seat, button, message):
    """Whatever it is, as it is shown; a form that opens is closed again."""
    if "url" in button.element:
        link = message.get_by_role("link", name=button.label, exact=True).last
        assert (await link.get_attribute("href")).startswith("https://www.virustotal.com/")
        return
    async with seat.page.expect_response("**/do/press") as pressing:
        if button.element["type"] == "overflow":
            await seat.picks("More options", button.label, message)
        else:
            await seat.presses(button.label, message)
    assert (await pressing.value).ok
    if await seat.page.get_by_role("dialog").count():
        await seat.page.keyboard.press("Escape")
        await seat.page.get_by_role("dialog").wait_for(state="detached")


async def test_an_address_is_answered_to_its_asker_in_every_window_of_theirs(database, browser):
    """Read at once, only visible to the asker, the JSON byte for byte VirusTotal's, every button does something."""
    async with (
        at_work(database) as office,
        shown(office.slack) as address,
        window(browser, address) as ana,
        window(browser, address) as twin,
        window(browser, address, who=BEN) as ben,
    ):
        await ana.types("/vt scan-ip 192.0.2.1")
        for seat in (ana, twin):
            read = await seat.reads("SUSPICIOUS 6/57")
            assert "Only visible to you" in read
            assert "192[.]0[.]2[.]1" in read
        answer = office.slack.messages("#inc-1042", ANA)[-1]
        for button in office.slack.buttons(answer):
            await presses_once(ana, button, ana.message("SUSPICIOUS 6/57"))
            await office.idle()
        await ben.reads("Asked by @ana")
        assert "Only visible" not in await ben.page.locator("main").inner_text()
        await ana.goes("VirusTotal (unread)")
        async with ana.page.expect_download() as downloading:
            await ana.message(".json").get_by_role("link", name="Download").click()
        download = await downloading.value
        [entry] = json.loads((await download.path()).read_bytes())
        assert (download.suggested_filename, entry["Entity"]) == ("virustotal-192.0.2.1.json", "192.0.2.1")
        assert entry["EntityResult"]["response_code"] == 1
        async with ana.page.expect_popup() as opening:
            await ana.message(".json").get_by_role("link", name="Open").click()
        opened = await (await opening.value).inner_text("body")
        assert json.loads(opened) == [entry]


async def test_a_hash_in_a_thread_is_answered_there(database, browser):
    """The bot is mentioned in a thread; the count of replies grows in the channel."""
    async with (
        at_work(database) as office,
        shown(office.slack) as address,
        window(browser, address) as ana,
        window(browser, address, who=BEN) as ben,
    ):
        await ana.presses("2 replies", ana.message("FIN-07"))
        await ana.types(f"@vt what is {EICAR}?", box="Reply")
        assert "RISKY 54/60" in await ana.reads("RISKY", inside="aside")
        await ben.presses("4 replies", ben.message("FIN-07"))
        await ben.reads("RISKY 54/60", inside="aside")


async def test_a_message_has_the_bots_shortcuts_in_its_menu(database, browser):
    """Every message shortcut of the manifest; the first is picked with keys alone."""
    async with at_work(database) as office, shown(office.slack) as address, window(browser, address) as ana:
        await ana.message("Two of them clicked").get_by_role("button", name="More actions").focus()
        await ana.page.keyboard.press("Enter")
        entries = await ana.page.get_by_role("menuitem").all_inner_texts()
        asked = [one["name"] for one in manifest()["features"]["shortcuts"] if one["type"] == "message"]
        assert [entry.split("\n")[0] for entry in entries] == asked
        await ana.page.keyboard.press("Escape")
        await ana.page.keyboard.press("Enter")
        await ana.page.keyboard.press("ArrowDown")
        await ana.page.keyboard.press("ArrowUp")
        await ana.page.keyboard.press("Enter")
        await office.slack.until(lambda: any("SUSPICIOUS" in m.text for m in office.slack.messages()))
        await office.idle()


async def test_the_form_with_keys_alone(database, browser):
    """`/` offers it; what is wrong stands beside its field; Escape closes; focus comes back to the box."""
    async with at_work(database) as office, shown(office.slack) as address, window(browser, address) as ana:
        keys = ana.page.keyboard
        await keys.type("/")
        offered = ana.page.get_by_role("listbox", name="Commands").get_by_role("option")
        assert "/vt" in await offered.first.inner_text()
        await keys.press("ArrowUp")
        await keys.press("Enter")
        form = ana.page.get_by_role("dialog")
        await form.wait_for()
        await keys.type("nothing to look up")
        await keys.press("Shift+Tab")
        await form.get_by_role("button", name="Look up").focus()
        await keys.press("Enter")
        await form.get_by_role("alert").first.wait_for()
        await form.get_by_role("textbox").first.fill("192.0.2.1")
        await form.get_by_role("button", name="Look up").focus()
        await keys.press("Enter")
        await form.wait_for(state="detached")
        await office.slack.until(lambda: any("SUSPICIOUS" in m.text for m in office.slack.messages()))
        await ana.types("/vt form")
        await form.wait_for()
        await keys.press("Escape")
        await form.wait_for(state="detached")
        assert await ana.page.evaluate("document.activeElement.tagName") == "TEXTAREA"
        await office.idle()


async def test_a_url_is_submitted_after_a_question_and_its_answer_changes_in_place(database, browser):
    """Cancel sends nothing; agreed, the same message goes from UNKNOWN over PENDING to a verdict."""
    slow = {"invent": False, "queue_seconds": 10}
    async with (
        at_work(database, sandbox=slow) as office,
        shown(office.slack) as address,
        window(browser, address) as ana,
    ):
        await ana.types("/vt scan-url http://nobody.example/knows")
        await ana.reads("UNKNOWN")
        before = len(office.slack.messages("#inc-1042", ANA))
        for agreed in ("Cancel", "Submit"):
            await ana.presses("Submit for scanning", ana.message("UNKNOWN"))
            await ana.page.get_by_role("dialog").get_by_role("button", name=agreed, exact=True).click()
            assert await ana.page.get_by_role("dialog").count() == 0
        await ana.reads("PENDING")
        assert await ana.message("UNKNOWN").count() == 0
        await office.passes(seconds=20)
        await ana.reads("threshold 3")
        assert len(office.virustotal.asked("url/scan")) == 1
        assert len(office.slack.messages("#inc-1042", ANA)) == before


async def test_files_go_up_and_open_for_others(database, browser, tmp_path):
    """Attached to a message, taken off again, sent, opened by somebody else."""
    for name in ("mail.eml", "wrong.eml"):
        (tmp_path / name).write_text(f"the content of {name}")
    async with (
        at_work(database) as office,
        shown(office.slack) as address,
        window(browser, address) as ana,
        window(browser, address, who=BEN) as ben,
    ):
        await ana.page.get_by_label("Attach files").set_input_files(list(tmp_path.glob("*.eml")))
        await ana.page.get_by_role("button", name="Remove wrong.eml").click()
        await ana.types("see this")
        link = ben.message("see this").get_by_role("link", name="Open mail.eml")
        async with ben.page.expect_popup() as opening:
            await link.click()
        assert "the content of mail.eml" in await (await opening.value).inner_text("body")
        assert [file.name for file in office.slack.files("#inc-1042", ANA)][-1] == "mail.eml"
        await office.idle()


# Everything that Block Kit has, with a bot that uses it --------------------------------------------------

MANY = options("One", "Two", "Three")
EVERYTHING = [
    field("lines", {"type": "plain_text_input", "multiline": True}),
    field("number", {"type": "number_input", "is_decimal_allowed": False}),
    field("mail", {"type": "email_text_input"}),
    field("link", {"type": "url_text_input"}),
    field("one", {"type": "static_select", "options": MANY}),
    field("many", {"type": "multi_static_select", "options": MANY, "initial_options": MANY[:2]}),
    field("ticks", {"type": "checkboxes", "options": MANY}),
    field("radio", {"type": "radio_buttons", "options": MANY}),
    field("day", {"type": "datepicker"}),
    field("time", {"type": "timepicker"}),
    field("moment", {"type": "datetimepicker"}),
    field("who", {"type": "users_select"}),
    field("where", {"type": "conversations_select"}),
    field("sample", {"type": "file_input", "max_files": 1}),
    section("*Bold* &amp; plain") | {"accessory": {"type": "overflow", "options": MANY, "action_id": "more"}},
]
OFFERED = offers(
    {
        "features": {
            "slash_commands": [{"command": "/vt", "description": "asks"}],
            "shortcuts": [
                {"callback_id": "open", "name": "Everything", "description": "a form", "type": "global"}
            ],
            "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True},
        }
    }
)


class Lavish(Bot):
    """Its form has every input that there is."""

    async def _open(self, ack, client, body):
        view = {"type": "modal", "callback_id": "form", "title": plain("Everything"), "submit": plain("Send")}
        await client.views_open(trigger_id=body["trigger_id"], view=view | {"blocks": EVERYTHING})
        await ack()

    async def _form(self, ack):
        await ack()

    async def _more(self, ack):
        await ack()


@asynccontextmanager
async def lavish():
    async with Workspace(retries=()) as slack:
        bot = Lavish(slack)
        async with over_http(bot.app, slack):
            yield bot
        assert slack.faults == []


async def test_every_input_can_be_filled_in(browser, tmp_path):
    """What was filled in arrives as Slack would send it; what is missing is said first."""
    (tmp_path / "sample.bin").write_bytes(b"MZ")
    async with lavish() as bot, shown(bot.slack, OFFERED) as address, window(browser, address) as ana:
        await ana.types("/Everything")
        await ana.page.keyboard.press("Escape")
        await ana.types("/")
        await ana.page.get_by_role("option", name="Everything").click()
        form = ana.page.get_by_role("dialog", name="Everything")
        await form.get_by_role("button", name="Send").click()
        await form.get_by_role("alert").first.wait_for()
        assert await form.get_by_text("Please complete this required field.").count() == 13
        for label, value in {
            "Lines": "two\nlines",
            "Number": "7",
            "Mail": "ana@example.com",
            "Link": "https://example.com",
            "Day": "2026-02-03",
            "Time": "14:05",
            "Moment": "2026-02-03T14:05",
        }.items():
            await form.get_by_label(label, exact=True).fill(value)
        await form.get_by_label("One", exact=True).first.select_option("Two")
        await form.get_by_label("Who").select_option("Ben Okafor")
        await form.get_by_label("Where").select_option("general")
        await form.get_by_role("group", name="Many").get_by_label("Three").check()
        await form.get_by_role("group", name="Ticks").get_by_label("One").check()
        await form.get_by_role("radiogroup", name="Radio").get_by_label("Two").check()
        await form.get_by_label("Sample").set_input_files(tmp_path / "sample.bin")
        await form.get_by_role("button", name="More options").click()
        await form.get_by_role("menuitem", name="Three").click()
        await form.get_by_role("button", name="Send").click()
        await form.wait_for(state="detached")
        [pressed] = heard(bot, "block_actions")
        assert pressed["actions"][0]["selected_option"]["value"] == "three"
        [sent] = heard(bot, "view_submission")
        filled = {
            block: next(value for key, value in next(iter(fields.values())).items() if key != "type")
            for block, fields in sent["view"]["state"]["values"].items()
        }
        assert filled["lines"] == "two\nlines"
        assert (filled["number"], filled["mail"], filled["link"]) == (
            "7",
            "ana@example.com",
            "https://example.com",
        )
        assert (filled["day"], filled["time"]) == ("2026-02-03", "14:05")
        assert isinstance(filled["moment"], int)
        assert filled["one"]["value"] == filled["radio"]["value"] == "two"
        assert [one["value"] for one in filled["many"]] == ["one", "two", "three"]
        assert [one["value"] for one in filled["ticks"]] == ["one"]
        assert (filled["who"], filled["where"]) == ("U0BEN00001", "C0GENERAL1")
        assert [file["name"] for file in filled["sample"]] == ["sample.bin"]


async def test_the_home_is_published_when_one_goes_there(browser):
    """As the bot publishes it."""
    async with lavish() as bot, shown(bot.slack, OFFERED) as address, window(browser, address) as ana:
        await ana.goes("VirusTotal’s home")
        await ana.page.get_by_role("region", name="Home").get_by_text("Hello").wait_for()


async def test_the_deliveries_show_payloads_times_and_broken_rules(browser):
    """The page is a debugger: what went in, what was called, what Slack would have complained of."""
    async with lavish() as bot, shown(bot.slack, OFFERED) as address, window(browser, address) as ana:
        await ana.page.get_by_role("button", name="Deliveries").click()
        panel = ana.page.get_by_role("complementary", name="Deliveries")
        await ana.types("/vt 192.0.2.1")
        await panel.get_by_text("response_url").first.wait_for()
        delivery = panel.get_by_role("group").filter(has_text="to the bot: /vt")
        assert "ms" in await delivery.inner_text()
        await delivery.locator("summary").click()
        await delivery.get_by_text('"text": "192.0.2.1"').wait_for()
        with suppress(SlackApiError):
            await bot.app.client.chat_postMessage(channel="C0GENERAL1", text="x", blocks=[{"type": "none"}])
        await panel.get_by_text("Slack would have complained").first.wait_for()
        bot.slack.faults.clear()
        await ana.page.keyboard.press("Escape")


async def test_what_people_write_is_never_run(browser):
    """Markup, scripts and addresses that are none stay text."""
    hostile = "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"
    async with lavish() as bot, shown(bot.slack, OFFERED) as address, window(browser, address) as ana:
        await ana.types(hostile)
        assert hostile in await ana.reads("<script>")
        escaped = (
            "&lt;@U0ANA00001&gt; &lt;!channel&gt; &lt;https://evil.example|here&gt; *bold* <@U0BEN00001>"
        )
        blocks = (
            section(f"<javascript:alert(1)|press> {hostile}"),
            section(escaped),
            {"type": "context", "elements": [{"type": "mrkdwn", "text": escaped, "verbatim": True}]},
            {"type": "markdown", "text": hostile},
        )
        world = bot.slack.world
        world.post(Message(world.ts(), "C0INC10420", "U0OTHERBOT", "bad", blocks, bot_id="B0OTHERBOT"))
        read = await ana.reads("press")
        assert read.count("<@U0ANA00001> <!channel> <https://evil.example|here> bold @ben") == 2
        assert await ana.page.locator("main a[href^=javascript], main script, main img").count() == 0
        assert await ana.page.title() == "Playground"


async def test_what_changes_changes_on_the_page(browser):
    """Reactions come and go, an edit stands where the message stood, a deleted message is gone."""
    async with lavish() as bot, shown(bot.slack, OFFERED) as address, window(browser, address) as ana:
        world = bot.slack.world
        await ana.types("the first thing")
        await ana.reads("the first thing")
        said = bot.slack.messages("#inc-1042", ANA)[-1]
        world.react(said, ("eyes", "U0BEN00001"), put=True)
        await ana.message("the first thing").get_by_text("👀").wait_for()
        world.react(said, ("eyes", "U0BEN00001"), put=False)
        await ana.message("the first thing").get_by_text("👀").wait_for(state="detached")
        changed = await bot.slack.edits(ANA, said, "the second thing")
        assert "(edited)" in await ana.reads("the second thing")
        assert await ana.message("the first thing").count() == 0
        await bot.slack.deletes(ANA, changed.said)
        await ana.message("the second thing").wait_for(state="detached")


async def test_a_page_that_outlives_its_run_joins_the_next(browser):
    """It says that the bot was stopped, and can act again when there is another at the same address."""
    async with lavish() as bot:
        async with shown(bot.slack, OFFERED) as address:
            session = await browser.new_context()
            left = Window(await session.new_page())
            await left.page.goto(address)
            await left.types("before")
            await left.reads("before")
        await left.page.get_by_text("The bot was stopped").wait_for()
        port = int(address.rpartition(":")[2])
        async with page.served(bot.slack, OFFERED, "127.0.0.1", port):
            await left.page.get_by_text("The bot was stopped").wait_for(state="detached")
            await left.page.wait_for_load_state()
            await left.types("after")
            await left.reads("after")
            await session.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
async def test_axe_finds_no_serious_fault(database, browser, scheme, width):
    """With an answer, a menu, a thread, the deliveries and the form open."""
    async with (
        at_work(database) as office,
        shown(office.slack) as address,
        window(browser, address, color_scheme=scheme) as ana,
    ):
        await ana.page.set_viewport_size({"width": width, "height": 844})
        await ana.types("/vt scan-ip 192.0.2.1")
        await ana.reads("SUSPICIOUS")
        await ana.page.get_by_role("textbox", name="Message").fill("/")
        assert await ana.faults() == []
        await ana.presses("2 replies", ana.message("FIN-07"))
        await ana.types(f"@vt {EICAR}", box="Reply")
        await ana.message("RISKY", inside="aside").get_by_role("button", name="More actions").click()
        assert await ana.faults() == []
        await ana.page.get_by_role("button", name="Deliveries").click()
        await ana.page.get_by_role("group").first.locator("summary").click()
        await office.slack.types(ANA, "#inc-1042", "/vt form")
        await ana.page.get_by_role("dialog").wait_for()
        assert await ana.faults() == []
        assert await ana.page.evaluate("document.documentElement.scrollWidth") <= width


async def test_without_a_build_there_are_words_and_buttons(database, browser, tmp_path):
    """The plain page: what the message says, its buttons, and how to get the rest."""
    async with (
        at_work(database) as office,
        shown(office.slack, built=tmp_path) as address,
    ):
        session = await browser.new_context()
        plainly = await session.new_page()
        await plainly.goto(address)
        assert "Node.js" in await plainly.inner_text("header")
        await plainly.get_by_role("textbox").fill("/vt scan-ip 192.0.2.1")
        await plainly.keyboard.press("Enter")
        answer = plainly.get_by_role("listitem").filter(has_text="SUSPICIOUS 6/57")
        await answer.wait_for()
        await answer.get_by_role("button", name="JSON").click()
        await plainly.get_by_role("combobox", name="In", exact=True).select_option("VirusTotal")
        await plainly.get_by_role("link", name="virustotal-192.0.2.1.json").wait_for()
        await session.close()
