"""What every listener and job is handed: the storage it needs, the things that are real."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from slack_sdk.web.async_client import AsyncWebClient

from handlers.access import Policy
from handlers.channel_settings import Channels
from handlers.files.logins import Logins
from handlers.history import History
from handlers.modals import Modal, Modals
from handlers.people import Directory
from handlers.request import Case, Frozen, Origin, Outcome, Request, Verb
from handlers.text.audience import EVERYBODY, Audience
from handlers.watch import CardStore, Rules, WatchStore
from vt.files.upload_policy import SECRET_NAMES, UploadPolicy
from vt.service import Service

__all__ = ["Case", "Deps", "Frozen", "Origin", "Outcome", "Request", "Store", "StoreDown", "Verb"]


class Store(Protocol):
    """What handlers need of storage. Every method raises StoreDown when the database cannot take it."""

    async def accept(self, request: Request) -> bool:
        """Keep a request and its first turn, both or neither. False: this delivery was kept before."""

    async def refuse(self, attempt: Request | Modal, why: str) -> bool:
        """Note that a request, or the opening of a modal, was refused. False: this delivery was refused before."""

    async def decline(self, case: Case, why: str) -> None:
        """End a request that was kept and does not count after all. The same delivery again is another request."""

    async def case(self, request_id: str) -> Case | None:
        """How far a request has come. Raises UnreadableCase."""

    async def save(self, case: Case) -> None:
        """Remember how far it has come."""

    async def fail(self, request_id: str, why: str) -> None:
        """End a request whose progress cannot be read or written."""

    async def spent(self, request_id: str, calls: int) -> None:
        """Note what a request cost at VirusTotal, on top of what it cost before."""

    async def ping(self) -> None:
        """One round trip."""

    async def again(self, request_id: str, at: datetime) -> None:
        """Take another turn at that time."""


class Replies(Protocol):
    """VirusTotal's replies, kept for a while. Every method raises StoreDown when the database cannot take it."""

    async def get(self, keys: Iterable[str], newer_than: datetime) -> dict[str, dict[str, Any]]:
        """Those of them that are kept and came after that time."""

    async def put(self, raws: Mapping[str, dict[str, Any]], at: datetime) -> None:
        """Keep replies that came at that time."""


class StoreDown(Exception):
    """The database cannot be reached or cannot take it."""


@dataclass(frozen=True, slots=True)
class Deps:
    """Everything that handlers need and do not make themselves."""

    store: Store
    modals: Modals
    history: History
    replies: Replies
    channels: Channels
    directory: Directory
    policy: Policy
    cards: CardStore
    watches: WatchStore
    rules: Rules
    service: Service
    automatic: Service
    """For what nobody asked."""
    slack: AsyncWebClient
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    thresholds: Mapping[str, int]
    """Engines, by action."""
    quota_left: Callable[[], Awaitable[Mapping[str, tuple[int, int]]]]
    """Calls used and allowed, by window; 0 allowed means no limit."""
    submit: str = "confirm"
    """May people have unknown URLs scanned: confirm, allow or deny."""
    upload: UploadPolicy = UploadPolicy.CONFIRM
    """Whether files that VirusTotal does not know may be uploaded; a channel may set a stricter policy."""
    never_upload: tuple[str, ...] = SECRET_NAMES
    """Names of files that are not uploaded, whoever agrees."""
    logins: Logins | None = None
    """Holds logins that people type; None: they may not."""
    invented: bool = False
    """The sandbox answers instead of VirusTotal."""
    audience: Audience = EVERYBODY
    """Everybody, with the contact to turn to."""
