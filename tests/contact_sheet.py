"""The card of every state, and lists, as contact sheets: `make pictures`. Wide and narrow, light and dark."""

import asyncio
import base64
import html
import sys

from tests.support.browser import HERE, MISSING, chromium
from tests.support.cards import LINES, SCENES, looked_at, posted

SHEETS = HERE / "docs/pictures/cards"
COLUMNS = {390: 4, 1280: 2}
TALLEST = 9_000
"""Pixels of a window in which the longest list is not cut."""
PAGE = """<style>body {{ font: 15px sans-serif; margin: 12px; background: #888; columns: {columns}; column-gap: 12px }}
figure {{ margin: 0 0 12px; break-inside: avoid }} img {{ width: 100%; display: block }}</style>{figures}"""


async def main():
    """All of them."""
    SHEETS.mkdir(parents=True, exist_ok=True)
    async with chromium() as browser, posted() as address:
        for width in COLUMNS:
            for scheme in ("light", "dark"):
                await _sheet(browser, address, width, scheme)


async def _sheet(browser, address, width, scheme):
    figures = []
    async with looked_at(browser, address, width, scheme) as (seat, items):
        await seat.page.set_viewport_size({"width": width, "height": TALLEST})
        for name, item in zip(SCENES, items, strict=True):
            lines = await item.evaluate(LINES)
            picture = base64.b64encode(await item.screenshot()).decode()
            caption = f"{html.escape(name)}: {lines} lines above the buttons"
            sys.stdout.write(f"{width} {scheme} {caption}\n")
            figures.append(f'<figure>{caption}<img src="data:image/png;base64,{picture}"></figure>')
    columns = COLUMNS[width]
    page = await browser.new_page(viewport={"width": columns * (width + 14), "height": 800})
    await page.set_content(PAGE.format(columns=columns, figures="".join(figures)))
    await page.screenshot(path=SHEETS / f"{scheme}-{width}.png", full_page=True)
    await page.close()


if __name__ == "__main__":
    if MISSING:
        sys.exit(MISSING)
    asyncio.run(main())
