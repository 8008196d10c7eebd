"""Commands: what a line after /vt or a form can ask for, and what can be wrong with it, such as unknown options. Pure."""

import difflib
import re
from dataclasses import dataclass, fields, replace
from typing import Literal, Self

from handlers.request import Verb
from vt.actions import Action
from vt.indicators import read
from vt.lookup import Lookup

COMMAND = "/vt"

# Usage errors (their sentences: handlers/text/errors.py) -----------------------------------------------


class UsageError(Exception):
    """The input cannot be used. It is raised before anything is stored or sent."""


@dataclass(eq=False)
class UnknownCommand(UsageError):
    """The first word is nearly the name of a command."""

    word: str
    nearest: str


@dataclass(eq=False)
class UnknownOption(UsageError):
    """There is no such option. `nearest`: the known one with nearly this name, or ""; `more`: what else may be typed here."""

    option: str
    nearest: str = ""
    command: str = ""
    """The command that does not take it, if that is why it is refused; `taken`: the only option that it takes, or ""."""
    taken: str = ""
    more: tuple[str, ...] = ()


@dataclass(eq=False)
class BadNumber(UsageError):
    """An option's value is not a number, or is out of range."""

    option: str
    value: str
    least: int
    most: int
    action: Action | None = None  # the action that was typed before it, if one was


@dataclass(eq=False)
class NoRescan(UsageError):
    """`--rescan-after-days` for an action that does not take it."""

    action: Action


@dataclass(eq=False)
class NoValue(UsageError):
    """An action without a value."""

    action: Action


@dataclass(eq=False)
class WrongValue(UsageError):
    """A value that the action does not take; `suggested` is the action that does, if there is one."""

    action: Action
    value: str
    suggested: Action | None


@dataclass(eq=False)
class NothingFound(UsageError):
    """There is no indicator in the text. `example`: a line that has one."""

    example: str = "/vt scan-ip 192.0.2.1"


@dataclass(eq=False)
class TooMany(UsageError):
    """More values than one command may have."""

    count: int
    most: int


@dataclass(eq=False)
class TooLong(UsageError):
    """More text than one command may have."""

    most: int


class PasswordTyped(UsageError):
    """The command contains a password. It is neither stored nor repeated."""


class NoHost(UsageError):
    """`--host` without a name."""


# Commands ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a command; None for one that was not given."""

    threshold: int | None = None
    rescan_after_days: int | None = None
    share: bool = False
    fresh: bool = False
    host: str | None = None

    def with_typed(self, typed: Self) -> Self:
        """These options of a form, and those that were typed among its values, which win."""
        days = self.rescan_after_days
        return replace(
            typed,
            threshold=self.threshold if typed.threshold is None else typed.threshold,
            rescan_after_days=days if typed.rescan_after_days is None else typed.rescan_after_days,
            share=self.share or typed.share,
            fresh=self.fresh or typed.fresh,
            host=typed.host or self.host,
        )


@dataclass(frozen=True, slots=True)
class LookupCommand:
    """Look up indicators, files, and people by the domain of their mail address."""

    lookups: tuple[Lookup, ...] = ()
    people: tuple[str, ...] = ()  # ids of users
    share: bool = False
    fresh: bool = False
    wrong: tuple[WrongValue, ...] = ()
    """The values that the action does not take, beside the ones that it does."""
    verb: Literal[Verb.LOOK_UP] = Verb.LOOK_UP


@dataclass(frozen=True, slots=True)
class ReportCommand:
    """Draw what is on record about indicators."""

    lookups: tuple[Lookup, ...]
    share: bool = False
    verb: Literal[Verb.REPORT] = Verb.REPORT


@dataclass(frozen=True, slots=True)
class InfoCommand:
    """Answer about the bot itself."""

    verb: Literal[Verb.HELP, Verb.PING, Verb.QUOTA]


@dataclass(frozen=True, slots=True)
class SettingsCommand:
    """Open the channel's settings."""

    verb: Literal[Verb.SETTINGS] = Verb.SETTINGS


@dataclass(frozen=True, slots=True)
class FormCommand:
    """Open the form with this text in it."""

    text: str
    verb: Literal[Verb.FORM] = Verb.FORM


@dataclass(frozen=True, slots=True)
class WatchCommand:
    """`watch` or `ignore`. Their arguments are parsed when the job runs."""

    verb: Literal[Verb.WATCH, Verb.IGNORE]
    arguments: str


Command = LookupCommand | ReportCommand | InfoCommand | SettingsCommand | FormCommand | WatchCommand


# Unknown options --------------------------------------------------------------------------------------

OPTION_NAMES = tuple(one.name.replace("_", "-") for one in fields(Options))
OPTION_EXAMPLES = ("--threshold 3", "--rescan-after-days 30", "--host NAME", "--share", "--fresh")
FLAGS = ("share", "fresh")  # options without a value
_BARE = ("threshold", "rescan-after-days", *FLAGS)  # options also without hyphens, beside indicators only
_MARKS = "-+/:=,;.`*_~()\"'"
_FILLER = re.compile(rf"[{re.escape(_MARKS)}]+|(?i:check|scan|look|up|lookup|test|analy[sz]e|please|with)")
ANY_OPTION = re.compile(r"(?<!\S)--?[a-zA-Z][\w-]*(?:=\S*)?")
_OPTION_AND_VALUE = re.compile(r"(?<!\S)--?[a-zA-Z][\w-]*(?:=\S*|\s+(?!--)\S+)?")
_PROGRAM = re.compile(
    r"ansible|apt|awk|bash|bitsadmin|cat|certutil|chmod|cmd|cp|curl|cscript|dig|dnf|docker|find|git|gpg"
    r"|grep|iptables|journalctl|kubectl|ls|mshta|msiexec|nc|ncat|net|nft|nmap|npm|nslookup|openssl|perl"
    r"|php|ping|pip|powershell|powershell\.exe|pwsh|python|python3|regsvr32|rsync|rundll32|scp|sed|sh"
    r"|sqlmap|ssh|sudo|systemctl|tail|tar|tcpdump|telnet|wget|wmic|wscript|yum"
)
"""The programs with which command lines begin that are pasted from a log or a shell. Their options are not meant for the bot."""
_PASTED = re.compile(r"[\n`|;$]|(?:^|\s)&amp;&amp;\s|(?<!\S)-[a-zA-Z](?!\S)")
"""What a typed command does not have: several lines, code, signs of a shell, options of one letter."""


def refuse_unknown_options(text: str, *, strict: bool, pasted: str) -> None:
    """Refuse options that are left in a text without the known ones; see parser.parse_options. Raises UnknownOption."""
    # Where every other word is an indicator, this is a typed command, whatever its options look like.
    words = _OPTION_AND_VALUE.sub(" ", text).split()[:101]  # enough to see whether it was typed
    others = [word for word in words if not (word.isdecimal() or _FILLER.fullmatch(word) or read(word))]
    names = [re.split("[=:]", word.strip(_MARKS))[0].lower() for word in others]
    is_bare = all(difflib.get_close_matches(one, _BARE, cutoff=0.75) for one in names)
    if others and is_bare and not strict and not pasted:
        raise UnknownOption(others[0], nearest(names[0]))
    strict = strict or not others
    is_typed = strict or not looks_pasted(text)
    for unknown in ANY_OPTION.finditer(text):
        option = unknown[0]
        if option in pasted:
            continue
        name = option.partition("=")[0].lstrip("-").lower()
        is_ours = difflib.get_close_matches(name, OPTION_NAMES, n=1, cutoff=0.75)
        if is_ours or (is_typed and option.startswith("--")) or strict:
            raise UnknownOption(option if name in FLAGS else option.partition("=")[0], nearest(name))


def nearest(name: str, more: tuple[str, ...] = ()) -> str:
    """The known option that has nearly this name, or of which it is the beginning; "" when there is none."""
    known = [*OPTION_NAMES, *more]
    longer = [one for one in known if len(name) > 1 and one.startswith(name)]
    close = longer or difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"--{close[0]}" if close else ""


def looks_pasted(text: str) -> bool:
    """Whether a line was copied from a log or a shell rather than typed for the bot."""
    first = "".join(text.split(maxsplit=1)[:1]).rpartition("/")[2]
    return bool(_PASTED.search(text) or _PROGRAM.fullmatch(first.lower()))
