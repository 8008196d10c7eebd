"""What stands in the place of a host: an address in any of its spellings, or a name under a public suffix."""

import ipaddress
import re
from functools import cache, lru_cache
from pathlib import Path

import idna
from publicsuffixlist import PSLFILE, PublicSuffixList

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST = 253
"""Characters of a whole name, RFC 1035."""
FOUR = 4
"""Numbers in an IPv4 address."""

_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)
_DOCUMENTATION = tuple(
    ipaddress.ip_network(block)
    for block in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_INTERNAL = (
    ".localhost",
    ".localdomain",
    ".local",
    ".internal",
    ".lan",
    ".home.arpa",
    ".corp",
    ".intranet",
)


def address(text: str) -> Address | None:
    """An address in its usual spelling; IPv6 with or without brackets, without a zone."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") and ":" in text else text
    if "%" in bare or not bare.isascii():
        return None
    try:
        return ipaddress.ip_address(bare)
    except ValueError:
        return None


def numeric(text: str) -> ipaddress.IPv4Address | None:
    """The address that a browser goes to for `2130706433`, `0x7f.1` or `0177.0.0.1` (WHATWG URL, 4.4)."""
    parts = text.rstrip(".").split(".")
    if len(parts) > FOUR or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        *high, low = [_number(part) for part in parts]
    except ValueError:
        return None
    room = 256 ** (FOUR - len(high))
    if low >= room or any(number > 255 for number in high):  # noqa: PLR2004 - what an octet holds
        return None
    leading = sum(number << 8 * (3 - place) for place, number in enumerate(high))
    return ipaddress.IPv4Address(leading + low)


def _number(part: str) -> int:
    if part[:2].lower() == "0x":
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") and len(part) > 1 else 10)


@lru_cache(maxsize=4096)
def name(text: str) -> str | None:
    """A host's name: lower-case, punycode, no final dot. None for what no name server could hold."""
    host = _ascii(text.removesuffix(".").lower()) if len(text) <= LONGEST else None
    if host is None or len(host) > LONGEST or not _NAME.fullmatch(host):
        return None
    return None if _NUMBER.fullmatch(host[host.rfind(".") + 1 :]) else host


def _ascii(host: str) -> str | None:
    if host.isascii():
        return host
    try:
        return ".".join(
            label if label.isascii() else idna.encode(label, uts46=True).decode() for label in host.split(".")
        )
    except (idna.IDNAError, UnicodeError, IndexError):
        return None


@lru_cache(maxsize=4096)
def host(text: str) -> str | None:
    """A URL's host, normalised: an address (IPv6 in brackets) or a name."""
    if text.startswith("["):
        found = address(text)
        return f"[{found}]" if found else None
    mapped = _ascii(text.lower()) if len(text) <= LONGEST else None
    found = numeric(mapped) if mapped else None
    return str(found) if found else name(mapped or "")


@cache
def _rules() -> tuple[str, ...]:
    """The registries' part of the public suffix list, as it came in the wheel."""
    listed, _, _ = Path(PSLFILE).read_text(encoding="utf-8").partition("===END ICANN DOMAINS===")
    return tuple(line for line in listed.splitlines() if line and not line.startswith("//"))


@cache
def _suffixes() -> PublicSuffixList:
    """Made at the first use: 30 ms."""
    return PublicSuffixList(_rules(), accept_unknown=False)


@cache
def top_level() -> frozenset[str]:
    """Every top-level domain, in punycode."""
    return frozenset(_ascii(rule.rpartition(".")[2]) or "" for rule in _rules())


@lru_cache(maxsize=4096)
def registered(host: str) -> bool:
    """Whether a normalised name lies under a public suffix, by a label that can be registered there."""
    own = _suffixes().privatesuffix(host)
    return own is not None and "_" not in own


def parent(host: str) -> str | None:
    """The domain that someone registered: example.co.uk for www.example.co.uk. None for a suffix or an address."""
    own: str | None = _suffixes().privatesuffix(host)
    return own


@lru_cache(maxsize=4096)
def deep(host: str) -> bool:
    """Whether its suffix has two labels or more, as com.pl has: nobody ends a file's name so."""
    return "." in (_suffixes().publicsuffix(host) or "")


def public(host: str) -> bool:
    """Whether a URL's host, normalised, is an address or a registered name."""
    return host.startswith("[") or is_four(host) or registered(host)


def is_four(host: str) -> bool:
    """Whether a normalised host is an IPv4 address: no name ends in a number."""
    return host[host.rfind(".") + 1 :].isdecimal()


def internal(host: str) -> bool:
    """Whether a host, in any spelling, is of the inside or of no network at all.

    The documentation ranges are not: nothing of the inside is told when a person asks for one.
    """
    found = address(host) or numeric(host)
    if found is None:
        bare = host.removesuffix(".").lower()
        return "." not in bare or f".{bare}".endswith(_INTERNAL)
    inner = _embedded(found)
    return _not_public(found) if inner is None else _not_public(inner)


def _embedded(found: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside a mapped, 6to4 or NAT64 one: what the packet is really for."""
    if isinstance(found, ipaddress.IPv4Address):
        return None
    if found in _NAT64:
        return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found.ipv4_mapped or found.sixtofour


def _not_public(found: Address) -> bool:
    if any(found in block for block in _DOCUMENTATION):
        return False
    local = isinstance(found, ipaddress.IPv6Address) and found.is_site_local
    return local or not found.is_global or found.is_multicast or found.is_reserved
