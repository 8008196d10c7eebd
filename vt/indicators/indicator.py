"""The indicator, its eight kinds, and the ways to make one from parts that are already normalised."""

from dataclasses import dataclass, field
from enum import StrEnum

from vt.indicators import hosts, link_unwrap, urls


class Kind(StrEnum):
    """The eight kinds of indicator. The names are part of the public contract."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    DOMAIN = "domain"
    URL = "url"
    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"
    EMAIL = "email"


HASH_KINDS = {32: Kind.MD5, 40: Kind.SHA1, 64: Kind.SHA256}
"""The kind of hash by its number of hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """A typed value.

    `value` is refanged and normalised: lower-case host, punycode, compressed IPv6, `http://` for a URL without
    a scheme. `written` is the value as it was written, refanged only; it takes no part in comparisons.
    """

    kind: Kind
    value: str
    written: str = field(default="", compare=False)


def from_hash(digits: str) -> Indicator | None:
    """A hash from its hexadecimal digits; None when no known hash has that many."""
    kind = HASH_KINDS.get(len(digits))
    return Indicator(kind, digits.lower(), digits) if kind else None


def from_host(host: str, written: str) -> Indicator:
    """An address or domain from a normalised host; an IPv6 address is in brackets.

    An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) is the IPv4 address, which is what VirusTotal knows.
    """
    if host.startswith("["):
        mapped = hosts.mapped_ipv4(host[1:-1])
        return (
            Indicator(Kind.IPV4, str(mapped), written)
            if mapped
            else Indicator(Kind.IPV6, host[1:-1], written)
        )
    return Indicator(Kind.IPV4 if hosts.is_ipv4(host) else Kind.DOMAIN, host, written)


def from_email(local: str, host: str, written: str) -> Indicator:
    """A mail address. The local part is lower-cased, so that two spellings of one mailbox are one indicator."""
    return Indicator(Kind.EMAIL, f"{local.lower()}@{host}", written)


def from_url(url: urls.Url, written: str) -> Indicator:
    """A URL, or the host of one whose scheme VirusTotal does not scan (ldap, tcp, ssh …).

    The link of a mail gateway is replaced by the URL behind it: the gateway's own link names the reader.
    """
    target = link_unwrap.unwrap(url)
    if target is not url:
        written = str(target)
    if target.scheme in urls.SCANNED_SCHEMES:
        return Indicator(Kind.URL, str(target), written)
    return from_host(target.host, written)


def host_of(indicator: Indicator) -> Indicator | None:
    """The domain or address in a URL or mail address; a domain or address is its own host. None for hashes."""
    host = _host(indicator)
    if host is None or ("." not in host and ":" not in host and host != "localhost"):
        return None
    return from_host(host, host.strip("[]")) if indicator.kind in (Kind.URL, Kind.EMAIL) else indicator


def is_internal(indicator: Indicator) -> bool:
    """Whether it names something inside the organisation, also as the host of a URL or mail address.

    Internal values are never sent to VirusTotal.
    """
    host = _host(indicator)
    if host is None:
        return indicator.kind is Kind.URL  # its host cannot be read: better not sent
    return hosts.is_internal(host)


def _host(indicator: Indicator) -> str | None:
    """The host as hosts.py understands it; None for a hash, and for a URL that cannot be parsed."""
    match indicator.kind:
        case Kind.URL:
            url = urls.parse(indicator.value)
            return url.host if url else None
        case Kind.EMAIL:
            return indicator.value.rpartition("@")[2]
        case Kind.DOMAIN | Kind.IPV4 | Kind.IPV6:
            return indicator.value
        case _:
            return None
