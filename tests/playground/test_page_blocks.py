"""Everything that Block Kit has and that a page has to do, with a small bot that uses it all."""

from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from slack_sdk.errors import SlackApiError

from playground import web
from playground.slack.records import Message
from playground.slack.workspace import Workspace
from playground.web.offers import offers
from tests.support.app_fixture import ANA
from tests.support.browser import MISSING, Window, shown, window
from tests.support.sample_bot import Bot, button, field, heard, options, over_http, plain, section

pytestmark = [pytest.mark.slow, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]
MANY = options("One", "Two", "Three")


def rich(*parts):
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [*parts]}]}


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
SAID = (
    "<@U0ANA00001> <#C0GENERAL1> <!here> <https://example.com|a link> `code` ~gone~\n&gt; quoted <@U0BEN00001>\n"
    "```<https://example.com|a link> in code```"
)
WRITTEN = [
    section(SAID),
    {"type": "context", "elements": [{"type": "mrkdwn", "text": SAID}]},
    {
        "type": "actions",
        "elements": [button("Go", "go", style="primary"), button("End", "end", style="danger")],
    },
]
ONLY_IN_MESSAGES = [
    {
        "type": "markdown",
        "text": "# Title\n[a link](https://example.com) `code`\n> quoted\n\n```\ncode\n```\n",
    },
    {
        "type": "table",
        "rows": [[{"type": "raw_text", "text": "cell"}, rich({"type": "user", "user_id": "U0BEN00001"})]],
    },
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

    blocks = tuple(EVERYTHING)

    async def _open(self, ack, client, body):
        view = {"type": "modal", "callback_id": "form", "title": plain("Everything"), "submit": plain("Send")}
        await client.views_open(trigger_id=body["trigger_id"], view=view | {"blocks": self.blocks})
        await ack()

    async def _form(self, ack):
        await ack()

    async def _more(self, ack):
        await ack()


class Wordy(Lavish):
    """Its form and its home have every kind of text that there is."""

    blocks = (*EVERYTHING, *WRITTEN[:2])

    async def _home(self, client, event):
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": WRITTEN})


@asynccontextmanager
async def lavish(kind=Lavish):
    async with Workspace(retries=()) as slack:
        bot = kind(slack)
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


async def test_every_kind_of_text_stands_out_wherever_it_is_read(browser):
    """Mentions, links, code, quotes, tables: in a message, hovered, for one's own eyes only, at home, in a form."""
    async with (
        lavish(Wordy) as bot,
        shown(bot.slack, OFFERED) as address,
        window(browser, address) as ana,
    ):
        state, blocks = bot.slack.state, (*WRITTEN, *ONLY_IN_MESSAGES)
        for number, reader in enumerate((None, "U0ANA00001")):
            text = section(f"number {number}")
            said = Message(
                state.ts(), "C0INC10420", "U0OTHERBOT", blocks=(text, *blocks), bot_id="B0OTHERBOT"
            )
            state.post(replace(said, ephemeral_to=reader))
            message = ana.message(f"number {number}")
            await message.wait_for()
            assert await ana.faults() == []
            await message.hover()
            assert await ana.faults(colours_only=True) == []
        await ana.goes("VirusTotal’s home")
        await ana.page.get_by_role("region", name="Home").get_by_text("quoted").first.wait_for()
        assert await ana.faults() == []
        await ana.goes("general")
        await ana.page.get_by_role("textbox", name="Message").fill("/")
        await ana.page.get_by_role("option", name="Everything").click()
        await ana.page.get_by_role("dialog", name="Everything").get_by_text("quoted").first.wait_for()
        assert await ana.faults() == []
        bot.slack.faults.clear()  # that the bot mentions people and links to anywhere is not what is judged here


async def test_the_home_is_published_when_one_goes_there(browser):
    """As the bot publishes it."""
    async with lavish() as bot, shown(bot.slack, OFFERED) as address, window(browser, address) as ana:
        await ana.goes("VirusTotal’s home")
        await ana.page.get_by_role("region", name="Home").get_by_text("Hello").wait_for()


async def test_the_deliveries_show_payloads_times_and_broken_rules(browser):
    """The page is a debugger: what went in, what was called, how it misused the API."""
    async with lavish() as bot, shown(bot.slack, OFFERED) as address, window(browser, address) as ana:
        await ana.page.get_by_role("button", name="Event log").click()
        panel = ana.page.get_by_role("complementary", name="Event log")
        await ana.types("/vt 192.0.2.1")
        await panel.get_by_text("response_url").first.wait_for()
        delivery = panel.get_by_role("group").filter(has_text="to the bot: /vt")
        assert "ms" in await delivery.inner_text()
        await delivery.locator("summary").click()
        await delivery.get_by_text('"text": "192.0.2.1"').wait_for()
        with suppress(SlackApiError):
            await bot.app.client.chat_postMessage(channel="C0GENERAL1", text="x", blocks=[{"type": "none"}])
        await panel.get_by_text("API misuse that Slack would refuse").first.wait_for()
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
        state = bot.slack.state
        state.post(Message(state.ts(), "C0INC10420", "U0OTHERBOT", "bad", blocks, bot_id="B0OTHERBOT"))
        read = await ana.reads("press")
        assert read.count("<@U0ANA00001> <!channel> <https://evil.example|here> bold @ben") == 2
        assert await ana.page.locator("main a[href^=javascript], main script, main img").count() == 0
        assert await ana.page.title() == "Playground"


async def test_what_changes_changes_on_the_page(browser):
    """Reactions come and go, an edit stands where the message stood, a deleted message is gone."""
    async with lavish() as bot, shown(bot.slack, OFFERED) as address, window(browser, address) as ana:
        state = bot.slack.state
        await ana.types("the first thing")
        await ana.reads("the first thing")
        said = bot.slack.messages("#inc-1042", ANA)[-1]
        state.react(said, ("eyes", "U0BEN00001"), put=True)
        await ana.message("the first thing").get_by_text("👀").wait_for()
        state.react(said, ("eyes", "U0BEN00001"), put=False)
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
        await left.page.get_by_text("Disconnected. Reconnecting").wait_for()
        port = int(address.rpartition(":")[2])
        async with web.served(bot.slack, OFFERED, "127.0.0.1", port):
            await left.page.get_by_text("Disconnected. Reconnecting").wait_for(state="detached")
            await left.page.wait_for_load_state()
            await left.types("after")
            await left.reads("after")
            await session.close()
