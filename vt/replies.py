"""Forms that are sent to VirusTotal, which reply answers what was asked, and what a status says. Pure.

A reply echoes what was asked as `resource`, and names the file or URL again in its hashes, `url`, `scan_id` and
`permalink`. All of them have to be about what was asked. VirusTotal's own spellings are accepted: hashes in another
case, a file asked by MD5 that is named by its SHA-256 too, a URL with a slash, a port or escapes that mean the same.
(%2F and / do not: only the `url` of a reply that echoes what was asked may write one for the other.)
Replies about hosts, and those that nothing is known, often echo nothing.
"""

import re
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from http import HTTPStatus
from string import ascii_letters, digits
from typing import Any, Self
from urllib.parse import quote, unquote, urlencode, urlsplit

from vt import errors
from vt.codec import Raw, remembering
from vt.errors import Unreadable
from vt.indicators.hosts import normalise_name
from vt.models import Code

NAMING = ("resource", "scan_id", "md5", "sha1", "sha256", "url", "permalink")
"""The keys that name what a reply is about."""
_DIGEST = re.compile("[0-9a-f]{64}")
_CONTENT = re.compile("([0-9a-f]{64})(?:-[0-9]{1,12})?")
_HEX = re.compile("[0-9a-f]+")
_HASHES = {32: "md5", 40: "sha1", 64: "sha256"}
_DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21}
_DROPPED = re.compile("[\t\r\n]")  # from the middle of a URL, as browsers do
_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(f"{ascii_letters}{digits}-._~")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def by_resource(resources: Sequence[str], reply: Any) -> dict[str, Raw]:
    """Match a batch's entries with the requested resources. Raises Unreadable when one is no object.

    Resources that VirusTotal left out are missing, and so are those about which entries contradict themselves or each other.
    """
    left = list(reply) if isinstance(reply, list) else [reply]
    if not all(isinstance(entry, Mapping) for entry in left):
        raise Unreadable("shape")
    found: dict[str, Raw] = {}
    for resource in resources:
        # Two URLs that were asked may differ by a slash only.
        others = [one for one in resources if one != resource] if "://" in resource else []
        named = [entry for entry in left if _names(entry, resource) and entry.get("resource") not in others]
        if any(_basis(one) != _basis(named[0]) for one in named[1:]):
            continue  # none of them can be believed, not even where one contradicts itself as well
        fitting = [entry for entry in named if not is_about_another(entry, resource)]
        if fitting:
            # An entry that echoes the very resource is preferred: the same file may be asked for by two hashes.
            found[resource] = next((one for one in fitting if one.get("resource") == resource), fitting[0])
            left.remove(found[resource])
    missing = [resource for resource in resources if resource not in found]
    # An entry that is left names nothing, as is usual when VirusTotal has no record. If one is left for one resource, it is that
    # resource's; in a batch only if it is not a report.
    is_one = len(missing) == 1 and len(left) == 1 and not is_about_another(left[0], missing[0])
    if is_one and (len(resources) == 1 or left[0].get("response_code") != Code.FOUND):
        found[missing[0]] = left[0]
    return found


def answers(resources: Sequence[str], reply: Any) -> dict[str, Raw]:
    """The same, but raises Unreadable("resource") when VirusTotal answered about other resources only.

    An entry that was too large to be read is there as its error, and is about one of those that are missing. It is raised
    when there is no other entry, or nothing is missing, so that it contradicts another one.
    """
    too_large = [entry for entry in reply if isinstance(entry, Unreadable)] if isinstance(reply, list) else []
    read = [entry for entry in reply if entry not in too_large] if too_large else reply
    found = by_resource(resources, read)
    if too_large and (not found or len(found) + len(too_large) > len(resources)):
        raise too_large[0]
    if reply and not found:
        raise Unreadable("resource")
    return {resource: remembering(raw) for resource, raw in found.items()}


def is_about_another(entry: Raw, resource: str) -> bool:
    """Does anything in the entry name another resource than this hash, URL, host or scan_id?"""
    ids, wanted = set(_content_ids(entry)), _content_id(resource)
    if len(ids) > 1 or (wanted and not ids <= {wanted}):
        return True
    # A hash of the kind that was asked for has to be the one that was asked for. Others cannot be compared.
    is_url = "://" in resource or isinstance(entry.get("url"), str)
    named = None if is_url else entry.get(_HASHES.get(len(resource), ""))
    if isinstance(named, str) and named and named.casefold() != resource.casefold():
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
    named = [entry.get("url"), *(entry.get(key) for key in _HASHES.values() if _is_hash(entry.get(key), key))]
    scan_id = str(entry.get("scan_id") or "")
    if (of_scan := _content_id(scan_id)) and ("://" not in resource or of_scan in _url_ids(resource)):
        named.append(scan_id)
    names = [name for name in named if isinstance(name, str) and name]
    return any(_equal(name, echo) for name in names) and any(
        _equal(name, resource) or ((digest_of := _content_id(name)) and digest_of == _content_id(resource))
        for name in names
    )


def _is_hash(value: object, key: str) -> bool:
    return (
        isinstance(value, str) and _HASHES.get(len(value)) == key and bool(_HEX.fullmatch(value.casefold()))
    )


def _url_differs(entry: Raw, url: str) -> bool:
    named, echo = entry.get("url"), entry.get("resource")
    is_echoed = isinstance(echo, str) and bool(echo)
    if isinstance(named, str) and named:
        return _unescaped(named) != _unescaped(url) if is_echoed else not _equal(named, url)
    ids = set(_content_ids(entry))
    return bool(ids) and not is_echoed and ids.isdisjoint(_url_ids(url))


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
    url = _DROPPED.sub("", url.strip())
    url = url if "://" in url else f"http://{url}"
    with suppress(ValueError):
        parts = urlsplit(url)
        host = normalise_name(parts.hostname or "") or (parts.hostname or "").rstrip(".")
        port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
        path = url.partition("://")[2][len(parts.netloc) :]
        rest = _ESCAPE.sub(_plain_escape, quote(path, safe=_PRINTABLE, errors="replace")).rstrip("/?#")
        return f"{parts.scheme}://{parts.username or ''}@{host}{port}{rest}"
    return unquote(url).rstrip("/").casefold()


def _plain_escape(found: re.Match[str]) -> str:
    """What never has to be escaped without its escape; the others in capitals, since they mean something else."""
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else found[0].upper()


def _unescaped(url: str) -> str:
    return "".join(unquote(_plain_url(url)).split()).rstrip("/?#")


# What a status says ------------------------------------------------------------------------------------


def status_error(status: int, headers: Mapping[str, str]) -> errors.VTError:
    """The error that a status other than 200 stands for. 204, although a 2xx, is a spent quota."""
    known: dict[int, errors.VTError] = {
        HTTPStatus.NO_CONTENT: errors.OverQuota(retry_after(headers)),
        HTTPStatus.TOO_MANY_REQUESTS: errors.OverQuota(retry_after(headers)),
        HTTPStatus.FORBIDDEN: errors.KeyRefused(),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: errors.UploadTooLarge(),
    }
    is_fault = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return known.get(status) or (errors.ServerFault if is_fault else errors.RequestRefused)(status)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of its Retry-After header, which holds them or a date (RFC 9110); None if there is none to read."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]*)?", value, re.ASCII):  # some servers send fractions
        return min(float(value[:300]), 1e9)
    # Counted from the reply's own Date, which is by the same clock.
    at, now = _date(value), _date(headers.get("date", ""))
    return max(0.0, (at - now).total_seconds()) if at and now else None


def _date(value: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


# Forms -------------------------------------------------------------------------------------------------


def form_data(fields: Mapping[str, str]) -> dict[str, Any]:
    """A form, as arguments of httpx's build_request. VirusTotal answers another Content-Type with 403."""
    return {
        "content": urlencode(fields).encode(),
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    }


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart form with one file. The file's content is streamed between `head` and `tail`."""

    boundary: str
    head: bytes
    tail: bytes

    @classmethod
    def of(cls, name: str, fields: Mapping[str, str]) -> Self:
        """A form with these fields, followed by a file of this name. Any character may occur in the name."""
        boundary = secrets.token_hex(16)
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
            for field, value in fields.items()
        ]
        # Besides quotes and line breaks, VirusTotal refuses file names with any other control character.
        quoted = re.sub(r'["\x00-\x1f\x7f]', lambda found: f"%{ord(found[0]):02X}", name)
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        return cls(boundary, "".join(parts).encode("utf-8", "replace"), f"\r\n--{boundary}--\r\n".encode())

    def length(self, size: int) -> int:
        """Bytes of the whole form with a file of `size` bytes."""
        return len(self.head) + size + len(self.tail)

    def headers(self, size: int) -> dict[str, str]:
        """The request's headers, for a file of `size` bytes."""
        return {
            "Content-Type": f"multipart/form-data; boundary={self.boundary}",
            "Content-Length": str(self.length(size)),
        }

    async def stream(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The whole form around the file's content, chunk by chunk."""
        yield self.head
        async for chunk in chunks:
            yield chunk
        yield self.tail
