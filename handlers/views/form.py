"""The forms: the one for look-ups, made from the table of actions, the one for a login, and the settings of a channel. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from slack_sdk.models.blocks import (
    InputBlock,
    InputInteractiveElement,
    NumberInputElement,
    Option,
    PlainTextInputElement,
    RadioButtonsElement,
    StaticMultiSelectElement,
    StaticSelectElement,
)
from slack_sdk.models.blocks.block_elements import FileInputElement
from slack_sdk.models.views import View

from handlers.request import Answers, ChannelSettings, FormModal, Verb
from handlers.text import channels as channels_text
from handlers.text import files as files_text
from handlers.text import usage
from handlers.text.format import cut, engines
from handlers.text.language import line, sentences
from handlers.views import layout
from handlers.views.rich_text import clean, sentence
from vt.actions import ACTIONS
from vt.evidence import MAX_EVIDENCE_DAYS, HostCriteria, Thresholds
from vt.indicators import defang

CALLBACK = "form"
LOGIN_CALLBACK = "login"
FIELD_CHARACTERS = 3_000
"""Slack's limit for a text field."""
OPTION_CHARACTERS = 75
MAX_OPTIONS = 100
"""Slack's limit for a menu."""
MAX_FILES = 10
"""Slack's limit for a file field."""
AS_FOUND = "as-found"
"""The action that is chosen at first: for each value the one that fits."""


def form(modal: FormModal, *, share: bool = False, notice: str = "", instances: Sequence[str] = ()) -> View:
    """The form, filled in with what is known. `share`: whether the answer is shared, unless the user chooses otherwise.

    `notice`: a sentence above the fields. `instances`: of VirusTotal, to choose from.
    """
    return View(
        type="modal",
        callback_id=CALLBACK,
        private_metadata=modal.id,
        title=usage.FORM_TITLE,
        submit=usage.FORM_SUBMIT,
        close=usage.FORM_CLOSE,
        blocks=[
            *([sentence(notice)] if notice else []),
            _found(modal) if modal.found else _values(modal.text),
            field("action", usage.ACTION, _actions(files=not modal.found)),
            threshold(),
            field("rescan", usage.RESCAN_AFTER, _count(), usage.RESCAN_HINT, optional=True),
            *([] if modal.found else _files()),
            answer(share=share),
            *_instances(instances, modal.origin.instance),
        ],
    )


def _values(typed: str) -> InputBlock:
    # A tab would be removed with the other control characters, and two values would become one.
    initial = clean(typed.replace("\t", " "))[:FIELD_CHARACTERS]
    element = PlainTextInputElement(
        multiline=True,
        initial_value=initial or None,
        placeholder=usage.VALUES_PLACEHOLDER,
        max_length=FIELD_CHARACTERS,
    )
    return field("values", usage.VALUES, element, usage.VALUES_HINT, optional=True)


def _found(modal: FormModal) -> InputBlock:
    """The indicators of a message, all selected. An option's value is an index: an indicator could be too long for one."""
    options = [option(defang(one.value), str(index)) for index, one in enumerate(modal.found[:MAX_OPTIONS])]
    element = StaticMultiSelectElement(options=options, initial_options=options)
    hints = [usage.FOUND_HINT]
    if len(modal.found) > MAX_OPTIONS:
        hints.append(line(usage.FOUND_CUT, most=MAX_OPTIONS, count=len(modal.found)))
    if modal.lookups:
        hints.append(usage.FOUND_FILES)
    return field("found", usage.VALUES, element, sentences(*hints))


def _actions(*, files: bool) -> StaticSelectElement:
    named = {action.key: action.title for action in ACTIONS if files or not action.files}
    return _menu({AS_FOUND: usage.AS_FOUND, **named}, AS_FOUND)


def _files() -> Iterator[InputBlock]:
    """Files that are attached here, or named by their paths on the bot's machine or on a server."""
    attached = FileInputElement(max_files=MAX_FILES)
    yield field("files", files_text.FILES, attached, files_text.FILES_HINT, optional=True)
    path = PlainTextInputElement(max_length=FIELD_CHARACTERS)
    yield field("path", files_text.PATH, path, files_text.PATH_HINT, optional=True)
    host = PlainTextInputElement(max_length=64)
    yield field("host", files_text.HOST, host, files_text.HOST_HINT, optional=True)


# Shared fields -------------------------------------------------------------------------------------------


def field(
    name: str, label: str, element: InputInteractiveElement, hint: str = "", *, optional: bool = False
) -> InputBlock:
    """A field. Its name is both block_id and action_id, as payloads.ModalSubmission expects."""
    element.action_id = name
    return InputBlock(block_id=name, label=label, element=element, hint=hint or None, optional=optional)


def threshold(count: int | None = None) -> InputBlock:
    """The engines that make it RISKY; `count` is filled in at first."""
    return field("threshold", usage.THRESHOLD, _count(count), usage.THRESHOLD_HINT, optional=True)


def _count(value: int | None = None, least: str | None = None, most: str | None = None) -> NumberInputElement:
    """Takes a whole number, from `least` to `most` where these are given."""
    shown = None if value is None else str(value)
    return NumberInputElement(is_decimal_allowed=False, initial_value=shown, min_value=least, max_value=most)


def answer(*, share: bool) -> InputBlock:
    """Who sees the answer; `share` is chosen at first."""
    options = [option(usage.PRIVATE, "private"), option(usage.SHARED, "share")]
    return field("answer", usage.ANSWER, RadioButtonsElement(options=options, initial_option=options[share]))


def option(label: str, value: str) -> Option:
    """An option of a menu, with a label from outside."""
    return Option(text=cut(clean(label), OPTION_CHARACTERS) or "?", value=value)


# The login ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prefilled:
    """What the form's fields contain when it opens."""

    server: str = ""
    paths: str = ""
    threshold: int | None = None
    share: bool = False


def login_form(modal_id: str, prefilled: Prefilled) -> View:
    """The server, the user and password, the files and the threshold."""
    return View(
        type="modal",
        callback_id=LOGIN_CALLBACK,
        private_metadata=modal_id,
        title=files_text.LOGIN_TITLE,
        submit=files_text.LOGIN_SUBMIT,
        close=files_text.LOGIN_CLOSE,
        blocks=[
            _text_field("address", files_text.ADDRESS, prefilled.server),
            _text_field("user", files_text.USER),
            _text_field("password", files_text.PASSWORD, hint=files_text.PASSWORD_HINT),
            _text_field("paths", files_text.PATHS, prefilled.paths, hint=files_text.PATHS_HINT),
            threshold(prefilled.threshold),
            answer(share=prefilled.share),
        ],
    )


def _text_field(name: str, label: str, value: str = "", hint: str = "") -> InputBlock:
    element = PlainTextInputElement(initial_value=value or None, max_length=FIELD_CHARACTERS)
    return field(name, label, element, hint)


# A channel's settings ----------------------------------------------------------------------------------


def settings_form(
    current: ChannelSettings,
    thresholds: Thresholds,
    modal_id: str,
    *,
    may_change: bool,
    instances: Sequence[str] = (),
) -> View:
    """The modal. `thresholds`: as configured; they hold where the channel sets none. `instances`: of VirusTotal, to choose from."""
    modal = partial(layout.modal, channels_text.SETTINGS, modal_id, Verb.SETTINGS)
    if may_change:
        blocks = [*_fields(current, thresholds), *_instances(instances, current.instance)]
        return modal(blocks, submit=channels_text.SAVE)
    return modal(list(layout.table([*_rows(current, thresholds), ("", channels_text.WHO_MAY_CHANGE)])))


def _rows(current: ChannelSettings, thresholds: Thresholds) -> Iterator[layout.Row]:
    for action in ACTIONS:
        count = current.thresholds.get(action.key, thresholds.of(action))
        yield line(channels_text.THRESHOLD_OF, action=action.title), engines(count, None)
    hosts = thresholds.changed({}, current.host_rule, current.evidence_days).hosts
    rule = current.host_rule or channels_text.AS_SET
    yield channels_text.HOST_RULE, channels_text.rules(thresholds.hosts.rule)[rule]
    yield channels_text.EVIDENCE_DAYS, channels_text.days(hosts.days)
    yield channels_text.ANSWERS, channels_text.ANSWER_WAYS[current.answers]
    yield channels_text.DETAIL, channels_text.DETAIL_WAYS[current.detail]
    yield files_text.UPLOADS, files_text.UPLOAD_WAYS[current.uploads]
    yield channels_text.LANGUAGE, channels_text.LANGUAGES[current.language or channels_text.AS_SET]


def _fields(current: ChannelSettings, thresholds: Thresholds) -> Iterator[InputBlock]:
    for action in ACTIONS:
        label = line(channels_text.THRESHOLD_OF, action=action.title)
        count = _count(current.thresholds.get(action.key), least="1", most="200")
        hint = line(channels_text.EMPTY_MEANS, count=thresholds.of(action))
        yield field(action.key, label, count, hint, optional=True)
    yield from _host_fields(current, thresholds.hosts)
    options = [Option(text=channels_text.ANSWER_WAYS[one], value=one.value) for one in Answers]
    chosen = next(option for option in options if option.value == current.answers)
    yield field("answers", channels_text.ANSWERS, RadioButtonsElement(options=options, initial_option=chosen))
    yield field("detail", channels_text.DETAIL, _menu(channels_text.DETAIL_WAYS, current.detail))
    uploads = _menu(files_text.UPLOAD_WAYS, current.uploads)
    yield field("uploads", files_text.UPLOADS, uploads, files_text.UPLOADS_HINT)
    spoken = _menu(channels_text.LANGUAGES, current.language)
    yield field("language", channels_text.LANGUAGE, spoken, channels_text.LANGUAGE_HINT)


def _instances(names: Sequence[str], chosen: str = "") -> Iterator[InputBlock]:
    """The instances of VirusTotal, where there is a choice. One that is chosen already is offered, whoever looks."""
    if names or chosen:
        named = {name: name for name in (*names, chosen) if name}
        menu = _menu({channels_text.AS_SET: channels_text.ANY_INSTANCE, **named}, chosen)
        yield field("instance", channels_text.INSTANCE, menu, channels_text.INSTANCE_HINT)


def _host_fields(current: ChannelSettings, hosts: HostCriteria) -> Iterator[InputBlock]:
    """How addresses and domains are judged. `hosts`: as the operator set it."""
    rules = _menu(channels_text.rules(hosts.rule), current.host_rule)
    yield field("host-rule", channels_text.HOST_RULE, rules)
    days = _count(current.evidence_days, least="0", most=str(MAX_EVIDENCE_DAYS))
    hint = line(channels_text.DAYS_HINT, default=hosts.days)
    yield field("evidence-days", channels_text.EVIDENCE_DAYS, days, hint, optional=True)


def _menu(labels: Mapping[str, str], value: str | None) -> StaticSelectElement:
    options = {name: Option(text=label, value=name) for name, label in labels.items()}
    chosen = options.get(value or channels_text.AS_SET)
    return StaticSelectElement(options=list(options.values()), initial_option=chosen)
