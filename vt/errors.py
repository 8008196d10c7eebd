"""Why an answer could not be had. Each error carries data; the sentences are in handlers/text.

VTError
├── NotAnswering            no usable answer came: try again later
│   ├── Unreachable         no connection, or it broke
│   ├── TimedOut            the total deadline passed
│   └── ServerFault         5xx
├── Unreadable              an answer came that is not the documented JSON
├── Redirected              a 3xx that leads to a host the settings do not name
├── OverQuota               204: VirusTotal says that the quota is spent, not until when
├── QuotaSpent              no call is left before a known time
│   └── Reserved            what is left of the day is for people: nobody asked for this
├── QuotaTooSmall           a window of the quota never holds the calls that this takes
├── KeyRefused              403
├── RequestRefused          400 and other 4xx
├── UploadTooLarge          413
├── Dropped                 a batch came back without this resource
├── RescanNotAllowed        file/rescan is closed to public keys
├── LargeNotAllowed         the key was not granted file/scan/upload_url
├── Internal                private, loopback or link-local: never sent
├── Sensitive               a URL with a password or token in it: not sent before somebody agrees
├── Unsupported             VirusTotal v2 has no answer for this kind (IPv6: response_code -1)
├── FileFault               a file that cannot be taken
│   ├── NotAllowed          outside the roots, or no roots are set
│   ├── Missing             not there
│   ├── NotRegular          a directory, device, FIFO, socket or link
│   ├── NotReadable         permission denied, or the disk failed
│   ├── NotGiven            whoever keeps the file did not hand it over
│   ├── Changed             its size or content moved while it was read
│   ├── TooSlow             it was not read within its seconds
│   ├── SpoolFull           what can be read only once has no room to be put down
│   ├── TooManyFiles        a pattern fits more files than one request may take
│   ├── TooManyNames        too many names would have to be looked through for a pattern
│   └── FileTooLarge        over the cap
└── HostFault               a Linux server whose files cannot be had
    ├── HostUnknown         no entry of this name in the hosts file
    ├── HostUnreachable     no connection, it broke, or it is not SSH
    ├── HostKeyUnknown      the entry names no key to know the server by
    ├── HostKeyChanged      another key than the entry's: perhaps someone in the middle
    ├── LoginWanted         the entry names no login: someone has to type one
    ├── LoginUnusable       the entry's key or password file cannot be used
    ├── LoginForgotten      typed for one request, and no longer in memory
    ├── LoginRefused        the server refused the user, key or password
    └── SftpRefused         logged in, but the server offers no (sane) SFTP
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter


class VTError(Exception):
    """We do not know: never to be shown as clean."""


class NotAnswering(VTError):
    """No usable answer came."""


class Unreachable(NotAnswering):
    """No connection, or it broke."""


@dataclass(eq=False)
class TimedOut(NotAnswering):
    """The total deadline passed."""

    seconds: float


@dataclass(eq=False)
class ServerFault(NotAnswering):
    """VirusTotal answered 5xx."""

    status: int


@dataclass(eq=False)
class Unreadable(VTError):
    """The answer is not the documented JSON: `why` is one of html, json, shape, depth, size, encoding."""

    why: str


@dataclass(eq=False)
class Redirected(VTError):
    """A 3xx to a host that the settings do not name; its location may hold the key, so only the host is kept."""

    host: str


class OverQuota(VTError):
    """204: VirusTotal says that the quota is spent, not which window nor until when."""


@dataclass(eq=False)
class QuotaSpent(VTError):
    """No call is left now; the next one may be made at `retry_at` (UTC)."""

    retry_at: datetime


class Reserved(QuotaSpent):
    """What is left of the day is for people; what nobody asked for may be looked up from `retry_at` on."""


@dataclass(eq=False)
class QuotaTooSmall(VTError):
    """A window of the quota, as it is set, never holds the `calls` that this takes."""

    calls: int


class KeyRefused(VTError):
    """403: no key, a wrong key, or an endpoint that this key may not use."""


@dataclass(eq=False)
class RequestRefused(VTError):
    """400 or another 4xx."""

    status: int


class UploadTooLarge(VTError):
    """413: larger than VirusTotal takes."""


class Dropped(VTError):
    """A batch came back without this resource."""


class RescanNotAllowed(VTError):
    """file/rescan needs a private key."""


class LargeNotAllowed(VTError):
    """403 of file/scan/upload_url: files over 32 MB need it, and VirusTotal grants it to keys on request."""


class Internal(VTError):
    """A private, loopback or link-local address or name: it is never sent."""


class Sensitive(VTError):
    """A URL with a password or a token in it: it is not sent before somebody agrees."""


class Unsupported(VTError):
    """VirusTotal v2 called the indicator invalid (response_code -1)."""


@dataclass(eq=False)
class FileFault(VTError):
    """A file that cannot be taken; `path` is as asked."""

    path: str


class NotAllowed(FileFault):
    """Outside the roots that the settings allow."""


class Missing(FileFault):
    """Not there."""


class NotRegular(FileFault):
    """A directory, device, FIFO, socket or link."""


class NotReadable(FileFault):
    """Permission denied, or the disk failed."""


@dataclass(eq=False)
class NotGiven(FileFault):
    """Whoever keeps it did not hand it over. `why`: scope (not allowed to), elsewhere (kept by another), silent."""

    why: str


class Changed(FileFault):
    """It changed while it was read."""


@dataclass(eq=False)
class FileTooLarge(FileFault):
    """Over the cap."""

    size: int
    limit: int


@dataclass(eq=False)
class TooSlow(FileFault):
    """It was not read within the seconds a file may take."""

    seconds: float


@dataclass(eq=False)
class SpoolFull(FileFault):
    """It can be read only once, and there is no room to put it down: `budget` bytes for all, or the disk is full."""

    budget: int


@dataclass(eq=False)
class TooManyFiles(FileFault):
    """The pattern fits more than `limit` files, or makes it more than `limit` with what else was asked for."""

    limit: int


@dataclass(eq=False)
class TooManyNames(FileFault):
    """More than `limit` names would have to be looked at to tell what the pattern fits."""

    limit: int


@dataclass(eq=False)
class HostFault(VTError):
    """A Linux server whose files cannot be had; `host` is the name of its entry in the hosts file."""

    host: str


class HostUnknown(HostFault):
    """The hosts file has no entry of this name."""


class HostUnreachable(HostFault):
    """No connection within the time allowed, or it broke, or it does not speak SSH as we do."""


@dataclass(eq=False)
class HostKeyUnknown(HostFault):
    """The entry names no host key; the server showed the one of this fingerprint (SHA256:…)."""

    fingerprint: str


@dataclass(eq=False)
class HostKeyChanged(HostFault):
    """The server showed a key that its entry does not name: never to be gone past."""

    fingerprint: str


class LoginWanted(HostFault):
    """The entry names no key and no password: someone has to type a login for one request."""


class LoginUnusable(HostFault):
    """The entry's key or password file is missing, unreadable or not a key; nothing was sent."""


class LoginForgotten(HostFault):
    """A login that was typed for one request is no longer held: it was in the memory of a process alone."""


@dataclass(eq=False)
class LoginRefused(HostFault):
    """The server refused the user, the key or the password. `typed`: by someone, for one request."""

    typed: bool = False


class SftpRefused(HostFault):
    """The login was taken, but no SFTP came of it, or answers that are not SFTP."""


def tree(root: type[VTError] = VTError) -> Iterator[type[VTError]]:
    """Every error below the root, the root first."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def pack(error: VTError) -> dict[str, Any]:
    """An error as JSON, to be stored."""
    data: dict[str, Any] = (
        {f.name: getattr(error, f.name) for f in fields(error)} if is_dataclass(error) else {}
    )
    return {"error": type(error).__name__, "data": TypeAdapter(dict[str, Any]).dump_python(data, mode="json")}


def unpack(stored: dict[str, Any]) -> VTError:
    """The error that was stored; a plain VTError when its name is no longer known."""
    kind = next((kind for kind in tree() if kind.__name__ == stored.get("error")), VTError)
    if not is_dataclass(kind):
        return kind()
    data = stored.get("data", {})
    known = (f for f in fields(kind) if f.name in data)
    return kind(**{f.name: TypeAdapter(f.type).validate_python(data[f.name]) for f in known})
