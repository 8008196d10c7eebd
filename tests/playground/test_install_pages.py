"""`vtbot run --workspaces`: somebody with a browser installs the bot, uses it, removes it and installs it again."""

import asyncio
import re
from urllib.parse import urlsplit

import pytest

from tests.support.oauth_apps import FIRST, THIRD, Browser
from tests.support.processes import Process

pytestmark = pytest.mark.slow


async def test_installing_by_hand(tmp_path):
    """The list says where it is installed, leads to each workspace, and installs and removes it."""
    process = Process({"HOST": "127.0.0.1"}, tmp_path, "run", "--workspaces")
    browser = Browser(None, await process.start())
    try:
        async with asyncio.timeout(30):
            while not (shown := re.search(r"Open (http://\S+/) to install", process.written())):  # noqa: ASYNC110 - a file is read
                await asyncio.sleep(0.05)
        here = shown[1]
        assert await listed(browser, here) == ["not installed"] * 4
        await browser.installs(FIRST)
        await browser.installs("E0PLAYGRND")
        assert await listed(browser, here) == [
            "installed",
            "not installed",
            "installed with the organization",
            "installed",
        ]
        _, overview = await browser.get(here)
        pages = re.findall(r'href="(http[^"]+)">Open<', overview)
        assert len(pages) == 3
        for page in pages:
            assert (await browser.get(page))[0] == 200
        assert f"/slack/install?team={THIRD}" in overview
        assert await remove(browser, here, FIRST, "http://elsewhere.example") == 403
        assert (await listed(browser, here))[0] == "installed"
        assert await remove(browser, here, FIRST, here.rstrip("/")) == 303
        assert (await listed(browser, here))[0] == "not installed"
        await browser.installs(FIRST)
        assert (await listed(browser, here))[0] == "installed"
    finally:
        await browser.http.close()
        assert await process.stopped() == 0


async def listed(browser, here):
    """The state of each workspace, and of the organisation."""
    _, overview = await browser.get(here)
    return re.findall(r"<dd>((?:not )?installed[^<]*)</dd>", overview)


async def remove(browser, here, team, origin):
    """Press the button, on that page or on another site's; the status."""
    assert urlsplit(here).hostname == "127.0.0.1"
    options = {"data": {"team": team}, "headers": {"Origin": origin}, "allow_redirects": False}
    async with browser.http.post(here, **options) as reply:
        return reply.status
