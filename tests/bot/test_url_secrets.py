"""Tokens in URLs that people look up: shown to nobody else, and stored only with the answer whose button may send them."""

import json

import psycopg
import pytest
from psycopg import sql

from handlers.case import Sighting
from tests.handlers.test_form import opened, sent
from tests.handlers.test_shortcuts import picks, said
from tests.support.app_fixture import ANA, BEN, GENERAL
from tests.support.incident import at_incident

WITH_ANSWERS = {"cases", "modals", "watch_cards"}
"""Kept for 30 days: the button that allows to look a URL up needs it, and so does a form that is opened again."""


def token(number):
    return f"hushcanary{number}x9f3b2c77aa10"


def tables_with(database, text):
    """The tables in which this stands in any row."""
    with psycopg.connect(database) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        query = sql.SQL("SELECT t::text FROM {} AS t")
        rows = {
            name: repr(connection.execute(query.format(sql.Identifier(name))).fetchall()) for (name,) in names
        }
    assert len(rows) > 10
    return {name for name, found in rows.items() if text in found}


async def test_a_token_in_a_url_stands_nowhere_but_with_its_answer(database, capfd):
    """Every way in, then every table, everything that Slack was told, and the log."""
    async with at_incident(database) as incident:
        app = incident.app
        url = "https://login.evil.com/reset?token={}"
        await app.asks(f"/vt scan-url {url.format(token(1))}")
        await app.asks(f"/vt scan-url hxxps[:]//login[.]evil[.]com/reset?token={token(2)}")
        await app.asks(f"/vt look at {url.format(token(3))} --share")
        await (await app.slack.says(ANA, GENERAL, f"@vt {url.format(token(4))}")).answer()
        await (await app.slack.says(ANA, app.slack.direct(ANA).id, url.format(token(5)))).answer()
        await sent(app, await opened(app), values=url.format(token(6)))
        await (await picks(app, "check", await said(app, url.format(token(7))))).answer(having="NOT CHECKED")
        await incident.posts(f"who sent {url.format(token(8))}?")
        await app.asks(f"/vt scan-ip {url.format(token(9))}")
        await incident.asks(f"/vt ignore {url.format(token(10))} 7d")
        await incident.quiet()
        await app.idle()
        written = repr([call.args for call in app.slack.calls])
        assert not app.virustotal.calls
    log = "".join(capfd.readouterr())
    for number in range(1, 11):
        assert tables_with(database, token(number)) <= WITH_ANSWERS, number
        assert token(number) not in written, number
        assert token(number) not in log, number


async def test_an_export_of_a_withheld_url_has_no_token(database):
    """Whoever sees a shared answer may have its JSON and its table, but not what the asker alone typed."""
    async with at_incident(database) as incident:
        app = incident.app
        answer = await app.asks(
            f"/vt scan-url https://login.evil.com/reset?token={token(1)} http://evil.com/b --share"
        )
        for label in ("JSON", "CSV"):
            await app.slack.presses(BEN, answer, label)
        await app.idle()
        files = [file.content.decode() for file in app.slack.state.files.values()]
    assert len(files) == 2
    assert all("login" in content and "hushcanary" not in content for content in files)


@pytest.mark.parametrize(
    "written", ["https://a.test/?token={}", "hxxps[:]//a[.]test/?token={}", "a.test/?token={}"]
)
def test_what_is_on_record_hides_it_however_it_was_written(written):
    """The subject, a digest, still tells one token from another."""
    seen = [
        Sighting(
            action="scan-url",
            kind="url",
            value=f"https://a.test/?token={token(n)}",
            input=written.format(token(n)),
            state="UNKNOWN",
            count=None,
            total=None,
        )
        for n in (1, 2)
    ]
    stored = [json.dumps(one.without_secrets().model_dump(mode="json")) for one in seen]
    assert "hushcanary" not in "".join(stored)
    assert seen[0].subject != seen[1].subject
