"""Clicks that do not count: each is answered and on record, and none stands in the way of one that does."""

import pytest

from tests.bot.test_audit import entries
from tests.handlers.test_upload_askers import EICAR, presses
from tests.handlers.test_upload_consent import later, sample, sets, upload_app
from tests.support.app_fixture import ANA, BEN, GENERAL

__all__ = ["sample"]


def last(app, user=ANA):
    return app.slack.messages(GENERAL, user)[-1].text


async def test_after_a_click_that_was_refused_the_button_still_works(database, sample):
    """Switched off, said each time; switched on again, it is an upload."""
    async with upload_app(database, sample.parent) as app:
        posted = await app.asks(f"/vt scan-file {sample}")
        await sets(app, "deny")
        for _ in range(2):
            before = len(app.slack.messages(GENERAL, ANA))
            await presses(app, ANA, posted, "Upload")
            assert len(app.slack.messages(GENERAL, ANA)) == before + 1
            assert "switched off" in last(app)
        await sets(app, "confirm")
        await app.slack.presses(ANA, posted, "Upload")
        await app.slack.until(lambda: "PENDING" in app.now(posted))
        assert len(app.virustotal.calls_to("file/scan")) == 1


async def test_why_a_click_did_not_count_is_on_record(database, sample):
    """Somebody else's, one where uploads are off, one that is too late; and then the one that counts has a row too."""
    async with upload_app(database, sample.parent, mode="socket") as app:
        posted = await app.asks(f"/vt scan-file --share {sample}")
        await app.idle()
        await presses(app, BEN, posted, "Upload")
        await sets(app, "deny")
        await presses(app, ANA, posted, "Upload")
        await sets(app, "confirm")
        await app.passes(minutes=11)
        await presses(app, ANA, posted, "Upload")
        await presses(app, ANA, posted, "more", "Check again now")
        await app.slack.presses(ANA, app.slack.state.messages[posted.key], "Upload")
        await app.slack.until(lambda: "PENDING" in app.now(posted))
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
    async with upload_app(database, tmp_path) as app:
        posted = await app.asks(f"/vt scan-file {tmp_path}/eicar.com")
        await app.idle()
        if shared:
            await presses(app, ANA, posted, "Share")
            copy = next(one for one in app.slack.messages(GENERAL, BEN) if one.bot_id)
            await presses(app, BEN, copy, "more", "Check again now")
        before = len(app.virustotal.calls_to("file/report"))
        for _ in range(2):
            await app.slack.presses(ANA, posted, "more", "Check again now")
        await app.idle()
        assert len(app.virustotal.calls_to("file/report")) == before + 1


@pytest.mark.parametrize("content", [b"unknown", EICAR])
async def test_what_is_forbidden_while_it_waits_is_not_uploaded(database, tmp_path, content):
    """Agreed to, and put off by the quota; then uploads are switched off here: it says so, and nothing is sent."""
    (tmp_path / "a.bin").write_bytes(content)
    async with upload_app(database, tmp_path, mode="socket", VT_QUOTA_MINUTE="2") as app:
        posted = await app.asks(f"/vt scan-file {tmp_path}/a.bin")
        await app.asks("/vt 192.0.2.1", user=BEN)
        if content == EICAR:
            await presses(app, ANA, posted, "more", "Upload anyway")
        await app.slack.presses(ANA, app.slack.state.messages[posted.key], "Upload")
        await app.slack.until(lambda: "quota" in app.now(posted))
        await forbids(app)
        await later(app, minutes=2)
        await app.idle()
        assert "Not uploaded: uploads are switched off here" in app.now(posted)
        assert not app.virustotal.calls_to("file/scan")


async def test_what_was_to_be_uploaded_without_a_question_may_need_one_by_then(database, tmp_path):
    """The settings allowed it when it was asked for, and want a question when it could begin."""
    (tmp_path / "a.bin").write_bytes(b"unknown")
    async with upload_app(
        database, tmp_path, mode="socket", VT_QUOTA_MINUTE="1", UPLOAD_POLICY="allow"
    ) as app:
        await app.asks("/vt 192.0.2.1", user=BEN)
        posted = await app.asks(f"/vt scan-file {tmp_path}/a.bin")
        await forbids(app, "confirm")
        await later(app, minutes=2)
        await app.slack.until(lambda: "Upload it to VirusTotal?" in app.now(posted))
        assert not app.virustotal.calls_to("file/scan")


async def forbids(app, policy="deny"):
    """The admin says what holds for uploads, while somebody's request waits."""
    await app.slack.types("admin", GENERAL, "/vt settings")
    await app.slack.until(lambda: app.slack.views("admin") and app.slack.views("admin")[0].state)
    [view] = app.slack.views("admin")
    await app.slack.submits("admin", app.slack.fills("admin", view, {"uploads": policy}))
    await app.slack.until(
        lambda: any("Saved" in app.now(one) for one in app.slack.messages(GENERAL, "admin"))
    )
