"""`/vt settings`: the modal is opened and filled, and what is sent with it is changed by those who may."""

from typing import Any

from slack_bolt.async_app import AsyncAck

from handlers import text
from handlers.access import may_change
from handlers.admission import accept
from handlers.deps import Case, Deps, Outcome, StoreDown, Verb
from handlers.listeners import modals
from handlers.post import reply
from handlers.text import modals as modals_text
from handlers.turns import answers, details
from handlers.views import answer, settings
from handlers.views.details_layout import sentence
from handlers.views.form_fields import Wrong

DIRECT = ("D", "U", "W")
"""How the ids of direct messages begin: nobody else is there to agree with."""


async def show(case: Case, deps: Deps) -> None:
    """What holds in the channel; to be changed, for those who may."""
    origin = case.request.origin
    if origin.channel.startswith(DIRECT):
        view = sentence(modals_text.SETTINGS, case.request.modal, Verb.SETTINGS, modals_text.NOT_HERE)
    else:
        ways = await deps.channels.ways(origin.team, origin.channel)
        may = await may_change(origin, deps.directory, deps.policy)
        view = settings.settings(ways, deps.thresholds, case.request.modal, may_change=may)
    await details.update(case, view, deps)
    await answers.end(case, deps)


async def submitted(ack: AsyncAck, body: dict[str, Any], view: dict[str, Any], deps: Deps) -> None:
    """The settings were sent: kept as a request, or the field that is wrong is said."""
    wrong = await _submit(body, view, deps)
    if wrong:
        await ack(response_action="errors", errors=wrong)
    else:
        await ack()


async def _submit(body: dict[str, Any], view: dict[str, Any], deps: Deps) -> dict[str, str]:
    """Returns field -> sentence."""
    try:
        modal = await modals.mine(body, view["private_metadata"], deps)
    except StoreDown:
        return {"answers": text.CANNOT_TAKE}
    if modal is None:
        return {"answers": modals_text.FORM_GONE}
    try:
        ways = settings.wanted(view["state"]["values"])
    except Wrong as wrong:
        return {wrong.field: text.usage_error(wrong.usage_error)}
    trouble = await accept(modals.request(modal, deps, verb=Verb.CHANGE, ways=ways), deps)
    return {"answers": trouble} if trouble else {}


async def change(case: Case, deps: Deps) -> None:
    """Have it hold, if this person may decide so. The audit trail has old and new before anything is changed."""
    origin, new = case.request.origin, case.request.ways
    if new is None or not await may_change(origin, deps.directory, deps.policy):
        refused = await reply(_to_asker(case), answer.note(modals_text.WHO_MAY_CHANGE), deps)
        await answers.end(refused, deps, Outcome.REFUSED)
        return
    if not case.changes:
        old = await deps.channels.ways(origin.team, origin.channel)
        case = case.model_copy(update={"changes": settings.changes(old, new)})
        await deps.store.save(case)
    await deps.channels.change(origin.team, origin.channel, new)
    await answers.end(await reply(_to_asker(case), answer.note(modals_text.saved(case.changes)), deps), deps)


def _to_asker(case: Case) -> Case:
    """Answered in the direct messages when it was changed from the home: the channel did not ask."""
    origin = case.request.origin
    if origin.response_url:
        return case
    mine = origin.model_copy(update={"channel": origin.user})
    return case.model_copy(update={"request": case.request.model_copy(update={"origin": mine})})
