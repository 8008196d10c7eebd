"""The form: what people fill in, what they read, and what happens to their input when something goes wrong."""

import pytest

from handlers.modals import FormModal, Found
from handlers.request import Origin
from handlers.views.form import form
from tests.support.app_fixture import ANA, BEN, GENERAL, at_work
from tests.support.slack_rules import faults
from vt.actions import ACTIONS

EICAR = "44d88612fea8a8f36de82e1278abb02f"


async def opened(office, text="", user=ANA):
    """The form as `/vt form` opens it."""
    await office.slack.types(user, GENERAL, f"/vt form {text}")
    return view(office, user)


def view(office, user=ANA):
    """The open form, after a check that it breaks none of Slack's rules."""
    [shown] = office.slack.views(user)
    assert faults("modal", shown.content) == []
    return shown


async def sent(office, view, user=ANA, **fields):
    """Fill in the form and submit it."""
    return await office.slack.submits(user, office.slack.fills(user, view, fields))


def typed(view):
    """The text in the field for values."""
    return view.state["values"]["values"]["value"]


async def test_the_form_is_a_command_filled_in(database):
    """What the form contains is looked up and answered to the asker alone, like a command."""
    async with at_work(database) as office:
        exchange = await sent(office, await opened(office), values=f"192.0.2.1\n{EICAR}")
        assert not exchange.errors
        await office.idle()
        [answer] = office.slack.messages(GENERAL, ANA)
        assert office.slack.shown(answer)[0] == "🔴 1 RISKY · 🟠 1 SUSPICIOUS"
        assert answer.ephemeral_to == office.slack.person(ANA).id
        assert office.slack.views(ANA) == []


async def test_every_action_and_option_is_in_the_form(database):
    """It has a menu with "as found" and the five actions, and fields for thresholds, rescans, files and who sees the answer."""
    async with at_work(database) as office:
        shown = await opened(office)
        actions = [one["text"]["text"] for one in shown.blocks[1]["element"]["options"]]
        assert actions[1:] == [action.title for action in ACTIONS]
        assert list(shown.state) == [
            *("values", "action", "threshold", "rescan", "files", "path", "host", "answer")
        ]


async def test_options_and_sharing_are_taken(database):
    """The threshold decides the verdict, and the answer is shared with the channel."""
    async with at_work(database) as office:
        shown = await opened(office, "192.0.2.1")
        assert typed(shown) == "192.0.2.1"
        await sent(office, shown, action="scan-ip", threshold="6", answer="share")
        await office.idle()
        [answer] = office.slack.messages(GENERAL, BEN)
        assert office.slack.shown(answer)[0].startswith("🔴 RISKY 6 of 57 engines")


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({}, "values", "I found no IP address, hash"),
        ({"values": "hello there"}, "values", "I found no IP address, hash"),
        ({"values": "192.0.2.1", "action": "scan-hash"}, "values", "Try: /vt scan-ip 192[.]0[.]2[.]1"),
        ({"values": "192.0.2.1", "threshold": "0"}, "threshold", "from 1 to 200"),
        ({"values": "192.0.2.1", "threshold": "9999999999"}, "threshold", "from 1 to 200"),
        ({"values": "192.0.2.1", "rescan": "99999"}, "rescan", "from 0 to 3650"),
        ({"values": "192.0.2.1", "action": "scan-ip", "rescan": "3"}, "rescan", "scan-hash and scan-url"),
        ({"path": "/srv/a", "action": "scan-file", "rescan": "3"}, "rescan", "scan-hash and scan-url"),
        ({"action": "scan-file"}, "path", "Nothing to look up."),
        (
            {"values": " ".join(f"198.51.{number}.1" for number in range(101))},
            "values",
            "the limit is 100 per request",
        ),
    ],
)
async def test_a_mistake_is_said_at_the_field_that_is_wrong(database, fields, field, words):
    """The form stays open; nothing is stored and nothing is looked up."""
    async with at_work(database) as office:
        shown = await opened(office)
        exchange = await sent(office, shown, **fields)
        assert list(exchange.errors) == [field]
        assert words in exchange.errors[field]
        assert office.slack.views(ANA)
        assert not office.virustotal.calls


async def test_an_expired_trigger_keeps_what_was_typed(database):
    """When Slack did not open the form in time, a button offers it again with the same text."""
    async with at_work(database) as office:
        office.slack.fails("views.open", "expired_trigger_id")
        await office.slack.types(ANA, GENERAL, "/vt form is 192.0.2.1 bad?")
        await office.idle()
        [offer] = office.slack.messages(GENERAL, ANA)
        assert "Your text is saved: press Open the form." in office.slack.shown(offer)[0]
        await office.slack.presses(ANA, offer, "Open the form")
        assert typed(view(office)) == "is 192.0.2.1 bad?"


async def test_an_offer_is_its_readers_own(database):
    """Somebody else's modal id opens no form."""
    async with at_work(database) as office:
        office.slack.fails("views.open", "expired_trigger_id")
        await office.slack.types(ANA, GENERAL, "/vt form 192.0.2.1")
        await office.idle()
        [offer] = office.slack.messages(GENERAL, ANA)
        shared = await office.asks("/vt scan-ip 192.0.2.1 --share", user=BEN)
        shared = office.slack.world.update(shared, blocks=offer.blocks)
        await office.slack.presses(BEN, shared, "Open the form")
        assert office.slack.views(BEN) == []


async def test_the_same_submission_is_one_request(database):
    """The same signed bytes delivered again make one job and one answer."""
    async with at_work(database) as office:
        exchange = await sent(office, await opened(office), values="192.0.2.1")
        for _ in range(3):
            await office.slack.redelivers(exchange)
        await office.idle()
        assert len(office.virustotal.calls) == 1
        assert len(office.slack.messages(GENERAL, ANA)) == 1


async def test_the_same_command_opens_one_form(database):
    """A repeated delivery opens no second form."""
    async with at_work(database) as office:
        exchange = await office.slack.types(ANA, GENERAL, "/vt form")
        await office.slack.redelivers(exchange)
        assert [call.method for call in office.slack.calls].count("views.open") == 1


async def test_an_invented_form_is_refused(database):
    """A submission with an unknown modal id gets an error at the field, and nothing is stored."""
    async with at_work(database) as office:
        shown = await opened(office, "192.0.2.1")
        shown.content["private_metadata"] = "invented"
        exchange = await sent(office, shown)
        assert "has expired" in exchange.errors["values"]
        assert not office.virustotal.calls


async def test_from_anywhere_the_answer_goes_to_the_direct_messages(database):
    """A global shortcut comes from no channel."""
    async with at_work(database) as office:
        await office.slack.uses_shortcut(ANA, "open-form")
        await sent(office, view(office), values="192.0.2.1")
        await office.idle()
        [answer] = office.slack.messages("@ana", ANA)
        assert office.slack.shown(answer)[0].startswith("🟠 SUSPICIOUS")


async def test_what_was_found_is_chosen_by_ticking(database):
    """With more than twenty indicators in a message all are preselected, and only those that stay selected are looked up."""
    async with at_work(database) as office:
        text = " ".join(f"198.51.100.{number}" for number in range(1, 26))
        said = (await office.slack.says(BEN, GENERAL, text)).said
        await office.slack.uses_shortcut(ANA, "check", said)
        shown = view(office)
        ticked = shown.state["found"]["found"]["selected_options"]
        assert [one["text"]["text"] for one in ticked][:2] == ["198[.]51[.]100[.]1", "198[.]51[.]100[.]2"]
        assert len(ticked) == 25
        await sent(office, shown, found=["0", "24"])
        await office.idle()
        asked = {call.params["ip"] for call in office.virustotal.calls}
        assert asked == {"198.51.100.1", "198.51.100.25"}


def modal(text="", found=()):
    return FormModal(
        id="id",
        delivery="d",
        at="2026-11-22T03:00:00Z",
        origin=Origin(team="T", user="U", channel="C"),
        text=text,
        found=found,
    )


@pytest.mark.parametrize(
    "text",
    [
        "<!channel> <@U1> http://evil.example/\u202e",
        "x" * 12_000,
        "\x00\x1b[2J",
        "*b* `c` ~d~",
        "\t192.0.2.1\t8.8.8.8",
    ],
)
def test_hostile_text_stands_in_the_form_as_it_is(text):
    """Text from a message appears without markup or control characters, and is cut to the field's length."""
    view = form(modal(text)).to_dict()
    kept = view["blocks"][0]["element"].get("initial_value", "")
    assert faults("modal", view) == []
    assert len(kept) <= 3_000
    assert kept.isprintable()


def test_hostile_values_stand_in_the_menu_defanged():
    """The longest URLs, as many as fit, and characters that reverse the text are shown defanged."""
    url = "http://evil.example/<!channel>&\u202e" + "a" * 5_000
    view = form(
        modal(found=tuple(Found(kind="url", value=f"{url}{n}", asked=url) for n in range(300)))
    ).to_dict()
    options = view["blocks"][0]["element"]["options"]
    assert faults("modal", view) == []
    assert len(options) == 100
    assert all(one["text"]["type"] == "plain_text" for one in options)
    assert all(one["text"]["text"].startswith("hxxp://evil[.]example/") for one in options)
    assert "of 300" in view["blocks"][0]["hint"]["text"]
