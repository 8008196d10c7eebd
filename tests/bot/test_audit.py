"""The audit trail: a row for every request, what it cost, and `vtbot audit`, which prints it."""

import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from bot import terminal
from bot.__main__ import BEGINNING, parser
from bot.database import Database
from bot.settings import load
from bot.storage.history import AuditTrail, Entry
from playground.virustotal import faults
from tests.support.app_fixture import ANA, GENERAL, HASHES, address, at_work

EICAR = "44d88612fea8a8f36de82e1278abb02f"
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


async def entries(database, since=BEGINNING):
    """Everything on record."""
    kept = Database(database)
    try:
        return [entry async for entry in AuditTrail(kept).since(since)]
    finally:
        await kept.close()


async def test_who_where_what_when_and_what_came_of_it(database):
    """One row for a request, with the actions and the values, and the calls that were made for it."""
    async with at_work(database) as app:
        before = app.clock()
        await app.asks(f"/vt {EICAR} 192.0.2.1 10.0.0.1")
        await app.idle()
        [entry] = await entries(database)
        assert entry == Entry(
            at=entry.at,
            team="T0PLAYGRND",
            user="U0ANA00001",
            channel="C0GENERAL1",
            way="command",
            verb="look-up",
            about=None,
            what=(
                {"action": "scan-hash", "value": EICAR},
                {"action": "scan-ip", "value": "192.0.2.1"},
                {"action": "scan-ip", "value": "10.0.0.1"},
            ),
            outcome="answered",
            why=None,
            calls=2,
        )
        assert before <= entry.at <= app.clock()


async def test_what_is_asked_together_is_paid_together(database):
    """Sixty hashes are three calls with a private key; the same again from memory is none."""
    async with at_work(database, VT_KEY_KIND="private") as app:
        for _ in range(2):
            await app.asks(f"/vt {' '.join(HASHES[:60])}")
            await app.idle()
        assert [entry.calls for entry in await entries(database)] == [3, 0]
        assert len(app.virustotal.calls) == 3


async def test_every_attempt_is_paid(database):
    """VirusTotal fails twice and then answers: three calls, all of them this request's."""
    async with at_work(database) as app:
        app.virustotal.faults.add("ip-address/report", faults.status(500), faults.status(500))
        await app.asks("/vt scan-ip 192.0.2.1")
        await app.idle()
        [entry] = await entries(database)
        assert entry.calls == len(app.virustotal.calls) == 3


async def test_two_people_at_once_pay_each_for_their_own(database):
    """Calls that are under way together are not mixed up."""
    async with at_work(database) as app:
        await app.slack.types(ANA, GENERAL, "/vt 192.0.2.1 192.0.2.2 192.0.2.3")
        await app.slack.types("ben", GENERAL, "/vt 198.51.100.1")
        await app.idle()
        costs = {entry.user: entry.calls for entry in await entries(database)}
        assert costs == {"U0ANA00001": 3, "U0BEN00001": 1}


async def test_buttons_are_on_record_too(database):
    """Which answer they belong to, and that two clicks were one."""
    async with at_work(database) as app:
        answer = await app.asks("/vt scan-ip 192.0.2.1")
        await app.idle()
        for _ in range(2):
            await app.slack.presses(ANA, answer, "Share")
        await app.idle()
        private, shared = await entries(database)
        assert (shared.way, shared.verb, shared.calls) == ("button", "share", 0)
        with psycopg.connect(database) as connection:
            assert connection.execute("SELECT id FROM audit WHERE verb = 'look-up'").fetchone() == (
                shared.about,
            )
        assert private.outcome == shared.outcome == "answered"


async def test_a_mentioned_person_is_on_record_as_the_domain_that_was_asked(database):
    """First whom, then for what."""
    async with at_work(database) as app:
        await app.asks("/vt domain-report @ben")
        await app.idle()
        [entry] = await entries(database)
        assert [one["action"] for one in entry.what] == ["domain-report"]
        assert entry.what[0]["value"].endswith("example")


async def test_a_year_later_it_is_gone(database):
    """And not before."""
    async with at_work(database) as app:
        await app.asks("/vt scan-ip 192.0.2.1")
        await app.idle()
    kept = Database(database)
    await AuditTrail(kept).prune(datetime.now(UTC) - timedelta(days=1))
    assert len(await entries(database)) == 1
    await AuditTrail(kept).prune(datetime.now(UTC) + timedelta(days=1))
    assert await entries(database) == []
    assert load({}, None).keep_audit >= 365
    await kept.close()


# vtbot audit ---------------------------------------------------------------------------------------------


def filled(database, count=3, **more):
    """Rows an hour apart from noon on."""
    row = {
        "team": "T1",
        "asker": "U1",
        "channel": "C1",
        "way": "command",
        "verb": "look-up",
        "what": '[{"action": "scan-ip", "value": "192.0.2.1"}]',
        "outcome": "answered",
        "why": None,
        "calls": 1,
        **more,
    }
    with psycopg.connect(database) as connection:
        for number in range(count):
            values = {
                **row,
                "id": f"id{number:05}",
                "delivery": f"d{number}",
                "at": NOON + timedelta(hours=number),
            }
            connection.execute(
                "INSERT INTO audit (id, delivery, at, team, asker, channel, way, verb, what, outcome, why, calls)"
                " VALUES (%(id)s, %(delivery)s, %(at)s, %(team)s, %(asker)s, %(channel)s, %(way)s, %(verb)s,"
                " %(what)s::json, %(outcome)s, %(why)s, %(calls)s)",
                values,
            )


async def audited(database, capsys, *arguments):
    """What `vtbot audit` prints, line by line."""
    parsed = parser().parse_args(["audit", *arguments])
    settings = load({"DATABASE_URL": address(database)}, None)
    ended = await terminal.audit(settings, parsed.since, as_json=parsed.json, request_id=parsed.id)
    assert ended == 0
    return capsys.readouterr().out.splitlines()


async def test_it_prints_a_table(database, capsys):
    """One line for each request, the oldest first, with its columns named."""
    filled(database, count=1)
    filled(database, count=0)
    assert await audited(database, capsys) == [
        "at\toutcome\tcalls\tuser\tchannel\tway\tverb\twhat",
        "2026-11-01T12:00:00+00:00\tanswered\t1\tU1\tC1\tcommand\tlook-up\tscan-ip 192.0.2.1",
    ]


async def test_since_when(database, capsys):
    """A day, or a moment; what is older is left out."""
    filled(database)
    assert len(await audited(database, capsys, "--since", "2026-11-01")) == 4
    assert len(await audited(database, capsys, "--since", "2026-11-01T13:00:00")) == 3
    assert len(await audited(database, capsys, "--since", "2026-11-01T15:00:00+02:00")) == 3
    assert len(await audited(database, capsys, "--since", "2026-11-02")) == 1


async def test_one_request_by_its_id(database, capsys):
    """The whole id and nothing else finds it, however old it is; as a table or as JSON."""
    filled(database)
    [head, line] = await audited(database, capsys, "--id", "id00001")
    assert (head.split("\t")[0], line.split("\t")[0]) == ("at", "2026-11-01T13:00:00+00:00")
    [entry] = map(json.loads, await audited(database, capsys, "--id", "id00001", "--json"))
    assert entry["at"] == "2026-11-01T13:00:00+00:00"


@pytest.mark.parametrize("unknown", ["id0000", "id000011", "ID00001", "", "%", "' OR '1'='1"])
async def test_an_id_that_there_is_not(database, capsys, unknown):
    """Exit status 1 and one line; half an id finds nothing."""
    filled(database)
    parsed = parser().parse_args(["audit", f"--id={unknown}"])
    settings = load({"DATABASE_URL": address(database)}, None)
    assert await terminal.audit(settings, parsed.since, as_json=False, request_id=parsed.id) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("vtbot: There is no request ")
    assert printed.err.count("\n") == 1


async def test_json_for_programs(database, capsys):
    """One object a line, with everything in it."""
    filled(database, count=2, outcome="refused", why="guest", calls=0)
    first, second = map(json.loads, await audited(database, capsys, "--json"))
    assert first == {
        "at": "2026-11-01T12:00:00+00:00",
        "team": "T1",
        "user": "U1",
        "channel": "C1",
        "way": "command",
        "verb": "look-up",
        "about": None,
        "what": [{"action": "scan-ip", "value": "192.0.2.1"}],
        "outcome": "refused",
        "why": "guest",
        "calls": 0,
    }
    assert second["at"] == "2026-11-01T13:00:00+00:00"


async def test_more_rows_than_a_page(database, capsys):
    """All of them, none twice, those of one moment too."""
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO audit SELECT 'id' || n, 'd' || n, %s, 'T', 'U', 'C', 'command', 'look-up', NULL, '[]',"
            " 'answered', NULL, n FROM generate_series(1, 2500) AS n",
            [NOON],
        )
    printed = [json.loads(line) for line in await audited(database, capsys, "--json")]
    assert sorted(entry["calls"] for entry in printed) == list(range(1, 2501))


async def test_what_people_typed_cannot_draw_on_the_terminal(database, capsys):
    """Escape sequences, tabs and line ends of a value are taken out of the table."""
    filled(database, count=1, what=json.dumps([{"action": "scan-url", "value": "a\x1b[2Jb\tc\nd\u202ee"}]))
    [_, line] = await audited(database, capsys)
    assert line.endswith("scan-url a[2Jbc de")


@pytest.mark.parametrize("value", ["yesterday", "2026-13-01", ""])
def test_a_wrong_date_is_said(value, capsys):
    """Exit status 2, and how a date is written."""
    with pytest.raises(SystemExit) as left:
        parser().parse_args(["audit", "--since", value])
    assert left.value.code == 2
    assert "is not a date such as 2026-11-01" in capsys.readouterr().err


async def test_a_database_that_does_not_answer_is_said(database, capsys):
    """Exit status 1 and one line."""
    settings = load({"DATABASE_URL": address(database)}, None)
    with psycopg.connect(database) as lock:
        lock.execute("LOCK TABLE audit IN ACCESS EXCLUSIVE MODE")
        assert await terminal.audit(settings, NOON, as_json=True) == 1
    assert "The database is not responding" in capsys.readouterr().err
