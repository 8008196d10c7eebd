"""Buttons and menus in messages. Each carries the random id of a request; what it means is in the database."""

from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncRespond

from handlers import payloads, text
from handlers.admission import accept
from handlers.deps import ListenerDeps, StoreDown
from handlers.modals import FormModal
from handlers.open_modals import AnswerVerb, find_modal, open_details, reopen_form
from handlers.payloads import ButtonClick, MalformedPayload
from handlers.request import (
    AnswerRequest,
    CardActionRequest,
    Head,
    RenewalRequest,
    Request,
    UploadRequest,
    Verb,
)
from handlers.views.rich_text import mrkdwn

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
"""Buttons by action_id."""
OPENS: Mapping[str, AnswerVerb] = {
    "details": Verb.DETAILS,
    "why": Verb.WHY,
    "comments": Verb.COMMENTS,
    "price": Verb.RESCAN_COST,
}
"""Menu entries that open a modal."""
MENU = {"recheck": Verb.RECHECK, "offer": Verb.OFFER_UPLOAD}
"""Menu entries that are done without one."""


async def handle_button(
    ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], respond: AsyncRespond, deps: ListenerDeps
) -> None:
    """Store a request for what the button does."""
    click = payloads.button_click(body, action)
    problem = await accept(_request(VERBS[click.action_id], click.value, click, deps), deps)
    await ack()
    await _tell(respond, problem)


async def handle_link(ack: AsyncAck) -> None:
    """A button with a link is only acknowledged: the browser opens it."""
    await ack()


async def handle_menu(
    ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], respond: AsyncRespond, deps: ListenerDeps
) -> None:
    """Open a modal about the answer, or store a request."""
    click = payloads.button_click(body, action)
    problem = await _select(click, deps)
    await ack()
    await _tell(respond, problem)


async def _select(click: ButtonClick, deps: ListenerDeps) -> str:
    """Returns what to tell the user, or ""."""
    name, _, about = click.value.partition(":")
    if name in OPENS:
        return await open_details(OPENS[name], about, click, deps)
    if name in MENU:
        return await accept(_request(MENU[name], about, click, deps), deps)
    return text.GONE


async def handle_form_offer(
    ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], respond: AsyncRespond, deps: ListenerDeps
) -> None:
    """Open the form again with what was typed before."""
    click = payloads.button_click(body, action)
    problem = await _reopen(click, deps)
    await ack()
    await _tell(respond, problem)


async def _reopen(click: ButtonClick, deps: ListenerDeps) -> str:
    """Returns what to tell the user, or ""."""
    try:
        modal = await find_modal(click.value, click.origin.team, click.origin.user, deps)
    except StoreDown:
        return text.CANNOT_TAKE
    return await reopen_form(modal, click.trigger_id, deps) if isinstance(modal, FormModal) else text.GONE


def _request(verb: Verb, about: str, click: ButtonClick, deps: ListenerDeps) -> Request:
    """What a button does. `about`: the id of the request whose answer it is under."""
    delivery = click.delivery(verb, about)
    head = Head(id=deps.new_id(), delivery=delivery, at=deps.clock(), origin=click.origin)
    match verb:
        case Verb.JSON | Verb.CSV | Verb.SHARE | Verb.HIDE:
            return AnswerRequest(**head, verb=verb, about=about)
        case Verb.SUBMIT | Verb.RECHECK | Verb.ALLOW_OWN_URL:
            return RenewalRequest(**head, verb=verb, about=about)
        case Verb.UPLOAD | Verb.OFFER_UPLOAD:
            return UploadRequest(**head, verb=verb, about=about)
        case Verb.PRIORITISE | Verb.ALLOW_URL | Verb.DECLINE_URL:
            return CardActionRequest(**head, verb=verb, about=about)
        case _:
            raise MalformedPayload("actions")


async def _tell(respond: AsyncRespond, problem: str) -> None:
    if problem:
        await respond(text=mrkdwn(problem), response_type="ephemeral", replace_original=False)
