"""Modals in use: submitted forms, settings and rescans, and clicks on another part of a modal about an answer."""

from typing import Any

from slack_bolt.async_app import AsyncAck
from slack_sdk.models.views import View

from handlers import payloads, submissions, text
from handlers.admission import accept
from handlers.channel_settings import effective_settings
from handlers.deps import ListenerDeps, StoreDown
from handlers.listeners import login
from handlers.modals import AnswerModal, FormModal, SettingsModal
from handlers.open_modals import Refused, answer_origin, find_modal, head, request_for, show_problem
from handlers.payloads import ModalSubmission
from handlers.request import ChangeSettingsRequest, LookupRequest, RenewalRequest, Verb
from handlers.submissions import InvalidField
from handlers.text import modals as modals_text
from handlers.views import details_layout


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
    if login.needing_login(wanted.lookups, deps):
        return await login.stacked_form(modal, wanted, deps)
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
