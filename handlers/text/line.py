"""Sentences with moments, people and channels in them: Slack shows these to each reader in their own way. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from string import Formatter
from typing import Self


class Shape(StrEnum):
    """How much of a moment is shown, as Slack's date format."""

    DAY = "{date_short_pretty}"
    MINUTE = "{date_short_pretty} {time}"
    TIME = "{time}"
    SECOND = "{time_secs}"


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment. Slack shows it in the reader's own time zone, everything else in UTC."""

    at: datetime
    shape: Shape = Shape.MINUTE

    def __str__(self) -> str:
        at = self.at.astimezone(UTC)
        day = f"{at.day} {at:%b %Y}"
        match self.shape:
            case Shape.DAY:
                return day
            case Shape.TIME:
                return f"{at:%H:%M} UTC"
            case Shape.SECOND:
                return f"{at:%H:%M:%S} UTC"
            case _:
                return f"{day} {at:%H:%M} UTC"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody, by Slack's id."""

    id: str

    def __str__(self) -> str:
        return f"@{self.id}"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel, by Slack's id."""

    id: str

    def __str__(self) -> str:
        return f"#{self.id}"


Piece = str | Moment | User | Channel


class Line(str):
    """A sentence as plain text, which terminals, files and notifications show; `pieces` are what Slack shows.

    Whoever builds a longer text from it uses `line` or `join`: in an f-string only the plain text is left.
    """

    __slots__ = ("pieces",)
    pieces: tuple[Piece, ...]

    def __new__(cls, *pieces: Piece) -> Self:
        """From its pieces, in order."""
        made = super().__new__(cls, "".join(map(str, pieces)))
        made.pieces = pieces
        return made

    def with_text(self, change: Callable[[str], str]) -> "Line":
        """The same, with each piece of text changed."""
        return Line(*(change(piece) if isinstance(piece, str) else piece for piece in self.pieces))


def pieces(text: str) -> tuple[Piece, ...]:
    """What a text consists of; a plain string is one piece."""
    return text.pieces if isinstance(text, Line) else (text,)


def line(template: str, **values: str | Moment | User | Channel) -> Line:
    """A sentence: `line("out of quota until {at}", at=Moment(…))`. What a value holds is not read as a template."""
    return Line(*_filled(template, values))


def _filled(template: str, values: dict[str, Piece]) -> Iterator[Piece]:
    for before, name, _, _ in Formatter().parse(template):
        if before:
            yield before
        if name is not None:
            value = values[name]
            yield from pieces(value) if isinstance(value, str) else (value,)


def join(separator: str, texts: Iterable[str]) -> Line:
    """Texts as one, without those that are empty."""
    joined: list[Piece] = []
    for text in texts:
        if text:
            joined += [separator, *pieces(text)] if joined else pieces(text)
    return Line(*joined)
