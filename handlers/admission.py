"""Admission: the one place where a request is checked for permission and stored, before Slack gets its acknowledgement."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import structlog
from slack_bolt import BoltResponse
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest

from handlers import text
from handlers.access import denial
from handlers.deps import AdmissionDeps, ListenerDeps, StoreDown
from handlers.modals import Modal
from handlers.payloads import MalformedPayload
from handlers.request import Request
from handlers.text import about

log = structlog.get_logger()


async def accept(request: Request, deps: AdmissionDeps) -> str:
    """Store a request with its first job if its asker may ask. Returns what to tell them: "" when it is stored."""
    try:
        return await accept_or_raise(request, deps)
    except StoreDown:
        return text.CANNOT_TAKE


async def accept_or_raise(request: Request, deps: AdmissionDeps) -> str:
    """As `accept`, for events: raises StoreDown when nothing could be stored, so that Slack delivers the event again.

    A repeated delivery changes nothing. Its denial is told again only through a response_url, where a person waits.
    """
    denied = await denial(request.origin, deps.directory, deps.policy)
    if denied is None:
        await deps.store.accept(request)
        return ""
    first_time = await deps.store.refuse(request, denied.value)
    return about.denied(denied, deps.audience) if first_time or request.origin.response_url else ""


async def may_open(modal: Modal, deps: AdmissionDeps) -> str:
    """Whether someone may open this modal. Returns what to tell them: "" when they may.

    Only a denial is stored: there is no request yet.
    """
    try:
        denied = await denial(modal.origin, deps.directory, deps.policy)
        if denied is None:
            return ""
        await deps.store.refuse(modal, denied.value)
    except StoreDown:
        return text.CANNOT_TAKE
    return about.denied(denied, deps.audience)


class AddDeps(AsyncMiddleware):
    """Gives every listener that names it the argument `deps`. Bolt passes listeners what is in its context."""

    def __init__(self, deps: ListenerDeps) -> None:
        self._deps = deps

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,  # noqa: ARG002
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002 - bolt's name
    ) -> BoltResponse:
        """Add it to the context of one request."""
        req.context["deps"] = self._deps
        return await next()


def skip_malformed(listener: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """A listener that logs a malformed payload and acknowledges it: Slack would only send the same one again.

    Bolt looks through `wraps` for the names of the arguments, so the listener gets what it asks for.
    """

    @wraps(listener)
    async def checked(**given: Any) -> None:
        try:
            await listener(**given)
        except MalformedPayload as malformed:
            log.warning("malformed_payload", listener=listener.__qualname__, missing=malformed.missing)
            if "ack" in given:
                await given["ack"]()

    return checked
