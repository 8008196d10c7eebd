"""Each entry point has one typed payload; one that lacks something is refused by name, acknowledged, and stored nowhere."""

import asyncio
import copy
import json

import psycopg
import pytest
from structlog.testing import capture_logs

from handlers import event_payloads, payloads
from handlers.event_payloads import Bot
from handlers.payloads import MalformedPayload
from handlers.request import EntryPoint, Verb
from tests.support.app_fixture import at_work
from tests.support.raw_http import command, knock, signed

BOT = Bot(team="T1", user_id="U0BOT", bot_id="B0BOT")
USER = {"id": "U1", "team_id": "T2"}
MESSAGE = {"ts": "2.0", "text": "192.0.2.1"}
COMMAND = {
    "team_id": "T1",
    "user_id": "U1",
    "channel_id": "C1",
    "response_url": "https://hooks.slack.com/x",
    "trigger_id": "1.a",
}
SHORTCUT = {
    "user": USER,
    "channel": {"id": "C1"},
    "response_url": "https://hooks.slack.com/x",
    "trigger_id": "1.a",
    "callback_id": "check",
    "message": MESSAGE,
}
CLICK = {
    "user": USER,
    "channel": {"id": "C1", "name": "general"},
    "container": {"message_ts": "2.0"},
    "trigger_id": "1.a",
}
IN_MODAL = {"user": USER, "trigger_id": "1.a", "view": {"id": "V1", "private_metadata": "m"}}
SUBMITTED = {"user": USER, "view": {"private_metadata": "m", "state": {"values": {}}}}
EVENT = {"user": "U1", "channel": "C1", "ts": "3.0", "text": "<@U0BOT> ping"}
CREATED = {"channel": {"id": "C9", "name": "inc-9", "creator": "U1"}}
OPENED = {"event_id": "Ev1", "event": {"user": "U1", "tab": "home"}}
ACTION = {"action_id": "json", "value": "r"}

ENTRY_POINTS = {
    "command": (payloads.slash_command, COMMAND),
    "message shortcut": (payloads.message_shortcut, SHORTCUT),
    "global shortcut": (payloads.global_shortcut, {"user": USER, "trigger_id": "1.a"}),
    "button": (lambda body: payloads.button_click(body, ACTION), CLICK),
    "modal click": (lambda body: payloads.modal_click(body, ACTION), IN_MODAL),
    "submission": (payloads.modal_submission, SUBMITTED),
    "home click": (lambda body: payloads.home_click(body, ACTION), {"user": USER, "trigger_id": "1.a"}),
    "mention": (lambda event: event_payloads.mention(event, BOT), EVENT),
    "direct message": (lambda event: event_payloads.direct_message(event, BOT), EVENT),
    "channel created": (lambda event: event_payloads.channel_created(event, BOT), CREATED),
    "home opened": (lambda body: payloads.home_opened(body, BOT.team), OPENED),
}
OPTIONAL = {"user.team_id", "message.text", "channel.name", "channel.creator", "text"}


def paths(body, before=""):
    for name, value in body.items():
        yield f"{before}{name}"
        if isinstance(value, dict):
            yield from paths(value, f"{before}{name}.")


def without(body, path):
    left = copy.deepcopy(body)
    *parents, last = path.split(".")
    inner = left
    for name in parents:
        inner = inner[name]
    del inner[last]
    return left


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_what_is_missing_is_named(entry_point):
    """Without any one field that is needed, the error says which it was; without an optional one all is well."""
    parse, body = ENTRY_POINTS[entry_point]
    for path in paths(body):
        left = without(body, path)
        if path in OPTIONAL:
            parse({"team": {"id": "T1"}} | left)
        else:
            with pytest.raises(MalformedPayload) as error:
                parse(left)
            assert error.value.missing.split(".")[0] in (path.split(".")[0], "team")


def test_a_guest_of_another_workspace_is_of_their_own():
    """In a shared channel the user's workspace differs from the payload's."""
    click = payloads.button_click(CLICK | {"team": {"id": "T1"}}, ACTION)
    assert (click.origin.team, click.origin.user_team, click.origin.user) == ("T1", "T2", "U1")


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("general", True),
        ("directmessage", False),
        ("privategroup", False),
        ("mpdm-a--b-1", False),
        (None, False),
    ],
)
def test_only_public_channels_may_be_named(name, listed):
    """Slack calls the others by what they are."""
    assert payloads.slash_command(COMMAND | {"channel_name": name}).origin.listed is listed


@pytest.mark.parametrize(
    ("verb", "same"),
    [
        (Verb.SHARE, {"other person", "other message", "other click"}),
        (Verb.SUBMIT, {"other person", "other click"}),
        (Verb.RECHECK, {"other person", "other click"}),
        (Verb.HIDE, {"other click"}),
        (Verb.UPLOAD, {"other message", "other click"}),
        (Verb.JSON, set()),
    ],
)
def test_which_clicks_count_once(verb, same):
    """That depends on what the button does: the rest are requests of their own."""
    others = {
        "other person": CLICK | {"user": {"id": "U9", "team_id": "T2"}, "trigger_id": "2.b"},
        "other message": CLICK | {"container": {"message_ts": "9.0"}, "trigger_id": "2.b"},
        "other click": CLICK | {"trigger_id": "2.b"},
    }
    first = payloads.button_click(CLICK, ACTION).delivery(verb, "r")
    alike = {
        name
        for name, body in others.items()
        if payloads.button_click(body, ACTION).delivery(verb, "r") == first
    }
    assert alike == same


@pytest.mark.parametrize(
    "event",
    [
        {"subtype": "message_changed"},
        {"subtype": "channel_join"},
        {"hidden": True},
        {"user": "U0BOT"},
        {"bot_id": "B0BOT"},
    ],
)
def test_what_nobody_said_to_the_bot_is_passed_over(event):
    """Edits, joins, hidden messages, and what the bot said itself."""
    assert event_payloads.mention(EVENT | event, BOT) is None


def test_a_mention_is_answered_in_its_thread():
    """Without the mention itself, wherever it stands."""
    message = event_payloads.mention(EVENT, BOT)
    assert (message.text, message.origin.thread) == ("ping", "3.0")
    assert message.origin.entry_point is EntryPoint.MENTION
    assert event_payloads.direct_message(EVENT, BOT).origin.thread is None


async def test_a_malformed_command_is_refused_and_stored_nowhere(database):
    """Slack tells the person that it failed. The log says what was missing."""
    async with at_work(database) as app:
        port = int(app.slack.target.split(":")[2].split("/")[0])
        body = command("scan-ip 192.0.2.1", user_id="")
        with capture_logs() as logs:
            status, _ = await asyncio.to_thread(knock, port, body, signed(body))
        assert status == 400
        assert [one["missing"] for one in logs if one["event"] == "malformed_payload"] == ["user_id"]
        with psycopg.connect(database) as connection:
            assert connection.execute("SELECT count(*) FROM cases").fetchone() == (0,)


async def test_a_malformed_event_is_acknowledged_and_stored_nowhere(database):
    """Slack would only send the same one again, and in the end switch the events off."""
    body = json.dumps(
        {"type": "event_callback", "team_id": "T1", "event": {"type": "app_mention", "ts": "1.1"}}
    )
    async with at_work(database) as app:
        port = int(app.slack.target.split(":")[2].split("/")[0])
        with capture_logs() as logs:
            status, _ = await asyncio.to_thread(
                knock, port, body.encode(), signed(body.encode(), "application/json")
            )
        assert status == 200
        assert [one["missing"] for one in logs if one["event"] == "malformed_payload"] == ["user"]
        with psycopg.connect(database) as connection:
            assert connection.execute("SELECT count(*) FROM cases").fetchone() == (0,)


async def test_settings_cannot_be_opened_from_a_message(database):
    """A message has no trigger_id, without which Slack opens no modal: it is said where to type the command."""
    async with at_work(database) as app:
        exchange = await app.slack.says("ana", "#general", "@vt settings")
        assert "/vt settings" in str(app.slack.shown(await exchange.answer()))
