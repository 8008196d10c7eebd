"""A URL taken apart, normalised and put together again. Its path is nobody's business but the server's."""

import re
from dataclasses import dataclass

from vt.indicators import hosts

WEB = frozenset({"http", "https", "ftp", "ftps", "sftp"})
"""The schemes that are looked up as URLs; of any other (ldap, tcp, ssh …) only the host says something."""
MOST_PORTS = 65535

_URL = re.compile(r"(?:([a-z][a-z0-9+.-]*)://)?([^/?#\\\s]*)(\S*)", re.IGNORECASE)
_HOST = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?")


@dataclass(frozen=True, slots=True)
class Url:
    """The parts; `host` is normalised (an IPv6 address has its brackets), `rest` begins at the path."""

    scheme: str
    login: str
    host: str
    port: str
    rest: str

    def __str__(self) -> str:
        login = f"{self.login}@" if self.login else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{login}{self.host}{port}{self.rest or '/'}"


def parse(text: str) -> Url | None:
    """The URL that a text is, `http://` when it has no scheme; None when its host or port cannot be."""
    parts = _URL.fullmatch(text)
    login, _, place = parts[2].rpartition("@") if parts else ("", "", "")
    found = _HOST.fullmatch(place)
    host = hosts.host(found[1]) if found else None
    if parts is None or found is None or host is None or int(found[2] or 0) > MOST_PORTS:
        return None
    return Url((parts[1] or "http").lower(), login, host, found[2] or "", parts[3])
