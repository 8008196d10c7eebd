"""Admission: the one place where a request is checked for permission and stored, before Slack gets its acknowledgement."""

from handlers import text
from handlers.access import denial
from handlers.deps import Deps, Request, StoreDown
from handlers.text import access


async def accept(request: Request, deps: Deps) -> str:
    """Store a request with its first job if its asker may ask. Returns what to tell them: "" when it is stored."""
    try:
        return await accept_or_raise(request, deps)
    except StoreDown:
        return text.CANNOT_TAKE


async def accept_or_raise(request: Request, deps: Deps) -> str:
    """As `accept`, for events: raises StoreDown when nothing could be stored, so that Slack delivers the event again.

    A repeated delivery changes nothing. Its denial is told again only through a response_url, where a person waits.
    """
    denied = await denial(request.origin, deps.directory, deps.policy)
    if denied is None:
        await deps.store.accept(request)
        return ""
    first_time = await deps.store.refuse(request, denied.value)
    return access.DENIALS[denied] if first_time or request.origin.response_url else ""


async def may_open(request: Request, deps: Deps) -> str:
    """Whether someone may open a modal. Returns what to tell them: "" when they may.

    Only a denial is stored: there is no request yet.
    """
    try:
        denied = await denial(request.origin, deps.directory, deps.policy)
        if denied is None:
            return ""
        await deps.store.refuse(request, denied.value)
    except StoreDown:
        return text.CANNOT_TAKE
    return access.DENIALS[denied]
