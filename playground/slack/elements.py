"""What Slack accepts inside a block: one row for each text, option and element, with its fields and limits."""

from playground.slack.shapes import (
    Check,
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


def plain(most: int = 3000) -> Check:
    """A plain_text object."""
    return typed("plain_text", {"text": chars(most, 1)}, {"emoji": flag})


def mrkdwn(most: int = 3000) -> Check:
    """A mrkdwn object."""
    return typed("mrkdwn", {"text": chars(most, 1)}, {"verbatim": flag})


def text(most: int = 3000) -> Check:
    """Either of the two."""
    return by_type({"plain_text": plain(most), "mrkdwn": mrkdwn(most)})


def _option(label: Check) -> Check:
    return fields({"text": label}, {"value": chars(75), "description": plain(75), "url": chars(3000)})


ID = {"block_id": chars(255)}
ACTION = {"action_id": chars(255, 1)}
STYLE = {"style": one_of("primary", "danger")}
CONFIRM = {
    "confirm": fields(
        {"text": text(300)},
        {"title": plain(100), "confirm": plain(30), "deny": plain(30), **STYLE},
    ),
}
PICKED = {**ACTION, **CONFIRM, "focus_on_load": flag}
MENU = {**PICKED, "placeholder": plain(150)}
TYPED = {
    **ACTION,
    "focus_on_load": flag,
    "placeholder": plain(150),
    "dispatch_action_config": fields(
        {},
        {"trigger_actions_on": many(one_of("on_enter_pressed", "on_character_entered"), 2, 1)},
    ),
}
MULTI = {**MENU, "max_selected_items": number(1)}
FILTER = {
    "default_to_current_conversation": flag,
    "filter": fields(
        {},
        {
            "include": many(one_of("im", "mpim", "private", "public"), 4, 1),
            "exclude_bot_users": flag,
            "exclude_external_shared_channels": flag,
        },
    ),
}
OPTION = _option(plain(75))
RICH_OPTION = _option(text(75))
_GROUPS = {
    "options": many(OPTION, 100, 1),
    "option_groups": many(fields({"label": plain(75), "options": many(OPTION, 100, 1)}), 100, 1),
}
_LISTED = ("options", "option_groups")
_SLACK_FILE = exactly_one(("url", "id"), fields({}, {"url": chars(3000), "id": chars(255, 1)}))
PICTURE = {"image_url": chars(3000, 1), "slack_file": _SLACK_FILE}


ELEMENTS: dict[str, Check] = {
    "button": typed(
        "button",
        {"text": plain(75)},
        {**ACTION, **CONFIRM, **STYLE},
        {"value": chars(2000), "url": chars(3000), "accessibility_label": chars(75)},
    ),
    "overflow": typed("overflow", {"options": many(OPTION, 5, 1)}, ACTION, CONFIRM),
    "checkboxes": typed(
        "checkboxes",
        {"options": many(RICH_OPTION, 10, 1)},
        PICKED,
        {"initial_options": many(RICH_OPTION, 10, 1)},
    ),
    "radio_buttons": typed(
        "radio_buttons",
        {"options": many(RICH_OPTION, 10, 1)},
        PICKED,
        {"initial_option": RICH_OPTION},
    ),
    "datepicker": typed("datepicker", {}, MENU, {"initial_date": chars(10, 10)}),
    "timepicker": typed("timepicker", {}, MENU, {"initial_time": chars(5, 5), "timezone": chars()}),
    "datetimepicker": typed("datetimepicker", {}, PICKED, {"initial_date_time": number(0)}),
    "static_select": exactly_one(
        _LISTED, typed("static_select", {}, MENU, _GROUPS, {"initial_option": OPTION})
    ),
    "multi_static_select": exactly_one(
        _LISTED,
        typed("multi_static_select", {}, MULTI, _GROUPS, {"initial_options": many(OPTION, 100, 1)}),
    ),
    "external_select": typed(
        "external_select", {}, MENU, {"initial_option": OPTION, "min_query_length": number(0)}
    ),
    "multi_external_select": typed(
        "multi_external_select",
        {},
        MULTI,
        {"initial_options": many(OPTION, 100, 1), "min_query_length": number(0)},
    ),
    "users_select": typed("users_select", {}, MENU, {"initial_user": chars()}),
    "multi_users_select": typed("multi_users_select", {}, MULTI, {"initial_users": many(chars())}),
    "channels_select": typed(
        "channels_select", {}, MENU, {"initial_channel": chars(), "response_url_enabled": flag}
    ),
    "multi_channels_select": typed("multi_channels_select", {}, MULTI, {"initial_channels": many(chars())}),
    "conversations_select": typed(
        "conversations_select",
        {},
        MENU,
        FILTER,
        {"initial_conversation": chars(), "response_url_enabled": flag},
    ),
    "multi_conversations_select": typed(
        "multi_conversations_select", {}, MULTI, FILTER, {"initial_conversations": many(chars())}
    ),
    "plain_text_input": typed(
        "plain_text_input",
        {},
        TYPED,
        {
            "initial_value": chars(3000),
            "multiline": flag,
            "min_length": number(0, 3000),
            "max_length": number(1, 3000),
        },
    ),
    "email_text_input": typed("email_text_input", {}, TYPED, {"initial_value": chars()}),
    "url_text_input": typed("url_text_input", {}, TYPED, {"initial_value": chars()}),
    "number_input": typed(
        "number_input",
        {"is_decimal_allowed": flag},
        TYPED,
        {"initial_value": chars(), "min_value": chars(), "max_value": chars()},
    ),
    "file_input": typed(
        "file_input", {}, ACTION, {"filetypes": many(chars(20, 1)), "max_files": number(1, 10)}
    ),
    "image": exactly_one(tuple(PICTURE), typed("image", {"alt_text": chars(2000)}, PICTURE)),
    "plain_text": plain(),
    "mrkdwn": mrkdwn(),
}
_MENUS = tuple(kind for kind in ELEMENTS if kind.endswith(("_select", "picker")))
CHOICES = ("checkboxes", "radio_buttons", *_MENUS)
BESIDE = tuple(kind for kind in CHOICES if kind != "datetimepicker")
IN_INPUT = ("plain_text_input", "email_text_input", "url_text_input", "number_input", "file_input", *CHOICES)
