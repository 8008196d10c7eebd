"""The login form: opened when files of a server need a login, and what is sent with it is stored, but for the password."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import SecretStr
from slack_bolt.async_app import AsyncAck
from slack_sdk.models.views import View

from handlers import payloads, text
from handlers.admission import accept
from handlers.channel_settings import effective_settings
from handlers.deps import ListenerDeps, Origin, StoreDown
from handlers.logins import user_key
from handlers.modals import FormModal, LoginModal
from handlers.open_modals import NotOpened, Refused, answer_origin, find_modal, head, modal_head, open_modal
from handlers.parser import LookupCommand, parse_values
from handlers.payloads import ModalSubmission
from handlers.request import EntryPoint, Head, LookupRequest
from handlers.submissions import InvalidField, field_text, form_options, read_field
from handlers.text import files as words
from handlers.usage_errors import TooLong
from handlers.views.form import FIELD_CHARACTERS
from handlers.views.login import Prefilled, login_form
from vt import errors
from vt.actions import FILE
from vt.files.hosts import HOST
from vt.lookup import Lookup

# Opening -------------------------------------------------------------------------------------------------


def needing_login(lookups: Iterable[Lookup], deps: ListenerDeps) -> list[Lookup]:
    """The files of servers for which people may type a login, and have to."""
    on_hosts = [one for one in lookups if one.place.startswith(f"{HOST}:")]
    return [one for one in on_hosts if deps.logins and deps.logins.wanted(one.place.removeprefix(f"{HOST}:"))]


async def open_if_needed(
    wanted: LookupCommand, origin: Origin, trigger_id: str, deps: ListenerDeps
) -> str | None:
    """Open the form if files need a login. Returns what to tell the person ("" for nothing), None if no login is needed."""
    files = needing_login(wanted.lookups, deps)
    if not files:
        return None
    try:
        prefilled = _prefilled(files, share=wanted.share)
    except TooLong as usage_error:
        return text.usage_error(usage_error)
    return await open_form(prefilled, origin, trigger_id, deps)


def _prefilled(files: Sequence[Lookup], *, share: bool) -> Prefilled:
    """What was asked before it turned out that a login is needed: files of one server. Raises TooLong."""
    paths = ", ".join(file.input for file in files)
    # Slack would cut a longer text, and half of a path is another path.
    if len(paths) > FIELD_CHARACTERS:
        raise TooLong(FIELD_CHARACTERS)
    return Prefilled(files[0].place.removeprefix(f"{HOST}:"), paths, files[0].threshold, share)


async def open_form(prefilled: Prefilled, origin: Origin, trigger_id: str, deps: ListenerDeps) -> str:
    """Open the form. Returns what to tell the person: "" for nothing."""
    modal = LoginModal(**_head(origin, trigger_id, deps))
    try:
        await open_modal(modal, login_form(modal.id, prefilled), trigger_id, deps)
    except Refused as refused:
        return refused.sentence
    except NotOpened:
        return words.LOGIN_NOT_OPENED
    return ""


async def stacked_form(below: FormModal, wanted: LookupCommand, deps: ListenerDeps) -> View:
    """The form to be pushed over another form in which a server was named; both together become one request.

    Raises StoreDown, InvalidField.
    """
    files = needing_login(wanted.lookups, deps)
    prefilled = read_field("path", lambda: _prefilled(files, share=wanted.share))
    others = tuple(one for one in wanted.lookups if one not in files)
    new = _head(below.origin, f"{below.id}:{deps.new_id()}", deps)
    modal = LoginModal(**new, lookups=others, people=wanted.people)
    await deps.modals.keep(modal)
    return login_form(modal.id, prefilled)


def _head(origin: Origin, opened_by: str, deps: ListenerDeps) -> Head:
    entered = origin.model_copy(update={"entry_point": EntryPoint.FORM})
    return modal_head(f"login:{opened_by}", entered, deps)


# Sending -------------------------------------------------------------------------------------------------


async def submitted(ack: AsyncAck, body: dict[str, Any], deps: ListenerDeps) -> None:
    """The form was sent: hold the login in memory, store everything else as a request, or show errors at the fields."""
    wrong = await _submit(payloads.modal_submission(body), deps)
    if wrong:
        await ack(response_action="errors", errors=wrong)
    else:
        # Closes a form below this one too.
        await ack(response_action="clear")


async def _submit(submission: ModalSubmission, deps: ListenerDeps) -> dict[str, str]:
    """Returns the sentences to show, by field."""
    if deps.logins is None:
        return {"address": words.LOGINS_OFF.to(deps.audience)}
    try:
        modal = await find_modal(submission.modal_id, submission.team, submission.user, deps)
        if not isinstance(modal, LoginModal):
            return {"address": words.LOGIN_GONE}
        thresholds, _ = await effective_settings(modal.origin, deps.channel_settings, deps.thresholds)
        return await _keep(submission.values, modal, thresholds, deps)
    except StoreDown:
        return {"address": text.CANNOT_TAKE}
    except InvalidField as invalid:
        return {invalid.field: text.usage_error(invalid.usage_error)}
    except errors.HostUnknown as fault:
        return {"address": text.error(fault, deps.audience)}


async def _keep(
    values: Mapping[str, Any], modal: LoginModal, thresholds: Mapping[str, int], deps: ListenerDeps
) -> dict[str, str]:
    """Hold the login and store the request. Returns the sentences to show, by field. Raises InvalidField, HostUnknown."""
    assert deps.logins is not None  # noqa: S101 - checked by the caller
    options = form_options(values)
    files = read_field(
        "paths", lambda: parse_values(FILE, field_text(values, "paths"), options, thresholds)
    ).lookups
    password = SecretStr(field_text(values, "password"))
    owner = user_key(modal.origin)
    place = deps.logins.keep(field_text(values, "address"), field_text(values, "user"), password, owner)
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
        return {"address": trouble}
    return {}
