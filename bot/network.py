"""The way to VirusTotal and Slack: proxies, and the certificate authorities that are trusted."""

import base64
import ipaddress
import re
import ssl
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import httpx
from pydantic import BeforeValidator, Field, SecretStr

from bot.environment import SettingsError
from handlers.text.language import lazy_gettext as _

PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

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
