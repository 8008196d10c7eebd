"""What is stored of a request besides itself: how far it has come, and what is on record about its findings.

A change needs an upgrade in stored_shapes.py. `Shape` reads and writes the versions.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypeVar

from handlers.request import CardRequest, Frozen, LookupRequest, Origin, ReportRequest, Request
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
    channel: str | None = None  # the channel of the answer, if it is a message of the bot's own
    ts: str | None = None
    posting: str | None = None
    """The channel in which that message was about to be posted: it may be there although `ts` is not known."""
    changes: tuple[Change, ...] = ()  # the settings that were changed
    plain: bool = False  # Slack refused the blocks, so the answer is plain text
    published: bool = False  # a copy of this private answer was shown to the whole channel
    shared_by: str | None = None  # who had shared the answer that this one replaces
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
        """The id of the case."""
        return self.salvaged.request.id


# Versions ----------------------------------------------------------------------------------------------

T = TypeVar("T")
Stored = dict[str, Any]
Upgrade = Callable[[Stored], Stored]
VERSION = "version"


@dataclass(frozen=True, slots=True)
class Shape(Generic[T]):
    """One kind of stored object. `upgrades[0]` turns version 1 into version 2, and so on."""

    name: str
    adapter: TypeAdapter[T]
    upgrades: tuple[Upgrade, ...] = ()

    @property
    def version(self) -> int:
        """The version that is written."""
        return len(self.upgrades) + 1

    def read(self, stored: object) -> T:
        """An object of any version up to ours, as parsed from JSON. Raises Unreadable."""
        return self.validated(self.upgraded(stored))

    def upgraded(self, stored: object) -> Stored:
        """The object in the form of our version, not validated yet. Raises Unreadable."""
        if not isinstance(stored, dict):
            raise Unreadable(f"{self.name}: not an object")
        version = stored.get(VERSION, 1)
        if type(version) is not int or version < 1:
            raise Unreadable(f"{self.name}: unknown version")
        if version > self.version:
            raise NewerVersion(f"{self.name}: version {version:.9g}")
        current = {key: value for key, value in stored.items() if key != VERSION}
        try:
            for upgrade in self.upgrades[version - 1 :]:
                current = upgrade(current)
        except Exception as error:  # noqa: BLE001 - what garbage does to an upgrade cannot be foreseen
            raise Unreadable(f"{self.name}: {type(error).__name__} in an upgrade") from None
        return current

    def validated(self, current: Stored) -> T:
        """An object in the form of our version. Raises Unreadable."""
        try:
            return self.adapter.validate_python(current)
        except ValidationError as error:
            raise unreadable(self.name, error) from None
        except Exception as error:  # noqa: BLE001 - nor what it does to a validator
            raise Unreadable(f"{self.name}: {type(error).__name__}") from None

    def write(self, value: BaseModel, **options: Any) -> str:
        """The object as JSON, with its version from version 2 on."""
        text = value.model_dump_json(**options)
        if self.version == 1:
            return text
        return f'{{"{VERSION}":{self.version}{"," if text != "{}" else ""}{text[1:]}'


def unreadable(shape: str, error: ValidationError) -> Unreadable:
    """Where the first fault is and of what kind. Names that came from the object are left out: they are content."""
    fault = error.errors(include_url=False, include_context=False)[0]
    names = {*_names(Frozen), *_names(Lookup)}
    known = [str(part) for part in fault["loc"] if isinstance(part, int) or part in names]
    is_newer = known[-1:] == [VERSION] and type(fault["input"]) is int and fault["input"] > 0
    kind = NewerVersion if is_newer else Unreadable
    return kind(f"{shape}: {'.'.join(known) or 'object'}: {fault['type']}")


def _names(model: type[BaseModel]) -> Iterator[str]:
    yield from model.model_fields
    for child in model.__subclasses__():
        yield from _names(child)


# What is on record about findings -----------------------------------------------------------------------

JUDGED = frozenset({State.RISKY, State.SUSPICIOUS, State.CLEAN, State.UNKNOWN})
"""States in which VirusTotal has said something."""


class Sighting(Frozen):
    """One thing that was looked up once, and the result. The alias is the stored key."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    action: str
    kind: Kind | None
    value: str
    input: str = Field(alias="asked")  # as it was asked for
    state: State
    count: int | None
    total: int | None
    at: datetime | None = None  # when it was looked up; None before that is on record
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
    here: bool  # it was first looked up in the channel that asks now
    channel: str | None  # where it was first looked up, if that is another channel and a public one
    last: Sighting | None  # the last time that VirusTotal said something about it

    def previous_if_changed(self, finding: Finding) -> Sighting | None:
        """The previous result by today's threshold and rule, if VirusTotal's counts or the verdict are others now."""
        last = self.last
        if last is None or finding.state not in JUDGED:
            return None
        then = judged_if_changed(Judgement(last.state, last.count, last.total), last.known, last.at, finding)
        return last.model_copy(update=asdict(then)) if then else None


Records = Mapping[str, Summary]
"""What is on record about findings, by `Sighting.subject`."""
