"""Looking things up: a turn does what can be done now, shows how far it has come, and says when to go on."""

from collections.abc import Mapping
from datetime import datetime

from slack_sdk.errors import SlackApiError

from handlers import history, text
from handlers.channel_settings import holding
from handlers.deps import Case, Deps, Outcome, Verb
from handlers.files import permission, progress
from handlers.files.ownership import origins
from handlers.listeners.login import elsewhere
from handlers.posting import is_transient, reply, send_file
from handlers.turns.answers import decline, end, findings, message
from handlers.turns.renewals import renewed
from handlers.views import answer
from handlers.views.exports import as_json
from vt.actions import BY_KEY
from vt.indicators import Kind, read
from vt.lookup import Lookup
from vt.service import next_turn


async def look_up(case: Case, deps: Deps) -> None:
    """Do all that can be done now, and show how far it has come."""
    if at := elsewhere(case, case.lookups or case.request.lookups, deps):
        await deps.store.save(case)
        await deps.store.again(case.request.id, at)
        return
    case = await _prepared(case, deps)
    if not case.lookups:
        await _nothing(case, deps)
        return
    case = await permission.still(case, deps)
    async with progress.shown(case, deps) as telling:
        fresh = case.request.fresh or case.request.verb is Verb.RECHECK
        async for lookups in deps.service.advance(case.lookups, telling.told, fresh=fresh):
            await telling.save(lookups)
    case = telling.case
    at = next_turn(case.lookups)
    await (_answer(case, deps) if at is None else _wait(case, at, deps))


async def _answer(case: Case, deps: Deps) -> None:
    """Everything is settled: the answer, with its question if there is one."""
    now = deps.clock()
    await history.remember(case, findings(case, now), deps.history, now)
    put = await permission.put(case, deps)
    case = await reply(case, await message(put, deps), deps)
    # Not before it stands there: a turn that breaks is taken again later, and puts it then.
    case = case.model_copy(update={"asked_at": put.asked_at})
    if case.plain:
        await send_file(case, as_json(findings(case, now)), deps)
    await end(case, deps)


async def _wait(case: Case, at: datetime, deps: Deps) -> None:
    """Not finished: say so once for each change of state, and go on later."""
    found = findings(case, deps.clock())
    told = " ".join(sorted(f"{one.input}:{one.state}:{one.note or ''}" for one in found))
    if case.channel:
        # A message of the bot's own may say at each look how long it has been.
        told += f" {[lookup.attempts for lookup in case.lookups]}"
    if told != case.told:
        case = await reply(case, await message(case, deps, final=False), deps, final=False)
        await deps.store.save(case.model_copy(update={"told": told}))
    await deps.store.again(case.request.id, at)


async def _nothing(case: Case, deps: Deps) -> None:
    """There is nothing to look up: the answer is gone, or nobody's address was seen."""
    if case.request.about:
        await decline(case, text.GONE, "gone", deps)
        return
    case = await reply(case, answer.note(text.NO_MAIL), deps)
    await end(case, deps, Outcome.REFUSED)


async def _prepared(case: Case, deps: Deps) -> Case:
    """With everything that is to be looked up: what was asked, mentioned people's domains, what is renewed."""
    if case.lookups:
        return case
    if case.request.about:
        case = await renewed(case, deps)
        return case.model_copy(update={"lookups": await _allowed(case, case.lookups, deps)})
    lookups = await deps.service.expanded(await _allowed(case, case.request.lookups, deps))
    return case.model_copy(update={"lookups": (*lookups, *await _people(case, deps))})


async def _people(case: Case, deps: Deps) -> list[Lookup]:
    """The mentioned people that have an address, with the threshold that holds where they were mentioned."""
    if not case.request.people:
        return []
    thresholds, _ = await holding(case.request.origin, deps.channels, deps.thresholds)
    people = [await _person(user, thresholds, deps) for user in case.request.people]
    return [lookup for lookup in people if lookup]


async def _allowed(case: Case, lookups: tuple[Lookup, ...], deps: Deps) -> tuple[Lookup, ...]:
    """Files that may be uploaded without a question, if the settings say so."""
    files = any(lookup.is_path for lookup in lookups)
    if files and await permission.policy(origins(case), deps) == "allow":
        return tuple(lookup.auto_consented() for lookup in lookups)
    return lookups


async def _person(user: str, thresholds: Mapping[str, int], deps: Deps) -> Lookup | None:
    """A mentioned person is asked for by the domain of their mail address."""
    try:
        profile = (await deps.slack.users_info(user=user))["user"].get("profile", {})
    except SlackApiError as error:
        if is_transient(error):
            raise
        return None
    indicator = read(profile.get("email", ""))
    if indicator is None or indicator.kind is not Kind.EMAIL:
        return None
    action = BY_KEY["domain-report"]
    return Lookup.of(indicator, action, thresholds.get(action.key, action.threshold))
