"""Installation by OAuth: two workspaces and an organisation install the bot, use it at the same time, and remove it."""

# ruff: noqa: S608 - the names of tables are the database's own

import asyncio
import json
from datetime import timedelta

import psycopg
import pytest
from cryptography.fernet import Fernet
from structlog.testing import capture_logs

from bot.__main__ import main
from bot.database import Database
from bot.manifest import SCOPES
from bot.storage import forget
from bot.storage.installations import States, Undecipherable, Workspaces
from playground.slack.delivery import Delivery
from playground.slack.seed import ENTERPRISE
from tests.support.app_fixture import ANA, Clock, address, at_work
from tests.support.logs import restored_logging
from tests.support.oauth_apps import FIRST, FOURTH, KEY, SECOND, THIRD, query_of, several

QUESTION = "192.0.2.1"
MEMBERS = (FIRST, SECOND, THIRD, FOURTH)


async def asks(app, line=f"/vt scan-ip {QUESTION}", **where):
    """Ask, and read the answer as text."""
    return app.now(await app.asks(line, **where))


async def reads_history(app):
    """The line of an answer that says what was looked up before; "" if nothing was."""
    answer = await asks(app)
    return next((line for line in answer.split("\n") if "looked up" in line), "")


async def test_two_workspaces_use_it_at_the_same_time(database):
    """Each answer comes by its own token; their people have the same ids, and see nothing of each other."""
    async with several(database) as installed:
        await installed.browser.installs(FIRST)
        await installed.browser.installs(SECOND)
        answers = await asyncio.gather(*(asks(installed[team]) for team in (FIRST, SECOND) for _ in range(5)))
        assert all("SUSPICIOUS" in answer for answer in answers)
        await installed.idle()
        counted = installed.query("SELECT team, count(*) FROM cases GROUP BY 1 ORDER BY 1")
        assert counted == [(FIRST, 5), (SECOND, 5)]
        mentioned = await installed[SECOND].slack.says(ANA, "#general", "@vt 198.51.100.7")
        assert "198[.]51[.]100[.]7" in installed[SECOND].now(await mentioned.answer(having="7"))
        assert "198[.]51[.]100[.]7" not in str(installed[FIRST].slack.messages())
        assert "looked up" not in await asks(installed[FIRST], "/vt scan-ip 198.51.100.7")


async def test_files_and_watched_channels_by_the_workspaces_own_token(database):
    """A file is downloaded, a home published, a modal opened and a card posted where they belong."""
    async with several(database) as installed:
        for team in (FIRST, SECOND):
            await installed.browser.installs(team)
        for team in (FIRST, SECOND):
            slack = installed[team].slack
            said = await slack.says(ANA, "@vt", "", files=[("a.txt", team.encode())])
            assert "a.txt" in installed[team].now(await said.answer(having="a.txt"))
            await slack.opens_home(ANA)
            await slack.types(ANA, "#general", "/vt form")
            await installed[team].asks("/vt watch on", channel="#inc-1042")
            await slack.says(ANA, "#inc-1042", "we saw 44d88612fea8a8f36de82e1278abb02f")
            await installed.idle()
            await slack.until(
                lambda slack=slack: any(
                    one.via == "chat.postMessage" and "RISKY" in one.text
                    for one in slack.messages("#inc-1042")
                )
            )
            assert slack.home(ANA)
            assert slack.views(ANA)


async def test_over_socket_mode(database):
    """The app-level token brings the deliveries of every workspace; the pages are served all the same."""
    async with several(database, mode="socket") as installed:
        for team in (FIRST, SECOND):
            await installed.browser.installs(team)
        for team in (FIRST, SECOND):
            assert "SUSPICIOUS" in await asks(installed[team])


async def test_an_organisation(database):
    """One installation is for all its workspaces, each with a history of its own, also one that is added later."""
    async with several(database) as installed:
        await installed.browser.installs(ENTERPRISE)
        await installed.browser.installs(FIRST)
        for team in (THIRD, FIRST, FOURTH):
            assert await reads_history(installed[team]) == ""
            assert "looked up once" in await reads_history(installed[team])
        found = installed.query(
            "SELECT team, enterprise, is_org_wide FROM slack_workspaces WHERE team <> %s ORDER BY 1",
            ENTERPRISE,
        )
        assert found == [(THIRD, ENTERPRISE, True), (FOURTH, ENTERPRISE, True), (FIRST, None, False)]
        await installed.slack.tells(ENTERPRISE, {"type": "team_access_revoked", "team_ids": [FOURTH]})
        assert installed.query(
            "SELECT removed IS NOT NULL FROM slack_workspaces WHERE team = %s", FOURTH
        ) == [(True,)]
        await installed.slack.tells(ENTERPRISE, {"type": "team_access_granted", "team_ids": [FOURTH]})
        assert "looked up 2 times" in await reads_history(installed[FOURTH])
        await installed.slack.uninstalls(ENTERPRISE)
        for team in (THIRD, FOURTH):
            assert "isn't installed in your workspace" in await asks(installed[team])
        assert "looked up 2 times" in await reads_history(installed[FIRST])


async def test_a_workspace_removes_it_and_comes_back(database):
    """In between its people are told so, nothing else changes, and what it had is there again."""
    async with several(database) as installed:
        for team in (FIRST, SECOND):
            await installed.browser.installs(team)
            await asks(installed[team])
        await installed.idle()
        assert [ack.status for ack in await installed.slack.uninstalls(SECOND)] == [200, 200]
        assert installed.query("SELECT team FROM slack_installations") == [(FIRST,)]
        assert "isn't installed in your workspace" in await asks(installed[SECOND])
        assert "looked up once" in await reads_history(installed[FIRST])
        installed.clock.ahead += timedelta(seconds=2)
        await installed.browser.installs(SECOND)
        assert "looked up once" in await reads_history(installed[SECOND])
        late = {"type": "app_uninstalled"}
        payload = {
            "type": "event_callback",
            "team_id": SECOND,
            "event": late,
            "event_id": "Ev1",
            "event_time": 1,
        }
        await installed[SECOND].slack.dispatcher.deliver(Delivery("events_api", payload))
        assert "looked up" in await reads_history(installed[SECOND])


async def test_after_one_fixed_token(database):
    """What a workspace has with one token is there after an installation by OAuth, and the other way round."""
    async with at_work(database) as app:
        await asks(app)
        await app.idle()
    async with several(database) as installed:
        await installed.browser.installs(FIRST)
        await installed.browser.installs(SECOND)
        assert "looked up once" in await asks(installed[FIRST])
        assert "looked up" not in await asks(installed[SECOND])
        await installed.idle()
    async with at_work(database) as app:
        assert "looked up 2 times" in await asks(app)


# What goes wrong with the installation --------------------------------------------------------------------


async def test_what_is_wrong_with_a_request_is_one_sentence(database):
    """A page with a link to start again, and no error of the server's; nothing of the address is repeated."""
    async with several(database) as installed:
        browser = installed.browser
        denied = await browser.agrees(await browser.begins(), FIRST, "deny")
        assert await said(browser, denied) == (400, "You did not allow it in Slack")
        back = await browser.agrees(await browser.begins(), FIRST)
        await browser.get(back)
        assert await said(browser, back) == (400, "This page was opened from another browser, twice")
        link = await browser.begins()
        state = query_of(link)["state"]
        assert await said(browser, f"/slack/oauth_redirect?state={state}&code=invented") == (
            400,
            "Slack did not accept the code",
        )
        used = query_of(back)["code"]
        state = query_of(await browser.begins())["state"]
        assert await said(browser, f"/slack/oauth_redirect?state={state}&code={used}") == (
            400,
            "Slack did not accept the code",
        )
        state = query_of(await browser.begins())["state"]
        assert await said(browser, f"/slack/oauth_redirect?state={state}") == (
            400,
            "Slack did not accept the code",
        )
        hostile = "%3Cscript%3Ealert(1)%3C/script%3E%00%ff"
        assert await said(browser, f"/slack/oauth_redirect?error={hostile}") == (
            400,
            "Slack did not let the bot be installed",
        )
        assert (await said(browser, f"/slack/oauth_redirect?state={hostile}&code={hostile}"))[0] == 400
        assert (await browser.get("/slack/oauth_redirect"))[0] == 400
        assert installed.query("SELECT count(*) FROM slack_installations") == [(1,)]


async def said(browser, url):
    """The status of a page, and the beginning of its sentence."""
    status, page = await browser.get(url)
    assert "<script" not in page
    assert "Traceback" not in page
    known = (
        "You did not allow it in Slack",
        "This page was opened from another browser, twice",
        "Slack did not accept the code",
        "Slack did not let the bot be installed",
    )
    return status, next((sentence for sentence in known if sentence in page), page)


async def test_another_browser_cannot_finish_what_one_began(database):
    """The address that leads back works with the cookie of the first page only."""
    async with several(database) as installed:
        back = await installed.browser.agrees(await installed.browser.begins(), FIRST)
        installed.browser.http.cookie_jar.clear()
        assert (await said(installed.browser, back))[0] == 400
        assert installed.query("SELECT count(*) FROM slack_installations") == [(0,)]


async def test_the_pages_speak_the_readers_language(database):
    """And what a workspace is called is text, not a tag."""
    async with several(database) as installed:
        status, page = await installed.browser.get(
            "/slack/install", headers={"Accept-Language": "ja-JP,en;q=0.5"}
        )
        assert (status, "Slackに追加" in page) == (200, True)
        page = await installed.browser.installs(SECOND)
        assert "Second &lt;b&gt;" in page


async def test_a_state_is_used_once(database):
    """Also by requests at the same time, and only for ten minutes."""
    store, clock = Database(database), Clock()
    try:
        states = States(store, clock)
        state = await states.async_issue()
        used = await asyncio.gather(*(states.async_consume(state) for _ in range(8)))
        assert sorted(used) == [False] * 7 + [True]
        old = await states.async_issue()
        clock.ahead += timedelta(minutes=10, seconds=1)
        assert not await states.async_consume(old)
        assert not await states.async_consume("' OR 1=1 --\x00")
    finally:
        await store.close()


# Tokens ----------------------------------------------------------------------------------------------------


async def test_tokens_are_encrypted_and_stand_in_no_log(database):
    """Not in the database, not in a log line; another key that is put in front encrypts from then on."""
    with capture_logs() as logs:
        async with several(database, rotates=True) as installed:
            await installed.browser.installs(FIRST)
            await installed.browser.installs(FIRST)
            stored = str(installed.query("SELECT i::text FROM slack_installations i"))
            assert stored.count("gAAAA") == 2
            [grant] = installed.slack.tokens.grants
            secrets = [*grant.tokens, grant.refresh, installed.slack.tokens.client_secret, KEY]
            assert not [secret for secret in secrets if secret in stored + str(logs)]
    newer = Fernet.generate_key().decode()
    async with several(database, TOKEN_KEYS=f"{newer},{KEY}") as installed:
        await installed.browser.installs(SECOND)
    with pytest.raises(Undecipherable, match="TOKEN_KEYS does not decrypt the stored tokens"):
        async with several(database, TOKEN_KEYS=KEY):
            pass
    with pytest.raises(Undecipherable, match="TOKEN_KEYS"):
        async with several(database, TOKEN_KEYS=newer):
            pass


async def test_tokens_are_renewed_in_time(database):
    """Before they expire, once, however many ask; also for a request that waited longer than the token lived."""
    async with several(database, mode="socket", rotates=True) as installed:
        await installed.browser.installs(FIRST)
        await installed.browser.installs(SECOND)
        await asks(installed[FIRST])
        [first, _] = installed.slack.tokens.grants
        await installed[FIRST].passes(hours=11)
        await asyncio.gather(*(asks(installed[FIRST]) for _ in range(8)))
        assert len(first.tokens) == 2
        await installed[FIRST].passes(hours=13)
        for team in (FIRST, SECOND):
            assert "SUSPICIOUS" in await asks(installed[team])
        assert len(first.tokens) == 3


async def test_a_token_that_is_refused_ends_one_workspaces_requests(database):
    """The app was removed and nobody told it: what waits there fails, and the others' is answered."""
    async with several(database) as installed:
        for team in (FIRST, SECOND):
            await installed.browser.installs(team)
            await asks(installed[team])
        await installed.idle()
        installed.slack.tokens.refuse(SECOND, "token_revoked")
        said = await installed[SECOND].slack.says(ANA, "#general", f"@vt {QUESTION}")
        assert said.status == 200
        assert "SUSPICIOUS" in await asks(installed[FIRST])
        for _ in range(4):
            await installed[FIRST].passes(seconds=31)
            await asyncio.sleep(0.3)
        await installed.idle()
        last = "SELECT outcome, why FROM audit WHERE team = %s ORDER BY at DESC LIMIT 1"
        assert installed.query(last, SECOND) == [("failed", "uninstalled")]
        assert installed.query("SELECT team FROM slack_installations") == [(FIRST,)]


async def test_an_unknown_workspace(database):
    """A command is answered with a sentence, an event is acknowledged, and neither is stored."""
    async with several(database) as installed:
        await installed.browser.installs(FIRST)
        assert "isn't installed in your workspace" in await asks(installed[SECOND])
        said = await installed[SECOND].slack.says(ANA, "#general", f"@vt {QUESTION}")
        assert said.status == 200
        assert installed.query("SELECT count(*) FROM cases") == [(0,)]
        assert installed.query("SELECT team FROM slack_workspaces") == [(FIRST,)]


# What the operator is told ---------------------------------------------------------------------------------


async def ready(installed):
    """What /readyz says, and with which status."""
    status, said = await installed.browser.get("/readyz")
    return status, json.loads(said)


async def test_readyz_counts_installations_and_tries_the_keys(database):
    """How many there are, and whether TOKEN_KEYS decrypts every token, also those that another process has stored since."""
    async with several(database) as installed:
        well = {"database": True, "disk": True, "slack": True, "tokens": True}
        assert await ready(installed) == (200, {**well, "installations": 0})
        for team in (FIRST, ENTERPRISE):
            await installed.browser.installs(team)
        assert await ready(installed) == (200, {**well, "installations": 2})
        foreign = Fernet(Fernet.generate_key()).encrypt(b"xoxb-elsewhere").decode()
        installed.query(
            "UPDATE slack_installations SET token = %s WHERE team = %s RETURNING 1", foreign, ENTERPRISE
        )
        status, said = await ready(installed)
        assert (status, said["tokens"], said["installations"]) == (503, False, 2)
        assert said["reasons"]["tokens"].startswith(
            f"TOKEN_KEYS does not decrypt the stored tokens of {ENTERPRISE}:"
        )
        assert "SUSPICIOUS" in await asks(installed[FIRST])
        assert foreign not in str(said)


async def doctor(installed, capsys, **environ):
    """What `vtbot doctor` prints, and its exit status."""
    with restored_logging():
        status = await asyncio.to_thread(main, ["doctor"], installed.environ | environ)
    return status, capsys.readouterr().out


async def test_doctor_tries_the_token_of_every_workspace(database, capsys):
    """It names those that do not work and why, holds no secret, and renews nothing."""
    async with several(database, rotates=True) as installed:
        status, said = await doctor(installed, capsys)
        assert (status, "not installed anywhere yet: open /slack/install" in said) == (0, True)
        for team in (FIRST, SECOND, ENTERPRISE):
            await installed.browser.installs(team)
        status, said = await doctor(installed, capsys)
        assert (status, "3 installations. Tokens that Slack accepts: 3" in said) == (0, True)
        installed.slack.tokens.refuse(SECOND, "token_revoked")
        scopes = ",".join(sorted(SCOPES.keys() - {"files:read"}))
        installed.query(
            "UPDATE slack_installations SET scopes = %s WHERE team = %s RETURNING 1", scopes, FIRST
        )
        installed.query(
            "UPDATE slack_installations SET expires = now() WHERE team = %s RETURNING 1", ENTERPRISE
        )
        grants = [(*grant.tokens, grant.refresh) for grant in installed.slack.tokens.grants]
        status, said = await doctor(installed, capsys)
        assert status == 1
        assert "3 installations. Tokens that Slack accepts: 1" in said
        assert f"⛔ {SECOND}: Slack refuses the token (token_revoked). Install the app there again." in said
        assert f"⛔ {FIRST}: the app was installed without files:read. Install it there again." in said
        assert f"⏳ {ENTERPRISE}: the token has expired" in said
        assert [(*grant.tokens, grant.refresh) for grant in installed.slack.tokens.grants] == grants
        secrets = [
            KEY,
            installed.slack.tokens.client_secret,
            *(secret for grant in grants for secret in grant),
        ]
        assert [secret for secret in secrets if secret in said] == []
        status, said = await doctor(installed, capsys, TOKEN_KEYS=Fernet.generate_key().decode())
        assert status == 1
        assert (
            f"⛔ TOKEN_KEYS does not decrypt the stored tokens of {ENTERPRISE}, {FIRST}, {SECOND}: add the key"
            in said
        )


# What is kept ----------------------------------------------------------------------------------------------


async def test_everything_of_a_workspace_is_forgotten(database):
    """At once by `vtbot forget`, or thirty days after it removed the app; what the others have stays."""
    async with several(database) as installed:
        for team in (FIRST, SECOND):
            await installed.browser.installs(team)
            await asks(installed[team])
            await installed[team].slack.types(ANA, "#general", "/vt form")
            await installed[team].asks("/vt watch on", channel="#inc-1042")
        await installed.idle()
        await installed.slack.uninstalls(SECOND)
    store = Database(database)
    try:
        before = mentions(database, FIRST)
        assert {"cases", "audit", "modals", "sightings", "watch_channels"} <= set(mentions(database, SECOND))
        workspaces = Workspaces(store, installed.clock)
        await workspaces.prune(installed.clock())
        await forget(store, SECOND)
        assert mentions(database, SECOND) == {}
        assert mentions(database, FIRST) == before
    finally:
        await store.close()


def test_forgetting_by_the_command_line(database, capsys):
    """It says how much was deleted; what is no id of a workspace is refused."""
    environ = {"DATABASE_URL": address(database)}
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO refused_blocks VALUES (%s, 'card', now()), ('T0X', 'card', now())", [FIRST]
        )
    with restored_logging():
        assert main(["forget", FIRST], environ) == 0
    assert "Deleted one row that was kept for T0PLAYGRND." in capsys.readouterr().out
    assert mentions(database, "T0X") == {"refused_blocks": 1}
    with restored_logging(), pytest.raises(SystemExit) as caught:
        main(["forget", "everybody"], environ)
    assert caught.value.code == 2


def mentions(database, team):
    """How many rows of each table hold the id of a workspace."""
    with psycopg.connect(database) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'procrastinate%'"
        )
        counted = {
            name: connection.execute(
                f"SELECT count(*) FROM {name} t WHERE t::text LIKE %s", [f"%{team}%"]
            ).fetchone()[0]
            for (name,) in names.fetchall()
        }
    return {name: count for name, count in counted.items() if count}
