"""A card in a watched channel that can no longer be edited: its indicators get a new one, and nobody stays without an answer."""

import asyncio
import re

import pytest

from playground.slack.rules import Rule
from tests.support.app_fixture import ANA, BEN
from tests.support.incident import EICAR, INC, at_incident

RISKY = re.compile(rf"🔴 RISKY (\| {EICAR} \| 54 of 60 \||· 54 of 60 engines{EICAR}  ▰+▱*)")
"""The hash as a row of several, or as a card of its own."""
LOST = ["message_not_found", "edit_window_closed", "cant_update_message", "is_inactive", "channel_not_found"]


async def test_a_deleted_card_is_replaced_where_the_indicator_is_posted_next(database):
    """An admin deletes the card; whoever posts the hash next gets the answer in their own thread, and so on."""
    async with at_incident(database) as incident:
        first = await incident.posts(f"we saw {EICAR}")
        await incident.slack.deletes(ANA, incident.card(first))
        second = await incident.posts(f"me too: {EICAR}", user=BEN)
        [card] = incident.cards(second)
        assert RISKY.search("".join(card))
        assert incident.cards(first) == []
        await incident.slack.deletes(ANA, incident.card(second))
        third = await incident.posts(f"and again: {EICAR}")
        assert RISKY.search("".join(incident.cards(third)[0]))
        fourth = await incident.posts(f"and here: {EICAR}", user=BEN)
        assert incident.cards(fourth) == []
        assert len(incident.virustotal.calls) == 1


@pytest.mark.parametrize("error", LOST)
async def test_a_card_that_slack_does_not_let_us_edit_is_replaced(database, error):
    """Whatever Slack's reason, the next posting gets a card of its own."""
    async with at_incident(database) as incident:
        await incident.posts(f"we saw {EICAR}")
        incident.slack.fails("chat.update", error, times=1)
        second = await incident.posts(f"me too: {EICAR}", user=BEN)
        assert RISKY.search("".join(incident.cards(second)[0]))


async def test_a_deleted_card_comes_back_when_its_own_message_changes(database):
    """Nobody else posted it: the new card is in the same thread."""
    async with at_incident(database) as incident:
        message = await incident.posts(f"we saw {EICAR}")
        await incident.slack.deletes(ANA, incident.card(message))
        await incident.edits(message, f"we saw {EICAR} and {'1' * 64}")
        [card] = incident.cards(message)
        assert RISKY.search("".join(card))


async def test_a_card_that_waits_is_deleted_meanwhile(database):
    """The answer that was waited for is posted anew."""
    async with at_incident(database, VT_QUOTA_MINUTE="1") as incident:
        message = await incident.posts(f"9.9.9.9 and {EICAR}")
        await incident.slack.deletes(ANA, incident.card(message))
        await incident.app.passes(seconds=61)
        await incident.quiet()
        [card] = incident.cards(message)
        assert RISKY.search("".join(card))


async def test_the_channel_is_archived_for_a_while(database):
    """Nothing can be posted then; afterwards the next posting of the hash gets its card."""
    async with at_incident(database) as incident:
        await incident.posts(f"we saw {EICAR}")
        channel = incident.slack.state.channel(INC)
        channel.archived = True
        lost = await incident.posts(f"me too: {EICAR}", user=BEN)
        assert incident.cards(lost) == []
        tries = [call for call in incident.slack.calls if call.method == "chat.postMessage"]
        assert len(tries) < 6
        channel.archived = False
        third = await incident.posts(f"and again: {EICAR}")
        assert RISKY.search("".join(incident.cards(third)[0]))


async def test_the_bot_was_removed_for_a_while(database):
    """The card cannot be posted and is given up; after an invitation the next posting gets its card."""
    async with at_incident(database) as incident:
        incident.slack.forgives(Rule.MEMBERSHIP)
        incident.slack.fails("chat.postMessage", "not_in_channel", times=1)
        lost = await incident.posts(f"we saw {EICAR}")
        assert incident.cards(lost) == []
        second = await incident.posts(f"me too: {EICAR}", user=BEN)
        assert RISKY.search("".join(incident.cards(second)[0]))


async def test_a_card_is_given_up_after_all_tries(database):
    """Slack was in trouble for longer than all tries: the next posting of the hash is answered."""
    async with at_incident(database, mode="socket") as incident:
        incident.slack.fails("chat.postMessage", "internal_error", times=5)
        lost = await incident.posts(f"we saw {EICAR}")
        for _ in range(40):
            if not incident.slack.api._orders["chat.postMessage"]:
                break
            await incident.app.passes(minutes=15)
            await incident.quiet()
        assert incident.cards(lost) == []
        second = await incident.posts(f"me too: {EICAR}", user=BEN)
        assert RISKY.search("".join(incident.cards(second)[0]))


@pytest.mark.slow
async def test_the_token_is_refused_while_somebody_posts_a_hash(database):
    """The card comes when the token works again, and VirusTotal is not asked over and over."""
    async with at_incident(database) as incident:
        incident.slack.refuses_token("account_inactive")
        message = await incident.posts(f"we saw {EICAR}")
        calls = len(incident.virustotal.calls)
        await asyncio.sleep(2)
        assert incident.cards(message) == []
        assert len(incident.virustotal.calls) == calls
        incident.slack.accepts_tokens()
        await incident.slack.until(lambda: incident.cards(message), timeout=90)
        await incident.quiet()
        assert RISKY.search("".join(incident.cards(message)[0]))


async def test_a_reaction_that_may_not_be_put_costs_no_card(database):
    """Without reactions:write the log names the scope; the card that somebody asks for is posted all the same."""
    async with at_incident(database, switch="reaction") as incident:
        incident.slack.forgives(Rule.SCOPE)
        incident.slack.grants(*(incident.slack.api.scopes - {"reactions:write"}))
        message = await incident.posts(f"we saw {EICAR}")
        assert incident.reactions(message) == []
        await incident.slack.says(BEN, INC, "@vt", thread=message)
        await incident.quiet()
        assert RISKY.search("".join(incident.cards(message)[-1]))
