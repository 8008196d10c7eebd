"""Installation by OAuth, when something is wrong: one sentence to whoever it concerns, nothing lost, nothing half stored."""

import asyncio
from datetime import timedelta

import psycopg
import pytest
from cryptography.fernet import Fernet

from bot.app import KEPT_AFTER_REMOVAL
from bot.database import Database
from bot.postgres import Server
from bot.startup import prepare
from bot.storage.installations import Workspaces
from playground.slack.delivery import Delivery
from playground.slack.seed import ENTERPRISE
from tests.bot.test_housekeeping import tidied
from tests.bot.test_oauth import QUESTION, asks, mentions, said
from tests.support.app_fixture import ANA
from tests.support.oauth_apps import FIRST, KEY, SECOND, query_of, several

USED = (400, "This page was opened from another browser, twice")
CODE = (400, "Slack did not accept the code")
ANSWERED = ("answered", None)
DATABASE = "The bot cannot store anything at the moment. Try again in a minute."


# The address that leads back -------------------------------------------------------------------------------


async def test_a_state_that_was_never_issued(database):
    """Also when the browser's cookie says the same."""
    async with several(database) as installed:
        browser = installed.browser
        code = query_of(await browser.agrees(await browser.begins(), FIRST))["code"]
        browser.http.cookie_jar.clear()
        forged = {"Cookie": "slack-app-oauth-state=forged"}
        async with browser.http.get(
            f"{browser.bot}/slack/oauth_redirect?state=forged&code={code}", headers=forged
        ) as reply:
            assert (reply.status, USED[1] in await reply.text()) == (400, True)
        assert installed.query("SELECT count(*) FROM slack_installations") == [(0,)]
        await browser.installs(FIRST)


async def test_whoever_takes_longer_than_ten_minutes_starts_again(database):
    """Nothing is stored, the page leads to the first one, and from there it works."""
    async with several(database) as installed:
        browser = installed.browser
        back = await browser.agrees(await browser.begins(), FIRST)
        installed.clock.ahead += timedelta(minutes=10, seconds=1)
        assert await said(browser, back) == USED
        assert 'href="/slack/install"' in (await browser.get(back))[1]
        assert installed.query("SELECT count(*) FROM slack_installations") == [(0,)]
        await browser.installs(FIRST)


async def test_the_same_address_twice_at_the_same_time(database):
    """One of both installs the app; the other is told so, and changes nothing."""
    async with several(database) as installed:
        browser = installed.browser
        back = await browser.agrees(await browser.begins(), FIRST)
        pages = await asyncio.gather(*(browser.get(back) for _ in range(4)))
        assert sorted(status for status, _ in pages) == [200, 400, 400, 400]
        assert len(installed.slack.tokens.grants) == 1
        assert "SUSPICIOUS" in await asks(installed[FIRST])


async def test_a_code_that_was_used(database):
    """With a state of its own, by somebody who has seen the address."""
    async with several(database) as installed:
        browser = installed.browser
        back = await browser.agrees(await browser.begins(), FIRST)
        await browser.get(back)
        state = query_of(await browser.begins())["state"]
        assert (
            await said(browser, f"/slack/oauth_redirect?state={state}&code={query_of(back)['code']}") == CODE
        )
        assert "SUSPICIOUS" in await asks(installed[FIRST])


async def test_denied_where_it_is_installed(database):
    """Whoever presses Cancel changes nothing for those who use it."""
    async with several(database) as installed:
        browser = installed.browser
        await browser.installs(FIRST)
        denied = await browser.agrees(await browser.begins(), FIRST, "deny")
        assert await said(browser, denied) == (400, "You did not allow it in Slack")
        assert "SUSPICIOUS" in await asks(installed[FIRST])


async def test_secrets_of_a_failed_installation_stand_in_no_log(database, capfd):
    """Neither the code, nor the state, nor the client's secret, whatever went wrong."""
    async with several(database) as installed:
        browser = installed.browser
        links = []
        for decision in ("allow", "deny"):
            links.append(await browser.agrees(await browser.begins(), FIRST, decision))
            await browser.get(links[-1])
            await browser.get(links[-1])
        state = query_of(await browser.begins())["state"]
        await browser.get(f"/slack/oauth_redirect?state={state}&code=a-code-of-somebody")
        secrets = [value for link in links for value in query_of(link).values() if value != "access_denied"]
        secrets += [state, "a-code-of-somebody", installed.slack.tokens.client_secret, KEY]
    logged = "".join(capfd.readouterr())
    assert "app_installed" in logged
    assert [secret for secret in secrets if secret in logged] == []


# The database ------------------------------------------------------------------------------------------------


@pytest.fixture
def server(new_state):
    """A PostgreSQL of its own, which can be stopped."""
    own = Server(new_state())
    own.start()
    prepare(own.url)
    yield own
    own.stop()


async def stored(installed):
    """What the tables of installations hold."""
    tables = ("slack_installations", "slack_workspaces")
    return [installed.query(f"SELECT team FROM {table}") for table in tables]  # noqa: S608 - constants


@pytest.mark.slow
async def test_postgresql_is_stopped_during_an_installation(server):
    """Before any of the three steps: a sentence and a link to start again, nothing half stored; then it works."""
    async with several(server.url) as installed:
        browser = installed.browser

        async def stopped():
            await asyncio.to_thread(server.stop)

        await stopped()
        status, page = await browser.get("/slack/install")
        assert (status, DATABASE in page) == (503, True)
        await asyncio.to_thread(server.start)
        back = await browser.agrees(await browser.begins(), FIRST)
        await stopped()
        status, page = await browser.get(back)
        assert (status, DATABASE in page, 'href="/slack/install"' in page) == (503, True, True)
        await asyncio.to_thread(server.start)
        assert await stored(installed) == [[], []]
        installed.slack.exchanged = stopped
        back = await browser.agrees(await browser.begins(), FIRST)
        status, page = await browser.get(back)
        assert (status, DATABASE in page, 'href="/slack/install"' in page) == (503, True, True)
        await asyncio.to_thread(server.start)
        assert await stored(installed) == [[], []]
        assert len(installed.slack.tokens.grants) == 1
        installed.slack.exchanged = lambda: asyncio.sleep(0)
        assert await said(browser, back) == USED
        await browser.installs(FIRST)
        assert "SUSPICIOUS" in await asks(installed[FIRST])


async def test_an_installation_is_stored_as_a_whole(database):
    """The token and what is known of the workspace: when one of them cannot be stored, neither is; nor is one deleted alone."""
    async with several(database) as installed:
        await installed.browser.installs(SECOND)
        installed.query("ALTER TABLE slack_workspaces RENAME TO elsewhere")
        status, page = await installed.browser.get(
            await installed.browser.agrees(await installed.browser.begins(), FIRST)
        )
        assert (status, DATABASE in page) == (503, True)
        installed.query("ALTER TABLE elsewhere RENAME TO slack_workspaces")
        assert await stored(installed) == [[(SECOND,)], [(SECOND,)]]
        await installed.browser.installs(FIRST)
        assert "SUSPICIOUS" in await asks(installed[FIRST])


# Tokens --------------------------------------------------------------------------------------------------------


async def waiting(installed, team):
    """Somebody has mentioned the bot, and the answer, a message of its own, waits for the quota."""
    await mentions_bot(installed[team], "198.51.100.1")
    return await mentions_bot(installed[team], "198.51.100.2", "out of quota")


async def mentions_bot(app, address, having="engines"):
    """The answer once it says that."""
    said = await app.slack.says(ANA, "#general", f"@vt {address}")
    assert said.status == 200
    return await said.answer(having=having)


async def outcomes(installed, team):
    """What the audit trail says once every request has ended."""
    async with asyncio.timeout(60):
        while await installed[team].unanswered():
            await installed[team].passes(seconds=61)
            await asyncio.sleep(0.1)
    return installed.query("SELECT outcome, why FROM audit WHERE team = %s ORDER BY at", team)


async def test_a_token_is_revoked_in_the_middle_of_a_job(database):
    """The request ends in the audit trail, and so does the installation; the other workspace's request is answered."""
    async with several(database, VT_QUOTA_MINUTE="1") as installed:
        shown = {}
        for team in (FIRST, SECOND):
            await installed.browser.installs(team)
            shown[team] = await waiting(installed, team)
        installed.slack.tokens.refuse(SECOND, "token_revoked")
        assert await outcomes(installed, SECOND) == [ANSWERED, ("failed", "uninstalled")]
        assert await outcomes(installed, FIRST) == [ANSWERED, ANSWERED]
        assert "NOT CHECKED" not in installed[FIRST].now(shown[FIRST])
        assert installed.query("SELECT team FROM slack_installations") == [(FIRST,)]


async def test_a_token_expires_while_a_job_waits(database):
    """It is renewed before the job goes on, and the answer arrives."""
    async with several(database, mode="socket", rotates=True, VT_QUOTA_MINUTE="1") as installed:
        await installed.browser.installs(FIRST)
        shown = await waiting(installed, FIRST)
        await installed[FIRST].passes(hours=13)
        assert await outcomes(installed, FIRST) == [ANSWERED, ANSWERED]
        assert "NOT CHECKED" not in installed[FIRST].now(shown)
        [grant] = installed.slack.tokens.grants
        assert (len(grant.tokens), installed.slack.tokens.reused) == (2, 0)


async def test_a_token_is_renewed_though_nobody_uses_it(database):
    """Housekeeping does that, so that nobody waits for it in the morning."""
    async with several(database, mode="socket", rotates=True) as installed:
        await installed.browser.installs(FIRST)
        await installed.browser.installs(ENTERPRISE)
        await installed[FIRST].passes(hours=11)
        with psycopg.connect(database, autocommit=True) as connection:
            await tidied(connection)
        assert [len(grant.tokens) for grant in installed.slack.tokens.grants] == [2, 2]


async def test_slack_renews_no_token_for_a_while(database):
    """Whoever asks meanwhile is told so, and what waits is answered when there is a token again."""
    async with several(database, mode="socket", rotates=True, VT_QUOTA_MINUTE="1") as installed:
        await installed.browser.installs(FIRST)
        shown = await waiting(installed, FIRST)
        [grant] = installed.slack.tokens.grants
        refresh, grant.refresh = grant.refresh, "another"
        await installed[FIRST].passes(hours=13)
        assert "Slack no longer accepts my token" in await asks(installed[FIRST])
        assert installed.query("SELECT team FROM slack_installations") == [(FIRST,)]
        grant.refresh = refresh
        assert await outcomes(installed, FIRST) == [ANSWERED, ANSWERED, ("refused", "token")]
        assert "NOT CHECKED" not in installed[FIRST].now(shown)


@pytest.mark.slow
async def test_postgresql_is_stopped_while_a_token_is_renewed(server):
    """Slack's refresh token works once: what it gave for it is stored when the database is back."""
    async with several(server.url, mode="socket", rotates=True) as installed:
        await installed.browser.installs(FIRST)
        await asks(installed[FIRST])
        [grant] = installed.slack.tokens.grants
        await installed[FIRST].passes(hours=11)
        installed.slack.exchanged = lambda: asyncio.to_thread(server.stop)
        await installed[FIRST].slack.says(ANA, "#general", f"@vt {QUESTION}")
        async with asyncio.timeout(60):
            while server.pid is not None:  # noqa: ASYNC110 - the server's process is looked for
                await asyncio.sleep(0.05)
        installed.slack.exchanged = lambda: asyncio.sleep(0)
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(60):
            while installed.query("SELECT renewing FROM slack_installations") != [(None,)]:  # noqa: ASYNC110 - the database is asked
                await asyncio.sleep(0.1)
        await installed[FIRST].passes(hours=2)
        assert "SUSPICIOUS" in await asks(installed[FIRST])
        assert (len(grant.tokens), installed.slack.tokens.reused) == (2, 0)
        await installed[FIRST].slack.settled()
        installed[FIRST].slack.faults.clear()  # meanwhile deliveries were late or refused


async def test_a_token_that_another_key_has_encrypted(database):
    """A process without that key goes on taking what comes: with the key, it is answered."""
    newer = Fernet.generate_key().decode()
    async with several(database) as installed:
        await installed.browser.installs(FIRST)
        await asks(installed[FIRST])
        [(token,)] = installed.query("SELECT token FROM slack_installations")
        plain = Fernet(KEY).decrypt(token)
        foreign = Fernet(newer).encrypt(plain).decode()
        installed.query("UPDATE slack_installations SET token = %s", foreign)
        installed.clock.ahead += timedelta(seconds=6)
        mentioned = await installed[FIRST].slack.says(ANA, "#general", f"@vt {QUESTION}")
        assert mentioned.status == 200
        assert "SUSPICIOUS" in await asks(installed[FIRST])  # through its response_url, which needs no token
        await asyncio.sleep(0.5)
        assert await installed[FIRST].unanswered() == 1
        installed.query("UPDATE slack_installations SET token = %s", Fernet(KEY).encrypt(plain).decode())
        for _ in range(20):
            await installed[FIRST].passes(seconds=31)
            await asyncio.sleep(0.2)
            if not await installed[FIRST].unanswered():
                break
        assert "SUSPICIOUS" in installed[FIRST].now(await mentioned.answer())


async def test_lost_keys(database):
    """Without the rows that nobody can decrypt the bot starts again; who installs it again has everything back."""
    async with several(database) as installed:
        await installed.browser.installs(FIRST)
        await asks(installed[FIRST])
        await installed.idle()
        installed.query("DELETE FROM slack_installations")
    async with several(database, TOKEN_KEYS=Fernet.generate_key().decode()) as installed:
        assert "isn't installed in your workspace" in await asks(installed[FIRST])
        await installed.browser.installs(FIRST)
        assert "looked up once" in await asks(installed[FIRST])


async def test_a_team_that_is_none(database):
    """Events of workspaces that never were, whatever their id: acknowledged, and nothing is stored."""
    async with several(database) as installed:
        await installed.browser.installs(FIRST)
        app = installed[FIRST]
        for team in ("T0NOBODY01", "", "\x00", "T0'; DROP TABLE cases; --", "x" * 5000, None, 17, ["T0"]):
            event = {"type": "app_mention", "user": "U0ANA", "text": QUESTION, "channel": "C0", "ts": "1.1"}
            payload = {
                "type": "event_callback",
                "team_id": team,
                "event": event,
                "event_id": f"Ev{team!s:.9}",
            }
            ack = await app.slack.dispatcher.deliver(Delivery("events_api", payload))
            assert ack.status == 200, team
        assert installed.query("SELECT count(*) FROM cases") == [(0,)]
        assert installed.query("SELECT team FROM slack_workspaces") == [(FIRST,)]
        assert "SUSPICIOUS" in await asks(app)


# What is kept after a removal -------------------------------------------------------------------------------


async def test_what_is_kept_after_a_removal_is_kept_for_thirty_days(database):
    """A day before that nothing is gone, and whoever comes back by then keeps it for good; after it everything is."""
    async with several(database, mode="socket") as installed:
        for team in (FIRST, SECOND):
            await installed.browser.installs(team)
            await asks(installed[team])
        await installed.idle()
        for team in (FIRST, SECOND):
            await installed.slack.uninstalls(team)
        kept = Database(database)
        try:
            workspaces = Workspaces(kept, installed.clock)
            removed = {team: mentions(database, team) for team in (FIRST, SECOND)}
            installed.clock.ahead += timedelta(days=29)
            await workspaces.prune(installed.clock() - KEPT_AFTER_REMOVAL)
            assert {team: mentions(database, team) for team in (FIRST, SECOND)} == removed
            await installed.browser.installs(SECOND)
            installed.clock.ahead += timedelta(days=1, seconds=60)
            await workspaces.prune(installed.clock() - KEPT_AFTER_REMOVAL)
            assert mentions(database, FIRST) == {}
            assert removed[SECOND].items() <= mentions(database, SECOND).items()
            assert "looked up once" in await asks(installed[SECOND])
        finally:
            await kept.close()
