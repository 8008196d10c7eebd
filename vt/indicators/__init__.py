"""What someone wants to know about: a typed, normalised value, how it is read, and how it is shown safely."""

from vt.indicators import hosts, urls
from vt.indicators.defang import defang, refang, unlinked
from vt.indicators.kinds import Indicator, Kind
from vt.indicators.parse import read

__all__ = ["Indicator", "Kind", "defang", "host_of", "internal", "read", "refang", "unlinked"]


def internal(indicator: Indicator) -> bool:
    """Whether it names something of the inside, as a host of a URL or mail address too: never sent to anyone."""
    match indicator.kind:
        case Kind.URL:
            url = urls.parse(indicator.value)
            return url is None or hosts.internal(url.host)
        case Kind.EMAIL:
            return hosts.internal(indicator.value.rpartition("@")[2])
        case Kind.DOMAIN | Kind.IPV4 | Kind.IPV6:
            return hosts.internal(indicator.value)
        case _:
            return False


def host_of(indicator: Indicator) -> Indicator | None:
    """The domain or address in a URL or mail address; a domain or address is its own host. None for hashes."""
    match indicator.kind:
        case Kind.URL:
            url = urls.parse(indicator.value)
            return read(url.host) if url else None
        case Kind.EMAIL:
            return read(indicator.value.rpartition("@")[2])
        case Kind.DOMAIN | Kind.IPV4 | Kind.IPV6:
            return indicator
        case _:
            return None
