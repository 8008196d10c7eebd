"""The indicator and its eight kinds: made from normalised parts, internal or not, read from a typed argument, and defanged."""

import ipaddress
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

from vt.indicators import hosts, markup
from vt.indicators.refang import refang

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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
MAX_LENGTH = 4096
"""Characters. Nobody types a longer indicator."""

_DOCUMENTATION = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"))
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_QUOTES = "<>`'\"“”‘’«»"
_HEX = re.compile(r"[0-9a-fA-F]+")
_EXACT = re.compile(r"[0-9a-fA-F.:]+")
"""An address or a hash as it is: there is neither markup nor defanging in it."""
_HOST_AND_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:/]+):[0-9]{1,5}")
_CIDR = re.compile(r"[0-9a-fA-F.:\[\]]+/[0-9]{1,3}")
_WORD = re.compile(r"(?:<[^<>]*>|\S)+")
"""A link that the chat client made may have spaces in its label."""
_PIECE = re.compile(r"(?:<[^<>]*>|[^,，、])+")
"""What is between the commas, of any script, outside such links."""
_LOCAL_PART = re.compile(r"[\w.!#$%&'*+/=?^{}~-]{1,64}")


@dataclass(frozen=True, slots=True)
class Indicator:
    """A typed value.

    `value` is refanged and normalised: lower-case host, punycode, compressed IPv6, `http://` for a URL without
    a scheme. `written` is the value as it was written, refanged only; it takes no part in comparisons.
    """

    kind: Kind
    value: str
    written: str = field(default="", compare=False)
    known_host: bool = field(default=True, compare=False)
    """False for a URL in a text whose host is under no known suffix: it may be a name of somebody's own network."""


def from_hash(digits: str) -> Indicator | None:
    """A hash from its hexadecimal digits; None when no known hash has that many."""
    kind = HASH_KINDS.get(len(digits))
    return Indicator(kind, digits.lower(), digits) if kind else None


def parse_address(text: str) -> Address | None:
    """An address in its canonical spelling; IPv6 with or without brackets. None for anything else, or with a zone."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") and ":" in text else text
    try:
        return None if "%" in bare else ipaddress.ip_address(bare)
    except ValueError:
        return None


def from_address(address: Address, written: str) -> Indicator:
    """An address. An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) is the IPv4 address, which is what VirusTotal knows."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    known = mapped or address
    kind = Kind.IPV4 if isinstance(known, ipaddress.IPv4Address) else Kind.IPV6
    return Indicator(kind, str(known), written)


def from_host(host: str, written: str) -> Indicator:
    """An address or domain from a normalised host; an IPv6 address is in brackets."""
    if host.startswith("[") or hosts.is_ipv4(host):
        return from_address(ipaddress.ip_address(host.strip("[]")), written)
    return Indicator(Kind.DOMAIN, host, written)


def from_email(local: str, host: str, written: str) -> Indicator:
    """A mail address. The local part is lower-cased, so that two spellings of one mailbox are one indicator."""
    return Indicator(Kind.EMAIL, f"{local.lower()}@{host}", written)


def from_url(url: hosts.Url, written: str) -> Indicator:
    """A URL, or the host of one whose scheme VirusTotal does not scan (ldap, tcp, ssh …).

    The link of a mail gateway is replaced by the URL behind it: the gateway's own link names the reader.
    """
    target = markup.unwrap_url(url)
    if target is not url:
        written = str(target)
    if target.scheme in hosts.SCANNED_SCHEMES:
        return Indicator(Kind.URL, str(target), written)
    return from_host(target.host, written)


def host_of(indicator: Indicator) -> Indicator | None:
    """The domain or address in a URL or mail address; a domain or address is its own host. None for hashes."""
    host = _host(indicator)
    if host is None or ("." not in host and ":" not in host and host != "localhost"):
        return None
    return from_host(host, host.strip("[]")) if indicator.kind in (Kind.URL, Kind.EMAIL) else indicator


def is_internal(indicator: Indicator, own_domains: Collection[str] = ()) -> bool:
    """Whether it names something inside the organisation, also as the host of a URL or mail address.

    Internal values are never sent to VirusTotal. `own_domains` are the organisation's, with all their subdomains.
    """
    host = _host(indicator)
    if host is None:
        return indicator.kind is Kind.URL  # its host cannot be read: better not sent
    if address := parse_address(host) or hosts.browser_ipv4(host):
        return _is_local(address)
    return hosts.is_internal_name(host) or hosts.is_within(host, own_domains)


def _is_local(address: Address) -> bool:
    """Whether an address is not globally routed.

    The documentation ranges (RFC 5737, RFC 3849) do not count: asking about one reveals nothing.
    """
    if isinstance(address, ipaddress.IPv6Address):
        # A mapped, 6to4 or NAT64 address leads to the IPv4 address in it.
        behind_nat64 = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
        address = behind_nat64 or address.ipv4_mapped or address.sixtofour or address
    if any(address in block for block in _DOCUMENTATION):
        return False
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return site_local or not address.is_global or address.is_multicast or address.is_reserved


def _host(indicator: Indicator) -> str | None:
    """Its host, an IPv6 address of a URL in brackets; None for a hash, and for a URL that cannot be parsed."""
    match indicator.kind:
        case Kind.URL:
            url = hosts.parse_url(indicator.value)
            return url.host if url else None
        case Kind.EMAIL:
            return indicator.value.rpartition("@")[2]
        case Kind.DOMAIN | Kind.IPV4 | Kind.IPV6:
            return indicator.value
        case _:
            return None


# Reading a typed argument -------------------------------------------------------------------------------


def read(text: str) -> Indicator | None:
    """The indicator that a typed argument is, defanged or not, with chat markup or not; None for anything else.

    A host under no known suffix (`db01.internal`) is a domain here, so that the person is told why it is not
    looked up.
    """
    if len(text) > MAX_LENGTH:
        return None
    written = text.strip()
    if not _EXACT.fullmatch(written):
        written = refang(markup.strip_markup(written)).strip(_QUOTES + " ").removeprefix("mailto:")
    if not written or re.search(r"\s", written):
        return None
    if _HEX.fullmatch(written):
        return from_hash(written)
    return _read_address(written) or (
        _read_url(written) if re.search(r"[/?]", written) else _read_name(written)
    )


def split_values(text: str) -> list[str]:
    """The values in a line, by spaces or commas. Commas inside a URL stay: `http://evil.example/a,,b` is one value."""
    values: list[str] = []
    for word in _WORD.findall(text):
        url_start = None
        for piece in _PIECE.finditer(word):
            if url_start is not None and not _is_value(piece[0]):
                values[-1] = word[url_start : piece.end()]
            else:
                values.append(piece[0])
                found = read(piece[0])
                rest = found.written.partition("://")[2] or found.written if found else ""
                is_url = found is not None and found.kind is Kind.URL and bool(re.search(r"[/?]", rest))
                url_start = piece.start() if is_url else None
    return values


def _is_value(piece: str) -> bool:
    """Whether the text after a comma is a value of its own, and not the rest of a URL, such as `b.html` in `a,b.html`."""
    found = read(piece)
    if found is None or "://" in found.written:
        return found is not None
    host = host_of(found)
    return host is None or host.kind is not Kind.DOMAIN or hosts.is_registered_name(host.value)


def _read_address(written: str) -> Indicator | None:
    """An address, with a port or a prefix length of the whole address (/32, /128)."""
    port = _HOST_AND_PORT.fullmatch(written)
    bare, _, prefix = (port[1] if port else written).partition("/")
    found = parse_address(bare) or hosts.padded_ipv4(bare)
    return from_address(found, written) if found and prefix in ("", str(found.max_prefixlen)) else None


def _read_url(written: str) -> Indicator | None:
    """A URL. Without a scheme, a network such as `10.1/2` and a path such as `etc/passwd` must not become one."""
    url = hosts.parse_url(written)
    if url is None:
        return None
    if "://" not in written:
        respelt = hosts.is_ipv4(url.host) and not written.startswith(url.host)
        single_label = "." not in url.host and not url.host.startswith("[")
        if respelt or single_label or _CIDR.fullmatch(written):
            return None
    return from_url(url, written)


def _read_name(written: str) -> Indicator | None:
    """A domain, with a port or not, or a mail address."""
    local, at, domain = written.rpartition("@")
    port = _HOST_AND_PORT.fullmatch(domain)
    host = hosts.normalise_name(port[1] if port and not at else domain)
    if host is None or ("." not in host and host != "localhost"):
        return None
    if not at:
        return from_host(host, written)
    return from_email(local, host, written) if _LOCAL_PART.fullmatch(local) else None


# Defanging ---------------------------------------------------------------------------------------------


def defang(value: str) -> str:
    """A value, or a text with values in it, written so that no client makes a link of it.

    `192[.]0[.]2[.]1`, `hxxp://evil[.]example/path`, `user[@]evil[.]example`, `2001[:]db8[:][:]1`. A hash is
    returned unchanged.
    """
    value = _printable(value)
    if ":" in value and parse_address(value):
        return value.replace(":", "[:]")
    for pattern, safe in _DEFANG:
        value = pattern.sub(safe, value)
    return value


def defang_path(name: str) -> str:
    """A path or file name changed only where a client would make a link of it, so that it can still be copied."""
    name = _printable(name)
    for pattern, safe in (*_DEFANG_SCHEMES, _DEFANG_WWW):
        name = pattern.sub(safe, name)
    return name


def _printable(text: str) -> str:
    """Without invisible characters: whoever shows the text leaves them out, and a link that they hid would be one again."""
    if text.isprintable():
        return text
    return "".join(c for c in text if c == "\n" or unicodedata.category(c)[0] != "C")


_DEFANG_SCHEMES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<![a-z0-9])h(?:tt)(ps?)(?=://)", re.IGNORECASE), r"hxx\1"),
    (re.compile(r"(?<![a-z0-9])ftp(s?)(?=://)", re.IGNORECASE), r"fxp\1"),
    (re.compile(r"(?<!hxxp)(?<!hxxps)(?<!fxp)(?<!fxps)://", re.IGNORECASE), "[:]//"),
    (re.compile(r"\b(mailto|tel):", re.IGNORECASE), r"\1[:]"),
)
_DEFANG_WWW = (re.compile(r"(?<![\w/])(www)\.", re.IGNORECASE), r"\1[.]")
_DEFANG: tuple[tuple[re.Pattern[str], str], ...] = (
    *_DEFANG_SCHEMES,
    (re.compile(r"(?<=\w)@(?=\w)"), "[@]"),
    (re.compile(r"(?<=[^\s.\[])[.。．｡](?=[^\s.\]])"), "[.]"),
)
