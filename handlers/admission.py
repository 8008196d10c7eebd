"""The one way in: who asks is asked for permission, and a request is kept before it is acknowledged."""

from handlers import text
from handlers.access import refusal
from handlers.deps import Deps, Request, StoreDown
from handlers.text import access


async def take(request: Request, deps: Deps) -> str:
    """Keep a request, if its asker may ask. Returns what to tell them: "" when it is kept."""
    try:
        return await admit(request, deps)
    except StoreDown:
        return text.CANNOT_TAKE


async def admit(request: Request, deps: Deps) -> str:
    """The same for whoever is asked again by Slack: raises StoreDown when nothing could be kept.

    The same delivery again changes nothing, and its refusal is not said again.
    """
    why = await refusal(request.origin, deps.directory, deps.policy)
    if why is None:
        await deps.store.accept(request)
        return ""
    new = await deps.store.refuse(request, why.value)
    return access.REFUSALS[why] if new or request.origin.response_url else ""


async def let_in(request: Request, deps: Deps) -> str:
    """Whether someone may ask, before there is anything to keep: "" or the refusal. Nothing but a refusal is kept."""
    try:
        why = await refusal(request.origin, deps.directory, deps.policy)
        if why is None:
            return ""
        await deps.store.refuse(request, why.value)
    except StoreDown:
        return text.CANNOT_TAKE
    return access.REFUSALS[why]
