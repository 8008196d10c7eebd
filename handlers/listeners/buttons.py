"""Buttons and menus, in messages, modals and on the home. A button in a message has a request's random id: what it means is in the database."""

import re
from collections.abc import Mapping
from contextlib import suppress

from slack_bolt.async_app import AsyncAck, AsyncBoltContext, AsyncRespond

from handlers import open_modals, payloads
from handlers.admission import accept, accept_or_raise
from handlers.case import StoreDown
from handlers.commands import Options
from handlers.deps import ListenerDeps
from handlers.listeners.commands import head
from handlers.listeners.events import bot, is_for_us
from handlers.listeners.modals import find_modal
from handlers.parser import parse_values
from handlers.payloads import ButtonClick, MalformedPayload, ModalClick, ModalSubmission, Payload
from handlers.request import (
    AnswerModal,
    AnswerRequest,
    CardActionRequest,
    FormModal,
    HomeRequest,
    LookupRequest,
    Modal,
    Origin,
    RenewalRequest,
    Request,
    SettingsModal,
    UploadRequest,
    Verb,
)
from handlers.slack_errors import Unknown, ask
from handlers.text import about as about_text
from handlers.text import modals as modals_text
from handlers.views import layout
from handlers.views.messages import EXAMPLES, closed_home
from handlers.views.rich_text import mrkdwn, rendered_view
from vt.actions import BY_KEY

FORM = "form"
"""The button that opens the form again, by action_id."""
VERBS = {
    "json": Verb.JSON,
    "csv": Verb.CSV,
    "hide": Verb.HIDE,
    "share": Verb.SHARE,
    "submit": Verb.SUBMIT,
    "upload": Verb.UPLOAD,
    "recheck": Verb.RECHECK,
    "anyway": Verb.ALLOW_OWN_URL,
    "hurry": Verb.PRIORITISE,
    "allow": Verb.ALLOW_URL,
    "leave": Verb.DECLINE_URL,
}
"""The buttons that store a request, by action_id."""
OPENS: Mapping[str, open_modals.AnswerVerb] = {
    "details": Verb.DETAILS,
    "why": Verb.WHY,
    "comments": Verb.COMMENTS,
    "price": Verb.RESCAN_COST,
}
"""Menu entries that open a modal."""
MENU = {"recheck": Verb.RECHECK, "offer": Verb.OFFER_UPLOAD}
"""Menu entries that are done without one."""


async def handle_click(
    ack: AsyncAck, body: Payload, action: Payload, respond: AsyncRespond, deps: ListenerDeps
) -> None:
    """Do what a button or a menu entry in a message stands for."""
    click = payloads.button_click(body, action)
    problem = await _do(click, deps)
    await ack()
    if problem:
        await respond(text=mrkdwn(problem), response_type="ephemeral", replace_original=False)


async def handle_link(ack: AsyncAck) -> None:
    """A button with a link is only acknowledged: the browser opens it."""
    await ack()


async def _do(click: ButtonClick, deps: ListenerDeps) -> str:
    """Store a request, or open a modal. Returns what to tell the user, or ""."""
    if click.action_id == FORM:
        return await _reopen(click, deps)
    if click.action_id in VERBS:
        return await accept(_request(VERBS[click.action_id], click.value, click, deps), deps)
    entry, _, about = click.value.partition(":")
    if entry in OPENS:
        return await open_modals.open_details(OPENS[entry], about, click, deps)
    if entry in MENU:
        return await accept(_request(MENU[entry], about, click, deps), deps)
    return about_text.GONE


async def _reopen(click: ButtonClick, deps: ListenerDeps) -> str:
    """Open the form again with what was typed before. Returns what to tell the user, or ""."""
    try:
        modal = await find_modal(click.value, click.origin.team, click.origin.user, deps)
    except StoreDown:
        return about_text.CANNOT_TAKE
    if not isinstance(modal, FormModal):
        return about_text.GONE
    return await open_modals.reopen_form(modal, click.trigger_id, deps)


def _request(verb: Verb, about: str, click: ButtonClick, deps: ListenerDeps) -> Request:
    """What a button does. `about`: the id of the request whose answer it is under."""
    new = head(click.delivery(verb, about), click.origin, deps)
    match verb:
        case Verb.JSON | Verb.CSV | Verb.SHARE | Verb.HIDE:
            return AnswerRequest(**new, verb=verb, about=about)
        case Verb.SUBMIT | Verb.RECHECK | Verb.ALLOW_OWN_URL:
            return RenewalRequest(**new, verb=verb, about=about)
        case Verb.UPLOAD | Verb.OFFER_UPLOAD:
            return UploadRequest(**new, verb=verb, about=about)
        case Verb.PRIORITISE | Verb.ALLOW_URL | Verb.DECLINE_URL:
            return CardActionRequest(**new, verb=verb, about=about)
        case _:
            raise MalformedPayload("actions")


# Modals about an answer ------------------------------------------------------------------------------------------------


async def handle_page(ack: AsyncAck, body: Payload, action: Payload, deps: ListenerDeps) -> None:
    """Another part, page or finding was selected: store a request to fill the same modal with it."""
    click = payloads.modal_click(body, action)
    modal = await _modal(click, deps)
    if isinstance(modal, AnswerModal | SettingsModal):
        new = head(f"{modal.verb}:{click.trigger_id}", modal.origin, deps)
        part = click.value.removeprefix(f"{layout.TURN}:")
        problem = await accept(open_modals.request_for(modal, click.view_id, new, part), deps)
        await open_modals.show_problem(modal, click.view_id, problem, deps)
    await ack()


async def handle_picture(ack: AsyncAck, body: Payload, action: Payload, deps: ListenerDeps) -> None:
    """The picture of a finding was asked for in its details: store a request for it."""
    click = payloads.modal_click(body, action)
    modal = await _modal(click, deps)
    if isinstance(modal, AnswerModal):
        new = head(f"{Verb.PICTURE}:{click.trigger_id}", modal.origin, deps)
        part = click.value.removeprefix(f"{layout.PICTURE}:")
        request = AnswerRequest(**new, verb=Verb.PICTURE, about=modal.about, part=part)
        await open_modals.show_problem(modal, click.view_id, await accept(request, deps), deps)
    await ack()


async def _modal(click: ModalClick, deps: ListenerDeps) -> Modal | None:
    """What the modal is for; None too while the database is away, since a modal's buttons stay where they are."""
    try:
        return await find_modal(click.modal_id, click.team, click.user, deps)
    except StoreDown:
        return None


async def handle_rescan(ack: AsyncAck, body: Payload, deps: ListenerDeps) -> None:
    """The cost of a rescan was accepted: store the request, once for each answer."""
    submission = payloads.modal_submission(body)
    problem = await _rescan(submission, deps)
    if problem:
        said = layout.sentence(modals_text.RESCAN, submission.modal_id, Verb.RESCAN_COST, problem)
        await ack(response_action="update", view=rendered_view(said))
    else:
        await ack()


async def _rescan(submission: ModalSubmission, deps: ListenerDeps) -> str:
    """Returns what to tell the user, or ""."""
    try:
        modal = await find_modal(submission.modal_id, submission.team, submission.user, deps)
    except StoreDown:
        return about_text.CANNOT_TAKE
    if not isinstance(modal, AnswerModal):
        return about_text.GONE
    once = head(f"{Verb.RESCAN}:{modal.about}", modal.origin, deps)
    return await accept(RenewalRequest(**once, verb=Verb.RESCAN, about=modal.about), deps)


# The home ----------------------------------------------------------------------------------------------

CHANNEL = re.compile(r"[CG][A-Z0-9]{1,30}")


async def handle_home_opened(body: Payload, context: AsyncBoltContext, deps: ListenerDeps) -> None:
    """Someone looks at the home: store a request to make it."""
    opened = payloads.home_opened(body, bot(context).team)
    if opened.tab != "home" or not is_for_us(body, context):
        return
    request = HomeRequest(**head(opened.delivery, opened.origin, deps))
    if refused := await accept_or_raise(request, deps):
        await _publish(refused, opened.origin, deps)


async def handle_home_click(ack: AsyncAck, body: Payload, action: Payload, deps: ListenerDeps) -> None:
    """An example, the form, the settings of a channel, or a check of the key."""
    click = payloads.home_click(body, action)
    problem = await _click_home(click, deps)
    await ack()
    if problem:
        await _publish(problem, click.origin, deps)


async def _click_home(click: ButtonClick, deps: ListenerDeps) -> str:
    """Returns what to tell the user, or ""."""
    match click.action_id:
        case "home-form":
            return await open_modals.open_form(click.origin, click.trigger_id, deps)
        case "home-settings" if CHANNEL.fullmatch(click.value):
            there = click.origin.model_copy(update={"channel": click.value})
            return await open_modals.open_settings(there, click.trigger_id, deps)
        case "home-check":
            checking = head(f"home:{click.trigger_id}", click.origin, deps)
            return await accept(HomeRequest(**checking, check_key=True), deps)
        case _:
            return await _example(click, deps)


async def _example(click: ButtonClick, deps: ListenerDeps) -> str:
    """Look up the example of an action. Returns what to tell the user, or ""."""
    action = BY_KEY.get(click.value)
    if action not in EXAMPLES:
        return ""
    lookups = parse_values(action, action.example, Options(), deps.thresholds).lookups
    new = head(f"example:{click.trigger_id}", click.origin, deps)
    return await accept(LookupRequest(**new, lookups=lookups), deps)


async def _publish(line: str, origin: Origin, deps: ListenerDeps) -> None:
    """Show a sentence instead of the home. When Slack refuses that too, there is nowhere else to show it."""
    with suppress(Unknown):
        await ask(deps.slack.views_publish, user_id=origin.user, view=rendered_view(closed_home(line)))
