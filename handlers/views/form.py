"""The form, made from the table of actions, and the fields that other forms share with it. Pure.

What is submitted with it is read in handlers.submissions.
"""

from collections.abc import Iterator

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

from handlers import text
from handlers.modals import FormModal
from handlers.text import files as files_text
from handlers.text import modals
from handlers.views.rich_text import clean, sentence
from vt.actions import ACTIONS
from vt.indicators import defang

CALLBACK = "form"
FIELD_CHARACTERS = 3_000
"""Slack's limit for a text field."""
OPTION_CHARACTERS = 75
MAX_OPTIONS = 100
"""Slack's limit for a menu."""
MAX_FILES = 10
"""Slack's limit for a file field."""
AS_FOUND = "as-found"
"""The action that is chosen at first: for each value the one that fits."""


def form(modal: FormModal, *, share: bool = False, notice: str = "") -> View:
    """The form, filled in with what is known. `share`: whether the answer is shared, unless the user chooses otherwise.

    `notice`: a sentence above the fields.
    """
    return View(
        type="modal",
        callback_id=CALLBACK,
        private_metadata=modal.id,
        title=modals.FORM_TITLE,
        submit=modals.FORM_SUBMIT,
        close=modals.FORM_CLOSE,
        blocks=[
            *([sentence(notice)] if notice else []),
            _found(modal) if modal.found else _values(modal.text),
            field("action", modals.ACTION, _actions(files=not modal.found)),
            threshold(),
            _rescan(),
            *([] if modal.found else _files()),
            answer(share=share),
        ],
    )


def _values(typed: str) -> InputBlock:
    # A tab would be removed with the other control characters, and two values would become one.
    initial = clean(typed.replace("\t", " "))[:FIELD_CHARACTERS]
    element = PlainTextInputElement(
        multiline=True,
        initial_value=initial or None,
        placeholder=modals.VALUES_PLACEHOLDER,
        max_length=FIELD_CHARACTERS,
    )
    return field("values", modals.VALUES, element, modals.VALUES_HINT, optional=True)


def _found(modal: FormModal) -> InputBlock:
    """The indicators of a message, all selected. An option's value is an index: an indicator could be too long for one."""
    offered = modal.found[:MAX_OPTIONS]
    options = [option(defang(one.value), str(index)) for index, one in enumerate(offered)]
    element = StaticMultiSelectElement(options=options, initial_options=options)
    hints = [modals.FOUND_HINT]
    if len(modal.found) > MAX_OPTIONS:
        hints.append(modals.FOUND_CUT.format(most=MAX_OPTIONS, count=len(modal.found)))
    if modal.lookups:
        hints.append(modals.FOUND_FILES)
    return field("found", modals.VALUES, element, " ".join(hints))


def _actions(*, files: bool) -> StaticSelectElement:
    as_found = option(modals.AS_FOUND, AS_FOUND)
    named = [option(action.title, action.key) for action in ACTIONS if files or not action.files]
    return StaticSelectElement(options=[as_found, *named], initial_option=as_found)


def _rescan() -> InputBlock:
    element = NumberInputElement(is_decimal_allowed=False)
    return field("rescan", modals.RESCAN_AFTER, element, modals.RESCAN_HINT, optional=True)


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
    """A field. Its name is both block_id and action_id, as handlers.submissions expects."""
    element.action_id = name
    return InputBlock(block_id=name, label=label, element=element, hint=hint or None, optional=optional)


def threshold(count: int | None = None) -> InputBlock:
    """The engines that make it RISKY; `count` is filled in at first."""
    initial = str(count) if count else None
    element = NumberInputElement(is_decimal_allowed=False, initial_value=initial)
    return field("threshold", modals.THRESHOLD, element, modals.THRESHOLD_HINT, optional=True)


def answer(*, share: bool) -> InputBlock:
    """Who sees the answer; `share` is chosen at first."""
    options = [option(modals.PRIVATE, "private"), option(modals.SHARED, "share")]
    element = RadioButtonsElement(options=options, initial_option=options[share])
    return field("answer", modals.ANSWER, element)


def option(label: str, value: str) -> Option:
    """An option of a menu, with a label from outside."""
    return Option(text=text.cut(clean(label), OPTION_CHARACTERS) or "?", value=value)
