"""In which order `make test` hands tests out to its processes: those that take longest first, or the others would wait for them at the end."""

import pytest
from xdist.scheduler import LoadFileScheduling

ONE_BY_ONE = (
    "tests/survival/test_database_clock.py",
    "tests/handlers/test_slack_replies.py",
    "tests/handlers/test_watch_lost_cards.py",
    "tests/handlers/test_outage.py",
    "tests/survival/test_database_vanished.py",
    "tests/survival/test_clock.py",
    "tests/handlers/test_any_event.py",
    "tests/survival/test_shared_uploads.py",
    "tests/bot/test_large_replies.py",
)
"""Files whose tests wait for up to a minute and share no fixture of their module: each test goes to the next free process."""
WHOLE = (
    "tests/deploy/test_wheel.py",
    "tests/handlers/test_upload_canaries.py",
    "tests/survival/test_workspaces.py",
    "tests/survival/test_token_renewal.py",
)
"""Long files whose tests stay together."""
FIRST = (*ONE_BY_ONE[:2], *WHOLE, *ONE_BY_ONE[2:])


def unit(test: str) -> str:
    """What is handed out together with a test, by its node id: its file, or the test alone."""
    file = test.partition("::")[0]
    return test if file in ONE_BY_ONE else file


def place(test: str) -> int:
    """Where a test comes in the order, by its node id."""
    file = test.partition("::")[0]
    return FIRST.index(file) if file in FIRST else len(FIRST)


class LongestFirst(LoadFileScheduling):
    """By file, as a module's fixtures are set up once for each process, apart from ONE_BY_ONE."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every process has them in the same order."""
    items.sort(key=lambda item: place(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """For `--dist loadfile`."""
    return LongestFirst(config, log) if config.getoption("dist") == "loadfile" else None
