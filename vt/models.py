"""VirusTotal's replies as frozen models, which read every format that was seen over the years. No other module knows its keys.

A value that is missing, null or of an unexpected type becomes None or empty, and a broken entry of a list is left out.
There is one exception: a list that a verdict rests on must be a list. Reading anything else as an empty list would call
something clean that nobody could read.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import IntEnum
from functools import partial
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    OnErrorOmit,
    ValidationError,
)
from pydantic_core import core_schema

from vt.codec import PackedReply, ShortReply, remembered
from vt.errors import Unreadable

LARGEST = 2**32 - 1
"""The largest number of any field (an AS number). Larger ones cannot be VirusTotal's."""
MAX_ENGINES = 10_000
"""The largest count of engines. VirusTotal has about 100."""
MAX_ENTRIES = 10_000
"""Entries of a list that are read. VirusTotal sends at most 1000."""
FOUNDED, LATEST = datetime(2004, 6, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)  # VirusTotal's times


def number(value: object, largest: int = LARGEST) -> int | None:
    """A count, rank or AS number, sent as an int, a float or digits. None for anything else."""
    if type(value) is int:  # the usual case, and much faster
        return value if 0 <= value <= largest else None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    read = -1
    with suppress(ValueError, OverflowError):
        read = int(value)
    is_whole = isinstance(value, str) or read == value
    return read if is_whole and 0 <= read <= largest else None


def moment(value: object) -> datetime | None:
    """A time (UTC) from any format seen: YYYY-MM-DD HH:MM:SS, YYYYMMDD[HHMMSS], or seconds since 1970.

    VirusTotal's times are in UTC without saying so. None for anything that is not a time ("None", "-", null), and
    for one that nothing of VirusTotal's can have: 0 is 1970, and evidence without a date is not old.
    """
    read = None
    with suppress(ValueError, OverflowError, OSError):
        if isinstance(value, str):
            text = value.strip()
            iso = f"{text[:8]}T{text[8:]}" if len(text) == len("YYYYMMDDHHMMSS") and text.isdigit() else text
            read = datetime.fromisoformat(iso)
            read = read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            read = datetime.fromtimestamp(value, UTC)
    return read if read and FOUNDED <= read < LATEST else None


def evidence(value: object) -> object:
    """Null becomes empty. More entries than VirusTotal sends are an error, before validating them costs time."""
    if isinstance(value, list | dict) and len(value) > MAX_ENTRIES:
        raise ValueError
    return value or ()


class NoneIfUnfit:
    """In an annotation: what does not fit is None, which costs no call of Python."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, read: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """The schema, with a default for errors."""
        return core_schema.with_default_schema(read(source), default=None, on_error="default")


T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)
Text = Annotated[str | None, NoneIfUnfit]
Number = Annotated[int | None, BeforeValidator(number)]
Count = Annotated[int | None, BeforeValidator(partial(number, largest=MAX_ENGINES))]
Moment = Annotated[datetime | None, BeforeValidator(moment)]
Several = Annotated[
    tuple[OnErrorOmit[T], ...],
    BeforeValidator(lambda value: value[:MAX_ENTRIES] if isinstance(value, list) else ()),
]
"""The entries of a list, at most MAX_ENTRIES; none of anything else."""
Proof = Annotated[tuple[OnErrorOmit[T], ...], BeforeValidator(evidence)]
"""A list that a verdict rests on: null is empty, anything else that is not a list is an error."""
Named = Annotated[dict[str, OnErrorOmit[T]], BeforeValidator(lambda value: evidence(value) or {})]
"""Like Proof, for an object whose keys are names."""


class Code(IntEnum):
    """VirusTotal's response_code."""

    FOUND = 1
    UNKNOWN = 0
    INVALID = -1
    QUEUED = -2
    UNREADABLE = 999
    """Ours, for a code that is missing or no integer."""


class Part(BaseModel):
    """A part of a reply. Fields that nothing reads are not declared; they are kept like any unknown key."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Reply(Part):
    """What every JSON reply has."""

    response_code: int = Field(strict=True)
    verbose_msg: Text = None

    @property
    def analysed_at(self) -> datetime | None:
        """When engines last scanned it. None for hosts, whatever a key of their reports is called."""
        return None

    @property
    def first_seen_at(self) -> datetime | None:
        """When VirusTotal first saw it, where a report says so."""
        return None


class Engine(Part):
    """The result of one engine. For URLs, `result` is text even when clean ("clean site", "unrated site")."""

    detected: bool
    result: Text = None
    update: Moment = None


class Report(Reply):
    """What reports on files and URLs have in common. `scans` is empty until engines have scanned it."""

    resource: Text = None
    scan_id: Text = None
    scan_date: Moment = None
    permalink: Text = None
    positives: Count = None
    total: Count = None
    scans: Named[Engine] = {}
    first_seen: Moment = None

    @property
    def analysed_at(self) -> datetime | None:
        """When engines last scanned it."""
        return self.scan_date

    @property
    def first_seen_at(self) -> datetime | None:
        """When VirusTotal first saw it; known to private keys only."""
        return self.first_seen


class FileReport(Report):
    """file/report."""

    sha256: Text = None
    sha1: Text = None
    md5: Text = None
    type: Text = None  # such as "Win32 EXE"; known to private keys only


class UrlReport(Report):
    """url/report. One with response_code 1 but without `scans` has only been queued."""

    url: Text = None
    filescan_id: Text = None

    @property
    def http_status(self) -> int | None:
        """What the server answered, such as 200; known to private keys only."""
        details = (self.model_extra or {}).get("additional_info")
        return number(details.get("Response code"), 999) if isinstance(details, dict) else None


class Seen(Part):
    """Something that was seen at a host, and how many engines flag it."""

    positives: Count = None
    total: Count = None


class Sample(Seen):
    """A file that was seen at a host. `date` is often missing."""

    name: Text = Field(default=None, alias="sha256")
    date: Moment = None


class SeenUrl(Seen):
    """A URL at a host."""

    name: Text = Field(default=None, alias="url")
    sha256: Text = None
    date: Moment = Field(default=None, alias="scan_date")


def url_entry(value: object) -> object:
    """An entry of `undetected_urls` as an object: it comes as a list, unlike one of `detected_urls`."""
    names = ("url", "sha256", "positives", "total", "scan_date")
    return dict(zip(names, value, strict=False)) if isinstance(value, list) else value


class Resolution(Part):
    """A host name that resolved to the address, or an address that the domain resolved to."""

    hostname: Text = None
    ip_address: Text = None
    last_resolved: Moment = None

    @property
    def name(self) -> str | None:
        """The host name or the address, whichever it has."""
        return self.hostname or self.ip_address


class HostReport(Reply):
    """What reports on domains and addresses have in common. They hold no verdict, only what was seen there.

    VirusTotal caps each list at 100 entries, and `resolutions` at 1000.
    """

    detected_urls: Proof[SeenUrl] = ()
    detected_downloaded_samples: Proof[Sample] = ()
    detected_communicating_samples: Proof[Sample] = ()
    detected_referrer_samples: Proof[Sample] = ()
    undetected_urls: Proof[Annotated[SeenUrl, BeforeValidator(url_entry)]] = ()
    undetected_downloaded_samples: Proof[Sample] = ()
    undetected_communicating_samples: Proof[Sample] = ()
    undetected_referrer_samples: Proof[Sample] = ()
    resolutions: Several[Resolution] = ()
    whois: Text = None

    def detected(self) -> list[tuple[str, Sample | SeenUrl]]:
        """Everything that at least one engine flags, with its kind: url, downloaded, communicating or referrer.

        An entry of an `undetected_` list that names engines which flag it is one of them.
        """
        return [*self._seen("detected"), *(one for one in self._seen("undetected") if one[1].positives)]

    def undetected(self) -> list[Sample | SeenUrl]:
        """Everything that engines looked at and none flags."""
        return [seen for _, seen in self._seen("undetected") if not seen.positives]

    def _seen(self, side: str) -> list[tuple[str, Sample | SeenUrl]]:
        urls: tuple[SeenUrl, ...] = getattr(self, f"{side}_urls")
        kinds = ("downloaded", "communicating", "referrer")
        samples = ((kind, one) for kind in kinds for one in getattr(self, f"{side}_{kind}_samples"))
        return [*(("url", one) for one in urls), *samples]


class AddressReport(HostReport):
    """ip-address/report. Until 2018, `asn` was a string."""

    asn: Number = None
    as_owner: Text = None
    country: Text = None
    network: Text = None


class DomainReport(HostReport):
    """domain/report. Vendors' values may be text, a list or an object, and new vendors appear."""

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
    def vendor_categories(self) -> Iterator[Any]:
        """Each vendor's category; many are in `categories` as well."""
        yield from (self.forcepoint_category, self.websense_category, self.bitdefender_category)
        yield from (self.alexa_category, self.trendmicro_category)
        yield from (value for key, value in self.vendors.items() if key.endswith(" category"))

    @property
    def vendors(self) -> Mapping[str, Any]:
        """Values of vendors that have no field here, under VirusTotal's own keys, such as "BitDefender category"."""
        endings = (" category", " domain info", " rank")
        return {key: one for key, one in (self.model_extra or {}).items() if key.endswith(endings)}


class Comment(Part):
    """A comment by somebody of VirusTotal's community."""

    comment: str
    date: Moment = None


class Comments(Reply):
    """comments/get: at most 25 comments, newest first."""

    comments: Several[Comment] = ()


def read(model: type[Model], raw: object) -> Model:
    """A reply as its model. The raw reply is not changed. Raises Unreadable("shape") when it does not fit."""
    try:
        return model.model_validate(raw.parsed() if isinstance(raw, PackedReply) else raw)
    except ValidationError:
        raise Unreadable("shape") from None


def read_partly(model: type[Model], raw: object) -> Model:
    """The same without the fields that do not fit, for what the others prove. Raises Unreadable when nothing is left.

    A response_code that does not fit is read as Code.UNREADABLE.
    """
    if isinstance(raw, PackedReply | ShortReply):
        return remembered(raw, model, lambda parsed: read_partly(model, dict(parsed)))
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        unreadable = {fault["loc"][0] for fault in error.errors(include_input=False) if fault["loc"]}
    if isinstance(raw, dict):
        readable = {key: value for key, value in raw.items() if key not in unreadable}
        raw = {"response_code": Code.UNREADABLE} | readable
    return read(model, raw)


def read_or_none(model: type[Model], raw: object) -> Model | None:
    """The same as `read`, but None for a reply that does not fit, and for none at all."""
    try:
        return read(model, raw)
    except Unreadable:
        return None
