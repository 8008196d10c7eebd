"""The host behind an indicator, and the registered domain above a host (public suffix list, from the wheel)."""

from functools import cache
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

from vt.indicators import Indicator, Kind, read


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)


def host_of(indicator: Indicator) -> Indicator | None:
    """The domain or address in a URL or mail address; a domain or address is its own host."""
    match indicator.kind:
        case Kind.URL:
            host = urlsplit(indicator.value).hostname or ""
            return read(host)
        case Kind.EMAIL:
            return read(indicator.value.rpartition("@")[2])
        case Kind.DOMAIN | Kind.IPV4 | Kind.IPV6:
            return indicator
        case _:
            return None


def registered(host: str) -> str | None:
    """The domain that someone registered: example.co.uk for www.example.co.uk. None for a suffix or an address."""
    name: str | None = _suffixes().privatesuffix(host)
    return name
