"""What Slack accepts as blocks, messages and views: one row for each, with its fields and limits.

Written from Slack's documentation (docs.slack.dev/reference/block-kit/blocks, and blocks.json there for the surfaces).
Blocks that the locked slack_sdk has no class for are refused like unknown ones. A workspace may be too old for the newer
ones, which `Workspace.lacks` tries: a bot has to have a plain answer ready.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from playground.slack.elements import BESIDE, CHOICES, ELEMENTS, ID, IN_INPUT, PICTURE, mrkdwn, plain, text
from playground.slack.shapes import (
    Check,
    any_of,
    by_type,
    chars,
    exactly_one,
    fields,
    flag,
    many,
    number,
    one_of,
    typed,
)

_MARK = {"style": fields({}, dict.fromkeys(("bold", "italic", "strike", "code", "underline"), flag))}
INLINE: dict[str, Check] = {
    "text": typed("text", {"text": chars(None, 1)}, _MARK),
    "link": typed("link", {"url": chars(3000, 1)}, _MARK, {"text": chars(), "unsafe": flag}),
    "emoji": typed("emoji", {"name": chars(None, 1)}, _MARK, {"unicode": chars()}),
    "user": typed("user", {"user_id": chars(None, 1)}, _MARK),
    "channel": typed("channel", {"channel_id": chars(None, 1)}, _MARK),
    "usergroup": typed("usergroup", {"usergroup_id": chars(None, 1)}, _MARK),
    "broadcast": typed("broadcast", {"range": one_of("here", "channel", "everyone")}, _MARK),
    "date": typed(
        "date",
        {"timestamp": number(), "format": chars(None, 1)},
        _MARK,
        {"fallback": chars(), "url": chars()},
    ),
}
_BORDER = {"border": one_of(0, 1)}
_SECTION = typed("rich_text_section", {"elements": many(by_type(INLINE))})
RICH: dict[str, Check] = {
    "rich_text_section": _SECTION,
    "rich_text_quote": typed("rich_text_quote", {"elements": many(by_type(INLINE))}, _BORDER),
    "rich_text_preformatted": typed(
        "rich_text_preformatted", {"elements": many(by_type(INLINE, "text", "link"))}, _BORDER
    ),
    "rich_text_list": typed(
        "rich_text_list",
        {"style": one_of("bullet", "ordered"), "elements": many(_SECTION)},
        _BORDER,
        {"indent": number(0, 8)},
    ),
}
_RICH_TEXT = typed("rich_text", {"elements": many(by_type(RICH))}, ID)
_CELL = by_type(
    {
        "rich_text": _RICH_TEXT,
        "raw_text": typed("raw_text", {"text": chars(None, 1)}),
        "raw_number": typed("raw_number", {"text": chars(None, 1), "value": number()}),
    }
)

_IMAGE = by_type(ELEMENTS, "image")

BLOCKS: dict[str, Check] = {
    "section": any_of(
        ("text", "fields"),
        typed(
            "section",
            {},
            ID,
            {"text": text(3000), "fields": many(text(2000), 10, 1), "expand": flag},
            {"accessory": by_type(ELEMENTS, "button", "overflow", "image", *BESIDE)},
        ),
    ),
    "header": typed("header", {"text": plain(150)}, ID),
    "divider": typed("divider", {}, ID),
    "context": typed(
        "context", {"elements": many(by_type(ELEMENTS, "image", "plain_text", "mrkdwn"), 10, 1)}, ID
    ),
    "actions": typed(
        "actions", {"elements": many(by_type(ELEMENTS, "button", "overflow", *CHOICES), 25, 1)}, ID
    ),
    "input": typed(
        "input",
        {"label": plain(2000), "element": by_type(ELEMENTS, *IN_INPUT)},
        ID,
        {"hint": plain(2000), "optional": flag, "dispatch_action": flag},
    ),
    "image": exactly_one(
        tuple(PICTURE), typed("image", {"alt_text": chars(2000)}, ID, PICTURE, {"title": plain(2000)})
    ),
    "rich_text": _RICH_TEXT,
    "markdown": typed("markdown", {"text": chars(12_000, 1)}, ID),
    "table": typed(
        "table",
        {"rows": many(many(_CELL, 20, 1), 100, 1)},
        ID,
        {
            "column_settings": many(
                fields({}, {"align": one_of("left", "center", "right"), "is_wrapped": flag}), 20
            )
        },
    ),
    "alert": typed(
        "alert",
        {"text": text(200)},
        ID,
        {"level": one_of("default", "info", "warning", "error", "success")},
    ),
    "card": any_of(
        ("hero_image", "title", "actions", "body"),
        typed(
            "card",
            {},
            ID,
            {"hero_image": _IMAGE, "icon": _IMAGE, "title": mrkdwn(150), "subtitle": mrkdwn(150)},
            {"body": mrkdwn(200), "actions": many(by_type(ELEMENTS, "button"), 3, 1)},
        ),
    ),
}
# The documentation lists rich_text, input and file as children too, but Slack answers invalid_blocks to them.
IN_CONTAINER = ("actions", "context", "divider", "header", "image", "section", "table")
BLOCKS["container"] = any_of(
    ("title", "rich_text_title"),
    typed(
        "container",
        {"child_blocks": many(by_type(BLOCKS, *IN_CONTAINER), 10, 1)},
        ID,
        {"title": plain(150), "rich_text_title": _RICH_TEXT, "subtitle": text(150), "icon": _IMAGE},
        {"width": one_of("narrow", "standard", "wide", "full")},
        {"is_collapsible": flag, "default_collapsed": flag, "has_header_divider": flag},
    ),
)
MESSAGE_ONLY = frozenset({"markdown", "table", "container"})
MODAL_ONLY = frozenset({"alert"})

MODAL = typed(
    "modal",
    {"title": plain(24), "blocks": many(by_type(BLOCKS), 100)},
    {"submit": plain(24), "close": plain(24)},
    {"private_metadata": chars(3000), "callback_id": chars(255), "external_id": chars(255)},
    {"clear_on_close": flag, "notify_on_close": flag, "submit_disabled": flag},
)
HOME = typed(
    "home",
    {"blocks": many(by_type(BLOCKS), 100)},
    {"private_metadata": chars(3000), "callback_id": chars(255), "external_id": chars(255)},
)
MESSAGE = many(by_type(BLOCKS), 50)


def faults(check: Check, value: Any, place: str) -> list[str]:
    """The faults of a value, in order."""
    return list(check(value, place))


def every(blocks: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each block, and those inside containers after their container."""
    for block in blocks:
        yield block
        yield from block.get("child_blocks", ())
