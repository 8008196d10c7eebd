"""Whose a file is: who asked for it first decides about it, whoever presses what in between, and wherever they do."""

import pytest

from tests.handlers.test_events import own
from tests.handlers.test_upload_consent import sample, upload_office
from tests.support.app_fixture import ANA, BEN, GENERAL

__all__ = ["sample"]
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


async def question(office, line, user=ANA):
    """Mention the bot and wait for the question in the thread."""
    await office.slack.says(user, GENERAL, line)
    await office.slack.until(
        lambda: own(office) and "Upload it to VirusTotal?" in office.now(own(office)[-1])
    )
    await office.idle()
    return own(office)[-1]


def labels(office, message):
    return [button.label for button in office.slack.buttons(office.slack.world.messages[message.key])]


async def presses(office, user, message, *labels):
    """On the message as it stands now; until what it asks for has ended."""
    await office.slack.presses(user, office.slack.world.messages[message.key], *labels)
    await office.idle()


async def test_checking_again_does_not_make_somebody_elses_file_ones_own(database, sample):
    """Ben checks Ana's file again: by its hash, without a question for him, though its content is another one now."""
    async with upload_office(database, sample.parent) as office:
        asked = await question(office, f"@vt scan-file {sample}")
        sample.write_bytes(b"another content, longer")
        await presses(office, BEN, asked, "more", "Check again now")
        await office.slack.until(lambda: "Looked up by hash only" in office.now(asked))
        assert office.now(asked).startswith("⚪ UNKNOWN")
        assert "Upload" not in labels(office, asked)
        hashes = {call.params["resource"] for call in office.virustotal.asked("file/report")}
        assert len(hashes) == 1


async def test_it_stays_the_file_of_who_asked_first(database, sample):
    """After Ben's check Ana may check it again: it is read anew and she is asked, and Ben's click does not count."""
    async with upload_office(database, sample.parent) as office:
        asked = await question(office, f"@vt scan-file {sample}")
        for user in (BEN, BEN):
            await presses(office, user, asked, "more", "Check again now")
        assert "Asked by" not in office.now(asked)
        await presses(office, ANA, asked, "more", "Check again now")
        await office.slack.until(lambda: "Upload it to VirusTotal?" in office.now(asked))
        await presses(office, BEN, asked, "Upload")
        assert not office.virustotal.asked("file/scan")
        await office.slack.presses(ANA, office.slack.world.messages[asked.key], "Upload")
        await office.slack.until(lambda: "PENDING" in office.now(asked))


async def settles(office, **fields):
    """The admin says what holds in #general."""
    await office.slack.types("admin", GENERAL, "/vt settings")
    await office.idle()
    [view] = office.slack.views("admin")
    await office.slack.submits("admin", office.slack.fills("admin", view, fields))
    await office.idle()


async def told_apart(office, line):
    """Mention the bot where answers are private; returns the answer in the direct messages."""
    await office.slack.says(ANA, GENERAL, line)
    await office.slack.until(lambda: office.slack.messages("@ana", ANA))
    await office.idle()
    return office.slack.messages("@ana", ANA)[-1]


@pytest.mark.parametrize("operators", ["allow", "confirm"])
async def test_what_a_channel_forbids_is_not_allowed_in_direct_messages(database, sample, operators):
    """A private answer to what was asked in a channel: no question there, nor after it was checked again."""
    async with upload_office(database, sample.parent, UPLOAD_POLICY=operators) as office:
        await settles(office, answers="private", uploads="deny")
        asked = await told_apart(office, f"@vt scan-file {sample}")
        for _ in range(2):
            assert "switched off" in office.now(asked)
            assert "Upload" not in labels(office, asked)
            await presses(office, ANA, asked, "more", "Check again now")
        assert not office.virustotal.asked("file/scan")


async def test_what_a_channel_wants_asked_is_asked_in_direct_messages(database, sample):
    """Though the operator would have it uploaded without a question; and a click there is judged by the channel."""
    async with upload_office(database, sample.parent, UPLOAD_POLICY="allow") as office:
        await settles(office, answers="private", uploads="confirm")
        asked = await told_apart(office, f"@vt scan-file {sample}")
        await presses(office, ANA, asked, "more", "Check again now")
        assert "Upload it to VirusTotal?" in office.now(asked)
        assert not office.virustotal.asked("file/scan")
        await settles(office, uploads="deny")
        await presses(office, ANA, asked, "Upload")
        assert "switched off" in office.slack.messages("@ana", ANA)[-1].text
        assert not office.virustotal.asked("file/scan")


async def test_a_known_file_is_not_offered_where_its_channel_forbids_it(database, tmp_path):
    """Upload anyway, pressed in direct messages."""
    file = tmp_path / "eicar.com"
    file.write_bytes(EICAR)
    async with upload_office(database, tmp_path) as office:
        await settles(office, answers="private", uploads="deny")
        asked = await told_apart(office, f"@vt scan-file {file}")
        await presses(office, ANA, asked, "more", "Upload anyway")
        assert "switched off" in office.slack.messages("@ana", ANA)[-1].text
        assert "Upload" not in labels(office, asked)
