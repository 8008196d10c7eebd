"""Linux servers whose files may be read: the hosts file (TOML) that lists them, and the names of places where files are.

[web-1]
address = "web-1.example.com"
port = 22
user = "scanner"
key_file = "/run/secrets/web-1.key"          # or password_file = "…"; with neither, people type a login
roots = ["/srv/samples"]
known_hosts = ["ssh-ed25519 AAAA…"]          # lines of known_hosts or of /etc/ssh/ssh_host_*_key.pub
sha256sum = true                             # may be run there; otherwise files are hashed as they are read
"""

import base64
import binascii
import re
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from vt import errors
from vt.files.provider import Roots

KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")

NoSpaces = Annotated[str, StringConstraints(pattern=r"^[^\s/\x00-\x1f]{1,255}$")]

THIS_MACHINE = ""
"""The name of the place whose files are on this machine. Others are `slack:<file id>` and `stdin:`."""
HOST = "host"
"""The kind of a server's files, read with the login of its entry in the hosts file: `host:<server>`."""
LOGIN = "login"
"""The kind of a server's files, read with a login that someone typed: `login:<server>/<random>`."""


class Problem(StrEnum):
    """What is wrong with a hosts file."""

    UNREADABLE = "unreadable"
    NOT_TOML = "not-toml"
    NOT_UTF8 = "not-utf8"
    OUTSIDE_SECTION = "outside-section"
    HOLDS_PASSWORD = "holds-password"  # noqa: S105 - a code
    MISSING = "missing"
    UNKNOWN_FIELD = "unknown-field"
    WRONG_VALUE = "wrong-value"
    TWO_LOGINS = "two-logins"
    MARKED_KEY = "marked-key"
    NO_KEY = "no-key"
    DAMAGED_KEY = "damaged-key"


class HostsFileError(Exception):
    """What to change in the hosts file, and where. It never holds a value from the file.

    `detail`: of UNREADABLE the system's reason, of NOT_TOML the number of the line.
    """

    def __init__(
        self, problem: Problem, path: Path, *, entry: str = "", field: str = "", detail: str = ""
    ) -> None:
        super().__init__(problem.value, entry, field)
        self.problem, self.path, self.entry, self.field, self.detail = problem, path, entry, field, detail


class BadEntry(ValueError):
    """Why an entry, or a line of known_hosts, cannot be used. `field`: what is wrong in it, where that is not obvious."""

    def __init__(self, problem: Problem, field: str = "") -> None:
        super().__init__(problem.value)
        self.problem, self.field = problem, field


class Host(BaseModel):
    """A server. Without `key_file` and `password_file`, someone has to type a login for each request."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    address: NoSpaces
    port: int = Field(22, ge=1, le=65535)
    user: NoSpaces | None = None
    key_file: Path | None = None
    password_file: Path | None = None
    password: SecretStr | None = Field(None, exclude=True)
    """Typed for one request. Never read from the hosts file, never stored."""
    roots: tuple[PurePosixPath, ...] = ()
    known_hosts: tuple[str, ...] = ()
    sha256sum: bool = False

    @field_validator("known_hosts")
    @classmethod
    def _check_keys(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        for line in lines:
            host_key(line)
        return lines

    @model_validator(mode="after")
    def _check_roots_and_login(self) -> Self:
        try:
            Roots(self.roots)
        except ValueError:
            raise BadEntry(Problem.WRONG_VALUE, "roots") from None
        if self.key_file and self.password_file:
            raise BadEntry(Problem.TWO_LOGINS)
        if (self.key_file or self.password_file) and not self.user:
            raise BadEntry(Problem.MISSING, "user")
        return self

    @property
    def keys(self) -> tuple[tuple[str, bytes], ...]:
        """The host keys that identify the server: type and key blob of each."""
        return tuple(map(host_key, self.known_hosts))


def host_key(line: str) -> tuple[str, bytes]:
    """Type and key blob from a line of known_hosts or of a .pub file. Raises BadEntry for anything else.

    A host name before the type is ignored: the entry of the hosts file says whose key it is.
    """
    if line.startswith("@"):
        raise BadEntry(Problem.MARKED_KEY)
    words = line.split()
    for kind, key in pairwise(words[:3]):
        if kind in KEY_TYPES:
            return kind, _decode_key(kind, key)
    raise BadEntry(Problem.NO_KEY)


def _decode_key(kind: str, key: str) -> bytes:
    try:
        raw = base64.b64decode(key, validate=True)
    except binascii.Error:
        raw = b""
    if not raw.startswith(len(kind).to_bytes(4) + kind.encode()):
        raise BadEntry(Problem.DAMAGED_KEY)
    return raw


def key_family(kind: str) -> str:
    """What the types of one key have in common: an RSA key signs as ssh-rsa, rsa-sha2-256 or rsa-sha2-512."""
    return "rsa" if "rsa" in kind else kind


def verify_host_key(host: Host, kind: str, key: bytes) -> None:
    """Check that the key a server showed is one of its entry. Raises HostKeyUnknown (the entry has none), HostKeyChanged."""
    if (kind, key) in host.keys:
        return
    # As `ssh-keygen -l` prints it.
    fingerprint = "SHA256:" + base64.b64encode(sha256(key).digest()).decode().rstrip("=")
    fault = errors.HostKeyChanged if host.keys else errors.HostKeyUnknown
    raise fault(host.name, fingerprint)


def load(path: Path) -> dict[str, Host]:
    """The servers by name. Raises HostsFileError."""
    try:
        text = path.read_text("utf-8")
        entries = tomllib.loads(text)
    except OSError as error:
        raise HostsFileError(Problem.UNREADABLE, path, detail=error.strerror or "") from None
    except UnicodeDecodeError:
        raise HostsFileError(Problem.NOT_UTF8, path) from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"\(at line (\d+),", str(error))
        last = str(text.count("\n") + 1)  # it says "at end of document" there
        raise HostsFileError(Problem.NOT_TOML, path, detail=line[1] if line else last) from None
    return {name: _parse_entry(path, name, entry) for name, entry in entries.items()}


def _parse_entry(path: Path, name: str, entry: Any) -> Host:
    if not isinstance(entry, dict):
        raise HostsFileError(Problem.OUTSIDE_SECTION, path, entry=name)
    if "password" in entry:
        raise HostsFileError(Problem.HOLDS_PASSWORD, path, entry=name)
    try:
        return Host(**{**entry, "name": name})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    problem = _BY_TYPE.get(first["type"], Problem.WRONG_VALUE)
    if isinstance(cause := first.get("ctx", {}).get("error"), BadEntry):
        problem, field = cause.problem, cause.field or field
    raise HostsFileError(problem, path, entry=name, field=field)


_BY_TYPE = {"missing": Problem.MISSING, "extra_forbidden": Problem.UNKNOWN_FIELD}
"""What pydantic calls it."""


def with_stored_login(hosts: Mapping[str, Host], name: str) -> Host:
    """The server of that name, with the login of its entry. Raises HostUnknown, LoginWanted."""
    host = hosts.get(name)
    if host is None:
        raise errors.HostUnknown(name)
    if not (host.key_file or host.password_file):
        raise errors.LoginWanted(name)
    return host


def with_typed_login(hosts: Mapping[str, Host], address: str, user: str, password: SecretStr) -> Host:
    """The server of that address or name, with a login that someone typed for one request.

    Its host keys and roots are those of its entry: without an entry there is no way to verify a server's identity.
    Raises HostUnknown.
    """
    for host in hosts.values():
        if address in (host.address, host.name):
            login = {"user": user, "password": password, "key_file": None, "password_file": None}
            return host.model_copy(update=login)
    raise errors.HostUnknown(address)


# Names of places ---------------------------------------------------------------------------------------


def host_place(server: str) -> str:
    """The name of the place for a server of the hosts file."""
    return f"{HOST}:{server}"


def display_name(place: str) -> str:
    """What people are shown: a server's name, or the kind of place; "" for this machine."""
    kind, _, name = place.partition(":")
    return name.partition("/")[0] if kind in (HOST, LOGIN) else kind
