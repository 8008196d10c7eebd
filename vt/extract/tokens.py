"""Decides what one token (a run of letters, digits, dots and hyphens) is, by itself and by its surroundings."""

import re
from collections.abc import Iterator

from vt.extract import addresses, false_positives, hashes, url_bounds
from vt.extract.addresses import Token
from vt.indicators import hosts, indicator, urls
from vt.indicators.indicator import Indicator
from vt.indicators.refang import DOT

MAX_LOCAL_PART = 64
"""Characters before the @ of a mail address, RFC 5321."""

_EDGES = "-." + DOT
_PATH = re.compile(r"(?::[0-9]{1,5})?(?:/(?![0-9]{1,3}\.[0-9]{1,3}\.)|\?(?=\w+=))")
_LOCAL_PART = re.compile(rf"[\w.{DOT}!#$%&'*+/=?^{{}}~-]+\Z")
_IS_LOCAL_PART = re.compile(rf"(?:[+=][\w.{DOT}+=-]{{0,64}})?@")
_SCP_PATH = re.compile(r":[\w.~-]*/")
"""`git@github.com:acme/vtbot`: the source or target of scp or git, not a mail address."""


def read_url(token: Token, stop: int) -> tuple[Indicator, int] | None:
    """The URL without a scheme that starts with this token, and where it ends."""
    text, (start, end) = token.string, token.span()
    before = text[max(0, start - 2) : start]
    if not _PATH.match(text, end, stop):
        return None
    if before.endswith(("@", "\\")) or (before.endswith("/") and before != "//"):
        return None
    if addresses.has_port_suffix(token) and _is_endpoint(token):
        return None
    if not (addresses.read_ipv4(token) or _domain(token)):
        return None
    end = url_bounds.find_end(text, start, stop)
    refanged = url_bounds.trim(text[start:end], before[-1:]).lstrip(_EDGES + "_").replace(DOT, ".")
    url = urls.parse(refanged)
    return (indicator.from_url(url, refanged), end) if url else None


def _is_endpoint(token: Token) -> bool:
    """Whether the number after a token is a port: after an address, before a protocol, after an interface."""
    followed_by_protocol = token.string.startswith(":", token.end())
    return token[0][-1].isdecimal() or followed_by_protocol or addresses.is_after_interface(token)


def read(token: Token) -> list[Indicator]:
    """What a token is when no URL starts with it: hashes, addresses, or one domain or mail address."""
    written = token[0]
    found = hashes.read(token) if len(written) >= min(indicator.HASH_KINDS) else []
    if not ("." in written or DOT in written) or _IS_LOCAL_PART.match(token.string, token.end()):
        return found
    if ipv4 := addresses.read_ipv4(token):
        return found + ipv4
    local = _local_part(token)
    domain = _domain(token, trusted=bool(local))
    if domain is None:
        return found
    host, refanged = domain
    if local:
        return [*found, indicator.from_email(local, host, f"{local}@{refanged}")]
    return [*found, indicator.from_host(host, refanged)]


def _domain(token: Token, *, trusted: bool = False) -> tuple[str, str] | None:
    """The name under a known suffix that a token is, normalised and as written.

    One that was defanged, or is `trusted`, is not tested for being a file name, code or a sentence.
    """
    if len(token[0]) > hosts.MAX_NAME_LENGTH:
        return None
    start = token.end() - len(token[0].lstrip(_EDGES))
    for written in _name_candidates(token):
        refanged = written.replace(DOT, ".")
        host = hosts.normalise_name(refanged)
        if host and hosts.is_registered_name(host):
            if trusted or DOT in written:
                return host, refanged
            end = start + len(written)
            return (
                None if false_positives.is_not_host(refanged, token.string, start, end) else (host, refanged)
            )
    return None


def _name_candidates(token: Token) -> Iterator[str]:
    """What to try as a name, the likeliest first.

    In `evil.example.The next sentence` the name ends before the last dot; the underscores of `_evil.example_`
    may be emphasis; tcpdump adds the port, as in `evil.example.https`.
    """
    written = token[0].strip(_EDGES)
    head, _, last = written.rpartition(".")
    if "." in head and last[:1].isupper() and not last[1:].isupper():
        yield head
    yield written
    if written.endswith("_"):
        yield written.rstrip("_")
    if written.startswith("_"):
        yield written.strip("_")
    if name := addresses.without_port(written, token):
        yield name


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
