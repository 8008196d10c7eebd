"""How the stand-in Slack workspace delivers: signed, repeated, over connections that break, or in vain."""

import asyncio
import json

import aiohttp
import pytest
from aiohttp import web

from playground.slack.workspace import Workspace
from tests.support.sample_bot import Bot, over_a_socket, over_http, serving


@pytest.fixture
async def quiet():
    """A workspace without a bot."""
    async with Workspace(retries=(0, 0, 0)) as slack:
        yield slack


@pytest.fixture
async def web_bot(quiet):
    """A workspace with a bot that takes requests."""
    bot = Bot(quiet)
    async with over_http(bot.app, quiet):
        yield bot


@pytest.fixture
async def socket_bot(quiet):
    """A workspace with a bot that is connected by Socket Mode."""
    bot = Bot(quiet)
    async with over_a_socket(bot.app, quiet):
        yield bot


async def test_without_should_escape_only_entities_are_made():
    """Without should_escape the text of a command is as typed, but for entities."""
    async with Workspace(should_escape=False) as slack:
        bot = Bot(slack)
        async with over_http(bot.app, slack):
            await slack.types("ana", "#general", "/vt http://evil.com/?a&b @ben")
        assert bot.heard[0]["text"] == "http://evil.com/?a&amp;b @ben"


async def test_a_delivery_is_repeated_byte_for_byte(web_bot):
    """The same signed bytes come again when a test wants a replay, and forged ones are refused."""
    exchange = await web_bot.slack.types("ana", "#general", "/vt x")
    again = await web_bot.slack.redelivers(exchange)
    assert again.status == 200
    assert web_bot.heard[0] == web_bot.heard[1]
    body, headers = exchange.ack.sent
    forged = await web_bot.slack.post(body + b"&x=1", headers)
    assert forged.status == 401
    right = await web_bot.slack.post(
        b"{}", {**web_bot.slack.signed(b"{}"), "Content-Type": "application/json"}
    )
    assert right.status == 404  # signed, but nothing that the app listens to


async def test_an_envelope_is_repeated(socket_bot):
    """Over Socket Mode the same payload comes again in another envelope."""
    exchange = await socket_bot.slack.types("ana", "#general", "/vt x")
    assert (await socket_bot.slack.redelivers(exchange)).status == 200
    assert socket_bot.heard[0] == socket_bot.heard[1]


async def test_an_event_that_is_not_taken_is_repeated_three_times(quiet):
    """Not acknowledged, an event comes three times more, each time saying why; with X-Slack-No-Retry it does not."""
    seen, done = [], asyncio.Event()

    async def refuse(request):
        seen.append((request.headers.get("X-Slack-Retry-Num"), request.headers.get("X-Slack-Retry-Reason")))
        body = await request.json()
        done.set() if len(seen) == 4 else None
        return web.Response(
            status=500, headers={"X-Slack-No-Retry": "1"} if body["event"]["text"] == "no" else {}
        )

    async with serving(quiet, refuse):
        await quiet.says("ana", "#general", "hello")
        await asyncio.wait_for(done.wait(), 5)
        await quiet.says("ana", "#general", "no")
        await quiet.settled()
    assert seen == [(None, None), *((str(n), "http_error") for n in (1, 2, 3)), (None, None)]


async def test_a_command_may_be_answered_in_its_acknowledgement(quiet):
    """The body of an acknowledgement is shown to the asker; JSON with in_channel, to all."""

    async def answer(request):
        text = (await request.post())["text"]
        return (
            web.json_response({"text": text, "response_type": "in_channel"})
            if text
            else web.Response(text="hm")
        )

    async with serving(quiet, answer):
        first = await (await quiet.types("ana", "#general", "/vt")).answer()
        second = await (await quiet.types("ana", "#general", "/vt loud")).answer()
    assert (first.text, first.ephemeral_to) == ("hm", "U0ANA00001")
    assert quiet.messages("#general", "ben") == [second]
    assert quiet.faults == []


async def test_a_bot_that_is_away(quiet):
    """When nobody takes a command, Slack itself says so to the asker, and events are lost."""
    answer = await (await quiet.types("ana", "#general", "/vt x")).answer()
    assert quiet.shown(answer) == ['/vt failed with the error "dispatch_failed"']
    assert (await quiet.says("ana", "#general", "hello")).status == 0


async def test_a_connection_that_is_refreshed_or_breaks_comes_back(socket_bot):
    """The bot reconnects after Slack asks it to, and after its connection broke."""
    for interrupt in (socket_bot.slack.link.refresh, socket_bot.slack.link.drop):
        await interrupt()
        await socket_bot.slack.link.connected()
        exchange = await socket_bot.slack.types("ana", "#general", "/vt x")
        assert await exchange.answer(having="RISKY")


async def test_a_wrong_app_token_gets_no_connection(quiet):
    """apps.connections.open wants the app's token, and a link wants a ticket from it."""
    async with aiohttp.ClientSession() as http:
        async with http.post(
            f"{quiet.api_url}apps.connections.open", headers={"Authorization": "Bearer x"}
        ) as got:
            reply = await got.json()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(f"{quiet.state.base}/link?ticket=x")
    assert reply == {"ok": False, "error": "invalid_auth"}
    assert quiet.faults == ["apps.connections.open: called with a wrong token or none"]


async def test_events_that_were_not_subscribed_or_scoped_do_not_come():
    """Only what the manifest subscribes to is sent, and only with the scope for it."""
    async with Workspace(events=["message.channels", "app_mention"], scopes=["channels:history"]) as slack:
        bot = Bot(slack)
        async with over_http(bot.app, slack):
            await slack.says("ana", "#general", "@vt hello")
            await slack.says("ana", "@vt", "hello")
            await slack.opens_home("ana")
    assert [body["event"]["type"] for body in bot.heard] == ["message"]


async def test_whoever_waits_in_vain_is_told_for_what(quiet):
    """An answer that does not come is a TimeoutError that names who waited for what, and the faults so far."""
    exchange = await quiet.says("ana", "#general", "hello")
    with pytest.raises(TimeoutError, match=r"ana waited 0.01 s for an answer to 'hello' \(no faults\)"):
        await exchange.answer(0.01)


async def test_what_was_delivered_and_called_can_be_looked_at(web_bot):
    """Deliveries and calls are kept, with their times and answers."""
    await (await web_bot.slack.types("ana", "#general", "/vt x")).answer(having="RISKY")
    await web_bot.app.client.auth_test()
    [delivery] = web_bot.slack.deliveries
    assert (delivery.delivery.kind, delivery.status) == ("slash_commands", 200)
    assert delivery.milliseconds > 0
    assert json.loads(json.dumps(web_bot.slack.calls[-1].reply))["user_id"] == "U0VTBOT001"
