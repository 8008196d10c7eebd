"""A channel's settings: who may change them, what they change, and what the audit records."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.database import Database
from bot.storage.history import AuditTrail
from handlers.admission import MOST_RECENT, RECENT, RecentSettings
from handlers.payloads import ModalSubmission
from handlers.request import ChannelSettings
from playground.virustotal import faults as faults_of_virustotal
from tests.support.app_fixture import ANA, BEN, GENERAL, at_work
from tests.support.slack_rules import faults

EVER = datetime(2020, 1, 1, tzinfo=UTC)
ADMIN, INCIDENT = "admin", "#inc-1042"


async def opened(app, user, channel=GENERAL):
    """The settings, as `/vt settings` opens and fills them."""
    await app.slack.types(user, channel, "/vt settings")
    await app.idle()
    [view] = app.slack.views(user)
    assert faults("modal", view.content) == []
    return view


async def sets(app, user, channel=GENERAL, **fields):
    """Change settings; returns the answer, or the errors of the form's fields."""
    view = await opened(app, user, channel)
    exchange = await app.slack.submits(user, app.slack.fills(user, view, fields))
    await app.idle()
    return exchange.errors or "\n".join(app.slack.shown(app.slack.messages(channel, user)[-1]))


async def changes(database):
    """The changes that the audit has recorded: (user, outcome, changes)."""
    store = Database(database)
    try:
        entries = [one async for one in AuditTrail(store).since(EVER)]
        return [(one.user, one.outcome, one.what) for one in entries if one.verb == "change"]
    finally:
        await store.close()


async def test_an_admin_sets_a_threshold_for_a_channel(database):
    """It holds there and nowhere else; the audit records the old and the new value."""
    async with at_work(database, VT_HOST_RULE="documented") as app:
        said = await sets(app, ADMIN, **{"scan-ip": "6"})
        assert said == "Saved for this channel.\nScan IP threshold: default → 6"
        here = await app.asks("/vt scan-ip 192.0.2.1")
        there = await app.asks("/vt scan-ip 192.0.2.1", channel=INCIDENT)
        assert app.slack.shown(here)[0].startswith("🔴 RISKY · 6 of 57 engines")
        assert app.slack.shown(there)[0].startswith("🟠 SUSPICIOUS · 6 of 57 engines")
        await sets(app, ADMIN, **{"scan-ip": "9"})
        [first, second] = await changes(database)
        assert first[2] == ({"setting": "threshold scan-ip", "old": "", "new": "6"},)
        assert second[2] == ({"setting": "threshold scan-ip", "old": "6", "new": "9"},)


async def test_an_option_overrides_the_setting(database):
    """--threshold holds for one request."""
    async with at_work(database) as app:
        await sets(app, ADMIN, **{"scan-ip": "6"})
        answer = await app.asks("/vt scan-ip 192.0.2.1 --threshold 7")
        assert app.slack.shown(answer)[0].startswith("🟠 SUSPICIOUS · 6 of 57 engines")


async def test_answers_in_the_channel(database):
    """Commands are answered as with --share, and the form has that chosen when it opens."""
    async with at_work(database) as app:
        await sets(app, ADMIN, answers="channel")
        answer = await app.asks("/vt scan-ip 192.0.2.1")
        assert answer.ephemeral_to is None
        await app.slack.types(ANA, GENERAL, "/vt form 192.0.2.1")
        [form] = app.slack.views(ANA)
        assert form.state["answer"]["answer"]["selected_option"]["value"] == "share"


async def test_answers_to_the_asker_alone(database):
    """Shortcuts and mentions are answered where only the asker sees it."""
    async with at_work(database) as app:
        await sets(app, ADMIN, answers="private")
        said = (await app.slack.says(BEN, GENERAL, "is 192.0.2.1 bad?")).said
        await app.slack.uses_shortcut(ANA, "check", said)
        await app.slack.says(ANA, GENERAL, "@vt 198.51.100.1")
        await app.idle()
        seen_by_ben = [one for one in app.slack.messages(GENERAL, BEN) if one.bot_id]
        assert seen_by_ben == []
        assert app.slack.messages("@ana", ANA)


@pytest.mark.parametrize(
    ("user", "channel", "may"),
    [(ADMIN, INCIDENT, True), (ANA, INCIDENT, True), (BEN, INCIDENT, False), (ANA, GENERAL, False)],
)
async def test_who_may(database, user, channel, may):
    """Workspace admins and the channel's creator may; others see the settings and who may change them."""
    async with at_work(database) as app:
        lines = app.slack.shown(await opened(app, user, channel))
        assert ("[Save]" in lines[-1]) is may
        assert ("Only this channel's creator" in str(lines)) is not may


async def test_people_in_admin_users_may_change_settings(database):
    """ADMIN_USERS names them by id."""
    async with at_work(database, ADMIN_USERS="U0BEN00001") as app:
        assert (await sets(app, BEN, **{"scan-hash": "5"})).startswith("Saved for this channel.")


async def test_permission_is_checked_again_on_submission(database):
    """A forged submission by someone who may not: nothing changes, and the audit records it as refused."""
    async with at_work(database) as app:
        await opened(app, BEN)
        [view] = app.slack.views(BEN)
        admins = await opened(app, ADMIN)
        forged = {**admins.content, "private_metadata": view.content["private_metadata"]}
        view = app.slack.state.show(
            type(view)(view.id, view.user, forged, view.hash, view.root, state=admins.state)
        )
        await app.slack.submits(BEN, app.slack.fills(BEN, view, {"scan-ip": "1"}))
        await app.idle()
        assert "Only this channel's creator" in app.slack.messages(GENERAL, BEN)[-1].text
        assert [(outcome, what) for _, outcome, what in await changes(database)] == [("refused", ())]
        answer = await app.asks("/vt scan-ip 192.0.2.1")
        assert any("threshold 25" in line and "checked " in line for line in app.slack.shown(answer))


async def test_a_mistake_is_shown_at_its_field(database):
    """A threshold of 0 is refused."""
    async with at_work(database) as app:
        view = await opened(app, ADMIN)
        view = app.slack.fills(ADMIN, view, {"scan-ip": "0"})
        view.content["blocks"][0]["element"].pop("min_value")
        exchange = await app.slack.submits(ADMIN, view)
        assert "from 1 to 200" in exchange.errors["scan-ip"]


async def test_in_direct_messages_there_is_nothing_to_set(database):
    """The modal says where settings are."""
    async with at_work(database) as app:
        lines = app.slack.shown(await opened(app, ADMIN, "@vt"))
        assert "Direct messages have no settings. Type /vt settings in a channel." in lines


def report(clock, days):
    """A report on a host: a file from there that was seen so many days ago, and one that contacts it."""
    date = f"{clock() - timedelta(days=days):%Y-%m-%d %H:%M:%S}"
    return {
        "response_code": 1,
        "verbose_msg": "IP address in dataset",
        "detected_downloaded_samples": [{"sha256": "a" * 64, "positives": 30, "total": 58, "date": date}],
        "detected_communicating_samples": [{"sha256": "b" * 64, "positives": 60, "total": 71, "date": date}],
    }


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "🟠 SUSPICIOUS · 30 of 58 engines"),
        ({"host-rule": "documented"}, "🔴 RISKY · 60 of 71 engines"),
        ({"evidence-days": "120"}, "🔴 RISKY · 30 of 58 engines"),
        ({"evidence-days": "0"}, "🔴 RISKY · 30 of 58 engines"),
    ],
)
@pytest.mark.parametrize("line", ["/vt scan-ip 198.51.100.9", "@vt 198.51.100.9"])
async def test_a_channel_sets_how_hosts_are_judged(database, fields, says, line):
    """There and nowhere else, for commands and mentions: by the rule and the age that were set."""
    async with at_work(database) as app:
        app.virustotal.faults.add("ip-address/report", faults_of_virustotal.says(report(app.clock, 100)))
        if fields:
            assert "Saved" in await sets(app, ADMIN, **fields)
        if line.startswith("/vt"):
            answer = await app.asks(line)
        else:
            answer = await (await app.slack.says(ANA, GENERAL, line)).answer()
        assert says in app.now(answer)
        elsewhere = await app.asks("/vt scan-ip 198.51.100.9", channel=INCIDENT)
        assert "🟠 SUSPICIOUS · 30 of 58 engines" in app.now(elsewhere)
        assert "older files downloaded from it: up to 30 of 58 engines" in app.now(elsewhere)
        assert "files that contact it: up to 60 of 71 engines" in app.now(elsewhere)


async def test_the_rule_for_hosts_is_shown_recorded_and_taken_back(database):
    """The modal has what was chosen; the audit has the old and the new value; empty means the operator's again."""
    async with at_work(database, VT_HOST_RULE="documented", VT_EVIDENCE_DAYS="30") as app:
        said = await sets(app, ADMIN, **{"host-rule": "served", "evidence-days": "7"})
        assert "IP addresses and domains are judged by: default → What they served" in said
        assert "Evidence against them counts for: default → 7 days" in said
        view = await opened(app, ADMIN)
        filled_in = ModalSubmission("", view.state, "", "")
        chosen = [filled_in.value(name) for name in ("host-rule", "evidence-days")]
        assert chosen == ["served", "7"]
        shown = "\n".join(app.slack.shown(await opened(app, BEN)))
        assert "What they served" in shown
        assert "7 days" in shown
        said = await sets(app, ADMIN, **{"host-rule": "as-set", "evidence-days": ""})
        assert "IP addresses and domains are judged by: What they served → default" in said
        assert "Default: everything that VirusTotal lists" in "\n".join(
            app.slack.shown(await opened(app, BEN))
        )


@pytest.mark.parametrize("typed", ["-1", "3651", "99999999"])
async def test_an_age_that_is_no_number_of_days_is_refused(database, typed):
    """At its field, with the numbers that are taken."""
    async with at_work(database) as app:
        errors = await sets(app, ADMIN, **{"evidence-days": typed})
        assert "from 0 to 3650" in errors["evidence-days"]


async def test_short_answers(database):
    """Without the table of enrichment in this channel; Details has what is in it. Elsewhere answers are whole."""
    async with at_work(database) as app:
        said = await sets(app, ADMIN, detail="short")
        assert "→ Short: without the table" in said
        here = await app.asks("/vt scan-ip 192.0.2.1")
        there = await app.asks("/vt scan-ip 192.0.2.1", channel=INCIDENT)
        assert [block["type"] for block in here.blocks if block["type"] in ("container", "table")] == []
        assert "container" in [block["type"] for block in there.blocks]
        assert "Resolutions: " not in app.now(here)
        await app.slack.presses(ANA, here, "more", "Details")
        await app.idle()
        [details] = app.slack.views(ANA)
        shown = app.slack.shown(details)
        assert "Malicious Downloaded Samples: 1" in shown
        assert any(line.startswith("Resolutions: ") for line in shown)
        assert any("Short: without the table" in line for line in app.slack.shown(await opened(app, BEN)))


class Stored:
    """The database, which other processes change too, and a clock."""

    def __init__(self):
        self.now = EVER
        self.settings = {}
        self.reads = 0

    async def get(self, team, channel):
        self.reads += 1
        return self.settings.get((team, channel), ChannelSettings())

    async def change(self, team, channel, settings):
        self.settings[team, channel] = settings

    async def changed_channels(self, team, most):
        return [channel for where, channel in self.settings if where == team][:most]


def remembering():
    stored = Stored()
    return stored, RecentSettings(stored, lambda: stored.now)


async def test_settings_are_read_once_in_five_seconds():
    """What another process changes is seen when they are over, and at once by whoever asks for what is stored now."""
    stored, settings = remembering()
    assert [await settings.recent("T1", "C1") for _ in range(3)] == [ChannelSettings()] * 3
    assert stored.reads == 1
    changed = stored.settings["T1", "C1"] = ChannelSettings(thresholds={"scan-ip": 5})
    assert await settings.recent("T1", "C2") == ChannelSettings()
    stored.now += RECENT - timedelta(seconds=1)
    assert await settings.recent("T1", "C1") == ChannelSettings()
    stored.now += timedelta(seconds=1)
    assert await settings.recent("T1", "C1") == changed
    again = stored.settings["T1", "C1"] = ChannelSettings(thresholds={"scan-ip": 7})
    assert await settings.recent("T1", "C1") == changed
    assert await settings.get("T1", "C1") == again
    assert await settings.recent("T1", "C1") == again


async def test_a_change_of_this_process_is_seen_at_once():
    """Even by a look that began before the change and ended after it."""
    stored, settings = remembering()
    assert await settings.recent("T1", "C1") == ChannelSettings()
    new = ChannelSettings(thresholds={"scan-ip": 5})
    await settings.change("T1", "C1", new)
    assert await settings.recent("T1", "C1") == new

    class Slow(Stored):
        async def get(self, team, channel):
            before = await super().get(team, channel)
            self.now += timedelta(seconds=1)
            await slow.change(team, channel, new)
            return before

    stored = Slow()
    slow = RecentSettings(stored, lambda: stored.now)
    assert await slow.recent("T1", "C1") == ChannelSettings()
    assert await slow.recent("T1", "C1") == new


async def test_settings_of_a_limited_number_of_channels_are_remembered():
    """The one that was read longest ago is read again."""
    stored, settings = remembering()
    for number in range(MOST_RECENT + 1):
        await settings.recent("T1", f"C{number}")
    await settings.recent("T1", "C1")
    assert stored.reads == MOST_RECENT + 1
    await settings.recent("T1", "C0")
    assert stored.reads == MOST_RECENT + 2
