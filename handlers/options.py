"""The options of a command: found in a line, taken out of it, and read. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from handlers.files import passwords
from handlers.usage_errors import BadNumber, NoHost, PasswordTyped, UnknownOption

_DASHES = re.compile(r"(?<!\S)[\u2014\u2013\u2212]+(?=[a-z])")
"""A dash that a phone made of two hyphens."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the contract; None where nothing was said."""

    threshold: int | None = None
    rescan_after_days: int | None = None
    share: bool = False
    fresh: bool = False
    host: str | None = None


def hyphens(line: str) -> str:
    """The line with the two hyphens that someone typed before each option."""
    return _DASHES.sub("--", line)


def beside(line: str) -> Options:
    """The options in a line that came with something else, such as a file. Raises Misuse."""
    return taken(hyphens(line), strict=False)[0]


def taken(text: str, *, strict: bool) -> tuple[Options, str]:
    """The options, and the text without them. In free text a stray `--word` is just text."""
    found: dict[str, Any] = {}

    def take_value(match: re.Match[str]) -> str:
        found[match[1].replace("-", "_")] = _VALUED[match[1]](match[1], match[2] or "")
        return " "

    def take_flag(match: re.Match[str]) -> str:
        found[match[1]] = True
        return " "

    rest = _FLAG.sub(take_flag, _WITH_VALUE.sub(take_value, text))
    if strict and (unknown := _ANY_OPTION.search(rest)):
        raise UnknownOption(unknown[0])
    return Options(**found), rest


def number(option: str, value: str) -> int:
    """An option's number, read: `number("threshold", "3")`. Raises BadNumber."""
    return int(_VALUED[option](option, value))


def _number(least: int, most: int) -> Callable[[str, str], int]:
    def reader(name: str, value: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", value) or not least <= int(value) <= most:
            raise BadNumber(f"--{name}", value, least, most)
        return int(value)

    return reader


def host(name: str) -> str:
    """A server's name, which is stored and shown. Raises PasswordTyped."""
    if passwords.in_host(name):
        raise PasswordTyped
    return name


def _name(_: str, value: str) -> str:
    if not value:
        raise NoHost
    return host(value)


_VALUED: Mapping[str, Callable[[str, str], Any]] = {
    "threshold": _number(1, 200),
    "rescan-after-days": _number(0, 3650),
    "host": _name,
}
_WITH_VALUE = re.compile(rf"(?<!\S)--({'|'.join(_VALUED)})(?:(?:=|\s+)(?!--)(\S+)|(?=\s|$))")
_FLAG = re.compile(r"(?<!\S)--(share|fresh)(?!\S)")
_ANY_OPTION = re.compile(r"(?<!\S)--[a-zA-Z][\w-]*")
