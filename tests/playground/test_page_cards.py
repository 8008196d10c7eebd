"""The card on the page: what is read above the buttons is short, on a telephone and on a wide screen, in light and dark."""

import pytest

from handlers.request import Detail
from handlers.text.language import Language
from tests.support.browser import MISSING
from tests.support.cards import LINES, LINES_ABOVE, PEOPLE, looked_at, posted, set_fonts, spoken
from tests.support.findings import HASHES_OF_ONE_FILE, ONE, SCENES, longest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]


DATES = {
    Language.ENGLISH: "Nov 22, 2026",
    Language.JAPANESE: "2026年11月22日",
    Language.SPANISH: "22 nov 2026",
}


@pytest.mark.parametrize("tongue", PEOPLE)
async def test_few_lines_above_the_buttons(browser, tongue):
    """At most 12 at 390 pixels and 8 at 1280: for every state, kind, reason, note and recording, at its longest and changed."""
    scenes = {**{name: [one] for name, one in {**ONE, **longest()}.items()}, "hashes": HASHES_OF_ONE_FILE}
    messages = spoken(tongue, scenes.values(), changed=True, detail=Detail.SHORT)
    async with (
        posted(messages) as address,
        looked_at(browser, address, 390, who=PEOPLE[tongue]) as (seat, items),
    ):
        await set_fonts(seat)
        await items.nth(len(scenes) - 1).wait_for()
        assert await items.filter(has_text=DATES[tongue]).count() > len(ONE) // 2
        for width, most in LINES_ABOVE.items():
            await seat.page.set_viewport_size({"width": width, "height": 900})
            lines = dict(zip(scenes, await items.evaluate_all(LINES), strict=True))
            assert {name: count for name, count in lines.items() if count > most} == {}
            assert await seat.page.evaluate("document.documentElement.scrollWidth") <= width


async def test_everybody_can_read_them(browser):
    """Nothing that axe calls serious, in light or dark, in cards and lists of every length."""
    async with (
        posted(spoken(Language.ENGLISH, SCENES.values())) as address,
        looked_at(browser, address, 390) as (seat, items),
    ):
        await items.nth(len(SCENES) - 1).wait_for()
        assert await seat.faults() == []
