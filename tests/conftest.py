"""What several test files stand on."""

import gc
import itertools
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bot.postgres import Server
from bot.startup import prepare

pytest_plugins = ["tests.support.flaky", "tests.support.schedule"]

TEMPLATE = "vtbot_template"
SURVIVAL = "tests/survival/"
STATE = """SELECT (SELECT version_num FROM alembic_version),
    (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_proc),
    (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid())"""
"""The version of a database's tables, and how many tables, triggers, functions and other connections it has."""
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
RESET_SEQUENCES = "SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'"
EMPTYING = "emptying"
"""The application_name of the connections that empty databases. They stay open: making one costs ten times as much as emptying."""

# What this machine sets for a bot that runs on it, for PostgreSQL's programs or for the way out decides no test.
SET_ELSEWHERE = re.compile(
    r"PG[A-Z]+|DATABASE_URL|(https?|all|no|ws|wss)_proxy|(SLACK|VT)_\w+|LANGUAGE", re.IGNORECASE
)
for name in filter(SET_ELSEWHERE.fullmatch, list(os.environ)):
    del os.environ[name]

# Tests say what is right, benchmarks how fast it is.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in tests/survival is slow."""
    for item in items:
        if item.nodeid.startswith(SURVIVAL):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Thousands of tests and what they import stay until the end: the garbage collector passes over them from now on."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def new_state() -> Iterator[Callable[[], Path]]:
    """Makes state folders. Not below pytest's own, which it closes to the user that root's PostgreSQL runs as."""
    with ExitStack() as stack:
        yield lambda: Path(stack.enter_context(TemporaryDirectory(prefix="vtbot-state-")))


@pytest.fixture(scope="session")
def postgres(new_state) -> Iterator[str]:
    """The URL of a private PostgreSQL's first database; one server serves the whole session."""
    with Server(new_state()).used() as url:
        _hurry(url)
        _make(url, TEMPLATE)
        prepare(make_conninfo(url, dbname=TEMPLATE))
        yield url


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture(scope="session")
def new_database(postgres, _numbers) -> Callable[..., str]:
    """Makes databases, if not said otherwise with the bot's tables, and returns their URLs."""

    def make(template: str = TEMPLATE) -> str:
        name = f"vtbot_{next(_numbers)}"
        _make(postgres, name, template)
        return make_conninfo(postgres, dbname=name)

    return make


class Reusable:
    """A database that one test after the other uses."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = psycopg.connect(url, autocommit=True, application_name=EMPTYING)
        self.connection.execute("SET session_replication_role = replica")  # no foreign keys, no triggers
        self.untouched = self.connection.execute(STATE).fetchone()
        names = [sql.Identifier(name) for (name,) in self.connection.execute(TABLES)]
        self.empty = sql.SQL("; ").join(
            [*(sql.SQL("DELETE FROM {}").format(name) for name in names), sql.SQL(RESET_SEQUENCES)]
        )

    def emptied(self) -> bool:
        """Delete every row. False when a test left a connection open, or another schema, or ended this connection."""
        try:
            if not self._is_left():
                return False
            self.connection.execute(self.empty)
        except psycopg.Error:
            return False
        return True

    def _is_left(self) -> bool:
        """A server's process takes a moment to go after its connection was closed."""
        for _ in range(50):
            *schema, others = self.connection.execute(STATE).fetchone()
            if (*schema, others) == self.untouched:
                return True
            if (*schema, 0) != self.untouched:
                break
            time.sleep(0.01)
        return False


@pytest.fixture(scope="session")
def _reusable(postgres) -> Iterator[list[Reusable]]:  # noqa: ARG001 - the server outlives them
    """Those that no test is using."""
    found: list[Reusable] = []
    yield found
    for one in found:
        one.connection.close()


@pytest.fixture
def database(new_database, _reusable) -> Iterator[str]:
    """The URL of a database with the bot's tables, all empty, that no other test uses at the same time.

    Emptying one is much cheaper than making one and deleting its 300 files, so it is used again.
    """
    used = _reusable.pop() if _reusable else Reusable(new_database())
    yield used.url
    if used.emptied():
        _reusable.append(used)
    else:
        used.connection.close()


def _hurry(url: str) -> None:
    """What the tests write need not survive a power cut, and is deleted before it is worth tidying up."""
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        connection.execute("SELECT pg_reload_conf()")


def _make(url: str, name: str, template: str = "template1") -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        # Copied as files: half the time of the usual way, which writes each page twice.
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY = FILE_COPY")
        connection.execute(make.format(sql.Identifier(name), sql.Identifier(template)))
