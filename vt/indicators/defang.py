"""Defanging, and undoing it in all the ways that people and tools write it."""

import re
from collections.abc import Callable

import re2

from vt.indicators import hosts

DOT = "\ue000"
"""Stands for a dot that was defanged. Nobody defangs a file name or a version, so such a dot is strong evidence."""

Rewrite = str | Callable[[re.Match[str]], str]

_INVISIBLE = re.compile(f"[\u00ad\u200b-\u200f\u2060\ufeff{DOT}]|([\ud800-\udfff])")
_MAYBE_DEFANGED = re2.compile(
    r"""(?i)[\[({<\\^]\s*\\*(?:[.,@:/_․·∙•。．｡-]|d[o0]t|at\b|www|tt|xx|s[\])])|[\[(]h[tx]{2}p"""
    r"""|\.[\\\])}\[({]|d[o0]t[\])}]|\b(?:d[o0]t|hxx|h__|h##|h--)|h\*\*p|(?-i:\sAT\s)|\s@|@\s|[․·∙•。．｡]"""
    r"""|&#|&(?:period|colon|commat)|\b(?:hxtp|htxp|ttps?:|f[*x]ps?|ftx|meow)"""
    r"""|https?(?:_|:[^/]|\s:|:/[^/]|;/|//)|://[\s\pZ]|://[^\s/]+\s\.|ps?[\])]:|[0-9] \. [0-9]"""
)
"""A cheap test: a text without any of these has nothing to undo."""

_STOP_WORDS = "a|an|and|as|at|be|by|do|for|in|is|it|me|my|no|of|on|or|so|the|this|that|to|us|use|with"
"""Words that are not a label of a host when the dot beside them has spaces around it."""
_OPENING = r"\\{0,5}[\[({<](?:\s{0,3}[\[({<]){0,7}\s{0,3}\\{0,5}"
_CLOSING = r"\s{0,3}\\{0,5}[\])}>](?:\s{0,3}[\])}>]){0,7}"
_BRACKETED_DOT = rf"{_OPENING}(?:[.,․·∙•。．｡]|d[o0]t){_CLOSING}"
_LABEL_CHARS = rf"\w{DOT}-"
_HOST = rf"[\w-]++(?:[.{DOT}][\w-]++)+"
_HALF_BRACKETED_DOT = (
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
    """The text with defanging undone: `hxxps[://]evil[.]example` becomes `https://evil.example`."""
    return refang_marked(text).replace(DOT, ".")


def defang(value: str) -> str:
    """A value, or a text with values in it, written so that no client makes a link of it.

    `192[.]0[.]2[.]1`, `hxxp://evil[.]example/path`, `user[@]evil[.]example`, `2001[:]db8[:][:]1`. A hash is
    returned unchanged.
    """
    if ":" in value and hosts.parse_address(value):
        return value.replace(":", "[:]")
    for pattern, safe in _DEFANG:
        value = pattern.sub(safe, value)
    return value


def defang_path(name: str) -> str:
    """A path or file name changed only where a client would make a link of it, so that it can still be copied."""
    for pattern, safe in (*_DEFANG_SCHEMES, _DEFANG_WWW):
        name = pattern.sub(safe, name)
    return name


_DEFANG_SCHEMES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<![a-z0-9])h(?:tt)(ps?)(?=://)", re.IGNORECASE), r"hxx\1"),
    (re.compile(r"(?<![a-z0-9])ftp(s?)(?=://)", re.IGNORECASE), r"fxp\1"),
    (re.compile(r"(?<!hxxp)(?<!hxxps)(?<!fxp)(?<!fxps)://", re.IGNORECASE), "[:]//"),
    (re.compile(r"\b(mailto|tel):", re.IGNORECASE), r"\1[:]"),
)
_DEFANG_WWW = (re.compile(r"(?<![\w/])(www)\.", re.IGNORECASE), r"\1[.]")
_DEFANG: tuple[tuple[re.Pattern[str], str], ...] = (
    *_DEFANG_SCHEMES,
    (re.compile(r"(?<=\w)@(?=\w)"), "[@]"),
    (re.compile(r"(?<=[^\s.\[])[.。．｡](?=[^\s.\]])"), "[.]"),
)


def refang_marked(text: str) -> str:
    """The text with defanging undone and each defanged dot replaced by DOT. Takes time linear in the text."""
    if not text.isascii():
        text = _INVISIBLE.sub(lambda found: "\ufffd" if found[1] else "", text)
    if not _MAYBE_DEFANGED.search(text):
        return text
    for pattern, rewrite in _REFANG:
        text = pattern.sub(rewrite, text)
    return text


def _normalise_scheme(found: re.Match[str]) -> str:
    return f"{'ftp' if found[1] else 'http'}{found[2].lower()}://"


def _join_dot_words(found: re.Match[str]) -> str:
    """`evil dot example dot com`: only when it ends in a known suffix or number and holds no word of a sentence."""
    *words, last = _DOT_WORD.split(found[0])
    like_a_host = last.isdecimal() or hosts.is_registered_name(f"x.{last.lower()}")
    in_sentence = any(_STOP_WORD.fullmatch(word) for word in (*words, last))
    return DOT.join((*words, last)) if like_a_host and not in_sentence else found[0]


def _join_at(found: re.Match[str]) -> str:
    """`bob AT evil.example`, `bob @ evil.example`, `bob @evil[.]example`.

    Not `WE LOOK AT EVIL.COM`, where everything is in capitals.
    """
    local, at, domain = found.groups()
    host = hosts.normalise_name(domain.replace(DOT, "."))
    shouted = at.strip() == "AT" and local.isupper()
    deliberate = DOT in domain or (at[0].isspace() and at[-1].isspace())
    if deliberate and not shouted and host and hosts.is_registered_name(host):
        return f"{local}@{domain}"
    return found[0]


def _remove_spaces(found: re.Match[str]) -> str:
    """`http:// example .com /path`, as some mail gateways write it; `192.0.2 . 1`."""
    return _SPACE.sub("", found[0]) if _SPACED_DOT.search(found[0]) else found[0]


_STOP_WORD = re.compile(_STOP_WORDS, re.IGNORECASE)
_DOT_WORD = re.compile(r"\s{1,2}d[o0]t\s{1,2}", re.IGNORECASE)
_SPACE = re.compile(r"\s")
_SPACED_DOT = re.compile(rf"\s[.{DOT}]")

_REFANG: tuple[tuple[re.Pattern[str], Rewrite], ...] = (
    # HTML entities, and the escaped slash of JSON.
    (re.compile(r"&#(?:46|x2e);|&period;", re.IGNORECASE), DOT),
    (re.compile(r"&#(?:64|x40);|&commat;", re.IGNORECASE), "@"),
    (re.compile(r"&#(?:58|x3a);|&colon;", re.IGNORECASE), ":"),
    (re.compile(r"\\/|&#(?:47|x2f);", re.IGNORECASE), "/"),
    # hxxp[://]  2001[:]db8[::]1  evil.com[/]path  evil.com[/path  evil[-]site.com
    (re.compile(rf"{_OPENING}(://|:/|::|//|[:/]){_CLOSING}"), r"\1"),
    (re.compile(r"(?<=\w)[\[({]/(?=\w)"), "/"),
    (re.compile(rf"(?<=\w){_OPENING}([-_]){_CLOSING}(?=\w)"), r"\1"),
    # evil [.] com  evil[.] com  evil[.]com: with spaces only where the next word can be a label.
    (
        re.compile(rf"(?<=\w)\s{{1,3}}{_BRACKETED_DOT}\s{{0,3}}(?!(?:{_STOP_WORDS})\b)(?=\w)", re.IGNORECASE),
        DOT,
    ),
    (re.compile(rf"(?<=\w){_BRACKETED_DOT}\s{{1,3}}(?!(?:{_STOP_WORDS})\b)(?=\w)", re.IGNORECASE), DOT),
    (re.compile(_BRACKETED_DOT, re.IGNORECASE), DOT),
    # www.[evil].com  evil[.com  evil․com  [www].evil.com
    (re.compile(r"(?<=\w)\.\[([\w-]{2,63})\](?=[\W_])"), DOT + r"\1"),
    (re.compile(rf"(?<=\w)(?:{_HALF_BRACKETED_DOT})\s?(?=\w)", re.IGNORECASE), DOT),
    (re.compile(r"(?<=[A-Za-z0-9])[․·∙•。．｡](?=[A-Za-z0-9])"), DOT),
    (re.compile(r"(?<!\w)[\[({](www\d?)[\])}](?=[.\ue000])", re.IGNORECASE), r"\1"),
    # evil dot example dot com
    (
        re.compile(
            rf"(?<![{_LABEL_CHARS}])[{_LABEL_CHARS}]++(?:\s{{1,2}}d[o0]t\s{{1,2}}[{_LABEL_CHARS}]++)+",
            re.IGNORECASE,
        ),
        _join_dot_words,
    ),
    # hxxp://  http:\\  http__  meow://
    (re.compile(_SCHEME, re.IGNORECASE), _normalise_scheme),
    # http:// evil .com /path  192.0.2 . 1
    (re.compile(rf"://[\w-]++(?:\s?[.{DOT}][\w-]++)+(?:\s/)?"), _remove_spaces),
    (re.compile(rf"\b[0-9]{{1,3}}(?:\s?[.{DOT}]\s?[0-9]{{1,3}}){{3}}\b"), _remove_spaces),
    # bob[@]evil.com  bob[at]evil.com  bob[@evil.com  bob AT evil.com
    (re.compile(rf"(?<=\w)\s{{0,3}}{_OPENING}(?:@|at){_CLOSING}\s{{0,3}}(?=\w)", re.IGNORECASE), "@"),
    (re.compile(r"(?<=\w)(?:[\[({]@|@[\])}])(?=\w)"), "@"),
    (
        re.compile(rf"(?<![\w.+-])([\w.+-]++)(\s{{1,2}}(?:AT|@)\s{{1,2}}|\s{{1,2}}@|@\s{{1,2}})({_HOST})"),
        _join_at,
    ),
)
"""In this order: brackets first, since schemes and mail addresses are recognised by the characters between them.

Linear time: every repetition is bounded, or possessive and starts only where a run of its characters starts.
"""
