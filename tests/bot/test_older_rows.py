"""What the version before stored is read, finished and answered (tests/data/rows_of_2854d27.json)."""

import asyncio

import psycopg
import pytest

from bot.database import Database
from bot.startup import prepare
from bot.storage.cards import Cards
from bot.storage.cases import Cases, Modals
from handlers.case import Outcome
from handlers.request import Verb
from tests.support.app_fixture import at_work
from tests.support.older_rows import DUMP, NOW, furnish, load, older_tables


@pytest.fixture
def older(new_database, tmp_path):
    """A database with the tables and rows of the version before, brought up to date."""

    def made(slack_url="http://127.0.0.1:1"):
        load(url, tmp_path, slack_url)
        prepare(url)
        return url

    url = new_database("template1")
    older_tables(url)
    made.url, made.folder = url, tmp_path
    return made


@pytest.fixture
async def opened(older):
    opened = Database(older())
    yield opened
    await opened.close()


def rows(table):
    return DUMP["tables"][table]


def test_there_is_an_unfinished_request_of_each_verb():
    """The dump is worth something: each of the 31 kinds of requests waits in it, in one stage or another."""
    unfinished = {row["verb"] for row in rows("cases") if row["outcome"] == "open"}
    assert len(unfinished) == 31
    assert unfinished <= {verb.value for verb in Verb}


async def test_every_case_is_read(opened):
    """With its outcome and as many lookups as were stored."""
    cases = Cases(opened)
    for row in rows("cases"):
        case = await cases.case(row["id"])
        assert case.outcome == row["outcome"]
        assert len(case.lookups) == len(row["progress"]["lookups"])


async def test_every_finding_is_what_it_was(opened):
    """Lookups that had ended are shown as before: the errors too, each by its own sentence."""
    case = await Cases(opened).case("every-error")
    names = [type(lookup.finding(NOW).error).__name__ for lookup in case.lookups]
    [row] = [row for row in rows("cases") if row["id"] == "every-error"]
    assert names == [lookup["trouble"]["error"] for lookup in row["progress"]["lookups"]]


async def test_every_card_and_modal_is_read(opened):
    """With what people asked of it, and what was done."""
    cards, modals = Cards(opened, lambda: NOW), Modals(opened)
    for row in rows("watch_cards"):
        assert (await cards.card(row["case_id"])).version == row["version"]
    for row in rows("modals"):
        assert (await modals.modal(row["id"])).verb == row["modal"]["verb"]


async def _ended(app):
    """Let time pass until nothing is left to be done: VirusTotal forgot some analyses, which are waited for longest."""
    for minutes in (1, 1, 1, 5, *[240] * 80):
        await asyncio.sleep(0.2)
        await app.passes(minutes=minutes)
        if not await app.unanswered():
            return


async def test_all_is_finished_and_answered(older, tmp_path):
    """Each request that was open has ended as it should, in a workspace that takes nothing amiss."""

    def before(slack):
        furnish(slack)
        older(slack.state.base)

    environ = {"FILE_ROOTS": str(tmp_path), "WATCH_CHANNELS": "inc-*"}
    async with at_work(older.url, before=before, **environ) as app:
        await _ended(app)
        with psycopg.connect(older.url) as connection:
            ended = dict(connection.execute("SELECT id, outcome FROM cases").fetchall())
        open_ones = [row for row in rows("cases") if row["outcome"] == "open"]
        refused = [row["verb"] for row in open_ones if ended[row["id"]] != Outcome.DONE.value]
        assert refused == ["ignore"]
