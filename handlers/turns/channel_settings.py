"""`/vt settings`: the modal is filled with the channel's settings, and changed settings are stored."""

from handlers.access import may_change
from handlers.channel_settings import changes
from handlers.deps import Case, Outcome, SettingsDeps, Verb
from handlers.posting import reply
from handlers.request import ChangeSettingsRequest, SettingsRequest
from handlers.text import modals as modals_text
from handlers.turns import modals
from handlers.turns.answers import end
from handlers.views import answer, settings
from handlers.views.details_layout import sentence

DIRECT = ("D", "U", "W")
"""How the ids of direct messages begin. They have no settings: nobody else is there."""


async def show(case: Case[SettingsRequest], deps: SettingsDeps) -> None:
    """Fill the modal with the settings of the channel, as fields for those who may change them."""
    origin = case.request.origin
    if origin.channel.startswith(DIRECT):
        view = sentence(modals_text.SETTINGS, case.request.modal, Verb.SETTINGS, modals_text.NOT_HERE)
    else:
        current = await deps.channel_settings.get(origin.team, origin.channel)
        is_allowed = await may_change(origin, deps.directory, deps.policy)
        view = settings.settings(current, deps.thresholds, case.request.modal, may_change=is_allowed)
    await modals.update(case, view, deps)
    await end(case, deps)


async def change(case: Case[ChangeSettingsRequest], deps: SettingsDeps) -> None:
    """Store changed settings, if this person may change them.

    The case, which the audit reads, has the old and the new values before anything is changed.
    """
    origin = case.request.origin
    new = case.request.settings
    if not await may_change(origin, deps.directory, deps.policy):
        refused = await reply(_to_asker(case), answer.note(modals_text.WHO_MAY_CHANGE), deps)
        await end(refused, deps, Outcome.REFUSED)
        return
    if not case.changes:
        old = await deps.channel_settings.get(origin.team, origin.channel)
        case = case.model_copy(update={"changes": changes(old, new)})
        await deps.store.save(case)
    await deps.channel_settings.change(origin.team, origin.channel, new)
    saved = await reply(_to_asker(case), answer.note(modals_text.saved(case.changes)), deps)
    await end(saved, deps)


def _to_asker(case: Case) -> Case:
    """Answered in direct messages when the settings were changed from the home, which is in no channel."""
    origin = case.request.origin
    if origin.response_url:
        return case
    direct = origin.model_copy(update={"channel": origin.user})
    return case.model_copy(update={"request": case.request.model_copy(update={"origin": direct})})
