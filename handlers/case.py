"""What is stored of a request besides itself: how far it has come, the modal it came from, what is on record about its findings.

Changes need an upgrade in stored_shapes.py.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Generic, Literal, Self

from pydantic import ConfigDict, Field
from typing_extensions import TypeVar

from handlers.request import CardRequest, Frozen, LookupRequest, Origin, ReportRequest, Request, Verb
from vt.evidence import HostRecord
from vt.indicators import Kind
from vt.lookup import Lookup
from vt.privacy import has_secret, masked
from vt.results import Judgement, judged_if_changed, judgement
from vt.verdict import Finding, Note, State


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
    """How often the response_url was used, or was about to be used, for progress; Slack allows five uses."""
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
    instance: str = ""
    """The instance of VirusTotal that is asked; "" until it is chosen, and always while there is only VT_API_KEY's."""

    @property
    def has_files(self) -> bool:
        """Whether any of its lookups is about a file."""
        return any(lookup.is_file for lookup in self.lookups)

    @property
    def first_origin(self) -> Origin:
        """Who asked first, and where."""
        return self.first or self.request.origin

    @property
    def sharer(self) -> str | None:
        """Who wants the whole channel to see the answer; None: nobody."""
        return self.shared_by or (self.request.origin.user if is_shared(self.request) else None)

    @property
    def is_seen_by_all(self) -> bool:
        """Whether the channel sees the answer: it was shared, or posted as a message of the bot's."""
        origin = self.request.origin
        is_posted = origin.response_url is None and not origin.apart
        return self.published or is_shared(self.request) or origin.public or is_posted

    def findings(self, now: datetime) -> list[Finding]:
        """What is known of everything that was asked, in that order."""
        return [lookup.finding(now) for lookup in self.lookups]

    def is_owned_by(self, origin: Origin) -> bool:
        """Whether the person in `origin` is the one who asked first."""
        return origin.asker == self.first_origin.asker

    def as_renewal(self, about: "Case", lookups: tuple[Lookup, ...]) -> Self:
        """This case with these lookups, as a renewal of the answer `about`: the owner of that answer owns this one too.

        A question about the same uploads keeps the time when it was first asked, however often it is shown again.
        """
        is_same_question = _open_questions(lookups) == _open_questions(about.lookups)
        update = {"first": about.first_origin, "asked_at": about.asked_at if is_same_question else None}
        return self.model_copy(update={"lookups": lookups, "instance": about.instance, **update})


def _open_questions(lookups: tuple[Lookup, ...]) -> list[Lookup]:
    return [lookup for lookup in lookups if lookup.note is Note.NEEDS_CONSENT]


def asked_lookups(request: Request) -> tuple[Lookup, ...]:
    """What a request asks about: nothing for requests about other things than indicators and files."""
    return request.lookups if isinstance(request, LookupRequest | ReportRequest | CardRequest) else ()


def is_shared(request: Request) -> bool:
    """Whether the asker wants the whole channel to see the answer."""
    return isinstance(request, LookupRequest | ReportRequest) and request.share


class StoreDown(Exception):
    """The database cannot be reached, or refused the change."""


# Cases that cannot be read -----------------------------------------------------------------------------

UNREADABLE = "unreadable"
"""In the audit trail, for why a request has failed."""


class Unreadable(Exception):
    """A stored object cannot be read. The text says why, in words of ours: never what the object holds."""


class NewerVersion(Unreadable):
    """A later release wrote it: a process of that release, which may be starting, can read it."""


class UnreadableCase(Exception):
    """A stored case, or the card that belongs to it, cannot be read. `reason` may be logged.

    `salvaged` is a case with what could still be read, which can be answered in its place.
    """

    def __init__(self, salvaged: Case, why: Unreadable) -> None:
        super().__init__(str(why))
        self.salvaged = salvaged
        self.reason = str(why)
        self.is_newer = isinstance(why, NewerVersion)

    @property
    def case_id(self) -> str:
        """Of the case."""
        return self.salvaged.request.id


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


# What is on record about findings -----------------------------------------------------------------------

JUDGED = frozenset({State.RISKY, State.SUSPICIOUS, State.CLEAN, State.UNKNOWN})
"""States in which VirusTotal has said something."""


class Sighting(Frozen):
    """One thing that was looked up once, and the result. The alias is the stored key."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    action: str
    kind: Kind | None
    value: str
    input: str = Field(alias="asked")
    """As it was asked for."""
    state: State
    count: int | None
    total: int | None
    at: datetime | None = None
    """When it was looked up; None before that is on record."""
    known: HostRecord | None = None
    """What was known against a host. None for the rest, and from versions that had the documented rule only."""

    @property
    def subject(self) -> str:
        """A SHA-256 in hex for what was looked up: the same whoever asks, and however it was written."""
        name = f"{self.kind}:{self.value}" if self.kind else f":{self.input}"
        return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """A finding as it is put on record, but for `known`."""
        indicator = finding.indicator
        return cls(
            action=finding.action.key,
            kind=indicator.kind if indicator else None,
            value=indicator.value if indicator else "",
            input=finding.input,
            **asdict(judgement(finding)),
        )

    def without_secrets(self) -> Self:
        """As it is stored for a year, and shown: passwords and tokens in a URL are hidden. It has another `subject`."""
        if self.kind is not Kind.URL or not has_secret(self.value):
            return self
        return self.model_copy(update=dict.fromkeys(("value", "input"), masked(self.value)))


@dataclass(frozen=True, slots=True)
class Summary:
    """What is on record about one subject, before a certain moment."""

    times: int
    since: datetime
    here: bool
    """It was first looked up in the channel that asks now."""
    channel: str | None
    """Where it was first looked up, if that is another channel and a public one."""
    last: Sighting | None
    """The last time that VirusTotal said something about it."""

    def previous_if_changed(self, finding: Finding) -> Sighting | None:
        """The previous result by today's threshold and rule, if VirusTotal's counts or the verdict are others now."""
        last = self.last
        if last is None or finding.state not in JUDGED:
            return None
        then = judged_if_changed(Judgement(last.state, last.count, last.total), last.known, last.at, finding)
        return last.model_copy(update=asdict(then)) if then else None


Records = Mapping[str, Summary]
"""What is on record about findings, by `Sighting.subject`."""
