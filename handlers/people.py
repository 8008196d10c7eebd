"""People and channels, as Slack describes them, cached in the database for ten minutes; and the policy for who may ask."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

CACHED_FOR = timedelta(minutes=10)
SLACK_TIMEOUT = 0.7
"""Seconds for one call to Slack before the acknowledgement: a listener has three in all, and makes at most four calls."""
SLACKBOT = "USLACKBOT"
DIRECT = "DM"
"""Means direct messages with the bot, in a list of channels. No channel's name has capital letters."""


class Role(StrEnum):
    """What someone is to the workspace that installed the bot."""

    MEMBER = "member"
    GUEST = "guest"
    STRANGER = "stranger"
    """A member of another workspace, through Slack Connect."""
    BOT = "bot"
    GONE = "gone"
    """Deactivated."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person as Slack describes them. `name` is the handle, which users cannot change themselves."""

    id: str
    name: str
    role: Role
    admin: bool = False
    """An admin or owner of our workspace."""


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


class Unknown(Exception):
    """Slack did not answer, or does not know."""


class DirectoryCache(Protocol):
    """Stores what Slack said, with the time. Every method raises StoreDown when the database cannot be reached."""

    async def person(self, user: str, newer_than: datetime) -> Person | None:
        """A person, if stored after that time."""

    async def keep_person(self, person: Person, at: datetime) -> None:
        """Store a person."""

    async def channel_name(self, channel: str, newer_than: datetime) -> str | None:
        """A channel's name, if stored after that time."""

    async def keep_channel_name(self, channel: str, name: str, at: datetime) -> None:
        """Store a channel's name."""


class Directory:
    """People and channels by id. Raises Unknown when Slack does not say, and StoreDown as DirectoryCache does."""

    def __init__(self, slack: AsyncWebClient, cache: DirectoryCache, clock: Callable[[], datetime]) -> None:
        self._slack = slack
        self._cache = cache
        self._clock = clock
        self._home: str | None = None

    async def person(self, user: str) -> Person:
        """A person by id. Ids that begin with B are apps, which post under their bot id."""
        if user.startswith("B") or user == SLACKBOT:
            return Person(user, "", Role.BOT)
        known = await self._cache.person(user, self._clock() - CACHED_FOR)
        if known is None:
            known = await self._fetch(user)
            await self._cache.keep_person(known, self._clock())
        return known

    async def channel_name(self, channel: str) -> str:
        """A channel's name."""
        known = await self._cache.channel_name(channel, self._clock() - CACHED_FOR)
        if known is None:
            answer = await self._call(self._slack.conversations_info, channel=channel)
            known = str(answer["channel"].get("name", ""))
            await self._cache.keep_channel_name(channel, known, self._clock())
        return known

    async def creator(self, channel: str) -> str:
        """The id of the user who created a channel."""
        answer = await self._call(self._slack.conversations_info, channel=channel)
        return str(answer["channel"].get("creator", ""))

    async def _fetch(self, user: str) -> Person:
        if self._home is None:
            self._home = str((await self._call(self._slack.auth_test))["team_id"])
        try:
            return described((await self._call(self._slack.users_info, user=user))["user"], self._home)
        except _NotVisible:
            return Person(user, "", Role.STRANGER)

    async def _call(self, method: Any, **arguments: str) -> Any:
        try:
            async with asyncio.timeout(SLACK_TIMEOUT):
                return await method(**arguments)
        except SlackApiError as error:
            if error.response.get("error") == "user_not_visible":
                raise _NotVisible from None
            raise Unknown from error
        except (SlackClientError, OSError, TimeoutError) as error:
            raise Unknown from error


class _NotVisible(Exception):
    """A user of another workspace who shares no channel with the bot."""


def described(user: Mapping[str, Any], home: str) -> Person:
    """A user of `users.info` as a Person, seen from the workspace with the id `home`."""
    return Person(
        id=str(user["id"]),
        name=str(user.get("name", "")),
        role=_role(user, home),
        admin=bool(user.get("is_admin") or user.get("is_owner")) and user.get("team_id") == home,
    )


def _role(user: Mapping[str, Any], home: str) -> Role:
    """The most restrictive role that applies. Slack sets `is_stranger` only when no channel is shared, so the team decides."""
    teams = {user.get("team_id"), *(user.get("enterprise_user") or {}).get("teams", ())}
    if user.get("deleted"):
        return Role.GONE
    if user.get("is_bot") or user.get("is_workflow_bot"):
        return Role.BOT
    if user.get("is_stranger") or home not in teams:
        return Role.STRANGER
    if user.get("is_restricted") or user.get("is_ultra_restricted"):
        return Role.GUEST
    return Role.MEMBER
