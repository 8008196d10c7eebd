"""What a turn does before it goes on, if the request is about files: consent, patterns, and the login that it needs."""

import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from handlers.deps import Case, LookupDeps
from handlers.files import consent
from handlers.logins import acting_for
from handlers.request import LookupRequest
from vt.files.hosts import LOGIN
from vt.lookup import Lookup, Step

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
    with acting_for(case.request.origin):
        if is_new:
            case = await _first_time(case, deps)
        case = await consent.withdraw_forbidden(case, deps)
        await go_on(case, deps)


async def _first_time(case: Case, deps: LookupDeps) -> Case:
    """The case with consent if the settings give it, and with the files that its patterns match."""
    lookups = await consent.auto_consent(case, case.lookups, deps)
    if isinstance(case.request, LookupRequest):
        # A renewed answer names files, not patterns: a `*` in their names is an ordinary character.
        lookups = await deps.service.expand(lookups)
    return case.model_copy(update={"lookups": lookups})


def _retry_at(case: Case, deps: LookupDeps) -> datetime | None:
    """When to try again because another process may hold a login that is needed now; None: go on in this one."""
    places = {one.place for one in case.lookups if one.place.startswith(f"{LOGIN}:") and _opens_file(one)}
    is_held = deps.logins is not None and all(map(deps.logins.holds, places))
    if not places or is_held or deps.clock() - case.request.at > LOGIN_SEARCH:
        return None
    # A random delay: in step with the others, the same process could take every turn.
    return deps.clock() + timedelta(seconds=random.uniform(0.1, 0.7))  # noqa: S311 - no secret


def _opens_file(lookup: Lookup) -> bool:
    return lookup.step in (Step.ASK, Step.UPLOAD) and (not lookup.value or bool(lookup.consented_sha256))
