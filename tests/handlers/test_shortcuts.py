"""Shortcuts: what a message contains is answered in its thread; if that is nothing, or too much, the form opens."""

import pytest

from bot.manifest import manifest
from handlers.event_payloads import all_text
from handlers.listeners import commands
from tests.support.app_fixture import ANA, BEN, GENERAL, HASHES, at_work
from tests.support.slack_rules import faults
from vt import extract
from vt.actions import ACTIONS, BY_KEY

EICAR = "44d88612fea8a8f36de82e1278abb02f"
EICAR_FILE = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
ADDRESSES = " ".join(f"203.0.113.{number}" for number in range(1, 26))


async def said(app, text, user=BEN, channel=GENERAL, **more):
    """A message that someone wrote."""
    return (await app.slack.says(user, channel, text, **more)).said


async def picks(app, callback_id, message, user=ANA):
    return await app.slack.uses_shortcut(user, callback_id, message)


def typed(view):
    """The text in the form's first field."""
    return view.state["values"]["values"]["value"]


def test_the_menu_has_an_entry_for_each_action_and_one_for_all():
    """The entries come from the table of actions, within Slack's limits for names and numbers."""
    entries = manifest()["features"]["shortcuts"]
    assert [entry["callback_id"] for entry in entries] == [
        "check",
        *(action.key for action in ACTIONS),
        "open-form",
    ]
    assert [entry["type"] for entry in entries].count("global") == 1
    assert len(entries) <= 10
    assert all(len(entry["name"]) <= 24 for entry in entries)
    assert faults("manifest", manifest()) == faults("manifest", manifest("https://bot.example")) == []


async def test_a_picked_message_is_answered_in_its_thread(database):
    """Everything in the message is answered for everyone in the thread, with the name of the person who asked."""
    async with at_work(database) as app:
        message = await said(app, f"we saw 192.0.2.1 and {EICAR}")
        answer = await (await picks(app, "check", message)).answer(having="RISKY")
        assert answer.thread_ts == message.ts
        assert answer.ephemeral_to is None
        assert "🔴 1 RISKY · 🟠 1 SUSPICIOUS" in app.slack.shown(answer)[0]
        assert app.slack.shown(answer)[-1].endswith(" · Asked by @ana")
        assert "Share" not in app.now(answer)


async def test_a_message_in_a_thread_is_answered_in_that_thread(database):
    """Slash commands do not work in threads; shortcuts do."""
    async with at_work(database) as app:
        root = await said(app, "look at this")
        below = await said(app, "198.51.100.1", thread=root)
        answer = await (await picks(app, "check", below)).answer()
        assert answer.thread_ts == root.ts


@pytest.mark.parametrize(
    ("callback_id", "text", "called", "not_called"),
    [
        ("scan-ip", f"192.0.2.1 and {EICAR}", "ip-address/report", "file/report"),
        ("scan-hash", f"192.0.2.1 and {EICAR}", "file/report", "ip-address/report"),
        ("scan-url", "http://evil.example/a and 192.0.2.1", "url/report", "ip-address/report"),
        ("domain-report", "evil.example.com at 192.0.2.1", "domain/report", "ip-address/report"),
    ],
)
async def test_each_action_takes_what_fits(database, callback_id, text, called, not_called):
    """An action looks up its own kinds of indicators and ignores the rest of the message."""
    async with at_work(database) as app:
        await picks(app, callback_id, await said(app, text))
        await app.idle()
        assert app.virustotal.calls_to(called)
        assert not app.virustotal.calls_to(not_called)


async def test_a_domain_report_of_a_message_with_a_url_only(database):
    """When nothing fits as it is, what can be converted is used: here the domain of the URL."""
    async with at_work(database) as app:
        await picks(app, "domain-report", await said(app, "http://www.evil.com/a"))
        await app.idle()
        assert app.virustotal.calls_to("domain/report")[0].params["domain"] == "www.evil.com"


@pytest.mark.parametrize(
    ("callback_id", "line", "notice"),
    [
        (
            "check",
            "is the mail from Bob bad?",
            "I found nothing to look up in that message. This is its text.",
        ),
        ("scan-hash", "is the mail from Bob bad?", "No hash in that message. This is its text."),
        (
            "scan-hash",
            "192.0.2.1 and 192.0.2.2",
            "No hash in that message (I found 2 IP addresses). This is its text.",
        ),
    ],
)
async def test_a_message_without_anything_opens_the_form_with_its_text(database, callback_id, line, notice):
    """Said in the form itself; nothing is looked up, and the text is there to be worked on."""
    async with at_work(database) as app:
        exchange = await picks(app, callback_id, await said(app, line))
        view = await exchange.view()
        assert typed(view) == line
        assert app.slack.shown(view)[1] == notice
        assert [one for one in app.slack.messages(GENERAL) if one.ephemeral_to] == []
        assert not app.virustotal.calls


@pytest.mark.parametrize(
    ("callback_id", "line", "notice"),
    [
        (
            "scan-ip",
            f"{EICAR} evil.org",
            "No IP address in that message (I found 1 hash, 1 domain or email address).",
        ),
        ("scan-hash", "http://evil.org/a 9.9.9.9", "No hash in that message (I found 1 URL, 1 IP address)."),
        (
            "scan-url",
            f"{EICAR} bob@evil.org",
            "No URL in that message (I found 1 hash, 1 domain or email address).",
        ),
        (
            "domain-report",
            f"{EICAR} 9.9.9.9",
            "No domain or email address in that message (I found 1 hash, 1 IP address).",
        ),
        (
            "scan-file",
            f"{EICAR} 9.9.9.9 8.8.8.8",
            "No attached file in that message (I found 1 hash, 2 IP addresses).",
        ),
    ],
)
async def test_each_shortcut_says_in_the_form_what_it_did_find(database, callback_id, line, notice):
    """For a message that was written, and for one that was forwarded without a comment: its text is in the form."""
    async with at_work(database) as app:
        message = await said(app, line)
        forwarded = (await app.slack.forwards(BEN, GENERAL, message)).said
        for one in (message, forwarded):
            view = await (await picks(app, callback_id, one)).view()
            assert app.slack.shown(view)[1].startswith(notice)
            assert line.split()[0] in typed(view)
            await app.slack.closes(ANA, view)
        assert not app.virustotal.calls


async def test_more_than_twenty_are_asked_about_first(database):
    """The form opens with all of them selected, and what is submitted is looked up."""
    async with at_work(database) as app:
        exchange = await picks(app, "check", await said(app, ADDRESSES))
        view = await exchange.view()
        assert not app.virustotal.calls
        [block] = [block for block in view.blocks if block["block_id"] == "found"]
        assert len(block["element"]["initial_options"]) == 25
        sent = await app.slack.submits(ANA, view)
        assert sent.errors == {}
        await app.idle()
        assert len(app.virustotal.calls_to("ip-address/report")) == 25


async def test_attached_files_are_looked_up_with_what_is_chosen(database):
    """Files are not in the menu; the form says that they are included."""
    async with at_work(database) as app:
        message = await said(app, ADDRESSES, files=[("eicar.com", EICAR_FILE)])
        view = await (await picks(app, "check", message)).view()
        assert "The attached files are looked up too." in str(view.blocks)
        view = app.slack.fills(ANA, view, {"found": ["0", "1"], "threshold": "60", "answer": "share"})
        assert not (await app.slack.submits(ANA, view)).errors
        await app.idle()
        answer = app.slack.messages(GENERAL)[-1]
        assert "SUSPICIOUS | eicar.com | 54 of 60 | " in app.now(answer)
        assert len(app.virustotal.calls_to("ip-address/report")) == 2


async def test_an_answer_chosen_to_be_private_in_the_form_is_private(database):
    """It does not go to the message's thread."""
    async with at_work(database) as app:
        exchange = await picks(app, "check", await said(app, ADDRESSES))
        sent = await app.slack.submits(ANA, await exchange.view())
        await app.idle()
        assert sent.errors == {}
        answers = [message for message in app.slack.messages(GENERAL) if message.user == "U0VTBOT001"]
        assert {message.ephemeral_to for message in answers} == {app.slack.person(ANA).id}


async def test_the_menu_beside_the_place_to_type_opens_the_form(database):
    """Its answer goes to direct messages, because it comes from no channel."""
    async with at_work(database) as app:
        exchange = await app.slack.uses_shortcut(ANA, "open-form")
        view = app.slack.fills(ANA, await exchange.view(), {"values": "192.0.2.1"})
        await app.slack.submits(ANA, view)
        await app.slack.until(lambda: app.slack.messages("@ana"))
        assert "🟠 SUSPICIOUS · 6 of 57 engines" in app.now(app.slack.messages("@ana")[-1])


async def test_an_expired_trigger_keeps_what_was_there(database):
    """Slack opens nothing after three seconds: a button offers the form again."""
    async with at_work(database) as app:
        app.slack.fails("views.open", "expired_trigger_id")
        message = await said(app, "is the mail from Bob bad?")
        exchange = await picks(app, "check", message)
        offer = await exchange.answer(having="saved")
        again = await app.slack.presses(ANA, offer, "form")
        assert typed(await again.view()) == "is the mail from Bob bad?"


async def test_the_same_pick_handed_over_again_is_one_answer(database):
    """The same signed bytes, delivered ten times."""
    async with at_work(database) as app:
        exchange = await picks(app, "check", await said(app, "192.0.2.1"))
        for _ in range(10):
            await app.slack.redelivers(exchange)
        await app.idle()
        assert len(app.virustotal.calls) == 1


async def test_a_message_that_was_deleted_after_it_was_picked(database):
    """Its thread is gone, so the answer goes to direct messages."""
    async with at_work(database) as app:
        message = await said(app, "192.0.2.1")
        app.slack.fails("chat.postMessage", "thread_not_found")
        await picks(app, "check", message)
        await app.slack.until(lambda: app.slack.messages("@ana"))
        assert "I can't post in that channel" in app.now(app.slack.messages("@ana")[-1])


async def test_what_stands_in_a_message_now_is_what_counts(database):
    """An edited message is looked up as it reads when the shortcut is used."""
    async with at_work(database) as app:
        message = await said(app, "192.0.2.1")
        await app.slack.edits(BEN, message, "198.51.100.7")
        await picks(app, "scan-ip", message)
        await app.idle()
        assert [call.params["ip"] for call in app.virustotal.calls] == ["198.51.100.7"]


# What a message holds ------------------------------------------------------------------------------------

ALERT = {
    "text": "Alert",
    "blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": "Beacon to 192.0.2.1"}},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "see <http://evil.com/a?b=1&amp;c=2|the page>"},
            "fields": [{"type": "mrkdwn", "text": f"hash `{EICAR}`"}],
        },
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "from 198.51.100.2"}]},
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_list",
                    "elements": [
                        {
                            "type": "rich_text_section",
                            "elements": [
                                {"type": "text", "text": "203.0."},
                                {"type": "text", "text": "113.9", "style": {"bold": True}},
                                {"type": "user", "user_id": "U1"},
                                {"type": "link", "url": "http://worse.com/x?a=1&b=2", "text": "here"},
                            ],
                        }
                    ],
                }
            ],
        },
    ],
    "attachments": [
        {
            "fallback": "203.0.113.10",
            "title": "a report",
            "title_link": "http://third.com/r",
            "fields": [{"title": "Source", "value": "bad[.]example[.]com"}],
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "203.0.113.11"}}],
        }
    ],
}


def test_indicators_are_found_wherever_a_message_has_text():
    """Every kind of block and attachment is read, and a word that rich text splits into pieces is one word."""
    assert {one.value for one in extract(all_text(ALERT))} == {
        "192.0.2.1",
        "http://evil.com/a?b=1&c=2",
        EICAR,
        "198.51.100.2",
        "203.0.113.9",
        "http://worse.com/x?a=1&b=2",
        "203.0.113.10",
        "http://third.com/r",
        "bad.example.com",
        "203.0.113.11",
    }


def test_odd_messages_break_nothing():
    """Deeply nested blocks and missing fields."""
    deep = {"type": "section", "text": "192.0.2.1"}
    for _ in range(500):
        deep = {"elements": [deep]}
    odd = {"blocks": [deep, None, 3, "198.51.100.1", {"type": "rich_text_section", "elements": [{}]}]}
    assert "198.51.100.1" in all_text(odd)
    assert all_text({}) == all_text({"text": None, "blocks": None, "attachments": None}) == ""


@pytest.mark.parametrize("action", [None, *ACTIONS])
def test_many_of_one_kind_are_taken_as_they_stand(action):
    """All that fit and nothing else, in order."""
    found = extract(f"{' '.join(HASHES[:3])} 192.0.2.1 http://evil.com/a evil.org")
    taken = commands.select(action, found)
    assert taken == [one for one in found if action is None or one.kind in action.kinds]
    assert action is None or action in BY_KEY.values()
