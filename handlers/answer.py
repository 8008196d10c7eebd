"""The one path from a kept request to a reply. Each turn does what can be done now and says when to go on."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from slack_sdk.errors import SlackClientError

from handlers import blocks, text
from handlers.blocks import Frame, Message
from handlers.deps import Case, Deps, Outcome, Verb
from handlers.health import Probe, health
from handlers.messages import Barred
from handlers.post import Attachment, hand_over, publish, reply, whisper
from vt.actions import BY_KEY
from vt.indicators import Kind, read
from vt.lookup import Lookup
from vt.results import json_result
from vt.service import next_turn
from vt.verdict import Finding


async def turn(case_id: str, deps: Deps) -> None:
    """Go on with a request. Whatever is raised here is tried again by the job; `give_up` comes after the last try."""
    case = await deps.store.case(case_id)
    if case is None or case.outcome is not Outcome.OPEN:
        return
    try:
        await _VERBS[case.request.verb](case, deps)
    except Barred:
        await _unheard(case_id, deps)


async def give_up(case_id: str, deps: Deps) -> None:
    """Every try failed: the asker hears that there is no answer."""
    case = await deps.store.case(case_id)
    if case and case.outcome is Outcome.OPEN:
        try:
            await _end(await reply(case, blocks.note(text.FAILED), deps), deps, Outcome.FAILED)
        except Barred:
            await _unheard(case_id, deps)


async def _unheard(case_id: str, deps: Deps) -> None:
    """There is no way to the asker. What was found is kept."""
    case = await deps.store.case(case_id)
    if case:
        await _end(case, deps, Outcome.FAILED)


async def _end(case: Case, deps: Deps, outcome: Outcome = Outcome.ANSWERED) -> None:
    await deps.store.save(case.model_copy(update={"outcome": outcome}))


# Looking things up ---------------------------------------------------------------------------------------


async def _look_up(case: Case, deps: Deps) -> None:
    case = await _prepared(case, deps)
    if not case.lookups:
        await _end(await reply(case, blocks.note(text.NO_MAIL), deps), deps, Outcome.REFUSED)
        return
    async for lookups in deps.service.advance(case.lookups):
        case = case.model_copy(update={"lookups": lookups})
        await deps.store.save(case)
    at = next_turn(case.lookups)
    if at is None:
        await _end(await reply(case, _message(case, deps), deps), deps)
    else:
        await _wait(case, at, deps)


async def _wait(case: Case, at: datetime, deps: Deps) -> None:
    """Not finished: say so once for each change of state, and go on later."""
    told = " ".join(sorted(f"{finding.asked}:{finding.state}" for finding in findings(case, deps.clock())))
    if told != case.told:
        case = await reply(case, _message(case, deps, final=False), deps, final=False)
        await deps.store.save(case.model_copy(update={"told": told}))
    await deps.store.again(case.request.id, at)


async def _prepared(case: Case, deps: Deps) -> Case:
    """With everything that is to be looked up: what was asked, mentioned people's domains, URLs to submit."""
    if case.lookups:
        return case
    lookups = case.request.lookups
    if case.request.verb is Verb.SUBMIT:
        lookups = await _to_submit(case, deps)
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
    about = await _about(case, deps)
    if about is None or deps.submit == "deny":
        return ()
    found = zip(about.lookups, findings(about, deps.clock()), strict=True)
    return tuple(one.submitted_on_request() if blocks.submittable(finding) else one for one, finding in found)


def findings(case: Case, now: datetime) -> list[Finding]:
    """What is known of everything that was asked."""
    return [lookup.finding(now) for lookup in case.lookups]


def _message(case: Case, deps: Deps, *, final: bool = True, shared_by: str | None = None) -> Message:
    frame = Frame(
        case=case.request.id,
        now=deps.clock(),
        final=final,
        shared_by=shared_by or (case.request.origin.user if case.request.share else None),
        submit=deps.submit,
        invented=deps.invented,
    )
    return blocks.answer(findings(case, deps.clock()), frame)


# Buttons -------------------------------------------------------------------------------------------------


async def _about(case: Case, deps: Deps) -> Case | None:
    """The answered request a button belongs to, if the one who pressed it may see it."""
    about = await deps.store.case(case.request.about or "")
    if about is None or not about.lookups:
        return None
    mine, theirs = case.request.origin, about.request.origin
    seen_by_all = mine.public and mine.channel == theirs.channel
    return about if mine.team == theirs.team and (seen_by_all or mine.user == theirs.user) else None


async def _json(case: Case, deps: Deps) -> None:
    about = await _about(case, deps)
    if about is None:
        await whisper(case, text.GONE, deps)
        await _end(case, deps, Outcome.REFUSED)
        return
    where = await hand_over(case.request.origin, as_file(findings(about, deps.clock())), deps)
    await whisper(case, where, deps)
    await _end(case, deps)


def as_file(found: list[Finding]) -> Attachment:
    """The documented JSON result as a file; VirusTotal's replies are in it untouched."""
    content = json.dumps(json_result(found), ensure_ascii=False, indent=1).encode("utf-8", "replace")
    one = found[0].indicator.value if found[0].indicator and not found[0].action.files else found[0].asked
    name = one if len(found) == 1 else f"{len(found)} indicators"
    return Attachment(f"virustotal-{re.sub(r'[^A-Za-z0-9.-]+', '_', name)[:80].strip('_.')}.json", content)


async def _share(case: Case, deps: Deps) -> None:
    about = await _about(case, deps)
    if about is None:
        await whisper(case, text.GONE, deps)
        await _end(case, deps, Outcome.REFUSED)
        return
    done = await publish(case, _message(about, deps, shared_by=case.request.origin.user), deps)
    await _end(case, deps, Outcome.ANSWERED if done else Outcome.FAILED)


# The bot itself ------------------------------------------------------------------------------------------


async def _ping(case: Case, deps: Deps) -> None:
    probes: dict[str, Probe] = {
        "key": deps.service.client.ping,
        "database": deps.store.ping,
        "slack": deps.slack.auth_test,
    }
    await _end(await reply(case, blocks.note(text.ping(await health(probes))), deps), deps)


async def _form(case: Case, deps: Deps) -> None:
    await _end(await reply(case, blocks.offer(case.request.about or ""), deps), deps)


async def _quota(case: Case, deps: Deps) -> None:
    await _end(await reply(case, blocks.note(text.quota(await deps.quota_left())), deps), deps)


async def _help(case: Case, deps: Deps) -> None:
    await _end(await reply(case, blocks.guide(), deps), deps)


async def _say(case: Case, deps: Deps) -> None:
    await _end(await reply(case, blocks.note(case.request.note), deps), deps)


_VERBS: Mapping[Verb, Callable[[Case, Deps], Awaitable[None]]] = {
    Verb.LOOK_UP: _look_up,
    Verb.SUBMIT: _look_up,
    Verb.JSON: _json,
    Verb.SHARE: _share,
    Verb.PING: _ping,
    Verb.QUOTA: _quota,
    Verb.HELP: _help,
    Verb.SAY: _say,
    Verb.FORM: _form,
}
