"""What the tests of the page stand on."""

import pytest

from tests.support.browser import chromium


@pytest.fixture(scope="session")
async def browser():
    """Chromium, and a page that is built; one for all test files that a process runs."""
    async with chromium() as running:
        yield running
