"""The stand-in Slack workspace catches a bad bot: each rule, what expires, what is not there."""

import asyncio

import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from playground.slack.rules import Rule
from playground.slack.workspace import Workspace
from tests.support.misbehaving_bot import (
    ANA,
    ARCHIVED,
    GENERAL,
    INCIDENT,
    SECRET,
    Clock,
    calls,
    hook,
    modal,
    posts,
    responds,
    section,
)
from tests.support.sample_bot import serving


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def slack(clock):
    async with Workspace(clock=clock, ack_timeout=0.1, retries=(0, 0, 0)) as workspace:
        yield workspace


async def is_late(slack):
    async def never(_):
        await asyncio.Event().wait()

    async with serving(slack, never):
        await slack.types("ana", "#general", "/vt x")


async def answers_404(slack):
    async def no(_):
        return web.Response(status=404, text="no such listener")

    async with serving(slack, no):
        await slack.types("ana", "#general", "/vt x")


async def posts_six_times(slack):
    used = hook(slack)
    assert [(await responds(slack, used, text="words"))[0] for _ in range(6)] == [200] * 5 + [404]


async def opens_twice(slack):
    trigger = slack.state.trigger(slack.person("ana")).id
    assert await calls(slack, "views.open", trigger_id=trigger, view=modal()) == "ok"
    assert await calls(slack, "views.open", trigger_id=trigger, view=modal()) == "exchanged_trigger_id"


async def changes_an_ephemeral_message(slack):
    await calls(slack, "chat.postEphemeral", channel=GENERAL, user=ANA, text="words")
    *_, message = slack.messages("#general", "ana")
    answer = await calls(slack, "chat.update", channel=GENERAL, ts=message.ts, text="other words")
    assert answer == "message_not_found"


async def posts_where_it_is_not(slack):
    channel = await slack.creates_channel("ana", "elsewhere")
    assert await calls(slack, "chat.postMessage", channel=channel.id, text="words") == "not_in_channel"


BREAKS = {
    Rule.LATE: is_late,
    Rule.ACK: answers_404,
    Rule.RESPONSE_URL: posts_six_times,
    Rule.TRIGGER: opens_twice,
    Rule.EPHEMERAL: changes_an_ephemeral_message,
    Rule.BLOCKS: lambda slack: posts(slack, blocks=[{"type": "hologram"}]),
    Rule.DUPLICATE: lambda slack: posts(slack, blocks=[{**section("x"), "block_id": "a"}] * 2),
    Rule.TEXT: lambda slack: posts(slack, text="", blocks=[section("x")]),
    Rule.LENGTH: lambda slack: posts(slack, text="x" * 4001),
    Rule.LINK: lambda slack: posts(slack, text="http://evil.example", unfurl_links=False, unfurl_media=False),
    Rule.MENTION: lambda slack: posts(slack, text="<!here> look"),
    Rule.UNFURL: lambda slack: posts(slack, text="<https://www.virustotal.com/gui/x|VirusTotal>"),
    Rule.TOKEN: lambda slack: calls(slack, "auth.test", token="xoxb-another"),
    Rule.MEMBERSHIP: posts_where_it_is_not,
    Rule.SCOPE: lambda slack: calls(slack, "users.info", user=ANA),
    Rule.CALL: lambda slack: posts(slack, link_names=True),
}


@pytest.mark.parametrize("rule", Rule)
async def test_each_rule_is_kept(slack, rule):
    """A bot that breaks a rule leaves a fault that a test sees, unless the test forgives that rule."""
    slack.api.scopes -= {"users:read"}
    await BREAKS[rule](slack)
    assert slack.faults
    slack.faults.clear()
    slack.forgives(rule)
    await BREAKS[rule](slack)
    assert slack.faults == []


async def test_what_is_defanged_or_leads_to_virustotal_may_stand(slack):
    """Defanged indicators, links to VirusTotal and people whom Slack named are no faults."""
    await slack.says("ana", "#general", "hello")
    text = f"hxxp://evil[.]example · <https://www.virustotal.com/gui/home|VirusTotal> · <@{ANA}>"
    slack.state.told.add(ANA)
    assert await posts(slack, text=text, unfurl_links=False, unfurl_media=False) == "ok"
    assert slack.faults == []


@pytest.mark.parametrize("call", ["<!channel>", "<!subteam^S012345678>", "<@U0ADMIN001>", "<#C0SECRET01>"])
async def test_a_call_to_strangers_is_a_fault(slack, call):
    """Nobody is called whom Slack has not named to the bot, and no group at all."""
    await posts(slack, blocks=[section(f"{call} look")])
    assert len(slack.faults) == 1


async def test_a_user_named_in_a_payload_may_be_mentioned(slack):
    """Who presses, types or says something may be mentioned in the answer."""
    await slack.types("ben", "#general", "/vt x")
    assert await posts(slack, text="<@U0BEN00001>") == "ok"
    assert slack.faults == []


async def test_a_response_url_expires(slack, clock):
    """After 30 minutes a response_url is of no use."""
    used = hook(slack)
    clock.now += 30 * 60 + 1
    assert await responds(slack, used, text="words") == (404, '{"ok": false, "error": "expired_url"}')
    assert slack.faults == ["response_url: used after 30 minutes"]


async def test_a_trigger_expires(slack, clock):
    """After 3 seconds a trigger_id is of no use; an invented one never is."""
    trigger = slack.state.trigger(slack.person("ana")).id
    clock.now += 3.1
    assert await calls(slack, "views.open", trigger_id=trigger, view=modal()) == "expired_trigger_id"
    assert await calls(slack, "views.open", trigger_id="1.2.3", view=modal()) == "invalid_arguments"
    assert len(slack.faults) == 2
    assert slack.views("ana") == []


async def test_an_ephemeral_message_carries_no_file_and_stays_ephemeral(slack):
    """A file on an ephemeral message is refused; replaced by a public one it stays as private as it was."""
    answer = await calls(slack, "chat.postEphemeral", channel=GENERAL, user=ANA, text="x", files=["F1"])
    assert answer == "invalid_arguments"
    used = hook(slack)
    await responds(slack, used, text="private")
    await responds(slack, used, text="public", replace_original=True, response_type="in_channel")
    [message] = slack.messages("#general")
    assert (message.text, message.ephemeral_to) == ("public", ANA)
    assert len(slack.faults) == 2


async def test_rooms_the_bot_may_not_enter(slack):
    """A private channel without the bot does not exist for it; an archived one takes nothing."""
    for channel, error in ((SECRET, "channel_not_found"), (ARCHIVED, "is_archived")):
        assert await calls(slack, "chat.postMessage", channel=channel, text="words") == error
    assert await calls(slack, "conversations.info", channel=SECRET) == "channel_not_found"


async def test_a_file_goes_to_a_channel_and_not_to_a_user_id(slack):
    """files.completeUploadExternal takes no user id: the direct messages have to be opened first."""
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    with pytest.raises(SlackApiError, match="json-pointer:/channel_id"):
        await client.files_upload_v2(channel=ANA, filename="raw.json", content="{}")
    assert slack.files() == []


async def test_a_file_of_another_size_than_announced_is_refused(slack):
    """Fewer bytes than announced are not taken, and cannot be completed."""
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    announced = await client.files_getUploadURLExternal(filename="raw.json", length=3)
    reply = await AsyncWebhookClient(announced["upload_url"]).send_dict({})
    assert reply.status_code == 400
    files = [{"id": announced["file_id"]}]
    assert await calls(slack, "files.completeUploadExternal", files=files) == "file_not_found"


async def test_files_removed_methods_and_unknown_ones(slack):
    """files.upload is gone, and what Slack never had is not there either."""
    assert await calls(slack, "files.upload") == "method_deprecated"
    assert await calls(slack, "chat.shout") == "unknown_method"
    assert len(slack.faults) == 2


async def test_rates_are_limited_when_asked(clock):
    """Above Slack's rates a call is answered 429 with the seconds to wait, and works after them."""
    async with Workspace(clock=clock, rate_limits=True) as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        await client.chat_postMessage(channel=GENERAL, text="words")
        with pytest.raises(SlackApiError) as limited:
            await client.chat_postMessage(channel=GENERAL, text="words")
        assert limited.value.response.status_code == 429
        assert limited.value.response.headers["Retry-After"] == "1"
        await client.chat_postMessage(channel=INCIDENT, text="words")
        clock.now += 1.1
        await client.chat_postMessage(channel=GENERAL, text="words")


async def test_failures_can_be_ordered(slack):
    """A test can let the next calls of a method fail as Slack would."""
    slack.fails("chat.postMessage", times=2)
    slack.fails("chat.postMessage", "internal_error")
    answers = [await posts(slack) for _ in range(4)]
    assert answers == ["ratelimited", "ratelimited", "internal_error", "ok"]
    slack.fails("response_url", "expired_url")
    assert [(await responds(slack, hook(slack), text="words"))[0] for _ in range(2)] == [404, 200]
    assert slack.faults == []
