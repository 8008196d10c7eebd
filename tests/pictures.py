"""Pictures for the README: `make pictures`. Chromium looks at five scenes, light and dark, wide and narrow; and a card in each language."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.support.browser import HERE, MISSING, chromium, window
from tests.support.cards import PEOPLE
from tests.support.vtbot import says, vtbot

PICTURES = HERE / "docs/pictures"
SIZES = {1280: 960, 390: 844}
GENERAL, INCIDENT = "C0GENERAL1", "C0INC10420"
HASH = "44d88612fea8a8f36de82e1278abb02f"


# What is done once, and what is opened in each window before it is looked at: (place, act, look) ----------


async def asks_for_an_address(seat):
    await seat.types("/vt scan-ip 192.0.2.1")
    await seat.reads("SUSPICIOUS")


async def asks_in_a_thread(seat):
    await opens_the_thread(seat)
    await seat.types(f"@vt {HASH}", box="Reply")
    await seat.reads("RISKY", inside="aside")


async def opens_the_thread(seat):
    await seat.message("FIN-07").get_by_role("button", name="replies").click()
    await seat.page.get_by_role("complementary", name="Thread").wait_for()


async def watches_the_incident(seat):
    """What Ana posts in the watched channel is looked up by itself."""
    await seat.types("/vt watch on")
    await seat.reads("Watching")
    await seat.types(f"FIN-19 has it too: {HASH}, from hxxp://example[.]php")
    await seat.message("FIN-19").get_by_role("button", name="1 reply").wait_for()


async def opens_the_card(seat):
    await seat.message("FIN-19").get_by_role("button", name="1 reply").click()
    await seat.reads("RISKY", inside="aside")


async def scans_a_file(seat):
    """One that VirusTotal does not know: it asks first."""
    await seat.picks("More", "Upload and Scan File", seat.message("fell out of the archive"))
    await seat.message("fell out of the archive").get_by_role("button", name="1 reply").wait_for()


async def opens_the_question(seat):
    await seat.message("fell out of the archive").get_by_role("button", name="1 reply").click()
    question = seat.message("Upload it to VirusTotal?", inside="aside")
    await question.get_by_role("button", name="Upload").wait_for()


async def fills_in_the_form(seat):
    await seat.types("/vt form 192.0.2.1, hxxp://example[.]php")
    await seat.page.get_by_role("dialog").wait_for()


async def looks(seat):
    await seat.page.get_by_role("list").first.wait_for(state="attached")


SCENES = {
    "address": (GENERAL, asks_for_an_address, looks),
    "thread": (INCIDENT, asks_in_a_thread, opens_the_thread),
    "incident": (INCIDENT, watches_the_incident, opens_the_card),
    "file": (INCIDENT, scans_a_file, opens_the_question),
    "form": (INCIDENT, looks, fills_in_the_form),
}


async def main():
    """All of them."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vtbot-") as place:
        async with vtbot(Path(place), PORT="0") as process, chromium() as browser:
            lines = await says(process, "a practice Slack")
            address = next(word for word in lines[-1].split() if word.startswith("http://"))
            for name, scene in SCENES.items():
                await _shown(browser, address, name, scene)
            for tongue, who in PEOPLE.items():
                await _card(browser, address, tongue, who)


async def _shown(browser, address, name, scene):
    place, act, look = scene
    async with window(browser, address, place=place) as seat:
        await act(seat)
    for scheme in ("light", "dark"):
        for width, height in SIZES.items():
            size = {"width": width, "height": height}
            async with window(browser, address, place=place, viewport=size, color_scheme=scheme) as seat:
                await look(seat)
                await seat.page.wait_for_timeout(300)
                await seat.page.screenshot(path=PICTURES / f"{name}-{scheme}-{width}.png")


async def _card(browser, address, tongue, who):
    """The answer alone, as somebody who speaks this language has it on a telephone."""
    async with window(browser, address, who, GENERAL) as seat:
        await seat.types(f"/vt scan-hash {HASH}")
        await seat.reads(HASH)
    size = {"width": 390, "height": 1200}
    async with window(browser, address, who, GENERAL, viewport=size, device_scale_factor=2) as seat:
        card = seat.message(HASH)
        await card.wait_for()
        await seat.page.wait_for_timeout(300)
        await card.screenshot(path=PICTURES / f"card-{tongue}.png")


if __name__ == "__main__":
    if MISSING:
        sys.exit(MISSING)
    asyncio.run(main())
