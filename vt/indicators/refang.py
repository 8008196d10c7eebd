"""Undoes defanging, and what hides it: full-width characters, invisible ones, and HTML entities."""

import html
import re
import unicodedata
from collections.abc import Callable
from functools import cache
from urllib.parse import unquote

import re2

from vt.indicators import hosts

DOT = "\ue000"
"""Stands for a dot that was defanged. Nobody defangs a file name or a version, so such a dot is strong evidence."""

Rewrite = str | Callable[[re.Match[str]], str]

_INVISIBLE = re.compile(f"[\u00ad\u200b-\u200f\u2060\ufeff{DOT}]|([\ud800-\udfff])")
_DOTS = "․·∙•。．｡"
"""Characters that stand for a dot between letters or digits."""
_MAYBE_DEFANGED = re2.compile(
    "|".join(
        (
            # An opening bracket or backslash, then what is usually put in brackets: [.]  [:]//  [at]  h[tt]p  \.
            rf"(?i)[\[({{<\\^]\s*\\*(?:[.,@:/_{_DOTS}{DOT}-]|d[o0]t|at\b|www|tt|xx|s[\])])|[\[(]h[tx]{{2}}p",
            # Half brackets and words for a dot or an @: evil.]com  dot]com  bob AT evil.com  bob @evil.com
            rf"\.[\\\])}}\[({{]|d[o0]t[\])}}]|\bd[o0]t|(?-i:\sAT\s)|\s@|@\s|[{_DOTS}]",
            # Disguised schemes, and damaged ones: hxxp  h**p  meow  http__  http:/x  http;//  http:// http://
            r"\b(?:hxx|h__|h##|h--|xxx|xtt|ttps?:|s?f[*x]p|ftx|meow)|[hf]\*\*|ftps?:\\",
            r"\bh(?:[^t\s:][^\s:]{0,3}|t[^t\s:]{0,2}|tt[^p\s:][^\s:]?)p[s5x]?:[/\\]|\b(?:h[ _.-]t|ht[ _.-]t|htt[ _.-]p)",
            r"https?(?:_|:[^/]|\s:|:/[^/]|;/|//|https?:)|ps?[\])]:|//(?:https?|s?ftps?):?//|//https?%3a",
            # Spaces inside: http:// evil .com  192.0.2 . 1
            r"://[\s\pZ]|://[^\s/]+\s\.|[0-9] \. [0-9]",
        )
    )
)
"""A cheap test: a text without any of these has nothing to undo."""

_ENTITY = re.compile(
    r"&(?:amp;){0,3}(?:(#[0-9]{1,7}|#x[0-9a-f]{1,7}|[a-z][a-z0-9]{1,31});|(#[0-9]{1,7}(?![0-9])|#x[0-9a-f]{1,7}(?![0-9a-f]))|(quot|nbsp)(?![a-z0-9=;]))",
    re.IGNORECASE,
)
"""An HTML entity, also one that was escaped again. As browsers do, some are read without their semicolon."""

_STOP_WORDS = "a|an|and|as|at|be|by|do|for|in|is|it|me|my|no|of|on|or|so|the|this|that|to|us|use|with"
"""Words that are not a label of a host when the dot beside them has spaces around it."""
_OPENING = r"\\{0,5}[\[({<](?:\s{0,3}[\[({<]){0,7}\s{0,3}\\{0,5}"
_CLOSING = r"\s{0,3}\\{0,5}[\])}>](?:\s{0,3}[\])}>]){0,7}"
_BRACKETED_DOT = rf"{_OPENING}(?:[.,{_DOTS}{DOT}]|d[o0]t){_CLOSING}"
_LABEL_CHARS = rf"\w{DOT}-"
_HOST = rf"[\w-]++(?:[.{DOT}][\w-]++)+"
_HALF_BRACKETED_DOT = (
    r"[\[({\\^]{1,5}(?<!\w\{)\.[\[\](){}]{0,5}"  # [.  [.[  \.  ^.  but not the {. of a style sheet
    r"|\.[\])}]{1,5}|\.\["  # .]  .[
    r"|[\[\](){}]{1,5}\.[\[\](){}]{1,5}"  # ].[  }.}
    r"|[\[({]d[o0]t(?=[a-z]{2,6}\b)|(?<=[a-z0-9])d[o0]t[\])}](?=[a-z]{2,6}\b)"
)
_COLON = r"\s?[:;]\s?"
_SCHEME = re.compile(
    rf"""
    (?<![a-z0-9]) (?= [\[({{]? (?: [hxtfsm*_\#~-] | [\[(][tx*] ) )    # quickly says no almost everywhere
    [\[({{]?
    (?: (?P<plain> h?(?:[tx*_#~-]{{2}}|[\[(][tx*]{{2}}[\])])p )    # http  hxxp  h**p  h[tt]p  ttp
      | (?P<odd> h[\w*+\#~$!?–—-]{{1,4}}p | [hx][0tx*+\#~]{{2,4}}[px] | xxxx?    # h00p  htp  hxxx  xxxx:
        | h[ _.-]?t[ _.-]?t[ _.-]?p(?:[ _.-](?=s\s?[:\[]))? )                                  # h t t p: only before a colon
      | (?P<ftp> s?f(?:[tx*]{{1,2}}p|tx) ) | (?P<meow> meow ) )
    [\[(]? (?P<secure>[s5x]?) [\])]?
    (?: {_COLON}\\++\s? (?:(?:https?|ftp):[\\/]++)* (?P<backslashed>[\w\[][^\s<>"'|]*+)    # http:\\evil.com\path
      | (?: {_COLON}(?:[\\/]++|__) | (?(odd)(?!)|(?:__|//)) ) \s? (?=[\w\[]) )
    """,
    re.IGNORECASE | re.VERBOSE,
)


def refang(text: str) -> str:
    """The text with defanging undone: `hxxps[://]evil[.]example` becomes `https://evil.example`."""
    return refang_marked(text).replace(DOT, ".")


def refang_marked(text: str) -> str:
    """The text with defanging undone and each defanged dot replaced by DOT. Takes time linear in the text."""
    if not text.isascii():
        text = _narrow(_INVISIBLE.sub(_invisible, text))
    if "&" in text:
        text = _ENTITY.sub(_decode_entity, text)
    if not _MAYBE_DEFANGED.search(text.encode()):
        return text
    for pattern, rewrite in _REFANG:
        text = pattern.sub(rewrite, text)
    return text


def _invisible(found: re.Match[str]) -> str:
    return "\ufffd" if found[1] else ""


def _decode_entity(found: re.Match[str]) -> str:
    """The character of an entity; a dot written as one counts as defanged."""
    char = html.unescape(f"&{found[1] or found[2] or found[3]};")
    return DOT if char == "." else _narrow(_INVISIBLE.sub(_invisible, char))


@cache
def _narrow_table() -> dict[int, str]:
    """Full-width, mathematical and circled letters and digits, and full-width @ / - _ % + [ ], as NFKC maps them to ASCII.

    Not all of NFKC: superscript and circled digits are footnotes and bullets beside a value and become spaces,
    and full-width punctuation ends a value and stays.
    """
    wide = (*range(0xFF01, 0xFF5F), 0xFE6B, *range(0x1D400, 0x1D800), *range(0x24B6, 0x24EA))
    narrow = {code: unicodedata.normalize("NFKC", chr(code)) for code in wide}
    table = {code: char for code, char in narrow.items() if re.fullmatch("[A-Za-z0-9@/_%+[\\]-]", char)}
    return table | dict.fromkeys((0xB2, 0xB3, 0xB9, *range(0x2070, 0x208A), *range(0x2460, 0x249C)), " ")


def _narrow(text: str) -> str:
    """The text with its full-width characters as ASCII; a full-width colon only in :// and in IPv6 addresses.

    A full-width bracket around a dot or an @ defangs it, and letters directly before an address are a word of their own.
    """
    if _WIDE.search(text):
        text = _WIDE_BRACKETED_AT.sub("[@]", _WIDE_BRACKETED_DOT.sub(DOT, text))
        text = _WIDE_IPV6.sub(lambda found: found[0].replace("：", ":"), _WIDE_LABEL.sub(" ", text))
        text = text.translate(_narrow_table()).replace("：//", "://")
    return text


_WIDE_BRACKETED_DOT = re.compile("[（［｛【〔](?:[.．。]|dot|ｄｏｔ|ドット)[）］｝】〕]", re.IGNORECASE)
_WIDE_BRACKETED_AT = re.compile("[（［｛【〔](?:[@＠]|at|ａｔ|アット(?:マーク)?)[）］｝】〕]", re.IGNORECASE)
_WIDE_HEX = "[0-9a-f０-９ａ-ｆ]{1,4}"
_WIDE_IPV6 = re.compile(f"(?<![0-9a-f０-９ａ-ｆ]){_WIDE_HEX}(?:：{{1,2}}{_WIDE_HEX}){{2,7}}", re.IGNORECASE)
_WIDE_LABEL = re.compile("(?<=[Ａ-Ｚａ-ｚ])(?=(?:[０-９]{1,3}．){3}[０-９])")


_WIDE = re.compile("[\xb2\xb3\xb9\u2070-\u2089\u2460-\u24e9\ufe6b\uff01-\uff5e\U0001d400-\U0001d7ff]")


_ESCAPED_BACKSLASHES = 4
"""After the scheme of a URL in JSON or source code, where each backslash of the text is written twice."""


def _normalise_scheme(found: re.Match[str]) -> str:
    """The scheme that was meant; backslashes after it are slashes, as a browser reads them."""
    name = (found["ftp"] or "").lower()
    scheme = "http" if not name else "sftp" if name.startswith("s") else "ftp"
    secure = "s" if found["secure"] or (found["odd"] or "").lower() in {"hxxxx", "xxxxx"} else ""
    rest = found["backslashed"] or ""
    if found[0].removesuffix(rest).count("\\") >= _ESCAPED_BACKSLASHES:
        rest = rest.replace("\\\\", "\\")
    path, *query = re.split(r"(?=[?#])", rest, maxsplit=1)
    rest = path.replace("\\", "/") + "".join(query)
    return f"{scheme}{secure}://{rest}"


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
    # The escaped slash of JSON.
    (re.compile(r"\\++/"), "/"),
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
    (re.compile(rf"(?<=[A-Za-z0-9])[{_DOTS}](?=[A-Za-z0-9])"), DOT),
    (re.compile(r"(?<!\w)[\[({](www\d?)[\])}](?=[.\ue000])", re.IGNORECASE), r"\1"),
    # evil dot example dot com
    (
        re.compile(
            rf"(?<![{_LABEL_CHARS}])[{_LABEL_CHARS}]++(?:\s{{1,2}}d[o0]t\s{{1,2}}[{_LABEL_CHARS}]++)+",
            re.IGNORECASE,
        ),
        _join_dot_words,
    ),
    # hxxp://  h00p://  http:\\  http__  meow://, then http://http://
    (_SCHEME, _normalise_scheme),
    (
        re.compile(
            r"(?<![a-z0-9])(?=[hfs])(?:(?:https?|s?ftps?)(?::/*)?)+(?=(?:https?|s?ftps?)://)", re.IGNORECASE
        ),
        "",
    ),
    # https://https:evil.com
    (re.compile(rf"(?<![a-z0-9])https?://(https?):(?=[\w-]++[.{DOT}])", re.IGNORECASE), r"\1://"),
    # http://http%3a%2f%2fevil.com%2f
    (
        re.compile(r"(?<![a-z0-9])https?://(https?%3a%2f%2f[\w.%-]++)", re.IGNORECASE),
        lambda found: unquote(found[1]),
    ),
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
