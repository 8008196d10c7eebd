"""The bench of lists: what each client needs for the same indicators, with a free key in simulated time."""

import pytest

from tests.bench import indicators
from tests.bench.free_key import DOCUMENTED, Simulated
from tests.bench.lookups import ALTERNATIVES, OURS
from tests.bench.programs import CLIENTS, MissingError
from tests.support.app_fixture import address

pytestmark = pytest.mark.slow
HASHES = indicators.hashes(25, 0)


@pytest.fixture
def bench(database, tmp_path):
    return Simulated(address(database), tmp_path, CLIENTS)


def test_the_service_keeps_to_the_quota_and_answers_everything(bench):
    """25 hashes are 7 calls of 4; the fifth call waits for the next minute, and VirusTotal refuses none."""
    run = bench.run(OURS[0], HASHES)
    assert (run.calls, run.refused, run.answered) == (7, 0, 25)
    assert 60 <= run.seconds < 62


def test_the_documented_loop_drops_what_is_refused(bench):
    """The stand-in refuses the fifth report in a minute, whatever the client."""
    run = bench.run(DOCUMENTED, HASHES)
    assert (run.answered, run.refused) == (4, 21)


def test_a_loop_that_waits_is_not_refused(bench):
    """15 s after each call."""
    run = bench.run(DOCUMENTED, HASHES[:3], paced=True)
    assert (run.answered, run.refused) == (3, 0)
    assert run.seconds == pytest.approx(run.calls * 15.15)


def test_a_package_that_is_not_installed_is_said_to_be_missing(tmp_path):
    """Then its line says so, and the others run."""
    absent = Simulated("", tmp_path, tmp_path / "no-python")
    needed = next(client for client in ALTERNATIVES if client.needed)
    with pytest.raises(MissingError):
        absent.run(needed, HASHES)


def test_lists_are_the_same_for_the_same_seed():
    """1,000 of which 400 repeat have 600 different ones, 150 of each kind."""
    found = indicators.repeating(1000, 400, 7)
    assert found == indicators.repeating(1000, 400, 7)
    kinds = [kind for kind, _ in set(found)]
    assert (len(found), {kind: kinds.count(kind) for kind in kinds}) == (
        1000,
        dict.fromkeys(("hash", "url", "ip", "domain"), 150),
    )
