"""A login for a Linux server that someone types into a form, for one request: the password is held in memory alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pydantic import SecretStr
from slack_bolt.async_app import AsyncAck
from slack_sdk.models.blocks import InputBlock, PlainTextInputElement
from slack_sdk.models.views import View

from handlers import payloads, text
from handlers.admission import accept
from handlers.channel_settings import holding
from handlers.deps import Deps, Origin, StoreDown
from handlers.files.logins import person
from handlers.modals import FormModal, LoginModal
from handlers.open_modals import NotOpened, Refused, answer_origin, find_modal, head, modal_head, open_modal
from handlers.parser import LookupCommand, parse_values
from handlers.payloads import ModalSubmission
from handlers.request import EntryPoint, Head, LookupRequest
from handlers.text import files as words
from handlers.usage_errors import TooLong
from handlers.views import form_fields
from handlers.views.form_fields import MOST_TEXT, Wrong, field, tried, written
from vt import errors
from vt.actions import FILE
from vt.files.places import HOST
from vt.lookup import Lookup

CALLBACK = "login"


@dataclass(frozen=True, slots=True)
class Known:
    """What stands in the form when it opens."""

    server: str = ""
    paths: str = ""
    threshold: int | None = None
    share: bool = False

    @classmethod
    def of(cls, files: Sequence[Lookup], *, share: bool) -> Self:
        """What was asked before it showed that a login is needed: files of one server. Raises TooLong."""
        paths = ", ".join(file.input for file in files)
        if len(paths) > MOST_TEXT:
            raise TooLong(MOST_TEXT)
        return cls(files[0].place.removeprefix(f"{HOST}:"), paths, files[0].threshold, share)


def form(modal: LoginModal, known: Known) -> View:
    """The documented parameters: the server, the login, the files and the threshold."""
    return View(
        type="modal",
        callback_id=CALLBACK,
        private_metadata=modal.id,
        title=words.LOGIN_TITLE,
        submit=words.LOGIN_SUBMIT,
        close=words.LOGIN_CLOSE,
        blocks=[
            _field("address", words.ADDRESS, known.server),
            _field("user", words.USER),
            _field("password", words.PASSWORD, hint=words.PASSWORD_HINT),
            _field("paths", words.PATHS, known.paths, hint=words.PATHS_HINT),
            form_fields.threshold(known.threshold),
            form_fields.answer(share=known.share),
        ],
    )


def _field(name: str, label: str, value: str = "", hint: str = "") -> InputBlock:
    element = PlainTextInputElement(initial_value=value or None, max_length=MOST_TEXT)
    return field(name, label, element, hint)


async def asked_for(wanted: LookupCommand, origin: Origin, trigger_id: str, deps: Deps) -> str | None:
    """Open the form when the files need a login that nobody has typed. Returns what to tell, None: no need."""
    files = locked(wanted.lookups, deps)
    if not files:
        return None
    try:
        known = Known.of(files, share=wanted.share)
    except TooLong as usage_error:
        return text.usage_error(usage_error)
    return await open_form(known, origin, trigger_id, deps)


def locked(lookups: Iterable[Lookup], deps: Deps) -> list[Lookup]:
    """The files of a server whose login people may type."""
    hosts = [one for one in lookups if one.place.startswith(f"{HOST}:")]
    return [one for one in hosts if deps.logins and deps.logins.wanted(one.place.removeprefix(f"{HOST}:"))]


async def open_form(known: Known, origin: Origin, trigger_id: str, deps: Deps) -> str:
    """Open the form with what is known. Returns what to tell: "" when nothing."""
    modal = LoginModal(**_head(origin, trigger_id, deps))
    try:
        await open_modal(modal, form(modal, known), trigger_id, deps)
    except Refused as refused:
        return refused.sentence
    except NotOpened:
        return words.LOGIN_NOT_OPENED
    return ""


async def over(below: FormModal, wanted: LookupCommand, deps: Deps) -> View:
    """The form to lie over another one, in which a server was named that needs it: all is one request.

    Raises StoreDown, Wrong.
    """
    files = locked(wanted.lookups, deps)
    known = tried("path", lambda: Known.of(files, share=wanted.share))
    rest = tuple(one for one in wanted.lookups if one not in files)
    new = _head(below.origin, f"{below.id}:{deps.new_id()}", deps)
    modal = LoginModal(**new, lookups=rest, people=wanted.people)
    await deps.modals.keep(modal)
    return form(modal, known)


def _head(origin: Origin, opened_by: str, deps: Deps) -> Head:
    entered = origin.model_copy(update={"entry_point": EntryPoint.FORM})
    return modal_head(f"login:{opened_by}", entered, deps)


async def submitted(ack: AsyncAck, body: dict[str, Any], deps: Deps) -> None:
    """The form was sent: the login is held, everything else is kept as a request."""
    wrong = await _submit(payloads.modal_submission(body), deps)
    if wrong:
        await ack(response_action="errors", errors=wrong)
    else:
        await ack(response_action="clear")  # with the form that it may lie over


async def _submit(submission: ModalSubmission, deps: Deps) -> dict[str, str]:
    """Returns field -> sentence."""
    if deps.logins is None:
        return {"address": words.LOGINS_OFF.to(deps.audience)}
    try:
        modal = await find_modal(submission.modal_id, submission.team, submission.user, deps)
        if not isinstance(modal, LoginModal):
            return {"address": words.LOGIN_GONE}
        thresholds, _ = await holding(modal.origin, deps.channels, deps.thresholds)
        return await _keep(submission.values, modal, thresholds, deps)
    except StoreDown:
        return {"address": text.CANNOT_TAKE}
    except Wrong as wrong:
        return {wrong.field: text.usage_error(wrong.usage_error)}
    except errors.HostUnknown as fault:
        return {"address": text.error(fault, deps.audience)}


async def _keep(
    values: Mapping[str, Any], modal: LoginModal, thresholds: Mapping[str, int], deps: Deps
) -> dict[str, str]:
    """Hold the login, keep the rest. Returns field -> sentence. Raises Wrong, HostUnknown."""
    assert deps.logins is not None  # noqa: S101 - asked before
    options = form_fields.options(values)
    files = tried("paths", lambda: parse_values(FILE, written(values, "paths"), options, thresholds)).lookups
    password = SecretStr(written(values, "password"))
    whose = person(modal.origin)
    place = deps.logins.keep(written(values, "address"), written(values, "user"), password, whose)
    origin = answer_origin(modal.origin, share=options.share)
    request = LookupRequest(
        **head(modal, f"{modal.verb}:{modal.id}", deps, origin=origin),
        lookups=(*modal.lookups, *(file.evolve(place=place) for file in files)),
        people=modal.people,
        share=options.share,
    )
    trouble = await accept(request, deps)
    if trouble:
        deps.logins.forget(place)
    return {"address": trouble} if trouble else {}
