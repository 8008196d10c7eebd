"""What can be wrong with something that was typed or filled in. The sentences are in handlers/text/misuses.py."""

from dataclasses import dataclass

from vt.actions import Action


class Misuse(Exception):
    """What was typed cannot be done as it stands. Nothing was stored, nothing was sent."""


@dataclass(eq=False)
class UnknownCommand(Misuse):
    """A first word that is nearly a command."""

    word: str
    nearest: str


@dataclass(eq=False)
class UnknownOption(Misuse):
    """An option that there is not."""

    option: str


@dataclass(eq=False)
class BadNumber(Misuse):
    """An option's value that is no number or out of its range."""

    option: str
    value: str
    least: int
    most: int


@dataclass(eq=False)
class NoRescan(Misuse):
    """--rescan-after-days for an action that does not take it."""

    action: Action


@dataclass(eq=False)
class NoValue(Misuse):
    """An action without anything to act on."""

    action: Action


@dataclass(eq=False)
class WrongValue(Misuse):
    """A value that the action does not take; `fits` is the action that does."""

    action: Action
    value: str
    fits: Action | None


@dataclass(eq=False)
class NothingFound(Misuse):
    """A text without an indicator."""


@dataclass(eq=False)
class TooMany(Misuse):
    """More values than one command may have."""

    count: int
    most: int


@dataclass(eq=False)
class TooLong(Misuse):
    """More text than one command may have."""

    most: int


class PasswordTyped(Misuse):
    """A password stands in the command; it is not kept, nor repeated."""


class NoHost(Misuse):
    """--host without a name."""
