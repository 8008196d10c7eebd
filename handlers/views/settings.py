"""The settings of a channel in a modal: everybody sees them, and those who may change them get fields. Pure."""

from collections.abc import Iterator, Mapping

from slack_sdk.models.blocks import (
    Block,
    NumberInputElement,
    Option,
    RadioButtonsElement,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from handlers.request import Answers, ChannelSettings, Verb
from handlers.text import files, modals
from handlers.views import details_layout
from handlers.views.details_layout import Row
from handlers.views.form import field
from vt.actions import ACTIONS

INSTANCES = {"default": "VirusTotal"}
LANGUAGES = {"en": "English"}
"""There is one of each for now."""


def settings(
    current: ChannelSettings, thresholds: Mapping[str, int], modal_id: str, *, may_change: bool
) -> View:
    """The modal. `thresholds`: engines by action, as configured; they hold where the channel sets none."""
    if may_change:
        blocks = list(_fields(current, thresholds))
        return details_layout.modal(modals.SETTINGS, modal_id, Verb.SETTINGS, blocks, submit=modals.SAVE)
    rows = [*_rows(current, thresholds), ("", modals.WHO_MAY_CHANGE)]
    return details_layout.modal(modals.SETTINGS, modal_id, Verb.SETTINGS, list(details_layout.table(rows)))


def _rows(current: ChannelSettings, thresholds: Mapping[str, int]) -> Iterator[Row]:
    for action in ACTIONS:
        count = current.thresholds.get(action.key, thresholds.get(action.key, action.threshold))
        yield modals.threshold_of(action), modals.threshold(count)
    yield modals.ANSWERS, modals.ANSWER_WAYS[current.answers]
    yield files.UPLOADS, files.UPLOAD_WAYS[current.uploads]


def _fields(current: ChannelSettings, thresholds: Mapping[str, int]) -> Iterator[Block]:
    for action in ACTIONS:
        count = current.thresholds.get(action.key)
        element = NumberInputElement(
            is_decimal_allowed=False,
            initial_value=str(count) if count else None,
            min_value="1",
            max_value="200",
        )
        hint = modals.empty_means(thresholds.get(action.key, action.threshold))
        yield field(action.key, modals.threshold_of(action), element, hint, optional=True)
    options = [Option(text=modals.ANSWER_WAYS[one], value=one.value) for one in Answers]
    chosen = next(option for option in options if option.value == current.answers)
    yield field("answers", modals.ANSWERS, RadioButtonsElement(options=options, initial_option=chosen))
    yield field("uploads", files.UPLOADS, _menu(files.UPLOAD_WAYS, current.uploads), files.UPLOADS_HINT)
    if len(INSTANCES) > 1:
        yield field("instance", modals.INSTANCE, _menu(INSTANCES, current.instance))
    if len(LANGUAGES) > 1:
        yield field("language", modals.LANGUAGE, _menu(LANGUAGES, current.language))


def _menu(labels: Mapping[str, str], value: str) -> StaticSelectElement:
    options = {name: Option(text=label, value=name) for name, label in labels.items()}
    return StaticSelectElement(options=list(options.values()), initial_option=options.get(value))
