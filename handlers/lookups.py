"""Looking things up: a turn does what can be done now, shows how far it has come, and says when to go on."""

from datetime import datetime

from slack_sdk.errors import SlackClientError

from handlers import blocks, history, progress, text
from handlers.answered import answered, end, findings, message
from handlers.deps import Case, Deps, Outcome, Verb
from handlers.post import reply
from vt.actions import BY_KEY
from vt.indicators import Kind, read
from vt.lookup import Lookup
from vt.service import next_turn


async def look_up(case: Case, deps: Deps) -> None:
    """Do all that can be done now, and show how far it has come."""
    case = await _prepared(case, deps)
    if not case.lookups:
        await end(await reply(case, blocks.note(text.NO_MAIL), deps), deps, Outcome.REFUSED)
        return
    async with progress.shown(case, deps) as told:
        async for lookups in deps.service.advance(case.lookups, told):
            case = case.model_copy(update={"lookups": lookups})
            await deps.store.save(case)
    at = next_turn(case.lookups)
    if at is None:
        now = deps.clock()
        await history.remember(case, findings(case, now), deps.history, now)
        await end(await reply(case, await message(case, deps), deps), deps)
    else:
        await _wait(case, at, deps)


async def _wait(case: Case, at: datetime, deps: Deps) -> None:
    """Not finished: say so once for each change of state, and go on later."""
    told = " ".join(sorted(f"{finding.asked}:{finding.state}" for finding in findings(case, deps.clock())))
    if told != case.told:
        case = await reply(case, await message(case, deps, final=False), deps, final=False)
        await deps.store.save(case.model_copy(update={"told": told}))
    await deps.store.again(case.request.id, at)


async def _prepared(case: Case, deps: Deps) -> Case:
    """With everything that is to be looked up: what was asked, mentioned people's domains, URLs to submit."""
    if case.lookups:
        return case
    lookups = case.request.lookups
    if case.request.verb is Verb.SUBMIT:
        lookups = await _to_submit(case, deps)
    if deps.upload == "allow":
        lookups = tuple(lookup.but(agreed=lookup.is_path) for lookup in lookups)
    lookups = await deps.service.expanded(lookups)
    people = [await _person(user, deps) for user in case.request.people]
    return case.model_copy(update={"lookups": (*lookups, *(lookup for lookup in people if lookup))})


async def _person(user: str, deps: Deps) -> Lookup | None:
    """A mentioned person is asked for by the domain of their mail address."""
    try:
        profile = (await deps.slack.users_info(user=user))["user"].get("profile", {})
    except SlackClientError:
        return None
    indicator = read(profile.get("email", ""))
    if indicator is None or indicator.kind is not Kind.EMAIL:
        return None
    action = BY_KEY["domain-report"]
    return Lookup.of(indicator, action, deps.thresholds.get(action.key, action.threshold))


async def _to_submit(case: Case, deps: Deps) -> tuple[Lookup, ...]:
    """The answer that carried the button, its unknown URLs now to be submitted."""
    about = await answered(case, deps)
    if about is None or deps.submit == "deny":
        return ()
    found = zip(about.lookups, findings(about, deps.clock()), strict=True)
    return tuple(one.submitted_on_request() if blocks.submittable(finding) else one for one, finding in found)
