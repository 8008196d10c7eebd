"""The form: what people fill in, what they read, and what happens to their input when something goes wrong."""

import pytest

from handlers.request import FormModal, Found, Origin
from handlers.views.form import form
from tests.support.app_fixture import ANA, BEN, GENERAL, at_work
from tests.support.slack_rules import faults
from vt.actions import ACTIONS

EICAR = "44d88612fea8a8f36de82e1278abb02f"


async def opened(app, text="", user=ANA):
    """The form as `/vt form` opens it."""
    await app.slack.types(user, GENERAL, f"/vt form {text}")
    return view(app, user)


def view(app, user=ANA):
    """The open form, after a check that it breaks none of Slack's rules."""
    [shown] = app.slack.views(user)
    assert faults("modal", shown.content) == []
    return shown


async def sent(app, view, user=ANA, **fields):
    """Fill in the form and submit it."""
    return await app.slack.submits(user, app.slack.fills(user, view, fields))


def typed(view):
    """The text in the field for values."""
    return view.state["values"]["values"]["value"]


async def test_the_form_is_a_command_filled_in(database):
    """What the form contains is looked up and answered to the asker alone, like a command."""
    async with at_work(database) as app:
        exchange = await sent(app, await opened(app), values=f"192.0.2.1\n{EICAR}")
        assert not exchange.errors
        await app.idle()
        [answer] = app.slack.messages(GENERAL, ANA)
        assert app.slack.shown(answer)[0] == "🔴 1 RISKY · 🟠 1 SUSPICIOUS"
        assert answer.ephemeral_to == app.slack.person(ANA).id
        assert app.slack.views(ANA) == []


async def test_every_action_and_option_is_in_the_form(database):
    """It has a menu with "as found" and the five actions, and fields for thresholds, rescans, files and who sees the answer."""
    async with at_work(database) as app:
        shown = await opened(app)
        actions = [one["text"]["text"] for one in shown.blocks[1]["element"]["options"]]
        assert actions[1:] == [action.title for action in ACTIONS]
        assert list(shown.state) == [
            *("values", "action", "threshold", "rescan", "files", "path", "host", "answer")
        ]


async def test_options_and_sharing_are_taken(database):
    """The threshold decides the verdict, and the answer is shared with the channel."""
    async with at_work(database, VT_HOST_RULE="documented") as app:
        shown = await opened(app, "192.0.2.1")
        assert typed(shown) == "192.0.2.1"
        await sent(app, shown, action="scan-ip", threshold="6", answer="share")
        await app.idle()
        [answer] = app.slack.messages(GENERAL, BEN)
        assert app.slack.shown(answer)[0].startswith("🔴 RISKY · 6 of 57 engines")


async def test_an_option_that_was_typed_among_the_values_counts(database):
    """As in a command, and before the form's own field."""
    async with at_work(database, VT_HOST_RULE="documented") as app:
        shown = await opened(app)
        await sent(app, shown, values="192.0.2.1 --threshold 6", action="scan-ip", threshold="200")
        await app.idle()
        [answer] = app.slack.messages(GENERAL, ANA)
        assert app.slack.shown(answer)[0].startswith("🔴 RISKY · 6 of 57 engines")


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({}, "values", "I found no IP address, hash"),
        ({"values": "hello there"}, "values", "I found no IP address, hash"),
        ({"values": "192.0.2.1", "action": "scan-hash"}, "values", "Try: /vt scan-ip 192[.]0[.]2[.]1"),
        ({"values": "192.0.2.1", "threshold": "0"}, "threshold", "from 1 to 200"),
        ({"values": "192.0.2.1 --treshold 3"}, "values", "Did you mean --threshold?"),
        ({"values": "192.0.2.1 --verbose", "action": "scan-ip"}, "values", "There is no option --verbose."),
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
    async with at_work(database) as app:
        shown = await opened(app)
        exchange = await sent(app, shown, **fields)
        assert list(exchange.errors) == [field]
        assert words in exchange.errors[field]
        assert app.slack.views(ANA)
        assert not app.virustotal.calls


async def test_an_expired_trigger_keeps_what_was_typed(database):
    """When Slack did not open the form in time, a button offers it again with the same text."""
    async with at_work(database) as app:
        app.slack.fails("views.open", "expired_trigger_id")
        await app.slack.types(ANA, GENERAL, "/vt form is 192.0.2.1 bad?")
        await app.idle()
        [offer] = app.slack.messages(GENERAL, ANA)
        assert "Your text is saved: press Open the form." in app.slack.shown(offer)[0]
        await app.slack.presses(ANA, offer, "Open the form")
        assert typed(view(app)) == "is 192.0.2.1 bad?"


async def test_an_offer_is_its_readers_own(database):
    """Somebody else's modal id opens no form."""
    async with at_work(database) as app:
        app.slack.fails("views.open", "expired_trigger_id")
        await app.slack.types(ANA, GENERAL, "/vt form 192.0.2.1")
        await app.idle()
        [offer] = app.slack.messages(GENERAL, ANA)
        shared = await app.asks("/vt scan-ip 192.0.2.1 --share", user=BEN)
        shared = app.slack.state.update(shared, blocks=offer.blocks)
        await app.slack.presses(BEN, shared, "Open the form")
        assert app.slack.views(BEN) == []


async def test_the_same_submission_is_one_request(database):
    """The same signed bytes delivered again make one job and one answer."""
    async with at_work(database) as app:
        exchange = await sent(app, await opened(app), values="192.0.2.1")
        for _ in range(3):
            await app.slack.redelivers(exchange)
        await app.idle()
        assert len(app.virustotal.calls) == 1
        assert len(app.slack.messages(GENERAL, ANA)) == 1


async def test_the_same_command_opens_one_form(database):
    """A repeated delivery opens no second form."""
    async with at_work(database) as app:
        exchange = await app.slack.types(ANA, GENERAL, "/vt form")
        await app.slack.redelivers(exchange)
        assert [call.method for call in app.slack.calls].count("views.open") == 1


async def test_an_invented_form_is_refused(database):
    """A submission with an unknown modal id gets an error at the field, and nothing is stored."""
    async with at_work(database) as app:
        shown = await opened(app, "192.0.2.1")
        shown.content["private_metadata"] = "invented"
        exchange = await sent(app, shown)
        assert "has expired" in exchange.errors["values"]
        assert not app.virustotal.calls


async def test_from_anywhere_the_answer_goes_to_the_direct_messages(database):
    """A global shortcut comes from no channel."""
    async with at_work(database) as app:
        await app.slack.uses_shortcut(ANA, "open-form")
        await sent(app, view(app), values="192.0.2.1")
        await app.idle()
        [answer] = app.slack.messages("@ana", ANA)
        assert app.slack.shown(answer)[0].startswith("🟠 SUSPICIOUS")


async def test_what_was_found_is_chosen_by_ticking(database):
    """With more than twenty indicators in a message all are preselected, and only those that stay selected are looked up."""
    async with at_work(database) as app:
        text = " ".join(f"198.51.100.{number}" for number in range(1, 26))
        said = (await app.slack.says(BEN, GENERAL, text)).said
        await app.slack.uses_shortcut(ANA, "check", said)
        shown = view(app)
        ticked = shown.state["found"]["found"]["selected_options"]
        assert [one["text"]["text"] for one in ticked][:2] == ["198[.]51[.]100[.]1", "198[.]51[.]100[.]2"]
        assert len(ticked) == 25
        await sent(app, shown, found=["0", "24"])
        await app.idle()
        looked_up = {call.params["ip"] for call in app.virustotal.calls}
        assert looked_up == {"198.51.100.1", "198.51.100.25"}


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
        modal(found=tuple(Found(kind="url", value=f"{url}{n}", written=url) for n in range(300)))
    ).to_dict()
    options = view["blocks"][0]["element"]["options"]
    assert faults("modal", view) == []
    assert len(options) == 100
    assert all(one["text"]["type"] == "plain_text" for one in options)
    assert all(one["text"]["text"].startswith("hxxp://evil[.]example/") for one in options)
    assert "of 300" in view["blocks"][0]["hint"]["text"]
