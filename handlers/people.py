"""Who people and bots are, as Slack describes them, and the operator's rules: who may ask, what is watched. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from handlers.payloads import Payload, mappings, optional

PLACES_OF_ONE = ("D", "U", "W")
"""How the ids of direct messages begin, and those of people, which stand for the direct messages with them."""
DIRECT = "DM"
"""Means direct messages with the bot, in a list of channels. No channel's name has capital letters."""
_MENTION = re.compile(r"<@(\w+)(?:\|[^<>]*)?>")


class Role(StrEnum):
    """What someone is to the workspace that installed the bot."""

    MEMBER = "member"
    GUEST = "guest"
    STRANGER = "stranger"  # a member of another workspace, through Slack Connect
    BOT = "bot"
    GONE = "gone"  # deactivated


@dataclass(frozen=True, slots=True)
class Person:
    """A person as Slack describes them. `name` is the handle, which users cannot change themselves."""

    id: str
    name: str
    role: Role
    admin: bool = False  # an admin or owner of our workspace
    locale: str = ""  # the language in which they use Slack, such as ja-JP; "" when it is not known


class DirectoryCache(Protocol):
    """Stores what Slack said to each workspace, with the time: somebody may be a member of one and a stranger to another.

    Every method raises StoreDown when the database cannot be reached.
    """

    async def person(self, team: str, user: str, newer_than: datetime) -> Person | None:
        """A person, if stored after that time."""

    async def keep_person(self, team: str, person: Person, at: datetime) -> None:
        """Store a person."""

    async def channel_name(self, team: str, channel: str, newer_than: datetime) -> str | None:
        """A channel's name, if stored after that time."""

    async def keep_channel_name(self, team: str, channel: str, name: str, at: datetime) -> None:
        """Store a channel's name."""


class Denial(StrEnum):
    """Why someone may not ask. The values are stored in the audit trail."""

    GUEST = "guest"
    STRANGER = "stranger"
    BOT = "bot"
    GONE = "gone"
    UNKNOWN = "unknown"  # Slack did not say who it is, so access is denied
    SCOPE = "scope"  # the same, because the app lacks a scope
    TOKEN = "token"  # noqa: S105 - stored in the audit trail
    """The same, because Slack does not accept the bot's token."""
    USER = "user"  # not on the operator's list of people
    CHANNEL = "channel"  # not a channel on the operator's list


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may ask: by default every full member of the workspace that installed the bot."""

    roles: frozenset[Role] = frozenset({Role.MEMBER})
    users: frozenset[str] = frozenset()  # ids or names; empty means everybody
    channels: frozenset[str] = frozenset()  # ids or names, or DIRECT; empty means everywhere
    admins: frozenset[str] = frozenset()
    """Ids or names of people who may change any channel's settings, besides the workspace's admins."""


@dataclass(frozen=True, slots=True)
class WatchRules:
    """What the operator set for all watched channels."""

    channels: tuple[str, ...] = ()
    """Patterns of the names of channels that are watched from the beginning."""
    join: bool = False  # join such a channel when it is created
    bots: frozenset[str] = frozenset()  # ids and names of other bots whose messages are looked up
    own_domains: frozenset[str] = frozenset()
    """The organisation's own domains, which are never looked up."""
    max_cards: int = 30
    """Cards in a channel in ten minutes before it is paused; 0: no limit."""


class InstanceRefused(Exception):
    """No instance of VirusTotal answers. `name`: the one that was meant; `usable`: those that this person may use there."""

    def __init__(self, name: str, usable: tuple[str, ...] = ()) -> None:
        super().__init__(name)
        self.name, self.usable = name, usable


class InstanceUnknown(InstanceRefused):
    """None has the name that was typed."""


class InstanceForbidden(InstanceRefused):
    """It may not be used by this person, or there."""


class InstanceRemoved(InstanceRefused):
    """A request, an answer or a channel's settings name one that there no longer is."""


class Scope(StrEnum):
    """Which channels' settings someone may change."""

    NOWHERE = "nowhere"
    CHANNEL = "channel"  # the channel they are in, because they created it
    WORKSPACE = "workspace"


def described(user: Mapping[str, Any], home: str) -> Person:
    """A user of `users.info` as a Person, seen from the workspace with the id `home`."""
    return Person(
        id=str(user["id"]),
        name=str(user.get("name", "")),
        role=_role(user, home),
        admin=bool(user.get("is_admin") or user.get("is_owner")) and user.get("team_id") == home,
        locale=str(user.get("locale") or ""),
    )


def _role(user: Mapping[str, Any], home: str) -> Role:
    """The most restrictive role that applies. Slack sets `is_stranger` only when no channel is shared, so the team decides."""
    if user.get("deleted"):
        return Role.GONE
    if user.get("is_bot") or user.get("is_workflow_bot"):
        return Role.BOT
    if user.get("is_stranger") or home not in teams(user):
        return Role.STRANGER
    if user.get("is_restricted") or user.get("is_ultra_restricted"):
        return Role.GUEST
    return Role.MEMBER


def teams(user: Mapping[str, Any]) -> set[Any]:
    """The workspaces that somebody belongs to: in Enterprise Grid there may be several."""
    return {user.get("team_id"), *(user.get("enterprise_user") or {}).get("teams", ())}


def is_foreign(payload: Payload, home: str) -> bool:
    """Whether a payload is for another workspace than the one with the id `home`, which installed the bot ("": not known).

    In a channel that is shared through Slack Connect, an event names the workspace where it happened: there the
    authorizations say whom it is for. A command names its asker's workspace instead, which `denial` compares.
    """
    if not home:
        return False
    if payload.get("type") != "event_callback":
        installed_in = optional(payload, "view", "app_installed_team_id") or optional(payload, "team", "id")
        return installed_in not in (None, home)
    named = optional(payload, "team_id") or home
    installed = {optional(one, "team_id") for one in mappings(payload, "authorizations")} - {None}
    installed = installed or {optional(payload, "context_team_id")} - {None}
    is_shared = payload.get("is_ext_shared_channel") is True and bool(installed)
    return (named != home and not is_shared) or bool(installed and home not in installed)


def mentioned(message: Payload) -> set[str]:
    """The ids of those whom the text of a message mentions."""
    return set(_MENTION.findall(optional(message, "text") or ""))


@dataclass(frozen=True, slots=True)
class BotFilter:
    """Whose messages are looked up: people's, and those of the bots that are named here."""

    own: frozenset[str] = frozenset()  # this bot's own ids, whose messages never are
    allowed: frozenset[str] = frozenset()
    """Ids and names of other bots. Names are compared without case, and with single spaces."""

    def accepts(self, message: Payload) -> bool:
        """Whether a message is looked up. One that mentions this bot is answered as a request instead."""
        if self.own & mentioned(message):
            return False
        found = {optional(message, name) for name in ("user", "bot_id", "app_id", "username")}
        found |= {optional(message, "bot_profile", name) for name in ("name", "app_id")}
        if self.own & found:
            return False
        return not message.get("bot_id") or bool(_folded(self.allowed) & _folded(filter(None, found)))


def _folded(names: Iterable[str]) -> set[str]:
    return {" ".join(name.split()).casefold() for name in names}


def is_listed(person: Person, users: frozenset[str]) -> bool:
    """By id, or by name for people of our own workspace: another workspace can give its users the same names."""
    return person.id in users or (person.role is not Role.STRANGER and person.name in users)


def is_admin(person: Person, policy: Policy) -> bool:
    """Whether somebody may change every channel's settings."""
    return is_listed(person, policy.admins) or (person.role is Role.MEMBER and person.admin)
