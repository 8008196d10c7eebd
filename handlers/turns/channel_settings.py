"""`/vt settings`: the modal is filled with what holds in the channel, and changed settings are stored."""

from handlers.access import may_change
from handlers.deps import Case, Outcome, SettingsDeps, Verb
from handlers.posting import reply
from handlers.request import ChangeSettingsRequest, SettingsRequest
from handlers.text import modals as modals_text
from handlers.turns import answers, modals
from handlers.views import answer, settings
from handlers.views.details_layout import sentence

DIRECT = ("D", "U", "W")
"""How the ids of direct messages begin: nobody else is there to agree with."""


async def show(case: Case[SettingsRequest], deps: SettingsDeps) -> None:
    """What holds in the channel; to be changed, for those who may."""
    origin = case.request.origin
    if origin.channel.startswith(DIRECT):
        view = sentence(modals_text.SETTINGS, case.request.modal, Verb.SETTINGS, modals_text.NOT_HERE)
    else:
        current = await deps.channel_settings.get(origin.team, origin.channel)
        may = await may_change(origin, deps.directory, deps.policy)
        view = settings.settings(current, deps.thresholds, case.request.modal, may_change=may)
    await modals.update(case, view, deps)
    await answers.end(case, deps)


async def change(case: Case[ChangeSettingsRequest], deps: SettingsDeps) -> None:
    """Have it hold, if this person may decide so. The audit trail has old and new before anything is changed."""
    origin, new = case.request.origin, case.request.settings
    if not await may_change(origin, deps.directory, deps.policy):
        refused = await reply(_to_asker(case), answer.note(modals_text.WHO_MAY_CHANGE), deps)
        await answers.end(refused, deps, Outcome.REFUSED)
        return
    if not case.changes:
        old = await deps.channel_settings.get(origin.team, origin.channel)
        case = case.model_copy(update={"changes": settings.changes(old, new)})
        await deps.store.save(case)
    await deps.channel_settings.change(origin.team, origin.channel, new)
    await answers.end(await reply(_to_asker(case), answer.note(modals_text.saved(case.changes)), deps), deps)


def _to_asker(case: Case) -> Case:
    """Answered in the direct messages when it was changed from the home: the channel did not ask."""
    origin = case.request.origin
    if origin.response_url:
        return case
    mine = origin.model_copy(update={"channel": origin.user})
    return case.model_copy(update={"request": case.request.model_copy(update={"origin": mine})})
