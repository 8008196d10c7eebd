"""Lookups: a turn does what can be done now, shows how far it has come, and says when to continue.

The buttons of an answer renew its lookups: submit unknown URLs, rescan, check again.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from slack_sdk.errors import SlackApiError

from handlers import text
from handlers.admission import effective_settings
from handlers.case import Case, Outcome, Sighting
from handlers.deps import LookupDeps
from handlers.posting import is_transient
from handlers.replies import reply, send_file
from handlers.request import LookupRequest, RenewalRequest, SubmitPolicy, Verb
from handlers.turns import answers, consent
from handlers.turns.answers import decline, end, message, visible_answer
from handlers.views import messages
from handlers.views.exports import as_json
from vt.actions import BY_KEY
from vt.indicators import Kind, read
from vt.lookup import Lookup, Step
from vt.results import can_rescan, can_submit
from vt.service import next_turn
from vt.verdict import Finding, Note

Renewal = Callable[[Lookup, Finding, LookupDeps], Lookup]
"""Makes of a lookup and its finding the lookup to do again."""


async def look_up(case: Case[LookupRequest], deps: LookupDeps) -> None:
    """Look up what was asked for, and the domains of the people that were mentioned."""
    if case.lookups:
        await advance(case, deps, fresh=case.request.fresh)
        return
    case = case.model_copy(update={"lookups": case.request.lookups})
    await _take_turn(case, deps, _first_turn, is_new=True)


async def renew(case: Case[RenewalRequest], deps: LookupDeps) -> None:
    """Look up again what an answer is about, unless it is gone or may not be seen."""
    is_new = not case.lookups
    if is_new:
        case = await _renewed(case, deps)
    if not case.lookups:
        await decline(case, text.GONE, "gone", deps)
        return
    await advance(case, deps, fresh=case.request.verb is Verb.RECHECK, is_new=is_new)


async def advance(case: Case, deps: LookupDeps, *, fresh: bool = False, is_new: bool = False) -> None:
    """Do all that can be done now; then answer, or show the progress and schedule the next turn.

    `fresh`: cached replies are not used. `is_new`: the lookups have not been stored yet.
    """
    await _take_turn(case, deps, partial(_advance, fresh=fresh), is_new=is_new)


async def _take_turn(
    case: Case, deps: LookupDeps, go_on: Callable[[Case[Any], LookupDeps], Awaitable[None]], *, is_new: bool
) -> None:
    """The one branch about files: a turn without any does not touch turns/consent.py."""
    if case.has_files:
        await consent.prepare(case, deps, go_on, is_new=is_new)
    else:
        await go_on(case, deps)


async def _first_turn(case: Case[LookupRequest], deps: LookupDeps) -> None:
    case = case.model_copy(update={"lookups": (*case.lookups, *await _people(case, deps))})
    if not case.lookups:
        # No mentioned person has a visible e-mail address.
        await end(await reply(case, messages.note(text.NO_MAIL), deps), deps, Outcome.REFUSED)
        return
    await _advance(case, deps, fresh=case.request.fresh)


async def _advance(case: Case, deps: LookupDeps, *, fresh: bool) -> None:
    async with answers.reported(case, deps) as reporting:
        async for lookups in deps.service.advance(case.lookups, reporting.on_bytes, fresh=fresh):
            await reporting.save(lookups)
    case = reporting.case
    at = next_turn(case.lookups)
    if at is None:
        await _answer(case, deps)
    else:
        await _wait(case, at, deps)


async def _answer(case: Case, deps: LookupDeps) -> None:
    """Everything is settled: post the answer, with the question about its files if there is one."""
    now = deps.clock()
    found = case.findings(now)
    sightings = [Sighting.of(one) for one in found]
    await deps.history.remember(case.request.id, case.request.origin, sightings, now)
    questioned = case
    if case.has_files:
        questioned = await consent.mark_asked(case, deps)
    case = await reply(case, await message(questioned, deps), deps)
    # Saved only once the question is visible: when posting fails, the next turn asks it with a time of its own.
    case = case.model_copy(update={"asked_at": questioned.asked_at})
    if case.plain:
        await send_file(case, as_json(found), deps)
    await end(case, deps)


async def _wait(case: Case, at: datetime, deps: LookupDeps) -> None:
    """Not settled: show what is known when that has changed, and schedule the next turn."""
    found = case.findings(deps.clock())
    state = " ".join(sorted(f"{one.input}:{one.state}:{one.note or ''}" for one in found))
    if case.channel:
        # A message of the bot's own can be edited at each poll, to say how long it has been.
        state += f" {[lookup.attempts for lookup in case.lookups]}"
    if state != case.told:
        case = await reply(case, await message(case, deps, final=False), deps, final=False)
        await deps.store.save(case.model_copy(update={"told": state}))
    await deps.store.again(case.request.id, at)


# What to look up -----------------------------------------------------------------------------------------


async def _people(case: Case[LookupRequest], deps: LookupDeps) -> list[Lookup]:
    """A lookup for each mentioned person that has an e-mail address, with the threshold of the channel."""
    if not case.request.people:
        return []
    thresholds, _ = await effective_settings(case.request.origin, deps.channel_settings, deps.thresholds)
    people = [await _person(user, thresholds, deps) for user in case.request.people]
    return [lookup for lookup in people if lookup]


async def _person(user: str, thresholds: Mapping[str, int], deps: LookupDeps) -> Lookup | None:
    """The domain report for a person's e-mail address; None when Slack shows none. Raises SlackApiError for a retry."""
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


# Renewals ------------------------------------------------------------------------------------------------


async def _renewed(case: Case[RenewalRequest], deps: LookupDeps) -> Case[RenewalRequest]:
    """The case with an answer's lookups to do again; with none when the answer is gone or may not be seen.

    Everybody who sees an answer may have it checked again. But its files are read only for the person who asked for
    them first; for others they are looked up by their hashes. Raises StoreDown.
    """
    about = await visible_answer(case, deps)
    if about is None or (case.request.verb is Verb.SUBMIT and deps.submit is SubmitPolicy.DENY):
        return case
    is_asker = about.is_owned_by(case.request.origin)
    if case.request.verb is Verb.ALLOW_OWN_URL and not is_asker:
        return case  # only the asker may have their secret sent
    by_hash = case.request.verb is Verb.RECHECK and not is_asker
    renewal = _recheck_by_hash if by_hash else RENEWALS[case.request.verb]
    found = zip(about.lookups, about.findings(deps.clock()), strict=True)
    case = case.as_renewal(about, tuple(renewal(lookup, finding, deps) for lookup, finding in found))
    return case.model_copy(update={"shared_by": _shared_by(case, about)})


def _shared_by(case: Case, about: Case) -> str | None:
    """Who shared the message that the renewed answer replaces."""
    before = about.request.origin
    was_private = before.response_url is not None and not before.public
    return about.shared_by or (before.user if case.request.origin.public and was_private else None)


def _submit(lookup: Lookup, finding: Finding, _: LookupDeps) -> Lookup:
    return lookup.submitted_on_request() if can_submit(finding) else lookup


def _rescan(lookup: Lookup, finding: Finding, deps: LookupDeps) -> Lookup:
    private_key = deps.service.client.kind == "private"
    return lookup.rescanned_on_request() if can_rescan(finding, private_key=private_key) else lookup


def _recheck(lookup: Lookup, _: Finding, __: LookupDeps) -> Lookup:
    return lookup.rechecked()


def _recheck_by_hash(lookup: Lookup, _: Finding, __: LookupDeps) -> Lookup:
    """A file by the hash that is known, without reading it; when none is known, it stays as it is."""
    again = lookup.rechecked()
    if not lookup.is_file:
        return again
    if not lookup.value:
        return lookup.evolve(step=Step.DONE)
    return again.evolve(kind=lookup.kind, value=lookup.value, size=lookup.size, note=Note.HASH_ONLY)


def _allow(lookup: Lookup, _: Finding, __: LookupDeps) -> Lookup:
    return lookup.secret_allowed()


RENEWALS: Mapping[Verb, Renewal] = {
    Verb.SUBMIT: _submit,
    Verb.RESCAN: _rescan,
    Verb.RECHECK: _recheck,
    Verb.ALLOW_OWN_URL: _allow,
}
