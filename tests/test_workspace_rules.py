"""The stand-in Slack workspace catches a bad bot: each rule, each limit, and as strictly as the checker beside us."""

import asyncio
import contextlib
import copy
import importlib.util
import os
from pathlib import Path

import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.playground import drawing, rules, schema
from bot.playground.records import Message
from bot.playground.rules import Rule
from bot.playground.workspace import Workspace
from bot.playground.world import World

GENERAL, INCIDENT, SECRET, ARCHIVED = "C0GENERAL1", "C0INC10420", "C0SECRET01", "C0ARCHIVED"
ANA = "U0ANA00001"
CHECKER = Path(os.environ.get("SHARED", "../shared")) / "tools" / "check_blocks.py"


def plain(text):
    return {"type": "plain_text", "text": text}


def section(text):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(**more):
    return {"type": "button", "text": plain("Press"), **more}


def actions(*elements):
    return {"type": "actions", "elements": list(elements)}


def modal(*blocks, **more):
    return {"type": "modal", "title": plain("Title"), "blocks": list(blocks), **more}


class Clock:
    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def slack(clock):
    async with Workspace(clock=clock, patience=0.1, retries=(0, 0, 0)) as workspace:
        yield workspace


async def calls(slack, method, token=None, **arguments):
    """What Slack answers to a call: 'ok' or its word for the error."""
    client = AsyncWebClient(token=token or slack.bot_token, base_url=slack.api_url)
    try:
        await client.api_call(method, json=arguments)
    except SlackApiError as error:
        return error.response["error"]
    return "ok"


async def responds(slack, hook, **content):
    """Status and body of a POST to a response_url."""
    reply = await AsyncWebhookClient(slack.world.hook_url(hook)).send_dict(content)
    return reply.status_code, reply.body


def hook(slack, channel="#general"):
    return slack.world.hook(slack.person("ana"), slack.world.channel(channel))


@contextlib.asynccontextmanager
async def bot_that(slack, answers):
    """A bot that takes every delivery with this handler."""
    app = web.Application()
    app.router.add_post("/slack/events", answers)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.target = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    try:
        yield
    finally:
        await runner.cleanup()


async def posts(slack, **content):
    return await calls(slack, "chat.postMessage", channel=GENERAL, **{"text": "words", **content})


async def is_late(slack):
    async def never(_):
        await asyncio.Event().wait()

    async with bot_that(slack, never):
        await slack.types("ana", "#general", "/vt x")


async def answers_404(slack):
    async def no(_):
        return web.Response(status=404, text="no such listener")

    async with bot_that(slack, no):
        await slack.types("ana", "#general", "/vt x")


async def posts_six_times(slack):
    used = hook(slack)
    assert [(await responds(slack, used, text="words"))[0] for _ in range(6)] == [200] * 5 + [404]


async def opens_twice(slack):
    trigger = slack.world.trigger(slack.person("ana")).id
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


TABLE = {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}
OVER_A_LIMIT = {
    "51 blocks": ([{"type": "divider"}] * 51, "invalid_blocks"),
    "3,001 characters in a section": ([section("x" * 3001)], "invalid_blocks"),
    "11 fields": (
        [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11}],
        "invalid_blocks",
    ),
    "2,001 characters in a field": (
        [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2001}]}],
        "invalid_blocks",
    ),
    "151 characters in a header": ([{"type": "header", "text": plain("x" * 151)}], "invalid_blocks"),
    "11 elements in a context": ([{"type": "context", "elements": [plain("x")] * 11}], "invalid_blocks"),
    "26 buttons": ([actions(*[button()] * 26)], "invalid_blocks"),
    "76 characters on a button": ([actions({"type": "button", "text": plain("x" * 76)})], "invalid_blocks"),
    "2,001 characters in a value": ([actions(button(value="x" * 2001))], "invalid_blocks"),
    "3,001 characters in a url": ([actions(button(url="x" * 3001))], "invalid_blocks"),
    "6 entries in an overflow menu": (
        [actions({"type": "overflow", "options": [{"text": plain("x"), "value": "x"}] * 6})],
        "invalid_blocks",
    ),
    "101 options": (
        [actions({"type": "static_select", "options": [{"text": plain("x"), "value": "x"}] * 101})],
        "invalid_blocks",
    ),
    "11 checkboxes": (
        [actions({"type": "checkboxes", "options": [{"text": plain("x"), "value": "x"}] * 11})],
        "invalid_blocks",
    ),
    "a long confirmation": (
        [actions(button(confirm={"title": plain("x" * 101), "text": plain("x")}))],
        "invalid_blocks",
    ),
    "101 rows": ([{**TABLE, "rows": TABLE["rows"] * 101}], "invalid_blocks"),
    "21 columns": ([{**TABLE, "rows": [TABLE["rows"][0] * 21]}], "invalid_blocks"),
    "an empty cell": ([{**TABLE, "rows": [[{"type": "raw_text", "text": ""}]]}], "invalid_blocks"),
    "two tables": ([TABLE, TABLE], "invalid_attachments"),
    "10,001 characters in cells": (
        [{**TABLE, "rows": [[{"type": "raw_text", "text": "x" * 10_001}]]}],
        "msg_blocks_too_long",
    ),
    "12,001 characters of markdown": ([{"type": "markdown", "text": "x" * 12_001}], "invalid_blocks"),
    "13,001 characters in all": ([section("x" * 2601)] * 5, "msg_blocks_too_long"),
    "an empty text": ([section("")], "invalid_blocks"),
    "an unknown field": ([{**section("x"), "colour": "red"}], "invalid_blocks"),
    "no content": ([{"type": "section"}], "invalid_blocks"),
    "an action_id twice": ([actions(button(action_id="a"), button(action_id="a"))], "invalid_blocks"),
    "a file_input in a message": (
        [{"type": "input", "label": plain("x"), "element": {"type": "file_input"}}],
        "invalid_blocks",
    ),
}


@pytest.mark.parametrize("name", OVER_A_LIMIT)
async def test_a_message_over_a_limit_is_not_shown(slack, name):
    """Slack refuses a message over a limit, by whichever way it came, and shows nothing."""
    blocks, error = OVER_A_LIMIT[name]
    assert await posts(slack, blocks=blocks) == error
    status, body = await responds(slack, hook(slack), text="words", blocks=blocks)
    assert (status, error in body) == (200, True)
    assert len(slack.faults) >= 2
    assert slack.messages() == []


LIVE = {
    "bare": [section("see http://evil.example/x")],
    "marked": [section("<http://evil.example|VirusTotal>")],
    "mail": [section("<mailto:a@evil.example|mail>")],
    "a look-alike": [section("<https://www.virustotal.com.evil.example/|VirusTotal>")],
    "markdown": [{"type": "markdown", "text": "[VirusTotal](http://evil.example)"}],
    "rich text": [
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_section",
                    "elements": [{"type": "link", "url": "http://evil.example"}],
                }
            ],
        }
    ],
    "a button": [actions(button(url="http://evil.example"))],
    "a picture": [{"type": "image", "image_url": "http://evil.example/x.png", "alt_text": "x"}],
}


@pytest.mark.parametrize("name", LIVE)
async def test_a_live_link_is_a_fault(slack, name):
    """A link that leads anywhere but to VirusTotal or Slack is a fault, in whatever it hides."""
    await posts(slack, blocks=LIVE[name], unfurl_links=False, unfurl_media=False)
    [fault] = slack.faults
    assert "live link" in fault


async def test_what_is_defanged_or_leads_to_virustotal_may_stand(slack):
    """Defanged indicators, links to VirusTotal and people whom Slack named are no faults."""
    await slack.says("ana", "#general", "hello")
    text = f"hxxp://evil[.]example · <https://www.virustotal.com/gui/home|VirusTotal> · <@{ANA}>"
    slack.world.told.add(ANA)
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
    trigger = slack.world.trigger(slack.person("ana")).id
    clock.now += 3.1
    assert await calls(slack, "views.open", trigger_id=trigger, view=modal()) == "expired_trigger_id"
    assert await calls(slack, "views.open", trigger_id="1.2.3", view=modal()) == "invalid_arguments"
    assert len(slack.faults) == 2
    assert slack.views("ana") == []


BAD_VIEWS = {
    "a long title": modal(title=plain("x" * 25)),
    "a long submit": modal(submit=plain("x" * 25)),
    "much metadata": modal(private_metadata="x" * 3001),
    "a long callback_id": modal(callback_id="x" * 256),
    "101 blocks": modal(*[{"type": "divider"}] * 101),
    "a table": modal(TABLE),
    "an input without submit": modal(
        {"type": "input", "label": plain("x"), "element": {"type": "plain_text_input"}}
    ),
    "11 files": modal(
        {"type": "input", "label": plain("x"), "element": {"type": "file_input", "max_files": 11}},
        submit=plain("Go"),
    ),
    "a home": {"type": "home", "blocks": []},
    "nothing": {},
}


@pytest.mark.parametrize("name", BAD_VIEWS)
async def test_a_bad_view_does_not_open(slack, name):
    """A modal that Slack does not accept is refused, and nothing opens."""
    trigger = slack.world.trigger(slack.person("ana")).id
    answer = await calls(slack, "views.open", trigger_id=trigger, view=BAD_VIEWS[name])
    assert answer == "invalid_arguments"
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
    assert slack.faults == []


def _block(**more):
    return {"text": "-", "blocks": [more], "unfurl_links": False, "unfurl_media": False}


SAMPLES = [
    _block(**section("x"), block_id="s", expand=True, fields=[plain("x")], accessory=button(action_id="a")),
    _block(type="header", text=plain("x")),
    _block(type="divider", block_id="d"),
    _block(type="context", elements=[plain("x"), {"type": "mrkdwn", "text": "x", "verbatim": True}]),
    _block(
        **actions(
            button(
                action_id="a",
                value="v",
                url="https://www.virustotal.com/",
                style="danger",
                confirm={"title": plain("t"), "text": plain("x"), "confirm": plain("y"), "deny": plain("n")},
            ),
            {"type": "overflow", "action_id": "o", "options": [{"text": plain("x"), "value": "x"}]},
            {
                "type": "static_select",
                "action_id": "s",
                "placeholder": plain("p"),
                "options": [{"text": plain("x"), "value": "x", "description": plain("d")}],
            },
        )
    ),
    _block(
        type="input",
        label=plain("l"),
        hint=plain("h"),
        optional=True,
        dispatch_action=False,
        element={"type": "plain_text_input", "action_id": "p", "multiline": True, "initial_value": "x"},
    ),
    _block(
        type="rich_text",
        elements=[
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "text", "text": "x", "style": {"bold": True}},
                    {"type": "link", "url": "https://www.virustotal.com/", "text": "x"},
                    {"type": "emoji", "name": "x"},
                ],
            },
            {
                "type": "rich_text_list",
                "style": "bullet",
                "indent": 0,
                "border": 0,
                "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}],
            },
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "x"}]},
        ],
    ),
    _block(**TABLE, column_settings=[{"align": "right", "is_wrapped": True}]),
    _block(type="markdown", text="x"),
    _block(type="image", slack_file={"id": "F0123"}, alt_text="x", title=plain("x")),
    modal(section("x"), submit=plain("x"), close=plain("x"), private_metadata="x", notify_on_close=True),
]
STRANGE = [None, 7, -1, 1.5, True, "", "x", [], {}, "<!here>", "http://evil.example", "x" * 76, "x" * 12_001]


def _places(value, path=()):
    if path:
        yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _places(inner, (*path, key))


def _mutants(sample):
    """The sample with one thing in it missing, strange, too much or unheard of."""
    for path, value in _places(sample):
        variants = [*STRANGE, *([{**value, "odd": 1}] if isinstance(value, dict) else [])]
        if isinstance(value, list) and value:
            variants += [(value * n)[:n] for n in (6, 11, 21, 26, 51, 101)]
        for variant in variants:
            yield path, _with(sample, path, lambda place, key, new=variant: place.__setitem__(key, new))
        yield path, _with(sample, path, lambda place, key: place.__delitem__(key))


def _with(sample, path, change):
    sample = copy.deepcopy(sample)
    place = sample
    for key in path[:-1]:
        place = place[key]
    change(place, path[-1])
    return sample


def _checker():
    if not CHECKER.exists():
        pytest.skip(f"{CHECKER} is not here; SHARED names its folder")
    spec = importlib.util.spec_from_file_location("check_blocks", CHECKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.faults


def _theirs(faults, sample):
    kind = "modal" if sample.get("type") == "modal" else "message"
    try:
        return faults(kind, sample)
    except (AttributeError, TypeError, KeyError, ValueError):
        return ["it fell over"]  # so strange that it is not even refused


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s["blocks"][0]["type"])
def test_what_an_independent_checker_refuses_is_refused_here(sample):
    """Whatever the checker made from Slack's own types refuses is a fault here too."""
    faults, told = _checker(), set()
    ours = rules.view if sample.get("type") == "modal" else lambda m, t: rules.message(m, t, unfurls=True)
    assert not ours(sample, told)
    assert not _theirs(faults, sample)
    passed = [
        (path, found)
        for path, mutant in _mutants(sample)
        if path != ("blocks",)
        and not path[0].startswith("unfurl")
        and not ours(mutant, told)
        and (found := _theirs(faults, mutant))
    ]
    assert passed == []


def test_every_block_is_drawn():
    """Each kind of block that is accepted can be read as lines of plain text."""
    drawn = {}
    for sample in SAMPLES:
        message = Message("1.0", GENERAL, ANA, "", tuple(sample["blocks"]), via="chat.postMessage")
        drawn[sample["blocks"][0]["type"]] = drawing.message(World(Clock()), message)
    assert set(drawn) == set(schema.BLOCKS)
    assert all("".join(lines) for lines in drawn.values())
