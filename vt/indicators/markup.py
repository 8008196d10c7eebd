"""Undoes what programs did to a text or a link on its way: chat clients, mail, forums, trackers, mail gateways."""

import base64
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import parse_qs, unquote

from vt.indicators import hosts

# Chat clients -----------------------------------------------------------------------------------

_MARKUP = re.compile(r"<(?:[@#!]|(mailto:|[A-Za-z][A-Za-z0-9+.-]*:))([^<>|]*)(?:\|([^<>]*))?>")
"""A mention, channel or date (no scheme), or a link: its scheme, its address, its label."""
CHAT_LINK = re.compile(
    r"https?://(?:[\w-]+\.)*slack(?:-gov)?\.com(?::[0-9]+)?/(?:archives/|files/[UW]|client/|app_redirect\?)"
)
"""A link to a message, channel or file of Slack's, which Slack adds to what is forwarded."""


def strip_markup(text: str) -> str:
    """The text as it was typed: without mentions, channels and dates, and each link as its label or address.

    Slack sends a typed `evil.example` as `<http://evil.example|evil.example>`: the label is kept. A link under any
    other label is replaced by its address, since the label is only somebody's words about it. Such an address
    keeps its angle brackets, which end it.
    """
    if "<" in text:
        text = _MARKUP.sub(_plain_link, text)
    return unescape_markup(text)


def unescape_markup(text: str) -> str:
    """Undoes Slack's three entities. Once only: what was typed may itself look like an entity."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") if "&" in text else text


def _plain_link(markup: re.Match[str]) -> str:
    scheme, address, label = markup.groups()
    if scheme is None or scheme == "tel:":
        return " "
    if scheme == "mailto:":
        return f"<{address.partition('?')[0]}>"
    if label and scheme == "http:" and address.strip("/") == label.removeprefix("http://").rstrip("/"):
        return label
    return f"<{scheme}{address}>"


# Mail, forums and trackers -------------------------------------------------------------------------------

_QUOTED_PRINTABLE = re.compile(
    r"quoted-printable|\b(?:href|src|action)=3D|=3D(?:[\"']|=2[27])[a-z/#]|=20\r?\n|=>?[ \t]{0,9}\r?\n",
    re.IGNORECASE,
)
"""Beside an escaped = or by itself, evidence that a text is quoted-printable: the header, an attribute, a soft break."""
_SOFT_BREAK = re.compile(r"=>?[ \t]{0,9}\r?\n<?(?=\S)")
"""A line of mail is cut at 76 characters. In a chat message the client made two links of the halves."""
_ESCAPES = re.compile(r"(?:=[0-9A-F]{2}|=3d)+")
"""In capitals (RFC 2045), but for the escaped = of programs that do not care."""

_BB_TAG = re.compile(r"\[/?([a-z][a-z0-9]{0,11})(?:=[\"']?)?\]?", re.IGNORECASE)
_BB_CLOSING = re.compile(r"\[/([a-z][a-z0-9]{0,11}|\*)\]", re.IGNORECASE)
_BB_KNOWN = re.compile(
    "b|center|code|color|email|font|i|img|li|list|ol|pre|quote|s|size|spoiler|strike|table|td|tr|u|ul|url|youtube"
)
_JIRA_KNOWN = re.compile("anchor|code|color|html|info|noformat|note|panel|quote|tip|warning|[*_+^~-]")
"""Tags that are removed wherever they stand; others only in pairs, since a URL may have brackets of its own."""
_JIRA_TAG = re.compile(r"\{/?([a-z]{1,12}|[*_+^~-])(?::[^{}\n]{0,120})?\}", re.IGNORECASE)

_EMPHASIS = re.compile(
    r"""(?:(?:^|(?<=[\s*~"'>|]))(?P<opening>_{1,3})(?=[^\s_]))|(?<=[^\s_])(?P<closing>_{1,3})(?=$|[\s.,;:!?)\]*~"'<|])""",
    re.VERBOSE,
)
_EMPHASIS_START = re.compile(r"(?<!\w)_{1,3}[^\s_]")
_SERVICE_LABEL = re.compile(
    r"(?:dmarc|domainkey|spf|acme-challenge|mta-sts|smtp|bimi|adsp|report|dnslink|dnsauth|amazonses|atproto|psl"
    r"|tcp|udp|sctp|tls|sips?|stun|turn|xmpp\S*|ldap|kerberos|gc|msdcs|vlmcs|autodiscover|imaps?|pop3s?|submissions?"
    r"|caldavs?|carddavs?|jabber|minecraft|mongodb|etcd\S*|ntp|https?|[\w-]+\._(?:tcp|udp|sctp|tls|http|smtp))\.",
    re.IGNORECASE,
)
"""The underscored names of RFC 8552 and the ones in wide use: `_dmarc.evil.example` is a name, not emphasis."""


def to_plain_text(text: str) -> str:
    """The text without soft line breaks, tags and emphasis; each of these becomes a space, which ends a value."""
    if "=3D" in text or "=3d" in text or "quoted-printable" in text:
        text = _decode_quoted_printable(text)
    if "[/" in text:
        text = _remove_bb_tags(text)
    if "{" in text:
        text = _remove_jira_tags(text)
    if "_" in text and _EMPHASIS_START.search(text):
        text = "\n".join(_remove_emphasis(line) if "_" in line else line for line in text.split("\n"))
    return text


def _decode_quoted_printable(text: str) -> str:
    """The text with its soft breaks closed and its escapes decoded, when it shows that it is quoted-printable."""
    if not _QUOTED_PRINTABLE.search(text):
        return text
    return _ESCAPES.sub(_decode_escapes, _SOFT_BREAK.sub("", text))


def _decode_escapes(found: re.Match[str]) -> str:
    """The characters; as they were where they would be control characters, as in the query `?id=12`."""
    raw = bytes.fromhex(found[0].replace("=", ""))
    try:
        decoded = raw.decode()
    except UnicodeDecodeError:
        decoded = raw.decode("latin-1")
    return decoded if decoded.isprintable() or decoded.isspace() else found[0]


def _remove_bb_tags(text: str) -> str:
    """The text without its BBCode tags that are closed: known ones, and pairs of others.

    `evil.com[/]path` and `evil.com[/path` are defanged and have no tags.
    """
    opened = {found[1].lower() for found in _BB_TAG.finditer(text) if not found[0].startswith("[/")}
    closed = {found[1].lower() for found in _BB_CLOSING.finditer(text)}
    tags = {name for name in closed if name in opened or _BB_KNOWN.fullmatch(name)}
    text = _BB_CLOSING.sub(lambda found: " " if found[1].lower() in tags else found[0], text)
    return _BB_TAG.sub(lambda found: " " if found[1].lower() in tags else found[0], text)


def _remove_jira_tags(text: str) -> str:
    """The text without its Jira macros: known ones, and pairs of others; `/{id}` in a path stays."""
    names = Counter(found[1].lower() for found in _JIRA_TAG.finditer(text))
    tags = {name for name, count in names.items() if count > 1 or _JIRA_KNOWN.fullmatch(name)}
    return _JIRA_TAG.sub(lambda found: " " if found[1].lower() in tags else found[0], text)


def _remove_emphasis(line: str) -> str:
    """The line without each pair of underscores around some of its words."""
    pieces = []
    done = 0
    opening = None
    for found in _EMPHASIS.finditer(line):
        if opening is None and found["opening"] and not _SERVICE_LABEL.match(line, found.end()):
            opening = found
        elif opening is not None and found["closing"]:
            pieces += [line[done : opening.start()], " ", line[opening.end() : found.start()], " "]
            done = found.end()
            opening = None
    return "".join((*pieces, line[done:]))


# Links of mail gateways ---------------------------------------------------------------------------------

MAX_DEPTH = 4
"""A forwarded mail has one wrapper inside another; no real mail has more than this."""

FindTarget = Callable[[hosts.Url], str | None]
"""Finds where a link leads. Raises ValueError for one that only looks like a gateway's."""


def unwrap_url(url: hosts.Url) -> hosts.Url:
    """The URL that a mail gateway's link leads to; any other URL as it is.

    That URL is the indicator; the gateway's own link says only who received the mail.
    """
    for _ in range(MAX_DEPTH):
        if url.host.endswith(_WRAPPER_HOSTS):
            url = _unwrap_once(url) or url
    return url


def _unwrap_once(url: hosts.Url) -> hosts.Url | None:
    for suffix, path, find_target in _UNWRAPPERS:
        if f".{url.host}".endswith(suffix) and url.rest.startswith(path):
            with suppress(ValueError):
                inner = hosts.parse_url(find_target(url) or "")
                return inner if inner and "." in inner.host else None
    return None


def _from_query(*names: str) -> FindTarget:
    """Finds the target in a query parameter. It is unquoted once, as the gateway quoted it once."""

    def find_target(url: hosts.Url) -> str | None:
        values = parse_qs(url.rest.partition("?")[2].partition("#")[0], max_num_fields=50)
        return next((values[name][0] for name in names if name in values), None)

    return find_target


def _proofpoint_v2(url: hosts.Url) -> str | None:
    """Proofpoint v2: `u=https-3A__evil.example_x`, with - for % and _ for /."""
    text = _from_query("u")(url)
    return unquote(text.translate({ord("-"): "%", ord("_"): "/"})) if text else None


_V3_PATH = re.compile(r"/v3/__(.+?)__;([A-Za-z0-9_=-]*)!")
_V3_PLACEHOLDER = re.compile(r"\*(?:\*([A-Za-z0-9_-]))?")
_V3_RUN_LENGTHS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _proofpoint_v3(url: hosts.Url) -> str | None:
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


def _from_last_segment(url: hosts.Url) -> str | None:
    """Cisco: the last segment of the path is the quoted URL."""
    text = unquote(url.rest.rpartition("/")[2])
    return text if "://" in text else None


_UNWRAPPERS: tuple[tuple[str, str, FindTarget], ...] = (
    (".safelinks.protection.outlook.com", "/", _from_query("url")),
    (".safelinks.protection.office365.us", "/", _from_query("url")),
    (".statics.teams.cdn.office.net", "/evergreen-assets/safelinks/", _from_query("url")),
    (".urldefense.proofpoint.com", "/v1/url", _from_query("u")),
    (".urldefense.proofpoint.com", "/v2/url", _proofpoint_v2),
    (".urldefense.com", "/v1/url", _from_query("u")),
    (".urldefense.com", "/v2/url", _proofpoint_v2),
    (".urldefense.com", "/v3/", _proofpoint_v3),
    (".urldefense.us", "/v3/", _proofpoint_v3),
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
