"""Why an answer could not be had. Each error carries data; the sentences are in handlers/text.py.

VTError
├── NotAnswering            no usable answer came: try again later
│   ├── Unreachable         no connection, or it broke
│   ├── TimedOut            the total deadline passed
│   └── ServerFault         5xx
├── Unreadable              an answer came that is not the documented JSON
├── Redirected              a 3xx that leads to a host the settings do not name
├── OverQuota               204: VirusTotal says that the quota is spent, not until when
├── QuotaSpent              no call is left before a known time
├── KeyRefused              403
├── RequestRefused          400 and other 4xx
├── UploadTooLarge          413
├── Dropped                 a batch came back without this resource
├── RescanNotAllowed        file/rescan is closed to public keys
├── Internal                private, loopback or link-local: never sent
├── Unsupported             VirusTotal v2 has no answer for this kind (IPv6: response_code -1)
└── FileFault               a file that cannot be taken
    ├── NotAllowed          outside the roots, or no roots are set
    ├── Missing             not there
    ├── NotRegular          a directory, device, FIFO, socket or link
    ├── NotReadable         permission denied, or the disk failed
    ├── Changed             its size or content moved while it was read
    └── FileTooLarge        over the cap
"""

from dataclasses import dataclass
from datetime import datetime


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


class Internal(VTError):
    """A private, loopback or link-local address or name: it is never sent."""


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


class Changed(FileFault):
    """It changed while it was read."""


@dataclass(eq=False)
class FileTooLarge(FileFault):
    """Over the cap."""

    size: int
    limit: int
