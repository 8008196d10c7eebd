"""The one path from a kept request to a reply. Each turn does what can be done now and says when to go on."""

from collections.abc import Awaitable, Callable, Mapping

from handlers import blocks, lookups, pressed, text, visits
from handlers.answered import end
from handlers.deps import Case, Deps, Outcome, Verb
from handlers.files import uploading
from handlers.files.logins import serving
from handlers.health import Probe, health
from handlers.messages import Barred
from handlers.modals import leafed, setting
from handlers.post import reply
from handlers.text import itself
from handlers.watch import manners, wishing
from vt.quota import metered


async def turn(case_id: str, deps: Deps) -> None:
    """Go on with a request. Whatever is raised here is tried again by the job; `give_up` comes after the last try."""
    case = await deps.store.case(case_id)
    if case is None or case.outcome is not Outcome.OPEN:
        return
    with metered() as spent, serving(case.request.origin):
        try:
            await _VERBS[case.request.verb](case, deps)
        except Barred:
            await _unheard(case_id, deps)
        finally:
            if spent.calls:
                await deps.store.spent(case_id, spent.calls)


async def give_up(case_id: str, deps: Deps) -> None:
    """Every try failed: the asker hears that there is no answer."""
    case = await deps.store.case(case_id)
    if case and case.outcome is Outcome.OPEN:
        try:
            await end(await reply(case, blocks.note(text.FAILED), deps), deps, Outcome.FAILED)
        except Barred:
            await _unheard(case_id, deps)


async def _unheard(case_id: str, deps: Deps) -> None:
    """There is no way to the asker. What was found is kept."""
    case = await deps.store.case(case_id)
    if case:
        await end(case, deps, Outcome.FAILED)


# The bot itself ------------------------------------------------------------------------------------------


async def _ping(case: Case, deps: Deps) -> None:
    probes: dict[str, Probe] = {
        "key": deps.service.client.ping,
        "database": deps.store.ping,
        "slack": deps.slack.auth_test,
    }
    await end(await reply(case, blocks.note(itself.ping(await health(probes))), deps), deps)


async def _form(case: Case, deps: Deps) -> None:
    await end(await reply(case, blocks.offer(case.request.about or ""), deps), deps)


async def _quota(case: Case, deps: Deps) -> None:
    await end(await reply(case, blocks.note(itself.quota(await deps.quota_left())), deps), deps)


async def _help(case: Case, deps: Deps) -> None:
    await end(await reply(case, blocks.guide(), deps), deps)


async def _say(case: Case, deps: Deps) -> None:
    await end(await reply(case, blocks.note(case.request.note), deps), deps)


_VERBS: Mapping[Verb, Callable[[Case, Deps], Awaitable[None]]] = {
    Verb.LOOK_UP: lookups.look_up,
    Verb.SUBMIT: lookups.look_up,
    Verb.UPLOAD: uploading.upload,
    Verb.OFFER: uploading.offer,
    Verb.JSON: pressed.json,
    Verb.CSV: pressed.csv,
    Verb.SHARE: pressed.share,
    Verb.HIDE: pressed.hide,
    Verb.RESCAN: lookups.look_up,
    Verb.RECHECK: lookups.look_up,
    Verb.DETAILS: leafed.show_details,
    Verb.WHY: leafed.show_why,
    Verb.COMMENTS: leafed.show_comments,
    Verb.PRICE: leafed.show_price,
    Verb.SETTINGS: setting.show,
    Verb.CHANGE: setting.change,
    Verb.HOME: visits.show,
    Verb.ANYWAY: lookups.look_up,
    Verb.WATCH: manners.watch,
    Verb.IGNORE: manners.ignore,
    Verb.ARRIVE: manners.arrive,
    Verb.SHOW: wishing.show,
    Verb.HURRY: wishing.hurry,
    Verb.ALLOW: wishing.allow,
    Verb.LEAVE: wishing.leave,
    Verb.PING: _ping,
    Verb.QUOTA: _quota,
    Verb.HELP: _help,
    Verb.SAY: _say,
    Verb.FORM: _form,
}
