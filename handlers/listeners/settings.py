"""The settings modal is submitted: checked, and stored as a request to change what holds in the channel."""

from typing import Any

from slack_bolt.async_app import AsyncAck

from handlers import text
from handlers.admission import accept
from handlers.deps import Deps, StoreDown, Verb
from handlers.listeners import modals
from handlers.text import modals as modals_text
from handlers.views import settings
from handlers.views.form_fields import Wrong


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
