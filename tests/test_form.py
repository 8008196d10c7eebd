"""The form: what someone fills in, what they read, and what happens to what was typed when something goes wrong."""

import pytest
from office import ANA, BEN, GENERAL, at_work
from slack_rules import faults

EICAR = "44d88612fea8a8f36de82e1278abb02f"


async def opened(office, text="", user=ANA):
    """The form as `/vt form` opens it."""
    await office.slack.types(user, GENERAL, f"/vt form {text}")
    [view] = office.slack.views(user)
    assert faults("modal", view.content) == []
    return view


async def sent(office, view, user=ANA, **fields):
    """Fill the form in and send it."""
    return await office.slack.submits(user, office.slack.fills(user, view, fields))


async def test_the_form_is_a_command_filled_in(database):
    """What stands in the form is looked up and answered to the asker alone, like the command itself."""
    async with at_work(database) as office:
        view = await opened(office)
        exchange = await sent(office, view, values=f"192.0.2.1\n{EICAR}")
        assert not exchange.errors
        await office.slack.until(lambda: office.slack.messages(GENERAL, ANA))
        await office.idle()
        [answer] = office.slack.messages(GENERAL, ANA)
        assert office.slack.shown(answer)[0] == "🔴 1 RISKY · 🟠 1 SUSPICIOUS"
        assert answer.ephemeral_to == office.slack.person(ANA).id
        assert office.slack.views(ANA) == []
