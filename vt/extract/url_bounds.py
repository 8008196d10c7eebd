"""Where a URL begins and ends in running text: what stands before it tells what ends it."""

import re

from vt.indicators.defang import DOT

LONGEST_SCHEME = 16
"""Characters that are looked through for one."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+]*\Z")
_SPECIAL = re.compile(
    r"[()\[\]{}',]|\\[nrtu\"']|(?:;|&&)(?=(?:\./|cd|chmod|curl|echo|nohup|perl|python|rm|sh|bash|sudo|wget)\b)"
)
"""Brackets and quotes, a line break in JSON, and the next command in a shell."""
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_NEXT = re.compile(r",(?:https?|ftp)://")
_TRAILING = ".,:;!?'*~$([{\\…–—" + DOT


def opening(text: str, mark: int, least: int) -> int:
    """Where the scheme before the `://` at `mark` begins; `mark` itself when there is none."""
    found = _SCHEME.search(text[max(least, mark - LONGEST_SCHEME) : mark])
    return mark - len(found[0]) if found else mark


def closing(text: str, start: int, stop: int) -> int:
    """Where the URL that begins at `start` ends, trailing punctuation still with it."""
    before = text[max(0, start - 1) : start]
    depth = dict.fromkeys(_CLOSING.values(), 0)
    for found in _SPECIAL.finditer(text, start, stop):
        sign = found[0]
        if sign in _CLOSING:
            depth[_CLOSING[sign]] += 1
        elif sign in depth:
            depth[sign] -= 1
            if depth[sign] < 0:
                return found.start()
        elif sign not in {"'", ","} or sign == before or _NEXT.match(text, found.start()):
            return found.start()
    return stop


def trimmed(text: str, before: str) -> str:
    """A URL without the punctuation of the sentence around it, or the emphasis that surrounds it."""
    return text.removesuffix("'s").rstrip(_TRAILING + "_" if before == "_" else _TRAILING)
