"""The network: addresses, hosts and domains as settings name them, proxies, and the certificate authorities that are trusted.

The parsers of values raise ValueError, whose text never holds the value.
"""

import base64
import ipaddress
import re
import ssl
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import httpx
import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from bot.environment import SettingsError, patterns
from handlers.text.language import lazy_gettext as _
from vt.indicators import hosts

PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

# Addresses, hosts and domains ----------------------------------------------------------------------------


def root(value: str) -> str:
    """An http(s) URL to which paths can be appended; a slash is added at the end."""
    parts = urlsplit(value)
    odd = parts.username or parts.password or parts.query or parts.fragment or not value.isascii()
    if parts.scheme not in {"http", "https"} or not parts.hostname or odd or parts.port == 0:
        raise ValueError
    return value if value.endswith("/") else f"{value}/"


Root = Annotated[str, AfterValidator(root)]


def database(secret: SecretStr) -> SecretStr:
    """PostgreSQL's address, as a URL. A second @ belongs to a password that is not escaped."""
    value = secret.get_secret_value()
    if not value.startswith(("postgresql://", "postgres://")) or value.partition("?")[0].count("@") > 1:
        raise ValueError
    try:
        conninfo_to_dict(value)
    except psycopg.Error:
        raise ValueError from None
    return secret


def domains(value: Any) -> Any:
    """Domains in lower case and punycode; `*.` and dots in front are ignored."""
    parts = patterns(value)
    names = [hosts.normalise_name(part.removeprefix("*").removeprefix(".")) for part in parts]
    if not all(names):
        raise ValueError
    return frozenset(names)


def places(value: Any) -> Any:
    """Host names, each with a port unless it is the scheme's default, as in a URL."""
    parts = [part.lower() for part in patterns(value)]
    if not all(re.fullmatch(r"[a-z0-9._-]+(:[0-9]{1,5})?", part) for part in parts):
        raise ValueError
    return frozenset(parts)


# Proxies -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. `url` holds no user and no password."""

    url: str
    user: str
    password: SecretStr
    given: SecretStr
    """As it was set."""

    @classmethod
    def parse(cls, value: str | None) -> "Proxy | None":
        """Of an address such as http://user:password@proxy.example:3128. Raises ValueError, which does not hold it."""
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            port = parts.port or PORTS[parts.scheme]
        except (ValueError, KeyError):
            raise ValueError from None
        odd = parts.path not in ("", "/") or parts.query or parts.fragment or not value.isprintable()
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or odd:
            raise ValueError
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(f"{parts.scheme}://{host}:{port}", user, SecretStr(password), SecretStr(value))

    @property
    def login(self) -> tuple[str, str]:
        """The user and the password."""
        return self.user, self.password.get_secret_value()

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """What no log may hold: the address as it was set, and the password in each form in which it is used."""
        if not self.password:
            return ()
        written = self.given.get_secret_value().rpartition("@")[0].rpartition("/")[2].partition(":")[2]
        sent = base64.b64encode(":".join(self.login).encode()).decode()
        return (self.given, self.password, SecretStr(written), SecretStr(sent))


Address = Annotated[
    Proxy | None,
    BeforeValidator(Proxy.parse),
    Field(description=_("the address of an HTTP proxy, such as http://proxy.example:3128")),
]


@dataclass(frozen=True, slots=True)
class Proxies:
    """Which proxy leads to which host: `https` for https and wss, `http` for http and ws; none to hosts in `bypassed`.

    `bypassed`: as NO_PROXY writes it: names with everything below them, addresses, networks such as 10.0.0.0/8, `*`,
    each perhaps with a port.
    """

    https: Proxy | None = None
    http: Proxy | None = None
    bypassed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.https or self.http)

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """What no log may hold of either."""
        return tuple(secret for proxy in (self.https, self.http) if proxy for secret in proxy.secrets)

    def choose(self, scheme: str, host: str, port: int | None) -> Proxy | None:
        """The proxy through which to connect there."""
        proxy = self.https if scheme in ("https", "wss") else self.http
        if proxy is None or self._is_bypassed(host.strip("[]").rstrip(".").lower(), port or PORTS[scheme]):
            return None
        return proxy

    def _is_bypassed(self, host: str, port: int) -> bool:
        for entry in self.bypassed:
            with_port = re.fullmatch(r"(\[.*\]|[^:]*):([0-9]{1,5})", entry)
            name, only = with_port.groups() if with_port else (entry, port)
            if int(only) == port and (name == "*" or _is_within(host, name.strip("[]"))):
                return True
        return False


DIRECT = Proxies()


def _is_within(host: str, name: str) -> bool:
    """Whether a host is meant by an entry without its port."""
    with suppress(ValueError):
        return ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False)
    bare = name.removeprefix("*").removeprefix(".")
    return bool(bare) and (host == bare or host.endswith(f".{bare}"))


def bypassed(value: str | Iterable[str]) -> tuple[str, ...]:
    """The entries of NO_PROXY, separated by commas or spaces."""
    parts = re.split(r"[\s,]+", value) if isinstance(value, str) else value
    return tuple(part.lower() for part in parts if part)


# Certificates --------------------------------------------------------------------------------------------


def check_bundle(path: Path, name: str) -> None:
    """Check that a file holds certificates of authorities. Raises SettingsError, which calls the setting `name`."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        why = _("it holds no certificate in PEM format")
    except OSError as error:
        why = error.strerror or type(error).__name__
    else:
        return
    raise SettingsError("{variable} cannot be read: {why}.", variable=name, why=why)


@cache
def tls(*, verify: bool, ca_bundle: Path | None) -> ssl.SSLContext:
    """Trusts certifi's authorities, this machine's, and those of the bundle.

    Shared by all clients that ask for the same, in this order: reading the authorities takes longer than the rest of the start,
    and 2 MB.
    """
    context = httpx.create_ssl_context(verify=verify)
    context.set_alpn_protocols(["http/1.1"])
    if verify:
        context.load_default_certs()
    if verify and ca_bundle:
        context.load_verify_locations(ca_bundle)
        # From Python 3.13 on, certificates that lack extensions are refused, as those of many companies do.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
