"""Finds where a URL starts and ends in running text. The character before it often says which one ends it."""

import re

from vt.indicators.refang import DOT

MAX_SCHEME_LENGTH = 16

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+]*\Z")
_MAYBE_END = re.compile(
    r"""[()\[\]{}]
    | (?P<end> \\[nrtu"']                   # an escaped line break or quote in JSON
      | '(?=[,;)\]}+])                     # the end of a string in a script
      | (?:;|&&)(?=(?:\./|cd|chmod|curl|echo|nohup|perl|python|rm|sh|bash|sudo|wget)\b)   # the next command
      | ,(?=(?:https?|s?ftps?)://) )       # the next URL of a list
    | [',]""",
    re.VERBOSE,
)
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_TRAILING_PUNCTUATION = ".,:;!?'*~$([{\\…–—" + DOT


def find_start(text: str, mark: int, minimum: int) -> int:
    """Where the scheme before the `://` at `mark` starts, not before `minimum`; `mark` when there is no scheme."""
    found = _SCHEME.search(text[max(minimum, mark - MAX_SCHEME_LENGTH) : mark])
    return mark - len(found[0]) if found else mark


def find_end(text: str, start: int, stop: int) -> int:
    """Where the URL that starts at `start` ends; it may still have the punctuation of the sentence at its end.

    A closing bracket ends it when it was opened before the URL, a quote or comma when one stands before it.
    """
    before = text[max(0, start - 1) : start]
    depth = dict.fromkeys(_BRACKETS.values(), 0)
    for found in _MAYBE_END.finditer(text, start, stop):
        char = found[0]
        if char in _BRACKETS:
            depth[_BRACKETS[char]] += 1
        elif char in depth:
            depth[char] -= 1
            if depth[char] < 0:
                return found.start()
        elif found["end"] or char == before:
            return found.start()
    return stop


def trim(text: str, before: str) -> str:
    """A URL without the punctuation, the possessive or the emphasis at its end. `before` is the character before it."""
    return text.removesuffix("'s").rstrip(
        _TRAILING_PUNCTUATION + "_" if before == "_" else _TRAILING_PUNCTUATION
    )
