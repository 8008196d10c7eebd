"""Sentences in the language of whoever reads them: the catalogues, the language of this context, and sentences with values.

English is the source: a sentence is written once, where it is said, and is its own key in the catalogues (gettext).
`_("…")` is for constants and tables, `line("… {name}", name=…)` for what is said now, `ngettext` where a number decides.
"""

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from gettext import NullTranslations
from importlib.resources import files
from string import Formatter
from typing import Any, Self

from babel import Locale
from babel.dates import format_datetime, format_skeleton
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import Translations


class Language(StrEnum):
    """A language that the bot speaks, by its ISO 639 code."""

    ENGLISH = "en"
    JAPANESE = "ja"
    SPANISH = "es"

    @property
    def locale(self) -> Locale:
        """How dates and numbers are written in it."""
        return _locale(self.value)


_locale = cache(Locale)
_current: ContextVar[Language] = ContextVar("language", default=Language.ENGLISH)


@contextmanager
def language(spoken: Language) -> Iterator[None]:
    """While the context is open, sentences are made in this language."""
    token = _current.set(spoken)
    try:
        yield
    finally:
        _current.reset(token)


def speak(spoken: Language) -> None:
    """From now on, sentences of this task are made in this language.

    For middleware: Bolt runs a listener in the task of its middleware, but after the middleware has returned.
    """
    _current.set(spoken)


def current() -> Language:
    """The language in which sentences are made now."""
    return _current.get()


def spoken_in(locale: str) -> Language | None:
    """The language of a locale such as ja-JP, es_MX.UTF-8 or C; None when the bot does not speak it."""
    code = locale.replace("-", "_").partition("_")[0].partition(".")[0].lower()
    return Language(code) if code in set(Language) else None


@cache
def catalogue(spoken: Language) -> NullTranslations:
    """The sentences of a language. Its .po file is compiled here, at first use: there is no other file to keep up to date."""
    if spoken is Language.ENGLISH:
        return NullTranslations()
    compiled = io.BytesIO()
    with (files(__package__) / "locale" / spoken / "LC_MESSAGES" / "messages.po").open("rb") as source:
        write_mo(compiled, read_po(source, locale=spoken.value))
    compiled.seek(0)
    return Translations(compiled)


class _Lazy(str):
    """A sentence that is made before it is known who reads it: it is equal to its English text, and shown translated."""

    __slots__ = ()

    def __str__(self) -> str:
        return gettext(self)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __radd__(self, other: str) -> str:
        return other + str(self)


def _on_translation(name: str) -> Callable[..., Any]:
    return lambda lazy, *args, **values: getattr(str(lazy), name)(*args, **values)


for _name in (
    *(
        "__add__",
        "__contains__",
        "__getitem__",
        "__iter__",
        "__len__",
        "format",
        "isprintable",
        "lower",
        "partition",
    ),
    *("removesuffix", "replace", "rpartition", "rstrip", "split", "splitlines", "strip", "upper"),
):
    setattr(_Lazy, _name, _on_translation(_name))


def gettext(message: str) -> str:
    """A sentence in the language of now."""
    return "" if message == "" else str.__str__(catalogue(current()).gettext(message))


def lazy_gettext(message: str) -> str:
    """A sentence that is translated each time it is shown: `str()`, an f-string, `pieces` and `localized` translate it."""
    return _Lazy(message)


def localized(shown: Any) -> Any:
    """JSON such as blocks or a view, with its sentences in the language of now, and as plain strings."""
    match shown:
        case dict():
            return {key: localized(value) for key, value in shown.items()}
        case list() | tuple():
            return [localized(value) for value in shown]
        case str():
            return str(shown)
        case _:
            return shown


def number(value: int) -> str:
    """A whole number with the separators of the language: 12,345."""
    return str(format_decimal(value, locale=current().locale))


def listed(items: Iterable[str]) -> str:
    """Several things as one: "a, b and c"."""
    return str(format_list(list(map(str, items)), locale=current().locale))


# Sentences with values ---------------------------------------------------------------------------------


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
        match self.shape:
            case Shape.DAY:
                return _day(at)
            case Shape.TIME:
                return f"{at:%H:%M} UTC"
            case Shape.SECOND:
                return f"{at:%H:%M:%S} UTC"
            case _:
                return f"{_day(at)} {at:%H:%M} UTC"


def _day(at: datetime) -> str:
    """28 Jan 2019. English has the day first here, which nobody misreads: its own locale has it second."""
    if current() is Language.ENGLISH:
        return str(format_datetime(at, "d MMM y", locale=current().locale))
    return str(format_skeleton("yMMMd", at, locale=current().locale))


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
    return text.pieces if isinstance(text, Line) else (str(text),)


def line(template: str, **values: Piece | int) -> Line:
    """A sentence: `line("out of quota until {at}", at=Moment(…))`. What a value holds is not read as a template.

    The catalogues have the template. A number is written as the language writes it.
    """
    return Line(*_filled(gettext(template), values))


def ngettext(one: str, other: str, count: int, **values: Piece | int) -> Line:
    """A sentence with `{count}`, in the form that the language has for that number."""
    template = catalogue(current()).ngettext(one, other, count)
    return Line(*_filled(template, {"count": count, **values}))


def _filled(template: str, values: dict[str, Piece | int]) -> Iterator[Piece]:
    for before, name, _, _ in Formatter().parse(template):
        if before:
            yield before
        if name is not None:
            yield from _piece(values[name])


def _piece(value: Piece | int) -> tuple[Piece, ...]:
    match value:
        case int():
            return (number(value),)
        case str():
            return pieces(value)
        case _:
            return (value,)


def join(separator: str, texts: Iterable[str]) -> Line:
    """Texts as one, without those that are empty."""
    joined: list[Piece] = []
    for text in texts:
        if text:
            joined += [str(separator), *pieces(text)] if joined else pieces(text)
    return Line(*joined)
