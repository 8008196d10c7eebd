"""The form for a login to a Linux server, made of the documented parameters. Pure."""

from dataclasses import dataclass

from slack_sdk.models.blocks import InputBlock, PlainTextInputElement
from slack_sdk.models.views import View

from handlers.text import files as words
from handlers.views import form
from handlers.views.form import FIELD_CHARACTERS, field

CALLBACK = "login"


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
        callback_id=CALLBACK,
        private_metadata=modal_id,
        title=words.LOGIN_TITLE,
        submit=words.LOGIN_SUBMIT,
        close=words.LOGIN_CLOSE,
        blocks=[
            _text_field("address", words.ADDRESS, prefilled.server),
            _text_field("user", words.USER),
            _text_field("password", words.PASSWORD, hint=words.PASSWORD_HINT),
            _text_field("paths", words.PATHS, prefilled.paths, hint=words.PATHS_HINT),
            form.threshold(prefilled.threshold),
            form.answer(share=prefilled.share),
        ],
    )


def _text_field(name: str, label: str, value: str = "", hint: str = "") -> InputBlock:
    element = PlainTextInputElement(initial_value=value or None, max_length=FIELD_CHARACTERS)
    return field(name, label, element, hint)
