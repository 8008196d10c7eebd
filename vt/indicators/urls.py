"""URLs: taken apart, normalised and put together again. The path is kept as it was written.

Only a backslash in it becomes a slash, as browsers read it (WHATWG URL, 4.4).
"""

import re
from dataclasses import dataclass

from vt.indicators import hosts

SCANNED_SCHEMES = frozenset({"http", "https", "ftp", "ftps", "sftp"})
"""The schemes that are looked up as URLs; of any other (ldap, tcp, ssh …) only the host is of interest."""
_SPECIAL_SCHEMES = frozenset({"http", "https", "ftp"})
"""Those in whose path a backslash is a slash."""
MAX_PORT = 65535

_URL = re.compile(r"(?:([a-z][a-z0-9+.-]*)://)?([^/?#\\\s]*)(\S*)", re.IGNORECASE)
_HOST = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?")


@dataclass(frozen=True, slots=True)
class Url:
    """The parts. `host` is normalised (an IPv6 address keeps its brackets); `rest` is path, query and fragment."""

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
    """The URL that a text is, `http://` when it has no scheme; None when its host or port is invalid."""
    parts = _URL.fullmatch(text)
    if parts is None:
        return None
    login, _, host_and_port = parts[2].rpartition("@")
    found = _HOST.fullmatch(host_and_port)
    host = hosts.normalise(found[1]) if found else None
    if found is None or host is None or int(found[2] or 0) > MAX_PORT:
        return None
    scheme = (parts[1] or "http").lower()
    rest = _slashes(parts[3]) if scheme in _SPECIAL_SCHEMES else parts[3]
    return Url(scheme, login, host, found[2] or "", rest)


def _slashes(rest: str) -> str:
    """Path, query and fragment with the backslashes of the path as slashes."""
    if "\\" not in rest:
        return rest
    path, *query = re.split(r"(?=[?#])", rest, maxsplit=1)
    return path.replace("\\", "/") + "".join(query)
