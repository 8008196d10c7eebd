"""What is stored of a request besides itself: its case, which says how far it has come, and the modal that it came from. Changes need an upgrade."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Generic, Literal, Protocol

from pydantic import Field
from typing_extensions import TypeVar

from handlers.request import CardRequest, Frozen, LookupRequest, Origin, Request, Verb
from vt.indicators import Kind
from vt.lookup import Lookup


class Change(Frozen):
    """One changed setting; None means that it is not set."""

    name: str
    old: str | None
    new: str | None


class Outcome(StrEnum):
    """How a request ended, or that it has not ended yet."""

    OPEN = "open"
    DONE = "answered"
    REFUSED = "refused"
    FAILED = "failed"


R_co = TypeVar("R_co", bound=Request, covariant=True, default=Request)


class Case(Frozen, Generic[R_co]):
    """A request and how far it has come: everything that the next turn needs, whichever process runs it."""

    request: R_co
    lookups: tuple[Lookup, ...] = ()
    outcome: Outcome = Outcome.OPEN
    posts: int = 0
    """How often the response_url was used; Slack allows five times."""
    told: str = ""
    """The last news that the asker was told while waiting, so that it is not repeated."""
    channel: str | None = None
    """The channel of the answer, if it is a message of the bot's own."""
    ts: str | None = None
    posting: str | None = None
    """The channel in which that message was about to be posted: it may be there although `ts` is not known."""
    changes: tuple[Change, ...] = ()
    """The settings that were changed."""
    plain: bool = False
    """Slack refused the blocks, so the answer is plain text."""
    published: bool = False
    """A copy of this private answer was shown to the whole channel."""
    shared_by: str | None = None
    """Who had shared the answer that this one replaces."""
    first: Origin | None = None
    """Who first asked for the files of the answer that this one replaces, and where; None if it replaces none."""
    asked_at: datetime | None = None
    """When the question whether its files may be uploaded was first shown; None if it was not."""

    @property
    def has_files(self) -> bool:
        """Whether any of its lookups is about a file."""
        return any(lookup.is_file for lookup in self.lookups)


def asked_lookups(request: Request) -> tuple[Lookup, ...]:
    """What a request asks to look up: nothing for requests about other things."""
    return request.lookups if isinstance(request, LookupRequest | CardRequest) else ()


def is_shared(request: Request) -> bool:
    """Whether the asker wants the whole channel to see the answer."""
    return isinstance(request, LookupRequest) and request.share


# Cases that cannot be read -----------------------------------------------------------------------------

UNREADABLE = "unreadable"
"""In the audit trail, for why a request has failed."""


class Unreadable(Exception):
    """A stored object cannot be read. The text says why, in words of ours: never what the object holds."""


class NewerVersion(Unreadable):
    """A later release wrote it: a process of that release, which may be starting, can read it."""


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What could still be read of a case that is unreadable as a whole."""

    case_id: str
    delivery: str
    at: datetime
    origin: Origin
    is_open: bool
    posts: int = 0
    channel: str | None = None
    ts: str | None = None
    posting: str | None = None


class UnreadableCase(Exception):
    """A stored case, or the card that belongs to it, cannot be read. `reason` may be logged."""

    def __init__(self, salvaged: Salvaged, why: Unreadable) -> None:
        super().__init__(str(why))
        self.salvaged = salvaged
        self.reason = str(why)
        self.is_newer = isinstance(why, NewerVersion)

    @property
    def case_id(self) -> str:
        """Of the case."""
        return self.salvaged.case_id


# Modals ------------------------------------------------------------------------------------------------


class Found(Frozen):
    """An indicator that was found in a message and can be selected."""

    kind: Kind
    value: str
    written: str
    """As it was written in the message."""


class _Modal(Frozen):
    id: str
    """Random and unguessable: the only data that goes through Slack."""
    delivery: str
    """Identifies the delivery that opened it. The same delivery opens nothing a second time."""
    at: datetime
    origin: Origin
    """Who opened it, and from where."""


class FormModal(_Modal):
    """The form."""

    verb: Literal[Verb.FORM] = Verb.FORM
    text: str = ""
    """What is filled in when it opens."""
    found: tuple[Found, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    """Attached files, which are looked up with what is filled in."""


class LoginModal(_Modal):
    """The form for a server's login."""

    verb: Literal[Verb.LOOK_UP] = Verb.LOOK_UP
    lookups: tuple[Lookup, ...] = ()
    people: tuple[str, ...] = ()
    """What else was asked for in the form below this one."""


class AnswerModal(_Modal):
    """A modal about an answer."""

    verb: Literal[Verb.DETAILS, Verb.WHY, Verb.COMMENTS, Verb.RESCAN_COST]
    about: str
    """The id of the request whose answer it is about."""


class SettingsModal(_Modal):
    """The settings of the channel in `origin`."""

    verb: Literal[Verb.SETTINGS] = Verb.SETTINGS


FilledModal = AnswerModal | SettingsModal
"""Modals that open with a sentence and are filled by a job."""
ModalTypes = FormModal | LoginModal | AnswerModal | SettingsModal
Modal = Annotated[ModalTypes, Field(discriminator="verb")]


class Modals(Protocol):
    """The storage of modals. Every method raises StoreDown when the database cannot be reached."""

    async def keep(self, modal: Modal) -> bool:
        """Store what a modal is for. False: this delivery opened one before."""

    async def modal(self, modal_id: str) -> Modal | None:
        """What a modal is for; None if there is none with that id."""
