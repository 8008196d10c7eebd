"""Indicators made of parts that are known to be good."""

from vt.indicators import hosts, link_unwrap
from vt.indicators.kinds import Indicator, Kind
from vt.indicators.urls import WEB, Url

HASHES = {32: Kind.MD5, 40: Kind.SHA1, 64: Kind.SHA256}
"""By the number of hexadecimal digits."""


def digest(text: str) -> Indicator | None:
    """A hash; None for any other number of digits."""
    kind = HASHES.get(len(text))
    return Indicator(kind, text.lower(), text) if kind else None


def place(host: str, asked: str) -> Indicator:
    """A normalised host by itself."""
    if host.startswith("["):
        return Indicator(Kind.IPV6, host[1:-1], asked)
    return Indicator(Kind.IPV4 if hosts.is_four(host) else Kind.DOMAIN, host, asked)


def mail(local: str, host: str, asked: str) -> Indicator:
    """A mail address. Its local part is lower-cased: no provider tells them apart, and two would be asked about."""
    return Indicator(Kind.EMAIL, f"{local.lower()}@{host}", asked)


def link(url: Url, asked: str) -> Indicator:
    """A URL, or the one behind a mail gateway's, whose wrapper is forgotten: it tells who received the mail."""
    inner = link_unwrap.behind(url)
    asked = asked if inner is url else str(inner)
    return Indicator(Kind.URL, str(inner), asked) if inner.scheme in WEB else place(inner.host, asked)
