"""The stand-in Slack workspace refuses what Slack refuses, and is as strict as the independent checker beside us."""

import copy

import pytest

from playground.slack import drawing, rules, schema
from playground.slack.records import Message
from playground.slack.state import State
from playground.slack.workspace import Workspace
from tests.support.misbehaving_bot import (
    ANA,
    GENERAL,
    Clock,
    actions,
    button,
    calls,
    hook,
    modal,
    plain,
    posts,
    responds,
    section,
)
from tests.support.slack_rules import checked, faults


@pytest.fixture
async def slack():
    async with Workspace() as workspace:
        yield workspace


TABLE = {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}
ROW = {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "x"}}]}
WORDS = {
    "type": "rich_text",
    "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}],
}


def container(*blocks, **more):
    return {"type": "container", "title": plain("x"), "child_blocks": list(blocks), **more}


def card(**more):
    return {"type": "card", "title": {"type": "mrkdwn", "text": "x"}, **more}


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
    "an alert": ([{"type": "alert", "text": plain("x")}], "invalid_blocks"),
    "11 blocks in a container": ([container(*[{"type": "divider"}] * 11)], "invalid_blocks"),
    "an empty container": ([container()], "invalid_blocks"),
    "a container in a container": ([container(container(TABLE))], "invalid_blocks"),
    "rich text in a container": ([container(WORDS)], "invalid_blocks"),
    "a container without a title": (
        [{"type": "container", "child_blocks": [TABLE]}],
        "invalid_blocks",
    ),
    "151 characters in a container's title": ([container(TABLE, title=plain("x" * 151))], "invalid_blocks"),
    "151 characters in a subtitle": ([container(TABLE, subtitle=plain("x" * 151))], "invalid_blocks"),
    "a strange width": ([container(TABLE, width="huge")], "invalid_blocks"),
    "collapsed, but not collapsible": ([container(TABLE, default_collapsed=True)], "invalid_blocks"),
    "collapsible with a divider": (
        [container(TABLE, is_collapsible=True, has_header_divider=True)],
        "invalid_blocks",
    ),
    "a table beside one in a container": ([TABLE, container(TABLE)], "invalid_attachments"),
    "a block_id twice, once in a container": (
        [{"type": "divider", "block_id": "d"}, container({"type": "divider", "block_id": "d"})],
        "invalid_blocks",
    ),
    "10,001 characters in cells in a container": (
        [container({**TABLE, "rows": [[{"type": "raw_text", "text": "x" * 10_001}]]})],
        "msg_blocks_too_long",
    ),
    "an empty card": ([{"type": "card", "subtitle": {"type": "mrkdwn", "text": "x"}}], "invalid_blocks"),
    "a card's plain title": ([card(title=plain("x"))], "invalid_blocks"),
    "201 characters in a card": ([card(body={"type": "mrkdwn", "text": "x" * 201})], "invalid_blocks"),
    "4 buttons on a card": ([card(actions=ROW["elements"] * 4)], "invalid_blocks"),
    "a chart, which slack_sdk has no class for": (
        [
            {
                "type": "data_visualization",
                "title": "x",
                "chart": {"type": "pie", "segments": [{"label": "x", "value": 1}]},
            }
        ],
        "invalid_blocks",
    ),
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


BAD_VIEWS = {
    "a long title": modal(title=plain("x" * 25)),
    "a long submit": modal(submit=plain("x" * 25)),
    "much metadata": modal(private_metadata="x" * 3001),
    "a long callback_id": modal(callback_id="x" * 256),
    "101 blocks": modal(*[{"type": "divider"}] * 101),
    "a table": modal(TABLE),
    "a container": modal(container(TABLE)),
    "201 characters in an alert": modal({"type": "alert", "text": plain("x" * 201)}),
    "an alert of a strange level": modal({"type": "alert", "text": plain("x"), "level": "grave"}),
    "an alert at home": {"type": "home", "blocks": [{"type": "alert", "text": plain("x")}]},
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
    trigger = slack.state.trigger(slack.person("ana")).id
    answer = await calls(slack, "views.open", trigger_id=trigger, view=BAD_VIEWS[name])
    assert answer == "invalid_arguments"
    assert slack.views("ana") == []


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
    _block(
        **container(
            section("x"),
            {"type": "header", "text": plain("x")},
            {"type": "divider"},
            {"type": "context", "elements": [plain("x")]},
            ROW,
            {"type": "image", "slack_file": {"id": "F0123"}, "alt_text": "x"},
            TABLE,
            subtitle=plain("x"),
            width="full",
            is_collapsible=True,
            default_collapsed=True,
        )
    ),
    _block(**container(ROW, rich_text_title=WORDS, has_header_divider=True, block_id="c")),
    _block(
        **card(
            subtitle={"type": "mrkdwn", "text": "x"},
            body={"type": "mrkdwn", "text": "x", "verbatim": True},
            icon={"type": "image", "slack_file": {"id": "F0123"}, "alt_text": "x"},
            actions=[button(action_id="a", value="v")],
        )
    ),
    modal({"type": "alert", "text": {"type": "mrkdwn", "text": "x"}, "level": "warning"}),
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


def _theirs(sample):
    kind = "modal" if sample.get("type") == "modal" else "message"
    try:
        return faults(kind, sample)
    except (AttributeError, TypeError, KeyError, ValueError):
        return ["it fell over"]  # so strange that it is not even refused


@checked
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s["blocks"][0]["type"])
def test_what_an_independent_checker_refuses_is_refused_here(sample):
    """Whatever the checker made from Slack's own types refuses is a fault here too."""
    told = set()
    ours = rules.view if sample.get("type") == "modal" else lambda m, t: rules.message(m, t, unfurls=True)
    assert not ours(sample, told)
    assert not _theirs(sample)
    passed = [
        (path, found)
        for path, mutant in _mutants(sample)
        if path != ("blocks",)
        and not path[0].startswith("unfurl")
        and not ours(mutant, told)
        and (found := _theirs(mutant))
    ]
    assert passed == []


def test_every_block_is_drawn():
    """Each kind of block that is accepted can be read as lines of plain text."""
    drawn = {}
    for sample in SAMPLES:
        message = Message("1.0", GENERAL, ANA, "", tuple(sample["blocks"]), via="chat.postMessage")
        drawn[sample["blocks"][0]["type"]] = drawing.message(State(Clock()), message)
    assert set(drawn) == set(schema.BLOCKS)
    assert all("".join(lines) for lines in drawn.values())


async def test_a_workspace_that_is_too_old_refuses_a_newer_block(slack):
    """By whichever way the message comes, and without blaming the bot, which cannot know it."""
    slack.lacks("table", "card")
    for blocks in ([container(TABLE)], [card()]):
        assert await posts(slack, blocks=blocks) == "invalid_blocks"
        _, body = await responds(slack, hook(slack), text="words", blocks=blocks)
        assert "invalid_blocks" in body
    assert (await posts(slack, blocks=[container(ROW)]), slack.faults) == ("ok", [])


async def test_what_is_in_a_container_or_on_a_card_can_be_pressed(slack):
    """In the order in which it is shown, each under the id of its own block, given by the bot or not."""
    blocks = [
        card(actions=[{**ROW["elements"][0], "text": plain("On the card")}]),
        container(ROW, {**ROW, "block_id": "below"}),
    ]
    await posts(slack, blocks=blocks)
    pressable = slack.buttons(slack.messages()[-1])
    assert [(one.label, one.block["block_id"]) for one in pressable] == [
        ("On the card", "b0"),
        ("x", "b1.0"),
        ("x", "below"),
    ]
