"""The terminal prompt of the trial workspace: what is typed, what is read, and what has to be done on the page."""

import io
from contextlib import asynccontextmanager

from rich.console import Console

from playground import trial
from playground.slack.prompt import FIRST_WORD, Prompt
from playground.slack.workspace import Workspace
from tests.support.misbehaving_bot import posts
from tests.support.sample_bot import Bot, button, events, over_http, plain, section

PAGE = "http://127.0.0.1:3000"
DETAILS = {
    "type": "modal",
    "title": plain("Details"),
    "close": plain("Close"),
    "notify_on_close": True,
    "callback_id": "form",
}


class Wordy(Bot):
    """Its first button opens a modal that is only read, its second a form; its third removes the answer."""

    def __init__(self, slack):
        super().__init__(slack)
        self.app.action("details")(self._details)
        self.app.action("settings")(self._open)
        self.app.action("hide")(self._hide)

    async def _command(self, ack, respond):
        await ack()
        labels = ("Details", "Settings", "Hide")
        row = {"type": "actions", "elements": [button(label, label.lower()) for label in labels]}
        await respond(text="RISKY", blocks=[section("RISKY"), row], replace_original=True)

    async def _details(self, ack, client, body):
        await ack()
        wait = {**DETAILS, "blocks": [section("Looking …")]}
        opened = await client.views_open(trigger_id=body["trigger_id"], view=wait)
        found = {**DETAILS, "blocks": [section("*Country:* `US`\nOwner: Example, Inc.")]}
        await client.views_update(view_id=opened["view"]["id"], view=found)

    async def _hide(self, ack, respond):
        await ack()
        await respond(delete_original=True)


@asynccontextmanager
async def at_prompt(tmp_path):
    """A prompt, the workspace it is in, its bot, and what stands in the terminal."""
    async with Workspace(retries=()) as slack:
        bot = Wordy(slack)
        async with over_http(bot.app, slack):
            printed = io.StringIO()
            yield Prompt(slack, tmp_path, Console(file=printed, width=120), PAGE), slack, bot, printed
        assert slack.faults == []


async def in_time(slack, prompt, line):
    """It goes on as soon as there is something to read, long before it would give up."""
    before = slack.state.clock()
    await prompt.answers(line)
    assert slack.state.clock() - before < FIRST_WORD / 2


async def test_details_are_read_in_the_terminal(tmp_path):
    """As text, as it changes, and closed before the next line, so that no window of the page shows it later."""
    async with at_prompt(tmp_path) as (prompt, slack, bot, printed):
        await in_time(slack, prompt, "/vt 192.0.2.1")
        await in_time(slack, prompt, "1")
        await slack.until(lambda: "Country: US" in printed.getvalue())
        assert "Owner: Example, Inc." in printed.getvalue()
        assert len(slack.views("ana")) == 1
        await in_time(slack, prompt, "/vt 192.0.2.1")
        assert slack.views("ana") == []
        assert any(body["type"] == "view_closed" for body in bot.heard if "type" in body)


async def test_a_form_is_said_to_be_on_the_page(tmp_path):
    """At once, with the address; the form waits there."""
    async with at_prompt(tmp_path) as (prompt, slack, _, printed):
        await in_time(slack, prompt, "/vt 192.0.2.1")
        await in_time(slack, prompt, "2")
        assert f"This form is on the page: {PAGE}/?as=ana" in printed.getvalue()
        await in_time(slack, prompt, "/vt 192.0.2.1")
        assert [view.title for view in slack.views("ana")] == ["VirusTotal"]


async def test_what_is_removed_is_said_to_be(tmp_path):
    """The prompt does not wait for an answer that cannot come."""
    async with at_prompt(tmp_path) as (prompt, slack, _, printed):
        await in_time(slack, prompt, "/vt 192.0.2.1")
        await in_time(slack, prompt, "3")
        assert "The message was removed." in printed.getvalue()


async def test_what_is_opened_on_the_page_is_not_printed(tmp_path):
    """Two windows of one person: the prompt tells of what was asked at the prompt."""
    async with at_prompt(tmp_path) as (prompt, slack, _, printed):
        await in_time(slack, prompt, "/vt 192.0.2.1")
        await slack.presses("ana", slack.messages("#general", "ana")[-1], "Settings")
        await slack.until(lambda: slack.views("ana"))
        assert "form" not in printed.getvalue()


async def test_a_line_that_mentions_the_bot_is_said_in_the_channel(tmp_path):
    """Under any of its names, in letters of either case; anything else is a command."""
    async with at_prompt(tmp_path) as (prompt, slack, bot, _):
        for line in ("@VT 192.0.2.1", "@vt 192.0.2.1", "@VirusTotal 192.0.2.1", "@virustotal: 192.0.2.1"):
            await in_time(slack, prompt, line)
        await slack.settled()
        assert len(events(bot, "app_mention")) == 4
        await in_time(slack, prompt, "@nobody 192.0.2.1")
        assert [body["text"] for body in bot.heard if body.get("command")] == ["@nobody 192.0.2.1"]


async def test_after_a_restart_the_bot_may_name_whom_it_knew(tmp_path):
    """What was stored before names people and channels of the same workspace: no misuse, unlike a name made up."""
    async with trial.workspace(tmp_path) as slack:
        for person, channel in (("U0ANA00001", "C0INC10420"), ("U0STRANGER", "C0GENERAL1")):
            known = f"Asked by <@{person}> in <#{channel}>"
            assert await posts(slack, text=known, blocks=[section(known)]) == "ok"
        assert slack.faults == []
        await posts(slack, text="Asked by <@U0NOBODY01>", blocks=[section("x")])
        assert len(slack.faults) == 1
