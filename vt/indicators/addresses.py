"""IP addresses in running text, beside what surrounds them: ports, networks, ranges, and versions that look alike."""

import ipaddress
import re
from functools import lru_cache

import re2

from vt.indicators import hosts, indicator
from vt.indicators.indicator import Address, Indicator
from vt.indicators.refang import DOT

Token = re.Match[str]
"""A match, so that the text around it can be looked at."""

IPV6_GROUPS = 8
MAX_LENGTH = 80
"""Characters; enough for an IPv6 address with a label before it, or for a range of IPv4 addresses."""
CONTEXT = 48
"""Characters before a value that are searched for a word that says what it is."""
LINE_CONTEXT = 160
"""Characters on each side, in the same line."""
_MAX_OCTET = 255
_LARGE_OCTET = 100
_FIRST_COMMON_PORT = 20
FIRST_UNPRIVILEGED_PORT = 1024

_IPV6 = re.compile(r"(?:\w*[g-zG-Z_]\w*:)?([0-9a-fA-F:]*:(?:[0-9]+\.){0,3}[0-9a-fA-F]*?):?\.*")
_IPV6_DOTTED_PORT = re.compile(r"([^.]*:[^.]*)\.[0-9]{1,5}:?")
"""`2001:db8::1.443`, as tcpdump writes it; an address that ends in an IPv4 address has three dots."""
_IPV6_EVIDENCE = re.compile(r"[0-9a-fA-F]{3}(?=.*[0-9])|[0-9].*[0-9a-fA-F]{3}")
"""A group of three digits and a decimal digit: every routed address has them, `[1::2]` and `abc::def` do not."""
_PADDED_IN_NAME = re.compile(r"(?:(?<=_)|\A)[0-9]{3}(?:\.[0-9]{3}){3}(?=[._-]|\Z)")
"""Padded addresses in the name of a file, as in `010.001.002.003_045.083.122.021_006.pcap`."""
_IPV4 = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}")
_SERVICE = (
    r"[0-9]{1,5}|bootp[cs]|domain|ftp(?:-data)?|https?(?:-alt)?|imaps?|kerberos|ldaps?|mdns|microsoft-ds"
    r"|ms-wbt-server|mysql|netbios-\w+|ntp|pop3s?|postgresql|rdp|s?snmp|smtps?|ssh|submission|syslog|telnet"
)
"""A port, or what tcpdump and netstat print instead of one."""
_DOTTED_PORT = re.compile(rf"(.+)\.({_SERVICE})", re.IGNORECASE)

_PROTOCOL = r"(?:tcp|udp|sctp|icmp|tls|ssl|quic|https?|ssh|dns|smb|rdp|smtp|ftp|telnet)(?:v?[46])?"
_PORT_SUFFIX = re.compile(
    rf"(?: :[0-9]{{1,5}}/{_PROTOCOL} | /(?P<number>[0-9]{{1,5}})(?:/{_PROTOCOL})? | /{_PROTOCOL} )"
    r"(?![\w?\#&%+@/]|=(?!>)|[.~*]\w|-(?![0-9]{1,3}\.[0-9]{1,3}\.)\w)",
    re.IGNORECASE | re.VERBOSE,
)
"""`:443/tcp`, `/443` (Cisco, Juniper), `/443/tcp`, `/tcp`, where no path goes on. `/24` may be a prefix length."""
_PORT_BEFORE = re.compile(r"[0-9]{1,5}-+(?=[0-9]{1,3}\.)")
"""The port of the address before: `192.0.2.1/500-198.51.100.7/500`."""
_NETMASK = re.compile(r"/((?:[0-9]{1,3}\.){3}[0-9]{1,3})(?![\w.])")
_INTERFACE_NAME = r"(?:(?:in|out)side\w*|(?:un)?trust\w*|(?:dmz|wan|lan|mgmt)[\w-]*)"
_INTERFACE = re.compile(rf"\b{_INTERFACE_NAME}:[\w:.-]*\Z", re.IGNORECASE)
"""The name of an interface before the address, as an ASA logs it: `outside:192.0.2.1/22`."""
_PORT_NEARBY = re.compile(r"[0-9]\.[0-9]{1,3}/(?:3[3-9]|[4-9][0-9]|[1-9][0-9]{2,4})(?![\w.])")
"""An address with a number after its slash that can only be a port."""

_VERSION_CONTEXT = re.compile(
    r"""(?: (?:\b(?:v|ver|versions?|builds?|releases?|rev|revision|firmware|fw|oid|sections?|drivers?)\b|§)
    [\s:=.\#(]{0,3} (?:from\s+|is\s+)?
    (?:v?[0-9]+(?:\.[0-9]+){1,4}\s*(?:to|and|or|until|through|,|-+>?|→|/)\s*){0,3} | [<>=!~]=\s? )\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_PRODUCT = re.compile(r"(?<![\w./-])[a-z][\w+-]*/\Z", re.IGNORECASE)
"""A product's name and slash, as in a user agent: `Chrome/120.0.6.9`."""
_ADDRESS_LABEL = re.compile(
    r"""(?<![\w./-])(?: (?:[a-z]+_)*(?:direct|parent|hit|miss|dst|fastest|pool|fail|none|pinned|carp)  # Squid, Blue Coat
    | (?:tcp|udp|icmp|sctp)[46]? | ip(?:v?[46])? | src|dst|source|destination|from|to | addr(?:ess)?
    | (?:local|remote)?host(?:name)? | peer|client|server|proxy|upstream|unknown | """
    + _INTERFACE_NAME
    + r""" )/\Z""",
    re.IGNORECASE | re.VERBOSE,
)
"""A word and slash before an address or host: `HIER_DIRECT/192.0.2.1` in a proxy log, `localhost/127.0.0.1` in Java."""
_PORT_AFTER = re.compile(r":[0-9]{2,5}(?![\w.])|\([0-9]{1,5}\)")
_OBJECT_IDENTIFIER = re.compile(r"2\.5\.(?:4|29)\.[0-9]+|1\.3\.6\.1")
_OBJECT_IDENTIFIER_LINE = re.compile(
    r"\boids?\b|object identifier|\bx\.?509|\bextn|extension|[0-9](?:\.[0-9]+){5}", re.IGNORECASE
)
"""Object identifiers with four numbers, and what is in the line when they are none of the addresses they could be."""

_CAPTURE_WORDS = re2.compile(
    r"\bIP6? (?:\(|\S+ [<>-])|\bFlags \[|\b(?:netstat|tcpdump|sockstat)\b|\b(?:tcp|udp)(?:4|6|46)\b"
    r"|\b(?:tcp|udp)\s+[0-9]+\s+[0-9]+\s|(?i:\b(?:tcp|udp))[:,]?\s+(?:[0-9]{1,3}\.){4}|\bNTPv|\b(?:ESTAB(?:LISHED)?|LISTEN(?:ING)?"
    r"|SYN_(?:SENT|RCVD|RECV)|(?:TIME|CLOSE|FIN)_WAIT(?:_?[12])?|FIN_?WAIT_?[12]|LAST_ACK|CLOSING)\b"
)
"""Words of a line from tcpdump or netstat."""
_NEXT_ENDPOINT = re.compile(r":?\s*(?:[<>]|-+>|→|to\b)?\s*(?:[0-9]{1,3}\.){4}([0-9]{1,5})(?![\w.])")
_PREVIOUS_ENDPOINT = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){4}([0-9]{1,5}):?\s*(?:[<>]|-+>|→|to)?\s*\Z")


def read_ipv6(run: Token) -> Indicator | None:
    """The IPv6 address that a run with colons is, also after a label as in `ip6:2001:db8::1`."""
    written = run[0].replace(DOT, ".")
    if len(written) > MAX_LENGTH or ("::" not in written and written.count(":") < IPV6_GROUPS - 1):
        return None
    if with_port := _IPV6_DOTTED_PORT.fullmatch(written):
        written = with_port[1]
    found = _IPV6.fullmatch(written)
    if not found or not _IPV6_EVIDENCE.search(found[1]):
        return None
    address = indicator.parse_address(found[1])
    if not isinstance(address, ipaddress.IPv6Address) or _is_network(address, run):
        return None
    mapped = address.ipv4_mapped
    if mapped and (int(mapped) >> 24 == 0 or _is_netmask(mapped)):
        return None
    return indicator.from_address(address, found[1])


def read_ipv4(token: Token) -> list[Indicator]:
    """The IPv4 address that a token is, with a port or not, or the two ends of a range."""
    written = token[0].strip("_")
    if "_" in written:
        return [
            indicator.from_address(address, found[0])
            for found in _PADDED_IN_NAME.finditer(written)
            if (address := _parse(found[0]))
        ]
    if token.string.startswith("/", max(0, token.start() - 1)):
        written = _PORT_BEFORE.sub("", written)
    if not written[:1].isdecimal() or len(written) > MAX_LENGTH:
        return []
    parts = written.replace(DOT, ".").rstrip("-.").split("-")
    if not all(_IPV4.fullmatch(part) for part in parts):
        parts = _without_ports(parts, token)
    addresses = [address for part in parts if (address := _parse(part))]
    if not addresses or len(addresses) < len(parts):
        return []
    if _is_netmask(addresses[0]) or _is_network(addresses[-1], token):
        return []
    is_identifier = _OBJECT_IDENTIFIER.fullmatch(written) and _OBJECT_IDENTIFIER_LINE.search(_line(token))
    if DOT not in written and (is_version(token) or is_identifier):
        return []
    return [indicator.from_address(address, part) for address, part in zip(addresses, parts, strict=True)]


def has_port_suffix(token: Token) -> bool:
    """Whether what follows an address is its port, protocol, prefix length or netmask, and not the path of a URL."""
    if token.string[token.end() : token.end() + 1] not in {"/", ":"}:
        return False
    if _NETMASK.match(token.string, token.end()):
        return True
    suffix = _PORT_SUFFIX.match(token.string, token.end())
    return suffix is not None and int(suffix["number"] or 0) <= hosts.MAX_PORT


def is_version(token: Token) -> bool:
    """Whether four numbers are a version: after such a word, a comparison, or the name of a product and a slash."""
    before = token.string[max(0, token.start() - CONTEXT) : token.start()]
    is_product = before.endswith("/") and _PRODUCT.search(before) and not is_after_label(before)
    has_port = _PORT_AFTER.match(token.string, token.end())
    return bool(_VERSION_CONTEXT.search(before) or (is_product and not has_port))


def is_after_interface(token: Token) -> bool:
    """Whether the name of a firewall's interface and a colon stand before an address or name."""
    return _INTERFACE.search(token.string[max(0, token.start() - CONTEXT) : token.end()]) is not None


def is_after_label(before: str) -> bool:
    """Whether the text before a host ends in a word and a slash that announce a host: `HIER_DIRECT/`."""
    return _ADDRESS_LABEL.search(before) is not None


def without_port(name: str, token: Token) -> str | None:
    """A name without the `.443` or `.https` that tcpdump and netstat add to it; None where there is none."""
    found = _DOTTED_PORT.fullmatch(name)
    return found[1] if found and _CAPTURE_WORDS.search(_line(token).encode()) else None


@lru_cache(maxsize=4096)
def _parse(written: str) -> Address | None:
    """An address outside 0.0.0.0/8, also with zero-padded octets."""
    if not _IPV4.fullmatch(written):
        return None
    address = indicator.parse_address(written) or hosts.padded_ipv4(written)
    return address if address and int(address) >> 24 else None


def _without_ports(parts: list[str], token: Token) -> list[str]:
    """The addresses of `192.0.2.1.443`, where the fifth number is a port and not part of a version; else none."""
    found = [_DOTTED_PORT.fullmatch(part) for part in parts]
    ports = [port[2] for port in found if port]
    if len(ports) < len(parts) or not _is_capture(token, ports):
        return []
    return [port[1] for port in found if port]


def _is_capture(token: Token, ports: list[str]) -> bool:
    """Whether five numbers are an address and a port, and not a version or an object identifier.

    They are when they were defanged, name a service, are in a line of tcpdump or netstat, or stand beside another
    such pair of which one port is one that clients use; by themselves when their size is that of an address.
    """
    numbers = [int(port) for port in ports if port.isdecimal()]
    if DOT in token[0] or len(numbers) < len(ports):
        return True
    if any(number > hosts.MAX_PORT for number in numbers) or is_version(token):
        return False
    following = _NEXT_ENDPOINT.match(token.string, token.end())
    previous = _PREVIOUS_ENDPOINT.search(token.string[max(0, token.start() - CONTEXT) : token.start()])
    beside = [int(found[1]) for found in (following, previous) if found]
    if len(numbers) + len(beside) > 1 and max(numbers + beside) >= FIRST_UNPRIVILEGED_PORT:
        return True
    if _CAPTURE_WORDS.search(_line(token).encode()):
        return True
    return not beside and _is_sized_like_address([int(number) for number in re.findall("[0-9]+", token[0])])


def _is_sized_like_address(numbers: list[int]) -> bool:
    """Whether four octets and a port are too large for a version, whose numbers are small."""
    *octets, port = numbers
    large = [octet for octet in octets if octet >= _LARGE_OCTET // 3]
    is_common = len(large) > 1 and port >= _FIRST_COMMON_PORT
    return max(octets) >= _LARGE_OCTET and (port >= FIRST_UNPRIVILEGED_PORT or is_common)


def _line(token: Token) -> str:
    """The text around a token, in its line."""
    before = token.string[max(0, token.start() - LINE_CONTEXT) : token.start()].rpartition("\n")[2]
    return before + token.string[token.start() : token.end() + LINE_CONTEXT].partition("\n")[0]


def _is_netmask(address: Address) -> bool:
    """Whether an address is a mask such as 255.255.255.0: ones, then zeros."""
    inverted = ~int(address) & 0xFFFFFFFF
    return int(address) >> 24 == _MAX_OCTET and inverted & (inverted + 1) == 0


def _is_network(address: Address, token: Token) -> bool:
    """Whether a prefix length or netmask follows that makes a network of the address: its host bits are all zero.

    An address with host bits, such as 192.0.2.7/24, is that of an interface, or the number is a port.
    """
    text, end = token.string, token.end()
    if not text.startswith("/", end):
        return False
    suffix = _NETMASK.match(text, end) or _PORT_SUFFIX.match(text, end)
    if suffix is None or suffix[1] is None:
        return False
    try:
        network = ipaddress.ip_network(f"{address}/{suffix[1]}")
    except ValueError:
        return False
    # By what is around it, the number may be a port although it could be a prefix length.
    is_port = is_after_interface(token) or _PORT_NEARBY.search(_line(token))
    return network.num_addresses > 1 and not is_port
