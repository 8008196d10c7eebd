"""File hashes in running text, told apart from other hashes: fingerprints of TLS clients, commits, ids, secrets."""

import re
from collections.abc import Iterator

from vt.indicators import indicator
from vt.indicators.indicator import Indicator

CONTEXT = 48
"""Characters before a hash that are searched for a word that says what it is."""
OBJECT_CONTEXT = 1_500
"""Characters before a hash that are searched for the object it is in; JA3's own string takes up to 600."""
FINGERPRINT_LENGTH = 32
MAX_NAMES = 4
"""Names of fingerprints before a hash that are looked at, the last ones; an object repeats its name inside."""

_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{32,64}(?![0-9A-Za-z])")
_OTHER_HASH_CONTEXT = re.compile(
    r"""(?: \b(?: (?:imp|import|authenti|pe|tel|v|rich|icon|favicon)(?:[ _-]?header)?[ _-]?hash | ja[34]s? | jarm
    | commit|revision|rev|merge|checkout|cherry-pick|tree|parent|head(?:\ is\ now)?(?:\ at)?
    | serial(?:[ ]number)? | etag|nonce|salt|uuid|guid
    | build[ _-]?id | [\w-]*(?:trace|span|request|req|session|correlation|transaction)[ _-]?id
    | [\w-]*(?:token|secret|passwd|password|api[ _-]?key) | key )\b["'`\s]{0,3}[:=\s-]{0,12}["'`]? | @ )\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_FINGERPRINT = r"(?:ja3[sn]?|hassh(?:server)?)"
_LIST = r"""(?:[0-9a-f]{32}["'`\s]*+(?:[,|/;&-]|and\b|or\b)["'`\s]*+)*"""
_DIRECTLY_AFTER = re.compile(
    rf"""{_FINGERPRINT}
    (?: [\s"'`:=>|()<_./\\\#*;~!-] | [0-9]+(?:[,-][0-9]*)*+
      | (?:hash(?:es)?|md5|string|digest|fingerprints?|raw|full|value|content|client|server|is|was|of|the|text|id|ssl|tls)
      | \[ )*
    {_LIST}""",
    re.VERBOSE,
)
"""The name, words and punctuation that may stand between it and its hash, and other such hashes in a list."""
_IN_SENTENCE = re.compile(rf"{_FINGERPRINT}\b[^.,;\n{{}}\[\]]{{0,60}}[:=]\s?[\"'`]?{_LIST}")
_FILE_WORD = re.compile(r"md5|sha\d|file|sample|payload|dropper|binary")
"""`JA3 of the implant: …`, where no word between says that the hash is that of a file."""
_OPENS_OBJECT = re.compile(rf"{_FINGERPRINT}[\w. -]*[\"'`]?\s*(?:[:=]>?|=>)?\s*[{{\[(]")
_NAMED_BY_TYPE = re.compile(
    rf"""{_FINGERPRINT}[^{{}}]{{0,200}}["'](?:value|hash|data|indicator|ioc)["']\s*[:=]\s*["']"""
)
"""`"type": "ja3-fingerprint-md5", …, "value": "…"`, and the same in the other order."""
_TYPE_AFTER = re.compile(
    rf"""["'][^{{}}]{{0,200}}["'](?:type|kind|name|subtype)["']\s*[:=]\s*["'][\w -]*{_FINGERPRINT}
    | ["'`\s,;|]{{1,6}}(?:Intel::{_FINGERPRINT}|{_FINGERPRINT}-(?:fingerprint-)?md5)\b
    | ["'`]?\s[–—-]\s{_FINGERPRINT}\b(?!["'`\s:=]*[0-9a-f]{{32}})
    | ["'`]?\s*[(\[]\s*(?:\w+\s)?{_FINGERPRINT}\b | ["'`]?\sis\s(?:a|the|its|their)\s(?:\w+\s)?{_FINGERPRINT}\b""",
    re.IGNORECASE | re.VERBOSE,
)


def read(token: re.Match[str]) -> list[Indicator]:
    """The file hashes in a token: `VirusShare_…`, `….exe`."""
    return [
        file_hash
        for found in _HEX.finditer(token.string, token.start(), token.end())
        if (file_hash := indicator.from_hash(found[0])) and not _is_other_hash(found)
    ]


def _is_other_hash(found: re.Match[str]) -> bool:
    """Whether a hash is not that of a file: an imphash, a commit, the id of a request, a secret, a fingerprint."""
    text, (start, end) = found.string, found.span()
    before = text[max(0, start - CONTEXT) : start]
    if before.endswith("-") and text.startswith("-", end):
        return True
    return _OTHER_HASH_CONTEXT.search(before) is not None or _is_fingerprint(found)


def _is_fingerprint(found: re.Match[str]) -> bool:
    """Whether a hash is a JA3, JA3S or HASSH fingerprint, which has the form of an MD5.

    Its name stands directly before it, or opens the object or list that it is in, or is in the `type` beside it.
    """
    text, (start, end) = found.string, found.span()
    if end - start != FINGERPRINT_LENGTH:
        return False
    if _TYPE_AFTER.match(text, end):
        return True
    between = text[max(0, start - OBJECT_CONTEXT) : start].lower()
    return any(_is_named(between[name:]) for name in _names(between))


def _names(text: str) -> Iterator[int]:
    """Where the last names of fingerprints in a lower-case text start; the closing tag `</ja3>` is none."""
    end = len(text)
    for _ in range(MAX_NAMES):
        end = max(text.rfind(name, 0, end) for name in ("ja3", "hassh"))
        if end < 0:
            return
        if not text.endswith("</", 0, end):
            yield end


def _is_named(between: str) -> bool:
    """Whether the text from the name of a fingerprint to a hash says that the hash is that fingerprint."""
    return bool(
        _DIRECTLY_AFTER.fullmatch(between)
        or _is_inside(between)
        or _NAMED_BY_TYPE.fullmatch(between)
        or (_IN_SENTENCE.fullmatch(between) and not _FILE_WORD.search(between))
    )


def _is_inside(between: str) -> bool:
    """Whether the bracket that a name opens is still open at the end of the text."""
    opening = _OPENS_OBJECT.match(between)
    if opening is None:
        return False
    depth = 1
    for bracket in _BRACKET.finditer(between, opening.end()):
        depth += 1 if bracket[0] in "{[(" else -1
        if depth == 0:
            return False
    return True


_BRACKET = re.compile(r"[{}\[\]()]")
