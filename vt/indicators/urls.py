"""URLs: taken apart and normalised, and the links of mail gateways (Safe Links, URL Defense …) unwrapped."""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

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
    """The URL that a text is, `http://` when it has no scheme; None when its host or port is invalid.

    The path is kept as it was written, but for its backslashes, which browsers read as slashes (WHATWG URL, 4.4).
    """
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


# Links of mail gateways ---------------------------------------------------------------------------------

MAX_DEPTH = 4
"""A forwarded mail has one wrapper inside another; no real mail has more than this."""

FindTarget = Callable[[Url], str | None]


def unwrap(url: Url) -> Url:
    """The URL that a mail gateway's link leads to; any other URL as it is.

    That URL is the indicator; the gateway's own link says only who received the mail.
    """
    for _ in range(MAX_DEPTH):
        inner = _unwrap_once(url)
        if inner is None:
            break
        url = inner
    return url


def _unwrap_once(url: Url) -> Url | None:
    if not url.host.endswith(_WRAPPER_HOSTS):
        return None
    for suffix, path, find_target in _UNWRAPPERS:
        if f".{url.host}".endswith(suffix) and url.rest.startswith(path):
            text = find_target(url)
            inner = parse(text) if text else None
            return inner if inner and "." in inner.host else None
    return None


def _from_query(*names: str) -> FindTarget:
    """Finds the target in a query parameter. It is unquoted once, as the gateway quoted it once."""

    def find_target(url: Url) -> str | None:
        values = parse_qs(url.rest.partition("?")[2].partition("#")[0], max_num_fields=50)
        return next((values[name][0] for name in names if name in values), None)

    return _tolerant(find_target)


def _tolerant(find_target: FindTarget) -> FindTarget:
    """Finds nothing, rather than fail, in a link that only looks like a gateway's."""

    def attempt(url: Url) -> str | None:
        try:
            return find_target(url)
        except (ValueError, binascii.Error):
            return None

    return attempt


def _proofpoint_v2(url: Url) -> str | None:
    """Proofpoint v2: `u=https-3A__evil.example_x`, with - for % and _ for /."""
    text = _from_query("u")(url)
    return unquote(text.translate({ord("-"): "%", ord("_"): "/"})) if text else None


_V3_PATH = re.compile(r"/v3/__(.+?)__;([A-Za-z0-9_=-]*)!")
_V3_PLACEHOLDER = re.compile(r"\*(?:\*([A-Za-z0-9_-]))?")
_V3_RUN_LENGTHS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _proofpoint_v3(url: Url) -> str | None:
    """Proofpoint v3: `/v3/__https://evil.example/x*y__;Iw!!…`.

    Each `*` stands for the next of the replaced characters, which follow in base64; `**A` for the next two of
    them, `**B` for three, and so on.
    """
    found = _V3_PATH.match(url.rest)
    if not found:
        return None
    replaced = base64.urlsafe_b64decode(found[2] + "=" * (-len(found[2]) % 4)).decode()
    characters = iter(replaced)

    def put_back(placeholder: re.Match[str]) -> str:
        count = _V3_RUN_LENGTHS.index(placeholder[1]) + 2 if placeholder[1] else 1
        return "".join(next(characters, "") for _ in range(count))

    return _V3_PLACEHOLDER.sub(put_back, found[1])


def _from_last_segment(url: Url) -> str | None:
    """Cisco: the last segment of the path is the quoted URL."""
    text = unquote(url.rest.rpartition("/")[2])
    return text if "://" in text else None


_UNWRAPPERS: tuple[tuple[str, str, FindTarget], ...] = (
    (".safelinks.protection.outlook.com", "/", _from_query("url")),
    (".safelinks.protection.office365.us", "/", _from_query("url")),
    (".statics.teams.cdn.office.net", "/evergreen-assets/safelinks/", _from_query("url")),
    (".urldefense.proofpoint.com", "/v1/url", _from_query("u")),
    (".urldefense.proofpoint.com", "/v2/url", _tolerant(_proofpoint_v2)),
    (".urldefense.com", "/v1/url", _from_query("u")),
    (".urldefense.com", "/v2/url", _tolerant(_proofpoint_v2)),
    (".urldefense.com", "/v3/", _tolerant(_proofpoint_v3)),
    (".urldefense.us", "/v3/", _tolerant(_proofpoint_v3)),
    (".linkprotect.cudasvc.com", "/url", _from_query("a")),
    (".clicktime.symantec.com", "/", _from_query("u")),
    (".fireeye.com", "/", _from_query("u")),
    (".trendmicro.com", "/wis/clicktime/", _from_query("url")),
    (".secure-web.cisco.com", "/", _from_last_segment),
    (".slack-redir.net", "/link", _from_query("url")),
    (".google.com", "/url", _from_query("q", "url")),
)
"""The end of the gateway's host, the beginning of its path, and how its target is found.

Gateways whose links hold only an opaque number (Mimecast) cannot be unwrapped.
"""
_WRAPPER_HOSTS = tuple(suffix.removeprefix(".") for suffix, _, _ in _UNWRAPPERS)
