"""What is set for a channel: who may, what it changes, what is written down."""

from datetime import UTC, datetime

import pytest

from bot.database import Database
from bot.storage.audit import Trail
from tests.support.app_fixture import ANA, BEN, GENERAL, at_work
from tests.support.slack_rules import faults

EVER = datetime(2020, 1, 1, tzinfo=UTC)
ADMIN, INCIDENT = "admin", "#inc-1042"


async def opened(office, user, channel=GENERAL):
    """The settings, as `/vt settings` opens and fills them."""
    await office.slack.types(user, channel, "/vt settings")
    await office.idle()
    [view] = office.slack.views(user)
    assert faults("modal", view.content) == []
    return view


async def sets(office, user, channel=GENERAL, **fields):
    """Change something; returns what is said."""
    view = await opened(office, user, channel)
    exchange = await office.slack.submits(user, office.slack.fills(user, view, fields))
    await office.idle()
    return exchange.errors or "\n".join(office.slack.shown(office.slack.messages(channel, user)[-1]))


async def changes(database):
    """What the audit trail says was set otherwise."""
    store = Database(database)
    try:
        entries = [one async for one in Trail(store).since(EVER)]
        return [(one.user, one.outcome, one.what) for one in entries if one.verb == "change"]
    finally:
        await store.close()


async def test_an_admin_sets_a_threshold_for_a_channel(database):
    """It decides there and nowhere else; old and new value are in the audit trail."""
    async with at_work(database) as office:
        said = await sets(office, ADMIN, **{"scan-ip": "6"})
        assert said == "Saved for this channel.\nthreshold scan-ip: default → 6"
        here = await office.asks("/vt scan-ip 192.0.2.1")
        there = await office.asks("/vt scan-ip 192.0.2.1", channel=INCIDENT)
        assert office.slack.shown(here)[0].startswith("🔴 RISKY 6 of 57 engines")
        assert office.slack.shown(there)[0].startswith("🟠 SUSPICIOUS 6 of 57 engines")
        await sets(office, ADMIN, **{"scan-ip": "9"})
        [first, second] = await changes(database)
        assert first[2] == ({"setting": "threshold scan-ip", "old": "", "new": "6"},)
        assert second[2] == ({"setting": "threshold scan-ip", "old": "6", "new": "9"},)


async def test_what_is_typed_stands_above_what_is_set(database):
    """--threshold decides for one request."""
    async with at_work(database) as office:
        await sets(office, ADMIN, **{"scan-ip": "6"})
        answer = await office.asks("/vt scan-ip 192.0.2.1 --threshold 7")
        assert office.slack.shown(answer)[0].startswith("🟠 SUSPICIOUS 6 of 57 engines")


async def test_answers_in_the_channel(database):
    """A command need not say --share; the form begins with it."""
    async with at_work(database) as office:
        await sets(office, ADMIN, answers="channel")
        answer = await office.asks("/vt scan-ip 192.0.2.1")
        assert answer.ephemeral_to is None
        await office.slack.types(ANA, GENERAL, "/vt form 192.0.2.1")
        [form] = office.slack.views(ANA)
        assert form.state["answer"]["answer"]["selected_option"]["value"] == "share"


async def test_answers_to_the_asker_alone(database):
    """A picked message and a mention are answered where only the asker sees it."""
    async with at_work(database) as office:
        await sets(office, ADMIN, answers="private")
        said = (await office.slack.says(BEN, GENERAL, "is 192.0.2.1 bad?")).said
        await office.slack.uses_shortcut(ANA, "check", said)
        await office.slack.says(ANA, GENERAL, "@vt 198.51.100.1")
        await office.idle()
        seen_by_ben = [one for one in office.slack.messages(GENERAL, BEN) if one.bot_id]
        assert seen_by_ben == []
        assert office.slack.messages("@ana", ANA)


@pytest.mark.parametrize(
    ("user", "channel", "may"),
    [(ADMIN, INCIDENT, True), (ANA, INCIDENT, True), (BEN, INCIDENT, False), (ANA, GENERAL, False)],
)
async def test_who_may(database, user, channel, may):
    """Workspace admins, and who made the channel; others see what holds and who may change it."""
    async with at_work(database) as office:
        lines = office.slack.shown(await opened(office, user, channel))
        assert ("[Save]" in lines[-1]) is may
        assert ("Only this channel's creator" in str(lines)) is not may


async def test_whom_the_operator_names_may_too(database):
    """ADMIN_USERS by id."""
    async with at_work(database, ADMIN_USERS="U0BEN00001") as office:
        assert (await sets(office, BEN, **{"scan-hash": "5"})).startswith("Saved for this channel.")


async def test_permission_is_asked_again_when_it_is_sent(database):
    """A submission made up by someone who may not: refused, nothing changed, written down as refused."""
    async with at_work(database) as office:
        await opened(office, BEN)
        [view] = office.slack.views(BEN)
        admins = await opened(office, ADMIN)
        forged = {**admins.content, "private_metadata": view.content["private_metadata"]}
        view = office.slack.world.show(
            type(view)(view.id, view.user, forged, view.hash, view.root, state=admins.state)
        )
        await office.slack.submits(BEN, office.slack.fills(BEN, view, {"scan-ip": "1"}))
        await office.idle()
        assert "Only this channel's creator" in office.slack.messages(GENERAL, BEN)[-1].text
        assert [(outcome, what) for _, outcome, what in await changes(database)] == [("refused", ())]
        answer = await office.asks("/vt scan-ip 192.0.2.1")
        assert "threshold 25" in office.slack.shown(answer)[0]


async def test_a_mistake_is_said_at_its_field(database):
    """A threshold of 0 is none."""
    async with at_work(database) as office:
        view = await opened(office, ADMIN)
        view = office.slack.fills(ADMIN, view, {"scan-ip": "0"})
        view.content["blocks"][0]["element"].pop("min_value")
        exchange = await office.slack.submits(ADMIN, view)
        assert "from 1 to 200" in exchange.errors["scan-ip"]


async def test_in_direct_messages_there_is_nothing_to_set(database):
    """A sentence says where."""
    async with at_work(database) as office:
        lines = office.slack.shown(await opened(office, ADMIN, "@vt"))
        assert "Direct messages have no settings. Type /vt settings in a channel." in lines
