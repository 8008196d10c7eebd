"""What someone wants to know about: a typed, normalised value, and how it is shown safely."""

import ipaddress
import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit


class Kind(StrEnum):
    """The eight kinds of indicator; the names are part of the contract."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    DOMAIN = "domain"
    URL = "url"
    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Indicator:
    """A typed value.

    `value` is refanged and normalised (lower-case host, punycode, compressed IPv6, `http://` for a URL
    without a scheme); `asked` is what was written, refanged only, and does not take part in comparison.
    """

    kind: Kind
    value: str
    asked: str = field(default="", compare=False)


HASHES = {32: Kind.MD5, 40: Kind.SHA1, 64: Kind.SHA256}
DOCUMENTATION = tuple(
    ipaddress.ip_network(block)
    for block in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)
INTERNAL_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".corp", ".intranet")
HOST = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63})*\.?")
MARKUP = re.compile(r"<(?:mailto:)?([^<>|]+)(?:\|[^<>]*)?>")
SCHEMES = {"http", "https", "ftp", "ftps", "sftp"}


def refang(text: str) -> str:
    """The text with the usual ways of defanging undone."""
    text = re.sub(r"\s?[\[({](?:\.|dot)[\])}]\s?", ".", text, flags=re.IGNORECASE)
    text = re.sub(r"\s?[\[({](?:@|at)[\])}]\s?", "@", text, flags=re.IGNORECASE)
    text = re.sub(r"\[(:|::|://|/)\]", r"\1", text)
    text = re.sub(r"\bhxxp(s?)(?=:)", r"http\1", text, flags=re.IGNORECASE)
    return re.sub(r"\bfxp(s?)(?=:)", r"ftp\1", text, flags=re.IGNORECASE)


def defang(value: str) -> str:
    """The text so that no client makes a link of it: `hxxp://evil[.]example/path`, `user[@]evil[.]example`."""
    if _address(value) and ":" in value:
        return value.replace(":", "[:]")
    text = re.sub(r"(?i)http(?=s?://)", "hxxp", value)
    text = re.sub(r"(?i)ftp(?=s?://)", "fxp", text)
    text = re.sub(r"(?i)mailto:", "mailto[:]", text)
    return re.sub(r"(?<=\S)([.@])(?=\S)", r"[\1]", text)


def internal(indicator: Indicator) -> bool:
    """Whether it names something inside: such a value is never sent to anyone."""
    host = _host(indicator)
    if host is None:
        return False
    address = _address(host)
    if address is None:
        return "." not in host or f".{host}".endswith(INTERNAL_SUFFIXES)
    mapped = getattr(address, "ipv4_mapped", None) or address
    return not mapped.is_global and not any(mapped in block for block in DOCUMENTATION)


def read(text: str) -> Indicator | None:
    """What one typed argument is, defanged or not, with Slack's markup or not; None when not exactly one."""
    marked = MARKUP.fullmatch(text.strip())
    asked = refang(marked[1] if marked else text.strip())
    if re.fullmatch(r"[0-9a-fA-F]+", asked):
        kind = HASHES.get(len(asked))
        return Indicator(kind, asked.lower(), asked) if kind else None
    address = _address(asked)
    if address:
        return Indicator(Kind.IPV6 if ":" in asked else Kind.IPV4, str(address), asked)
    if "://" in asked or "/" in asked:
        return _url(asked)
    local, at, host = asked.rpartition("@")
    name = _name(host)
    if name is None or ("." not in name and name != "localhost"):
        return None
    if at:
        return (
            Indicator(Kind.EMAIL, f"{local.lower()}@{name}", asked)
            if re.fullmatch(r"[^\s@]+", local)
            else None
        )
    return Indicator(Kind.DOMAIN, name, asked)


def _url(asked: str) -> Indicator | None:
    try:
        parts = urlsplit(asked if "://" in asked else f"http://{asked}")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    host = parts.hostname or ""
    address = _address(host)
    name = _name(host) if address is None else f"[{address}]" if ":" in host else str(address)
    if name is None or parts.scheme not in SCHEMES or re.search(r"\s", asked):
        return None
    login = parts.netloc.rpartition("@")[0]
    rest = parts._replace(scheme="", netloc="").geturl() or "/"
    return Indicator(Kind.URL, f"{parts.scheme}://{login and login + '@'}{name}{port}{rest}", asked)


def _name(host: str) -> str | None:
    if not HOST.fullmatch(host) or host.rstrip(".").rpartition(".")[2].isdecimal():
        return None
    try:
        return host.rstrip(".").lower() if host.isascii() else host.rstrip(".").encode("idna").decode()
    except UnicodeError:
        return None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _host(indicator: Indicator) -> str | None:
    match indicator.kind:
        case Kind.URL:
            return urlsplit(indicator.value).hostname
        case Kind.EMAIL:
            return indicator.value.rpartition("@")[2]
        case Kind.MD5 | Kind.SHA1 | Kind.SHA256:
            return None
        case _:
            return indicator.value
