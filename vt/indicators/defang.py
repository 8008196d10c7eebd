"""Defanging, and every way of undoing it that people and tools use."""

import re
from collections.abc import Callable

import re2

from vt.indicators import hosts

DOT = "\ue000"
"""A dot that someone defanged, until the end: nobody defangs the name of a file."""

Rewrite = str | Callable[[re.Match[str]], str]

_UNREADABLE = re.compile(f"[\u00ad\u200b-\u200f\u2060\ufeff{DOT}]|([\ud800-\udfff])")
_FANGED = re2.compile(
    r"""(?i)[\[({<\\^]\s*\\*(?:[.,@:/_․·∙•。．｡-]|d[o0]t|at\b|www|tt|xx|s[\])])|[\[(]h[tx]{2}p"""
    r"""|\.[\\\])}\[({]|d[o0]t[\])}]|\b(?:d[o0]t|hxx|h__|h##|h--)|h\*\*p|(?-i:\sAT\s)|\s@|@\s|[․·∙•。．｡]"""
    r"""|&#|&(?:period|colon|commat)|\b(?:hxtp|htxp|ttps?:|f[*x]ps?|ftx|meow)"""
    r"""|https?(?:_|:[^/]|\s:|:/[^/]|;/|//)|://[\s\pZ]|://[^\s/]+\s\.|ps?[\])]:|[0-9] \. [0-9]"""
)
"""The gate: a text without any of these has nothing to undo."""

_STOP = "a|an|and|as|at|be|by|do|for|in|is|it|me|my|no|of|on|or|so|the|this|that|to|us|use|with"
"""Words that are not part of a host when a dot stands free between them."""
_OPEN = r"\\{0,5}[\[({<](?:\s{0,3}[\[({<]){0,7}\s{0,3}\\{0,5}"
_CLOSE = r"\s{0,3}\\{0,5}[\])}>](?:\s{0,3}[\])}>]){0,7}"
_IN_BRACKETS = rf"{_OPEN}(?:[.,․·∙•。．｡]|d[o0]t){_CLOSE}"
_PART = rf"\w{DOT}-"
_HOST = rf"[\w-]++(?:[.{DOT}][\w-]++)+"
_HALF = (
    r"[\[({\\^]{1,5}\.[\[\](){}]{0,5}"  # [.  [.[  \.  ^.
    r"|\.[\])}]{1,5}|\.\["  # .]  .[
    r"|[\[\](){}]{1,5}\.[\[\](){}]{1,5}"  # ].[  }.}
    r"|[\[({]d[o0]t(?=[a-z]{2,6}\b)|(?<=[a-z0-9])d[o0]t[\])}](?=[a-z]{2,6}\b)"
)
_SCHEME = (
    r"(?<![a-z0-9])[\[({]?(?:h?(?:[tx*_#~-]{2}|[\[(][tx*]{2}[\])])p|(f(?:[tx*]p|tx))|meow)[\[(]?(s?)[\])]?"
    r"(?:\s?[:;]\s?(?:\\{1,4}|/{1,3}|__)|__|//)\s?(?=[\w\[])"
)


def refang(text: str) -> str:
    """The text with defanging undone: `hxxps[://]evil[.]example` is `https://evil.example`."""
    return marked(text).replace(DOT, ".")


def defang(value: str) -> str:
    """A value, or a text that holds some, so that no client makes a link of it.

    `192[.]0[.]2[.]1`, `hxxp://evil[.]example/path`, `user[@]evil[.]example`, `2001[:]db8[:][:]1`; a hash as it is.
    """
    if ":" in value and hosts.address(value):
        return value.replace(":", "[:]")
    for pattern, safe in _DEFANG:
        value = pattern.sub(safe, value)
    return value


def unlinked(name: str) -> str:
    """The path or name of a file, so that no client makes a link of it, and otherwise as it is, to be used."""
    for pattern, safe in (*_SCHEMES, _WEB):
        name = pattern.sub(safe, name)
    return name


_SCHEMES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<![a-z0-9])h(?:tt)(ps?)(?=://)", re.IGNORECASE), r"hxx\1"),
    (re.compile(r"(?<![a-z0-9])ftp(s?)(?=://)", re.IGNORECASE), r"fxp\1"),
    (re.compile(r"(?<!hxxp)(?<!hxxps)(?<!fxp)(?<!fxps)://", re.IGNORECASE), "[:]//"),
    (re.compile(r"\b(mailto|tel):", re.IGNORECASE), r"\1[:]"),
)
_WEB = (re.compile(r"(?<![\w/])(www)\.", re.IGNORECASE), r"\1[.]")
_DEFANG: tuple[tuple[re.Pattern[str], str], ...] = (
    *_SCHEMES,
    (re.compile(r"(?<=\w)@(?=\w)"), "[@]"),
    (re.compile(r"(?<=[^\s.\[])[.。．｡](?=[^\s.\]])"), "[.]"),
)


def marked(text: str) -> str:
    """The text with defanging undone, each defanged dot as DOT. Takes time linear in the text."""
    if not text.isascii():
        text = _UNREADABLE.sub(lambda found: "\ufffd" if found[1] else "", text)
    if not _FANGED.search(text):
        return text
    for pattern, rewrite in _UNDO:
        text = pattern.sub(rewrite, text)
    return text


def _scheme(found: re.Match[str]) -> str:
    return f"{'ftp' if found[1] else 'http'}{found[2].lower()}://"


def _spoken(found: re.Match[str]) -> str:
    """`evil dot example dot com`: only when it ends as a host does, and no sentence runs through it."""
    *words, last = _DOT_WORD.split(found[0])
    ends_well = last.isdecimal() or hosts.registered(f"x.{last.lower()}")
    sentence = any(_STOP_WORD.fullmatch(word) for word in (*words, last))
    return DOT.join((*words, last)) if ends_well and not sentence else found[0]


def _at(found: re.Match[str]) -> str:
    """`bob AT evil.example`, `bob @ evil.example`, `bob @evil[.]example`; capitals everywhere are only loud."""
    local, at, place = found.groups()
    host = hosts.name(place.replace(DOT, "."))
    loud = at.strip() == "AT" and local.isupper()
    meant = DOT in place or (at[0].isspace() and at[-1].isspace())
    return f"{local}@{place}" if meant and not loud and host and hosts.registered(host) else found[0]


def _closed_up(found: re.Match[str]) -> str:
    """`http:// example .com /path`, as a mail gateway writes it; `192.0.2 . 1`."""
    return _SPACE.sub("", found[0]) if _SPACED_DOT.search(found[0]) else found[0]


_STOP_WORD = re.compile(_STOP, re.IGNORECASE)
_DOT_WORD = re.compile(r"\s{1,2}d[o0]t\s{1,2}", re.IGNORECASE)
_SPACE = re.compile(r"\s")
_SPACED_DOT = re.compile(rf"\s[.{DOT}]")

_UNDO: tuple[tuple[re.Pattern[str], Rewrite], ...] = (
    (re.compile(r"&#(?:46|x2e);|&period;", re.IGNORECASE), DOT),
    (re.compile(r"&#(?:64|x40);|&commat;", re.IGNORECASE), "@"),
    (re.compile(r"&#(?:58|x3a);|&colon;", re.IGNORECASE), ":"),
    (re.compile(r"\\/|&#(?:47|x2f);", re.IGNORECASE), "/"),
    (re.compile(rf"{_OPEN}(://|:/|::|//|[:/]){_CLOSE}"), r"\1"),
    (re.compile(r"(?<=\w)[\[({]/(?=\w)"), "/"),
    (re.compile(rf"(?<=\w){_OPEN}([-_]){_CLOSE}(?=\w)"), r"\1"),
    (re.compile(rf"(?<=\w)\s{{1,3}}{_IN_BRACKETS}\s{{0,3}}(?!(?:{_STOP})\b)(?=\w)", re.IGNORECASE), DOT),
    (re.compile(rf"(?<=\w){_IN_BRACKETS}\s{{1,3}}(?!(?:{_STOP})\b)(?=\w)", re.IGNORECASE), DOT),
    (re.compile(_IN_BRACKETS, re.IGNORECASE), DOT),
    (re.compile(r"(?<=\w)\.\[([\w-]{2,63})\](?=[\W_])"), DOT + r"\1"),
    (re.compile(rf"(?<=\w)(?:{_HALF})\s?(?=\w)", re.IGNORECASE), DOT),
    (re.compile(r"(?<=[A-Za-z0-9])[․·∙•。．｡](?=[A-Za-z0-9])"), DOT),
    (re.compile(r"(?<!\w)[\[({](www\d?)[\])}](?=[.\ue000])", re.IGNORECASE), r"\1"),
    (
        re.compile(rf"(?<![{_PART}])[{_PART}]++(?:\s{{1,2}}d[o0]t\s{{1,2}}[{_PART}]++)+", re.IGNORECASE),
        _spoken,
    ),
    (re.compile(_SCHEME, re.IGNORECASE), _scheme),
    (re.compile(rf"://[\w-]++(?:\s?[.{DOT}][\w-]++)+(?:\s/)?"), _closed_up),
    (re.compile(rf"\b[0-9]{{1,3}}(?:\s?[.{DOT}]\s?[0-9]{{1,3}}){{3}}\b"), _closed_up),
    (re.compile(rf"(?<=\w)\s{{0,3}}{_OPEN}(?:@|at){_CLOSE}\s{{0,3}}(?=\w)", re.IGNORECASE), "@"),
    (re.compile(r"(?<=\w)(?:[\[({]@|@[\])}])(?=\w)"), "@"),
    (re.compile(rf"(?<![\w.+-])([\w.+-]++)(\s{{1,2}}(?:AT|@)\s{{1,2}}|\s{{1,2}}@|@\s{{1,2}})({_HOST})"), _at),
)
"""In this order: brackets first, since schemes and mail addresses are found by what stands between them.

Linear by construction: every repetition is bounded, or possessive and begun only where a run begins.
"""
