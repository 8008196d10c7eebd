"""Modals in use: submitted forms, settings and rescans, pages of an answer, and the form for a server's login."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import SecretStr
from slack_bolt.async_app import AsyncAck
from slack_sdk.models.views import View

from handlers import payloads, submissions, text
from handlers.admission import accept, effective_settings
from handlers.case import AnswerModal, FormModal, LoginModal, SettingsModal, StoreDown
from handlers.commands import LookupCommand, TooLong
from handlers.deps import ListenerDeps
from handlers.files import user_key
from handlers.open_modals import (
    NotOpened,
    Refused,
    answer_origin,
    find_modal,
    head,
    modal_head,
    open_modal,
    request_for,
    show_problem,
)
from handlers.parser import parse_values
from handlers.payloads import ModalSubmission
from handlers.request import (
    ChangeSettingsRequest,
    EntryPoint,
    Head,
    LookupRequest,
    Origin,
    RenewalRequest,
    Verb,
)
from handlers.submissions import InvalidField, field_text, form_options, read_field
from handlers.text import files as files_text
from handlers.text import modals as modals_text
from handlers.views import details_layout
from handlers.views.form import FIELD_CHARACTERS, Prefilled, login_form
from vt import errors
from vt.actions import FILE
from vt.files.hosts import HOST
from vt.lookup import Lookup

# Opening -------------------------------------------------------------------------------------------------


def needing_login(lookups: Iterable[Lookup], deps: ListenerDeps) -> list[Lookup]:
    """The files of servers for which people may type a login, and have to."""
    on_hosts = [one for one in lookups if one.place.startswith(f"{HOST}:")]
    return [one for one in on_hosts if deps.logins and deps.logins.wanted(one.place.removeprefix(f"{HOST}:"))]


async def open_login_if_needed(
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
    return await open_login_form(prefilled, origin, trigger_id, deps)


def _prefilled(files: Sequence[Lookup], *, share: bool) -> Prefilled:
    """What was asked before it turned out that a login is needed: files of one server. Raises TooLong."""
    paths = ", ".join(file.input for file in files)
    # Slack would cut a longer text, and half of a path is another path.
    if len(paths) > FIELD_CHARACTERS:
        raise TooLong(FIELD_CHARACTERS)
    return Prefilled(files[0].place.removeprefix(f"{HOST}:"), paths, files[0].threshold, share)


async def open_login_form(prefilled: Prefilled, origin: Origin, trigger_id: str, deps: ListenerDeps) -> str:
    """Open the form. Returns what to tell the person: "" for nothing."""
    modal = LoginModal(**_login_head(origin, trigger_id, deps))
    try:
        await open_modal(modal, login_form(modal.id, prefilled), trigger_id, deps)
    except Refused as refused:
        return refused.sentence
    except NotOpened:
        return files_text.LOGIN_NOT_OPENED
    return ""


async def stacked_login_form(below: FormModal, wanted: LookupCommand, deps: ListenerDeps) -> View:
    """The form to be pushed over another form in which a server was named; both together become one request.

    Raises StoreDown, InvalidField.
    """
    files = needing_login(wanted.lookups, deps)
    prefilled = read_field("path", lambda: _prefilled(files, share=wanted.share))
    others = tuple(one for one in wanted.lookups if one not in files)
    new = _login_head(below.origin, f"{below.id}:{deps.new_id()}", deps)
    modal = LoginModal(**new, lookups=others, people=wanted.people)
    await deps.modals.keep(modal)
    return login_form(modal.id, prefilled)


def _login_head(origin: Origin, opened_by: str, deps: ListenerDeps) -> Head:
    entered = origin.model_copy(update={"entry_point": EntryPoint.FORM})
    return modal_head(f"login:{opened_by}", entered, deps)


# Sending -------------------------------------------------------------------------------------------------


async def handle_login(ack: AsyncAck, body: dict[str, Any], deps: ListenerDeps) -> None:
    """The form was sent: hold the login in memory, store everything else as a request, or show errors at the fields."""
    wrong = await _submit_login(payloads.modal_submission(body), deps)
    if wrong:
        await ack(response_action="errors", errors=wrong)
    else:
        # Closes a form below this one too.
        await ack(response_action="clear")


async def _submit_login(submission: ModalSubmission, deps: ListenerDeps) -> dict[str, str]:
    """Returns the sentences to show, by field."""
    if deps.logins is None:
        return {"address": files_text.LOGINS_OFF.to(deps.audience)}
    try:
        modal = await find_modal(submission.modal_id, submission.team, submission.user, deps)
        if not isinstance(modal, LoginModal):
            return {"address": files_text.LOGIN_GONE}
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


# Modals in use -----------------------------------------------------------------------------------------


async def handle_form(ack: AsyncAck, body: dict[str, Any], deps: ListenerDeps) -> None:
    """Store the form's request. Otherwise mark the field that is wrong, or ask for a login that is needed too."""
    submission = payloads.modal_submission(body)
    field = "found" if "found" in submission.values else "values"
    try:
        login_form = await _submit_form(submission, deps)
    except StoreDown:
        await ack(response_action="errors", errors={field: text.CANNOT_TAKE})
    except InvalidField as invalid:
        await ack(response_action="errors", errors={invalid.field: text.usage_error(invalid.usage_error)})
    except Refused as refused:
        await ack(response_action="errors", errors={field: refused.sentence})
    else:
        if login_form:
            await ack(response_action="push", view=login_form.to_dict())
        else:
            await ack()


async def _submit_form(submission: ModalSubmission, deps: ListenerDeps) -> View | None:
    """Returns the login form to open on top of this one, if a login is needed. Raises StoreDown, InvalidField, Refused."""
    modal = await find_modal(submission.modal_id, submission.team, submission.user, deps)
    if not isinstance(modal, FormModal):
        raise Refused(modals_text.FORM_GONE)
    thresholds, _ = await effective_settings(modal.origin, deps.channel_settings, deps.thresholds)
    wanted = submissions.form_command(submission.values, modal, thresholds)
    if needing_login(wanted.lookups, deps):
        return await stacked_login_form(modal, wanted, deps)
    origin = answer_origin(modal.origin, share=wanted.share)
    request = LookupRequest(
        **head(modal, f"{wanted.verb}:{modal.id}", deps, origin=origin),
        lookups=wanted.lookups,
        people=wanted.people,
        share=wanted.share,
    )
    if problem := await accept(request, deps):
        raise Refused(problem)
    return None


async def handle_settings(ack: AsyncAck, body: dict[str, Any], deps: ListenerDeps) -> None:
    """Store the request to change the settings, or mark the field that is wrong."""
    problems = await _submit_settings(payloads.modal_submission(body), deps)
    if problems:
        await ack(response_action="errors", errors=problems)
    else:
        await ack()


async def _submit_settings(submission: ModalSubmission, deps: ListenerDeps) -> dict[str, str]:
    """Returns sentences by field."""
    try:
        modal = await find_modal(submission.modal_id, submission.team, submission.user, deps)
    except StoreDown:
        return {"answers": text.CANNOT_TAKE}
    if not isinstance(modal, SettingsModal):
        return {"answers": modals_text.FORM_GONE}
    try:
        wanted = submissions.channel_settings(submission.values)
    except InvalidField as invalid:
        return {invalid.field: text.usage_error(invalid.usage_error)}
    changing = head(modal, f"{Verb.CHANGE_SETTINGS}:{modal.id}", deps)
    problem = await accept(ChangeSettingsRequest(**changing, settings=wanted), deps)
    return {"answers": problem} if problem else {}


async def handle_rescan(ack: AsyncAck, body: dict[str, Any], deps: ListenerDeps) -> None:
    """The cost of a rescan was accepted: store the request, once for each answer."""
    submission = payloads.modal_submission(body)
    problem = await _rescan(submission, deps)
    if problem:
        said = details_layout.sentence(modals_text.RESCAN, submission.modal_id, Verb.RESCAN_COST, problem)
        await ack(response_action="update", view=said.to_dict())
    else:
        await ack()


async def _rescan(submission: ModalSubmission, deps: ListenerDeps) -> str:
    """Returns what to tell the user, or ""."""
    try:
        modal = await find_modal(submission.modal_id, submission.team, submission.user, deps)
    except StoreDown:
        return text.CANNOT_TAKE
    if not isinstance(modal, AnswerModal):
        return text.GONE
    once = head(modal, f"{Verb.RESCAN}:{modal.about}", deps)
    return await accept(RenewalRequest(**once, verb=Verb.RESCAN, about=modal.about), deps)


async def handle_page(
    ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], deps: ListenerDeps
) -> None:
    """Another part, page or finding was selected: store a request to fill the same modal with it."""
    click = payloads.modal_click(body, action)
    try:
        modal = await find_modal(click.modal_id, click.team, click.user, deps)
    except StoreDown:
        modal = None
    if isinstance(modal, AnswerModal | SettingsModal):
        new = head(modal, f"{modal.verb}:{click.trigger_id}", deps)
        part = click.value.removeprefix(f"{details_layout.TURN}:")
        problem = await accept(request_for(modal, click.view_id, new, part), deps)
        await show_problem(modal, click.view_id, problem, deps)
    await ack()
