"""Commands: what a line after /vt or a form can ask for, what can be wrong with it, and how passwords in it are recognised. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from handlers.request import ChannelSettings, Verb
from vt.actions import Action
from vt.evidence import DEFAULT_CRITERIA, HostCriteria
from vt.indicators import Indicator
from vt.lookup import Lookup

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
    """There is no such option. `nearest`: the known option that has nearly this name, or ""."""

    option: str
    nearest: str = ""
    command: str = ""
    """The command that does not take it, if that is why it is refused."""
    taken: str = ""
    """The only option that this command takes; "": it takes none."""


@dataclass(eq=False)
class BadNumber(UsageError):
    """An option's value is not a number, or is out of range."""

    option: str
    value: str
    least: int
    most: int
    action: Action | None = None
    """The action that was typed before it, if one was."""


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
        return replace(
            typed,
            threshold=self.threshold if typed.threshold is None else typed.threshold,
            rescan_after_days=self.rescan_after_days
            if typed.rescan_after_days is None
            else typed.rescan_after_days,
            share=self.share or typed.share,
            fresh=self.fresh or typed.fresh,
            host=typed.host or self.host,
        )


NO_OPTIONS = Options()


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How verdicts are reached where no option says otherwise: as the operator or the channel set it."""

    engines: Mapping[str, int] = field(default_factory=dict)
    """By action key; for the others the documented number applies."""
    hosts: HostCriteria = DEFAULT_CRITERIA
    """How addresses and domains are judged."""

    def of(self, action: Action) -> int:
        """The engines that make a finding of this action RISKY."""
        return self.engines.get(action.key, action.threshold)

    def in_channel(self, settings: ChannelSettings) -> Self:
        """The same, but for what is set for a channel."""
        rule = settings.host_rule or self.hosts.rule
        days = self.hosts.days if settings.evidence_days is None else settings.evidence_days
        return type(self)({**self.engines, **settings.thresholds}, HostCriteria(rule, days))

    def lookup(self, indicator: Indicator, action: Action, options: Options = NO_OPTIONS) -> Lookup:
        """A new lookup of an indicator."""
        threshold = options.threshold or self.of(action)
        lookup = Lookup.of(indicator, action, threshold, options.rescan_after_days)
        return lookup.model_copy(update={"criteria": self.hosts})

    def applied(self, lookups: Iterable[Lookup]) -> tuple[Lookup, ...]:
        """The lookups, to be judged so."""
        return tuple(one.evolve(threshold=self.of(one.action), criteria=self.hosts) for one in lookups)


@dataclass(frozen=True, slots=True)
class LookupCommand:
    """Look up indicators, files, and people by the domain of their mail address."""

    lookups: tuple[Lookup, ...] = ()
    people: tuple[str, ...] = ()
    """Ids of users."""
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


# Passwords ---------------------------------------------------------------------------------------------

_WORD = r"(?:linux[ _-]?)?(?:password|passwort|passwd|passphrase|pass|pwd|pw)"
_SPELLINGS = (
    rf"(?<!\S)-{{1,2}}{_WORD}\b",  # --password X, --password=X, -pass X, --linux-password X
    rf"(?<![\w/.-]){_WORD}\s*[:=]",  # password=X, Linux Password: X
    r"(?<!\S)(?:sshpass\b|-p\b)",  # options of ssh programs
    r"(?<!\S)(?:[a-z]+://)?[^\s/:@,]+:[^\s@]*@[^\s/,]",  # user:X@host, sftp://user:X@host/path
)
_TYPED = re.compile("|".join(_SPELLINGS), re.IGNORECASE)
_OPTION = re.compile(
    rf"(?<!\S)-{{1,2}}{_WORD}(?![\w-])"
    r"|(?<!\S)--host(?:=|\s+)[^\s:]*:[^\s@]*@",  # --host user:X@host
    re.IGNORECASE,
)
_PATH = re.compile(r"(?<!\S)/\w")
_SERVER = re.compile(r"(?<![a-z0-9])(?:ssh|sftp|scp)://[^\s/:@]*:[^\s@]*@", re.IGNORECASE)
"""The login of a server before a path. A web address with a login is not one: it is an indicator."""
_LOGIN = re.compile(":.*@", re.DOTALL)


def password_in_text(text: str) -> bool:
    """Whether a text about anything has a password as an option. Merely mentioning passwords is what people look up."""
    return _OPTION.search(text) is not None


def password_in_file_command(line: str) -> bool:
    """Whether a line about files may hold a password. It is better to refuse a harmless line than to store a password."""
    return _TYPED.search(line) is not None


def password_in_host_name(name: str) -> bool:
    """Whether the name of a server holds a password, as in `user:X@host`."""
    return _LOGIN.search(name) is not None or password_in_file_command(name)


def password_in_form_text(text: str) -> bool:
    """Whether a text that is stored until its form is sent may hold a password."""
    about_files = password_in_file_command(text) and _PATH.search(text) is not None
    return password_in_text(text) or about_files or _SERVER.search(text) is not None
