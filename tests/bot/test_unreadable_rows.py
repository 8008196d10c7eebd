"""A stored row that cannot be read ends within its tries: its asker hears of it, and the log says why."""

import asyncio
import json

import psycopg
import pytest
from structlog.testing import capture_logs

from bot.database import Database
from bot.storage.cases import Cases
from bot.storage.slack import STRICTEST, SettingsStore
from handlers.request import LookupRequest, Origin
from tests.support.app_fixture import ANA, BEN, GENERAL, at_work
from tests.support.due_jobs import DUE_NOW
from tests.support.incident import at_incident
from vt.actions import BY_KEY
from vt.indicators import Indicator, Kind
from vt.lookup import Lookup

SENTENCE = "I can't read what I stored about this request"
CANARY = "canary"


def changed(column, **changes):
    """SQL that puts these keys into a column's JSON object."""
    return f"{column} = ({column}::jsonb || '{json.dumps(changes)}')::json"


def lookup(**changes):
    """SQL that puts these keys into the only lookup of the request."""
    return f"request = jsonb_set(request::jsonb, '{{lookups,0}}', request::jsonb->'lookups'->0 || '{json.dumps(changes)}')::json"


def deep(depth):
    return "[" * depth + "]" * depth


UNREADABLE = {
    "a version that is none": changed("request", version="new"),
    "an older version than the first": changed("request", version=0),
    "an unknown verb": changed("request", verb=CANARY),
    "an unknown key": changed("request", canary=1),
    "an unknown key of the progress": changed("progress", canary=1),
    "a missing field": "request = (request::jsonb - 'at')::json",
    "a missing origin": "request = (request::jsonb - 'origin')::json",
    "a field of another type": changed("request", lookups="canary"),
    "another type in the progress": changed("progress", posts="canary"),
    "a time that is none": changed("request", at="canary"),
    "another request's id": changed("request", id="canary"),
    "a request that is a string": """request = '"canary"'""",
    "a request that is null": "request = 'null'",
    "a progress that is a list": "progress = '[1]'",
    "half a character": r"request = replace(request::text, '198.51.100.1', '\ud800')::json",
    "a number too long": f"request = '{{\"at\": 1{'0' * 5000}}}'",
    "nested too deeply": f"request = '{deep(2500)}'",
    "an unknown action": lookup(action=CANARY),
    "an unknown kind": lookup(kind=CANARY),
    "a lookup that is a number": "request = jsonb_set(request::jsonb, '{lookups,0}', '7')::json",
}


def request(slack, name, at):
    person, channel = slack.person(ANA), slack.state.channel(GENERAL)
    url = slack.state.hook_url(slack.state.hook(person, channel))
    return LookupRequest(
        id=name,
        delivery=name,
        at=at,
        origin=Origin(team=person.team, user=person.id, channel=channel.id, response_url=url),
        lookups=(Lookup.of(Indicator(Kind.IPV4, "198.51.100.1"), BY_KEY["scan-ip"], 25),),
    )


async def accepted(app, name, change):
    """A request that is unreadable before its first turn."""
    store = Database(app.database)
    cases = Cases(store)
    await cases.accept(request(app.slack, name, at=app.clock()))
    await store.close()
    execute(app, f"UPDATE cases SET {change} WHERE id = %s", name)  # noqa: S608 - ours


@pytest.fixture(scope="module")
async def unreadable(new_database):
    """Each of them stored while nobody works, then a bot: what its people read, and what is left in the database."""
    database = new_database()
    with psycopg.connect(database, autocommit=True) as connection:
        stop = "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.scheduled_at = ''infinity''; RETURN NEW; END'"
        connection.execute(stop)
        connection.execute(
            "CREATE TRIGGER stop BEFORE INSERT ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION stop()"
        )
    async with at_work(database) as app:
        for name, change in UNREADABLE.items():
            await accepted(app, name, change)
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("DROP TRIGGER stop ON procrastinate_jobs")
            connection.execute(DUE_NOW)
        with capture_logs() as app.logs:
            await app.idle(seconds=20)
        yield app


def rows(app, query, *values):
    with psycopg.connect(app.database, autocommit=True) as connection:
        return connection.execute(query, values).fetchall()


def execute(app, statement, *values):
    with psycopg.connect(app.database, autocommit=True) as connection:
        connection.execute(statement, values)


@pytest.mark.parametrize("name", UNREADABLE)
async def test_it_ends_at_once_and_is_not_tried_again(unreadable, name):
    """Failed, for that reason, in the audit trail too; no job is left."""
    found = rows(
        unreadable,
        "SELECT c.outcome, a.outcome, a.why FROM cases c JOIN audit a USING (id) WHERE id = %s",
        name,
    )
    assert found == [("failed", "failed", "unreadable")]
    assert rows(unreadable, "SELECT 1 FROM procrastinate_jobs WHERE lock = %s", name) == []


@pytest.mark.parametrize("name", UNREADABLE)
async def test_the_log_has_one_line_about_it(unreadable, name):
    """It names the case and the reason, and nothing of what was stored."""
    [line] = [line for line in unreadable.logs if line.get("case") == name]
    assert (line["event"], line["log_level"], line["asker_told"]) == ("case_unreadable", "error", True)
    assert line["reason"]
    assert CANARY not in str(line | {"case": ""})


async def test_every_asker_hears_of_it(unreadable):
    """One sentence for each: where they asked, or in direct messages when it is not known where that was."""
    slack = unreadable.slack
    told = [one for one in slack.messages(user=ANA) if SENTENCE in "\n".join(slack.shown(one))]
    assert len(told) == len(UNREADABLE)


# What belongs to a case that cannot be read --------------------------------------------------------------


async def test_a_button_of_an_unreadable_answer_says_that_it_is_gone(database):
    """JSON, Share and Details: whoever presses reads why nothing comes, at once."""
    async with at_work(database) as app:
        answer = await app.asks("/vt scan-ip 192.0.2.1")
        await app.idle()
        [(name,)] = rows(app, "SELECT id FROM cases")
        execute(app, f"UPDATE cases SET {changed('progress', canary=1)} WHERE id = %s", name)  # noqa: S608 - ours
        for button in ("JSON", "Share"):
            told = await (await app.slack.presses(ANA, answer, button)).answer()
            assert "I no longer have that answer" in app.now(told)
        await app.slack.presses(ANA, answer, "more", "Details")
        assert len(app.slack.views(ANA)) == 1
        await app.slack.until(lambda: "I no longer have that answer" in str(app.slack.views(ANA)[0].content))
        await app.idle()


async def test_what_a_later_release_wrote_is_left_to_it_and_ends_with_the_last_try(database):
    """During a rolling restart a process of that release answers; when none does, the asker hears of it."""
    async with at_work(database) as app:
        await accepted(app, "later", changed("request", version=99))
        await asyncio.sleep(1)
        assert rows(app, "SELECT outcome FROM cases") == [("open",)]
        async with asyncio.timeout(20):
            while rows(app, "SELECT outcome FROM cases") != [("failed",)]:
                execute(app, DUE_NOW)
                await asyncio.sleep(0.1)
        [told] = app.slack.messages(user=ANA)
        assert SENTENCE in app.now(told)


async def test_a_job_that_names_no_case_is_dropped(database):
    """Arguments that are missing, of another type or more than there should be: the job is not repeated."""
    async with at_work(database) as app:
        for arguments in ("{}", '{"case_id": 7}', '{"case_id": null, "failures": "x"}', '{"canary": 1}'):
            insert = (
                "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('vtbot', 'turn', %s)"
            )
            execute(app, insert, arguments)
        await app.slack.types(BEN, GENERAL, "/vt scan-ip 192.0.2.1")
        await app.idle()
        async with asyncio.timeout(10):
            while rows(app, "SELECT 1 FROM procrastinate_jobs WHERE task_name = 'turn'"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


# Everything else that is stored ---------------------------------------------------------------------------


async def test_an_unreadable_card_does_not_keep_the_others_from_their_answers(database):
    """Of three that are due in one batch: it has failed, nobody is told, and the two others are there."""
    async with at_incident(database) as incident:
        app = incident.app
        messages = [
            await incident.posts(f"we saw {value}") for value in ("192.0.3.1", "192.0.3.2", "192.0.3.3")
        ]
        spoil = "UPDATE watch_cards SET manners = '{\"canary\": 1}' WHERE message = %s"
        execute(app, spoil, messages[0].ts)
        execute(app, "UPDATE watch_cards SET due = now() - interval '1 h', version = version + 1")
        before = len(app.slack.messages())
        await incident.posts("and 192.0.3.4")
        assert rows(app, "SELECT 1 FROM watch_cards WHERE due IS NOT NULL") == []
        found = (
            "SELECT a.outcome, a.why FROM watch_cards c JOIN audit a ON a.id = c.case_id ORDER BY c.message"
        )
        assert rows(app, found)[0] == ("failed", "unreadable")
        assert {outcome for outcome, _ in rows(app, found)[1:]} == {"answered"}
        assert len(app.slack.messages()) == before + 2


async def test_a_modal_that_cannot_be_read_is_an_expired_one(database):
    """Sending the form says so; nothing is lost but what was typed, which is still in the form."""
    async with at_work(database) as app:
        await app.slack.types(ANA, GENERAL, "/vt form 192.0.2.1")
        execute(app, "UPDATE modals SET modal = '[7]'")
        [view] = app.slack.views(ANA)
        exchange = await app.slack.submits(ANA, app.slack.fills(ANA, view, {"values": "192.0.2.1"}))
        assert "This form has expired" in str(exchange.errors or app.slack.views(ANA)[0].content)


async def test_channel_settings_that_cannot_be_read_are_the_strictest(database):
    """They may have forbidden uploads and public answers: nothing is loosened by an update."""
    store = Database(database)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("""INSERT INTO channels VALUES ('T1', 'C1', '{"canary": 1}')""")
    assert await SettingsStore(store).get("T1", "C1") == STRICTEST
    await store.close()


async def test_answers_do_without_what_is_on_record_when_it_cannot_be_read(database):
    """History, people, a watched channel, the quota and the reply cache: garbage in any of them stops nobody."""
    async with at_work(database) as app:
        await app.asks("/vt scan-ip 192.0.2.1")
        await app.idle()
        for spoil in (
            """UPDATE sightings SET what = '{"canary": 1}'""",
            "UPDATE people SET role = 'canary'",
            "UPDATE quotas SET use = 'canary'",
            "UPDATE replies SET raw = '7'",
        ):
            execute(app, spoil)
        again = await app.asks("/vt scan-ip 192.0.2.1", BEN)
        await app.idle()
        assert "[JSON]" in app.now(again)
        await app.slack.opens_home(ANA)
        await app.idle()
        assert rows(app, "SELECT DISTINCT outcome FROM cases") == [("answered",)]
