"""The state of looking up one indicator or file, from what was entered to its finding. A stored shape. No I/O.

What VirusTotal's replies and errors change is in steps.py and polling.py; what people and settings change is here.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    InstanceOf,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    model_validator,
)

from vt import errors
from vt.actions import BY_KEY, Action
from vt.codec import PackedReply, Raw
from vt.errors import NEVER_SENT, VTError, code_of, pack, unpack
from vt.evidence import DEFAULT_CRITERIA, HostCriteria
from vt.indicators import Indicator, Kind, is_internal
from vt.models import Code
from vt.privacy import has_secret
from vt.verdict import GIVEN_UP, Finding, Note, Subject, judge, not_checked, pending

ANY_CONTENT = "*"
"""In place of a SHA-256: the settings allow any file to be uploaded."""
ENTERED = ("action", "input", "place", "threshold", "criteria", "rescan_after_days")
"""The fields that somebody asked with: they stay when a lookup starts again."""
VERSION = 3
"""Of a stored lookup. A change of its fields needs a new version and a step in `upgrade`."""
PACKED_VERSION = 4
"""Of a lookup whose `raw` is only named, since it is large: its content has a row of its own. The release before can read
all others."""
StoredRaw = Annotated[
    InstanceOf[PackedReply] | InstanceOf[dict[str, Any]],
    PlainSerializer(lambda raw: raw.name() if isinstance(raw, PackedReply) else raw),
]


class Step(StrEnum):
    """The next step. The values are stored."""

    ASK = "ask"
    """Ask for the report."""
    RESCAN = "rescan"
    SUBMIT = "submit"
    UPLOAD = "upload"
    WAIT = "wait"
    """Poll until a running analysis is finished."""
    DONE = "done"


def _action(value: object, info: ValidationInfo) -> Action:
    actions: Mapping[str, Action] = (info.context or {}).get("actions", BY_KEY)
    found = value if isinstance(value, Action) else actions.get(str(value))
    if found is None:
        raise ValueError(value)
    return found


class Lookup(BaseModel):
    """How far the lookup of one indicator or file has come.

    The action is stored by its key; `actions` in the validation context replaces the actions that are known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[3, 4] = 3
    action: Annotated[Action, PlainValidator(_action), PlainSerializer(lambda action: action.key)]
    input: str
    """The indicator or path as it was entered."""
    kind: Kind | None = None
    value: str = ""
    """The normalised indicator; for a file its SHA-256, once it has been read."""
    place: str = ""
    """The place where a file is stored, as vt/files/hosts.py names it; "" is this machine."""
    size: int | None = None
    """Bytes of a file that was read."""
    consented_sha256: str = ""
    """The content that somebody agreed to have uploaded, or ANY_CONTENT."""
    reanalyse_after: datetime | None = None
    """Somebody wants a known file uploaded all the same: only an analysis from after this time will do."""
    upload_started: datetime | None = None
    """When an upload was started whose outcome is not known."""
    failed_uploads: int = 0
    threshold: int
    """Engines; RISKY when the count reaches or exceeds it."""
    criteria: HostCriteria = DEFAULT_CRITERIA
    rescan_after_days: int | None = None
    step: Step = Step.ASK
    raw: StoredRaw | None = None
    """VirusTotal's last report, or its reply that there is none."""
    checked_at: datetime | None = None
    """When `raw` came from VirusTotal."""
    scan_id: str | None = None
    """The analysis that is polled."""
    waiting_since: datetime | None = None
    """Since when it has waited for an analysis, or for VirusTotal to answer."""
    attempts: int = 0
    """Polls or calls without success since then."""
    not_before: datetime | None = None
    error: dict[str, Any] | None = None
    """Why there is no answer, or none yet, as errors.pack returns it."""
    note: Note | None = None

    @model_validator(mode="before")
    @classmethod
    def _upgraded(cls, data: Any) -> Any:
        """What another version stored, and what has a packed reply, in the form of today."""
        is_as_today = not isinstance(data, Mapping) or (
            data.get("version", 1 if "asked" in data else VERSION) == VERSION
            and not isinstance(data.get("raw"), PackedReply)
        )
        return data if is_as_today else upgrade(data)

    @classmethod
    def of(
        cls, indicator: Indicator, action: Action, threshold: int, rescan_after_days: int | None = None
    ) -> Self:
        """A new lookup of an indicator. One that is internal or holds a secret fails at once and is never sent."""
        lookup = cls(
            action=action,
            input=indicator.written or indicator.value,
            kind=indicator.kind,
            value=indicator.value,
            threshold=threshold,
            rescan_after_days=rescan_after_days if action.rescans else None,
        )
        if is_internal(indicator):
            return lookup.failed(errors.Internal())
        if indicator.kind is Kind.URL and has_secret(indicator.value):
            return lookup.failed(errors.Sensitive())
        return lookup if indicator.known_host else lookup.failed(errors.NotPublic())

    @classmethod
    def of_file(cls, path: str, action: Action, threshold: int, place: str = "") -> Self:
        """A new lookup of a file that has not been read yet, or of all files that match a path with `*` and `?`."""
        return cls(action=action, input=path, threshold=threshold, place=place)

    def evolve(self, **changes: object) -> Self:
        """A copy with these fields changed. Raises ValidationError for an unknown field or a value of the wrong type."""
        return self.model_validate({**dict(self), **changes}, strict=True)

    @property
    def settled(self) -> bool:
        """Nothing more will be done for it."""
        return self.step is Step.DONE

    def due(self, now: datetime) -> bool:
        """May its next step be taken now?"""
        return not self.settled and (self.not_before is None or self.not_before <= now)

    @property
    def is_file(self) -> bool:
        """It is about a file, whether that was read or not."""
        return self.action.files

    @property
    def is_path(self) -> bool:
        """It is about a file that has not been read yet."""
        return self.is_file and not self.value and not self.settled

    @property
    def resource(self) -> str:
        """What VirusTotal is asked for: the scan_id of the analysis that is polled, otherwise the indicator."""
        if self.step is Step.WAIT and self.scan_id:
            return self.scan_id
        return self.value.partition("@")[2] if self.kind is Kind.EMAIL else self.value

    @property
    def may_upload(self) -> bool:
        """Somebody agreed to have this very content uploaded, or the settings do."""
        return bool(self.value) and self.consented_sha256 in (self.value, ANY_CONTENT)

    @property
    def keeps_old_report(self) -> bool:
        """A known file of which a newer analysis is wanted: without one, the report that is known is the answer."""
        is_known = self.raw is not None and self.raw.get("response_code") == Code.FOUND
        return self.reanalyse_after is not None and is_known

    @property
    def upload_uncertain(self) -> bool:
        """Its upload may have arrived or not; VirusTotal is polled to find out."""
        return self.upload_started is not None and self.step is Step.WAIT

    @property
    def is_sensitive(self) -> bool:
        """A URL with a secret that nobody has allowed to be sent."""
        return self._has_error(errors.Sensitive)

    def _has_error(self, kind: type[VTError]) -> bool:
        return self.error is not None and self.error.get("code") == kind.code

    def hashed(self, sha256: str, size: int) -> Self:
        """The file was read: from now on VirusTotal is asked for its SHA-256. `size` in bytes."""
        return self.evolve(kind=Kind.SHA256, value=sha256, size=size)

    def consented(self) -> Self:
        """Somebody agreed to the upload of this content: VirusTotal is asked for it once more, then it is uploaded."""
        return self.evolve(
            step=Step.ASK,
            consented_sha256=self.value,
            note=None,
            error=None,
            not_before=None,
            waiting_since=None,
            upload_started=None,
            failed_uploads=0,
        )

    def auto_consented(self) -> Self:
        """The settings allow any file to be uploaded, without asking anybody."""
        return self.evolve(consented_sha256=ANY_CONTENT) if self.is_path else self

    def upload_begins(self, now: datetime) -> Self:
        """Marked as being uploaded, if that is its next step: stored before the first byte is sent."""
        return self.evolve(upload_started=now) if self.step is Step.UPLOAD and self.may_upload else self

    # How a step ends -------------------------------------------------------------------------------------

    def delayed(self, error: VTError, until: datetime) -> Self:
        """The step is taken at that time, and `error` says why not now."""
        return self.evolve(error=pack(error), not_before=until)

    def failed(self, error: VTError) -> Self:
        """There will be no answer."""
        return self.evolve(step=Step.DONE, error=pack(error), not_before=None)

    def refused(self, error: VTError) -> Self:
        """The step cannot be done. A known file keeps its old report; anything else has no answer."""
        if self.keeps_old_report:
            return self.failed(error).evolve(note=Note.NOT_UPLOADED, upload_started=None)
        return self.failed(error)

    def done(self, note: Note | None) -> Self:
        """Nothing more will be done, and what is known is the answer. The note says what could not be had."""
        return self.evolve(step=Step.DONE, note=note, not_before=None, error=None, upload_started=None)

    # What people ask for ---------------------------------------------------------------------------------

    def secret_allowed(self) -> Self:
        """Somebody allowed that the URL is looked up although it holds a secret."""
        return self.evolve(step=Step.ASK, error=None) if self.is_sensitive else self

    def prioritised(self) -> Self:
        """Somebody wants it now: it no longer waits for what is left of the reserve."""
        return self.evolve(error=None, not_before=None) if self._has_error(errors.Reserved) else self

    def submitted_on_request(self) -> Self:
        """Somebody wants it submitted, which makes it visible to VirusTotal's community."""
        return self.evolve(step=Step.SUBMIT, raw=None, error=None, not_before=None, note=None)

    def rescanned_on_request(self) -> Self:
        """Somebody wants it analysed again, at the cost of calls. Until then the known report is kept."""
        return self.evolve(
            step=Step.RESCAN, error=None, not_before=None, waiting_since=None, attempts=0, note=None
        )

    def rechecked(self) -> Self:
        """Look it up again from the start, unless it must never be sent. A file is read again.

        Consent to an upload holds once. An analysis that was given up is polled again.
        """
        if any(map(self._has_error, NEVER_SENT)):
            return self
        if self.note in GIVEN_UP and self.is_file:
            return self.evolve(step=Step.WAIT, note=None, waiting_since=None, attempts=0, consented_sha256="")
        again = type(self)(**{name: getattr(self, name) for name in ENTERED})
        if self.is_file:
            return again
        # A host that was replaced by its registered domain is not asked for by its own name again.
        note = self.note if self.note is Note.REGISTERED_DOMAIN else None
        return again.evolve(kind=self.kind, value=self.value, size=self.size, note=note)

    @property
    def indicator(self) -> Indicator | None:
        """What VirusTotal is asked for; None for a file that was not read."""
        return Indicator(self.kind, self.value, self.input) if self.kind else None

    @property
    def subject(self) -> Subject:
        """What the finding is about."""
        return Subject(self.action, self.indicator, self.input)

    def finding(self, now: datetime) -> Finding:
        """What is known now, in the form that is shown to people."""
        error = unpack(self.error) if self.error else None
        is_asking = self.step in (Step.ASK, Step.UPLOAD)
        has_nothing = error or (self.raw is None and self.note not in GIVEN_UP)
        if (self.settled or is_asking) and not self.keeps_old_report and has_nothing:
            return not_checked(self.subject, error, until=self.not_before)
        has_report = self.raw is not None and self.raw.get("response_code") != Code.UNKNOWN
        if self.settled and self.raw is not None and (has_report or self.note not in GIVEN_UP):
            judged = self.judged(self.raw, self.checked_at or now)
            return replace(judged, error=error or judged.error)
        note = self.note or (Note.INTERRUPTED if self.upload_uncertain else None)
        # "Not in VirusTotal" no longer holds while an analysis is awaited, so that reply is left out.
        raw = self.raw if has_report else None
        waiting = pending(self.subject, raw=raw, until=self.not_before, checked_at=self.checked_at, note=note)
        return replace(waiting, error=error if is_asking else None)

    def judged(self, raw: Raw, at: datetime) -> Finding:
        """What a report means at this lookup's threshold, and by its rule for hosts."""
        return judge(
            self.subject, raw, threshold=self.threshold, now=at, criteria=self.criteria, note=self.note
        )


# What older versions stored ----------------------------------------------------------------------------

_RENAMED_IN_2 = {
    "asked": "input",
    "agreed": "consented_sha256",
    "anew": "reanalyse_after",
    "begun": "upload_started",
    "broken": "failed_uploads",
    "since": "waiting_since",
    "tries": "attempts",
    "trouble": "error",
}
"""Version 1 had no `version`, and stored errors by class name."""


def upgrade(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A lookup of any version in the form of version 3, or 4 if its reply is packed. Anything else is returned as it is."""
    lookup = dict(stored)
    if "version" not in lookup and "asked" in lookup:
        lookup = {_RENAMED_IN_2.get(name, name): value for name, value in stored.items()} | {"version": 2}
        if isinstance(error := lookup.get("error"), Mapping):
            lookup["error"] = {"code": code_of(error), "data": error.get("data", {})}
    if lookup.get("version") == 2:  # noqa: PLR2004
        # What was answered by the documented rule stays so when its answer is shown again.
        lookup |= {"version": 3, "criteria": {"rule": "documented"}}
    version, raw = lookup.get("version", VERSION), lookup.get("raw")
    if version == PACKED_VERSION and isinstance(raw, dict):
        raw = PackedReply.named(raw)
    if version in (VERSION, PACKED_VERSION):
        lookup |= {"version": PACKED_VERSION if isinstance(raw, PackedReply) else VERSION, "raw": raw}
    return lookup
