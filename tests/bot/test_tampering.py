"""Tampered buttons: with another id they show nothing that the person who clicks may not see."""

from dataclasses import replace

import psycopg
import pytest

from tests.handlers.test_access import INCIDENT, QUESTION, last, told
from tests.support.app_fixture import ANA, at_work


async def press(app, user, message, value, verb="json"):
    """Click a button of that message with another value than the bot gave it."""
    now = app.slack.state.messages[message.key]
    button = {
        "type": "button",
        "action_id": verb,
        "block_id": "tampered",
        "text": {"type": "plain_text", "text": "JSON"},
        "value": value,
    }
    forged = replace(now, blocks=({"type": "actions", "block_id": "tampered", "elements": [button]},))
    app.slack.state.messages[now.key] = forged
    try:
        await app.slack.presses(user, forged, verb)
    finally:
        app.slack.state.messages[now.key] = now


def case_id(database, number=0):
    with psycopg.connect(database) as connection:
        return connection.execute("SELECT id FROM cases ORDER BY created").fetchall()[number][0]


@pytest.mark.parametrize("verb", ["json", "share", "submit"])
async def test_an_invented_id_opens_nothing(database, verb):
    """The user reads that there is no such answer; nothing is shown, shared or sent."""
    async with at_work(database) as app:
        answer = await app.asks(f"/vt scan-ip {QUESTION}")
        before = len(app.virustotal.calls)
        for value in ("0", "nothing", "../../etc/passwd", "x" * 1999, "' OR 1=1 --"):
            await press(app, ANA, answer, value, verb)
            await app.idle()
            assert last(database) == ("refused", "gone"), value
        assert not app.slack.files("@ana")
        assert app.slack.messages(INCIDENT) == []
        assert len(app.virustotal.calls) == before


@pytest.mark.parametrize("verb", ["json", "share"])
async def test_the_id_of_somebody_elses_private_answer_opens_nothing(database, verb):
    """It does not work from one's own message, nor from a public one in the same channel."""
    async with at_work(database) as app:
        await app.asks(f"/vt scan-ip {QUESTION}")
        mine = await app.asks("/vt scan-ip 198.51.100.1", user="ben")
        public = await app.asks("/vt scan-ip 198.51.100.2 --share", user="ben")
        await app.idle()
        await press(app, "ben", mine, case_id(database), verb)
        await press(app, "ben", public, case_id(database), verb)
        await app.idle()
        assert not app.slack.files("@ben")
        assert all(
            QUESTION.replace(".", "[.]") not in app.now(message) for message in app.slack.messages(user="ben")
        )


async def test_an_answer_of_another_channel_opens_nothing(database):
    """An answer that is public in one channel is not public in another."""
    async with at_work(database) as app:
        await app.asks(f"/vt scan-ip {QUESTION} --share", channel=INCIDENT)
        mine = await app.asks("/vt scan-ip 198.51.100.1 --share", user="ben", channel="#general")
        await app.idle()
        await press(app, "ben", mine, case_id(database))
        await app.idle()
        assert not app.slack.files("#general")
        assert not app.slack.files("@ben")


async def test_an_answer_that_is_no_longer_kept(database):
    """After a month its buttons say that it is gone."""
    async with at_work(database) as app:
        answer = await app.asks(f"/vt scan-ip {QUESTION}")
        await app.idle()
        with psycopg.connect(database) as connection:
            connection.execute("DELETE FROM cases")
        await app.slack.presses(ANA, answer, "JSON")
        await app.slack.until(lambda: any("no longer have that answer" in line for line in told(app, ANA)))
