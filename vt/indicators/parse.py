"""One typed argument, read strictly: it is exactly one indicator, or it is none."""

import re

from vt.indicators import factories, hosts, urls
from vt.indicators.defang import refang
from vt.indicators.kinds import Indicator
from vt.indicators.markup import typed

LONGEST = 4096
"""Characters; a longer argument is no indicator that anyone typed."""

_QUOTES = "<>`'\"“”‘’«»"
_HEX = re.compile(r"[0-9a-fA-F]+")
_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:/]+):[0-9]{1,5}")
_BLOCK = re.compile(r"[0-9a-fA-F.:\[\]]+/[0-9]{1,3}")
_LOCAL = re.compile(r"[\w.!#$%&'*+/=?^{}~-]{1,64}")


def read(text: str) -> Indicator | None:
    """What a typed argument is, defanged or not, with chat markup or not; None when not exactly one indicator.

    A host without a known suffix (`db01.internal`) is a domain here: a person who asks for it is told why not.
    """
    if len(text) > LONGEST:
        return None
    asked = refang(typed(text.strip())).strip(_QUOTES + " ").removeprefix("mailto:")
    if not asked or re.search(r"\s", asked):
        return None
    if _HEX.fullmatch(asked):
        return factories.digest(asked)
    return _address(asked) or (_link(asked) if re.search(r"[/?]", asked) else _named(asked))


def _address(asked: str) -> Indicator | None:
    port = _PORT.fullmatch(asked)
    bare, _, block = (port[1] if port else asked).partition("/")
    found = hosts.address(bare)
    if found is None or block not in ("", str(found.max_prefixlen)):
        return None
    return factories.place(f"[{found}]" if ":" in str(found) else str(found), asked)


def _link(asked: str) -> Indicator | None:
    url = urls.parse(asked)
    if url is None or "://" in asked:
        return factories.link(url, asked) if url else None
    odd = hosts.is_four(url.host) and not asked.startswith(url.host)
    single = "." not in url.host and not url.host.startswith("[")
    return None if odd or single or _BLOCK.fullmatch(asked) else factories.link(url, asked)


def _named(asked: str) -> Indicator | None:
    local, at, place = asked.rpartition("@")
    port = _PORT.fullmatch(place)
    host = hosts.name(port[1] if port and not at else place)
    if host is None or ("." not in host and host != "localhost"):
        return None
    if not at:
        return factories.place(host, asked)
    return factories.mail(local, host, asked) if _LOCAL.fullmatch(local) else None
