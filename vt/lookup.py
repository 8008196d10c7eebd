"""One indicator's or file's way to a finding: a stored shape, and what each reply makes of it. No I/O."""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from vt import errors
from vt.actions import BY_KEY, Action
from vt.errors import VTError
from vt.indicators import Indicator, Kind, is_internal
from vt.indicators.hosts import registered_domain
from vt.privacy.sensitive import secret
from vt.verdict import LEFT, Finding, Note, judge, not_checked, pending

Raw = dict[str, Any]

ANY = "*"
NEVER_SENT = (errors.Internal, errors.Sensitive)
"""Reasons that another question does not change."""


class Step(StrEnum):
    """What comes next."""

    ASK = "ask"
    RESCAN = "rescan"
    SUBMIT = "submit"
    UPLOAD = "upload"
    WAIT = "wait"
    DONE = "done"


class Lookup(BaseModel):
    """Where one indicator or file stands between two calls. For a file, `value` is its SHA-256 once known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: str
    asked: str
    kind: Kind | None = None
    value: str = ""
    place: str = ""
    """The place where a file is stored, as vt/files/places.py names it; "" is this machine."""
    size: int | None = None
    """Bytes of a file that was read."""
    agreed: str = ""
    """The SHA-256 that a person agreed to have uploaded when VirusTotal does not know it; ANY: the settings did."""
    anew: datetime | None = None
    """A person wants the file uploaded though VirusTotal knows it: an analysis from before this time is not enough."""
    begun: datetime | None = None
    """When an upload was begun, while nothing is known of its end."""
    broken: int = 0
    """How many uploads of it broke."""
    threshold: int
    rescan_after_days: int | None = None
    step: Step = Step.ASK
    raw: Raw | None = None
    checked_at: datetime | None = None
    scan_id: str | None = None
    since: datetime | None = None
    """When it began to wait, for an analysis or for VirusTotal to answer."""
    tries: int = 0
    not_before: datetime | None = None
    trouble: Raw | None = None
    note: Note | None = None

    @classmethod
    def of(
        cls, indicator: Indicator, action: Action, threshold: int, rescan_after_days: int | None = None
    ) -> Self:
        """A lookup of an indicator; what is internal or holds a secret is settled at once and not sent."""
        asked = indicator.asked or indicator.value
        fresh = cls(
            action=action.key,
            asked=asked,
            kind=indicator.kind,
            value=indicator.value,
            threshold=threshold,
            rescan_after_days=rescan_after_days if action.rescans else None,
        )
        if is_internal(indicator):
            return fresh.failed(errors.Internal())
        hidden = indicator.kind is Kind.URL and secret(indicator.value)
        return fresh.failed(errors.Sensitive()) if hidden else fresh

    @classmethod
    def of_file(cls, path: str, action: Action, threshold: int, place: str = "") -> Self:
        """A lookup of a file, or of the files that a path with `*` and `?` fits, that has not been read yet."""
        return cls(action=action.key, asked=path, threshold=threshold, place=place)

    def but(self, **changes: Any) -> Self:
        """The same, but for this."""
        return self.model_copy(update=changes)

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
        return BY_KEY[self.action].files

    @property
    def is_path(self) -> bool:
        """It is about a file that was not read yet."""
        return self.is_file and not self.value and not self.settled

    @property
    def resource(self) -> str:
        """What to ask VirusTotal for: the new scan while one is awaited, else the indicator."""
        if self.step is Step.WAIT and self.scan_id:
            return self.scan_id
        return self.value.partition("@")[2] if self.kind is Kind.EMAIL else self.value

    # What came of a step ---------------------------------------------------------------------------------

    def unknown(self) -> Self:
        """A file may be uploaded, unless it is not to be opened; a host's registered domain is asked once more; else unknown is the answer."""
        if self.is_file:
            return self.kept(self.note) if self.note is Note.BY_HASH else self.but(step=Step.UPLOAD)
        above = registered_domain(self.resource) if self.action == "domain-report" else None
        if above and above != self.resource:
            return self.but(kind=Kind.DOMAIN, value=above, raw=None, note=Note.REGISTERED_DOMAIN)
        return self.but(step=Step.DONE)

    def rescanned_if_old(self, analysed: datetime | None, now: datetime, *, may_rescan: bool) -> Self:
        """Asked to rescan after so many days: done, or another scan first, or the reason why not."""
        done = self.but(step=Step.DONE)
        if self.anew and self.may_upload and (analysed is None or analysed < self.anew):
            return self.but(step=Step.UPLOAD)
        if self.rescan_after_days is None or analysed is None:
            return done
        if now - analysed < timedelta(days=self.rescan_after_days):
            return done
        if self.kind is not Kind.URL and not may_rescan:
            return done.but(note=Note.NEEDS_PRIVATE_KEY)
        return self.but(step=Step.RESCAN)

    def hashed(self, sha256: str, size: int) -> Self:
        """The file was read once: from here on its SHA-256 is what is asked for."""
        return self.but(kind=Kind.SHA256, value=sha256, size=size)

    def agreed_to(self) -> Self:
        """A person said that this content may be uploaded: it is asked for once more, then uploaded."""
        return self.but(
            step=Step.ASK,
            agreed=self.value,
            note=None,
            trouble=None,
            not_before=None,
            since=None,
            begun=None,
            broken=0,
        )

    def asked_about(self, now: datetime) -> Self:
        """Known to VirusTotal, and perhaps to be uploaded all the same: once somebody agrees."""
        return self.but(note=Note.TO_AGREE, anew=now)

    def unasked(self) -> Self:
        """The settings say that any file may be uploaded."""
        return self.but(agreed=ANY) if self.is_path else self

    @property
    def may_upload(self) -> bool:
        """Somebody agreed, to this very content."""
        return bool(self.value) and self.agreed in (self.value, ANY)

    def begins(self, now: datetime) -> Self:
        """What it is before the first byte is sent, to be remembered: an upload, if it is one, is under way."""
        return self.but(begun=now) if self.step is Step.UPLOAD and self.may_upload else self

    @property
    def known(self) -> bool:
        """VirusTotal has it; a newer analysis is wanted."""
        return self.anew is not None and self.raw is not None and self.raw.get("response_code") == 1

    @property
    def unsure(self) -> bool:
        """It may have been uploaded, or not: what comes of it is waited for."""
        return self.begun is not None and self.step is Step.WAIT

    def delayed(self, error: VTError, until: datetime) -> Self:
        """Not now, for that reason; it stays and is taken up again."""
        return self.but(trouble=errors.pack(error), not_before=until)

    def refused(self, error: VTError) -> Self:
        """Not done, for that reason: of what is known already, a new analysis; else there is no answer."""
        if self.known:
            return self.failed(error).but(note=Note.NOT_UPLOADED, begun=None)
        return self.failed(error)

    def kept(self, note: Note | None) -> Self:
        """Nothing more is done: what is known stands. The note says what could not be had."""
        return self.but(step=Step.DONE, note=note, not_before=None, trouble=None, begun=None)

    def failed(self, error: VTError) -> Self:
        """No answer will come, for that reason."""
        return self.but(step=Step.DONE, trouble=errors.pack(error), not_before=None)

    @property
    def sensitive(self) -> bool:
        """A URL with a secret, about which nobody agreed yet."""
        return bool(self.trouble and self.trouble.get("error") == errors.Sensitive.__name__)

    def allowed(self) -> Self:
        """A person said: look it up, though it holds a secret."""
        return self.but(step=Step.ASK, trouble=None) if self.sensitive else self

    def hurried(self) -> Self:
        """A person said: now, and not when those who did not ask may."""
        waits = bool(self.trouble and self.trouble.get("error") == errors.Reserved.__name__)
        return self.but(trouble=None, not_before=None) if waits else self

    def submitted_on_request(self) -> Self:
        """A person said: submit it, though VirusTotal's community will see it."""
        return self.but(step=Step.SUBMIT, raw=None, trouble=None, not_before=None, note=None)

    def rescanned_on_request(self) -> Self:
        """A person said: have it analysed anew, at its price. What is known stands until then."""
        return self.but(step=Step.RESCAN, trouble=None, not_before=None, since=None, tries=0, note=None)

    def asked_again(self) -> Self:
        """From the beginning, but for what must never be sent; a file is read anew.

        To agree to an upload once is not to agree to it again. What was waited for in vain is waited for again.
        """
        if isinstance(errors.unpack(self.trouble) if self.trouble else None, NEVER_SENT):
            return self
        if self.note in LEFT and self.is_file:
            return self.but(step=Step.WAIT, note=None, since=None, tries=0, agreed="")
        kept = {"action", "asked", "kind", "value", "place", "size", "threshold", "rescan_after_days"}
        if self.is_file:
            kept -= {"kind", "value", "size"}
        # It was asked for by this name before it was asked for by its registered domain's.
        note = self.note if self.note is Note.REGISTERED_DOMAIN else None
        return type(self)(**{name: getattr(self, name) for name in kept}, note=note)

    # What is known ---------------------------------------------------------------------------------------

    @property
    def indicator(self) -> Indicator | None:
        """What it is about; None for a file that could not be read."""
        return Indicator(self.kind, self.value, self.asked) if self.kind else None

    def finding(self, now: datetime) -> Finding:
        """What is known now, as people are shown it."""
        action, subject = BY_KEY[self.action], (self.indicator, self.asked)
        trouble = errors.unpack(self.trouble) if self.trouble else None
        done, asking = self.step is Step.DONE, self.step in (Step.ASK, Step.UPLOAD)
        unsaid = trouble or (self.raw is None and self.note not in LEFT)
        if (done or asking) and not self.known and unsaid:
            return not_checked(action, *subject, trouble, until=self.not_before)
        if done and self.raw is not None and (self._is_in or self.note not in LEFT):
            found = self.judged(self.raw, self.checked_at or now)
            return replace(found, trouble=trouble or found.trouble)
        note = self.note or (Note.INTERRUPTED if self.unsure else None)
        # That it was not in VirusTotal is no longer so.
        raw = self.raw if self._is_in else None
        waiting = pending(
            action, *subject, raw=raw, until=self.not_before, checked_at=self.checked_at, note=note
        )
        return replace(waiting, trouble=trouble if asking else None)

    @property
    def _is_in(self) -> bool:
        """What VirusTotal said was not that it has none."""
        return self.raw is not None and self.raw.get("response_code") != 0

    def judged(self, raw: Raw, at: datetime) -> Finding:
        """What a report means at this lookup's threshold."""
        action = BY_KEY[self.action]
        return judge(
            action, self.indicator, self.asked, raw, threshold=self.threshold, now=at, note=self.note
        )
