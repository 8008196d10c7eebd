"""Mail gateways' links, undone: the URL behind tells something, the wrapper only who received it."""

import base64
import binascii
import re
from collections.abc import Callable
from urllib.parse import parse_qs, unquote

from vt.indicators.urls import Url, parse

DEEPEST = 4
"""Wrappers around wrappers, when mail was forwarded; nobody needs more."""

Unwrap = Callable[[Url], str | None]


def behind(url: Url) -> Url:
    """The URL that a protected link leads to; any other URL as it is."""
    for _ in range(DEEPEST):
        inner = _once(url)
        if inner is None:
            break
        url = inner
    return url


def _once(url: Url) -> Url | None:
    if not url.host.endswith(_HOSTS):
        return None
    for suffix, path, unwrap in _WRAPPERS:
        if f".{url.host}".endswith(suffix) and url.rest.startswith(path):
            text = unwrap(url)
            inner = parse(text) if text else None
            return inner if inner and "." in inner.host else None
    return None


def _query(*names: str) -> Unwrap:
    """The value of a parameter. Unquoted once, as the gateway quoted it once."""

    def unwrap(url: Url) -> str | None:
        values = parse_qs(url.rest.partition("?")[2].partition("#")[0], max_num_fields=50)
        return next((values[name][0] for name in names if name in values), None)

    return _tolerant(unwrap)


def _tolerant(unwrap: Unwrap) -> Unwrap:
    """A link that only looks like a gateway's stays what it is."""

    def attempt(url: Url) -> str | None:
        try:
            return unwrap(url)
        except (ValueError, binascii.Error):
            return None

    return attempt


def _proofpoint_2(url: Url) -> str | None:
    """`u=https-3A__evil.example_x`: - for %, _ for /."""
    text = _query("u")(url)
    return unquote(text.translate({ord("-"): "%", ord("_"): "/"})) if text else None


_THIRD = re.compile(r"/v3/__(.+?)__;([A-Za-z0-9_=-]*)!")
_TOKEN = re.compile(r"\*(?:\*([A-Za-z0-9_-]))?")
_RUNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _proofpoint_3(url: Url) -> str | None:
    """`/v3/__https://evil.example/x*y__;Iw!!…`: each * is one of the characters in the base64, **A two of them."""
    found = _THIRD.match(url.rest)
    if not found:
        return None
    held = base64.urlsafe_b64decode(found[2] + "=" * (-len(found[2]) % 4)).decode()
    characters = iter(held)

    def put_back(token: re.Match[str]) -> str:
        count = _RUNS.index(token[1]) + 2 if token[1] else 1
        return "".join(next(characters, "") for _ in range(count))

    return _TOKEN.sub(put_back, found[1])


def _in_path(url: Url) -> str | None:
    """Cisco's: the last part of the path is the quoted URL."""
    text = unquote(url.rest.rpartition("/")[2])
    return text if "://" in text else None


_WRAPPERS: tuple[tuple[str, str, Unwrap], ...] = (
    (".safelinks.protection.outlook.com", "/", _query("url")),
    (".safelinks.protection.office365.us", "/", _query("url")),
    (".statics.teams.cdn.office.net", "/evergreen-assets/safelinks/", _query("url")),
    (".urldefense.proofpoint.com", "/v1/url", _query("u")),
    (".urldefense.proofpoint.com", "/v2/url", _tolerant(_proofpoint_2)),
    (".urldefense.com", "/v1/url", _query("u")),
    (".urldefense.com", "/v2/url", _tolerant(_proofpoint_2)),
    (".urldefense.com", "/v3/", _tolerant(_proofpoint_3)),
    (".urldefense.us", "/v3/", _tolerant(_proofpoint_3)),
    (".linkprotect.cudasvc.com", "/url", _query("a")),
    (".clicktime.symantec.com", "/", _query("u")),
    (".fireeye.com", "/", _query("u")),
    (".trendmicro.com", "/wis/clicktime/", _query("url")),
    (".secure-web.cisco.com", "/", _in_path),
    (".slack-redir.net", "/link", _query("url")),
    (".google.com", "/url", _query("q", "url")),
)
"""A host's end, its path's beginning, and how the URL behind is had. Opaque ones (Mimecast) are not here."""
_HOSTS = tuple(suffix.removeprefix(".") for suffix, _, _ in _WRAPPERS)
