"""Consent to an upload, and what else a turn about files needs before it goes on: the policy in force, and the login."""

import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from handlers.case import Case
from handlers.deps import FileDeps, LookupDeps
from handlers.files import acting_for
from handlers.request import LookupRequest, Origin, Uploads
from handlers.text import about as about_text
from handlers.text import files as words
from handlers.text.format import Sentence, said
from handlers.views import messages
from handlers.views.rich_text import Message
from vt.files.hosts import LOGIN
from vt.files.provider import file_name
from vt.lookup import ANY_CONTENT, Lookup, Step
from vt.privacy import UploadPolicy, matches_any
from vt.verdict import Note, can_upload

VALID_FOR = timedelta(minutes=10)

C = TypeVar("C", bound=Case)


# The policy ----------------------------------------------------------------------------------------------


async def policy_for(case: Case, deps: FileDeps) -> UploadPolicy:
    """The strictest of what the operator and the channels of a request set. Raises StoreDown.

    The channel where the files were asked for first counts as well as the one where somebody presses a button now: a
    private answer to what was asked in a channel is shown in direct messages.
    """
    return await _strictest((case.first_origin, case.request.origin), deps)


async def _strictest(origins: Iterable[Origin], deps: FileDeps) -> UploadPolicy:
    channels = {(origin.team, origin.channel) for origin in origins}
    settings = [await deps.channel_settings.get(*channel) for channel in sorted(channels)]
    set_here = [UploadPolicy(one.uploads) for one in settings if one.uploads is not Uploads.AS_SET]
    return max([deps.upload, *set_here], key=list(UploadPolicy).index)


async def auto_consent(case: Case, lookups: tuple[Lookup, ...], deps: FileDeps) -> tuple[Lookup, ...]:
    """The lookups, with consent for every file that was not read yet if the policy is `allow`. Raises StoreDown."""
    unread = any(lookup.is_path for lookup in lookups)
    if unread and await policy_for(case, deps) is UploadPolicy.ALLOW:
        return tuple(lookup.auto_consented() for lookup in lookups)
    return lookups


async def withdraw_forbidden(case: Case, deps: FileDeps) -> Case:
    """The case without consent to uploads that the policy forbids by now. Raises StoreDown.

    A request may wait for the quota for hours, and settings change meanwhile.
    """
    if not any(_is_about_to_upload(lookup) for lookup in case.lookups):
        return case
    policy = await policy_for(case, deps)
    return case.model_copy(update={"lookups": tuple(_permitted(one, policy) for one in case.lookups)})


def _is_about_to_upload(lookup: Lookup) -> bool:
    return bool(lookup.consented_sha256) and (
        lookup.upload_uncertain or lookup.step in (Step.ASK, Step.UPLOAD)
    )


def _permitted(lookup: Lookup, policy: UploadPolicy) -> Lookup:
    """The lookup, without its consent to an upload that the policy forbids.

    Consent that came from the settings needs `allow`; consent that a person gave holds unless the policy is `deny`.
    """
    from_settings = lookup.consented_sha256 == ANY_CONTENT
    is_forbidden = policy is UploadPolicy.DENY or (from_settings and policy is not UploadPolicy.ALLOW)
    if not is_forbidden or not _is_about_to_upload(lookup):
        return lookup
    # An upload that broke off may have arrived, so VirusTotal is still asked for the file.
    is_unsent = lookup.reanalyse_after and not lookup.upload_started
    return lookup.evolve(consented_sha256="", note=Note.NEEDS_CONSENT if is_unsent else lookup.note)


# The question --------------------------------------------------------------------------------------------


async def with_question(message: Message, case: Case, deps: FileDeps) -> Message:
    """The answer, followed by the question whether its files may be uploaded, or by why it is not asked.

    Raises StoreDown.
    """
    now = deps.clock()
    why_not = ""
    if await policy_for(case, deps) is UploadPolicy.DENY:
        why_not = words.UPLOADS_DENIED
    elif is_expired(case, now):
        why_not = words.OVER
    validity = words.lasts(case.first_origin.user, (_asked_since(case) or now) + VALID_FOR)
    return messages.with_question(message, case, validity, why_not)


async def mark_asked(case: C, deps: FileDeps) -> C:
    """The case with the time of its question, if the question is about to be shown for the first time. Raises StoreDown."""
    if case.asked_at or not messages.asked_about(case.lookups):
        return case
    if await policy_for(case, deps) is UploadPolicy.DENY:
        return case
    return case.model_copy(update={"asked_at": deps.clock()})


def is_expired(case: Case, now: datetime) -> bool:
    """Whether the question of this answer was asked more than VALID_FOR ago."""
    since = _asked_since(case)
    return since is None or now - since > VALID_FOR


def _asked_since(case: Case) -> datetime | None:
    if case.asked_at:
        return case.asked_at
    # Rows from before `asked_at` was stored: the question was asked once VirusTotal did not know the first file.
    files = messages.asked_about(case.lookups)
    return min((at for file in files if (at := file.reanalyse_after or file.checked_at)), default=None)


def offer_again(lookups: Iterable[Lookup], now: datetime, never: Sequence[str]) -> tuple[Lookup, ...]:
    """The lookups, with the question also about the files that VirusTotal knows. `never`: names that nobody may upload."""

    def offered(lookup: Lookup) -> Lookup:
        if not can_upload(lookup.finding(now)):
            return lookup
        if matches_any(file_name(lookup.input), never):
            return lookup.done(Note.NEVER_BY_NAME)
        return lookup.evolve(note=Note.NEEDS_CONSENT, reanalyse_after=now)

    return tuple(offered(lookup) for lookup in lookups)


def agree(lookups: Iterable[Lookup]) -> tuple[Lookup, ...]:
    """The lookups, with consent for the files that the question was about."""
    lookups = tuple(lookups)
    meant = messages.asked_about(lookups)
    return tuple(lookup.consented() if lookup in meant else lookup for lookup in lookups)


# The click -----------------------------------------------------------------------------------------------


class Rejection(StrEnum):
    """Why a click does not count. The values are stored in the audit trail."""

    GONE = "gone"
    NOT_YOURS = "not-yours"
    DENIED = "uploads-denied"
    TOO_LATE = "too-late"


SENTENCES: Mapping[Rejection, Sentence] = {
    Rejection.GONE: said(about_text.GONE),
    Rejection.NOT_YOURS: said(words.NOT_YOURS),
    Rejection.DENIED: words.NOT_NOW,
    Rejection.TOO_LATE: said(words.TOO_LATE),
}


async def check_click(about: Case | None, click: Case, deps: FileDeps) -> Rejection | None:
    """Why a click on the button "Upload" of that answer does not count; None if it does. Raises StoreDown."""
    if about is None or not messages.asked_about(about.lookups):
        return Rejection.GONE
    if rejection := await check_person(about, click, deps):
        return rejection
    return Rejection.TOO_LATE if is_expired(about, click.request.at) else None


async def check_person(about: Case | None, click: Case, deps: FileDeps) -> Rejection | None:
    """Why this person may not have files of that answer uploaded; None if they may. Raises StoreDown."""
    if about is None:
        return Rejection.GONE
    if not about.is_owned_by(click.request.origin):
        return Rejection.NOT_YOURS
    policy = await _strictest((about.first_origin, click.request.origin), deps)
    return Rejection.DENIED if policy is UploadPolicy.DENY else None


# Before a turn goes on ---------------------------------------------------------------------------------

LOGIN_SEARCH = timedelta(seconds=10)
"""How long other processes get to take a turn that needs a login which this one does not hold."""


async def prepare(
    case: Case, deps: LookupDeps, go_on: Callable[[Case[Any], LookupDeps], Awaitable[None]], *, is_new: bool
) -> None:
    """Prepare a case with files for its turn, then take the turn (`go_on`) on behalf of the person who asked.

    The turn is left to another process instead if that one may hold a login which somebody typed. `is_new`: this is
    the first turn, so the lookups have not been stored yet.
    """
    if at := _retry_at(case, deps):
        if not is_new:
            await deps.store.save(case)
        await deps.store.again(case.request.id, at)
        return
    with acting_for(case.request.origin, deps.slack):
        if is_new:
            lookups = await auto_consent(case, case.lookups, deps)
            if isinstance(case.request, LookupRequest):
                # A renewed answer names files, not patterns: a `*` in their names is an ordinary character.
                lookups = await deps.service.expand(lookups)
            case = case.model_copy(update={"lookups": lookups})
        case = await withdraw_forbidden(case, deps)
        await go_on(case, deps)


def _retry_at(case: Case, deps: LookupDeps) -> datetime | None:
    """When to try again because another process may hold a login that is needed now; None: go on in this one."""
    places = {
        one.place
        for one in case.lookups
        if one.place.startswith(f"{LOGIN}:")
        and one.step in (Step.ASK, Step.UPLOAD)
        and (one.consented_sha256 or not one.value)
    }
    is_held = deps.logins is not None and all(map(deps.logins.holds, places))
    if not places or is_held or deps.clock() - case.request.at > LOGIN_SEARCH:
        return None
    # A random delay: in step with the others, the same process could take every turn.
    return deps.clock() + timedelta(seconds=random.uniform(0.1, 0.7))  # noqa: S311 - no secret
