"""People at the page of the workspace: Debian's Chromium, driven by what is seen in it, never by what it is made of."""

import fcntl
import os
import re
import shutil
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import async_playwright

from bot.manifest import manifest
from handlers.text import usage as usage_text
from playground import web
from playground.slack import scenes
from playground.web.offers import offers

HERE = Path(__file__).parents[2]
PROGRAMS = f"{HERE / '.venv/bin'}{os.pathsep}{os.environ.get('PATH', '')}"
"""Where the Makefile looks for Node.js: first among the test requirements."""
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
AXE = HERE / "playground/web/client/node_modules/axe-core/axe.min.js"
# It asks nobody for updates, and a container's root has no sandbox.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-lcd-text",  # grey letters: pictures of half the size
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def missing():
    """Why there is no page to look at here; None when there is one."""
    if CHROMIUM is None:
        return "no Chromium: apt-get install chromium"
    if node_version() < (20, 19):
        return "no Node.js 20.19 or newer to build the page with"
    return None


def node_version():
    """Major and minor number of the Node.js that npm runs on; (0, 0) without it."""
    node = shutil.which("node", path=PROGRAMS)
    if not (node and shutil.which("npm", path=PROGRAMS)):
        return 0, 0
    printed = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - node itself
    version = re.match(r"v(\d+)\.(\d+)", printed)
    return tuple(map(int, version.groups())) if version else (0, 0)


MISSING = None if os.environ.get("CI") else missing()
"""Why the tests of the page are skipped. In CI they never are: there they fail when something is missing."""


def build():
    """The page, made as `make run` makes it; by one of the test processes, while the others wait for it."""
    folder = os.open(HERE / "playground/web/client", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        subprocess.run(["make", "-s", "page"], cwd=HERE, check=True, timeout=300)  # noqa: S607 - whichever make
    finally:
        os.close(folder)


@asynccontextmanager
async def chromium():
    """The browser, and a page that is built. Raises RuntimeError when one of them cannot be had here."""
    if why := missing():
        raise RuntimeError(why)
    build()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


class Window:
    """One window of one person, in one place of the workspace."""

    def __init__(self, page):
        self.page = page
        page.set_default_timeout(60_000)
        self.strayed = []
        """Requests that left the machine."""
        self.errors = []
        """What the browser complained of."""
        page.on("request", self._asked)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._logged)

    def _asked(self, request):
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname != "127.0.0.1":
            self.strayed.append(request.url)

    def _logged(self, line):
        # That something cannot be done is said by the page, and logged by the browser as a failed request.
        if line.type == "error" and "409" not in line.text:
            self.errors.append(line.text)

    async def goes(self, name):
        """To a channel, to the direct messages or to the home, by its name in the sidebar."""
        await self.page.get_by_role("navigation").get_by_role("link", name=name).click()

    async def types(self, line, box="Message"):
        """Write a line and press Enter, as a person does."""
        written = self.page.get_by_role("textbox", name=box)
        await written.fill(line)
        await written.press("Enter")

    def message(self, having, inside="main"):
        """The last message in which these words are read."""
        return self.page.locator(inside).get_by_role("listitem").filter(has_text=having).last

    async def reads(self, having, inside="main"):
        """What stands in the last message with these words, once it is there."""
        message = self.message(having, inside)
        await message.wait_for()
        return await message.inner_text()

    async def presses(self, label, message):
        """A button of a message."""
        await message.get_by_role("button", name=label, exact=True).click()

    async def picks(self, menu, entry, message):
        """An entry of a menu of a message."""
        await message.hover()
        await message.get_by_role("button", name=menu).click()
        await message.get_by_role("menuitem", name=entry).first.click()

    async def faults(self, *, colours_only=False):
        """What axe finds seriously wrong for people who cannot see well, or have no mouse: in light, then in dark.

        In dark only colours are looked at again, and with `colours_only` in light too: all else is the same as before.
        """
        found = []
        contrast = ["color-contrast"]
        for scheme, rules in (("light", contrast if colours_only else None), ("dark", contrast)):
            await self.page.emulate_media(color_scheme=scheme)
            await self.page.wait_for_function(
                "scheme => !document.querySelector(`[data-theme]:not([data-theme=${scheme}])`)", arg=scheme
            )
            found += [f"{scheme}: {fault}" for fault in await self._faults(rules)]
        return found

    async def _faults(self, rules):
        if not await self.page.evaluate("'axe' in window"):
            # By the debugger, which the page's own policy does not concern.
            await self.page.evaluate(AXE.read_text())
        found = await self.page.evaluate(
            "(rules) => axe.run({ resultTypes: ['violations'], ...(rules && { runOnly: rules }) })", rules
        )
        return [
            f"{one['id']}: {node['target']} {node['failureSummary']}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]


@asynccontextmanager
async def shown(slack, offered=None, **more):
    """The page of a workspace in which an incident is going on."""
    scenes.furnish(slack.state)
    offered = offered or offers(manifest(), usage_text.help_lines())
    async with web.served(slack, offered, "127.0.0.1", 0, **more) as address:
        yield address


@asynccontextmanager
async def window(browser, address, who="ana", place="C0INC10420", **context):
    """Open one; closing it, nothing may have gone wrong in it."""
    session = await browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context})
    seat = Window(await session.new_page())
    await seat.page.goto(f"{address}/?as={who}#{place}")
    await seat.page.get_by_role("main").wait_for()
    try:
        yield seat
    finally:
        await session.close()
    assert (seat.strayed, seat.errors) == ([], [])
