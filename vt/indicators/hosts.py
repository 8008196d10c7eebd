"""Hosts and URLs, parsed and normalised as browsers do: names, public suffixes, and the spellings of IPv4 addresses."""

import ipaddress
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import unquote

import idna
from publicsuffixlist import PSLFILE, PublicSuffixList

MAX_NAME_LENGTH = 253
"""Characters in a whole domain name, RFC 1035."""
IPV4_PARTS = 4
"""Numbers in an IPv4 address."""
_MAX_OCTET = 255
_PADDED_LENGTH = 3
_MINUTES = 60

_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PADDED_IPV4 = re.compile(r"(?=.*\b0[0-9])(?:[0-9]{1,3}\.){3}[0-9]{1,3}")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)
_INTERNAL_NAME = re.compile(r"\.(?:localhost|localdomain|local|internal|lan|home\.arpa|corp|intranet)\Z")


def padded_ipv4(text: str) -> ipaddress.IPv4Address | None:
    """The address that `045.083.122.021` is: firewalls and feeds pad decimal octets with zeros.

    None without such zeros, and for `01.02.03.04`, which is more likely a date or the number of a section.
    """
    if not _PADDED_IPV4.fullmatch(text):
        return None
    octets = [int(part) for part in text.split(".")]
    is_date = max(map(len, text.split("."))) < _PADDED_LENGTH and max(octets) < _MINUTES
    return None if is_date or max(octets) > _MAX_OCTET else ipaddress.IPv4Address(bytes(octets))


def browser_ipv4(text: str) -> ipaddress.IPv4Address | None:
    """The address that a browser opens for `2130706433`, `0x7f.1` or `0177.0.0.1` (WHATWG URL, 3.5, IPv4 parser)."""
    parts = text.rstrip(".").split(".")
    if len(parts) > IPV4_PARTS or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        *high, low = [_number(part) for part in parts]
    except ValueError:
        return None
    # The last number fills all the octets that are left: 127.1 is 127.0.0.1.
    if low >= 256 ** (IPV4_PARTS - len(high)) or any(number > _MAX_OCTET for number in high):
        return None
    leading = sum(number << 8 * (3 - index) for index, number in enumerate(high))
    return ipaddress.IPv4Address(leading + low)


def _number(part: str) -> int:
    if part[:2].lower() == "0x":
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") and len(part) > 1 else 10)


@lru_cache(maxsize=4096)
def normalise_name(text: str) -> str | None:
    """A domain name in lower case and punycode, without the final dot; None when DNS could not hold it."""
    host = _ascii(text.removesuffix(".").lower()) if len(text) <= MAX_NAME_LENGTH else None
    if host is None or len(host) > MAX_NAME_LENGTH or not _NAME.fullmatch(host):
        return None
    return None if _NUMBER.fullmatch(host[host.rfind(".") + 1 :]) else host


def _ascii(host: str) -> str | None:
    """The name in punycode; None when it has a label that IDNA 2008 forbids."""
    if host.isascii():
        return host
    try:
        return ".".join(
            label if label.isascii() else idna.encode(label, uts46=True).decode() for label in host.split(".")
        )
    except (idna.IDNAError, UnicodeError, IndexError):
        return None


@lru_cache(maxsize=4096)
def normalise(text: str) -> str | None:
    """The host of a URL, normalised as a browser does: an address (IPv6 in brackets) or a name. None if invalid.

    Browsers read zero-padded octets as octal; where that fails, as in `045.083.122.021`, they are decimal.
    """
    if text.startswith("["):
        with suppress(ValueError):
            return None if "%" in text else f"[{ipaddress.IPv6Address(text[1:-1])}]"
        return None
    if "%" in text:
        text = unquote(text)
    host = _ascii(text.lower()) if len(text) <= MAX_NAME_LENGTH else None
    found = browser_ipv4(host) or padded_ipv4(host) if host else None
    return str(found) if found else normalise_name(host or "")


@cache
def _icann_rules() -> tuple[str, ...]:
    """The ICANN section of the public suffix list, from the copy inside the publicsuffixlist wheel."""
    listed, _, _ = Path(PSLFILE).read_text(encoding="utf-8").partition("===END ICANN DOMAINS===")
    return tuple(line for line in listed.splitlines() if line and not line.startswith("//"))


@cache
def _suffix_list() -> PublicSuffixList:
    """Built at the first use, which takes about 30 ms."""
    return PublicSuffixList(_icann_rules(), accept_unknown=False)


@cache
def top_level_domains() -> frozenset[str]:
    """Every top-level domain, in punycode."""
    return frozenset(_ascii(rule.rpartition(".")[2]) or "" for rule in _icann_rules())


@lru_cache(maxsize=4096)
def is_registered_name(host: str) -> bool:
    """Whether a normalised name is, or lies under, a domain that can be registered under a public suffix."""
    own = _suffix_list().privatesuffix(host)
    return own is not None and "_" not in own  # a registry takes no underscore; a sub-domain may have one


def registered_domain(host: str) -> str | None:
    """example.co.uk for www.example.co.uk; None for an address, a bare suffix, or a name under no known suffix."""
    own: str | None = _suffix_list().privatesuffix(host)
    return own


@lru_cache(maxsize=4096)
def has_long_suffix(host: str) -> bool:
    """Whether its public suffix has two labels or more, like com.pl: no file name ends in one."""
    return "." in (_suffix_list().publicsuffix(host) or "")


def is_public(host: str) -> bool:
    """Whether the normalised host of a URL is a registered name or an address, outside 0.0.0.0/8."""
    if is_ipv4(host):
        return not host.startswith("0.")
    return host.startswith("[") or is_registered_name(host)


def is_ipv4(host: str) -> bool:
    """Whether a normalised host is an IPv4 address. Its last label decides: no normalised name ends in a number."""
    return host[host.rfind(".") + 1 :].isdecimal()


def is_within(host: str, domains: Collection[str]) -> bool:
    """Whether the host is one of these domains, or a subdomain of one."""
    labels = host.split(".")
    return any(".".join(labels[start:]) in domains for start in range(len(labels)))


def is_internal_name(host: str) -> bool:
    """Whether a host name has one label only, or a suffix that is used inside organisations, such as `.local`."""
    bare = host.removesuffix(".").lower()
    return "." not in bare or _INTERNAL_NAME.search(f".{bare}") is not None


# URLs --------------------------------------------------------------------------------------------------

SCANNED_SCHEMES = frozenset({"http", "https", "ftp", "ftps", "sftp"})
"""The schemes that are looked up as URLs; of any other (ldap, tcp, ssh …) only the host is of interest."""
_SPECIAL_SCHEMES = frozenset({"http", "https", "ftp"})
"""Those in whose path a backslash is a slash."""
MAX_PORT = 65535

_URL = re.compile(r"(?:([a-z][a-z0-9+.-]*)://)?([^/?#\\\s]*)(\S*)", re.IGNORECASE)
_HOST_AND_PORT = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?")


@dataclass(frozen=True, slots=True)
class Url:
    """The parts. `host` is normalised (an IPv6 address keeps its brackets); `rest` is path, query and fragment."""

    scheme: str
    login: str
    host: str
    port: str
    rest: str

    def __str__(self) -> str:
        login = f"{self.login}@" if self.login else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{login}{self.host}{port}{self.rest or '/'}"


def parse_url(text: str) -> Url | None:
    """The URL that a text is, `http://` when it has no scheme; None when its host or port is invalid.

    The path is kept as it was written, but for its backslashes, which browsers read as slashes (WHATWG URL, 4.4).
    """
    parts = _URL.fullmatch(text)
    if parts is None:
        return None
    login, _, host_and_port = parts[2].rpartition("@")
    found = _HOST_AND_PORT.fullmatch(host_and_port)
    host = normalise(found[1]) if found else None
    if found is None or host is None or int(found[2] or 0) > MAX_PORT:
        return None
    scheme = (parts[1] or "http").lower()
    rest = parts[3]
    if scheme in _SPECIAL_SCHEMES and "\\" in rest:
        path, *query = re.split(r"(?=[?#])", rest, maxsplit=1)
        rest = path.replace("\\", "/") + "".join(query)
    return Url(scheme, login, host, found[2] or "", rest)
