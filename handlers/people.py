"""Who someone is, and what a channel is called: asked of Slack, remembered for ten minutes."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

REMEMBERED = timedelta(minutes=10)
PATIENCE = 0.7
"""Seconds for one answer of Slack's: a listener has three for everything, and asks four things at most."""
SLACKBOT = "USLACKBOT"


class Role(StrEnum):
    """What someone is to the workspace that installed the bot."""

    MEMBER = "member"
    GUEST = "guest"
    STRANGER = "stranger"
    """Of another workspace, here through Slack Connect."""
    BOT = "bot"
    GONE = "gone"
    """Deactivated."""


@dataclass(frozen=True, slots=True)
class Person:
    """Someone as Slack describes them. `name` is the handle, which they cannot change themselves."""

    id: str
    name: str
    role: Role
    admin: bool = False
    """Of the workspace, or its owner."""


class Unknown(Exception):
    """Slack did not say."""


class Memory(Protocol):
    """What was learnt, with its time. Every method raises StoreDown when the database cannot take it."""

    async def person(self, user: str, newer_than: datetime) -> Person | None:
        """Someone, if learnt after that time."""

    async def keep_person(self, person: Person, at: datetime) -> None:
        """Remember someone."""

    async def room(self, channel: str, newer_than: datetime) -> str | None:
        """A channel's name, if learnt after that time."""

    async def keep_room(self, channel: str, name: str, at: datetime) -> None:
        """Remember a channel's name."""


class Directory:
    """Looks people and channels up. Raises Unknown when Slack does not say, StoreDown as Memory does."""

    def __init__(self, slack: AsyncWebClient, memory: Memory, clock: Callable[[], datetime]) -> None:
        self._slack = slack
        self._memory = memory
        self._clock = clock
        self._home: str | None = None

    async def person(self, user: str) -> Person:
        """Someone by id. An id of an app (B…), under which some bots speak, is a bot."""
        if user.startswith("B") or user == SLACKBOT:
            return Person(user, "", Role.BOT)
        known = await self._memory.person(user, self._clock() - REMEMBERED)
        if known is None:
            known = await self._asked(user)
            await self._memory.keep_person(known, self._clock())
        return known

    async def room(self, channel: str) -> str:
        """A channel's name."""
        known = await self._memory.room(channel, self._clock() - REMEMBERED)
        if known is None:
            answer = await self._call(self._slack.conversations_info, channel=channel)
            known = str(answer["channel"].get("name", ""))
            await self._memory.keep_room(channel, known, self._clock())
        return known

    async def creator(self, channel: str) -> str:
        """The id of who made a channel."""
        answer = await self._call(self._slack.conversations_info, channel=channel)
        return str(answer["channel"].get("creator", ""))

    async def _asked(self, user: str) -> Person:
        if self._home is None:
            self._home = str((await self._call(self._slack.auth_test))["team_id"])
        try:
            return described((await self._call(self._slack.users_info, user=user))["user"], self._home)
        except _NotVisible:
            return Person(user, "", Role.STRANGER)

    async def _call(self, method: Any, **arguments: str) -> Any:
        try:
            async with asyncio.timeout(PATIENCE):
                return await method(**arguments)
        except SlackApiError as error:
            if error.response.get("error") == "user_not_visible":
                raise _NotVisible from None
            raise Unknown from error
        except (SlackClientError, OSError, TimeoutError) as error:
            raise Unknown from error


class _NotVisible(Exception):
    """Someone of another workspace who shares no channel with the bot."""


def described(user: Mapping[str, Any], home: str) -> Person:
    """What users.info says of someone, seen from the workspace `home`."""
    return Person(
        id=str(user["id"]),
        name=str(user.get("name", "")),
        role=_role(user, home),
        admin=bool(user.get("is_admin") or user.get("is_owner")) and user.get("team_id") == home,
    )


def _role(user: Mapping[str, Any], home: str) -> Role:
    """The strictest that holds. `is_stranger` is only said of those who share no channel: the team decides."""
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
