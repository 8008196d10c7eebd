"""Options: what `--name` in a line means, and which ones are refused. Pure."""

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from handlers import commands
from handlers.commands import BadNumber, NoHost, NoRescan, Options, PasswordTyped, UnknownOption
from vt.actions import Action
from vt.indicators import read

PROGRAMS = frozenset(
    [
        "ansible",
        "apt",
        "awk",
        "bash",
        "bitsadmin",
        "cat",
        "certutil",
        "chmod",
        "cmd",
        "cp",
        "curl",
        "cscript",
        "dig",
        "dnf",
        "docker",
        "find",
        "git",
        "gpg",
        "grep",
        "iptables",
        "journalctl",
        "kubectl",
        "ls",
        "mshta",
        "msiexec",
        "nc",
        "ncat",
        "net",
        "nft",
        "nmap",
        "npm",
        "nslookup",
        "openssl",
        "perl",
        "php",
        "ping",
        "pip",
        "powershell",
        "powershell.exe",
        "pwsh",
        "python",
        "python3",
        "regsvr32",
        "rsync",
        "rundll32",
        "scp",
        "sed",
        "sh",
        "sqlmap",
        "ssh",
        "sudo",
        "systemctl",
        "tail",
        "tar",
        "tcpdump",
        "telnet",
        "wget",
        "wmic",
        "wscript",
        "yum",
    ]
)
"""Programs with which command lines begin that are pasted from a log or a shell. Their options are not meant for the bot."""
_PASTED = re.compile(r"[\n`|;$]|(?:^|\s)&amp;&amp;\s|(?<!\S)-[a-zA-Z](?!\S)")
"""What a typed command does not have: several lines, code, signs of a shell, options of one letter."""


def parse_options(text: str, *, strict: bool, pasted: str = "") -> tuple[Options, str]:
    """The options, and the text without them. Raises UsageError for those that do not exist.

    Unless it is `strict`, the text may look like a log, in which unknown options are errors only if they nearly are
    ours. Those in `pasted`, the part of the text that came from somebody's message, never are.
    """
    found: dict[str, Any] = {}

    def take_value(match: re.Match[str]) -> str:
        found[match[1].replace("-", "_")] = _VALUED[match[1]](match[1], match[2] or "")
        return " "

    def take_flag(match: re.Match[str]) -> str:
        found[match[1]] = True
        return " "

    rest = _FLAG.sub(take_flag, _WITH_VALUE.sub(take_value, text))
    _refuse_unknown(rest, strict=strict, pasted=pasted)
    return Options(**found), rest


def _refuse_unknown(text: str, *, strict: bool, pasted: str) -> None:
    # Where every other word is an indicator, this is a typed command, whatever its options look like.
    words = _OPTION_AND_VALUE.sub(" ", text).split()[: MOST_WORDS + 1]
    strict = strict or all(word.isdecimal() or read(word) for word in words)
    is_typed = strict or not looks_pasted(text)
    for unknown in _ANY_OPTION.finditer(text):
        option = unknown[0]
        if option in pasted:
            continue
        name = option.partition("=")[0].lstrip("-").lower()
        is_ours = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.75)
        if is_ours or (is_typed and option.startswith("--")) or strict:
            takes_no_value = name in _FLAGS
            raise UnknownOption(option if takes_no_value else option.partition("=")[0], nearest(name))


def nearest(name: str, more: tuple[str, ...] = ()) -> str:
    """The known option that has nearly this name, or of which it is the beginning; "" when there is none."""
    known = [*NAMES, *more]
    longer = [one for one in known if len(name) > 1 and one.startswith(name)]
    close = longer or difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"--{close[0]}" if close else ""


def looks_pasted(text: str) -> bool:
    """Whether a line was copied from a log or a shell rather than typed for the bot."""
    first = text.split(maxsplit=1)[:1]
    return _PASTED.search(text) is not None or bool(first and first[0].rpartition("/")[2].lower() in PROGRAMS)


def parse_file_options(line: str) -> tuple[Options, str]:
    """The options among the paths of a form's field, and the paths. Raises UsageError."""
    if commands.password_in_file_command(line):
        raise PasswordTyped
    return parse_options(with_hyphens(line), strict=True)


def refuse_options(command: str, text: str) -> None:
    """For a command that takes no options. Raises UnknownOption."""
    if unknown := _ANY_OPTION.search(text):
        raise UnknownOption(unknown[0].partition("=")[0], command=command)


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
    if commands.password_in_host_name(name):
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
_FLAGS = ("share", "fresh")
NAMES = (*_VALUED, *_FLAGS)
MOST_WORDS = 100
"""Words of a line that are looked at to find out whether it was typed."""
_WITH_VALUE = re.compile(rf"(?<!\S)--({'|'.join(_VALUED)})(?:(?:=|\s+)(?!--)(\S+)|(?=\s|$))")
_FLAG = re.compile(r"(?<!\S)--(share|fresh)(?!\S)")
_ANY_OPTION = re.compile(r"(?<!\S)--?[a-zA-Z][\w-]*(?:=\S*)?")
_OPTION_AND_VALUE = re.compile(r"(?<!\S)--?[a-zA-Z][\w-]*(?:=\S*|\s+(?!--)\S+)?")
