"""Files that are attached to messages or put into the form: fetched from Slack alone, hashed, asked about, followed."""

import hashlib
import json
import re

import pytest

from handlers.files import trusted
from playground.slack.rules import Rule
from tests.support.app_fixture import ANA, BEN, GENERAL, at_work

NEW = b"nobody has seen this"
ADMIN = "admin"
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def slack_app(database, **environ):
    return at_work(database, sandbox={"invent": False, "queue_seconds": 10}, **environ)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


async def answer_to(app, channel=GENERAL, user=ANA):
    """The first message of the bot's."""

    def found():
        mine = [message for message in app.slack.messages(channel, user) if message.bot_id]
        return [message for message in mine if "U0VTBOT001" in (message.user, "")]

    await app.slack.until(found)
    return found()[0]


async def test_from_a_messages_menu_through_consent_upload_and_queue_to_a_verdict_in_the_same_message(
    database,
):
    """Picked, asked about with name, size, hash and source; agreed to; uploaded; queued; judged: one message."""
    async with slack_app(database) as app:
        said = await app.slack.says(BEN, GENERAL, "what is this?", files=[("invoice.zip", NEW)])
        await app.slack.uses_shortcut(ANA, "scan-file", said.said)
        answer = await answer_to(app)
        await app.slack.until(lambda: "UNKNOWN" in app.now(answer))
        for told in ("invoice.zip", "20 bytes", "from Slack", sha256(NEW), "other companies"):
            assert told in app.now(answer)
        assert not app.virustotal.calls_to("file/scan")
        await app.slack.presses(ANA, answer, "Upload")
        await app.slack.until(lambda: "PENDING" in app.now(answer))
        await app.passes(seconds=20)
        await app.slack.until(lambda: " engines" in app.now(answer))
        [upload] = [call.upload for call in app.virustotal.calls_to("file/scan")]
        assert (upload.name, upload.sha256) == ("invoice.zip", sha256(NEW))
        mine = [message for message in app.slack.messages(GENERAL, ANA) if message.bot_id]
        assert [message.key for message in mine] == [answer.key]
        await app.slack.presses(ANA, answer, "JSON")
        await app.slack.until(lambda: app.slack.files(GENERAL)[1:])
        assert list(json.loads(app.slack.files(GENERAL)[1].content)) == ["invoice.zip"]


async def test_a_picked_file_is_judged_by_its_channels_threshold(database):
    """As every other action there."""
    async with slack_app(database) as app:
        await app.slack.types(ADMIN, GENERAL, "/vt settings")
        await app.idle()
        view = app.slack.fills(ADMIN, app.slack.views(ADMIN)[-1], {"scan-file": "60"})
        assert not (await app.slack.submits(ADMIN, view)).errors
        await app.idle()
        said = await app.slack.says(BEN, GENERAL, "?", files=[("eicar.com", EICAR)])
        await app.slack.uses_shortcut(ANA, "scan-file", said.said)
        answer = await answer_to(app)
        await app.slack.until(lambda: "SUSPICIOUS · 54 of 60 engines" in app.now(answer))


@pytest.mark.parametrize("words", ["", "@vt", "@vt scan-file", "@vt is it bad?"])
async def test_mentioned_or_written_to_with_a_file(database, words):
    """With a mention in a channel, or in direct messages without one."""
    async with slack_app(database) as app:
        channel = GENERAL if words else "@vt"
        await app.slack.says(ANA, channel, words, files=[("eicar.com", EICAR)])
        answer = await answer_to(app, channel)
        await app.slack.until(lambda: "RISKY · 54 of 60 engines" in app.now(answer))
        assert "eicar.com" in app.now(answer)


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        (GENERAL, "@vt scan-file --threshold 60"),
        (GENERAL, "@vt is it bad? --threshold 60"),
        (GENERAL, "@vt 192.0.2.1 --threshold 60"),
        ("@vt", "—threshold 60"),
    ],
)
async def test_options_count_for_attached_files(database, channel, words):
    """Whether anything else is asked about or not."""
    async with slack_app(database) as app:
        await app.slack.says(ANA, channel, words, files=[("eicar.com", EICAR)])
        answer = await answer_to(app, channel)
        # Beside something else the file is a row of a table.
        await app.slack.until(lambda: re.search(r"SUSPICIOUS .*\b54 of 60", app.now(answer)))


async def test_a_file_may_be_asked_about_in_public_where_answers_are_private(database):
    """--share says so, as for anything else; without it the answer goes to the asker alone."""
    async with slack_app(database) as app:
        await app.slack.types(ADMIN, GENERAL, "/vt settings")
        await app.idle()
        view = app.slack.fills(ADMIN, app.slack.views(ADMIN)[-1], {"answers": "private"})
        assert not (await app.slack.submits(ADMIN, view)).errors
        await app.idle()
        await app.slack.says(ANA, GENERAL, "@vt scan-file --share", files=[("eicar.com", EICAR)])
        answer = await answer_to(app)
        await app.slack.until(lambda: "RISKY · 54 of 60 engines" in app.now(answer))


async def test_indicators_and_files_of_one_message_are_one_answer(database):
    """Check takes everything that is in a message."""
    async with slack_app(database) as app:
        files = [("eicar.com", EICAR), ("eicar.com", EICAR)]
        said = await app.slack.says(BEN, GENERAL, "see 192.0.2.1", files=files)
        await app.slack.uses_shortcut(ANA, "check", said.said)
        answer = await answer_to(app)
        await app.slack.until(lambda: "🔴 2 RISKY · 🟠 1 SUSPICIOUS" in app.now(answer))


async def test_a_file_from_another_workspace_is_asked_for_first(database):
    """Slack Connect hands over an id alone (check_file_info): files.info knows the rest."""
    async with slack_app(database, ALLOW_STRANGERS="true") as app:
        said = await app.slack.says("stranger", "#inc-1042", "look", files=[("odd.bin", NEW)])
        await app.slack.uses_shortcut(ANA, "scan-file", said.said)
        answer = await answer_to(app, "#inc-1042")
        await app.slack.until(lambda: "UNKNOWN" in app.now(answer))
        assert sha256(NEW) in app.now(answer)
        assert "files.info" in [call.method for call in app.slack.calls]
        assert "odd.bin 20 bytes" in app.now(answer)
        assert said.said.files[0].id not in app.now(answer)
        await app.slack.presses(ANA, answer, "Upload")
        await app.slack.until(lambda: "PENDING" in app.now(answer))
        [upload] = [call.upload for call in app.virustotal.calls_to("file/scan")]
        assert upload.name == "odd.bin"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("http://evil.example/a.exe", "hxxp://evil.example/a.exe"),
        ("www.evil.example", "www[.]evil.example"),
        ("half \ud800 of a pair", "half \ufffd of a pair"),
        ("nul\0 and \x1b[31m", "nul\ufffd and [31m"),
    ],
)
async def test_a_name_is_shown_harmless_and_its_file_looked_up(database, name, told):
    """Nobody's client makes a link of it, and what is no character cannot stand in its way."""
    async with slack_app(database) as app:
        await app.slack.says(ANA, "@vt", "", files=[(name, EICAR)])
        answer = await answer_to(app, "@vt")
        await app.slack.until(lambda: "RISKY · 54 of 60 engines" in app.now(answer))
        assert told in app.now(answer)


async def test_without_the_scope_slack_shows_its_page_to_sign_in_and_it_is_recognised(database):
    """200 and HTML is no file: it is not hashed, and the operator's slip is said."""
    async with slack_app(database) as app:
        app.slack.forgives(Rule.SCOPE)
        app.slack.api.scopes -= {"files:read"}
        await app.slack.says(ANA, "@vt", "", files=[("invoice.zip", NEW)])
        answer = await answer_to(app, "@vt")
        await app.slack.until(lambda: "the app lacks files:read" in app.now(answer))
        assert not app.virustotal.calls


async def test_a_file_that_was_deleted_meanwhile_is_said_to_be_missing(database):
    """Between the message and the download."""
    async with slack_app(database) as app:
        app.slack.fails("files.info", "file_deleted")
        await app.slack.says(ANA, "@vt", "", files=[("invoice.zip", NEW)])
        answer = await answer_to(app, "@vt")
        await app.slack.until(lambda: "there is no such file" in app.now(answer))


async def test_a_file_over_the_cap_is_not_fetched(database):
    """VT_MAX_UPLOAD counts before the first byte."""
    async with slack_app(database, VT_MAX_UPLOAD="10") as app:
        await app.slack.says(ANA, "@vt", "", files=[("invoice.zip", NEW)])
        answer = await answer_to(app, "@vt")
        await app.slack.until(lambda: "too large: 20 bytes, at most 10 bytes" in app.now(answer))


SLACK = "https://slack.com/api/"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://files.slack.com/f",
        "https://files.slack.com",
        "https://files.slack.com.evil.example/f",
        "https://files.slack.com@evil.example/f",
        "https://files.slack.com:444/f",
        "https://files.slack.com\\@evil.example/f",
        "https://files.slack.com/f\n",
        "https://drive.example/f",
        "https://xfiles.slack.com/f",
        "//files.slack.com/f",
        "HTTPS://files.slack.com/f",
    ],
)
def test_the_token_goes_to_no_other_host(url):
    """Only Slack's own hosts, exactly."""
    assert not trusted(url, SLACK)


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://files.slack.com/files-pri/T1-F1/download/a.zip", SLACK),
        ("https://slack.com/files-pri/T1-F1/a.zip", SLACK),
        ("https://files.slack-gov.com/files-pri/T1-F1/a.zip", "https://slack-gov.com/api/"),
        ("http://127.0.0.1:4711/files-pri/T1-F1/a.zip", "http://127.0.0.1:4711/api/"),
    ],
)
def test_slacks_own_hosts_are_known_by_the_api_root(url, api):
    """GovSlack and stand-ins too."""
    assert trusted(url, api)


async def test_files_put_into_the_form_are_looked_up_too(database):
    """The form's file_input, with a value beside it: one answer for both."""
    async with slack_app(database) as app:
        await app.slack.types(ANA, GENERAL, "/vt form 192.0.2.1")
        [view] = app.slack.views(ANA)
        view = app.slack.fills(ANA, view, {}, files={"files": [("eicar.com", EICAR), ("new.bin", NEW)]})
        assert not (await app.slack.submits(ANA, view)).errors
        await app.idle()
        [answer] = app.slack.messages(GENERAL, ANA)
        assert "🔴 1 RISKY · 🟠 1 SUSPICIOUS · ⚪ 1 UNKNOWN" in app.now(answer)
        await app.slack.presses(ANA, answer, "Upload")
        await app.slack.until(lambda: "PENDING" in app.now(answer))


async def test_a_named_server_may_be_given_in_the_form(database):
    """As --host in a command."""
    async with slack_app(database) as app:
        await app.slack.types(ANA, GENERAL, "/vt form")
        [view] = app.slack.views(ANA)
        view = app.slack.fills(ANA, view, {"path": "/srv/a", "host": "web-9"})
        await app.slack.submits(ANA, view)
        await app.idle()
        [answer] = app.slack.messages(GENERAL, ANA)
        assert "there is no server called web-9" in app.now(answer)
