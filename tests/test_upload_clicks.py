"""Clicks that do not count: each is answered and on record, and none stands in the way of one that does."""

import pytest
from office import ANA, BEN, GENERAL
from test_audit import entries
from test_upload_askers import EICAR, presses
from test_upload_consent import sample, sets, upload_office

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
