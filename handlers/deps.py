"""Dependencies: the storage ports, and what each part of handlers is given. The composition root makes them."""

import tempfile
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import IO, Protocol, Self

from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from handlers.admission import AdmissionDeps, Directory, Languages, RecentSettings, RequestStore
from handlers.case import Case, Sighting, Summary
from handlers.people import Policy, WatchRules
from handlers.request import Modal, Origin
from handlers.text.format import EVERYBODY, Audience
from handlers.watch import CardStore, WatchStore
from vt.codec import Raw
from vt.evidence import Thresholds
from vt.privacy import SECRET_NAMES, SubmitPolicy, UploadPolicy
from vt.service import Service
from vt.verdict import State

MAX_LATEST = 20
"""Lookups that someone's home lists."""


# Requests ----------------------------------------------------------------------------------------------


class Store(RequestStore, Protocol):
    """The storage of requests and their jobs. Every method raises StoreDown when the database cannot be reached."""

    async def decline(self, case: Case, why: str) -> None:
        """End a stored request as refused. The same delivery can be stored again: it is a new request then."""

    async def case(self, request_id: str) -> Case | None:
        """How far a request has come. Raises UnreadableCase."""

    async def save(self, case: Case) -> None:
        """Store how far it has come."""

    async def fail(self, request_id: str, why: str) -> None:
        """End a request whose progress cannot be read or written."""

    async def spent(self, request_id: str, calls: int) -> None:
        """Add the calls that a request cost at VirusTotal."""

    async def ping(self) -> None:
        """One round trip."""

    async def again(self, request_id: str, at: datetime, *, outage: bool = False) -> None:
        """Schedule another job for it at that time; sooner, if VirusTotal, which does not answer (`outage`), is back."""


class Modals(Protocol):
    """The storage of modals. Every method raises StoreDown when the database cannot be reached."""

    async def keep(self, modal: Modal) -> bool:
        """Store what a modal is for. False: this delivery opened one before."""

    async def modal(self, modal_id: str) -> Modal | None:
        """What a modal is for; None if there is none with that id."""


class Replies(Protocol):
    """The cache of VirusTotal's replies. Every method raises StoreDown when the database cannot be reached."""

    async def get(self, keys: Iterable[str], newer_than: datetime) -> dict[str, Raw]:
        """The cached replies by key, without those from before that time."""

    async def put(self, raws: Mapping[str, Raw], at: datetime) -> None:
        """Store replies that came at that time."""


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance of VirusTotal: what its key can do, where it is the default, and who may use it, by ids or names."""

    name: str
    service: Service  # for people's look-ups
    automatic: Service  # for look-ups that nobody asked for
    replies: Replies
    quota_left: Callable[[], Awaitable[Mapping[str, tuple[int, int]]]]
    leave_queue: Callable[[str], Awaitable[None]]
    teams: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    allowed_teams: frozenset[str] = frozenset()
    allowed_channels: frozenset[str] = frozenset()
    allowed_users: frozenset[str] = frozenset()
    """Empty means everywhere, and everybody."""


Judged = tuple[datetime, State, int]
"""When something was looked up, its state, and the engines that flagged it."""


class History(Protocol):
    """The storage of sightings. Every method raises StoreDown when the database is not available."""

    async def remember(
        self, case_id: str, origin: Origin, sightings: Sequence[Sighting], now: datetime
    ) -> None:
        """Store the results of a request. Storing the same request again changes nothing."""

    async def summaries(
        self, origin: Origin, subjects: Iterable[str], before: datetime
    ) -> Mapping[str, Summary]:
        """What the asker's workspace looked up before that time, by subject; without those that are new to it."""

    async def timeline(self, origin: Origin, subject: str, most: int) -> list[Judged]:
        """What VirusTotal said about it at the lookups of the asker's workspace, the newest first, at most so many."""

    async def latest(self, team: str, user: str, most: int = MAX_LATEST) -> list[Sighting]:
        """Someone's last lookups, the newest first."""

    def of_instance(self, name: str) -> "History":
        """The same for the lookups of one instance of VirusTotal: not everybody may use the others. `latest` still has all."""


class RefusedBlocks(Protocol):
    """Kinds of block that Slack refuses in a workspace that is too old for them."""

    @property
    def known(self) -> Collection[tuple[str, str]]:
        """The workspaces with the kinds that they have ever refused: none, as a rule."""

    def kinds(self, team: str) -> frozenset[str]:
        """The kinds that this workspace refused lately."""

    async def remember(self, team: str, kinds: Collection[str]) -> None:
        """Store that it refused these kinds just now. Raises StoreDown."""


class Logins(Protocol):
    """Holds logins in the memory of this process, each for the requests of the person who typed it (`owner`: team and user)."""

    def wanted(self, name: str) -> bool:
        """Whether the hosts file has a server of this name or address without a login of its own."""

    def keep(self, address: str, user: str, password: SecretStr, owner: tuple[str, str]) -> str:
        """Hold a login. Returns the place through which that server's files are read with it. Raises HostUnknown."""

    def forget(self, place: str) -> None:
        """Forget the login of this place, if it is held."""

    def holds(self, place: str) -> bool:
        """Whether this process holds the login of this place."""


Draw = Callable[[str], Awaitable[bytes]]
"""Draws the picture that a JSON text describes (see bot/chart.py) as a PNG. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Slack as one workspace sees it, by the token that it gave when the app was installed there."""

    slack: AsyncWebClient
    directory: Directory
    languages: Languages
    token_refused: Callable[[], bool]


class Installations(Protocol):
    """The workspaces in which the app is installed."""

    async def find(self, team: str) -> Installation:
        """That of a workspace, or of its organisation. Slack may refuse its token. Raises NotInstalled, StoreDown."""


# What each part of handlers is given. No slots: classes with slots cannot be combined by inheritance -----------


@dataclass(frozen=True, kw_only=True)
class PostingDeps:
    """To answer in Slack, once, whatever happens in between."""

    store: Store
    slack: AsyncWebClient
    clock: Callable[[], datetime]
    languages: Languages
    refused_blocks: RefusedBlocks
    audience: Audience = EVERYBODY  # everybody, with the contact to turn to
    new_file: Callable[[], IO[bytes]] = tempfile.TemporaryFile
    """A file without a name, for what is too large to be held in memory until Slack has it."""
    instances: Mapping[str, Instance] = field(default_factory=dict)
    """Those of VirusTotal, by name; empty while there is only VT_API_KEY's."""
    instance: str = ""  # the name of the one that is asked, if there is a choice
    token_refused: Callable[[], bool] = lambda: False
    """Whether Slack does not accept the bot's token at present, so that only a response_url leads to anybody."""


@dataclass(frozen=True, kw_only=True)
class ListenerDeps(AdmissionDeps):
    """For listeners: to store requests, and to open modals."""

    slack: AsyncWebClient
    languages: Languages
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    modals: Modals
    channel_settings: RecentSettings
    thresholds: Thresholds  # the operator's
    logins: Logins | None = None  # holds the logins that people enter; None if they may not
    instances: Mapping[str, Instance] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FileDeps(PostingDeps):
    """To decide whether files are uploaded, and to show how far they are."""

    channel_settings: RecentSettings
    upload: UploadPolicy = UploadPolicy.CONFIRM  # of unknown files; a channel may set a stricter one
    never_upload: tuple[str, ...] = SECRET_NAMES
    """Patterns of file names that are never uploaded, whoever agrees."""


@dataclass(frozen=True, kw_only=True)
class AnswerDeps(FileDeps):
    """To make an answer from what was looked up."""

    directory: Directory
    policy: Policy
    history: History
    service: Service
    submit: SubmitPolicy = SubmitPolicy.CONFIRM
    invented: bool = False  # the sandbox answers instead of VirusTotal


@dataclass(frozen=True, kw_only=True)
class LookupDeps(AnswerDeps):
    """To look up what was asked for."""

    thresholds: Thresholds
    leave_queue: Callable[[str], Awaitable[None]]
    """Called with the id of a case that waited for the quota and no longer does."""
    logins: Logins | None = None


@dataclass(frozen=True, kw_only=True)
class InfoDeps(PostingDeps):
    """To answer about the bot itself."""

    channel_settings: RecentSettings
    directory: Directory
    policy: Policy
    service: Service
    quota_left: Callable[[], Awaitable[Mapping[str, tuple[int, int]]]]
    """Calls used and allowed, by window; 0 allowed means no limit."""


@dataclass(frozen=True, kw_only=True)
class ModalDeps(AnswerDeps, InfoDeps):
    """To fill the modals about an answer."""

    replies: Replies


@dataclass(frozen=True, kw_only=True)
class ReportDeps(AnswerDeps):
    """To draw what is on record."""

    replies: Replies
    rules: WatchRules
    draw: Draw


@dataclass(frozen=True, kw_only=True)
class SettingsDeps(PostingDeps):
    """To show and change the settings of a channel."""

    channel_settings: RecentSettings
    directory: Directory
    policy: Policy
    thresholds: Thresholds


@dataclass(frozen=True, kw_only=True)
class HomeDeps(SettingsDeps, InfoDeps):
    """To make someone's home."""

    history: History
    invented: bool = False


@dataclass(frozen=True, kw_only=True)
class WatchDeps(PostingDeps):
    """To answer messages in watched channels, and to change how channels are watched."""

    cards: CardStore
    watches: WatchStore
    rules: WatchRules
    channel_settings: RecentSettings
    directory: Directory
    policy: Policy
    thresholds: Thresholds
    service: Service
    automatic: Service  # for lookups that nobody asked for
    new_id: Callable[[], str]
    invented: bool = False
    installations: Installations | None = None  # None: there is one fixed token, which is in `slack`

    async def for_team(self, team: str) -> Self:
        """The same, for one workspace. Raises NotInstalled, StoreDown as Installations do."""
        if self.installations is None:
            return self
        found = await self.installations.find(team)
        return replace(
            self,
            slack=found.slack,
            directory=found.directory,
            languages=found.languages,
            token_refused=found.token_refused,
        )


@dataclass(frozen=True, kw_only=True)
class Deps(ListenerDeps, LookupDeps, ModalDeps, ReportDeps, HomeDeps, WatchDeps):
    """All of it, as the composition root makes it. Only `register` and the job dispatcher need all."""

    store: Store
