"""The options of a command: found in a line and parsed. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from handlers import passwords
from handlers.usage_errors import BadNumber, NoHost, NoRescan, PasswordTyped, UnknownOption
from vt.actions import Action


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a command; None for one that was not given."""

    threshold: int | None = None
    rescan_after_days: int | None = None
    share: bool = False
    fresh: bool = False
    host: str | None = None


def parse_options(text: str, *, strict: bool) -> tuple[Options, str]:
    """The options, and the text without them. Raises UsageError.

    `strict`: an unknown option is an error. In free text a stray `--word` is just text.
    """
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


def parse_options_only(line: str) -> Options:
    """The options in a line whose subject came separately, such as an attached file. Raises UsageError."""
    return parse_options(with_hyphens(line), strict=False)[0]


def check_options(action: Action | None, options: Options) -> None:
    """Raises NoRescan when the action does not take `--rescan-after-days`."""
    if action and not action.rescans and options.rescan_after_days is not None:
        raise NoRescan(action)


def parse_number(option: str, value: str) -> int:
    """The value of an option that takes a number: `parse_number("threshold", "3")`. Raises BadNumber."""
    return int(_VALUED[option](option, value))


def parse_host(name: str) -> str:
    """The name of a server, which is stored and shown. Raises PasswordTyped when a login is in it."""
    if passwords.in_host_name(name):
        raise PasswordTyped
    return name


def with_hyphens(line: str) -> str:
    """The line with `--` in front of each option, where a phone's keyboard made a dash of the two hyphens."""
    return re.sub(r"(?<!\S)[\u2014\u2013\u2212]+(?=[a-z])", "--", line)


def _number(least: int, most: int) -> Callable[[str, str], int]:
    def reader(name: str, value: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", value) or not least <= int(value) <= most:
            raise BadNumber(f"--{name}", value, least, most)
        return int(value)

    return reader


def _host(_: str, value: str) -> str:
    if not value:
        raise NoHost
    return parse_host(value)


_VALUED: Mapping[str, Callable[[str, str], Any]] = {
    "threshold": _number(1, 200),
    "rescan-after-days": _number(0, 3650),
    "host": _host,
}
_WITH_VALUE = re.compile(rf"(?<!\S)--({'|'.join(_VALUED)})(?:(?:=|\s+)(?!--)(\S+)|(?=\s|$))")
_FLAG = re.compile(r"(?<!\S)--(share|fresh)(?!\S)")
_ANY_OPTION = re.compile(r"(?<!\S)--[a-zA-Z][\w-]*")
