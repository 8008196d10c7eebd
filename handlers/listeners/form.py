"""The form in and out: opened within three seconds, and what was filled in is kept as a request."""

from collections.abc import Sequence
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncRespond
from slack_sdk.models.views import View

from handlers import text
from handlers.admission import accept
from handlers.channel_settings import holding
from handlers.deps import Deps, Origin, Request, StoreDown, Verb
from handlers.listeners import login, modals
from handlers.listeners.modals import NotOpened, Refused
from handlers.open_modals import Found, Modal
from handlers.parser import Command
from handlers.request import Answers, EntryPoint
from handlers.text import modals as modals_text
from handlers.views import form
from handlers.views.form_fields import Wrong
from vt.indicators import Indicator
from vt.lookup import Lookup


async def open_form(
    deps: Deps,
    trigger_id: str,
    *,
    text: str = "",
    found: Sequence[Indicator] = (),
    files: tuple[Lookup, ...] = (),
    origin: Origin,
) -> str:
    """Open the form with that text in it, or with indicators to choose from. Returns what to tell: "" when nothing.

    `files` are looked up with what is chosen.

    `origin` is who opens it and where its answer goes; a user's id as its channel means their direct messages.
    When Slack's three seconds are over, what was typed is kept and offered again.
    """
    kept = tuple(Found(kind=one.kind, value=one.value, asked=one.asked) for one in found)
    return await _open(
        _modal(deps, trigger_id, origin, text=text, found=kept, lookups=files), trigger_id, deps
    )


def _modal(deps: Deps, trigger_id: str, origin: Origin, **holds: Any) -> Modal:
    filled_in = origin.model_copy(update={"way": EntryPoint.FORM})
    return modals.new(Verb.FORM, f"form:{trigger_id}", filled_in, deps, **holds)


async def _open(modal: Modal, trigger_id: str, deps: Deps) -> str:
    try:
        _, ways = await holding(modal.origin, deps.channels, deps.thresholds)
        view = form.form(modal, share=ways.answers is Answers.CHANNEL)
        await modals.opened(modal, view, trigger_id, deps)
    except StoreDown:
        return text.CANNOT_TAKE
    except Refused as refused:
        return str(refused)
    except NotOpened:
        return await accept(modals.request(modal, deps, about=modal.id), deps)
    return ""


async def reopened(
    ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], respond: AsyncRespond, deps: Deps
) -> None:
    """The button under an offer: the form again, with what was typed."""
    trouble = await _reopen(body, action["value"], deps)
    await ack()
    if trouble:
        await respond(text=trouble, response_type="ephemeral", replace_original=False)


async def _reopen(body: dict[str, Any], modal_id: str, deps: Deps) -> str:
    try:
        modal = await modals.mine(body, modal_id, deps)
    except StoreDown:
        return text.CANNOT_TAKE
    if modal is None:
        return text.GONE
    trigger_id = body["trigger_id"]
    holds = {"text": modal.text, "found": modal.found, "lookups": modal.lookups}
    return await _open(_modal(deps, trigger_id, modal.origin, **holds), trigger_id, deps)


async def submitted(ack: AsyncAck, body: dict[str, Any], view: dict[str, Any], deps: Deps) -> None:
    """The form was sent: kept as a request, or the field that is wrong is said, or a login is asked for too."""
    values = view["state"]["values"]
    field = "found" if "found" in values else "values"
    try:
        over = await _submit(body, view, deps)
    except StoreDown:
        await ack(response_action="errors", errors={field: text.CANNOT_TAKE})
    except Wrong as wrong:
        await ack(response_action="errors", errors={wrong.field: text.usage_error(wrong.usage_error)})
    except Refused as refused:
        await ack(response_action="errors", errors={field: str(refused)})
    else:
        await (ack(response_action="push", view=over.to_dict()) if over else ack())


async def _submit(body: dict[str, Any], view: dict[str, Any], deps: Deps) -> View | None:
    """Returns the form to lay over this one, if a login is needed. Raises StoreDown, Wrong, Refused."""
    modal = await modals.mine(body, view["private_metadata"], deps)
    if modal is None:
        raise Refused(modals_text.FORM_GONE)
    thresholds, _ = await holding(modal.origin, deps.channels, deps.thresholds)
    wanted = form.command(view["state"]["values"], modal, thresholds)
    if login.locked(wanted.lookups, deps):
        return await login.over(modal, wanted, deps)
    if trouble := await accept(_request(modal, wanted, deps), deps):
        raise Refused(trouble)
    return None


def _request(modal: Modal, wanted: Command, deps: Deps) -> Request:
    return modals.request(
        modal,
        deps,
        verb=wanted.verb,
        origin=modals.heard(modal.origin, share=wanted.share),
        lookups=wanted.lookups,
        people=wanted.people,
        share=wanted.share,
    )
