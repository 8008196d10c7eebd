"""The card on the page: what is read above the buttons is short, on a telephone and on a wide screen, in light and dark."""

import pytest

from tests.support.browser import MISSING
from tests.support.cards import LINES, LINES_ABOVE, ONE, SCENES, looked_at, posted

pytestmark = [pytest.mark.slow, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]


@pytest.mark.parametrize("width", LINES_ABOVE)
async def test_few_lines_above_the_buttons(browser, width):
    """At most 12 at 390 pixels and 8 at 1280, for every state and kind; and nothing is wider than the window."""
    async with posted() as address, looked_at(browser, address, width) as (seat, items):
        lines = {
            name: await item.evaluate(LINES) for name, item in zip(SCENES, items, strict=True) if name in ONE
        }
        assert {name: count for name, count in lines.items() if count > LINES_ABOVE[width]} == {}
        assert len(lines) == len(ONE)
        assert await seat.page.evaluate("document.documentElement.scrollWidth") <= width
        assert await seat.faults() == []
