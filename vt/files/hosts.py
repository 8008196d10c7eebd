"""The Linux servers whose files may be taken, from a TOML file: address, login, roots and the keys they are known by.

[web-1]
address = "web-1.example.com"
port = 22
user = "scanner"
key_file = "/run/secrets/web-1.key"          # or password_file = "…"; neither: asked for, if ad hoc is on
roots = ["/srv/samples"]
known_hosts = ["ssh-ed25519 AAAA…"]          # lines of known_hosts or of /etc/ssh/ssh_host_*_key.pub
sha256sum = true                             # may run it there; else files are hashed as they are read
"""

import base64
import binascii
import re
import tomllib
from collections.abc import Mapping
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
from vt.files.safe_path import Roots

KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")

Word = Annotated[str, StringConstraints(pattern=r"^[^\s/\x00-\x1f]{1,255}$")]


class Unfit(Exception):
    """One sentence for the operator: what to change in the hosts file. Never holds what is in it."""


class Host(BaseModel):
    """A server. Without a key or password file it takes a password that someone types for one request."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    address: Word
    port: int = Field(22, ge=1, le=65535)
    user: Word | None = None
    key_file: Path | None = None
    password_file: Path | None = None
    password: SecretStr | None = Field(None, exclude=True)
    """Typed for one request; never read from the hosts file, never stored."""
    roots: tuple[PurePosixPath, ...] = ()
    known_hosts: tuple[str, ...] = ()
    sha256sum: bool = False

    @field_validator("known_hosts")
    @classmethod
    def _readable(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        for line in lines:
            host_key(line)
        return lines

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        Roots(self.roots)
        if self.key_file and self.password_file:
            raise ValueError("key_file and password_file are both set: keep one")
        if (self.key_file or self.password_file) and not self.user:
            raise ValueError("user is missing")
        return self

    @property
    def keys(self) -> tuple[tuple[str, bytes], ...]:
        """The host keys it is known by: type and key."""
        return tuple(map(host_key, self.known_hosts))


def host_key(line: str) -> tuple[str, bytes]:
    """Type and key from a line of known_hosts or of a .pub file. Raises ValueError for anything else.

    A name before the type is passed over: it is the entry that says whose key it is.
    """
    if line.startswith("@"):
        raise ValueError("a line of known_hosts with @revoked or @cert-authority cannot be used")
    words = line.split()
    for kind, key in pairwise(words[:3]):
        if kind in KEY_TYPES:
            return kind, _decoded(kind, key)
    raise ValueError("a line of known_hosts looks like: ssh-ed25519 AAAA…")


def _decoded(kind: str, key: str) -> bytes:
    try:
        raw = base64.b64decode(key, validate=True)
    except binascii.Error:
        raw = b""
    if not raw.startswith(len(kind).to_bytes(4) + kind.encode()):
        raise ValueError("a key in known_hosts is cut or damaged")
    return raw


def load(path: Path) -> dict[str, Host]:
    """The servers by name. Raises Unfit."""
    try:
        entries = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Unfit(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        place = re.search(r"\(at .*\)$", str(error))
        raise Unfit(f"{path} is not TOML {place[0] if place else '(it must be UTF-8)'}") from None
    return {name: _host(path, name, entry) for name, entry in entries.items()}


def _host(path: Path, name: str, entry: Any) -> Host:
    if not isinstance(entry, dict):
        raise Unfit(f"{path}: {name} stands outside a [server]")
    if "password" in entry:
        raise Unfit(f"{path}: [{name}] holds a password; put it into a file and name that as password_file")
    try:
        return Host(**{**entry, "name": name})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "entry"
        raise Unfit(f"{path}: [{name}] {where}: {first['msg'].removeprefix('Value error, ')}") from None


def named(hosts: Mapping[str, Host], name: str) -> Host:
    """The server of that name, to be logged in to as its entry says. Raises HostUnknown, LoginWanted."""
    host = hosts.get(name)
    if host is None:
        raise errors.HostUnknown(name)
    if not (host.key_file or host.password_file):
        raise errors.LoginWanted(name)
    return host


def ad_hoc(hosts: Mapping[str, Host], address: str, user: str, password: SecretStr) -> Host:
    """The server of that address or name, with a login that someone typed for one request.

    Its keys and roots are those of its entry: a server without one cannot be told from an impostor.
    Raises HostUnknown.
    """
    for host in hosts.values():
        if address in (host.address, host.name):
            login = {"user": user, "password": password, "key_file": None, "password_file": None}
            return host.model_copy(update=login)
    raise errors.HostUnknown(address)
