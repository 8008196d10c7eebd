"""Answers to look at, in a workspace that a browser shows."""

import base64
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from slack_sdk.web.async_client import AsyncWebClient

from handlers.case import Sighting, Summary
from handlers.posting import POST_OPTIONS
from handlers.request import Detail
from handlers.text.format import Audience
from handlers.text.language import Language, language
from handlers.views import answer
from handlers.views.answer import AnswerContext
from playground.slack.workspace import Workspace
from tests.support.browser import shown, window
from tests.support.findings import DAY, NOW
from vt.verdict import State

LINES_ABOVE = {390: 12, 1280: 8}
"""The most lines above the buttons of one finding, by the width of the window."""


def message(findings, *, changed=False, detail=Detail.FULL):
    """The answer about them, looked up before in the same channel; `changed`: with another result, in another channel."""
    records = {}
    for one in findings:
        if changed or one.state in (State.RISKY, State.SUSPICIOUS):
            before = {"state": State.SUSPICIOUS, "count": 1, "total": 123, "at": NOW - 30 * DAY}
            last = Sighting.of(one).model_copy(update=before) if changed else None
            channel = "C0INC10420" if changed else None
            summary = Summary(1234 if changed else 2, NOW - 300 * DAY, not changed, channel, last)
            records[Sighting.of(one).subject] = summary
    audience = Audience("U0ADMIN001", operator=changed)
    context = AnswerContext(
        NOW, case="case-id", records=records, invented=True, detail=detail, audience=audience
    )
    return answer.answer(findings, context)


@asynccontextmanager
async def posted(messages):
    """The address of a page where these are posted in #general."""
    async with Workspace(retries=()) as slack, shown(slack) as address:
        slack.state.told |= {"C0INC10420", "U0ADMIN001"}
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        for one in messages:
            await client.chat_postMessage(channel="C0GENERAL1", **one.content, **POST_OPTIONS)
        yield address
        assert slack.faults == [], slack.faults[:3]


def spoken(tongue, scenes, **more):
    """The answers about these findings, in a language."""
    with language(tongue):
        return [message(findings, **more) for findings in scenes]


PEOPLE = {Language.ENGLISH: "ana", Language.JAPANESE: "hana", Language.SPANISH: "lucia"}


@asynccontextmanager
async def looked_at(browser, address, width, scheme="light", who="ana"):
    """A window on the messages, and the list items with them, in order."""
    size = {"width": width, "height": 900}
    async with window(browser, address, who, "C0GENERAL1", viewport=size, color_scheme=scheme) as seat:
        yield seat, seat.page.locator("main li.message").filter(has_text="VirusTotal")


FONTS = (
    ("Lato", "400", "DejaVuSans", "87%"),
    ("Lato", "700 900", "DejaVuSans-Bold", "78%"),
    ("SFMono-Regular", "400 900", "DejaVuSansMono", "100%"),
)
"""Fonts that come with matplotlib under the names that the page asks for first, scaled to the width of Slack's letters."""
SET_FONT = """async ([family, weight, data, sizeAdjust]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))
  document.fonts.add(await new FontFace(family, bytes.buffer, { weight, sizeAdjust }).load())
}"""


async def set_fonts(seat):
    """Have the page show the same letters on every machine: how many fit into a line depends on them."""
    # Found without importing it, which no process may that runs the bot.
    folder = Path(find_spec("matplotlib").origin).parent / "mpl-data" / "fonts" / "ttf"
    for family, weight, name, size in FONTS:
        data = base64.b64encode((folder / f"{name}.ttf").read_bytes()).decode()
        await seat.page.evaluate(SET_FONT, [family, weight, data, size])


LINES = """(items) => items.map((item) => {
  const end = item.querySelector('.actions')?.getBoundingClientRect().top ?? Infinity
  const begin = item.querySelector('.who').getBoundingClientRect().bottom
  const walker = document.createTreeWalker(item, NodeFilter.SHOW_TEXT)
  const tops = []
  while (walker.nextNode()) {
    const range = document.createRange()
    range.selectNodeContents(walker.currentNode)
    for (const box of range.getClientRects()) {
      const middle = (box.top + box.bottom) / 2
      if (box.width && middle > begin && middle < end && !walker.currentNode.parentElement.closest('details')) tops.push(middle)
    }
  }
  tops.sort((a, b) => a - b)
  return tops.filter((top, at) => at === 0 || top - tops[at - 1] > 8).length
})"""
"""How many lines of text there are above the buttons of each message."""
