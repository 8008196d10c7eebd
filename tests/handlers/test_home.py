"""The bot's home: what people see in it, and what its buttons do."""

import pytest

from tests.support.app_fixture import ANA, BEN, GENERAL, HASHES, at_work
from tests.support.slack_rules import faults

PLAIN = {"type": "plain_text", "text": "A home is as a modal"}
ADMIN, GUEST = "admin", "guest"


async def home(office, user=ANA):
    """The home as it looks when someone opens it."""
    await office.slack.opens_home(user)
    await office.idle()
    view = office.slack.home(user)
    assert faults("modal", {**view.content, "type": "modal", "title": PLAIN, "close": PLAIN}) == []
    return office.slack.shown(view)


async def test_the_home_says_what_the_bot_can_do(database):
    """It has three examples, the form, and the quota that is left."""
    async with at_work(database, VT_QUOTA_DAY="500") as office:
        lines = await home(office)
        assert any(
            line.startswith("[Scan IP 192[.]0[.]2[.]1] [Scan Hash 44d88612") and "[Open the form]" in line
            for line in lines
        )
        assert any("500 of 500 this day" in line for line in lines)
        assert "None yet." in lines


async def test_an_example_is_answered_in_the_direct_messages(database):
    """Afterwards it is among the last lookups, with its state."""
    async with at_work(database) as office:
        await home(office)
        await office.slack.presses(ANA, office.slack.home(ANA), "example:scan-ip")
        await office.idle()
        [answer] = office.slack.messages("@ana", ANA)
        assert office.slack.shown(answer)[0].startswith("🟠 SUSPICIOUS 6 of 57 engines")
        assert any(line.startswith("🟠 SUSPICIOUS  192[.]0[.]2[.]1  ") for line in await home(office))


async def test_the_last_twenty_of_ones_own(database):
    """At most twenty, the newest first, and nobody else's."""
    async with at_work(database, VT_KEY_KIND="private") as office:
        await office.asks(f"/vt {' '.join(HASHES[:30])}")
        await office.idle()
        await office.asks("/vt scan-ip 192.0.2.1", user=BEN)
        await office.idle()
        looked_up = [line for line in await home(office) if "0000000000" in line]
        assert len(looked_up) == 20
        assert not any("192[.]0[.]2[.]1  22" in line for line in await home(office))


async def test_the_form_opens_from_the_home(database):
    """Its answer goes to direct messages."""
    async with at_work(database) as office:
        await home(office)
        await office.slack.presses(ANA, office.slack.home(ANA), "Open the form")
        [form] = office.slack.views(ANA)
        await office.slack.submits(ANA, office.slack.fills(ANA, form, {"values": "192.0.2.1"}))
        await office.idle()
        assert len(office.slack.messages("@ana", ANA)) == 1


async def test_channels_that_one_may_change(database):
    """An admin sees the channels that have settings and can change them there; others see none."""
    async with at_work(database) as office:
        await office.slack.types(ADMIN, GENERAL, "/vt settings")
        await office.idle()
        [view] = office.slack.views(ADMIN)
        await office.slack.submits(ADMIN, office.slack.fills(ADMIN, view, {"scan-ip": "6"}))
        await office.idle()
        assert "#general" in await home(office, ADMIN)
        assert "#general" not in await home(office, BEN)
        await office.slack.presses(ADMIN, office.slack.home(ADMIN), "Settings")
        await office.idle()
        [view] = office.slack.views(ADMIN)
        assert view.state["scan-ip"]["scan-ip"]["value"] == "6"
        await office.slack.submits(ADMIN, office.slack.fills(ADMIN, view, {"scan-ip": "7"}))
        await office.idle()
        [said] = office.slack.messages("@admin", ADMIN)
        assert "threshold scan-ip: 6 → 7" in office.slack.shown(said)


@pytest.mark.parametrize(("user", "sees"), [(ADMIN, True), (ANA, False)])
async def test_health_is_for_admins(database, user, sees):
    """Database and Slack are checked at once, and the key, which costs a call, on request."""
    async with at_work(database) as office:
        lines = await home(office, user)
        assert any("Database: " in line for line in lines) is sees
        assert not office.virustotal.calls
        if sees:
            await office.slack.presses(user, office.slack.home(user), "Check VirusTotal too (1 call)")
            await office.idle()
            assert any("VirusTotal key: " in line for line in office.slack.shown(office.slack.home(user)))
            assert len(office.virustotal.calls) == 1


async def test_a_guest_sees_why_not(database):
    """A guest sees the denial and nothing else."""
    async with at_work(database) as office:
        await office.slack.opens_home(GUEST)
        await office.slack.until(lambda: office.slack.home(GUEST))
        assert len(office.slack.shown(office.slack.home(GUEST))) == 1


async def test_the_messages_tab_makes_no_home(database):
    """The home is made only when someone opens the home tab."""
    async with at_work(database) as office:
        await office.slack.says(ANA, "@vt", "/help")
        await office.idle()
        assert office.slack.home(ANA) is None


async def test_hostile_look_ups_stand_in_the_home_as_text(database):
    """The longest and oddest input is shown without links or mentions, within Slack's limits."""
    async with at_work(database, sandbox={"invent": False}) as office:
        url = "http://evil.example/?q=*b*&r=`c`&" + "a" * 900
        await office.asks(f"/vt scan-url {url}")
        await office.idle()
        lines = await home(office)
        assert any("hxxp://evil[.]example/" in line for line in lines)
