"""Whose a file is: who asked for it first decides about it, whoever presses what in between, and wherever they do."""

import pytest

from tests.handlers.test_events import own
from tests.handlers.test_upload_consent import sample, upload_app
from tests.support.app_fixture import ANA, BEN, GENERAL

__all__ = ["sample"]
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


async def question(app, line, user=ANA):
    """Mention the bot and wait for the question in the thread."""
    await app.slack.says(user, GENERAL, line)
    await app.slack.until(lambda: own(app) and "Upload it to VirusTotal?" in app.now(own(app)[-1]))
    await app.idle()
    return own(app)[-1]


def labels(app, message):
    return [button.label for button in app.slack.buttons(app.slack.state.messages[message.key])]


async def presses(app, user, message, *labels):
    """On the message as it stands now; until what it asks for has ended."""
    await app.slack.presses(user, app.slack.state.messages[message.key], *labels)
    await app.idle()


async def test_checking_again_does_not_make_somebody_elses_file_ones_own(database, sample):
    """Ben checks Ana's file again: by its hash, without a question for him, though its content is another one now."""
    async with upload_app(database, sample.parent) as app:
        posted = await question(app, f"@vt scan-file {sample}")
        sample.write_bytes(b"another content, longer")
        await presses(app, BEN, posted, "more", "Check again now")
        await app.slack.until(lambda: "Looked up by hash only" in app.now(posted))
        assert app.now(posted).startswith("⚪ UNKNOWN")
        assert "Upload" not in labels(app, posted)
        hashes = {call.params["resource"] for call in app.virustotal.calls_to("file/report")}
        assert len(hashes) == 1


async def test_it_stays_the_file_of_who_asked_first(database, sample):
    """After Ben's check Ana may check it again: it is read anew and she is asked, and Ben's click does not count."""
    async with upload_app(database, sample.parent) as app:
        posted = await question(app, f"@vt scan-file {sample}")
        for user in (BEN, BEN):
            await presses(app, user, posted, "more", "Check again now")
        assert "Asked by" not in app.now(posted)
        await presses(app, ANA, posted, "more", "Check again now")
        await app.slack.until(lambda: "Upload it to VirusTotal?" in app.now(posted))
        await presses(app, BEN, posted, "Upload")
        assert not app.virustotal.calls_to("file/scan")
        await app.slack.presses(ANA, app.slack.state.messages[posted.key], "Upload")
        await app.slack.until(lambda: "PENDING" in app.now(posted))


async def settles(app, **fields):
    """The admin says what holds in #general."""
    await app.slack.types("admin", GENERAL, "/vt settings")
    await app.idle()
    [view] = app.slack.views("admin")
    await app.slack.submits("admin", app.slack.fills("admin", view, fields))
    await app.idle()


async def told_apart(app, line):
    """Mention the bot where answers are private; returns the answer in the direct messages."""
    await app.slack.says(ANA, GENERAL, line)
    await app.slack.until(lambda: app.slack.messages("@ana", ANA))
    await app.idle()
    return app.slack.messages("@ana", ANA)[-1]


@pytest.mark.parametrize("operators", ["allow", "confirm"])
async def test_what_a_channel_forbids_is_not_allowed_in_direct_messages(database, sample, operators):
    """A private answer to what was asked in a channel: no question there, nor after it was checked again."""
    async with upload_app(database, sample.parent, UPLOAD_POLICY=operators) as app:
        await settles(app, answers="private", uploads="deny")
        posted = await told_apart(app, f"@vt scan-file {sample}")
        for _ in range(2):
            assert "switched off" in app.now(posted)
            assert "Upload" not in labels(app, posted)
            await presses(app, ANA, posted, "more", "Check again now")
        assert not app.virustotal.calls_to("file/scan")


async def test_what_a_channel_wants_asked_is_asked_in_direct_messages(database, sample):
    """Though the operator would have it uploaded without a question; and a click there is judged by the channel."""
    async with upload_app(database, sample.parent, UPLOAD_POLICY="allow") as app:
        await settles(app, answers="private", uploads="confirm")
        posted = await told_apart(app, f"@vt scan-file {sample}")
        await presses(app, ANA, posted, "more", "Check again now")
        assert "Upload it to VirusTotal?" in app.now(posted)
        assert not app.virustotal.calls_to("file/scan")
        await settles(app, uploads="deny")
        await presses(app, ANA, posted, "Upload")
        assert "switched off" in app.slack.messages("@ana", ANA)[-1].text
        assert not app.virustotal.calls_to("file/scan")


async def test_a_known_file_is_not_offered_where_its_channel_forbids_it(database, tmp_path):
    """Upload anyway, pressed in direct messages."""
    file = tmp_path / "eicar.com"
    file.write_bytes(EICAR)
    async with upload_app(database, tmp_path) as app:
        await settles(app, answers="private", uploads="deny")
        posted = await told_apart(app, f"@vt scan-file {file}")
        await presses(app, ANA, posted, "more", "Upload anyway")
        assert "switched off" in app.slack.messages("@ana", ANA)[-1].text
        assert "Upload" not in labels(app, posted)
