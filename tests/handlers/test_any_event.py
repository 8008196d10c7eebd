"""Every event that is subscribed is acknowledged, whatever it lacks: over HTTP and in Socket Mode, with each field gone or odd."""

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from bot.manifest import EVENTS
from playground.slack.delivery import Delivery
from tests.support.app_fixture import ANA, BEN, GENERAL, at_work

HASH = "44d88612fea8a8f36de82e1278abb02f"
ODD = (None, 7, True, "", "\x00", "\ud800", [], [7], {}, {"id": 7})
"""What stands in place of each field."""
BOLTS_OWN = {"internals.py", "payload_utils.py", "builtins.py"}
"""Where bolt reads payloads; of what it hands on, nothing may raise."""


async def everything_happens(app):
    """Each subscribed event, as the workspace sends it: the inner events by their names in the manifest."""
    await app.slack.invites("admin", GENERAL)
    message = (await app.slack.says(ANA, GENERAL, f"@vt {HASH}", files=[("a.txt", b"x")])).said
    await app.slack.forwards(BEN, GENERAL, message, "look")
    await app.slack.edits(ANA, message, "198.51.100.1")
    await app.slack.deletes(ANA, message)
    await app.slack.says(ANA, "@vt", "/me 192.0.2.1")
    await app.slack.creates_channel(ANA, "inc-7")
    group = app.slack.starts_group(ANA, BEN, "vt")
    await app.slack.says(ANA, group.id, "@vt ping")
    private = await app.slack.creates_channel(ANA, "private", private=True)
    await app.slack.invites(ANA, private.id)
    await app.slack.says(ANA, private.id, "192.0.2.1")
    await app.slack.says("otherbot", GENERAL, "192.0.2.7")
    await app.slack.opens_home(ANA)
    await app.idle()
    return [ack.delivery.payload for ack in app.slack.deliveries if ack.delivery.kind == "events_api"]


def places(value, path=()):
    """The path of every field and item."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield (*path, name)
        yield from places(inner, (*path, name))


def changed(payload, path, value=None, *, gone=False):
    """The payload without that field, or with another value there."""
    new = json.loads(json.dumps(payload))  # a tenth of the time of deepcopy
    inner = new
    for name in path[:-1]:
        inner = inner[name]
    if gone:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return new


def kinds(payloads):
    """One payload of each kind: by type, subtype, and kind of channel."""
    found = {}
    for payload in payloads:
        event = payload["event"]
        kind = (event["type"], event.get("subtype"), event.get("channel_type"), "attachments" in event)
        found.setdefault(kind, payload)
    return found


async def with_every_field_odd(app):
    """Send each kind of event without each of its fields, and with something odd in it; returns what was not acknowledged."""
    examples = kinds(await everything_happens(app))
    names = {f"{kind[0]}.{kind[2]}" if kind[0] == "message" else kind[0] for kind in examples}
    assert len(names) >= len(EVENTS)
    refused = []

    async def deliver(payload, what):
        ack = await app.slack.dispatcher.deliver(Delivery("events_api", payload))
        if ack.status != 200:
            refused.append((what, ack.status, ack.why))

    for kind, payload in examples.items():
        for number, path in enumerate(list(places(payload))):
            odd = ODD[number % len(ODD)]
            await asyncio.gather(
                deliver(changed(payload, path, gone=True), (kind, path, "gone")),
                deliver(changed(payload, path, odd), (kind, path, odd)),
            )
    return refused


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["http", "socket"])
async def test_every_event_is_acknowledged_whatever_it_lacks(database, mode):
    """With any field gone, null or of another type it is answered 200 within the three seconds, and breaks nothing."""
    watched = {"WATCH_CHANNELS": "*", "WATCH_JOIN": "true"}
    async with at_work(database, mode=mode, **watched) as app:
        with capture_logs() as logs:
            refused = await with_every_field_odd(app)
        assert refused == []
        assert {one["at"].split(":")[0] for one in logs if one["event"] == "payload_refused"} <= BOLTS_OWN
        assert "🟠 SUSPICIOUS · 6 of 57" in app.now(await app.asks("/vt scan-ip 192.0.2.1"))
        app.slack.faults.clear()  # answers to events with odd ids go where nobody is
