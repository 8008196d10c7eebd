"""The one path from a stored request to its answer: every verb has a handler, which does what can be done now."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from handlers import text
from handlers.deps import Case, Deps, InfoDeps, Outcome, PostingDeps, StoreDown, Verb
from handlers.health import Probe, health
from handlers.posting import CannotPost, NotPosted, reply
from handlers.request import FormRequest, SayRequest
from handlers.text import about
from handlers.turns import buttons, lookup, modals, watch_cards, watch_commands
from handlers.turns.answers import end
from handlers.turns.unreadable import end_unreadable
from handlers.unreadable import UnreadableCase
from handlers.views import answer
from vt.quota import metered

log = structlog.get_logger()


async def turn(case_id: str, deps: Deps) -> None:
    """Take the next turn of a request. Whatever this raises, the job tries it again; `give_up` follows the last try."""
    try:
        case = await deps.store.case(case_id)
    except UnreadableCase as unreadable:
        await end_unreadable(unreadable, deps)
        return
    if case is None or case.outcome is not Outcome.OPEN:
        return
    with metered() as spent:
        try:
            await HANDLERS[case.request.verb](case, deps)
        except CannotPost:
            await _fail(case_id, deps)
        finally:
            if spent.calls:
                await deps.store.spent(case_id, spent.calls)


async def give_up(case_id: str, deps: Deps) -> None:
    """After the last try: tell the asker that there is no answer, and end the request.

    Raises NotPosted and StoreDown: then it is to be called again.
    """
    try:
        case = await deps.store.case(case_id)
    except UnreadableCase as unreadable:
        await end_unreadable(unreadable, deps, is_last_try=True)
        return
    if case is None or case.outcome is not Outcome.OPEN:
        return
    try:
        failed = answer.note(text.FAILED.to(deps.audience.about(case_id)))
        await end(await reply(case, failed, deps), deps, Outcome.FAILED)
    except CannotPost:
        await _fail(case_id, deps)
    except (NotPosted, StoreDown):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it would be the same at the next call
        log.warning("giving_up_broke", case=case_id, error=type(error).__name__)
        await deps.store.fail(case_id, "broken")


async def _fail(case_id: str, deps: Deps) -> None:
    """End a request whose asker cannot be reached. What was found is kept."""
    case = await deps.store.case(case_id)
    if case:
        await end(case, deps, Outcome.FAILED)


# The bot itself ------------------------------------------------------------------------------------------


async def _ping(case: Case, deps: InfoDeps) -> None:
    probes: dict[str, Probe] = {
        "key": deps.service.client.ping,
        "database": deps.store.ping,
        "slack": deps.slack.auth_test,
    }
    found = await health(probes, deps.audience.about(case.request.id))
    await end(await reply(case, answer.note(about.ping(found)), deps), deps)


async def _form(case: Case[FormRequest], deps: PostingDeps) -> None:
    await end(await reply(case, answer.form_offer(case.request.modal), deps), deps)


async def _quota(case: Case, deps: InfoDeps) -> None:
    await end(await reply(case, answer.note(about.quota(await deps.quota_left())), deps), deps)


async def _help(case: Case, deps: PostingDeps) -> None:
    await end(await reply(case, answer.help_message(), deps), deps)


async def _say(case: Case[SayRequest], deps: PostingDeps) -> None:
    await end(await reply(case, answer.note(case.request.sentence), deps), deps)


HANDLERS: Mapping[Verb, Callable[[Case[Any], Deps], Awaitable[None]]] = {
    Verb.LOOK_UP: lookup.look_up,
    Verb.SUBMIT: lookup.renew,
    Verb.UPLOAD: buttons.upload,
    Verb.OFFER_UPLOAD: buttons.offer,
    Verb.JSON: buttons.json,
    Verb.CSV: buttons.csv,
    Verb.SHARE: buttons.share,
    Verb.HIDE: buttons.hide,
    Verb.RESCAN: lookup.renew,
    Verb.RECHECK: lookup.renew,
    Verb.DETAILS: modals.show_details,
    Verb.WHY: modals.show_why,
    Verb.COMMENTS: modals.show_comments,
    Verb.RESCAN_COST: modals.show_rescan_cost,
    Verb.SETTINGS: modals.show_settings,
    Verb.CHANGE_SETTINGS: modals.change_settings,
    Verb.HOME: modals.show_home,
    Verb.ALLOW_OWN_URL: lookup.renew,
    Verb.WATCH: watch_commands.watch,
    Verb.IGNORE: watch_commands.ignore,
    Verb.JOIN: watch_commands.join_new_channel,
    Verb.SHOW_CARD: watch_cards.show_card,
    Verb.PRIORITISE: watch_cards.prioritise,
    Verb.ALLOW_URL: watch_cards.allow,
    Verb.DECLINE_URL: watch_cards.leave,
    Verb.PING: _ping,
    Verb.QUOTA: _quota,
    Verb.HELP: _help,
    Verb.SAY: _say,
    Verb.FORM: _form,
}
