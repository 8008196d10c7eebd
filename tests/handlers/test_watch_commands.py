"""/vt watch and /vt ignore: who may use them and how, what is ignored, what is asked about, and when it pauses."""

import pytest

from playground.slack.rules import Rule
from tests.support.app_fixture import ANA, BEN
from tests.support.incident import EICAR, INC, at_incident

SECRET = "https://files.badplace.top/get?id=7&token=s3cr3t-s3cr3t"


# Switching -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "environ", "may"),
    [
        ("ana", {}, True),
        ("admin", {}, True),
        ("ben", {}, False),
        ("ben", {"ADMIN_USERS": "ben"}, True),
    ],
)
async def test_who_may_switch(database, user, environ, may):
    """The channel's creator, the workspace's admins, and who is named in ADMIN_USERS."""
    async with at_incident(database, switch="", **environ) as incident:
        lines = await incident.asks("/vt watch on", user)
        assert ("Watching this channel" in lines[0]) is may
        message = await incident.posts(f"we saw {EICAR}")
        assert len(incident.cards(message)) == may


async def test_status(database):
    """Anybody may see how a channel is switched, since when, and what is ignored."""
    async with at_incident(database) as incident:
        await incident.posts(f"we saw {EICAR}")
        lines = await incident.asks("/vt watch", BEN)
        assert "Watching this channel" in lines[0]
        assert lines[1].startswith("Turned on by @ana")
        assert lines[2] == "Answers posted: 1 in the last ten minutes, 1 in the last day"
        await incident.asks("/vt watch off")
        assert "not watching this channel" in (await incident.asks("/vt watch status"))[0]
        message = await incident.posts("9.9.9.9")
        assert incident.cards(message) == []


@pytest.mark.parametrize("line", ["/vt watch maybe", "/vt watch on off", "/vt ignore", "/vt ignore nonsense"])
async def test_what_is_not_understood(database, line):
    """The usage is said; `/vt ignore` alone lists."""
    async with at_incident(database, switch="") as incident:
        said = (await incident.asks(line))[0]
        assert "Usage:" in said or said == "Nothing is ignored here."


async def test_a_public_channel_is_gone_into(database):
    """Switched on where the bot is not: it joins; a private one it cannot, and says how to bring it in."""
    async with at_incident(database, switch="") as incident:
        room = await incident.slack.creates_channel(ANA, "war-room")
        assert "Watching this channel" in (await incident.asks("/vt watch on", channel="#war-room"))[0]
        assert incident.slack.person("vt").id in room.members
        assert "/invite" in (await incident.asks("/vt watch on", user="admin", channel="#secret"))[0]


@pytest.mark.parametrize("join", ["true", "false"])
async def test_channels_yet_to_come(database, join):
    """WATCH_CHANNELS names them; WATCH_JOIN goes into them when they are made, else somebody invites the bot."""
    async with at_incident(database, switch="", WATCH_CHANNELS="inc-*", WATCH_JOIN=join) as incident:
        for name in ("inc-2000", "fun-2000"):
            room = await incident.slack.creates_channel(ANA, name)
            await incident.quiet()
            assert (incident.slack.person("vt").id in room.members) is (join == "true" and name == "inc-2000")
            if incident.slack.person("vt").id not in room.members:
                await incident.slack.invites(ANA, f"#{name}")
            said = (await incident.slack.says(ANA, f"#{name}", f"we saw {EICAR}")).said
            await incident.quiet()
            replies = incident.slack.messages(f"#{name}", ANA, thread=said.ts)
            assert len(replies) == (2 if name == "inc-2000" else 1)


async def test_off_is_stronger_than_a_name(database):
    """A channel that is watched by its name can be switched off."""
    async with at_incident(database, switch="off", WATCH_CHANNELS="inc-*") as incident:
        assert incident.cards(await incident.posts(f"we saw {EICAR}")) == []


# Modes ---------------------------------------------------------------------------------------------------


async def test_risky_only(database):
    """What is not RISKY is looked up, and nothing is said."""
    async with at_incident(database, switch="risky", sandbox={"invent": False}) as incident:
        assert incident.cards(await incident.posts("9.9.9.9")) == []
        assert len(incident.cards(await incident.posts(EICAR))) == 1


async def test_reactions_only(database):
    """A mark on the message; mentioned in its thread, the bot shows the card."""
    async with at_incident(database, switch="reaction", sandbox={"invent": False}) as incident:
        bad, unknown = await incident.posts(EICAR), await incident.posts("9.9.9.9")
        assert (incident.marks(bad), incident.marks(unknown)) == (["warning"], ["question"])
        assert incident.cards(bad) == []
        await incident.posts("@vt", user=BEN, thread=bad)
        assert "RISKY" in incident.cards(bad)[-1][0]
        await incident.edits(bad, "false alarm")
        assert incident.marks(bad) == []


async def test_a_mark_follows_its_verdict(database):
    """When more is known, the mark changes."""
    async with at_incident(database, switch="reaction", VT_QUOTA_MINUTE="1") as incident:
        message = await incident.posts(f"9.9.9.9 {EICAR}")
        await incident.office.passes(seconds=61)
        await incident.quiet()
        assert incident.marks(message) == ["warning"]


async def test_a_dry_run_is_seen_by_who_switched_it(database):
    """Nothing in the channel; the card in the switcher's direct messages, edited there."""
    async with at_incident(database, switch="dry-run") as incident:
        before = len(incident.slack.messages(INC))
        message = await incident.posts(f"we saw {EICAR}", user=BEN)
        assert len(incident.slack.messages(INC)) == before + 1
        [card] = incident.slack.messages("@ana", ANA)
        shown = incident.slack.shown(card)
        assert any("I would have posted this in #inc-1042" in line for line in shown)
        await incident.deletes(message, user=BEN)
        assert incident.slack.messages("@ana", ANA) == []


# Left alone ----------------------------------------------------------------------------------------------


async def test_ignoring(database):
    """A domain with all below it, for a while and with a reason; then no longer; an address by its network."""
    async with at_incident(database, mode="socket") as incident:
        added = await incident.asks("/vt ignore badplace.top 7d our own trap")
        assert added[0].startswith("Ignored from now on: badplace[.]top here, until")
        assert added[0].endswith("our own trap")
        await incident.asks("/vt ignore 9.9.9.0/24")
        for text in ("http://www.badplace.top/x", "boss@badplace.top", "9.9.9.9"):
            assert incident.cards(await incident.posts(text)) == []
        listed = await incident.asks("/vt ignore list", BEN)
        assert len(listed) == 3
        await incident.asks("/vt ignore remove 9.9.9.0/24")
        assert len(incident.cards(await incident.posts("9.9.9.9"))) == 1
        await incident.office.passes(days=8)
        assert len(incident.cards(await incident.posts("http://www.badplace.top/x"))) == 1


async def test_an_admins_word_counts_everywhere(database):
    """The creator of a channel speaks for it alone; nobody else may."""
    async with at_incident(database) as incident:
        assert "can change this" in (await incident.asks("/vt ignore badplace.top", BEN))[0]
        assert "here" in (await incident.asks("/vt ignore badplace.top"))[0]
        assert "in every channel" in (await incident.asks("/vt ignore 9.9.9.9", "admin", "#general"))[0]
        assert incident.cards(await incident.posts("9.9.9.9")) == []


# Secrets -------------------------------------------------------------------------------------------------


def question(incident, user=ANA):
    """What the bot asks this person alone."""
    [asked] = [
        one for one in incident.slack.messages(INC, user) if one.ephemeral_to and "password" in one.text
    ]
    return asked


async def test_a_url_with_a_secret_is_asked_about_first(database):
    """The poster alone is asked; once they agree it is looked up, and shown without the secret."""
    async with at_incident(database) as incident:
        message = await incident.posts(f"is this bad? {SECRET}")
        asked = question(incident)
        assert "s3cr3t" not in "".join(incident.slack.shown(asked))
        assert incident.cards(message) == []
        assert not incident.virustotal.calls
        await incident.presses(ANA, asked, "Check")
        [card] = incident.cards(message)
        assert "token=***" in "".join(card)
        assert "s3cr3t" not in incident.card(message).text
        assert len(incident.virustotal.asked("url/report")) == 1
        assert "Checking it now" in incident.office.now(asked)


async def test_a_secret_that_is_left_is_never_sent(database):
    """The rest of the message is answered."""
    async with at_incident(database) as incident:
        message = await incident.posts(f"{SECRET} dropped {EICAR}")
        await incident.presses(ANA, question(incident), "Skip")
        [card] = incident.cards(message)
        assert "badplace" not in "".join(card)
        assert not incident.virustotal.asked("url/report")


async def test_a_poster_who_cannot_be_asked(database):
    """Who left meanwhile is not asked; the rest of the message is answered all the same."""
    async with at_incident(database) as incident:
        incident.slack.fails("chat.postEphemeral", "user_not_in_channel")
        message = await incident.posts(f"{SECRET} dropped {EICAR}")
        assert len(incident.cards(message)) == 1
        assert not incident.virustotal.asked("url/report")


async def test_people_are_asked_about_secrets_too(database):
    """/vt with such a URL: not sent, until its asker says so."""
    async with at_incident(database, switch="") as incident:
        answer = await incident.office.asks(f"/vt scan-url {SECRET}")
        assert "seems to contain a password or token" in incident.slack.shown(answer)[0]
        assert not incident.virustotal.calls
        await incident.slack.presses(ANA, answer, "Check anyway")
        await incident.quiet()
        assert len(incident.virustotal.asked("url/report")) == 1
        assert "s3cr3t" not in incident.office.now(answer)


# The reserve ---------------------------------------------------------------------------------------------


async def test_the_reserve_is_for_people(database):
    """Automatic look-ups stop at it and say so; people go on; `Check now` is a person's wish."""
    limits = {"VT_QUOTA_DAY": "5", "WATCH_RESERVE": "40"}
    async with at_incident(database, **limits) as incident:
        for address in ("9.9.9.1", "9.9.9.2", "9.9.9.3"):
            await incident.posts(address)
        message = await incident.posts("9.9.9.4")
        [card] = incident.cards(message)
        assert "the rest of today's quota is kept for people who ask" in card[0]
        assert "[Check now]" in card[-1]
        assert "RISKY" in (await incident.asks(f"/vt {EICAR}", BEN))[0]
        await incident.presses(BEN, incident.card(message), "Check now")
        assert "kept for people" not in "".join(incident.cards(message)[0])
        assert len(incident.virustotal.calls) == 5


async def test_what_stopped_at_the_reserve_is_checked_the_next_day(database):
    """By itself, after midnight UTC."""
    limits = {"VT_QUOTA_DAY": "5", "WATCH_RESERVE": "100"}
    async with at_incident(database, mode="socket", **limits) as incident:
        message = await incident.posts("9.9.9.4")
        assert "kept for people" in incident.cards(message)[0][0]
        assert not incident.virustotal.calls


# The breaker ---------------------------------------------------------------------------------------------


async def test_a_flood_pauses_the_watch(database):
    """More cards than WATCH_CARDS in ten minutes: it says so once, is quiet, and goes on by itself."""
    async with at_incident(database, mode="socket", WATCH_CARDS="3") as incident:
        messages = [await incident.posts(f"9.9.9.{number}") for number in range(1, 7)]
        assert [len(incident.cards(message)) for message in messages] == [1, 1, 1, 0, 0, 0]
        notes = [one for one in incident.slack.messages(INC) if "I've paused here until" in one.text]
        assert len(notes) == 1
        assert len(incident.virustotal.calls) == 3
        await incident.office.passes(minutes=11)
        assert len(incident.cards(await incident.posts("9.9.9.9"))) == 1


async def test_a_flood_of_one_thing_is_no_flood(database):
    """What comes to no card is not counted."""
    async with at_incident(database, WATCH_CARDS="2") as incident:
        first = await incident.posts(f"we saw {EICAR}")
        for _ in range(4):
            await incident.slack.says(BEN, INC, f"me too {EICAR}")
        await incident.quiet()
        message = await incident.posts("9.9.9.9")
        assert len(incident.cards(message)) == 1
        assert any("and once before" in line for line in incident.cards(first)[0])


# What Slack does not take --------------------------------------------------------------------------------


async def test_a_card_that_slack_does_not_take_comes_later(database):
    """And stands in the way of no other."""
    async with at_incident(database) as incident:
        incident.slack.fails("chat.postMessage", "internal_error")
        first = await incident.posts("9.9.9.1")
        second = await incident.posts("9.9.9.2")
        await incident.office.passes(seconds=6)
        await incident.quiet()
        assert [len(incident.cards(message)) for message in (first, second)] == [1, 1]


async def test_a_card_that_somebody_deleted_is_not_posted_again(database):
    """An admin took it away: it stays away, and others go on."""
    async with at_incident(database, VT_QUOTA_MINUTE="1") as incident:
        incident.slack.forgives(Rule.CALL)
        message = await incident.posts("9.9.9.1 9.9.9.2")
        card = incident.card(message)
        incident.slack.world.update(card, deleted=True)
        await incident.office.passes(seconds=61)
        await incident.quiet()
        assert incident.cards(message) == []


async def test_the_json_of_a_card(database):
    """Anybody in the channel can open it, in the thread."""
    async with at_incident(database) as incident:
        message = await incident.posts(f"we saw {EICAR}")
        await incident.presses(BEN, incident.card(message), "JSON")
        await incident.slack.until(lambda: incident.slack.files(INC))
        [file] = incident.slack.files(INC)
        assert file.name.endswith(".json")
