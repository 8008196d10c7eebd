"""The settings of a channel in a modal: shown to everybody, changed by those who may. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from slack_sdk.models.blocks import (
    Block,
    InputBlock,
    InputInteractiveElement,
    NumberInputElement,
    Option,
    RadioButtonsElement,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from handlers.parser import parse_number
from handlers.request import Answers, Change, ChannelSettings, Uploads, Verb
from handlers.text import files, modals
from handlers.usage_errors import UsageError
from handlers.views import details_layout
from handlers.views.details_layout import Row
from handlers.views.form_fields import Wrong, filled
from vt.actions import ACTIONS

INSTANCES = {"default": "VirusTotal"}
LANGUAGES = {"en": "English"}
"""One of each for now."""


def settings(
    current: ChannelSettings, thresholds: Mapping[str, int], modal_id: str, *, may_change: bool
) -> View:
    """The modal. `thresholds`: what the operator set, which holds where the channel sets nothing."""
    if not may_change:
        rows = [*_rows(current, thresholds), ("", modals.WHO_MAY_CHANGE)]
        return details_layout.modal(
            modals.SETTINGS, modal_id, Verb.SETTINGS, list(details_layout.table(rows))
        )
    blocks = list(_fields(current, thresholds))
    return details_layout.modal(modals.SETTINGS, modal_id, Verb.SETTINGS, blocks, submit=modals.SAVE)


def _rows(current: ChannelSettings, thresholds: Mapping[str, int]) -> Iterator[Row]:
    for action in ACTIONS:
        count = current.thresholds.get(action.key, thresholds.get(action.key, action.threshold))
        yield modals.threshold_of(action), modals.threshold(count)
    yield modals.ANSWERS, modals.ANSWER_WAYS[current.answers]
    yield files.UPLOADS, files.UPLOAD_WAYS[current.uploads]


def _fields(current: ChannelSettings, thresholds: Mapping[str, int]) -> Iterator[Block]:
    for action in ACTIONS:
        now = current.thresholds.get(action.key)
        element = NumberInputElement(
            is_decimal_allowed=False, initial_value=str(now) if now else None, min_value="1", max_value="200"
        )
        hint = modals.empty_means(thresholds.get(action.key, action.threshold))
        yield _input(action.key, modals.threshold_of(action), element, hint, optional=True)
    options = [Option(text=modals.ANSWER_WAYS[one], value=one.value) for one in Answers]
    chosen = next(option for option in options if option.value == current.answers)
    yield _input("answers", modals.ANSWERS, RadioButtonsElement(options=options, initial_option=chosen))
    yield _input("uploads", files.UPLOADS, _menu(files.UPLOAD_WAYS, current.uploads), files.UPLOADS_HINT)
    yield _input("instance", modals.INSTANCE, _menu(INSTANCES, current.instance))
    yield _input("language", modals.LANGUAGE, _menu(LANGUAGES, current.language))


def _menu(labels: Mapping[str, str], now: str) -> StaticSelectElement:
    options = {value: Option(text=label, value=value) for value, label in labels.items()}
    return StaticSelectElement(options=list(options.values()), initial_option=options.get(now))


def _input(
    name: str, label: str, element: InputInteractiveElement, hint: str = "", *, optional: bool = False
) -> InputBlock:
    element.action_id = name
    return InputBlock(block_id=name, label=label, element=element, hint=hint or None, optional=optional)


def wanted(values: Mapping[str, Any]) -> ChannelSettings:
    """What a submission wants to hold. `values`: of its state, by field. Raises Wrong."""
    thresholds = {
        action.key: _threshold(action.key, str(count))
        for action in ACTIONS
        if (count := filled(values, action.key))
    }
    answers = str(filled(values, "answers"))
    return ChannelSettings(
        thresholds=thresholds,
        answers=Answers(answers) if answers in set(Answers) else Answers.AS_ASKED,
        uploads=Uploads(_known(str(filled(values, "uploads")), files.UPLOAD_WAYS)),
        instance=_known(str(filled(values, "instance")), INSTANCES),
        language=_known(str(filled(values, "language")), LANGUAGES),
    )


def _threshold(field: str, count: str) -> int:
    try:
        return parse_number("threshold", count)
    except UsageError as usage_error:
        raise Wrong(field, usage_error) from None


def _known(value: str, labels: Mapping[str, str]) -> str:
    return value if value in labels else next(iter(labels))


def changes(old: ChannelSettings, new: ChannelSettings) -> tuple[Change, ...]:
    """What is different, by name."""
    before, after = _flat(old), _flat(new)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return tuple(Change(name=name, old=before.get(name), new=after.get(name)) for name in names)


def _flat(current: ChannelSettings) -> dict[str, str]:
    thresholds = {f"threshold {key}": str(count) for key, count in current.thresholds.items()}
    return {
        **thresholds,
        "answers": current.answers,
        "uploads": current.uploads,
        "instance": current.instance,
        "language": current.language,
    }
