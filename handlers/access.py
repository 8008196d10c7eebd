"""Permissions: who may ask from where, and who may change a channel's settings. The same rules for every entry point."""

import re
from dataclasses import dataclass
from enum import StrEnum

from handlers.people import Directory, Person, Role, Unknown
from handlers.request import Origin

DIRECT = "DM"
"""Means direct messages with the bot, in a list of channels. No channel's name has capital letters."""
_CHANNEL = re.compile(r"[CG][A-Z0-9]+")


class Denial(StrEnum):
    """Why someone may not ask. The values are stored in the audit trail."""

    GUEST = "guest"
    STRANGER = "stranger"
    BOT = "bot"
    GONE = "gone"
    UNKNOWN = "unknown"
    """Slack did not say who it is, so access is denied."""
    USER = "user"
    """Not on the operator's list of people."""
    CHANNEL = "channel"
    """Not a channel on the operator's list."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may ask: by default every full member of the workspace that installed the bot."""

    roles: frozenset[Role] = frozenset({Role.MEMBER})
    users: frozenset[str] = frozenset()
    """Ids or names; empty means everybody."""
    channels: frozenset[str] = frozenset()
    """Ids or names, or DIRECT; empty means everywhere."""
    admins: frozenset[str] = frozenset()
    """Ids or names of people who may change any channel's settings, besides the workspace's admins."""


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
