"""/vt watch and /vt ignore: who may use them and how, what is ignored, what is asked about, and when it pauses."""

import pytest

from playground.slack.rules import Rule
from tests.support import turn_oracles
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
    """The answer is the usage; `/vt ignore` alone lists what is ignored."""
    async with at_incident(database, switch="") as incident:
        said = (await incident.asks(line))[0]
        assert "Usage:" in said or said == "Nothing is ignored here."


async def test_a_public_channel_is_joined(database):
    """Switched on where it is no member, the bot joins. A private channel it cannot join: it says how to invite it."""
    async with at_incident(database, switch="") as incident:
        created = await incident.slack.creates_channel(ANA, "war-created")
        assert "Watching this channel" in (await incident.asks("/vt watch on", channel="#war-created"))[0]
        assert incident.slack.person("vt").id in created.members
        assert "/invite" in (await incident.asks("/vt watch on", user="admin", channel="#secret"))[0]


@pytest.mark.parametrize("join", ["true", "false"])
async def test_channels_that_are_created_later(database, join):
    """WATCH_CHANNELS gives their names. With WATCH_JOIN the bot joins them when they are created; else somebody invites it."""
    async with at_incident(database, switch="", WATCH_CHANNELS="inc-*", WATCH_JOIN=join) as incident:
        for name in ("inc-2000", "fun-2000"):
            created = await incident.slack.creates_channel(ANA, name)
            await incident.quiet()
            assert (incident.slack.person("vt").id in created.members) is (
                join == "true" and name == "inc-2000"
            )
            if incident.slack.person("vt").id not in created.members:
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
    """What is not RISKY is looked up, but gets no card."""
    async with at_incident(database, switch="risky", sandbox={"invent": False}) as incident:
        assert incident.cards(await incident.posts("9.9.9.9")) == []
        assert len(incident.cards(await incident.posts(EICAR))) == 1


async def test_reactions_only(database):
    """The message gets a reaction; mentioned in its thread, the bot posts the card."""
    async with at_incident(database, switch="reaction", sandbox={"invent": False}) as incident:
        bad, unknown = await incident.posts(EICAR), await incident.posts("9.9.9.9")
        assert (incident.reactions(bad), incident.reactions(unknown)) == (["warning"], ["question"])
        assert incident.cards(bad) == []
        await incident.posts("@vt", user=BEN, thread=bad)
        assert "RISKY" in incident.cards(bad)[-1][0]
        await incident.edits(bad, "false alarm")
        assert incident.reactions(bad) == []


async def test_a_reaction_follows_the_verdict(database):
    """When more is known, the reaction changes."""
    async with at_incident(database, switch="reaction", VT_QUOTA_MINUTE="1") as incident:
        message = await incident.posts(f"9.9.9.9 {EICAR}")
        await incident.app.passes(seconds=61)
        await incident.quiet()
        assert incident.reactions(message) == ["warning"]


async def test_a_dry_run_is_seen_by_who_switched_it(database):
    """Nothing is posted in the channel; whoever switched it gets the card in direct messages, and it is updated there."""
    async with at_incident(database, switch="dry-run") as incident:
        before = len(incident.slack.messages(INC))
        message = await incident.posts(f"we saw {EICAR}", user=BEN)
        assert len(incident.slack.messages(INC)) == before + 1
        [card] = incident.slack.messages("@ana", ANA)
        shown = incident.slack.shown(card)
        assert any("I would have posted this in #inc-1042" in line for line in shown)
        await incident.deletes(message, user=BEN)
        assert incident.slack.messages("@ana", ANA) == []


# Ignoring ------------------------------------------------------------------------------------------------


async def test_ignoring(database):
    """A domain with its subdomains, for some time and with a reason, and a network, until it is removed."""
    async with at_incident(database, mode="socket") as incident:
        added = await incident.asks("/vt ignore badplace.top 7d our own trap")
        assert added[0].startswith("Ignored from now on: badplace[.]top here, until")
        assert added[0].endswith("our own trap")
        await incident.asks("/vt ignore 9.9.9.0/24 forever")
        for text in ("http://www.badplace.top/x", "boss@badplace.top", "9.9.9.9"):
            assert incident.cards(await incident.posts(text)) == []
        listed = await incident.asks("/vt ignore list", BEN)
        assert len(listed) == 3
        await incident.asks("/vt ignore remove 9.9.9.0/24")
        assert len(incident.cards(await incident.posts("9.9.9.9"))) == 1
        await incident.app.passes(days=8)
        assert len(incident.cards(await incident.posts("http://www.badplace.top/x"))) == 1


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("", "For how long?"),
        (" 7x", "7x is not a duration."),
        (" 30 days vendor", "30 is not a duration."),
        (" 0d", "0d is not a duration."),
        (" -7d", "-7d is not a duration."),
        (" 7", "7 is not a duration."),
        (" 1.5h", "1[.]5h is not a duration."),
        (" 1000d", "1000d is not a duration."),
        (" our own scanner", "our is not a duration."),
        (" foreverish", "foreverish is not a duration."),
        (" http://evil.example/", "hxxp://evil[.]example/ is not a duration."),
        (" www.evil.example", "www[.]evil[.]example is not a duration."),
        (" mail@evil.example", "mail[@]evil[.]example is not a duration."),
        (" @channel", "@channel is not a duration."),
        (" <!channel>", "<!channel> is not a duration."),
        (" \u202e7d", "7d is not a duration."),
        # As public bug reports of other bots and parsers tell of them: repository and number.
        (
            " 1m",
            "1m is not a duration.",
        ),  # Room15Bot 44, timewarrior 133, taskwarrior 3284, bupstash 96, beads 6609
        (" 3 months", "3 is not a duration."),  # dinghy 7, hourglass 2, tickbin 330
        (" 2.5 hours", "2[.]5 is not a duration."),  # keybase-reminder-bot 36, lubridate 519, dateparser 753
        (" 31d2h20m30s", "31d2h20m30s is not a duration."),  # Enforcer 2
        (" 1h 30m vendor", "1h 30m is not a duration."),
        (" 7d 12h", "7d 12h is not a duration."),
        (" 7d and 12 hours", "7d and 12 hours is not a duration."),
        (" 5:30", "5:30 is not a duration."),  # moment-duration-format 77
        (" permanent", "permanent is not a duration."),
        (" forever 7d", "forever 7d is not a duration."),
        (" 7d forever", "7d forever is not a duration."),
        (" 999w", "999w is not a duration."),
        (" \uff17d", "\uff17d is not a duration."),
    ],
)
async def test_ignoring_needs_a_duration_that_can_be_read(database, typed, problem):
    """Without one nothing is ignored, least of all forever: the answer names the word and says what to type."""
    async with at_incident(database) as incident:
        said = (await incident.asks(f"/vt ignore badplace.top{typed}"))[0]
        assert said.startswith(problem)
        assert "Nothing was changed" in said
        assert "badplace[.]top 7d" in said
        assert list(turn_oracles.text_faults(said)) == []
        assert await incident.asks("/vt ignore list") == ["Nothing is ignored here."]


async def test_ignoring_forever_is_asked_for_by_its_word(database):
    """`forever`, `for ever` or `permanently`, with a reason after it."""
    async with at_incident(database) as incident:
        for word in ("forever", "FOR EVER", "permanently"):
            said = (await incident.asks(f"/vt ignore badplace.top {word} our own trap"))[0]
            assert said == "Ignored from now on: badplace[.]top here, permanently: our own trap"
        said = (await incident.asks("/vt ignore badplace.top 366D 2 scanners of ours"))[0]
        assert said.endswith("2 scanners of ours")


async def test_what_an_admin_ignores_is_ignored_everywhere(database):
    """What the creator of a channel ignores is ignored there; nobody else may ignore anything."""
    async with at_incident(database) as incident:
        refused = (await incident.asks("/vt ignore badplace.top", BEN))[0]
        assert refused.startswith("Only this channel's creator (@ana), a workspace admin")
        assert "here" in (await incident.asks("/vt ignore badplace.top forever"))[0]
        assert (
            "in every channel"
            in (await incident.asks("/vt ignore 9.9.9.9 permanently", "admin", "#general"))[0]
        )
        assert incident.cards(await incident.posts("9.9.9.9")) == []


# Secrets -------------------------------------------------------------------------------------------------


def question(incident, user=ANA):
    """What the bot asks this person alone."""
    [found] = [
        one for one in incident.slack.messages(INC, user) if one.ephemeral_to and "password" in one.text
    ]
    return found


async def test_a_url_with_a_secret_is_asked_about_first(database):
    """Only the poster is asked. Once they agree, it is looked up, and shown without the secret."""
    async with at_incident(database) as incident:
        message = await incident.posts(f"is this bad? {SECRET}")
        message_to_poster = question(incident)
        assert "s3cr3t" not in "".join(incident.slack.shown(message_to_poster))
        assert incident.cards(message) == []
        assert not incident.virustotal.calls
        await incident.presses(ANA, message_to_poster, "Check")
        [card] = incident.cards(message)
        assert "token=***" in "".join(card)
        assert "s3cr3t" not in incident.card(message).text
        assert len(incident.virustotal.calls_to("url/report")) == 1
        assert "Checking it now" in incident.app.now(message_to_poster)


async def test_a_secret_that_is_skipped_is_never_sent(database):
    """The rest of the message gets a card."""
    async with at_incident(database) as incident:
        message = await incident.posts(f"{SECRET} dropped {EICAR}")
        await incident.presses(ANA, question(incident), "Skip")
        [card] = incident.cards(message)
        assert "badplace" not in "".join(card)
        assert not incident.virustotal.calls_to("url/report")


async def test_a_poster_who_cannot_be_asked(database):
    """A poster who has left the channel cannot be asked; the rest of the message still gets a card."""
    async with at_incident(database) as incident:
        incident.slack.fails("chat.postEphemeral", "user_not_in_channel")
        message = await incident.posts(f"{SECRET} dropped {EICAR}")
        assert len(incident.cards(message)) == 1
        assert not incident.virustotal.calls_to("url/report")


async def test_people_are_asked_about_secrets_too(database):
    """/vt with such a URL: it is not sent until its asker agrees."""
    async with at_incident(database, switch="") as incident:
        answer = await incident.app.asks(f"/vt scan-url {SECRET}")
        assert "seems to contain a password or token" in incident.slack.shown(answer)[2]
        assert not incident.virustotal.calls
        await incident.slack.presses(ANA, answer, "Check anyway")
        await incident.quiet()
        assert len(incident.virustotal.calls_to("url/report")) == 1
        assert "s3cr3t" not in incident.app.now(answer)


# The reserve ---------------------------------------------------------------------------------------------


async def test_the_reserve_is_for_people(database):
    """Automatic lookups stop at the reserve and say so; people's own requests go on, and so does `Check now`."""
    limits = {"VT_QUOTA_DAY": "5", "WATCH_RESERVE": "40"}
    async with at_incident(database, **limits) as incident:
        for address in ("9.9.9.1", "9.9.9.2", "9.9.9.3"):
            await incident.posts(address)
        message = await incident.posts("9.9.9.4")
        [card] = incident.cards(message)
        assert "the rest of today's quota is kept for people who ask" in card[2]
        assert "[Check now]" in card[-1]
        assert "RISKY" in (await incident.asks(f"/vt {EICAR}", BEN))[0]
        await incident.presses(BEN, incident.card(message), "Check now")
        assert "kept for people" not in "".join(incident.cards(message)[0])
        assert len(incident.virustotal.calls) == 5


async def test_what_stopped_at_the_reserve_is_checked_the_next_day(database):
    """It is looked up by itself, after midnight UTC."""
    limits = {"VT_QUOTA_DAY": "5", "WATCH_RESERVE": "100"}
    async with at_incident(database, mode="socket", **limits) as incident:
        message = await incident.posts("9.9.9.4")
        assert "kept for people" in incident.cards(message)[0][2]
        assert not incident.virustotal.calls


# The throttle --------------------------------------------------------------------------------------------


async def test_a_flood_pauses_the_watch(database):
    """After WATCH_CARDS cards in ten minutes the bot says so once, posts none for ten minutes, and then continues."""
    async with at_incident(database, mode="socket", WATCH_CARDS="3") as incident:
        messages = [await incident.posts(f"9.9.9.{number}") for number in range(1, 7)]
        assert [len(incident.cards(message)) for message in messages] == [1, 1, 1, 0, 0, 0]
        notes = [one for one in incident.slack.messages(INC) if "I've paused here until" in one.text]
        assert len(notes) == 1
        assert len(incident.virustotal.calls) == 3
        await incident.app.passes(minutes=11)
        assert len(incident.cards(await incident.posts("9.9.9.9"))) == 1


async def test_duplicates_do_not_pause_the_watch(database):
    """A message that gets no card does not count."""
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
    """It is posted at the next try, and does not delay other cards."""
    async with at_incident(database) as incident:
        incident.slack.fails("chat.postMessage", "internal_error")
        first = await incident.posts("9.9.9.1")
        second = await incident.posts("9.9.9.2")
        await incident.app.passes(seconds=6)
        await incident.quiet()
        assert [len(incident.cards(message)) for message in (first, second)] == [1, 1]


async def test_a_card_that_is_deleted_while_a_lookup_waits_is_posted_again_once(database):
    """Otherwise nobody would hear the verdict that was still to come."""
    async with at_incident(database, VT_QUOTA_MINUTE="1") as incident:
        incident.slack.forgives(Rule.CALL)
        message = await incident.posts("9.9.9.1 9.9.9.2")
        card = incident.card(message)
        incident.slack.state.update(card, deleted=True)
        await incident.app.passes(seconds=61)
        await incident.quiet()
        [again] = incident.cards(message)
        assert "9[.]9[.]9[.]1" in str(again)
        assert "9[.]9[.]9[.]2" in str(again)


async def test_the_json_of_a_card(database):
    """Anybody in the channel can get the file, which is posted in the thread."""
    async with at_incident(database) as incident:
        message = await incident.posts(f"we saw {EICAR}")
        await incident.presses(BEN, incident.card(message), "JSON")
        await incident.slack.until(lambda: incident.slack.files(INC))
        [file] = incident.slack.files(INC)
        assert file.name.endswith(".json")
