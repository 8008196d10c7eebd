"""May they? One answer for every way in, asked where requests are taken and nowhere else."""

import re
from dataclasses import dataclass
from enum import StrEnum

from handlers.people import Directory, Person, Role, Unknown
from handlers.request import Origin

DIRECT = "DM"
"""Stands for the direct messages with the bot in a list of channels; no channel's name has capitals."""
_CHANNEL = re.compile(r"[CG][A-Z0-9]+")


class Refusal(StrEnum):
    """Why not."""

    GUEST = "guest"
    STRANGER = "stranger"
    BOT = "bot"
    GONE = "gone"
    UNKNOWN = "unknown"
    """Slack did not say who it is: nobody is let in on a guess."""
    USER = "user"
    """Not among those whom the operator lists."""
    CHANNEL = "channel"
    """Not in a channel that the operator lists."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom the operator lets in: full members of the installing workspace, and whoever else is named here."""

    roles: frozenset[Role] = frozenset({Role.MEMBER})
    users: frozenset[str] = frozenset()
    """Ids or names; nobody listed: everybody."""
    channels: frozenset[str] = frozenset()
    """Ids or names, or DIRECT; none listed: everywhere."""
    admins: frozenset[str] = frozenset()
    """Ids or names of those who may change what holds for a channel, beside its creator and the workspace's admins."""


async def refusal(origin: Origin, directory: Directory, policy: Policy) -> Refusal | None:
    """Why this person may not ask from there; None: they may. Raises StoreDown."""
    try:
        person = await directory.person(origin.user)
    except Unknown:
        return Refusal.UNKNOWN
    if person.role not in policy.roles:
        return Refusal(person.role.value)
    if policy.users and not _listed(person, policy.users):
        return Refusal.USER
    if policy.channels and not await _in_listed(origin.channel, directory, policy.channels):
        return Refusal.CHANNEL
    return None


class Reach(StrEnum):
    """How far someone's say goes."""

    NOWHERE = "nowhere"
    CHANNEL = "channel"
    """They made the channel they are in."""
    WORKSPACE = "workspace"


async def reach(origin: Origin, directory: Directory, policy: Policy) -> Reach:
    """Over what this person may decide; over nothing, when Slack does not say who it is. Raises StoreDown."""
    try:
        person = await directory.person(origin.user)
        if _runs_it(person, policy):
            return Reach.WORKSPACE
        made = person.role is Role.MEMBER and await directory.creator(origin.channel) == person.id
    except Unknown:
        return Reach.NOWHERE
    return Reach.CHANNEL if made else Reach.NOWHERE


async def everywhere(origin: Origin, directory: Directory, policy: Policy) -> bool:
    """May this person change what holds for any channel? Raises StoreDown."""
    try:
        return _runs_it(await directory.person(origin.user), policy)
    except Unknown:
        return False


def _runs_it(person: Person, policy: Policy) -> bool:
    return _listed(person, policy.admins) or (person.role is Role.MEMBER and person.admin)


async def may_change(origin: Origin, directory: Directory, policy: Policy) -> bool:
    """May this person change what holds for the channel they are in? Raises StoreDown."""
    return await reach(origin, directory, policy) is not Reach.NOWHERE


def _listed(person: Person, users: frozenset[str]) -> bool:
    """By id; by name only at home, since another workspace gives out the same names."""
    return person.id in users or (person.role is not Role.STRANGER and person.name in users)


async def _in_listed(channel: str, directory: Directory, channels: frozenset[str]) -> bool:
    if not _CHANNEL.fullmatch(channel):
        return DIRECT in channels
    if channel in channels:
        return True
    try:
        return await directory.room(channel) in channels
    except Unknown:
        return False
