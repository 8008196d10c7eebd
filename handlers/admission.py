"""Admission: who may ask, with which settings and in which language; and where a request is stored."""

import asyncio
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from slack_sdk.web.async_client import AsyncWebClient

from handlers import people
from handlers.case import Case, StoreDown
from handlers.request import ChannelSettings, Modal, Origin, Request, SeenByAsker
from handlers.slack_errors import TOKEN_ERRORS, NotVisible, Unknown, ask
from handlers.text import about
from handlers.text.format import EVERYBODY, Audience
from handlers.text.language import Language, spoken_in
from vt.evidence import Thresholds

T = TypeVar("T")

CACHED_FOR = timedelta(minutes=10)
RECENT = timedelta(seconds=5)
"""For this long a process does not read a person, or a channel's settings, from the database again."""
MOST_RECENT = 1_000
"""People, and channels, that a process remembers at most."""
SLACKBOT = "USLACKBOT"
_CHANNEL = re.compile(r"[CG][A-Z0-9]+")
AT_ONCE = 1.0
"""Seconds to find out the language of an acknowledgement, of the three that Slack gives it."""


class RequestStore(Protocol):
    """Where requests are stored. Every method raises StoreDown when the database cannot be reached."""

    async def accept(self, request: Request) -> bool:
        """Store a request and its first job, both or neither. False: this delivery was stored before."""

    async def refuse(self, attempt: Request | Modal, why: str) -> bool:
        """Note that a request, or the opening of a modal, was refused. False: this delivery was refused before."""


class SettingsStore(Protocol):
    """The storage of channels' settings. Every method raises StoreDown when the database cannot be reached."""

    async def get(self, team: str, channel: str) -> ChannelSettings:
        """The settings of a channel; the defaults if nobody changed them."""

    async def change(self, team: str, channel: str, settings: ChannelSettings) -> None:
        """Store the settings of a channel."""

    async def changed_channels(self, team: str, most: int) -> list[str]:
        """The ids of at most that many channels that have settings of their own."""


class Recent(Generic[T]):
    """What was read within RECENT, by key, the oldest first. At most MOST_RECENT."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._read: dict[Hashable, tuple[T, datetime]] = {}

    def get(self, key: Hashable) -> T | None:
        """What was read last; None if that is too long ago."""
        found = self._read.get(key)
        return found[0] if found and abs(self._clock() - found[1]) < RECENT else None

    def keep(self, key: Hashable, value: T, at: datetime) -> None:
        """Remember what was read or written at that time, unless something newer is remembered."""
        if key in self._read and self._read[key][1] > at:
            return
        self._read.pop(key, None)
        if len(self._read) == MOST_RECENT:
            self._read.pop(next(iter(self._read)))
        self._read[key] = (value, at)


class RecentSettings:
    """Channels' settings, remembered for a moment: one command asks for them several times. Raises StoreDown.

    A change is seen at once by the process that makes it, and within RECENT by the others.
    """

    def __init__(self, store: SettingsStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._recent = Recent[ChannelSettings](clock)

    async def recent(self, team: str, channel: str) -> ChannelSettings:
        """The settings of a channel, at most RECENT old."""
        return self._recent.get((team, channel)) or await self.get(team, channel)

    async def get(self, team: str, channel: str) -> ChannelSettings:
        """The settings of a channel as they are stored now."""
        began = self._clock()
        settings = await self._store.get(team, channel)
        self._recent.keep((team, channel), settings, began)
        return settings

    async def change(self, team: str, channel: str, settings: ChannelSettings) -> None:
        """Store the settings of a channel."""
        await self._store.change(team, channel, settings)
        self._recent.keep((team, channel), settings, self._clock())

    async def changed_channels(self, team: str, most: int) -> list[str]:
        """The ids of at most that many channels that have settings of their own."""
        return await self._store.changed_channels(team, most)


# People and channels, as Slack describes them ----------------------------------------------------------


class Directory:
    """People and channels by id, as one workspace sees them. Raises Unknown when Slack does not say, and StoreDown as DirectoryCache does."""

    def __init__(
        self,
        slack: AsyncWebClient,
        cache: people.DirectoryCache,
        clock: Callable[[], datetime],
        home: str = "",
    ) -> None:
        self._slack, self._cache, self._clock = slack, cache, clock
        self._home = home
        self._recent = Recent[people.Person](clock)

    async def person(self, user: str) -> people.Person:
        """A person by id. Ids that begin with B are apps, which post under their bot id."""
        if _is_app(user):
            return people.Person(user, "", people.Role.BOT)
        if not re.fullmatch(r"\w{1,32}", user, re.ASCII):  # no id of Slack's: it is passed on to nobody
            return people.Person(user, "", people.Role.STRANGER)
        if recent := self._recent.get(user):
            return recent
        now = self._clock()
        home = await self._our_team()
        known = await self._cache.person(home, user, now - CACHED_FOR)
        if known is None:
            try:
                answer = await ask(self._slack.users_info, user=user, include_locale=True)
                known = people.described(answer["user"], home)
            except NotVisible:
                known = people.Person(user, "", people.Role.STRANGER)
            await self._cache.keep_person(home, known, self._clock())
        self._recent.keep(user, known, now)
        return known

    async def belongs_to(self, user: str, team: str) -> bool:
        """Whether a workspace that a payload names as somebody's is ours, or by Slack's own word one of theirs."""
        if team == await self._our_team() or _is_app(user):
            return True
        try:
            return team in people.teams((await ask(self._slack.users_info, user=user))["user"])
        except NotVisible:  # of another workspace, which is all that Slack says
            return True

    async def channel_name(self, channel: str) -> str:
        """A channel's name."""
        home = await self._our_team()
        known = await self._cache.channel_name(home, channel, self._clock() - CACHED_FOR)
        if known is None:
            answer = await ask(self._slack.conversations_info, channel=channel)
            known = str(answer["channel"].get("name", ""))
            await self._cache.keep_channel_name(home, channel, known, self._clock())
        return known

    async def creator(self, channel: str) -> str:
        """The id of the user who created a channel."""
        answer = await ask(self._slack.conversations_info, channel=channel)
        return str(answer["channel"].get("creator", ""))

    async def _our_team(self) -> str:
        if not self._home:
            self._home = str((await ask(self._slack.auth_test))["team_id"])
        return self._home


def _is_app(user: str) -> bool:  # their ids begin with B, but for Slack's own
    return user.startswith("B") or user == SLACKBOT


@dataclass(frozen=True, slots=True)
class Languages:
    """Which language people read: their own for what they alone see, the channel's for what everybody there sees.

    What is not known, and a language that the bot does not speak, is the default.
    """

    directory: Directory
    channel_settings: RecentSettings
    default: Language = Language.ENGLISH
    """LANGUAGE, as the operator set it."""

    async def of_person(self, user: str) -> Language:
        """The language in which somebody uses Slack."""
        try:
            person = await self.directory.person(user)
        except (Unknown, StoreDown):
            return self.default
        return spoken_in(person.locale) or self.default

    async def at_once(self, user: str) -> Language:
        """The same for an acknowledgement, which cannot wait for a database or a Slack that does not answer."""
        try:
            async with asyncio.timeout(AT_ONCE):
                return await self.of_person(user)
        except TimeoutError:
            return self.default

    async def of_place(self, origin: Origin) -> Language:
        """The language for everybody who reads where a request came from: in direct messages that is the asker."""
        if origin.channel.startswith(people.PLACES_OF_ONE):
            return await self.of_person(origin.user)
        try:
            chosen = (await self.channel_settings.recent(origin.team, origin.channel)).language
        except StoreDown:
            return self.default
        return spoken_in(chosen) or self.default

    async def of_answer(self, case: Case) -> Language:
        """The language of what a request is answered with."""
        origin = case.request.origin
        if isinstance(case.request, SeenByAsker) or not case.is_seen_by_all:
            return await self.of_person(origin.user)
        return await self.of_place(origin)


# Storing requests ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class AdmissionDeps:
    """To decide who may ask, and to store what they ask."""

    store: RequestStore
    directory: Directory
    policy: people.Policy
    audience: Audience = EVERYBODY  # with the contact to turn to


async def accept(request: Request, deps: AdmissionDeps) -> str:
    """Store a request with its first job if its asker may ask. Returns what to tell them: "" when it is stored."""
    try:
        return await accept_or_raise(request, deps)
    except StoreDown:
        return about.CANNOT_TAKE


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


async def effective_settings(
    origin: Origin, store: RecentSettings, thresholds: Thresholds
) -> tuple[Thresholds, ChannelSettings]:
    """The channel's settings, and the thresholds with them: the operator's where it sets none. Raises StoreDown."""
    settings = await store.recent(origin.team, origin.channel)
    return thresholds.changed(settings.thresholds, settings.host_rule, settings.evidence_days), settings


async def denial(origin: Origin, directory: Directory, policy: people.Policy) -> people.Denial | None:
    """Why this person may not ask from there; None if they may. Raises StoreDown."""
    try:
        person = await directory.person(origin.user)
        if person.role not in policy.roles:
            return people.Denial(person.role.value)
        if not await directory.belongs_to(origin.user, origin.user_team or origin.team):
            return people.Denial.STRANGER
        if policy.users and not people.is_listed(person, policy.users):
            return people.Denial.USER
        if policy.channels and not await in_listed(origin.channel, directory, policy.channels):
            return people.Denial.CHANNEL
    except Unknown as unknown:
        why = people.Denial.TOKEN if unknown.code in TOKEN_ERRORS else people.Denial.UNKNOWN
        return people.Denial.SCOPE if unknown.scope else why
    return None


async def in_listed(channel: str, directory: Directory, channels: frozenset[str]) -> bool:
    """Whether a channel is among these ids and names. Raises Unknown, StoreDown."""
    if not _CHANNEL.fullmatch(channel):
        return people.DIRECT in channels
    if channel in channels:
        return True
    try:
        return await directory.channel_name(channel) in channels
    except Unknown as unknown:
        if unknown.scope or unknown.is_transient:
            raise
        return False


# Who may change settings -------------------------------------------------------------------------------


async def scope(origin: Origin, directory: Directory, policy: people.Policy) -> people.Scope:
    """Which channels' settings this person may change: NOWHERE when Slack does not say who they are. Raises StoreDown."""
    try:
        person = await directory.person(origin.user)
        if people.is_admin(person, policy):
            return people.Scope.WORKSPACE
        created = person.role is people.Role.MEMBER and await directory.creator(origin.channel) == person.id
    except Unknown:
        return people.Scope.NOWHERE
    return people.Scope.CHANNEL if created else people.Scope.NOWHERE


async def may_change(origin: Origin, directory: Directory, policy: people.Policy) -> bool:
    """Whether this person may change the settings of the channel in `origin`. Raises StoreDown."""
    return await scope(origin, directory, policy) is not people.Scope.NOWHERE


async def may_change_all(origin: Origin, directory: Directory, policy: people.Policy) -> bool:
    """Whether this person may change the settings of every channel. Raises StoreDown."""
    try:
        return people.is_admin(await directory.person(origin.user), policy)
    except Unknown:
        return False
