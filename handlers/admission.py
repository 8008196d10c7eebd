"""Admission: who may ask, with which settings, and who may change them; and where a request is stored."""

import re
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from functools import wraps
from typing import Any

import structlog
from slack_bolt import BoltResponse
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest

from handlers import text
from handlers.case import Modal
from handlers.deps import AdmissionDeps, ListenerDeps, SettingsStore, StoreDown
from handlers.payloads import MalformedPayload
from handlers.people import DIRECT, Denial, Directory, Person, Policy, Role, Unknown
from handlers.request import ChannelSettings, Origin, Request
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
    """An event's listener that logs a malformed payload. Bolt then acknowledges it: Slack would only send the same one again.

    What a person does is not wrapped: there bolt refuses what is malformed, and Slack tells them that it failed. Bolt looks
    through `wraps` for the names of the arguments, so the listener gets what it asks for.
    """

    @wraps(listener)
    async def checked(**given: Any) -> None:
        try:
            await listener(**given)
        except MalformedPayload as malformed:
            log.warning("malformed_payload", listener=listener.__qualname__, missing=malformed.missing)

    return checked


async def effective_settings(
    origin: Origin, store: SettingsStore, thresholds: Mapping[str, int]
) -> tuple[Mapping[str, int], ChannelSettings]:
    """The thresholds that apply where someone asks, in engines by action, and the channel's settings. Raises StoreDown.

    `thresholds`: the operator's, for the actions for which the channel has none.
    """
    settings = await store.get(origin.team, origin.channel)
    return {**thresholds, **settings.thresholds}, settings


# Permissions -------------------------------------------------------------------------------------------

_CHANNEL = re.compile(r"[CG][A-Z0-9]+")


async def denial(origin: Origin, directory: Directory, policy: Policy) -> Denial | None:
    """Why this person may not ask from there; None if they may. Raises StoreDown."""
    try:
        person = await directory.person(origin.user)
    except Unknown:
        return Denial.UNKNOWN
    if person.role not in policy.roles:
        return Denial(person.role.value)
    if policy.users and not _listed(person, policy.users):
        return Denial.USER
    if policy.channels and not await _in_listed(origin.channel, directory, policy.channels):
        return Denial.CHANNEL
    return None


class Scope(StrEnum):
    """Which channels' settings someone may change."""

    NOWHERE = "nowhere"
    CHANNEL = "channel"
    """The channel they are in, because they created it."""
    WORKSPACE = "workspace"


async def scope(origin: Origin, directory: Directory, policy: Policy) -> Scope:
    """Which channels' settings this person may change: NOWHERE when Slack does not say who they are. Raises StoreDown."""
    try:
        person = await directory.person(origin.user)
        if _is_admin(person, policy):
            return Scope.WORKSPACE
        created = person.role is Role.MEMBER and await directory.creator(origin.channel) == person.id
    except Unknown:
        return Scope.NOWHERE
    return Scope.CHANNEL if created else Scope.NOWHERE


async def may_change_all(origin: Origin, directory: Directory, policy: Policy) -> bool:
    """Whether this person may change the settings of every channel. Raises StoreDown."""
    try:
        return _is_admin(await directory.person(origin.user), policy)
    except Unknown:
        return False


def _is_admin(person: Person, policy: Policy) -> bool:
    return _listed(person, policy.admins) or (person.role is Role.MEMBER and person.admin)


async def may_change(origin: Origin, directory: Directory, policy: Policy) -> bool:
    """Whether this person may change the settings of the channel in `origin`. Raises StoreDown."""
    return await scope(origin, directory, policy) is not Scope.NOWHERE


def _listed(person: Person, users: frozenset[str]) -> bool:
    """By id, or by name for people of our own workspace: another workspace can give its users the same names."""
    return person.id in users or (person.role is not Role.STRANGER and person.name in users)


async def _in_listed(channel: str, directory: Directory, channels: frozenset[str]) -> bool:
    if not _CHANNEL.fullmatch(channel):
        return DIRECT in channels
    if channel in channels:
        return True
    try:
        return await directory.channel_name(channel) in channels
    except Unknown:
        return False
