"""VirusTotal's replies as frozen models. Its irregular keys are renamed here; no other module knows them."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vt.coercion import Count, Moment, Named, Number, Proof, Several, Text
from vt.errors import Unreadable

VENDOR_ENDINGS = (" category", " domain info", " rank")
"""Endings of the keys under which vendors describe a domain, such as "BitDefender category"."""
URL_ENTRY = ("url", "sha256", "positives", "total", "scan_date")
"""What the five items of an entry of `undetected_urls` are."""


class Part(BaseModel):
    """A part of a reply. Unknown keys are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Reply(Part):
    """What every JSON reply has. `response_code`: 1 found, 0 unknown, -2 queued, -1 invalid."""

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
    version: Text = None
    update: Moment = None
    detail: Text = None


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
    last_seen: Moment = None

    @property
    def analysed_at(self) -> datetime | None:
        """When engines last scanned it."""
        return self.scan_date

    @property
    def first_seen_at(self) -> datetime | None:
        """When VirusTotal first saw it; known to private keys only."""
        return self.first_seen


class FileReport(Report):
    """file/report. `size` and the fields below it come with allinfo only, that is, with private keys."""

    sha256: Text = None
    sha1: Text = None
    md5: Text = None
    size: Number = None
    type: Text = None
    tags: Several[str] = ()
    submission_names: Several[str] = ()


class UrlReport(Report):
    """url/report. One with response_code 1 but without `scans` has only been queued."""

    url: Text = None
    filescan_id: Text = None


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


class UndetectedUrl(SeenUrl):
    """A URL that no engine flags. It comes as a list [url, sha256, positives, total, date], unlike a detected one."""

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: object) -> object:
        return dict(zip(URL_ENTRY, value, strict=False)) if isinstance(value, list) else value


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
    undetected_urls: Proof[UndetectedUrl] = ()
    undetected_downloaded_samples: Proof[Sample] = ()
    undetected_communicating_samples: Proof[Sample] = ()
    undetected_referrer_samples: Proof[Sample] = ()
    resolutions: Several[Resolution] = ()
    whois: Text = None
    whois_timestamp: Moment = None

    def detected(self) -> Iterator[tuple[str, Sample | SeenUrl]]:
        """Everything that at least one engine flags, with its kind: url, downloaded, communicating or referrer.

        An entry of an `undetected_` list that names engines which flag it is one of them.
        """
        yield from (("url", url) for url in self.detected_urls)
        yield from (("downloaded", sample) for sample in self.detected_downloaded_samples)
        yield from (("communicating", sample) for sample in self.detected_communicating_samples)
        yield from (("referrer", sample) for sample in self.detected_referrer_samples)
        yield from ((kind, seen) for kind, seen in self._listed_as_undetected() if seen.positives)

    def undetected(self) -> Iterator[Sample | SeenUrl]:
        """Everything that engines looked at and none flags."""
        yield from (seen for _, seen in self._listed_as_undetected() if not seen.positives)

    def _listed_as_undetected(self) -> Iterator[tuple[str, Sample | SeenUrl]]:
        yield from (("url", url) for url in self.undetected_urls)
        yield from (("downloaded", sample) for sample in self.undetected_downloaded_samples)
        yield from (("communicating", sample) for sample in self.undetected_communicating_samples)
        yield from (("referrer", sample) for sample in self.undetected_referrer_samples)


class AddressReport(HostReport):
    """ip-address/report. Until 2018, `asn` was a string."""

    asn: Number = None
    as_owner: Text = None
    country: Text = None
    continent: Text = None
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
        yield self.forcepoint_category
        yield self.websense_category
        yield self.bitdefender_category
        yield self.alexa_category
        yield self.trendmicro_category
        yield from (value for key, value in self.vendors.items() if key.endswith(" category"))

    @property
    def vendors(self) -> Mapping[str, Any]:
        """Values of vendors that have no field here, under VirusTotal's own keys."""
        extra = self.model_extra or {}
        return {key: value for key, value in extra.items() if key.endswith(VENDOR_ENDINGS)}


class Receipt(Reply):
    """file/scan, file/rescan and url/scan: an analysis was queued, whose report is requested by `scan_id`."""

    scan_id: Text = None
    resource: Text = None
    permalink: Text = None
    sha256: Text = None
    sha1: Text = None
    md5: Text = None
    url: Text = None
    scan_date: Moment = None


class Comment(Part):
    """A comment by somebody of VirusTotal's community."""

    comment: str
    date: Moment = None


class Comments(Reply):
    """comments/get: at most 25 comments, newest first."""

    resource: Text = None
    comments: Several[Comment] = ()


Model = TypeVar("Model", bound=Reply)


def read(model: type[Model], raw: object) -> Model:
    """A reply as its model. The raw reply is not changed. Raises Unreadable("shape") when it does not fit."""
    try:
        return model.model_validate(raw)
    except ValidationError:
        raise Unreadable("shape") from None


def read_partly(model: type[Model], raw: object) -> Model:
    """The same without the fields that do not fit, for what the others prove. Raises Unreadable when nothing is left."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        unreadable = {fault["loc"][0] for fault in error.errors(include_input=False) if fault["loc"]}
    readable = (
        {key: value for key, value in raw.items() if key not in unreadable} if isinstance(raw, dict) else raw
    )
    return read(model, readable)


def read_or_none(model: type[Model], raw: object) -> Model | None:
    """The same as `read`, but None for a reply that does not fit, and for none at all."""
    try:
        return read(model, raw)
    except Unreadable:
        return None
