"""A watched channel: what people post there, and what they see in answer to it."""

import pytest

from tests.support.app_fixture import ANA, BEN
from tests.support.incident import EICAR, INC, at_incident

HASHES = [f"{number:064x}" for number in range(1, 101)]


def found(positives):
    """VirusTotal's report on the first hash."""
    return {"response_code": 1, "resource": HASHES[0], "positives": positives, "total": 70, "scans": {}}


async def test_nothing_is_watched_before_somebody_says_so(database):
    """Off by default: nothing that is posted is looked up."""
    async with at_incident(database, switch="") as incident:
        message = await incident.posts(f"we saw {EICAR}")
        assert incident.cards(message) == []
        assert not incident.virustotal.calls


async def test_a_message_with_indicators_gets_one_card_in_its_thread(database):
    """Worst first, all of the message's indicators on one card; equal ones once."""
    async with at_incident(database) as incident:
        message = await incident.posts(f"we saw {EICAR} and {HASHES[0]}, again {EICAR.upper()}")
        [card] = incident.cards(message)
        assert "RISKY" in card[0]
        assert card[2].startswith(f"🔴 RISKY | {EICAR} | 54 of 60 | ")
        assert "[JSON]" in card[-2]
        assert card[-1].startswith("checked ")
        assert len(incident.virustotal.calls) == 1


@pytest.mark.parametrize(
    "text",
    [
        "nothing to see here",
        "it is on 10.0.0.7 and printer.local",
        "as in the documentation: 192.0.2.1, 2001:db8::1",
        "see https://playground.slack.com/archives/C0INC10420/p1 and https://www.virustotal.com/gui/home",
        "it is on github.com, see google.com",
        "mail wiki.corp.example.org or boss@corp.example.org",
    ],
)
async def test_what_is_never_sent_gets_no_card(database, text):
    """Private and documentation addresses, the organisation's own domains, and well-known hosts."""
    async with at_incident(database, INTERNAL_DOMAINS="corp.example.org") as incident:
        message = await incident.posts(text)
        assert incident.cards(message) == []
        assert not incident.virustotal.calls


async def test_internal_domains_are_not_sent_for_people_either(database):
    """INTERNAL_DOMAINS holds for commands as well."""
    async with at_incident(database, INTERNAL_DOMAINS="corp.example.org") as incident:
        lines = await incident.asks("/vt domain-report wiki.corp.example.org")
        assert "internal, so not sent" in lines[2]
        assert not incident.virustotal.calls


async def test_a_card_waits_for_the_quota_and_says_when(database):
    """There is one card. It says when the rest is looked up, and is edited then."""
    async with at_incident(database, VT_QUOTA_MINUTE="1") as incident:
        message = await incident.posts("9.9.9.9 and 8.8.8.8")
        [card] = incident.cards(message)
        assert "next call in" in "".join(card)
        await incident.app.passes(seconds=61)
        await incident.quiet()
        [card] = incident.cards(message)
        assert "NOT CHECKED" not in "".join(card)


# Edits and deletions -------------------------------------------------------------------------------------


async def test_an_edit_changes_the_card(database):
    """New indicators are looked up, removed ones disappear, and it stays the same card."""
    async with at_incident(database) as incident:
        message = await incident.posts(f"we saw {EICAR}")
        before = incident.card(message)
        await incident.edits(message, f"no: we saw {HASHES[0]}")
        after = incident.card(message)
        assert after.ts == before.ts
        shown = "".join(incident.slack.shown(after))
        assert HASHES[0] in shown
        assert EICAR not in shown


async def test_an_edit_that_brings_the_first_indicator_brings_the_card(database):
    """A message that had none when it was posted gets its card after the edit."""
    async with at_incident(database) as incident:
        message = await incident.posts("we saw something")
        await incident.edits(message, f"we saw {EICAR}")
        assert len(incident.cards(message)) == 1


async def test_an_edit_without_new_words_changes_nothing(database):
    """Slack reports unfurls as edits with the same text."""
    async with at_incident(database) as incident:
        message = await incident.posts(f"we saw {EICAR}")
        calls = len(incident.slack.calls)
        await incident.edits(message, f"we saw {EICAR}")
        assert len(incident.slack.calls) == calls
        assert len(incident.virustotal.calls) == 1


@pytest.mark.parametrize("how", ["deleted", "edited"])
async def test_the_card_goes_with_its_reason(database, how):
    """The card is deleted when its message is deleted or no longer has an indicator."""
    async with at_incident(database) as incident:
        message = await incident.posts(f"we saw {EICAR}")
        assert len(incident.cards(message)) == 1
        if how == "deleted":
            await incident.deletes(message)
        else:
            await incident.edits(message, "false alarm")
        assert incident.cards(message) == []


async def test_slacks_retries_bring_no_second_card(database):
    """The same delivery again changes nothing, not even after an edit."""
    async with at_incident(database) as incident:
        exchange = await incident.slack.says(ANA, INC, f"we saw {EICAR}")
        await incident.slack.redelivers(exchange)
        await incident.quiet()
        await incident.edits(exchange.said, f"no: {HASHES[0]}")
        await incident.slack.redelivers(exchange)
        await incident.quiet()
        [card] = incident.cards(exchange.said)
        assert HASHES[0] in "".join(card)


async def test_bots_are_answered_when_they_are_named(database):
    """WATCH_BOTS names alert bots whose messages are looked up; other bots' messages are not."""
    async with at_incident(database) as incident:
        message = await incident.posts(f"ALERT {EICAR}", user="otherbot")
        assert incident.cards(message) == []
    async with at_incident(database, WATCH_BOTS="B0OTHERBOT") as incident:
        message = await incident.posts(f"ALERT {EICAR}", user="otherbot")
        assert len(incident.cards(message)) == 1


async def test_a_mention_is_answered_once(database):
    """A message that mentions the bot gets an answer, and no card in addition."""
    async with at_incident(database) as incident:
        message = await incident.posts(f"@vt {EICAR}")
        assert len(incident.cards(message)) == 1


# Duplicates ----------------------------------------------------------------------------------------------


async def test_the_same_indicator_again_is_counted(database):
    """No second card within a day; the first one says who else posted it."""
    async with at_incident(database) as incident:
        first = await incident.posts(f"we saw {EICAR}")
        second = await incident.posts(f"me too: {EICAR}", user=BEN)
        assert incident.cards(second) == []
        [card] = incident.cards(first)
        assert any(line.startswith("Also posted by @ben") for line in card)
        assert len(incident.virustotal.calls) == 1


async def test_only_what_is_new_is_answered(database):
    """A message with something old and something new gets a card about the new."""
    async with at_incident(database) as incident:
        await incident.posts(f"we saw {EICAR}")
        message = await incident.posts(f"{EICAR} fetched {HASHES[0]}", user=BEN)
        [card] = incident.cards(message)
        assert HASHES[0] in card[1]
        assert EICAR not in "".join(card)


async def test_after_a_day_it_is_answered_again(database):
    """The window is 24 hours."""
    async with at_incident(database, mode="socket") as incident:
        await incident.posts(f"we saw {EICAR}")
        await incident.app.passes(hours=25)
        message = await incident.posts(f"still: {EICAR}", user=BEN)
        assert len(incident.cards(message)) == 1
        assert len(incident.virustotal.calls) == 2


async def test_it_is_answered_again_when_its_verdict_changed(database):
    """Somebody asked anew meanwhile, and VirusTotal says something else."""
    async with at_incident(database) as incident:
        incident.virustotal.tell("file/report", HASHES[0], found(positives=1))
        first = await incident.posts(f"we saw {HASHES[0]}")
        incident.virustotal.tell("file/report", HASHES[0], found(positives=60))
        await incident.asks(f"/vt {HASHES[0]} --fresh")
        message = await incident.posts(f"and here: {HASHES[0]}", user=BEN)
        [card] = incident.cards(message)
        assert "RISKY · 60 of 70 engines" in card[0]
        assert len(incident.cards(first)) == 1


async def test_who_posted_it_next_inherits_the_answer(database):
    """When the first message goes, the second one gets the card."""
    async with at_incident(database) as incident:
        first = await incident.posts(f"we saw {EICAR}")
        second = await incident.posts(f"me too: {EICAR}", user=BEN)
        await incident.deletes(first)
        assert len(incident.cards(second)) == 1
        assert len(incident.virustotal.calls) == 1
