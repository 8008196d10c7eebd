"""VirusTotal's replies as frozen models. Its odd keys and its many formats are known here and nowhere else.

Tolerance has one limit. What is missing, null or of a strange type becomes None or empty, and a broken entry
of a list is left out; but a list that a verdict rests on and that is no list at all makes the whole reply
unreadable, since reading it as empty would call something clean that nobody could read.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    OnErrorOmit,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from vt.errors import Unreadable

LARGEST = 2**32 - 1
"""The largest number any field holds (an AS number); beyond it, a number is not one that VirusTotal sent."""
COMPACT = 14
"""Digits of YYYYMMDDHHMMSS."""
VENDOR_ENDINGS = (" category", " domain info", " rank")


def number(value: object) -> int | None:
    """A count, rank or AS number, which came as an int, a float or digits. None when it is none of these."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        read = int(value)
    except (ValueError, OverflowError):
        return None
    return read if 0 <= read <= LARGEST else None


def moment(value: object) -> datetime | None:
    """A time in UTC from any format seen: YYYY-MM-DD HH:MM:SS, YYYYMMDD[HHMMSS], seconds since 1970.

    VirusTotal's times are UTC and do not say so. None for what is no time ("None", "-", null).
    """
    try:
        if isinstance(value, str):
            return _written(value.strip())
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _written(text: str) -> datetime:
    iso = f"{text[:8]}T{text[8:]}" if len(text) == COMPACT and text.isdigit() else text
    read = datetime.fromisoformat(iso)
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)


def _or_none(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError:
        return None


def _or_empty(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except ValidationError:
        return ()


T = TypeVar("T")
Text = Annotated[str | None, WrapValidator(_or_none)]
Number = Annotated[int | None, BeforeValidator(number)]
Moment = Annotated[datetime | None, BeforeValidator(moment)]
Several = Annotated[tuple[OnErrorOmit[T], ...], WrapValidator(_or_empty)]
Proof = Annotated[tuple[OnErrorOmit[T], ...], BeforeValidator(lambda value: value or ())]
"""A list that a verdict rests on: null is empty, something that is no list is an error."""


class Part(BaseModel):
    """Something VirusTotal sent: frozen, and what is not known of it is kept."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Reply(Part):
    """What every JSON reply holds."""

    response_code: int
    verbose_msg: Text = None


class Engine(Part):
    """What one engine says. For URLs `result` is text even when clean ("clean site", "unrated site")."""

    detected: bool
    result: Text = None
    version: Text = None
    update: Moment = None
    detail: Text = None


class Report(Reply):
    """What the reports on files and URLs share; 70 engines looked, or none did yet."""

    resource: Text = None
    scan_id: Text = None
    scan_date: Moment = None
    permalink: Text = None
    positives: Number = None
    total: Number = None
    scans: Annotated[dict[str, OnErrorOmit[Engine]], BeforeValidator(lambda value: value or {})] = {}
    first_seen: Moment = None
    last_seen: Moment = None


class FileReport(Report):
    """file/report. From `size` on: only with allinfo, for private keys."""

    sha256: Text = None
    sha1: Text = None
    md5: Text = None
    size: Number = None
    type: Text = None
    tags: Several[str] = ()
    submission_names: Several[str] = ()


class UrlReport(Report):
    """url/report. Code 1 without scans: it was only queued."""

    url: Text = None
    filescan_id: Text = None


class Seen(Part):
    """Something seen at a host, and how many engines flag it."""

    positives: Number = None
    total: Number = None


class Sample(Seen):
    """A file. `date` is often missing."""

    name: Text = Field(default=None, alias="sha256")
    date: Moment = None


class SeenUrl(Seen):
    """A URL: an object when detected, a list [url, sha256, positives, total, date] when not."""

    name: Text = Field(default=None, alias="url")
    sha256: Text = None
    date: Moment = Field(default=None, alias="scan_date")

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: object) -> object:
        keys = ("url", "sha256", "positives", "total", "scan_date")
        return dict(zip(keys, value, strict=False)) if isinstance(value, list) else value


class Resolution(Part):
    """A host name that pointed to the address, or an address that the domain pointed to."""

    hostname: Text = None
    ip_address: Text = None
    last_resolved: Moment = None

    @property
    def name(self) -> str | None:
        """The other end, whichever it is."""
        return self.hostname or self.ip_address


class HostReport(Reply):
    """What the reports on domains and addresses share. They hold no verdict, only what was seen there.

    Each list is capped by VirusTotal at 100 entries, resolutions at 1000.
    """

    detected_urls: Proof[SeenUrl] = ()
    detected_downloaded_samples: Proof[Sample] = ()
    detected_communicating_samples: Proof[Sample] = ()
    detected_referrer_samples: Proof[Sample] = ()
    undetected_urls: Proof[SeenUrl] = ()
    undetected_downloaded_samples: Proof[Sample] = ()
    undetected_communicating_samples: Proof[Sample] = ()
    undetected_referrer_samples: Proof[Sample] = ()
    resolutions: Several[Resolution] = ()
    whois: Text = None
    whois_timestamp: Moment = None

    def detected(self) -> Iterator[tuple[str, Sample | SeenUrl]]:
        """What some engine flags, each with its kind: url, downloaded, communicating, referrer."""
        yield from (("url", url) for url in self.detected_urls)
        yield from (("downloaded", sample) for sample in self.detected_downloaded_samples)
        yield from (("communicating", sample) for sample in self.detected_communicating_samples)
        yield from (("referrer", sample) for sample in self.detected_referrer_samples)

    def undetected(self) -> Iterator[Sample | SeenUrl]:
        """What no engine flags."""
        yield from self.undetected_urls
        yield from self.undetected_downloaded_samples
        yield from self.undetected_communicating_samples
        yield from self.undetected_referrer_samples


class AddressReport(HostReport):
    """ip-address/report. `asn` was a string up to 2018."""

    asn: Number = None
    as_owner: Text = None
    country: Text = None
    continent: Text = None
    network: Text = None


class DomainReport(HostReport):
    """domain/report. What vendors say may be text, a list or an object, and new vendors appear."""

    categories: Several[str] = ()
    subdomains: Several[str] = ()
    domain_siblings: Several[str] = ()
    forcepoint_category: Any = Field(default=None, alias="Forcepoint ThreatSeeker category")
    websense_category: Any = Field(default=None, alias="Websense ThreatSeeker category")
    bitdefender_category: Any = Field(default=None, alias="BitDefender category")
    alexa_category: Any = Field(default=None, alias="Alexa category")
    trendmicro_category: Any = Field(default=None, alias="TrendMicro category")
    bitdefender_info: Any = Field(default=None, alias="BitDefender domain info")
    alexa_info: Any = Field(default=None, alias="Alexa domain info")
    opera_info: Any = Field(default=None, alias="Opera domain info")
    webutation_info: Any = Field(default=None, alias="Webutation domain info")
    wot_info: Any = Field(default=None, alias="WOT domain info")
    alexa_rank: Any = Field(default=None, alias="Alexa rank")

    @property
    def vendors(self) -> Mapping[str, Any]:
        """What the vendors without a field of their own say, under VirusTotal's own keys."""
        extra = self.model_extra or {}
        return {key: value for key, value in extra.items() if key.endswith(VENDOR_ENDINGS)}


class Receipt(Reply):
    """file/scan, file/rescan and url/scan: something was queued. The report is asked for by `scan_id`."""

    scan_id: Text = None
    resource: Text = None
    permalink: Text = None
    sha256: Text = None
    sha1: Text = None
    md5: Text = None
    url: Text = None
    scan_date: Moment = None


class Comment(Part):
    """What someone wrote."""

    comment: str
    date: Moment = None


class Comments(Reply):
    """comments/get: at most 25, newest first."""

    resource: Text = None
    comments: Several[Comment] = ()


REPORTS: Mapping[str, type[FileReport | UrlReport | DomainReport | AddressReport]] = {
    "scan-ip": AddressReport,
    "scan-hash": FileReport,
    "scan-url": UrlReport,
    "domain-report": DomainReport,
    "scan-file": FileReport,
}
Model = TypeVar("Model", bound=Reply)


def read(model: type[Model], raw: object) -> Model:
    """A reply as its model; the raw reply is not changed. Raises Unreadable("shape")."""
    try:
        return model.model_validate(raw)
    except ValidationError:
        raise Unreadable("shape") from None


def report(action_key: str, raw: object) -> FileReport | UrlReport | DomainReport | AddressReport:
    """The report an action asked for. Raises Unreadable("shape") when it is not the documented form."""
    return read(REPORTS[action_key], raw)
