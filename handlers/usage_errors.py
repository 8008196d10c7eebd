"""Usage errors: what can be wrong with something that was typed or filled in. Their sentences: handlers/text/errors.py."""

from dataclasses import dataclass

from vt.actions import Action


class UsageError(Exception):
    """The input cannot be used. It is raised before anything is stored or sent."""


@dataclass(eq=False)
class UnknownCommand(UsageError):
    """The first word is nearly the name of a command."""

    word: str
    nearest: str


@dataclass(eq=False)
class UnknownOption(UsageError):
    """There is no such option."""

    option: str


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
    """A value that the action does not take; `fits` is the action that does, if there is one."""

    action: Action
    value: str
    fits: Action | None


@dataclass(eq=False)
class NothingFound(UsageError):
    """There is no indicator in the text."""


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
