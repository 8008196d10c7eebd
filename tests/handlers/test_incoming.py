"""What comes in besides plain messages: forwarded ones, /me, direct messages of several people, odd characters, other workspaces."""

import asyncio
import copy
import json
import re
from urllib.parse import urlencode

import psycopg
import pytest

from bot.server import storable
from bot.settings import SettingsError, load
from bot.terminal import lines
from handlers import event_payloads
from handlers.event_payloads import all_text, forwarded_text, parse_event
from handlers.payloads import MalformedPayload
from handlers.people import BotFilter
from handlers.views.rich_text import mrkdwn
from playground.slack.delivery import Delivery
from playground.slack.workspace import Workspace
from tests.support.app_fixture import ANA, BEN, GENERAL, at_work
from tests.support.incident import INC, at_incident
from tests.support.raw_http import command, knock, signed
from vt.indicators import extract

EICAR = "44d88612fea8a8f36de82e1278abb02f"
DIRECT = "@vt"
VERDICT = "RISKY · 54 of 60 engines"
JSON = "application/json"


def own(app, channel):
    """What the bot posted there, in lines."""
    return [
        "\n".join(app.slack.shown(one)) for one in app.slack.messages(channel) if one.user == "U0VTBOT001"
    ]


def kept(database):
    with psycopg.connect(database) as connection:
        return connection.execute("SELECT count(*) FROM cases").fetchone()[0]


def port(app):
    return int(app.slack.target.split(":")[2].split("/")[0])


# Forwarded messages --------------------------------------------------------------------------------------


async def written(app, text=f"we saw {EICAR}", **more):
    """A message in another channel."""
    return (await app.slack.says(BEN, INC, text, **more)).said


@pytest.mark.parametrize("comment", ["", "is this bad?"])
async def test_a_forwarded_message_is_read_in_a_watched_channel(database, comment):
    """What is shared is looked up, with a comment and without one; the link to the message itself is not."""
    async with at_incident(database) as incident:
        message = (await incident.slack.says(BEN, GENERAL, f"we saw {EICAR}")).said
        shared = (await incident.slack.forwards(ANA, INC, message, comment)).said
        await incident.quiet()
        [card] = incident.cards(shared)
        assert VERDICT in "".join(card)
        assert len(incident.virustotal.calls) == 1


@pytest.mark.parametrize("comment", ["", "is this bad?", "scan-hash", "203.0.113.9?"])
async def test_a_forwarded_message_is_read_in_a_direct_message(database, comment):
    """Without a comment, with one, with the name of an action, and with an indicator of its own."""
    async with at_work(database) as app:
        exchange = await app.slack.forwards(ANA, DIRECT, await written(app), comment)
        answer = await exchange.answer(having="RISKY")
        assert "slack[.]com" not in app.now(answer)
        assert len(app.virustotal.calls_to("file/report")) == 1
        assert len(app.virustotal.calls_to("ip-address/report")) == comment.startswith("203")


@pytest.mark.parametrize("comment", ["@vt", "@vt what about this?", "@vt scan-hash --threshold 60"])
async def test_a_mention_that_forwards_a_message(database, comment):
    """It is answered in its thread; options in the comment apply to what is forwarded."""
    async with at_work(database) as app:
        exchange = await app.slack.forwards(ANA, GENERAL, await written(app), comment)
        answer = await exchange.answer(having="SUSPICIOUS · 54 of 60" if "threshold" in comment else VERDICT)
        assert answer.thread_ts == exchange.said.ts


async def test_a_forwarded_message_in_the_menu(database):
    """The message menu reads what is shared, and not the links that Slack adds to it."""
    async with at_work(database) as app:
        shared = (await app.slack.forwards(ANA, GENERAL, await written(app), "look")).said
        exchange = await app.slack.uses_shortcut(ANA, "check", shared)
        assert VERDICT in app.now(await exchange.answer(having="RISKY"))
        assert len(app.virustotal.calls) == len(app.virustotal.calls_to("file/report")) == 1


async def test_a_forwarded_file_is_looked_up(database):
    """A file of the message that is shared is one of the request."""
    async with at_work(database) as app:
        message = await written(app, "this file", files=[("odd.bin", b"not known")])
        exchange = await app.slack.forwards(ANA, DIRECT, message)
        assert "odd.bin" in app.now(await exchange.answer(having="odd.bin"))


async def test_a_forwarded_message_without_anything(database):
    """It is said that nothing was found, instead of the help."""
    async with at_work(database) as app:
        exchange = await app.slack.forwards(ANA, DIRECT, await written(app, "see you tomorrow"))
        assert "I found no IP address" in app.now(await exchange.answer())


REAL = {
    "text": "",
    "attachments": [
        {
            "from_url": "https://acme.slack.com/archives/C043KSKGJUB/p1665615886364019",
            "author_link": "https://acme.slack.com/team/U043H11ES4V",
            "author_icon": "https://secure.gravatar.com/avatar/dcd5bc53dcfaca62ddc3f5726d07ba13.jpg",
            "is_msg_unfurl": True,
            "is_share": True,
            "message_blocks": [
                {
                    "message": {
                        "blocks": [
                            {
                                "type": "rich_text",
                                "elements": [
                                    {
                                        "type": "rich_text_section",
                                        "elements": [{"type": "text", "text": "see evil.org"}],
                                    }
                                ],
                            }
                        ]
                    }
                }
            ],
            "fallback": "[October 12th, 2022 4:04 PM] jadel: see http://evil.com/long…",
            "text": "see <http://evil.com/longer>",
            "footer": "Posted in #testing",
        }
    ],
}


def test_of_a_forwarded_message_only_what_was_written_is_read():
    """Not its link, its author's, nor the fallback, in which an address may be cut."""
    found = {one.value for one in extract(forwarded_text(REAL))}
    assert found == {"http://evil.com/longer", "evil.org"}
    assert {one.value for one in extract(all_text(REAL))} == found


def test_an_unfurled_link_is_not_forwarded():
    """What somebody else wrote behind a link that was merely pasted is not read."""
    unfurled = copy.deepcopy(REAL) | {"text": "<https://acme.slack.com/archives/C1/p1>"}
    del unfurled["attachments"][0]["is_share"]
    event = parse_event({**unfurled, "channel": "C1", "ts": "1.0", "user": "U1"}, BotFilter())
    assert extract(event.text) == []


@pytest.mark.parametrize(
    "link",
    [
        "https://acme.slack.com/archives/C0INC10420/p1665615886364019",
        "https://acme.enterprise.slack.com/archives/C1/p1?thread_ts=1.1&cid=C1",
        "<https://acme.slack.com/archives/C1/p1|that message>",
        "https://acme.slack-gov.com/archives/C1",
        "acme.slack.com/archives/C1/p1",
        "https://app.slack.com/client/T1/C1",
        "https://acme.slack.com/files/U1/F1/a.txt",
    ],
)
def test_links_to_messages_are_no_indicators(link):
    """Wherever they stand."""
    assert extract(f"see {link} please") == []


@pytest.mark.parametrize(
    "link",
    [
        "http://slack.com.evil.org/archives/C1",
        "https://acme.slack.com@evil.org/archives/C1",
        "https://notslack.com/archives/C1",
    ],
)
def test_links_that_only_look_so_are(link):
    """The host decides."""
    assert len(extract(link)) == 1


# /me, direct messages of several people, bots --------------------------------------------------------------


async def test_what_is_said_with_me_is_read(database):
    """In direct messages and in watched channels."""
    async with at_incident(database) as incident:
        exchange = await incident.slack.says(ANA, DIRECT, f"/me sees {EICAR}")
        assert VERDICT in incident.app.now(await exchange.answer(having="RISKY"))
        message = await incident.posts(f"/me wonders about {EICAR}")
        assert len(incident.cards(message)) == 1


async def test_a_mention_in_a_direct_message_of_several_people(database):
    """Slack sends it as a message, sometimes as a mention too: one answer, in its thread."""
    async with at_work(database) as app:
        group = app.slack.starts_group(ANA, BEN, "vt")
        exchange = await app.slack.says(ANA, group.id, f"@vt {EICAR}")
        answer = await exchange.answer(having="RISKY")
        assert answer.thread_ts == exchange.said.ts
        [event] = [
            ack.delivery.payload["event"]
            for ack in app.slack.deliveries
            if ack.delivery.payload["event"].get("user") == "U0ANA00001"
        ]
        assert event["channel_type"] == "mpim"
        await app.slack.dispatcher.event("app_mention", {**event, "type": "app_mention"})
        await app.idle()
        assert len(own(app, group.id)) == 1
        await app.slack.says(ANA, group.id, f"between us: {EICAR}")
        await app.idle()
        assert len(own(app, group.id)) == 1


async def test_a_direct_message_of_several_people_can_be_watched(database):
    """Whoever started it may switch it on."""
    async with at_incident(database, switch="") as incident:
        group = incident.slack.starts_group(ANA, BEN, "vt")
        await incident.asks("/vt watch on", channel=group.id)
        message = (await incident.slack.says(BEN, group.id, f"we saw {EICAR}")).said
        await incident.quiet()
        [card] = [one for one in incident.slack.messages(group.id) if one.thread_ts == message.ts]
        assert VERDICT in incident.app.now(card)


@pytest.mark.parametrize(
    "named", ["Ticket Bot", "ticket bot", "  TICKET   BOT ,Splunk", "B0OTHERBOT", "A0SOMEBODY"]
)
async def test_bots_are_named_as_people_see_them(database, named):
    """WATCH_BOTS takes names with capitals and spaces, compared without case, and ids."""
    async with at_incident(database, WATCH_BOTS=named) as incident:
        message = await incident.posts(f"ALERT {EICAR}", user="otherbot")
        assert len(incident.cards(message)) == 1


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("CrowdStrike Falcon", {"CrowdStrike Falcon"}),
        ("CrowdStrike Falcon, @Splunk,B012AB3CD", {"CrowdStrike Falcon", "Splunk", "B012AB3CD"}),
        ("B012AB3CD A012AB3CE", {"B012AB3CD", "A012AB3CE"}),
        ("Überwachung (prod) 🚨", {"Überwachung (prod) 🚨"}),
        ('"Falcon LogScale"', {"Falcon LogScale"}),
        ("", set()),
    ],
)
def test_names_of_bots(value, names):
    """Separated by commas; ids by spaces too, as before."""
    assert load({"WATCH_BOTS": value}, dotenv=None).watch_bots == names


@pytest.mark.parametrize("value", ["a\x00b", "x" * 81, "tab\x1bname"])
def test_names_that_no_bot_has(value):
    """They stop the start."""
    with pytest.raises(SettingsError):
        load({"WATCH_BOTS": value}, dotenv=None)


# URLs under no known suffix --------------------------------------------------------------------------------


async def test_a_url_under_no_known_suffix_is_named_in_a_watched_channel(database):
    """It may be a name of the organisation's own network, so it is not sent, and that is said."""
    async with at_incident(database) as incident:
        message = await incident.posts("now http://example.php")
        [card] = incident.cards(message)
        assert "hxxp://example[.]php" in "".join(card)
        assert "skipped: not a public host name" in "".join(card)
        assert not incident.virustotal.calls


@pytest.mark.parametrize("line", ["/vt now http://example.php", "/vt http://example.php/a?b and 192.0.2.1"])
async def test_and_in_a_text_that_somebody_asks_about(database, line):
    """The others are looked up."""
    async with at_work(database) as app:
        answer = app.now(await app.asks(line))
        assert "skipped: not a public host name" in answer
        assert not app.virustotal.calls_to("url/report")
        assert len(app.virustotal.calls) == ("192.0.2.1" in line)


async def test_it_is_looked_up_when_it_is_asked_for(database):
    """By scan-url, and by the entry Scan URL of the message menu."""
    async with at_work(database) as app:
        await app.asks("/vt scan-url http://example.php")
        message = (await app.slack.says(BEN, GENERAL, "now http://other.php")).said
        await app.slack.uses_shortcut(ANA, "scan-url", message)
        await app.idle()
        assert len(app.virustotal.calls_to("url/report")) == 2


@pytest.mark.parametrize(
    "url", ["http://localhost:3000/x", "http://intranet/x", "http://db1.corp/x", "ldap://a.php"]
)
async def test_internal_names_bring_no_card(database, url):
    """They are recognised as such."""
    async with at_incident(database) as incident:
        assert incident.cards(await incident.posts(f"now {url}")) == []


# Texts that repeat what was typed ---------------------------------------------------------------------------

HOSTILE = (
    "<!channel>",
    "<!here>",
    "@channel",
    "@ben",
    "a\u202egnp.exe",
    "<http://evil.com|x>",
    "&lt;!channel&gt;",
    "x\u200by",
)


@pytest.mark.parametrize("typed", HOSTILE)
@pytest.mark.parametrize(
    "line",
    [
        "scan-ip {}",
        "scan-hash 192.0.2.1 {}",
        "scan-ip 192.0.2.1, {}",
        "ignore {} 7x",
        "ignore a.com {}",
        "watch {}",
    ],
)
async def test_what_was_typed_is_repeated_without_its_markup(database, typed, line):
    """Nobody is called by the answer to a mistake, and no character turns its line around."""
    async with at_work(database) as app:
        exchange = await app.slack.types(ANA, GENERAL, "/vt " + line.format(typed))
        await app.idle()
        said = [
            exchange.body,
            *(f"{one.text} {json.dumps(one.blocks, ensure_ascii=False)}" for one in exchange.messages),
        ]
        for text in (re.sub(r"<!date\^[^<>]*>", "", one) for one in said):  # without our own moments
            assert not any(word in text for word in ("<!", "<@U0BEN", "\u202e", "\u200b", "http://evil"))


def test_names_are_shown_in_a_terminal():
    """People and channels by name where they are known, and no markup, whether a message has blocks or only a text."""
    state = Workspace().state
    where = {"type": "channel", "channel_id": "C0GENERAL1"}
    first = {"type": "rich_text_section", "elements": [{"type": "text", "text": "first in "}, where]}
    blocks = [
        {"type": "rich_text", "elements": [first]},
        {
            "type": "context",
            "elements": [{"type": "mrkdwn", "text": "asked by <@U0ANA00001> in <#C0GENERAL1>"}],
        },
    ]
    assert [str(one) for one in lines(blocks, "", state.name_of)] == [
        "first in #general",
        "asked by @ana in #general",
    ]
    text = "Ask <@U0ANA00001> at <!date^1770000000^{time}|11:00 UTC> &lt;now&gt;"
    assert [str(one) for one in lines((), text, state.name_of)] == ["Ask @ana at 11:00 UTC <now>"]


def test_a_sentence_is_cleaned_and_escaped():
    """Whatever it repeats."""
    assert mrkdwn("a\u202eb <!channel> & c") == "ab &lt;!channel&gt; &amp; c"


# Odd characters and payloads of other workspaces -------------------------------------------------------------


def test_what_cannot_be_stored_is_replaced():
    """NUL and halves of surrogate pairs, wherever they stand."""
    odd = {"a\x00": ["x\x00y", {"b": "\ud800"}, 5, None, True], "c": "fine 🚨"}
    assert storable(odd) == {"a\ufffd": ["x\ufffdy", {"b": "\ufffd"}, 5, None, True], "c": "fine 🚨"}


@pytest.mark.parametrize("mode", ["http", "socket"])
async def test_nul_in_any_field_of_a_payload(database, mode):
    """What people type and press is answered as ever: nothing is lost, and no field is a 5xx."""
    async with at_work(database, mode=mode) as app:
        exchange = await app.slack.types(ANA, GENERAL, "/vt 192.0.2.1\x00 198.51.100.1\x00")
        assert exchange.status == 200
        assert "203" not in app.now(await exchange.answer(having="198[.]51[.]100[.]1"))
        said = await app.slack.says(ANA, DIRECT, f"\x00{EICAR}\x00")
        assert VERDICT in app.now(await said.answer(having="RISKY"))
        payload = exchange.ack.delivery.payload
        for number, name in enumerate(payload):
            odd = {**payload, "trigger_id": f"{number}.x", name: f"{payload[name]}\x00"}
            ack = await app.slack.dispatcher.deliver(Delivery("slash_commands", odd))
            assert ack.status in (200, 400, 404) or (mode == "socket" and not ack.status), name
        await app.idle()
        app.slack.faults.clear()  # a command of another name is not the bot's, and other channels do not exist


FOREIGN = "T0ELSEWHER"


@pytest.mark.parametrize("body", [command("scan-ip 192.0.2.1", team_id=FOREIGN)])
async def test_a_command_of_another_workspace_is_refused(database, body):
    """Even when it names a member of ours."""
    async with at_work(database) as app:
        status, said = await asyncio.to_thread(knock, port(app), body, signed(body))
        assert (status, "Only members of the workspace" in said.decode()) == (200, True)
        assert kept(database) == 0
        assert not app.virustotal.calls


@pytest.mark.parametrize(
    "change",
    [
        {"team_id": FOREIGN, "is_ext_shared_channel": False},
        {"authorizations": [{"team_id": FOREIGN}]},
        {"team_id": FOREIGN, "authorizations": [], "is_ext_shared_channel": True, "context_team_id": FOREIGN},
    ],
)
@pytest.mark.parametrize("mode", ["http", "socket"])
async def test_an_event_of_another_workspace_is_acknowledged_and_not_served(database, mode, change):
    """Mentions, direct messages and messages in watched channels alike."""
    async with at_incident(database, mode=mode) as incident:
        app, before = incident.app, kept(database)
        heard = [await app.slack.says(ANA, where, "hello") for where in (DIRECT, INC)]
        for number, exchange in enumerate(heard):
            payload = copy.deepcopy(exchange.ack.delivery.payload) | change
            payload["event"] |= {"text": f"198.51.100.{number} {EICAR}", "ts": f"177000000{number}.000100"}
            ack = await app.slack.dispatcher.deliver(Delivery("events_api", payload))
            assert ack.status == 200
        await incident.quiet()
        assert kept(database) == before + 1  # the greeting in the direct message
        assert not incident.virustotal.calls


async def test_a_button_of_another_workspace_is_refused(database):
    """It reaches no listener."""
    async with at_work(database) as app:
        exchange = await app.slack.presses(ANA, await app.asks("/vt 192.0.2.1"), "JSON")
        await app.idle()
        before, payload = kept(database), exchange.ack.delivery.payload
        for change in (
            {"team": {"id": FOREIGN, "domain": "x"}},
            {"user": {**payload["user"], "team_id": FOREIGN}},
        ):
            odd = {**payload, **change, "trigger_id": f"9.{len(change)}"}
            body = urlencode({"payload": json.dumps(odd)}).encode()
            await asyncio.to_thread(knock, port(app), body, signed(body))
        await app.idle()
        assert kept(database) == before
        app.slack.faults.clear()


# Messages that lack something -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "direct"),
    [
        ({"channel": "D1"}, True),
        ({"channel": "C1"}, False),
        ({"channel": "G1"}, False),
        ({"channel": "D1", "channel_type": "im"}, True),
        ({"channel": "C1", "channel_type": "mpim"}, False),
        ({"channel": "D1", "channel_type": "app_home"}, True),
        ({"channel": "D1", "channel_type": None}, True),
        ({"channel": "C1", "channel_type": ["im"]}, False),
        ({}, False),
    ],
)
def test_without_a_channel_type_the_id_tells(event, direct):
    """As in edits and deletions from other Slack servers."""
    assert event_payloads.is_direct(event) is direct


@pytest.mark.parametrize("mode", ["http", "socket"])
async def test_an_edit_and_a_deletion_without_a_channel_type(database, mode):
    """They change the card as ever."""
    async with at_incident(database, mode=mode) as incident:
        message = await incident.posts("we saw something")
        edit = {
            "type": "message",
            "subtype": "message_changed",
            "channel": message.channel,
            "ts": "1770000000.000100",
        }
        new = {"type": "message", "user": "U0ANA00001", "ts": message.ts, "text": f"we saw {EICAR}"}
        await incident.slack.dispatcher.event("message.channels", {**edit, "message": new})
        await incident.quiet()
        assert len(incident.cards(message)) == 1
        gone = {**edit, "subtype": "message_deleted", "deleted_ts": message.ts, "ts": "1990000000.000100"}
        ack = await incident.slack.dispatcher.event("message.channels", gone)
        await incident.quiet()
        assert ack.status == 200
        assert incident.cards(message) == []


@pytest.mark.parametrize(
    ("event", "missing"),
    [
        ({"subtype": "message_changed", "channel": "C1", "ts": "1.0", "message": {"text": "new"}}, "ts"),
        ({"subtype": "message_changed", "channel": "C1", "ts": "1.0"}, "message"),
        ({"subtype": "message_deleted", "channel": "C1", "ts": "1.0"}, "ts"),
        ({"subtype": "message_deleted", "deleted_ts": "2.0", "ts": "1.0"}, "channel"),
        ({"channel": "C1", "text": "x", "ts": "soon"}, "ts"),
        ({"channel": "C1", "text": "x", "ts": 7}, "ts"),
    ],
)
def test_what_a_message_lacks_is_named(event, missing):
    """For the log; the event is acknowledged."""
    with pytest.raises(MalformedPayload) as error:
        parse_event(event, BotFilter())
    assert error.value.missing == missing


async def test_slack_says_that_there_are_too_many_events(database):
    """The one delivery without an event in it is acknowledged too."""
    body = json.dumps(
        {"token": "x", "type": "app_rate_limited", "team_id": "T0PLAYGRND", "minute_rate_limited": 1}
    ).encode()
    async with at_work(database) as app:
        assert (await asyncio.to_thread(knock, port(app), body, signed(body, JSON)))[0] == 200
