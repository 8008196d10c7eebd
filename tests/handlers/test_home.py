"""The bot's home: what people see in it, and what its buttons do."""

import pytest

from tests.support.app_fixture import ANA, BEN, GENERAL, HASHES, at_work
from tests.support.slack_rules import faults

PLAIN = {"type": "plain_text", "text": "A home is as a modal"}
ADMIN, GUEST = "admin", "guest"


async def home(app, user=ANA):
    """The home as it looks when someone opens it."""
    await app.slack.opens_home(user)
    await app.idle()
    view = app.slack.home(user)
    assert faults("modal", {**view.content, "type": "modal", "title": PLAIN, "close": PLAIN}) == []
    return app.slack.shown(view)


async def test_the_home_says_what_the_bot_can_do(database):
    """It has three examples, the form, and the quota that is left."""
    async with at_work(database, VT_QUOTA_DAY="500") as app:
        lines = await home(app)
        assert any(
            line.startswith("[Scan IP 192[.]0[.]2[.]1] [Scan Hash 44d88612") and "[Open the form]" in line
            for line in lines
        )
        assert any("500 of 500 this day" in line for line in lines)
        assert "None yet." in lines


async def test_an_example_is_answered_in_the_direct_messages(database):
    """Afterwards it is among the last lookups, with its state."""
    async with at_work(database) as app:
        await home(app)
        await app.slack.presses(ANA, app.slack.home(ANA), "example:scan-ip")
        await app.idle()
        [answer] = app.slack.messages("@ana", ANA)
        assert app.slack.shown(answer)[0].startswith("🟠 SUSPICIOUS · 6 of 57 engines")
        assert any(
            line.startswith("🟠 SUSPICIOUS · 6 of 57 engines  192[.]0[.]2[.]1  ") for line in await home(app)
        )


async def test_the_last_twenty_of_ones_own(database):
    """At most twenty, the newest first, and nobody else's."""
    async with at_work(database, VT_KEY_KIND="private") as app:
        await app.asks(f"/vt {' '.join(HASHES[:30])}")
        await app.idle()
        await app.asks("/vt scan-ip 192.0.2.1", user=BEN)
        await app.idle()
        looked_up = [line for line in await home(app) if "0000000000" in line]
        assert len(looked_up) == 20
        assert not any("192[.]0[.]2[.]1  22" in line for line in await home(app))


async def test_the_form_opens_from_the_home(database):
    """Its answer goes to direct messages."""
    async with at_work(database) as app:
        await home(app)
        await app.slack.presses(ANA, app.slack.home(ANA), "Open the form")
        [form] = app.slack.views(ANA)
        await app.slack.submits(ANA, app.slack.fills(ANA, form, {"values": "192.0.2.1"}))
        await app.idle()
        assert len(app.slack.messages("@ana", ANA)) == 1


async def test_channels_that_one_may_change(database):
    """An admin sees the channels that have settings and can change them there; others see none."""
    async with at_work(database) as app:
        await app.slack.types(ADMIN, GENERAL, "/vt settings")
        await app.idle()
        [view] = app.slack.views(ADMIN)
        await app.slack.submits(ADMIN, app.slack.fills(ADMIN, view, {"scan-ip": "6"}))
        await app.idle()
        assert "#general" in await home(app, ADMIN)
        assert "#general" not in await home(app, BEN)
        await app.slack.presses(ADMIN, app.slack.home(ADMIN), "Settings")
        await app.idle()
        [view] = app.slack.views(ADMIN)
        assert view.state["scan-ip"]["scan-ip"]["value"] == "6"
        await app.slack.submits(ADMIN, app.slack.fills(ADMIN, view, {"scan-ip": "7"}))
        await app.idle()
        [said] = app.slack.messages("@admin", ADMIN)
        assert "Scan IP threshold: 6 → 7" in app.slack.shown(said)


@pytest.mark.parametrize(("user", "sees"), [(ADMIN, True), (ANA, False)])
async def test_health_is_for_admins(database, user, sees):
    """Database and Slack are checked at once, and the key, which costs a call, on request."""
    async with at_work(database) as app:
        lines = await home(app, user)
        assert any("Database: " in line for line in lines) is sees
        assert not app.virustotal.calls
        if sees:
            await app.slack.presses(user, app.slack.home(user), "Check VirusTotal too (1 call)")
            await app.idle()
            assert any("VirusTotal key: " in line for line in app.slack.shown(app.slack.home(user)))
            assert len(app.virustotal.calls) == 1


async def test_a_guest_sees_why_not(database):
    """A guest sees the denial and nothing else."""
    async with at_work(database) as app:
        await app.slack.opens_home(GUEST)
        await app.slack.until(lambda: app.slack.home(GUEST))
        assert len(app.slack.shown(app.slack.home(GUEST))) == 1


async def test_the_messages_tab_makes_no_home(database):
    """The home is made only when someone opens the home tab."""
    async with at_work(database) as app:
        await app.slack.says(ANA, "@vt", "/help")
        await app.idle()
        assert app.slack.home(ANA) is None


async def test_hostile_look_ups_stand_in_the_home_as_text(database):
    """The longest and oddest input is shown without links or mentions, within Slack's limits."""
    async with at_work(database, sandbox={"invent": False}) as app:
        url = "http://evil.example/?q=*b*&r=`c`&" + "a" * 900
        await app.asks(f"/vt scan-url {url}")
        await app.idle()
        lines = await home(app)
        assert any("hxxp://evil[.]example/" in line for line in lines)
