"""Clicks that do not count: each is answered and on record, and none stands in the way of one that does."""

import pytest

from tests.bot.test_audit import entries
from tests.handlers.test_upload_askers import EICAR, presses
from tests.handlers.test_upload_consent import later, sample, sets, upload_office
from tests.support.app_fixture import ANA, BEN, GENERAL

__all__ = ["sample"]


def last(office, user=ANA):
    return office.slack.messages(GENERAL, user)[-1].text


async def test_after_a_click_that_was_refused_the_button_still_works(database, sample):
    """Switched off, said each time; switched on again, it is an upload."""
    async with upload_office(database, sample.parent) as office:
        asked = await office.asks(f"/vt scan-file {sample}")
        await sets(office, "deny")
        for _ in range(2):
            before = len(office.slack.messages(GENERAL, ANA))
            await presses(office, ANA, asked, "Upload")
            assert len(office.slack.messages(GENERAL, ANA)) == before + 1
            assert "switched off" in last(office)
        await sets(office, "confirm")
        await office.slack.presses(ANA, asked, "Upload")
        await office.slack.until(lambda: "PENDING" in office.now(asked))
        assert len(office.virustotal.asked("file/scan")) == 1


async def test_why_a_click_did_not_count_is_on_record(database, sample):
    """Somebody else's, one where uploads are off, one that is too late; and then the one that counts has a row too."""
    async with upload_office(database, sample.parent, mode="socket") as office:
        asked = await office.asks(f"/vt scan-file --share {sample}")
        await office.idle()
        await presses(office, BEN, asked, "Upload")
        await sets(office, "deny")
        await presses(office, ANA, asked, "Upload")
        await sets(office, "confirm")
        await office.passes(minutes=11)
        await presses(office, ANA, asked, "Upload")
        await presses(office, ANA, asked, "more", "Check again now")
        await office.slack.presses(ANA, office.slack.world.messages[asked.key], "Upload")
        await office.slack.until(lambda: "PENDING" in office.now(asked))
        clicks = [(one.outcome, one.why) for one in await entries(database) if one.verb == "upload"]
        assert clicks == [
            ("refused", "not-yours"),
            ("refused", "uploads-denied"),
            ("refused", "too-late"),
            ("open", None),
        ]


@pytest.mark.parametrize("shared", [True, False])
async def test_a_copy_has_buttons_of_its_own(database, tmp_path, shared):
    """Somebody checks the shared copy again: the asker's own answer can still be; two clicks there are one."""
    (tmp_path / "eicar.com").write_bytes(EICAR)
    async with upload_office(database, tmp_path) as office:
        asked = await office.asks(f"/vt scan-file {tmp_path}/eicar.com")
        await office.idle()
        if shared:
            await presses(office, ANA, asked, "Share")
            copy = next(one for one in office.slack.messages(GENERAL, BEN) if one.bot_id)
            await presses(office, BEN, copy, "more", "Check again now")
        before = len(office.virustotal.asked("file/report"))
        for _ in range(2):
            await office.slack.presses(ANA, asked, "more", "Check again now")
        await office.idle()
        assert len(office.virustotal.asked("file/report")) == before + 1


@pytest.mark.parametrize("content", [b"unknown", EICAR])
async def test_what_is_forbidden_while_it_waits_is_not_uploaded(database, tmp_path, content):
    """Agreed to, and put off by the quota; then uploads are switched off here: it says so, and nothing is sent."""
    (tmp_path / "a.bin").write_bytes(content)
    async with upload_office(database, tmp_path, mode="socket", VT_QUOTA_MINUTE="2") as office:
        asked = await office.asks(f"/vt scan-file {tmp_path}/a.bin")
        await office.asks("/vt 192.0.2.1", user=BEN)
        if content == EICAR:
            await presses(office, ANA, asked, "more", "Upload anyway")
        await office.slack.presses(ANA, office.slack.world.messages[asked.key], "Upload")
        await office.slack.until(lambda: "quota" in office.now(asked))
        await forbids(office)
        await later(office, minutes=2)
        await office.idle()
        assert "Not uploaded: uploads are switched off here" in office.now(asked)
        assert not office.virustotal.asked("file/scan")


async def test_what_was_to_be_uploaded_without_a_question_may_need_one_by_then(database, tmp_path):
    """The settings allowed it when it was asked for, and want a question when it could begin."""
    (tmp_path / "a.bin").write_bytes(b"unknown")
    async with upload_office(
        database, tmp_path, mode="socket", VT_QUOTA_MINUTE="1", UPLOAD_POLICY="allow"
    ) as office:
        await office.asks("/vt 192.0.2.1", user=BEN)
        asked = await office.asks(f"/vt scan-file {tmp_path}/a.bin")
        await forbids(office, "confirm")
        await later(office, minutes=2)
        await office.slack.until(lambda: "Upload it to VirusTotal?" in office.now(asked))
        assert not office.virustotal.asked("file/scan")


async def forbids(office, policy="deny"):
    """The admin says what holds for uploads, while somebody's request waits."""
    await office.slack.types("admin", GENERAL, "/vt settings")
    await office.slack.until(lambda: office.slack.views("admin") and office.slack.views("admin")[0].state)
    [view] = office.slack.views("admin")
    await office.slack.submits("admin", office.slack.fills("admin", view, {"uploads": policy}))
    await office.slack.until(
        lambda: any("Saved" in office.now(one) for one in office.slack.messages(GENERAL, "admin"))
    )
