"""When the database, Slack or VirusTotal fails: the asker is told at once or gets the answer later, once; nothing is lost."""

import asyncio
import os
import signal
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from bot.postgres import Server
from playground.virustotal import faults
from tests.support.app_fixture import ANA, BEN, GENERAL, HASHES, at_work

COMMAND = "/vt scan-ip 192.0.2.1"
VERDICT = "SUSPICIOUS · 6 of 57 engines"
RESPONSE_URL = "response_url"


def messages(app, user=ANA):
    """Every message of the bot's that this person sees, as text."""
    return ["\n".join(app.slack.shown(message)) for message in app.slack.messages(user=user)]


def outcomes(database):
    """The outcomes of all requests, oldest first."""
    with psycopg.connect(database) as connection:
        return [row[0] for row in connection.execute("SELECT outcome FROM cases ORDER BY created")]


# The database --------------------------------------------------------------------------------------------


@pytest.fixture
def server(new_state):
    """A PostgreSQL for this test alone, which it may stop and start."""
    own = Server(new_state())
    with own.used():
        yield own


@contextmanager
def frozen(server):
    """The database accepts connections but never answers, as on a machine whose disk hangs."""
    family = [server.pid, *_children(server.pid)]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in family:
            os.kill(pid, signal.SIGCONT)


def _children(parent):
    stats = [(int(path.parent.name), path.read_text()) for path in Path("/proc").glob("[0-9]*/stat")]
    return [pid for pid, stat in stats if int(stat.rpartition(")")[2].split()[1]) == parent]


async def test_the_database_is_stopped(server):
    """The asker is told within Slack's three seconds that nothing was saved; once it runs again, requests are taken."""
    async with at_work(server.url) as app:
        before = await app.asks(COMMAND)
        await app.idle()
        await asyncio.to_thread(server.stop)
        for line in (COMMAND, f"/vt {HASHES[0]}", "/vt ping"):
            refused = await app.slack.types(ANA, GENERAL, line)
            assert "Nothing was saved" in app.slack.shown(await refused.answer())[0]
        pressed = await app.slack.presses(ANA, before, "JSON")
        assert "Nothing was saved" in app.slack.shown(await pressed.answer())[0]
        assert VERDICT not in app.slack.shown(await app.asks("/vt help"))[0]
        await asyncio.to_thread(server.start)
        await _until_taken(app)
        await app.idle(30)
    assert outcomes(server.url) == ["answered", "answered"]


async def test_the_database_hangs(server):
    """The same when it accepts connections but does not answer: nobody waits for more than three seconds."""
    async with at_work(server.url) as app:
        await app.asks(COMMAND)
        with frozen(server):
            refused = await app.slack.types(ANA, GENERAL, COMMAND)
            assert "Nothing was saved" in app.slack.shown(await refused.answer())[0]
        await _until_taken(app)
        await app.idle(30)
    assert set(outcomes(server.url)) == {"answered"}


async def _until_taken(app):
    """Ask until a request is taken: the connections come back one by one."""
    async with asyncio.timeout(60):
        while (await app.slack.types(ANA, GENERAL, COMMAND)).body:  # noqa: ASYNC110 - the bot is asked
            await asyncio.sleep(0.1)


@contextmanager
def slow_to_store(database):
    """The database takes a second for the end of a request."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION take_a_second() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$"
        )
        connection.execute(
            "CREATE TRIGGER slow BEFORE UPDATE ON cases FOR EACH ROW EXECUTE FUNCTION take_a_second()"
        )
        try:
            yield
        finally:
            connection.execute("DROP FUNCTION take_a_second CASCADE")


async def test_a_button_is_pressed_before_the_answer_is_stored(database):
    """The answer is shown before it is stored: who presses a button in between gets what they asked for, a second later."""
    async with at_work(database) as app:
        with slow_to_store(database):
            answer = await app.asks(COMMAND)
            await app.slack.presses(ANA, answer, "JSON")
            await app.idle()
        assert len(app.slack.files("@ana")) == 1
        assert "no longer have" not in str(messages(app))


# Slack ---------------------------------------------------------------------------------------------------


async def test_slack_limits_the_rate(database):
    """429 at the response_url: the answer comes late, once, and where it was asked for."""
    async with at_work(database) as app:
        app.slack.fails(RESPONSE_URL, "ratelimited", times=2, after=0)
        answer = await app.asks(COMMAND)
        assert VERDICT in app.slack.shown(answer)[0]
        assert answer.ephemeral_to
        await app.idle()
        assert len(messages(app)) == 1


async def test_slack_has_an_internal_error(database):
    """500 at the response_url: it is tried again in the same place, and nothing is posted elsewhere."""
    async with at_work(database) as app:
        app.slack.fails(RESPONSE_URL, "internal_error", times=2)
        exchange = await app.slack.types(ANA, GENERAL, COMMAND)
        await _let_time_pass_until(app, lambda: messages(app))
        assert VERDICT in app.slack.shown(await exchange.answer())[0]
        await app.idle()
        assert [VERDICT in text for text in messages(app)] == [True]
        assert not app.slack.messages("@ana", ANA)


async def _let_time_pass_until(app, condition, minutes=1):
    """Let time pass until the condition holds."""
    for _ in range(12):
        if condition():
            return
        await app.passes(minutes=minutes)
    assert condition()


async def test_slack_is_down_for_longer_than_all_tries(database):
    """When Slack is back, the answer comes, not a sentence that there is none."""
    async with at_work(database) as app:
        app.slack.fails(RESPONSE_URL, "internal_error", times=100)
        for method in ("chat.postMessage", "conversations.open"):
            app.slack.fails(method, "service_unavailable", times=100)
        await app.slack.types(ANA, GENERAL, COMMAND)
        for _ in range(6):
            await asyncio.sleep(0.1)
            await app.passes(minutes=6)
        assert messages(app) == []
        app.slack.api._orders.clear()
        await _let_time_pass_until(app, lambda: messages(app), minutes=60)
        await app.idle()
        assert [VERDICT in text for text in messages(app)] == [True]
    assert outcomes(database) == ["answered"]


async def test_an_answer_that_took_half_an_hour(database):
    """A response_url is not used after 25 minutes: the answer comes in direct messages, with a sentence that says why."""
    async with at_work(database, VT_QUOTA_MINUTE="1") as app:
        await app.asks(COMMAND)
        waiting = await app.asks("/vt scan-ip 198.51.100.1")
        await app.passes(minutes=26)
        await app.slack.until(lambda: app.slack.messages("@ana", ANA))
        [late] = app.slack.messages("@ana", ANA)
        assert "longer than the 30 minutes Slack allows" in late.text
        assert "198[.]51[.]100[.]1" in "\n".join(app.slack.shown(late))
        assert "NOT CHECKED" in app.now(waiting)
        await app.idle()


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("expired_url", ""),
        ("expired_url", " --share"),
        ("channel_not_found", " --share"),
        ("is_archived", ""),
    ],
)
async def test_slack_does_not_take_it_there(database, code, options):
    """The answer comes in the asker's direct messages. A response_url that was used five times has shown it: see tests/survival."""
    async with at_work(database) as app:
        app.slack.fails(RESPONSE_URL, code)
        await app.slack.types(ANA, GENERAL, COMMAND + options)
        await app.slack.until(lambda: app.slack.messages("@ana", ANA))
        await app.idle()
        assert [VERDICT in text for text in messages(app)] == [True]
    assert outcomes(database) == ["answered"]


@pytest.mark.parametrize("code", ["invalid_blocks", "msg_blocks_too_long"])
async def test_slack_does_not_take_the_blocks(database, code):
    """The answer comes as plain text, and the JSON as a file, since there are no buttons."""
    async with at_work(database) as app:
        # The plain blocks are tried before the text, unless there are too many characters.
        app.slack.fails(RESPONSE_URL, code, times=1 if code == "msg_blocks_too_long" else 2)
        answer = await app.asks(COMMAND)
        assert VERDICT in answer.text
        assert not answer.blocks
        await app.idle()
        assert [file.name for file in app.slack.files("@ana")] == ["virustotal-192.0.2.1.json"]


async def test_an_asker_who_was_deactivated(database):
    """When the asker cannot be reached any more, the request fails instead of being retried for ever."""
    async with at_work(database) as app:
        app.slack.fails(RESPONSE_URL, "expired_url")
        app.slack.fails("conversations.open", "user_disabled", times=100)
        app.slack.fails("chat.postMessage", "user_disabled", times=100)
        await app.slack.types(ANA, GENERAL, COMMAND)
        await app.idle()
        assert messages(app) == []
    assert outcomes(database) == ["failed"]


async def test_slacks_web_api_is_down(database):
    """People who were checked within ten minutes are answered; people whom Slack must be asked about are refused."""
    async with at_work(database) as app:
        await app.asks(COMMAND)
        for method in ("auth.test", "users.info"):
            app.slack.fails(method, "internal_error", times=100)
        assert VERDICT in app.slack.shown(await app.asks(COMMAND))[0]
        stranger = await app.asks(COMMAND, user=BEN)
        assert "Nothing was looked up" in app.slack.shown(stranger)[0]


async def test_slack_does_not_say_who_somebody_is(database):
    """Slack is asked again later for a mentioned person's address."""
    async with at_work(database) as app:
        await app.asks(COMMAND)
        app.slack.fails("users.info", "internal_error", times=3)
        exchange = await app.slack.types(ANA, GENERAL, "/vt domain-report @ben")
        await _let_time_pass_until(app, lambda: len(messages(app)) == 2)
        domain = app.slack.person(BEN).email.partition("@")[2]
        assert domain.replace(".", "[.]") in app.slack.shown(await exchange.answer())[1]
        await app.idle()


# VirusTotal ----------------------------------------------------------------------------------------------

TEMPORARY = {
    "an error page": faults.html(500),
    "reset": faults.reset(),
}
INVALID = {
    "HTML": faults.html(200),
    "half a JSON": faults.truncated(),
    "a list": faults.says([1, 2]),
    "a code": faults.says("clean"),
    "deep": faults.nested(),
    "moved": faults.redirect("http://elsewhere.example/"),
    "refused": faults.status(403),
    "not understood": faults.status(400),
}


@pytest.mark.parametrize("fault", TEMPORARY.values(), ids=TEMPORARY)
async def test_virustotal_is_down(database, fault):
    """The asker is told at once, and when it is tried again; the same message then holds the answer."""
    async with at_work(database) as app:
        app.virustotal.faults.always("*", fault)
        waiting = await app.asks(COMMAND)
        assert "NOT CHECKED" in app.slack.shown(waiting)[0]
        assert "trying again in" in app.slack.shown(waiting)[2]
        app.virustotal.faults.clear()
        await app.passes(minutes=2)
        await app.slack.until(lambda: VERDICT in app.now(waiting))
        await app.idle()
        assert len(messages(app)) == 1


RETRY_AFTER = {
    "429 in seconds": faults.status(429, headers={"Retry-After": "30"}),
    "204 in seconds": faults.status(204, headers={"Retry-After": "30"}),
    "429 with a date": faults.status(
        429, headers={"Date": "Fri, 27 Nov 2026 11:00:00 GMT", "Retry-After": "Fri, 27 Nov 2026 11:00:30 GMT"}
    ),
}


@pytest.mark.parametrize("fault", RETRY_AFTER.values(), ids=RETRY_AFTER)
async def test_virustotal_says_when_to_come_again(database, fault):
    """It is not called before, by anybody; then the same message holds the answer."""
    async with at_work(database) as app:
        app.virustotal.faults.add("*", fault)
        waiting = await app.asks(COMMAND)
        assert "next call in 30 s" in app.now(waiting)
        await app.asks("/vt scan-ip 192.0.2.2", BEN)
        assert len(app.virustotal.calls) == 1
        await app.passes(seconds=31)
        await app.slack.until(lambda: VERDICT in app.now(waiting))
        await app.idle()


async def test_whoever_is_answered_after_an_outage_wakes_those_who_wait(database):
    """VirusTotal is back: the first answer for anybody calls the others, long before their next try."""
    async with at_work(database) as app:
        app.virustotal.faults.always("*", faults.status(503))
        waiting = await app.asks(COMMAND)
        assert "trying again in 15 s or less" in app.now(waiting)
        await app.passes(seconds=0)  # until the next try is scheduled
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
            put_off = await connection.execute(
                "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour' WHERE status = 'todo'"
            )
        assert put_off.rowcount == 1
        app.virustotal.faults.clear()
        await asyncio.sleep(0.2)  # what the last probe found counts for a tenth of a second
        await app.asks("/vt scan-ip 192.0.2.2", BEN)
        await app.slack.until(lambda: VERDICT in app.now(waiting))


async def test_an_outage_of_a_minute_is_over_soon(database):
    """However often it was tried in vain, the next try is 15 s away at most."""
    async with at_work(database) as app:
        app.virustotal.faults.always("*", faults.status(503))
        waiting = await app.asks(COMMAND)
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
            for _ in range(5):
                await app.passes(seconds=15)
            await app._rested(connection)
            found = await connection.execute(
                "SELECT scheduled_at - now() FROM procrastinate_jobs WHERE status = 'todo'"
            )
            [delay] = await found.fetchone()
        assert delay <= timedelta(seconds=15)
        app.virustotal.faults.clear()
        await app.passes(seconds=15)
        await app.slack.until(lambda: VERDICT in app.now(waiting))


@pytest.mark.parametrize("fault", INVALID.values(), ids=INVALID)
async def test_virustotal_says_something_else(database, fault):
    """Anything but the documented reply is NOT CHECKED, with the reason; it is never taken for "clean"."""
    async with at_work(database) as app:
        app.virustotal.faults.always("*", fault)
        answer = await app.asks(f"/vt 192.0.2.1 {HASHES[0]} http://acme-tools.net/x acme-tools.org")
        assert app.slack.shown(answer)[0] == "⛔ 4 NOT CHECKED"
        await app.idle()


async def test_one_of_many_fails(database):
    """What was checked is shown, and beside it what was not."""
    async with at_work(database) as app:
        app.virustotal.faults.always("ip-address/report", faults.status(403))
        answer = await app.asks(f"/vt 192.0.2.1 {HASHES[0]}")
        tally = app.slack.shown(answer)[0]
        assert "1 NOT CHECKED" in tally
        assert len(tally.split("·")) == 2


@pytest.mark.parametrize("kind", ["container", "table"])
@pytest.mark.parametrize("line", [COMMAND, f"{COMMAND} --share"])
async def test_a_workspace_is_too_old_for_a_kind_of_block(database, kind, line):
    """The answer comes with plain blocks and buttons; after a restart nothing is refused again, for a month."""
    async with at_work(database) as app:
        app.slack.lacks(kind)
        answer = await app.asks(line)
        assert kind not in kinds_of(answer)
        shown = app.slack.shown(answer)
        assert VERDICT in shown[0]
        assert "verbose_msg: IP address in dataset" in shown
        assert any(row.startswith("[JSON]") for row in shown)
    async with at_work(database) as app:
        app.slack.lacks(kind)
        assert kind not in kinds_of(await app.asks(line))
        assert refusals(app) == 0
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE refused_blocks SET at = at - interval '31 days'")
    async with at_work(database) as app:
        app.slack.lacks(kind)
        assert kind not in kinds_of(await app.asks(line))
        assert refusals(app) == 1


def refusals(app):
    """How many messages Slack refused for their blocks."""
    return sum("invalid_blocks" in str(one.reply) for one in app.slack.calls)


def kinds_of(answer):
    """The kinds of block in a message, those inside a container too."""
    return {one["type"] for block in answer.blocks for one in (block, *block.get("child_blocks", ()))}


async def test_a_list_in_a_workspace_without_tables(database):
    """Each row is a line."""
    async with at_work(database) as app:
        app.slack.lacks("table")
        shown = app.slack.shown(await app.asks("/vt 192.0.2.1 44d88612fea8a8f36de82e1278abb02f"))
        assert any(
            row.startswith("🔴 RISKY · 44d88612fea8a8f36de82e1278abb02f · 54 of 60 · ") for row in shown
        )
