"""Two processes share one key in simulated time; `python -m tests.bench quota` lets 10,000 minutes pass instead of these few."""

import pytest

from tests.bench.quota import simulated
from tests.bench.quota_figures import OTHERS


@pytest.mark.slow
async def test_forty_minutes(database):
    """No minute has too many calls, hardly a slot is lost, people go first, and one with 1,000 look-ups holds up nobody."""
    found = await simulated(database, 40)
    minute, day, month = found.most
    assert minute == 4
    assert day == month == len(found.booked)
    assert found.used >= 0.98
    assert found.overtaken == 0
    assert max(found.crowds) <= OTHERS + 1
    kept = [late for late in found.broken if late < 2]
    assert len(kept) >= 0.95 * len(found.broken) > 20
