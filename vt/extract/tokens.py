"""Decides what one token (a run of letters, digits, dots and hyphens) is, by itself and by its surroundings."""

import re

from vt.extract import false_positives, url_bounds
from vt.indicators import hosts, indicator, urls
from vt.indicators.defang import DOT
from vt.indicators.indicator import Indicator

Token = re.Match[str]
"""A match, so that the text around it can be looked at."""

IPV6_GROUPS = 8
MAX_LOCAL_PART = 64
"""Characters before the @ of a mail address, RFC 5321."""
MAX_ADDRESS_LENGTH = 80
"""Characters; enough for an IPv6 address with a label before it, or for a range of IPv4 addresses."""

_EDGES = "-." + DOT
_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{32,64}(?![0-9A-Za-z])")
_IPV6 = re.compile(r"(?:\w*[g-zG-Z_]\w*:)?([0-9a-fA-F:]*:(?:[0-9]+\.){0,3}[0-9a-fA-F]*?):?\.*")
_IPV6_EVIDENCE = re.compile(r"[0-9a-fA-F]{3}(?=.*[0-9])|[0-9].*[0-9a-fA-F]{3}")
"""A group of three digits and a decimal digit: every routed address has them, `[1::2]` and `abc::def` do not."""
_IPV4 = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}")
_PREFIX_LENGTH = re.compile(r"/([0-9]{1,3})(?![\w.])")
_PATH = re.compile(r"(?::[0-9]{1,5})?(?:/(?![0-9]{1,3}\.[0-9]{1,3}\.)|\?(?=\w+=))")
_LOCAL_PART = re.compile(rf"[\w.{DOT}!#$%&'*+/=?^{{}}~-]+\Z")
_IS_LOCAL_PART = re.compile(rf"(?:[+=][\w.{DOT}+=-]{{0,64}})?@")
_SCP_PATH = re.compile(r":[\w.~-]*/")
"""`git@github.com:acme/vtbot`: the source or target of scp or git, not a mail address."""


def read_ipv6(run: Token) -> Indicator | None:
    """The IPv6 address that a run with colons is, also after a label as in `ip6:2001:db8::1`."""
    written = run[0].replace(DOT, ".")
    if len(written) > MAX_ADDRESS_LENGTH or ("::" not in written and written.count(":") < IPV6_GROUPS - 1):
        return None
    found = _IPV6.fullmatch(written)
    if not found or not _IPV6_EVIDENCE.search(found[1]) or _is_network(run, 128):
        return None
    address = hosts.parse_address(found[1])
    return indicator.from_host(f"[{address}]", found[1]) if address else None


def read_url(token: Token, stop: int) -> tuple[Indicator, int] | None:
    """The URL without a scheme that starts with this token, and where it ends."""
    text, (start, end) = token.string, token.span()
    before = text[max(0, start - 2) : start]
    if not _PATH.match(text, end, stop) or _PREFIX_LENGTH.match(text, end):
        return None
    if before.endswith(("@", "\\")) or (before.endswith("/") and before != "//"):
        return None
    if not (_ipv4_addresses(token) or _domain(token)):
        return None
    end = url_bounds.find_end(text, start, stop)
    asked = url_bounds.trim(text[start:end], before[-1:]).lstrip(_EDGES).replace(DOT, ".")
    url = urls.parse(asked)
    return (indicator.from_url(url, asked), end) if url else None


def read(token: Token) -> list[Indicator]:
    """What a token is when no URL starts with it: hashes, addresses, or one domain or mail address."""
    written = token[0]
    hashes = _hashes(token) if len(written) >= min(indicator.HASH_KINDS) else []
    if not ("." in written or DOT in written) or _IS_LOCAL_PART.match(token.string, token.end()):
        return hashes
    if addresses := _ipv4_addresses(token):
        return hashes + addresses
    local = _local_part(token)
    domain = _domain(token, trusted=bool(local))
    if domain is None:
        return hashes
    host, asked = domain
    name = (
        indicator.from_email(local, host, f"{local}@{asked}") if local else indicator.from_host(host, asked)
    )
    return [*hashes, name]


def _hashes(token: Token) -> list[Indicator]:
    """The file hashes in a token: `VirusShare_…`, `….exe`."""
    return [
        file_hash
        for found in _HEX.finditer(token.string, token.start(), token.end())
        if (file_hash := indicator.from_hash(found[0]))
        and not false_positives.is_other_hash(found.string, *found.span())
    ]


def _ipv4_addresses(token: Token) -> list[Indicator]:
    """The IPv4 address that a token is, or the two ends of a range."""
    written = token[0]
    if not written[0].isdecimal() or len(written) > MAX_ADDRESS_LENGTH or _is_network(token, 32):
        return []
    parts = written.replace(DOT, ".").rstrip("-.").split("-")
    if parts[0].startswith("0") or not all(
        _IPV4.fullmatch(part) and hosts.parse_address(part) for part in parts
    ):
        return []
    if DOT not in written and false_positives.is_version(token.string, token.start()):
        return []
    return [indicator.from_host(part, part) for part in parts]


def _is_network(token: Token, address_bits: int) -> bool:
    """Whether a prefix length such as /24 follows. A network is no indicator; a /32 is a single address."""
    prefix = _PREFIX_LENGTH.match(token.string, token.end())
    return prefix is not None and int(prefix[1]) < address_bits


def _domain(token: Token, *, trusted: bool = False) -> tuple[str, str] | None:
    """The name under a known suffix that a token is, normalised and as written.

    One that was defanged, or is `trusted`, is not tested for being a file name, code or a sentence.
    """
    if len(token[0]) > hosts.MAX_NAME_LENGTH:
        return None
    start = token.end() - len(token[0].lstrip(_EDGES))
    for written in _without_sentence(token[0].strip(_EDGES)):
        asked = written.replace(DOT, ".")
        host = hosts.normalise_name(asked)
        if host and hosts.is_registered_name(host):
            if trusted or DOT in written:
                return host, asked
            end = start + len(written)
            return None if false_positives.is_no_host(asked, token.string, start, end) else (host, asked)
    return None


def _without_sentence(written: str) -> tuple[str, ...]:
    """What to try as a name: in `evil.example.The next sentence`, first without the word after the last dot."""
    head, _, last = written.rpartition(".")
    return (head, written) if "." in head and last[:1].isupper() and not last[1:].isupper() else (written,)


def _local_part(token: Token) -> str:
    """The local part before the @ that stands before the token; empty when the token is not in a mail address."""
    at = token.start() - 1
    if not token.string.startswith("@", max(0, at)) or _SCP_PATH.match(token.string, token.end()):
        return ""
    found = _LOCAL_PART.search(token.string[max(0, at - MAX_LOCAL_PART) : at])
    local = found[0].replace(DOT, ".") if found else ""
    if "+" not in local:
        local = re.split("[=/]", local)[-1]  # smtp.mailfrom=bob@evil.com
    local = local.lstrip("-.'*#&?!{}~^%$")
    return "" if ".." in local or local.endswith(".") else local
