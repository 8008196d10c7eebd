"""Reads one typed argument strictly: it is exactly one indicator, or none."""

import re

from vt.indicators import hosts, indicator, urls
from vt.indicators.indicator import Indicator, Kind
from vt.indicators.markup import strip_markup
from vt.indicators.refang import refang

MAX_LENGTH = 4096
"""Characters. Nobody types a longer indicator."""

_QUOTES = "<>`'\"“”‘’«»"
_HEX = re.compile(r"[0-9a-fA-F]+")
_HOST_AND_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:/]+):[0-9]{1,5}")
_CIDR = re.compile(r"[0-9a-fA-F.:\[\]]+/[0-9]{1,3}")
_WORD = re.compile(r"(?:<[^<>]*>|\S)+")
"""A link that the chat client made may have spaces in its label."""
_PIECE = re.compile(r"(?:<[^<>]*>|[^,])+")
"""What is between the commas outside such links."""
_LOCAL_PART = re.compile(r"[\w.!#$%&'*+/=?^{}~-]{1,64}")


def read(text: str) -> Indicator | None:
    """The indicator that a typed argument is, defanged or not, with chat markup or not; None for anything else.

    A host under no known suffix (`db01.internal`) is a domain here, so that the person is told why it is not
    looked up.
    """
    if len(text) > MAX_LENGTH:
        return None
    written = refang(strip_markup(text.strip())).strip(_QUOTES + " ").removeprefix("mailto:")
    if not written or re.search(r"\s", written):
        return None
    if _HEX.fullmatch(written):
        return indicator.from_hash(written)
    return _read_address(written) or (
        _read_url(written) if re.search(r"[/?]", written) else _read_name(written)
    )


def split_values(text: str) -> list[str]:
    """The values in a line, by spaces or commas. A comma inside a URL stays: `http://evil.example/a,b` is one value."""
    values: list[str] = []
    for word in _WORD.findall(text):
        in_url = False
        for piece in _PIECE.findall(word):
            if in_url and not _is_value(piece):
                values[-1] += f",{piece}"
            else:
                values.append(piece)
                in_url = _is_url_with_path(piece)
    return values


def _is_url_with_path(value: str) -> bool:
    found = read(value)
    if found is None or found.kind is not Kind.URL:
        return False
    rest = found.written.partition("://")[2] or found.written
    return "/" in rest or "?" in rest


def _is_value(piece: str) -> bool:
    """Whether the text after a comma is a value of its own, and not the rest of a URL, such as `b.html` in `a,b.html`."""
    found = read(piece)
    if found is None or found.kind is not Kind.DOMAIN:
        return found is not None
    return "[" in piece or hosts.is_registered_name(found.value)


def _read_address(written: str) -> Indicator | None:
    """An address, with a port or a prefix length of the whole address (/32, /128)."""
    port = _HOST_AND_PORT.fullmatch(written)
    bare, _, prefix = (port[1] if port else written).partition("/")
    found = hosts.parse_address(bare) or hosts.padded_ipv4(bare)
    if found is None or prefix not in ("", str(found.max_prefixlen)):
        return None
    return indicator.from_host(f"[{found}]" if ":" in str(found) else str(found), written)


def _read_url(written: str) -> Indicator | None:
    """A URL. Without a scheme, a network such as `10.1/2` and a path such as `etc/passwd` must not become one."""
    url = urls.parse(written)
    if url is None:
        return None
    if "://" not in written:
        respelt = hosts.is_ipv4(url.host) and not written.startswith(url.host)
        single_label = "." not in url.host and not url.host.startswith("[")
        if respelt or single_label or _CIDR.fullmatch(written):
            return None
    return indicator.from_url(url, written)


def _read_name(written: str) -> Indicator | None:
    """A domain, with a port or not, or a mail address."""
    local, at, domain = written.rpartition("@")
    port = _HOST_AND_PORT.fullmatch(domain)
    host = hosts.normalise_name(port[1] if port and not at else domain)
    if host is None or ("." not in host and host != "localhost"):
        return None
    if not at:
        return indicator.from_host(host, written)
    return indicator.from_email(local, host, written) if _LOCAL_PART.fullmatch(local) else None
