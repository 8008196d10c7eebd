"""Defanging: values written so that no chat or mail client makes a link of them."""

import re

from vt.indicators import hosts


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
