"""Modals about an answer, as people use them: opened from its menu, leafed through, agreed to. Each use is a request."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncRespond
from slack_sdk.errors import SlackClientError

from handlers import text
from handlers.admission import accept
from handlers.deps import Deps, Origin, StoreDown, Verb
from handlers.listeners import buttons, modals
from handlers.listeners.modals import NotOpened, Refused
from handlers.open_modals import Modal
from handlers.text import modals as modals_text
from handlers.views import details_layout

OPENED = frozenset({Verb.DETAILS, Verb.WHY, Verb.COMMENTS, Verb.PRICE})
"""Entries of the menu that open a modal; the others are done at once."""


async def chosen(
    ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], respond: AsyncRespond, deps: Deps
) -> None:
    """An entry of the menu under an answer."""
    verb, _, about = action["selected_option"]["value"].partition(":")
    if verb in OPENED:
        trouble = await _open(Verb(verb), about, body, deps)
    elif verb in (Verb.RECHECK, Verb.OFFER):
        trouble = await accept(buttons.request(Verb(verb), about, body, deps), deps)
    else:
        trouble = text.GONE
    await ack()
    if trouble:
        await respond(text=trouble, response_type="ephemeral", replace_original=False)


async def _open(verb: Verb, about: str, body: dict[str, Any], deps: Deps) -> str:
    return await fill(verb, f"{verb}:{body['trigger_id']}", buttons.origin(body), body, deps, about=about)


async def fill(
    verb: Verb, delivery: str, origin: Origin, body: dict[str, Any], deps: Deps, **more: Any
) -> str:
    """Open a modal that a job will fill. Returns what to tell: "" when there is nothing to tell beside it."""
    modal = modals.new(verb, delivery, origin, deps, **more)
    waiting = details_layout.sentence(modals_text.TITLES[verb], modal.id, verb, modals_text.WAITING[verb])
    try:
        view = await modals.opened(modal, waiting, body["trigger_id"], deps)
    except Refused as refused:
        return str(refused)
    except NotOpened:
        return modals_text.TOO_LATE
    if view:
        trouble = await accept(modals.request(modal, deps, view=view), deps)
        await _say(trouble, view, modal, deps)
    return ""


async def turned(ack: AsyncAck, body: dict[str, Any], action: dict[str, Any], deps: Deps) -> None:
    """Another part, page or finding."""
    where = action["selected_option"]["value"] if "selected_option" in action else action["action_id"]
    await turn(ack, body, where.removeprefix(f"{details_layout.TURN}:"), deps)


async def turn(ack: AsyncAck, body: dict[str, Any], part: str, deps: Deps) -> None:
    """Have the same modal filled with something else."""
    view = body["view"]
    try:
        modal = await modals.mine(body, view["private_metadata"], deps)
    except StoreDown:
        modal = None
    if modal:
        delivery = f"{modal.verb}:{body['trigger_id']}"
        request = modals.request(modal, deps, view=view["id"], part=part, delivery=delivery)
        await _say(await accept(request, deps), view["id"], modal, deps)
    await ack()


async def _say(trouble: str, view: str, modal: Modal, deps: Deps) -> None:
    """A sentence in place of what was awaited."""
    if not trouble:
        return
    said = details_layout.sentence(modals_text.TITLES[modal.verb], modal.id, modal.verb, trouble)
    try:
        await deps.slack.views_update(view_id=view, view=said.to_dict())
    except SlackClientError:
        return


async def agreed(ack: AsyncAck, body: dict[str, Any], view: dict[str, Any], deps: Deps) -> None:
    """The price of a rescan was accepted: kept as a request, once for each answer."""
    trouble = await _agree(body, view["private_metadata"], deps)
    if trouble:
        said = details_layout.sentence(modals_text.RESCAN, view["private_metadata"], Verb.PRICE, trouble)
        await ack(response_action="update", view=said.to_dict())
    else:
        await ack()


async def _agree(body: dict[str, Any], modal_id: str, deps: Deps) -> str:
    try:
        modal = await modals.mine(body, modal_id, deps)
    except StoreDown:
        return text.CANNOT_TAKE
    if modal is None:
        return text.GONE
    once = f"{Verb.RESCAN}:{modal.about}"
    return await accept(modals.request(modal, deps, verb=Verb.RESCAN, delivery=once), deps)
