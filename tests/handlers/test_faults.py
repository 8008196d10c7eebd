"""When something else breaks: the asker hears it at once or gets the answer later, once, and nothing is lost."""

import asyncio
import os
import signal
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from bot.database.postgres import Server
from playground.virustotal import faults
from tests.support.app_fixture import ANA, BEN, GENERAL, HASHES, at_work

ASKED = "/vt scan-ip 192.0.2.1"
VERDICT = "SUSPICIOUS 6 of 57 engines"
HOOK = "response_url"


def read(office, user=ANA):
    """Everything that this person sees of the bot, a text for each message."""
    return ["\n".join(office.slack.shown(message)) for message in office.slack.messages(user=user)]


def outcomes(database):
    """How all requests ended."""
    with psycopg.connect(database) as connection:
        return [row[0] for row in connection.execute("SELECT outcome FROM cases ORDER BY created")]


# The database --------------------------------------------------------------------------------------------


@pytest.fixture
def server(new_state):
    """A PostgreSQL of the test's own, to be stopped and started."""
    own = Server(new_state())
    with own.used():
        yield own


@contextmanager
def frozen(server):
    """It takes connections and never answers, as on a machine whose disk hangs."""
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
    """Who asks is told within Slack's three seconds that nothing was kept; started again, it works again."""
    async with at_work(server.url) as office:
        before = await office.asks(ASKED)
        await office.idle()
        await asyncio.to_thread(server.stop)
        for line in (ASKED, f"/vt {HASHES[0]}", "/vt ping"):
            refused = await office.slack.types(ANA, GENERAL, line)
            assert "Nothing was saved" in office.slack.shown(await refused.answer())[0]
        pressed = await office.slack.presses(ANA, before, "JSON")
        assert "Nothing was saved" in office.slack.shown(await pressed.answer())[0]
        assert VERDICT not in office.slack.shown(await office.asks("/vt help"))[0]
        await asyncio.to_thread(server.start)
        await _until_taken(office)
        await office.idle(30)
    assert outcomes(server.url) == ["answered", "answered"]


async def test_the_database_hangs(server):
    """The same when it still takes connections but no longer answers: nobody waits longer than Slack does."""
    async with at_work(server.url) as office:
        await office.asks(ASKED)
        with frozen(server):
            refused = await office.slack.types(ANA, GENERAL, ASKED)
            assert "Nothing was saved" in office.slack.shown(await refused.answer())[0]
        await _until_taken(office)
        await office.idle(30)
    assert set(outcomes(server.url)) == {"answered"}


async def _until_taken(office):
    """Ask until it is taken: the connections come back one by one."""
    async with asyncio.timeout(20):
        while (await office.slack.types(ANA, GENERAL, ASKED)).body:  # noqa: ASYNC110 - the bot is asked
            await asyncio.sleep(0.1)


# Slack ---------------------------------------------------------------------------------------------------


async def test_slack_is_in_a_hurry(database):
    """429 at the response_url: the answer is late, where it belongs, and once."""
    async with at_work(database) as office:
        office.slack.fails(HOOK, "ratelimited", times=2, after=0)
        answer = await office.asks(ASKED)
        assert VERDICT in office.slack.shown(answer)[0]
        assert answer.ephemeral_to
        await office.idle()
        assert len(read(office)) == 1


async def test_slack_is_in_trouble(database):
    """500s at the response_url: tried again later, in the same place; not somewhere else as well."""
    async with at_work(database) as office:
        office.slack.fails(HOOK, "internal_error", times=2)
        exchange = await office.slack.types(ANA, GENERAL, ASKED)
        await _persevere(office, lambda: read(office))
        assert VERDICT in office.slack.shown(await exchange.answer())[0]
        await office.idle()
        assert [VERDICT in text for text in read(office)] == [True]
        assert not office.slack.messages("@ana", ANA)


async def _persevere(office, condition, minutes=1):
    """Time passes until this holds."""
    for _ in range(12):
        if condition():
            return
        await asyncio.sleep(0.6)
        await office.passes(minutes=minutes)
    assert condition()


async def test_slack_is_down_for_longer_than_anybody_tries(database):
    """When Slack is back, what comes is the answer, and not that there is none."""
    async with at_work(database) as office:
        office.slack.fails(HOOK, "internal_error", times=100)
        for method in ("chat.postMessage", "conversations.open"):
            office.slack.fails(method, "service_unavailable", times=100)
        await office.slack.types(ANA, GENERAL, ASKED)
        for _ in range(6):
            await asyncio.sleep(0.1)
            await office.passes(minutes=6)
        assert read(office) == []
        office.slack.api._orders.clear()
        await _persevere(office, lambda: read(office), minutes=60)
        await office.idle()
        assert [VERDICT in text for text in read(office)] == [True]
    assert outcomes(database) == ["answered"]


async def test_an_answer_that_took_half_an_hour(database):
    """A response_url is not used after 25 minutes: the answer comes as a direct message that says why."""
    async with at_work(database, VT_QUOTA_MINUTE="1") as office:
        await office.asks(ASKED)
        waiting = await office.asks("/vt scan-ip 198.51.100.1")
        await office.passes(minutes=26)
        await office.slack.until(lambda: office.slack.messages("@ana", ANA))
        [late] = office.slack.messages("@ana", ANA)
        assert "longer than the 30 minutes Slack allows" in late.text
        assert "198[.]51[.]100[.]1" in "\n".join(office.slack.shown(late))
        assert "NOT CHECKED" in office.now(waiting)
        await office.idle()


@pytest.mark.parametrize(
    ("word", "options"),
    [("expired_url", ""), ("used_url", " --share"), ("channel_not_found", " --share"), ("is_archived", "")],
)
async def test_slack_does_not_take_it_there(database, word, options):
    """Whatever Slack has against the place: the answer is in the asker's direct messages."""
    async with at_work(database) as office:
        office.slack.fails(HOOK, word)
        await office.slack.types(ANA, GENERAL, ASKED + options)
        await office.slack.until(lambda: office.slack.messages("@ana", ANA))
        await office.idle()
        assert [VERDICT in text for text in read(office)] == [True]
    assert outcomes(database) == ["answered"]


@pytest.mark.parametrize("word", ["invalid_blocks", "msg_blocks_too_long"])
async def test_slack_does_not_take_the_blocks(database, word):
    """The plain text says it all, and the JSON is there as a file, since there are no buttons."""
    async with at_work(database) as office:
        office.slack.fails(HOOK, word)
        answer = await office.asks(ASKED)
        assert VERDICT in answer.text
        assert not answer.blocks
        await office.idle()
        assert [file.name for file in office.slack.files("@ana")] == ["virustotal-192.0.2.1.json"]


async def test_nobody_there_any_more(database):
    """An asker who can no longer be written to is not written to for ever."""
    async with at_work(database) as office:
        office.slack.fails(HOOK, "used_url")
        office.slack.fails("conversations.open", "user_disabled", times=100)
        office.slack.fails("chat.postMessage", "user_disabled", times=100)
        await office.slack.types(ANA, GENERAL, ASKED)
        await office.idle()
        assert read(office) == []
    assert outcomes(database) == ["failed"]


async def test_slacks_web_api_is_down(database):
    """Whoever was seen in the last minutes is taken and answered without it; nobody is let in on a guess."""
    async with at_work(database) as office:
        await office.asks(ASKED)
        for method in ("auth.test", "users.info"):
            office.slack.fails(method, "internal_error", times=100)
        assert VERDICT in office.slack.shown(await office.asks(ASKED))[0]
        stranger = await office.asks(ASKED, user=BEN)
        assert "Nothing was looked up" in office.slack.shown(stranger)[0]


async def test_slack_does_not_say_who_somebody_is(database):
    """A mentioned person is asked for again later, and not given up."""
    async with at_work(database) as office:
        await office.asks(ASKED)
        office.slack.fails("users.info", "internal_error", times=3)
        exchange = await office.slack.types(ANA, GENERAL, "/vt domain-report @ben")
        await _persevere(office, lambda: len(read(office)) == 2)
        domain = office.slack.person(BEN).email.partition("@")[2]
        assert domain.replace(".", "[.]") in office.slack.shown(await exchange.answer())[0]
        await office.idle()


# VirusTotal ----------------------------------------------------------------------------------------------

PASSING = {
    "an error page": faults.html(500),
    "reset": faults.reset(),
}
UNREADABLE = {
    "HTML": faults.html(200),
    "half a JSON": faults.truncated(),
    "a list": faults.says([1, 2]),
    "a word": faults.says("clean"),
    "deep": faults.nested(),
    "moved": faults.redirect("http://elsewhere.example/"),
    "refused": faults.status(403),
    "not understood": faults.status(400),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
async def test_virustotal_is_down(database, fault):
    """Said at once, with when it is tried again; the same message then holds the answer."""
    async with at_work(database) as office:
        office.virustotal.faults.always("*", fault)
        waiting = await office.asks(ASKED)
        assert "NOT CHECKED" in office.slack.shown(waiting)[0]
        assert "trying again in" in office.slack.shown(waiting)[0]
        office.virustotal.faults.clear()
        await office.passes(minutes=2)
        await office.slack.until(lambda: VERDICT in office.now(waiting))
        await office.idle()
        assert len(read(office)) == 1


@pytest.mark.parametrize("fault", UNREADABLE.values(), ids=UNREADABLE)
async def test_virustotal_says_something_else(database, fault):
    """What is not the documented answer is NOT CHECKED, with the reason; it is never taken for "clean"."""
    async with at_work(database) as office:
        office.virustotal.faults.always("*", fault)
        answer = await office.asks(f"/vt 192.0.2.1 {HASHES[0]} http://acme-tools.net/x acme-tools.org")
        assert office.slack.shown(answer)[0] == "⛔ 4 NOT CHECKED"
        await office.idle()


async def test_one_of_many_fails(database):
    """What could be checked is shown; what could not says so beside it."""
    async with at_work(database) as office:
        office.virustotal.faults.always("ip-address/report", faults.status(403))
        answer = await office.asks(f"/vt 192.0.2.1 {HASHES[0]}")
        tally = office.slack.shown(answer)[0]
        assert "1 NOT CHECKED" in tally
        assert len(tally.split("·")) == 2
