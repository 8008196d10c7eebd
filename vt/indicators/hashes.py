"""File hashes in running text, told apart from other hashes: fingerprints of TLS clients, commits, ids, secrets."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache

from vt.indicators import indicator
from vt.indicators.indicator import Indicator

CONTEXT = 48
"""Characters before a hash that are searched for a word that says what it is."""
OBJECT_CONTEXT = 1_500
"""Characters before a hash that are searched for the object it is in; JA3's own string takes up to 600."""
FINGERPRINT_LENGTH = 32
MAX_HEADERS = 100
"""Lines that may head a table of fingerprints."""
MAX_TABLE_LENGTH = 10_000
"""Characters between a hash and the heading of its column."""
MAX_NAMES = 4
"""Names of fingerprints before a hash that are looked at, the last ones; an object repeats its name inside."""

_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{32,64}(?![0-9A-Za-z])")
_OTHER_HASH_CONTEXT = re.compile(
    r"""(?: \b(?: (?:imp|import|authenti|pe|tel|v|rich|icon|favicon)(?:[ _-]?header)?[ _-]?hash | ja4s? | jarm
    | commit|revision|rev|merge|checkout|cherry-pick|tree|parent|head(?:\ is\ now)?(?:\ at)?
    | serial(?:[ ]number)? | etag|nonce|salt|uuid|guid
    | build[ _-]?id | [\w-]*(?:trace|span|request|req|session|correlation|transaction)[ _-]?id
    | [\w-]*(?:token|secret|passwd|password|api[ _-]?key) | key )\b["'`\s]{0,3}[:=\s-]{0,12}["'`]? | @ )\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_FINGERPRINT = r"(?:ja3[sn]?|hassh(?:server)?)"
_LIST = r"""(?:[0-9a-f]{32}["'`]?(?:\s?\([^()\n]{0,60}\))?(?!\s*\n\s*\n)["'`\s]*+(?:[,|/;&-]|and\b|or\b|(?<=\s))["'`\s]*+)*"""
"""Other such hashes before it, also on lines of their own up to an empty line, each perhaps with a remark in brackets."""
_DIRECTLY_AFTER = re.compile(
    rf"""{_FINGERPRINT}
    (?: [\s"'`:=>|()<_./\\\#*;~!-] | [0-9]+(?:[,-][0-9]*)*+
      | (?:hash(?:es)?|md5|string|digest|fingerprints?|raw|full|value|content|client|server|is|was|of|the|text|id|ssl|tls
          |eq|ne|in|equals|contains|matches)
      | \[ )*
    {_LIST}""",
    re.VERBOSE,
)
"""The name, words and punctuation that may stand between it and its hash, and other such hashes in a list."""
_IN_SENTENCE = re.compile(rf"{_FINGERPRINT}\b[^.,;\n{{}}\[\]]{{0,60}}[:=|]\s?[\"'`]?{_LIST}")
_IN_CSV = re.compile(rf"{_FINGERPRINT}(?:[ _-]?(?:hash|md5|digest|fingerprint))?[\"']?,[\"']?{_LIST}")
"""`ja3,…` in a line of comma-separated values."""
_RAW_STRING = re.compile(r"(?:76[89]|77[0-3])(?:,[0-9-]*+){2,4}")
"""The string that JA3 is the MD5 of: version, ciphers, extensions, curves, formats."""
RAW_CONTEXT = 700
"""Characters; enough for that string."""
_HEADER_CELL = re.compile(
    rf"[\s\"'`#*]*(?:\w+[ ._-]){{0,3}}{_FINGERPRINT}s?(?:[ ._-]\w+){{0,2}}[\s\"'`*]*", re.IGNORECASE
)
"""The heading of a column, such as `ja3s_hash`."""
_FILE_WORD = re.compile(r"md5|sha\d|file|sample|payload|dropper|binary")
"""`JA3 of the implant: …`, where no word between says that the hash is that of a file."""
_OPENS_OBJECT = re.compile(rf"{_FINGERPRINT}[\w. -]*[\"'`]?\s*(?:[:=]>?|=>)?\s*[{{\[(]")
_NAMED_BY_TYPE = re.compile(
    rf"""{_FINGERPRINT}[^{{}}]{{0,200}}["'](?:value|hash|data|indicator|ioc)["']\s*[:=]\s*["']"""
)
"""`"type": "ja3-fingerprint-md5", …, "value": "…"`, and the same in the other order."""
_CELL_END = r"""["'`]?[ \t]*(?:[,;|\t\r\n]|\Z)"""
_FILE_LABEL = re.compile(
    rf"""["'`]?[ \t]*[,;|\t][ \t]*["'`]?(?:file[ _-]?)?(?:hash[ _-]?)?md5{_CELL_END}""", re.IGNORECASE
)
"""`…,md5`: the cell after a hash in a table says that it is that of a file."""
_TYPE_AFTER = re.compile(
    rf"""["'][^{{}}]{{0,200}}["'](?:type|kind|name|subtype)["']\s*[:=]\s*["'][\w -]*{_FINGERPRINT}
    | ["'`\s,;|]{{1,6}}(?:Intel::{_FINGERPRINT}|{_FINGERPRINT}-(?:fingerprint-)?md5)\b
    | ["'`]?[ \t]*[,;|\t][ \t]*["'`]?{_FINGERPRINT}(?:[ _-](?:hash|md5))?(?={_CELL_END})(?!["'`]?[ \t]*[,;|\t][ \t"'`]*[0-9a-f]{{32}})
    | ["'`]?,\s(?:a|the|its|known|common|default)\s(?:\w+\s)?{_FINGERPRINT}\b(?![^,.;\n]{{0,20}}[0-9a-f]{{32}})
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
    if _FILE_LABEL.match(text, end):
        return False
    if _TYPE_AFTER.match(text, end) or _is_after_raw_string(text, start):
        return True
    in_column = _is_in_column(text, start)
    if in_column is not None:
        return in_column
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
        or _IN_CSV.fullmatch(between)
        or _is_inside(between)
        or _NAMED_BY_TYPE.fullmatch(between)
        or (_IN_SENTENCE.fullmatch(between) and not _FILE_WORD.search(between))
    )


def _is_after_raw_string(text: str, start: int) -> bool:
    """Whether JA3's own string stands directly before a hash: `769,47-53-5,0-10-11,23-24-25,0 --> …`."""
    before = text[max(0, start - RAW_CONTEXT) : start].rstrip(" \t\"'`=:>|-()[]→")
    return _RAW_STRING.fullmatch(before, len(before.rstrip("0123456789,-"))) is not None


def _is_in_column(text: str, start: int) -> bool | None:
    """Whether the heading over a hash in a table (comma, tab, semicolon or bar between its columns) is a fingerprint.

    None when the hash is in no table that has a column of fingerprints.
    """
    headers = _table_headers(text)
    above = bisect_left(headers, (start,))
    if not above:
        return None
    end, delimiter, count, columns = headers[above - 1]
    if start - end > MAX_TABLE_LENGTH:
        return None
    line = text.rfind("\n", 0, start) + 1
    row = text[line : start + OBJECT_CONTEXT].partition("\n")[0]
    if start - line > OBJECT_CONTEXT or row.count(delimiter) < count or text.find("\n\n", end, start) >= 0:
        return None
    return text.count(delimiter, line, start) in columns


@lru_cache(maxsize=4)
def _table_headers(text: str) -> tuple[tuple[int, str, int, frozenset[int]], ...]:
    """The lines that may head a table with fingerprints: where each ends, its delimiter, how many, and which columns."""
    lower = text.lower()
    if "\n" not in text or not ("ja3" in lower or "hassh" in lower):
        return ()
    headers: list[tuple[int, str, int, frozenset[int]]] = []
    end = -1
    for line in text.split("\n"):
        end += len(line) + 1
        if len(line) > OBJECT_CONTEXT or _HEX.search(line) or not _HEADER_NAME.search(line):
            continue
        delimiter = next((one for one in "\t|,;" if one in line), "")
        cells = line.removeprefix("#fields\t").split(delimiter) if delimiter else [line]
        columns = frozenset(at for at, cell in enumerate(cells) if _HEADER_CELL.fullmatch(cell))
        if len(headers) == MAX_HEADERS:
            break
        if columns and sum(map(bool, map(str.strip, cells))) > 1:
            headers.append((end, delimiter, len(cells) - 1, columns))
    return tuple(headers)


_HEADER_NAME = re.compile("ja3|hassh", re.IGNORECASE)


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
