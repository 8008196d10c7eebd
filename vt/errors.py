"""Why VirusTotal gave no answer or a file could not be had. Errors carry data; the sentences are in handlers/text.

Every class has a `code`. Codes are stored, so a code never changes or gets another meaning; a class may be renamed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, ClassVar

from pydantic import TypeAdapter


class VTError(Exception):
    """There is no answer. It must never be shown as clean."""

    code: ClassVar[str] = "vterror"

    def __init_subclass__(cls, *, code: str) -> None:
        """Every class names its code: `class Unreachable(NotAnswering, code="unreachable")`."""
        cls.code = code


@dataclass(eq=False)
class UnrecognisedError(VTError, code="unrecognised-error"):
    """A stored error that this version cannot read: its code is unknown, or its fields are not the expected ones."""

    stored_code: str


# VirusTotal gave no usable answer ------------------------------------------------------------------------

LONGEST_PAUSE = 15
"""Seconds, at most, until VirusTotal is called again after it has not answered."""


class NotAnswering(VTError, code="not-answering"):
    """No usable answer came: worth another try later."""

    was_sent = True
    """Whether VirusTotal may have received the call, and so have counted it."""


@dataclass(eq=False)
class Unreachable(NotAnswering, code="unreachable"):
    """No connection, or it broke.

    `why`: "proxy" (it does not answer, or refuses with `status`), "certificate" (it is not trusted), or "" when not known.
    """

    why: str = ""
    status: int = 0

    @classmethod
    def unsent(cls, why: str = "", status: int = 0) -> "Unreachable":
        """No connection came about."""
        error = cls(why, status)
        error.was_sent = False
        return error


@dataclass(eq=False)
class TimedOut(NotAnswering, code="timed-out"):
    """The call took longer than its deadline of `seconds`."""

    seconds: float


@dataclass(eq=False)
class ServerFault(NotAnswering, code="server-fault"):
    """VirusTotal answered with a 5xx `status`."""

    status: int


@dataclass(eq=False)
class Unreadable(VTError, code="unreadable"):
    """The answer is not the documented JSON: `why` is one of html, json, shape, depth, size, encoding, resource (of another one)."""

    why: str


@dataclass(eq=False)
class Redirected(VTError, code="redirected"):
    """A 3xx to a host that the settings do not name. Only the host is kept, since the location may hold the key."""

    host: str


# VirusTotal refused --------------------------------------------------------------------------------------


class OverQuota(VTError, code="over-quota"):
    """204 or 429: VirusTotal says that the quota is spent, but not which window. `seconds`: its Retry-After, if it sent one."""

    def __init__(self, seconds: float | None = None) -> None:
        super().__init__()
        self.seconds = seconds


@dataclass(eq=False)
class QuotaSpent(VTError, code="quota-spent"):
    """No call is left now. The request's next one may be made at `retry_at` (UTC), after `ahead` askers; this one when `expected`."""

    retry_at: datetime
    ahead: int = 0
    expected: datetime | None = None


class Reserved(QuotaSpent, code="reserved"):
    """The calls left today are reserved for people. Automatic lookups may go on at `retry_at` (UTC)."""


@dataclass(eq=False)
class QuotaTooSmall(VTError, code="quota-too-small"):
    """One window of the quota, as it is set, can never hold the `calls` that this takes."""

    calls: int


class KeyRefused(VTError, code="key-refused"):
    """403: no key, a wrong key, or an endpoint that this key may not use."""


@dataclass(eq=False)
class RequestRefused(VTError, code="request-refused"):
    """VirusTotal answered with `status` 400 or another 4xx that has no class of its own."""

    status: int


class UploadTooLarge(VTError, code="upload-too-large"):
    """413: the file is larger than VirusTotal takes."""


class Dropped(VTError, code="dropped"):
    """VirusTotal's reply to a batch left out this resource."""


class RescanNotAllowed(VTError, code="rescan-not-allowed"):
    """file/rescan needs a private key."""


class LargeNotAllowed(VTError, code="large-not-allowed"):
    """403 of file/scan/upload_url, which files over 32 MB need and which VirusTotal grants to keys on request."""


class Unsupported(VTError, code="unsupported"):
    """VirusTotal v2 called the indicator invalid (response_code -1)."""


class Internal(VTError, code="internal"):
    """An internal address or name: private, loopback, link-local, or in the organisation's own domains."""


class NotPublic(VTError, code="not-public"):
    """A URL found in a text, whose host is under no known suffix: not sent unless somebody asks for this very URL."""


class Sensitive(VTError, code="sensitive"):
    """A URL with a password or a token in it: not sent until somebody agrees."""


NEVER_SENT = (Internal, NotPublic, Sensitive)
"""Why a lookup was not sent to VirusTotal, for reasons that do not change when it is tried again."""


# A file cannot be read -----------------------------------------------------------------------------------


@dataclass(eq=False)
class FileFault(VTError, code="file-fault"):
    """A file cannot be read or uploaded; `path` is as the asker entered it."""

    path: str


@dataclass(eq=False)
class NotAllowed(FileFault, code="not-allowed"):
    """The path is not absolute, or outside the `allowed` folders: perhaps there is none, or None: they are not known."""

    allowed: tuple[str, ...] | None = None


class Missing(FileFault, code="missing"):
    """There is no such file."""


class NotRegular(FileFault, code="not-regular"):
    """The path is a directory, device, FIFO, socket or link."""


class NotReadable(FileFault, code="not-readable"):
    """Permission denied, or the disk failed."""


@dataclass(eq=False)
class NotGiven(FileFault, code="not-given"):
    """The service that stores it did not hand it over: `why` is scope (not permitted), elsewhere (another stores it), silent."""

    why: str


class Changed(FileFault, code="changed"):
    """Its size or content changed while it was read."""


@dataclass(eq=False)
class FileTooLarge(FileFault, code="file-too-large"):
    """Its `size` is over the `limit`, both in bytes."""

    size: int
    limit: int


@dataclass(eq=False)
class TooSlow(FileFault, code="too-slow"):
    """It was not read within `seconds`."""

    seconds: float


@dataclass(eq=False)
class SpoolFull(FileFault, code="spool-full"):
    """It can be read only once and there is no space to store it: over the spool's `budget` (bytes), or the disk is full."""

    budget: int


@dataclass(eq=False)
class TooManyFiles(FileFault, code="too-many-files"):
    """The pattern matches too many files: one request may hold at most `limit`."""

    limit: int


@dataclass(eq=False)
class TooManyNames(FileFault, code="too-many-names"):
    """More than `limit` directory entries would have to be compared with the pattern."""

    limit: int


# A Linux server cannot be used ---------------------------------------------------------------------------


@dataclass(eq=False)
class HostFault(VTError, code="host-fault"):
    """The files of a Linux server cannot be had; `host` is the name of its entry in the hosts file."""

    host: str


class HostUnknown(HostFault, code="host-unknown"):
    """The hosts file has no entry of this name."""


class HostUnreachable(HostFault, code="host-unreachable"):
    """No connection within the time allowed, or it broke, or the server does not speak SSH."""


@dataclass(eq=False)
class HostKeyUnknown(HostFault, code="host-key-unknown"):
    """The entry names no host key. The server showed the one with this `fingerprint` (SHA256:…)."""

    fingerprint: str


@dataclass(eq=False)
class HostKeyChanged(HostFault, code="host-key-changed"):
    """The server showed another key than its entry names, perhaps that of an attacker. There is no way around it."""

    fingerprint: str


class LoginWanted(HostFault, code="login-wanted"):
    """The entry names no key and no password: somebody has to type a login for this request."""


@dataclass(eq=False)
class LoginUnusable(HostFault, code="login-unusable"):
    """The entry's key or password file cannot be used. Nothing was sent.

    `why`: missing, closed (not readable), empty, public (a public key), putty (a .ppk file), dsa, kind (another algorithm that
    cannot be used), damaged (no key at all, or a spoiled one). "": stored by a version that did not say.
    """

    why: str = ""


class KeyEncrypted(LoginUnusable, code="key-encrypted"):
    """The entry's key file needs a passphrase, which nobody is there to type. Nothing was sent."""


class LoginForgotten(HostFault, code="login-forgotten"):
    """A login that somebody typed for one request is gone: it was held in the memory of one process only."""


@dataclass(eq=False)
class LoginRefused(HostFault, code="login-refused"):
    """The server refused the user, the key or the password. `typed`: somebody typed them for this request."""

    typed: bool = False


class SftpRefused(HostFault, code="sftp-refused"):
    """The server took the login but offers no SFTP, or sends what is not SFTP."""


# Stored --------------------------------------------------------------------------------------------------


def pack(error: VTError) -> dict[str, Any]:
    """An error as JSON: its code and its fields."""
    data = {name: getattr(error, name) for name in _field_types(type(error))}
    return {"code": error.code, "data": TypeAdapter(dict[str, Any]).dump_python(data, mode="json")}


def unpack(stored: Mapping[str, Any]) -> VTError:
    """The error that was stored; UnrecognisedError when this version cannot read it. Never raises."""
    code = code_of(stored)
    kind = next((kind for kind in tree() if kind.code == code), None)
    if kind is None:
        return UnrecognisedError(code)
    try:
        data, types = dict(stored.get("data") or {}), _field_types(kind)
        known = types.keys() & data.keys()
        return kind(**{name: TypeAdapter(types[name]).validate_python(data[name]) for name in known})
    except (TypeError, ValueError):  # a field is missing, or not of its type
        return UnrecognisedError(code)


def code_of(stored: Mapping[str, Any]) -> str:
    """A stored error's code. Version 1 has the class name under "error": QuotaSpent is "quota-spent"."""
    name = str(stored.get("error", ""))
    return str(stored.get("code") or re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower())


def tree(root: type[VTError] = VTError) -> Iterator[type[VTError]]:
    """The class and all its subclasses, the class first."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def _field_types(kind: type[VTError]) -> dict[str, Any]:
    return {field.name: field.type for field in fields(kind)} if is_dataclass(kind) else {}
