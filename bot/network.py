"""The way to VirusTotal and Slack: certificate authorities, proxies, and the HTTP session for Slack."""

import base64
import ipaddress
import re
import ssl
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import aiohttp
import httpx
from pydantic import BeforeValidator, Field, SecretStr

from bot.connections import confirm_job
from bot.environment import SettingsError
from handlers import slack_errors
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
def tls(*, verify: bool = True, ca_bundle: Path | None = None) -> ssl.SSLContext:
    """Trusts certifi's authorities, this machine's, and those of the bundle.

    Shared by all clients: reading the authorities takes longer than the rest of the start.
    """
    context = httpx.create_ssl_context(verify=verify)
    if verify:
        context.load_default_certs()
    if verify and ca_bundle:
        context.load_verify_locations(ca_bundle)
        # From Python 3.13 on, certificates that lack extensions are refused, as those of many companies do.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


# Slack ---------------------------------------------------------------------------------------------------


def slack_session(
    ca_bundle: Path | None,
    proxies: Proxies,
    response_class: type[aiohttp.ClientResponse],
    trace_configs: list[aiohttp.TraceConfig],
) -> aiohttp.ClientSession:
    """What sends calls to Slack, and to wherever its replies lead."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls(ca_bundle=ca_bundle) if ca_bundle else True),
        request_class=_proxied_request(proxies) if proxies else aiohttp.ClientRequest,
        response_class=response_class,
        trace_configs=trace_configs,
        middlewares=[_confirmed],
    )


async def _confirmed(
    request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Check before each attempt of a call that the job is still ours: otherwise its answer would be shown twice."""
    await confirm_job()
    return await send(request)


def _proxied_request(proxies: Proxies) -> type[aiohttp.ClientRequest]:
    class Request(aiohttp.ClientRequest):
        """Goes through one of our proxies. Slack's SDK would name that of its own reading, for every host."""

        def update_proxy(self, *_: Any) -> None:
            chosen = proxies.choose(self.url.scheme, self.url.host or "", self.url.port)
            address = type(self.url)(chosen.url) if chosen else None
            login = aiohttp.BasicAuth(*chosen.login, "utf-8") if chosen and chosen.user else None
            super().update_proxy(address, login, None)

    return Request


_SLACK_FAULTS = {
    aiohttp.ClientConnectorCertificateError: slack_errors.CERTIFICATE_NOT_TRUSTED,
    aiohttp.ClientProxyConnectionError: slack_errors.PROXY_NOT_RESPONDING,
    aiohttp.ClientHttpProxyError: slack_errors.PROXY_REFUSED,
}


def slack_fault(error: Exception) -> str:
    """Our code for why a call to Slack got no reply."""
    if getattr(error, "status", 0) == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return slack_errors.PROXY_WANTS_LOGIN
    return _SLACK_FAULTS.get(type(error), slack_errors.NO_REPLY)
