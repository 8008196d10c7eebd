"""What several test files stand on."""

import itertools
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bot.database import prepare
from bot.postgres import Server

TEMPLATE = "vtbot_template"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory) -> Iterator[str]:
    """The URL of a private PostgreSQL's first database; one server serves the whole session."""
    with Server(tmp_path_factory.mktemp("postgres")).used() as url:
        _make(url, TEMPLATE)
        prepare(make_conninfo(url, dbname=TEMPLATE))
        yield url


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture
def database(postgres, _numbers) -> str:
    """The URL of a database with the bot's tables, of the test's own."""
    name = f"vtbot_{next(_numbers)}"
    _make(postgres, name, TEMPLATE)
    return make_conninfo(postgres, dbname=name)


def _make(url: str, name: str, template: str = "template1") -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        make = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(make.format(sql.Identifier(name), sql.Identifier(template)))
