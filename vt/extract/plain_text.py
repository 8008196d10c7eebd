"""Undoes the formats that people paste into a message: quoted-printable mail, BBCode, Jira and Slack emphasis."""

import re
from collections import Counter

_QUOTED_PRINTABLE = re.compile(
    r"quoted-printable|\b(?:href|src|action)=3D|=3D(?:[\"']|=2[27])[a-z/#]|=20\r?\n|=>?[ \t]{0,9}\r?\n",
    re.IGNORECASE,
)
"""Beside an escaped = or by itself, evidence that a text is quoted-printable: the header, an attribute, a soft break."""
_SOFT_BREAK = re.compile(r"=>?[ \t]{0,9}\r?\n<?(?=\S)")
"""A line of mail is cut at 76 characters. In a chat message the client made two links of the halves."""
_ESCAPES = re.compile(r"(?:=[0-9A-F]{2})+")

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
    if "=3D" in text or "quoted-printable" in text:
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
