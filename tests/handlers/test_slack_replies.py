"""What Slack answers: replies that cannot be read, a token or a scope that it refuses, and messages that are gone."""

import asyncio
import json
import urllib.error
import urllib.request

import psycopg
import pytest

from bot.manifest import SCOPES
from playground.slack.bad_replies import BAD_REPLIES
from playground.slack.rules import Rule
from tests.support.app_fixture import ANA, BEN, GENERAL, at_work
from tests.support.due_jobs import DUE_NOW

COMMAND = "/vt scan-ip 192.0.2.1"
VERDICT = "SUSPICIOUS · 6 of 57 engines"
RESPONSE_URL = "response_url"


def outcomes(database):
    """The outcomes of all requests, oldest first."""
    with psycopg.connect(database) as connection:
        return [row[0] for row in connection.execute("SELECT outcome FROM cases ORDER BY created")]


def answers(app, user=ANA):
    """Every message of the bot's that this person sees, as text."""
    bot = app.slack.person("vt").id
    return [app.now(message) for message in app.slack.messages(user=user) if message.user == bot]


async def hurry(app):
    """What was scheduled for later is due now."""
    async with await psycopg.AsyncConnection.connect(app.database, autocommit=True) as connection:
        await connection.execute(DUE_NOW)


async def until_answered(app, count=1):
    """Wait until so many messages are seen, whatever is retried in between, and nothing is left to do."""
    async with asyncio.timeout(90):
        while len(answers(app)) < count:
            await asyncio.sleep(0.2)
            await hurry(app)
    assert len(answers(app)) == count
    await app.idle()
    return answers(app)


# Replies that cannot be read -----------------------------------------------------------------------------

SAYS_OK = {"empty_text_200", "only_ok", "null_fields", "odd_fields", "not_utf8"}
"""To a response_url these say that it was taken."""


SAYS_NO = {"no_error", "odd_error", "odd_ok"}
"""These say that it was not taken, without a reason: the answer comes in direct messages."""


@pytest.mark.slow
async def test_a_response_url_answers_oddly(database):
    """Whatever it is, the answer comes through it at the next try, once; it is never taken for delivered."""
    async with at_work(database) as app:
        for count, reply in enumerate(sorted(BAD_REPLIES.keys() - SAYS_OK), start=1):
            app.slack.fails(RESPONSE_URL, reply, times=1)
            await app.slack.types(ANA, GENERAL, COMMAND)
            shown = await until_answered(app, count)
            assert VERDICT in shown[-1], reply
        assert len(app.slack.messages("@ana", ANA)) == len(SAYS_NO)
    assert set(outcomes(database)) == {"answered"}


@pytest.mark.parametrize("method", ["chat.postMessage", "*"])
@pytest.mark.slow
async def test_the_web_api_answers_oddly(database, method):
    """Whatever comes in place of a reply, the answer to a mention comes at a later try, once."""
    async with at_work(database) as app:
        await app.asks(COMMAND)
        for count, reply in enumerate(sorted(BAD_REPLIES), start=2):
            app.slack.fails(method, reply, times=3)
            await app.slack.says(ANA, GENERAL, f"@vt 198.51.100.{count}")
            shown = await until_answered(app, count)
            assert f"198[.]51[.]100[.]{count}" in shown[-1], reply
            app.slack.api._orders.clear()
    assert set(outcomes(database)) == {"answered"}


READABLE = {"html_500", "html_503", "text_503", "xml_503", "not_utf8"}
"""The SDK repeats a call at once after a 500 or 503, and what is only not UTF-8 can be read."""


async def test_who_asks_cannot_be_read(database):
    """The command is acknowledged with a sentence; nothing is looked up, and the next try works."""
    async with at_work(database) as app:
        for reply in sorted(BAD_REPLIES.keys() - READABLE):
            app.slack.fails("users.info", reply, times=4)
            refused = await app.slack.types(BEN, GENERAL, COMMAND)
            assert refused.status == 200, reply
            assert "Nothing was looked up" in app.slack.shown(await refused.answer())[0], reply
            app.slack.api._orders.clear()
        assert VERDICT in app.slack.shown(await app.asks(COMMAND, user=BEN))[0]
        await app.idle()


ODD = ["html_502_as_json", "text_200", "null", "cut_json", "broken_off"]


async def rested(app):
    """Whatever was put off is done."""
    async with asyncio.timeout(90):
        await asyncio.sleep(0.2)
        while await app.unanswered():
            await hurry(app)
            await asyncio.sleep(0.2)


async def test_a_view_cannot_be_shown(database):
    """The click is acknowledged, and what it asked for comes at the next try."""
    async with at_work(database) as app:
        answer = await app.asks(COMMAND)
        for reply in ODD:
            app.slack.fails("views.open", reply, times=1)
            assert (await app.slack.presses(ANA, answer, "Details")).status == 200
            app.slack.fails("views.update", reply, times=1)
            assert (await app.slack.presses(ANA, answer, "Details")).status == 200
            await rested(app)
            assert "One moment" not in "\n".join(app.slack.shown(app.slack.views(ANA)[-1])), reply
            app.slack.fails("views.publish", reply, times=1)
            await app.slack.opens_home(ANA)
            await rested(app)
            assert app.slack.home(ANA), reply


async def test_a_file_cannot_be_sent(database):
    """The JSON file comes at the next try."""
    async with at_work(database) as app:
        count = 0
        for reply in ODD:
            for method in ("files.getUploadURLExternal", "files.completeUploadExternal"):
                count += 1
                answer = await app.asks(f"/vt scan-ip 198.51.100.{count}")
                app.slack.fails(method, reply, times=1)
                await app.slack.presses(ANA, answer, "JSON")
                await rested(app)
                assert len(app.slack.files("@ana")) == count, (method, reply)


async def test_slack_answers_oddly_when_the_bot_starts(database):
    """Who the bot is there is asked again; meanwhile it runs."""

    def before(slack):
        slack.fails("auth.test", "html_502_as_json", times=1)

    async with at_work(database, before=before) as app:
        assert VERDICT in app.slack.shown(await app.asks(COMMAND))[0]
        await app.idle()


# The token -----------------------------------------------------------------------------------------------

DEAD = [
    "account_inactive",
    "token_revoked",
    "invalid_auth",
    "token_expired",
    "not_authed",
    "team_access_not_granted",
]


async def page(app, path):
    """The status and the content of one of the operator's pages."""

    def fetched():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{app.port}{path}") as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    return await asyncio.to_thread(fetched)


@pytest.mark.parametrize("error", DEAD)
async def test_slack_no_longer_accepts_the_token(database, error, capfd):
    """The operator hears it, no call is spent on what cannot be posted, and the answer comes when the token works again."""
    async with at_work(database) as app:
        await app.asks(COMMAND)
        app.slack.refuses_token(error)
        status, ready = await page(app, "/readyz")
        assert (status, json.loads(ready)["slack"], json.loads(ready)["reasons"]) == (
            503,
            False,
            {"slack": error},
        )
        assert 'vtbot_slack_token_refused{token="bot"} 1.0' in (await page(app, "/metrics"))[1]
        calls = len(app.virustotal.calls)
        await app.slack.says(ANA, GENERAL, "@vt 198.51.100.1")
        for _ in range(10):
            await asyncio.sleep(0.1)
            await hurry(app)
        assert len(app.virustotal.calls) == calls
        assert len(answers(app)) == 1
        app.slack.accepts_tokens()
        assert (await page(app, "/readyz"))[0] == 200
        await until_answered(app, 2)
        assert "198[.]51[.]100[.]1" in answers(app)[-1]
        assert 'vtbot_slack_token_refused{token="bot"} 0.0' in (await page(app, "/metrics"))[1]
    assert outcomes(database) == ["answered", "answered"]
    lines = [line for line in capfd.readouterr().out.splitlines() if "slack_token_refused" in line]
    assert len(lines) == 1
    assert error in lines[0]


async def test_a_command_is_answered_though_the_token_is_refused(database):
    """A response_url needs no token: who was checked within ten minutes is answered through it."""
    async with at_work(database) as app:
        await app.asks(COMMAND)
        app.slack.refuses_token("account_inactive")
        await page(app, "/readyz")
        assert VERDICT in app.slack.shown(await app.asks(COMMAND))[0]
        stranger = await app.asks(COMMAND, user=BEN)
        assert "Slack no longer accepts my token" in app.slack.shown(stranger)[0]
        await app.idle()


async def test_the_token_is_refused_in_the_middle_of_a_turn(database):
    """The first call that fails is the answer's: nothing is counted as a failure, and nothing is given up."""
    async with at_work(database) as app:
        await app.asks(COMMAND)
        app.slack.fails("chat.postMessage", "token_revoked", times=1)
        await app.slack.says(ANA, GENERAL, "@vt 198.51.100.1")
        await asyncio.sleep(0.5)
        assert len(answers(app)) == 1
        await page(app, "/readyz")
        await until_answered(app, 2)
    assert outcomes(database) == ["answered", "answered"]


async def test_a_method_that_the_token_may_not_call_is_no_dead_token(database):
    """`not_allowed_token_type` from one method is counted as a failure of that request, and other work goes on."""
    async with at_work(database) as app:
        app.slack.fails("chat.postMessage", "not_allowed_token_type", times=1)
        await app.slack.says(ANA, GENERAL, "@vt 198.51.100.1")
        await asyncio.sleep(0.3)
        assert (await page(app, "/readyz"))[0] == 200
        assert VERDICT in app.slack.shown(await app.asks(COMMAND))[0]
        await until_answered(app, 2)
    assert outcomes(database) == ["answered", "answered"]


async def test_the_app_token_is_refused(database):
    """In Socket Mode both tokens are watched: /readyz names the one that fails."""
    async with at_work(database, mode="socket") as app:
        app.slack.refuses_token("account_inactive")
        app.slack.refuses_token("token_revoked", app=True)
        await app.slack.link.drop()
        for _ in range(100):
            status, ready = await page(app, "/readyz")
            if json.loads(ready).get("reasons", {}).get("socket") == "token_revoked":
                break
            await asyncio.sleep(0.2)
        assert status == 503
        assert json.loads(ready)["reasons"] == {"slack": "account_inactive", "socket": "token_revoked"}
        app.slack.accepts_tokens()
        await app.slack.link.connected(timeout=60)


# Scopes --------------------------------------------------------------------------------------------------


def without(*scopes):
    """The app was installed with fewer scopes."""

    def before(slack):
        slack.grants(*(scope for scope in SCOPES if scope not in scopes))
        slack.forgives(Rule.SCOPE)

    return before


async def test_who_asks_may_not_be_asked(database, capfd):
    """Without users:read the asker hears that a permission is missing, not that Slack is slow; the log names it."""
    async with at_work(database, before=without("users:read")) as app:
        refused = app.slack.shown(await app.asks(COMMAND))[0]
        assert "has not granted me a permission" in refused
        assert "vtbot doctor" in refused
    [line, *_] = [line for line in capfd.readouterr().out.splitlines() if "slack_missing_scope" in line]
    assert "users:read" in line
    assert "users.info" in line


async def test_nothing_may_be_posted(database, capfd):
    """Without chat:write the log names the scope and the request ends; nothing is tried over and over."""
    async with at_work(database, before=without("chat:write")) as app:
        await app.slack.says(ANA, GENERAL, "@vt 198.51.100.1")
        await app.idle(10)
        calls = [call for call in app.slack.calls if call.method == "chat.postMessage"]
        assert len(calls) <= 3
        assert VERDICT in app.slack.shown(await app.asks(COMMAND))[0]
        await app.idle()
    assert outcomes(database) == ["failed", "answered"]
    assert "chat:write" in capfd.readouterr().out


async def test_files_may_not_be_sent(database):
    """Without files:write whoever presses JSON is told which permission is missing."""
    async with at_work(database, before=without("files:write")) as app:
        answer = await app.asks(COMMAND)
        pressed = await app.slack.presses(ANA, answer, "JSON")
        await app.idle(10)
        assert "permission files:write" in "\n".join(answers(app))
        assert pressed.status == 200


async def test_direct_messages_may_not_be_opened(database):
    """Without im:write the answer comes in direct messages all the same: chat.postMessage takes a person's id."""
    async with at_work(database, before=without("im:write")) as app:
        app.slack.fails(RESPONSE_URL, "expired_url")
        await app.slack.types(ANA, GENERAL, COMMAND)
        await app.slack.until(lambda: app.slack.messages("@ana", ANA))
        await app.idle(10)
        assert VERDICT in answers(app)[0]


async def test_a_channel_may_not_be_looked_at(database):
    """Without channels:read `/vt watch on` says which permission is missing."""
    async with at_work(database, before=without("channels:read")) as app:
        lines = app.slack.shown(await app.asks("/vt watch on", channel="#inc-1042"))
        await app.idle(10)
        assert "channels:read" in "\n".join([*lines, *answers(app)])
