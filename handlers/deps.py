"""What every listener and job is handed: the request's shape, the storage it needs, the things that are real."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, ConfigDict
from slack_sdk.web.async_client import AsyncWebClient

from vt.lookup import Lookup
from vt.service import Service


class Frozen(BaseModel):
    """A stored shape: frozen, and strict about names, so that an old row is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Verb(StrEnum):
    """What is asked for."""

    LOOK_UP = "look-up"
    HELP = "help"
    PING = "ping"
    QUOTA = "quota"
    JSON = "json"
    SHARE = "share"
    SUBMIT = "submit"


class Origin(Frozen):
    """Who asked from where, and where the answer goes."""

    team: str
    user: str
    channel: str
    response_url: str | None = None
    thread: str | None = None
    """The timestamp of the thread that is answered in."""
    message: str | None = None
    """The timestamp of the message whose button was pressed."""
    public: bool = False
    """That message is seen by the whole channel."""


class Request(Frozen):
    """What was asked. The one thing that a Slack payload is turned into."""

    id: str
    """Random and unguessable: what buttons carry."""
    delivery: str
    """Slack's name for the delivery: the same delivery again is the same request."""
    verb: Verb
    at: datetime
    origin: Origin
    lookups: tuple[Lookup, ...] = ()
    people: tuple[str, ...] = ()
    """Slack users whose mail address' domain is asked for; known once Slack was asked."""
    share: bool = False
    about: str | None = None
    """The id of the request whose answer carried the button."""


class Outcome(StrEnum):
    """How a request ended, or that it has not."""

    OPEN = "open"
    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"


class Case(Frozen):
    """A request and how far it has come: everything the next turn needs, whichever process takes it."""

    request: Request
    lookups: tuple[Lookup, ...] = ()
    outcome: Outcome = Outcome.OPEN
    posts: int = 0
    """Uses of the response_url so far; Slack allows five."""
    told: str = ""
    """What the asker was told last while waiting, so that it is not said twice."""
    channel: str | None = None
    """Where the answer stands, when it was posted as a message of the bot."""
    ts: str | None = None


class Store(Protocol):
    """What handlers need of storage. Every method raises StoreDown when the database cannot take it."""

    async def accept(self, request: Request) -> bool:
        """Keep a request and its first turn, both or neither. False: this delivery was kept before."""

    async def case(self, request_id: str) -> Case | None:
        """How far a request has come."""

    async def save(self, case: Case) -> None:
        """Remember how far it has come."""

    async def ping(self) -> None:
        """One round trip."""

    async def again(self, request_id: str, at: datetime) -> None:
        """Take another turn at that time."""


class StoreDown(Exception):
    """The database cannot be reached or cannot take it."""


@dataclass(frozen=True, slots=True)
class Deps:
    """Everything that handlers need and do not make themselves."""

    store: Store
    service: Service
    slack: AsyncWebClient
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    thresholds: Mapping[str, int]
    """Engines, by action."""
    quota_left: Callable[[], Awaitable[Mapping[str, tuple[int, int]]]]
    """Calls used and allowed, by window; 0 allowed means no limit."""
    submit: str = "confirm"
    """May people have unknown URLs scanned: confirm, allow or deny."""
    invented: bool = False
    """The sandbox answers instead of VirusTotal."""
