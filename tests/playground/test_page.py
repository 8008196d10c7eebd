"""The workspace in a browser, with the real bot in it: what someone types, presses and reads, in Chromium."""

import json

import pytest

from bot.manifest import manifest
from tests.support.app_fixture import ANA, BEN, at_work
from tests.support.browser import MISSING, shown, window

pytestmark = [pytest.mark.slow, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]
EICAR = "44d88612fea8a8f36de82e1278abb02f"


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
        at_work(database) as app,
        shown(app.slack) as address,
        window(browser, address) as ana,
        window(browser, address) as twin,
        window(browser, address, who=BEN) as ben,
    ):
        await ana.types("/vt scan-ip 192.0.2.1")
        for seat in (ana, twin):
            read = await seat.reads("SUSPICIOUS · 6 of 57 engines")
            assert "Only visible to you" in read
            assert "192[.]0[.]2[.]1" in read
        answer = app.slack.messages("#inc-1042", ANA)[-1]
        for button in app.slack.buttons(answer):
            await presses_once(ana, button, ana.message("SUSPICIOUS · 6 of 57 engines"))
            await app.idle()
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
        at_work(database) as app,
        shown(app.slack) as address,
        window(browser, address) as ana,
        window(browser, address, who=BEN) as ben,
    ):
        await ana.presses("2 replies", ana.message("FIN-07"))
        await ana.types(f"@vt what is {EICAR}?", box="Reply")
        assert "RISKY · 54 of 60 engines" in await ana.reads("RISKY", inside="aside")
        await ben.presses("4 replies", ben.message("FIN-07"))
        await ben.reads("RISKY · 54 of 60 engines", inside="aside")


async def test_a_message_has_the_bots_shortcuts_in_its_menu(database, browser):
    """Every message shortcut of the manifest; the first is picked with keys alone."""
    async with at_work(database) as app, shown(app.slack) as address, window(browser, address) as ana:
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
        await app.slack.until(lambda: any("SUSPICIOUS" in m.text for m in app.slack.messages()))
        await app.idle()


async def test_the_form_with_keys_alone(database, browser):
    """`/` offers it; what is wrong stands beside its field; Escape closes; focus comes back to the box."""
    async with at_work(database) as app, shown(app.slack) as address, window(browser, address) as ana:
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
        await app.slack.until(lambda: any("SUSPICIOUS" in m.text for m in app.slack.messages()))
        await ana.types("/vt form")
        await form.wait_for()
        await keys.press("Escape")
        await form.wait_for(state="detached")
        assert await ana.page.evaluate("document.activeElement.tagName") == "TEXTAREA"
        await app.idle()


async def test_a_url_is_submitted_after_a_question_and_its_answer_changes_in_place(database, browser):
    """Cancel sends nothing; agreed, the same message goes from UNKNOWN over PENDING to a verdict."""
    slow = {"invent": False, "queue_seconds": 10}
    async with (
        at_work(database, sandbox=slow) as app,
        shown(app.slack) as address,
        window(browser, address) as ana,
    ):
        await ana.types("/vt scan-url http://nobody.example/knows")
        await ana.reads("UNKNOWN")
        before = len(app.slack.messages("#inc-1042", ANA))
        for agreed in ("Cancel", "Submit"):
            await ana.presses("Submit for scanning", ana.message("UNKNOWN"))
            await ana.page.get_by_role("dialog").get_by_role("button", name=agreed, exact=True).click()
            assert await ana.page.get_by_role("dialog").count() == 0
        await ana.reads("PENDING")
        assert await ana.message("UNKNOWN").count() == 0
        await app.passes(seconds=20)
        await ana.reads(" engines")
        assert len(app.virustotal.calls_to("url/scan")) == 1
        assert len(app.slack.messages("#inc-1042", ANA)) == before


async def test_files_go_up_and_open_for_others(database, browser, tmp_path):
    """Attached to a message, taken off again, sent, opened by somebody else."""
    for name in ("mail.eml", "wrong.eml"):
        (tmp_path / name).write_text(f"the content of {name}")
    async with (
        at_work(database) as app,
        shown(app.slack) as address,
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
        assert [file.name for file in app.slack.files("#inc-1042", ANA)][-1] == "mail.eml"
        await app.idle()


async def test_axe_finds_no_serious_fault(database, browser):
    """With an answer, a menu, a thread, the deliveries and the form open; nothing scrolls sideways, however narrow."""
    async with (
        at_work(database) as app,
        shown(app.slack) as address,
        window(browser, address) as ana,
    ):
        await ana.types("/vt scan-ip 192.0.2.1")
        await ana.reads("SUSPICIOUS")
        await ana.page.get_by_role("textbox", name="Message").fill("/")
        assert await ana.faults() == []
        await ana.presses("2 replies", ana.message("FIN-07"))
        await ana.types(f"@vt {EICAR}", box="Reply")
        await ana.message("RISKY", inside="aside").get_by_role("button", name="More actions").click()
        assert await ana.faults() == []
        await ana.page.get_by_role("button", name="Event log").click()
        await ana.page.get_by_role("group").first.locator("summary").click()
        await app.slack.types(ANA, "#inc-1042", "/vt form")
        await ana.page.get_by_role("dialog").wait_for()
        assert await ana.faults() == []
        for width in (1280, 390, 320):
            await ana.page.set_viewport_size({"width": width, "height": 844})
            assert await ana.page.evaluate("document.documentElement.scrollWidth") <= width


async def test_without_a_build_there_are_words_and_buttons(database, browser, tmp_path):
    """The plain page: what the message says, its buttons, and how to get the rest."""
    async with (
        at_work(database) as app,
        shown(app.slack, built=tmp_path) as address,
    ):
        session = await browser.new_context()
        plainly = await session.new_page()
        await plainly.goto(address)
        assert "Node.js" in await plainly.inner_text("header")
        await plainly.get_by_role("textbox").fill("/vt scan-ip 192.0.2.1")
        await plainly.keyboard.press("Enter")
        answer = plainly.get_by_role("listitem").filter(has_text="SUSPICIOUS · 6 of 57 engines")
        await answer.wait_for()
        await answer.get_by_role("button", name="JSON").click()
        await plainly.get_by_role("combobox", name="In", exact=True).select_option("VirusTotal")
        await plainly.get_by_role("link", name="virustotal-192.0.2.1.json").wait_for()
        await session.close()
