"""What people read on the page: answers come into sight, names are completed, what closes gives the focus back."""

import base64
from contextlib import asynccontextmanager

import pytest

from playground import web
from playground.slack.records import File, Message
from playground.slack.workspace import Workspace
from playground.web.offers import offers
from tests.support.browser import MISSING, shown, window
from tests.support.sample_bot import Bot, button, events, field, heard, options, over_http, plain, section

pytestmark = [pytest.mark.slow, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]
INCIDENT, GENERAL = "C0INC10420", "C0GENERAL1"
OFFERED = offers(
    {
        "features": {
            "slash_commands": [{"command": "/vt", "description": "asks"}],
            "shortcuts": [
                {"callback_id": "open", "name": "Form", "description": "a form", "type": "global"},
                {"callback_id": "check", "name": "Check", "description": "it", "type": "message"},
            ],
            "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True},
        }
    }
)
# One grey pixel.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
TALL = section("\n".join(f"line {number} of a tall message" for number in range(60)))
MENU = {
    "type": "overflow",
    "action_id": "more",
    "options": options("Alpha", "Beta", "Bravo", "Gamma", "Zulu"),
}
PRESSED = [
    button("Go", "go"),
    button("Ask first", "ask", confirm={"title": plain("Sure?"), "text": plain("Is it?")}),
    MENU,
]


def words(text):
    return {"type": "raw_text", "text": text}


TABLE = {
    "type": "table",
    "column_settings": [{}, {"is_wrapped": True}],
    "rows": [
        [words("Field"), words("Value")],
        [words("Country"), words("US")],
        [words("Hash"), words("f" * 64)],
    ],
}
NEWER = [
    {"type": "header", "text": plain("newer blocks")},
    {
        "type": "container",
        "title": plain("Enrichment"),
        "subtitle": {"type": "mrkdwn", "text": "2 fields <https://www.virustotal.com/|of it>"},
        "is_collapsible": True,
        "default_collapsed": True,
        "child_blocks": [TABLE, {"type": "actions", "elements": [button("Inside", "inside")]}],
    },
    {
        "type": "container",
        "rich_text_title": {
            "type": "rich_text",
            "elements": [
                {"type": "rich_text_section", "elements": [{"type": "text", "text": "Always open"}]}
            ],
        },
        "has_header_divider": True,
        "width": "full",
        "child_blocks": [section("`" + "0" * 64 + "` <@U0ANA00001> <#C0INC10420> <!here>")],
    },
    {
        "type": "image",
        "slack_file": {"id": "F0PICTURE1"},
        "alt_text": "what it would show",
        "title": plain("A picture"),
    },
    {
        "type": "card",
        "title": {"type": "mrkdwn", "text": "*A card*"},
        "subtitle": {"type": "mrkdwn", "text": "of <@U0BEN00001>"},
        "body": {"type": "mrkdwn", "text": "with a body"},
        "actions": [button("On the card", "card"), button("A" * 75, "long")],
    },
]
LEVELS = {
    "default": "Note",
    "info": "Information",
    "warning": "Warning",
    "error": "Error",
    "success": "Success",
}


class Talkative(Bot):
    """Answers a command and a mention at once; its form has an alert of each level and a card."""

    async def _command(self, ack, respond, command):
        await ack()
        await respond(text=f"answer to {command['text']}", response_type="ephemeral")

    async def _open(self, ack, client, body):
        await ack()
        alerts = [
            {"type": "alert", "level": level, "text": {"type": "mrkdwn", "text": f"{level}: <@U0BEN00001>"}}
            for level in LEVELS
        ]
        view = {"type": "modal", "title": plain("Form"), "submit": plain("Send"), "callback_id": "form"}
        blocks = [*alerts, NEWER[-1], field("lines", {"type": "plain_text_input"})]
        await client.views_open(trigger_id=body["trigger_id"], view={**view, "blocks": blocks})


@pytest.fixture(scope="module")
async def place():
    """One workspace with its bot and its page for all tests: (bot, address)."""
    async with Workspace(retries=()) as slack:
        slack.state.told |= slack.state.people.keys() | slack.state.channels.keys()
        picture = File("F0PICTURE1", "shown.png", PICTURE, "image/png", "U0VTBOT001", title="shown.png")
        slack.state.files[picture.id] = picture
        bot = Talkative(slack)
        for name in ("go", "ask", "inside", "card"):
            bot.app.action(name)(_taken)
        async with over_http(bot.app, slack), shown(slack, OFFERED) as address:
            yield bot, address
        assert slack.faults == []


async def _taken(ack):
    await ack()


@asynccontextmanager
async def anas(browser, place, channel=INCIDENT, **context):
    """A window of hers."""
    async with window(browser, place[1], place=channel, **context) as seat:
        yield seat


def posts(place, text, *blocks, channel=INCIDENT, user="U0BEN00001", **more):
    """Somebody says something, with blocks if it is a bot."""
    state = place[0].slack.state
    bot_id = state.people[user].bot_id
    return state.post(Message(state.ts(), channel, user, text, blocks, bot_id=bot_id, **more))


async def in_sight(seat, text):
    """The last message with these words is where it can be read: all of it, or else its beginning."""
    message = seat.message(text)
    await message.wait_for()
    await seat.page.wait_for_function(IN_SIGHT, arg=await message.element_handle(), timeout=10_000)


IN_SIGHT = """message => {
  const [box, list] = [message, message.closest('.scroll')].map((one) => one.getBoundingClientRect())
  return box.top >= list.top - 1 && (box.bottom <= list.bottom + 1 || box.top < list.top + 9)
}"""


async def opens_form(seat):
    await seat.page.get_by_role("textbox", name="Message").fill("/F")
    await seat.page.get_by_role("option", name="Form").click()
    form = seat.page.get_by_role("dialog", name="Form")
    await form.wait_for()
    return form


def focused(seat):
    """What has the focus: its tag, and its label or words."""
    return seat.page.evaluate(
        "[document.activeElement.tagName, document.activeElement.ariaLabel ?? document.activeElement.textContent]"
    )


async def test_after_a_command_its_answer_is_in_sight(browser, place):
    """Below a tall answer, whose beginning was shown, and when one had scrolled up to read."""
    async with anas(browser, place) as ana:
        posts(place, "", section("tall one"), TALL, user="U0VTBOT001")
        await in_sight(ana, "tall one")
        await ana.types("/vt first")
        await in_sight(ana, "answer to first")
        await ana.page.get_by_role("region", name="Messages").evaluate("list => { list.scrollTop = 0 }")
        await ana.types("@vt second")
        await in_sight(ana, "@vt second")
        await ana.message("@vt second").get_by_role("button", name="1 reply").wait_for()


async def test_what_others_say_meanwhile_is_a_pill(browser, place):
    """Nothing moves while one reads; the pill counts, leads there, and is gone when one is there."""
    async with anas(browser, place) as ana:
        posts(place, "", section("tall two"), TALL, user="U0VTBOT001")
        await in_sight(ana, "tall two")
        posts(place, "said below")
        await ana.page.get_by_role("button", name="1 new message").wait_for()
        posts(place, "said further below")
        pill = ana.page.get_by_role("button", name="2 new messages")
        await pill.wait_for()
        await in_sight(ana, "tall two")
        await pill.click()
        await in_sight(ana, "said further below")
        await pill.wait_for(state="detached")
        posts(place, "and followed")
        await in_sight(ana, "and followed")
        assert await ana.page.get_by_role("button", name="new message").count() == 0


async def test_every_name_of_the_bot_mentions_it(browser, place):
    """`@VT`, as the README has it, `@vt` and `@VirusTotal`; the message shows whom it calls."""
    bot, _ = place
    async with anas(browser, place) as ana:
        before = len(events(bot, "app_mention"))
        for number, name in enumerate(("@VT", "@vt", "@VirusTotal")):
            await ana.types(f"{name} 192.0.2.{number}")
            assert "@vt" in await ana.reads(f"192.0.2.{number}")
        await bot.slack.until(lambda: len(events(bot, "app_mention")) == before + 3)
        await ana.types("mail@vt.example is no mention")
        await ana.reads("is no mention")
        await bot.slack.settled()
        assert len(events(bot, "app_mention")) == before + 3


async def test_a_name_is_completed_after_its_sign(browser, place):
    """The bot is the first; arrows and Enter or Tab pick, Escape dismisses; in the middle of a line and in threads too."""
    async with anas(browser, place) as ana:
        keys, box = ana.page.keyboard, ana.page.get_by_role("textbox", name="Message")
        await keys.type("ask @")
        names = ana.page.get_by_role("listbox", name="People").get_by_role("option")
        assert (await names.first.inner_text()).split("\n") == ["@vt", "VirusTotal · app"]
        await keys.type("vir")
        await keys.press("Tab")
        assert await box.input_value() == "ask @vt "
        await keys.type("and @b")
        await keys.press("ArrowDown")
        await keys.press("Enter")
        assert await box.input_value() == "ask @vt and @ben "
        await keys.press("Home")
        await keys.type("@Okaf")
        await keys.press("Tab")
        assert await box.input_value() == "@ben ask @vt and @ben "
        await box.fill("@")
        await keys.press("Escape")
        await names.first.wait_for(state="detached")
        await box.fill("somebody@example")
        assert await names.count() == 0
        await box.fill("")
        await ana.presses("2 replies", ana.message("FIN-07"))
        await ana.page.get_by_role("textbox", name="Reply").focus()
        await keys.type("/")
        assert await ana.page.get_by_role("listbox").count() == 0
        await keys.press("Backspace")
        await keys.type("@v")
        await keys.press("Escape")
        await names.first.wait_for(state="detached")
        assert await ana.page.get_by_role("complementary", name="Thread").is_visible()


async def test_what_closes_gives_the_focus_back(browser, place):
    """A thread, the event log, a menu, a question, a form: Escape leads to what had opened it, and closes no more."""
    async with anas(browser, place, GENERAL) as ana:
        posts(
            place,
            "focus",
            section("focus"),
            {"type": "actions", "elements": PRESSED},
            channel=GENERAL,
            user="U0VTBOT001",
        )
        keys, message = ana.page.keyboard, ana.message("focus")
        reply = message.get_by_role("button", name="Reply in a thread")
        await reply.focus()
        await keys.press("Enter")
        thread = ana.page.get_by_role("complementary", name="Thread")
        await thread.wait_for()
        await thread.get_by_role("button", name="More options").click()
        await keys.press("Escape")
        assert await focused(ana) == ["BUTTON", "More options"]
        await ana.presses("Ask first", thread)
        question = ana.page.get_by_role("dialog", name="Sure?")
        await question.wait_for()
        await keys.press("Escape")
        await question.wait_for(state="detached")
        assert await focused(ana) == ["BUTTON", "Ask first"]
        await keys.press("Escape")
        await thread.wait_for(state="detached")
        assert await focused(ana) == ["BUTTON", "Reply in a thread"]
        log = ana.page.get_by_role("button", name="Event log")
        await log.focus()
        await keys.press("Enter")
        panel = ana.page.get_by_role("complementary", name="Event log")
        await panel.get_by_role("button", name="Close").focus()
        await keys.press("Escape")
        await panel.wait_for(state="detached")
        assert (await focused(ana))[1].startswith("Event log")
        form = await opens_form(ana)
        await keys.press("Escape")
        await form.wait_for(state="detached")
        assert (await focused(ana))[0] == "TEXTAREA"


async def test_a_menu_is_used_by_home_end_and_letters(browser, place):
    """The first, the last, the next that begins with what was typed; the arrows open it."""
    async with anas(browser, place, GENERAL) as ana:
        posts(
            place,
            "menu",
            section("menu"),
            {"type": "actions", "elements": PRESSED},
            channel=GENERAL,
            user="U0VTBOT001",
        )
        more, keys = ana.message("menu").get_by_role("button", name="More options"), ana.page.keyboard
        await more.focus()
        await keys.press("ArrowDown")
        reached = [(await focused(ana))[1]]
        for key in ("End", "Home", "b", "b", "b"):
            await keys.press(key)
            reached.append((await focused(ana))[1])
        assert reached == ["Alpha", "Zulu", "Alpha", "Beta", "Bravo", "Beta"]
        await ana.page.wait_for_timeout(600)
        await keys.type("br")
        assert (await focused(ana))[1] == "Bravo"
        await keys.press("Enter")
        await place[0].slack.until(lambda: heard(place[0], "block_actions"))
        assert heard(place[0], "block_actions")[-1]["actions"][0]["selected_option"]["value"] == "bravo"


async def test_a_form_of_a_closed_tab_does_not_come_back(browser, place):
    """In another tab that shows it, it stays; when the last is closed it is gone, for a new one and the workspace."""
    slack = place[0].slack
    async with anas(browser, place) as twin:
        async with anas(browser, place) as ana:
            await opens_form(ana)
        await twin.page.get_by_role("dialog", name="Form").wait_for()
    assert len(slack.views("ana")) == 1
    async with anas(browser, place) as later:
        await later.reads("FIN-07")
        assert await later.page.get_by_role("dialog").count() == 0
    assert slack.views("ana") == []


async def test_somebody_unknown_is_said_to_be(browser, place, tmp_path):
    """Who there is, each a way in. The plain page says so too."""
    bot, address = place
    session = await browser.new_context()
    page = await session.new_page()
    await page.goto(f"{address}/?as=nobody#{INCIDENT}")
    await page.get_by_role("alert").get_by_text("There is nobody called “nobody” here.").wait_for()
    assert await page.get_by_role("link").all_inner_texts() == [
        "ana",
        "ben",
        "admin",
        "guest",
        "stranger",
        "hana",
        "lucia",
    ]
    await page.get_by_role("link", name="ben").click()
    await page.get_by_role("heading", name="#inc-1042").wait_for()
    async with web.served(bot.slack, OFFERED, "127.0.0.1", 0, built=tmp_path) as plainly:
        await page.goto(f"{plainly}/?as=nobody")
        await page.get_by_text("There is nobody called nobody here. There is ana, ben").wait_for()
    await session.close()


async def test_newer_blocks_are_drawn_and_used(browser, place):
    """A container is opened with a key, its table has a head, and buttons on cards and in containers are pressed."""
    bot, _ = place
    async with anas(browser, place, GENERAL) as ana:
        posts(place, "newer", *NEWER, channel=GENERAL, user="U0VTBOT001")
        message = ana.message("newer blocks")
        inside, table = message.get_by_role("button", name="Inside"), message.get_by_role("table")
        await message.get_by_text("2 fields").wait_for()
        assert not await inside.is_visible()
        await message.locator("summary").focus()
        await ana.page.keyboard.press("Enter")
        assert await table.get_by_role("columnheader").all_inner_texts() == ["Field", "Value"]
        assert await table.get_by_role("cell").all_inner_texts() == ["Country", "US", "Hash", "f" * 64]
        for label in ("Inside", "On the card"):
            async with ana.page.expect_response("**/do/press") as pressing:
                await ana.presses(label, message)
            assert (await pressing.value).ok
        pressed = [body["actions"][0]["block_id"] for body in heard(bot, "block_actions")[-2:]]
        assert pressed == ["b1.1", "b4"]
        form = await opens_form(ana)
        for level, word in LEVELS.items():
            assert level in await form.get_by_role("note", name=word, exact=True).inner_text()


async def test_newer_blocks_can_be_read_by_everybody(browser, place):
    """At 320 pixels, where nothing scrolls sideways but tables; mentions stand out, for one's own eyes only too."""
    small = {"width": 320, "height": 700}
    said = posts(place, "narrow", *NEWER, user="U0VTBOT001")
    posts(place, "narrow", *NEWER, user="U0VTBOT001", ephemeral_to="U0ANA00001")
    async with anas(browser, place, viewport=small) as ana:
        await ana.reads("newer blocks")
        await ana.page.locator("summary").last.click()
        for scheme in ("light", "dark"):
            await ana.page.emulate_media(color_scheme=scheme)
            assert min(await ana.page.evaluate(CONTRASTS)) >= 4.5
        await fits(ana)
        assert await ana.faults() == []
        await ana.page.get_by_role("button", name="Channels").click()
        await fits(ana)
        await ana.page.keyboard.press("Escape")
        assert (await focused(ana))[1].strip() == "☰ Channels"
        await opens_form(ana)
        await fits(ana)
        assert await ana.faults() == []
        await ana.page.keyboard.press("Escape")
        await ana.page.get_by_role("button", name="Event log").click()
        await ana.page.locator(".entry summary").first.click()
        await fits(ana)
    place[0].slack.state.update(said, deleted=True)


async def test_a_picture_is_shown_with_its_words(browser, place):
    """One that the bot sends is seen in the message, under the alternative text that the bot gave it."""
    slack, client = place[0].slack, place[0].app.client
    await client.files_upload_v2(
        channel=GENERAL, filename="record.png", content=PICTURE, alt_txt="54 of 60 engines since May"
    )
    async with anas(browser, place, GENERAL) as ana:
        picture = ana.message("record.png").get_by_role("img", name="54 of 60 engines since May")
        await picture.wait_for()
        await ana.page.wait_for_function("one => one.naturalWidth === 1", arg=await picture.element_handle())
    await slack.settled()


async def fits(seat):
    """Nothing that is drawn reaches beyond the window, but what lies in a table that scrolls by itself."""
    beyond = """[...document.querySelectorAll('body *')]
        .filter((one) => one.checkVisibility() && !one.closest('.table, .unseen') && one.getBoundingClientRect().right > innerWidth + 1)
        .map((one) => one.outerHTML.slice(0, 80))"""
    assert await seat.page.evaluate(beyond) == []
    assert await seat.page.evaluate("document.documentElement.scrollWidth") <= 320


CONTRASTS = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number)
  const luminance = (colour) => {
    const [red, green, blue] = colour.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const ground = (one) => {
    const colour = numbers(getComputedStyle(one).backgroundColor)
    return colour.length === 3 || colour[3] === 1 ? colour : ground(one.parentElement)
  }
  const mentions = [...document.querySelectorAll('.message :is(.slack_user, .slack_channel, .slack_broadcast, a)')]
  return mentions.map((one) => {
    const [dark, light] = [luminance(numbers(getComputedStyle(one).color)), luminance(ground(one))].sort((a, b) => a - b)
    return (light + 0.05) / (dark + 0.05)
  })
}"""
