"""Replies: which one answers what was asked, how it is read as its model, and whether it was read exactly. Pure.

A reply echoes what was asked as `resource`, and names the file or URL again in its hashes, `url`, `scan_id` and
`permalink`. All of them have to be about what was asked. VirusTotal's own spellings are accepted: hashes in another
case, a file asked by MD5 that is named by its SHA-256 too, a URL with a slash, a port or escapes that mean the same.
Replies about hosts, and those that nothing is known, often echo nothing.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from vt.errors import Unreadable
from vt.models import MAX_ENGINES, FileReport, HostReport, Reply, UrlReport, url_entry

Raw = dict[str, Any]
Model = TypeVar("Model", bound=Reply)

_DIGEST = re.compile("[0-9a-f]{64}")
_CONTENT = re.compile("([0-9a-f]{64})(?:-[0-9]{1,12})?")
_HASHES = {32: "md5", 40: "sha1", 64: "sha256"}
_DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21}


def single(reply: Any, resource: str = "") -> Raw:
    """The one object of a reply. A list of one is accepted, as recorded for file/report.

    Raises Unreadable: "shape" when there is no such object, "resource" when it is about another resource.
    """
    if isinstance(reply, list) and len(reply) == 1:
        reply = reply[0]
    if not isinstance(reply, dict):
        raise Unreadable("shape")
    if resource and is_about_another(reply, resource):
        raise Unreadable("resource")
    return reply


def by_resource(resources: Sequence[str], reply: Any) -> dict[str, Raw]:
    """Match a batch's entries with the requested resources. Raises Unreadable when one is no object.

    Resources that VirusTotal left out are missing, and so are those about which entries contradict themselves or each other.
    """
    left = list(reply) if isinstance(reply, list) else [reply]
    if not all(isinstance(entry, dict) for entry in left):
        raise Unreadable("shape")
    found: dict[str, Raw] = {}
    for resource in resources:
        fitting = [
            entry for entry in left if not is_about_another(entry, resource) and _names(entry, resource)
        ]
        if any(_basis(one) != _basis(fitting[0]) for one in fitting[1:]):
            continue  # none of them can be believed
        if fitting:
            # An entry that echoes the very resource is preferred: the same file may be asked for by two hashes.
            found[resource] = next((one for one in fitting if one.get("resource") == resource), fitting[0])
            left.remove(found[resource])
    missing = [resource for resource in resources if resource not in found]
    if len(missing) == 1 and len(left) == 1 and not is_about_another(left[0], missing[0]):
        # It names nothing, as most replies that VirusTotal has nothing.
        found[missing[0]] = left[0]
    return found


def answers(resources: Sequence[str], reply: Any) -> dict[str, Raw]:
    """The same, but raises Unreadable("resource") when VirusTotal answered about other resources only."""
    found = by_resource(resources, reply)
    if reply and not found:
        raise Unreadable("resource")
    return found


def is_about_another(entry: Raw, resource: str) -> bool:
    """Does anything in the entry name another resource than this hash, URL, host or scan_id?"""
    if len(set(_content_ids(entry))) > 1:
        return True
    is_url = "://" in resource or isinstance(entry.get("url"), str)
    wanted = _content_id(resource)
    if wanted and any(digest != wanted for digest in _content_ids(entry)):
        return True
    if not is_url and any(not _same_hash(entry.get(key), resource, key) for key in _HASHES.values()):
        return True
    if "://" in resource and _url_differs(entry, resource):
        return True
    echo = entry.get("resource")
    return isinstance(echo, str) and bool(echo) and not _is_same(entry, echo, resource)


def _names(entry: Raw, resource: str) -> bool:
    """Does the entry name the resource at all?"""
    named = (entry.get(key) for key in ("resource", "scan_id", "md5", "sha1", "sha256", "url"))
    return any(isinstance(name, str) and name and _equal(name, resource) for name in named) or (
        bool(_content_id(resource)) and _content_id(resource) in _content_ids(entry)
    )


def _basis(entry: Raw) -> list[object]:
    """What the verdict on a file or URL rests on."""
    return [entry.get(key) for key in ("response_code", "positives", "total", "scans")]


def _is_same(entry: Raw, echo: str, resource: str) -> bool:
    """May the echo stand for the resource? A scan_id and a hash may echo each other: the entry names both."""
    if _equal(echo, resource):
        return True
    digest = _content_id(echo)
    if digest and digest == _content_id(resource):
        return True
    # Asked by one hash and echoed by another one of the same file, or by the scan_id of a URL.
    hashes = ((entry.get(key), length) for length, key in _HASHES.items())
    named = [name for name, length in hashes if isinstance(name, str) and _is_hash(name, length)]
    named += [name for key in ("url", "scan_id") if isinstance(name := entry.get(key), str) and name]
    return any(_equal(name, echo) for name in named) and any(
        _equal(name, resource) or ((digest_of := _content_id(name)) and digest_of == _content_id(resource))
        for name in named
    )


def _is_hash(name: str, length: int) -> bool:
    return re.fullmatch(rf"[0-9a-f]{{{length}}}", name.casefold()) is not None


def _same_hash(value: object, resource: str, key: str) -> bool:
    """A hash of the kind that was asked for has to be the one that was asked for. Others cannot be compared."""
    if not isinstance(value, str) or not value or _HASHES.get(len(resource)) != key:
        return True
    return value.casefold() == resource.casefold()


def _url_differs(entry: Raw, url: str) -> bool:
    named = entry.get("url")
    if isinstance(named, str) and named:
        return not _equal(named, url)
    ids = set(_content_ids(entry))
    echoes = isinstance(entry.get("resource"), str)
    return bool(ids) and not echoes and ids.isdisjoint(_url_ids(url))


def _url_ids(url: str) -> set[str]:
    """What VirusTotal's id of the URL may be: the SHA-256 of its normalised form."""
    return {sha256(form.encode("utf-8", "replace")).hexdigest() for form in (url, f"{url}/", _plain_url(url))}


def _content_ids(entry: Raw) -> Iterator[str]:
    """The SHA-256 that an entry names: of a file's content, or of a URL. Each one is there up to three times."""
    for name in (entry.get("sha256"), entry.get("scan_id")):
        # Whatever follows it: a scan_id that begins with another hash belongs to another report.
        if isinstance(name, str) and (found := _DIGEST.match(name.casefold())):
            yield found[0]
    permalink = entry.get("permalink")
    if isinstance(permalink, str):
        yield from _DIGEST.findall(permalink.casefold())[:1]


def _content_id(name: object) -> str:
    """The SHA-256 that a name is, or that a scan_id begins with; "" for anything else."""
    found = _CONTENT.fullmatch(name.casefold()) if isinstance(name, str) else None
    return found[1] if found else ""


def _equal(name: str, resource: str) -> bool:
    if "://" in resource or "://" in name:
        return _plain_url(name) == _plain_url(resource)
    return name.rstrip("/.").casefold() == resource.rstrip("/.").casefold()


def _plain_url(url: str) -> str:
    """A URL in a form that all spellings of it share. Only for comparisons: it may lead nowhere."""
    url = url.strip()
    url = url if "://" in url else f"http://{url}"
    with suppress(ValueError):
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        with suppress(UnicodeError):
            host = host.encode("idna").decode()
        port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
        path = unquote(url.partition("://")[2][len(parts.netloc) :])
        rest = "".join(path.split()).rstrip("/?#")
        return f"{parts.scheme}://{parts.username or ''}@{host}{port}{rest}"
    return unquote(url).rstrip("/").casefold()


# Read as models ----------------------------------------------------------------------------------------


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


# Read exactly ------------------------------------------------------------------------------------------
#
# models.py reads as much of a reply as it can, which is right for what is shown and for what proves a danger. "Clean" is
# another matter: it must not rest on a number that is missing its type, out of range or contradicted, nor on a list of
# which an entry was left out. So these stricter models of the same replies accept the documented types and nothing else.

_Count = Annotated[int, Field(ge=0, le=MAX_ENGINES)]


class _Strict(BaseModel):
    """Types are not converted: "5", 5.0 and true are no counts. Fields that no verdict rests on are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore")


class _Counts(_Strict):
    positives: _Count | None = None
    total: _Count | None = None

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.positives and self.total is not None and self.positives > self.total:
            raise ValueError
        return self


class _Engine(_Strict):
    detected: bool


class _EngineReport(_Counts):
    scans: dict[str, _Engine] | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        # Shortened replies name fewer engines than `total`, never more. A total of 0 means that no engine looked.
        if self.total and len(self.scans or ()) > self.total:
            raise ValueError
        return self


class _Undetected(_Counts):
    """Something that engines looked at and none flags, or that no engine looked at: then both numbers are missing."""

    @model_validator(mode="after")
    def _unflagged(self) -> Self:
        if self.positives or (self.positives is None and self.total):
            raise ValueError
        return self


_Detected = list[_Counts] | None
_Unflagged = list[_Undetected] | None


class _HostReport(_Strict):
    detected_urls: _Detected = None
    detected_downloaded_samples: _Detected = None
    detected_communicating_samples: _Detected = None
    detected_referrer_samples: _Detected = None
    undetected_urls: list[Annotated[_Undetected, BeforeValidator(url_entry)]] | None = None
    undetected_downloaded_samples: _Unflagged = None
    undetected_communicating_samples: _Unflagged = None
    undetected_referrer_samples: _Unflagged = None


def is_exact(report: Reply, raw: dict[str, Any]) -> bool:
    """Can everything that a verdict on `raw` rests on be read exactly? `report` is what was read of it.

    What is missing is no fault here: it is for the verdict to say what cannot do without it.
    """
    if isinstance(report, HostReport):
        return _fits(_HostReport, raw)
    return not isinstance(report, FileReport | UrlReport) or _fits(_EngineReport, raw)


def _fits(model: type[_Strict], raw: dict[str, Any]) -> bool:
    try:
        model.model_validate(raw)
    except ValidationError:
        return False
    return True
