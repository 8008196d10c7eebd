"""The card of every state, the longest cards, and lists, as contact sheets: `make pictures`.

Wide and narrow, light and dark, in every language; what each is and its lines above the buttons are written over it.
"""

import asyncio
import base64
import html
import sys

from tests.support.browser import HERE, MISSING, chromium
from tests.support.cards import LINES, PEOPLE, looked_at, posted, spoken
from tests.support.findings import HASHES_OF_ONE_FILE, LISTS, ONE, longest

SHEETS = HERE / "docs/pictures/cards"
COLUMNS = {390: 5, 1280: 2}
TALLEST = 9_000
"""Pixels of a window in which the longest list is not cut."""
LONGEST = ("hash", "URL", "octets", "address, 4", "parent domain, 30", "email, 4", "file, MAYBE_UPLOADED, 54")
PAGE = """<!doctype html><style>body {{ font: 15px sans-serif; margin: 12px; background: #888; columns: {columns}; column-gap: 12px }}
figure {{ margin: 0 0 12px; break-inside: avoid }} img {{ width: 100%; display: block }}</style>{figures}"""


def sheets():
    """By name: what is on a sheet, and whether it was found with another result before."""
    long = longest()
    changed = {**{name: [long[name]] for name in LONGEST}, "hashes of one file": HASHES_OF_ONE_FILE}
    return {
        "states": ({name: [one] for name, one in ONE.items()}, False),
        "longest": (changed, True),
        "lists": (LISTS, False),
    }


async def main():
    """All of them."""
    SHEETS.mkdir(parents=True, exist_ok=True)
    async with chromium() as browser:
        for sheet, (scenes, changed) in sheets().items():
            for tongue, who in PEOPLE.items():
                messages = spoken(tongue, scenes.values(), changed=changed)
                async with posted(messages) as address:
                    for width in COLUMNS:
                        for scheme in ("light", "dark"):
                            async with looked_at(browser, address, width, scheme, who) as (seat, items):
                                name = f"{sheet}-{tongue}-{width}-{scheme}"
                                await _sheet(browser, seat, items, scenes, name)


async def _sheet(browser, seat, items, scenes, name):
    width = seat.page.viewport_size["width"]
    await seat.page.set_viewport_size({"width": width, "height": TALLEST})
    await items.nth(len(scenes) - 1).wait_for()
    figures = []
    for scene, lines, item in zip(scenes, await items.evaluate_all(LINES), await items.all(), strict=True):
        picture = base64.b64encode(await item.screenshot()).decode()
        caption = f"{html.escape(scene)}: {lines} lines"
        figures.append(f'<figure>{caption}<img src="data:image/png;base64,{picture}"></figure>')
    columns = COLUMNS[width]
    page = await browser.new_page(viewport={"width": columns * (width + 14), "height": 800})
    await page.set_content(PAGE.format(columns=columns, figures="".join(figures)))
    await page.screenshot(path=SHEETS / f"{name}.png", full_page=True)
    await page.close()
    sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    if MISSING:
        sys.exit(MISSING)
    asyncio.run(main())
