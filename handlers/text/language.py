"""Sentences in the language of whoever reads them: the catalogues, the language of this context, and sentences with values.

English is the source: a sentence is written once, where it is said, and is its own key in the catalogues (gettext).
`_("…")` is for constants and tables, `line("… {name}", name=…)` for what is said now, `ngettext` where a number decides.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache, lru_cache
from gettext import c2py
from importlib.resources import files
from string import Formatter, ascii_letters
from typing import Any, Self


class Language(StrEnum):
    """A language that the bot speaks, by its code."""

    ENGLISH = "en"
    JAPANESE = "ja"
    SPANISH = "es"
    PSEUDO = "en-XA"
    """For developers: English, with an accent on each letter that is in the catalogues. What has none is data, or forgotten."""


SPOKEN = (Language.ENGLISH, Language.JAPANESE, Language.SPANISH)
"""The languages that people may choose."""


@dataclass(frozen=True, slots=True)
class Conventions:
    """How a language writes lists, numbers and dates, as CLDR has it. Babel's tables of that take 6 MB of memory."""

    comma: str = ", "
    """What stands between the entries of a list."""
    last_comma: str = ", and "
    """What stands before the last of three or more."""
    conjunction: str = " and "
    """What stands between two."""
    thousands: str = ","
    decimals: str = "."
    day: str = "{day} {month} {year}"
    """English has the day first here, which nobody misreads: its own locale has it second."""
    months: str = "Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec"
    space: str = " "
    """What stands between two sentences."""


CONVENTIONS = {
    Language.JAPANESE: Conventions(
        "、", "、", "、", day="{year}年{month}月{day}日", months="1,2,3,4,5,6,7,8,9,10,11,12", space=""
    ),
    Language.SPANISH: Conventions(
        ", ", " y ", " y ", ".", decimals=",", months="ene,feb,mar,abr,may,jun,jul,ago,sept,oct,nov,dic"
    ),
}
"""Of the languages that differ from English."""


class Catalogue:
    """The sentences of a language, and how it writes dates, numbers and lists."""

    def __init__(self, spoken: Language) -> None:
        """Read the .po file of the language; nothing else has to be built. English needs none."""
        self.conventions = CONVENTIONS.get(spoken, Conventions())
        path = files(__package__) / "locale" / spoken / "LC_MESSAGES" / "messages.po"
        self.translations = translations(path.read_text("utf-8") if path.is_file() else "")
        """By English sentence: its translation, or its plural forms."""
        [header] = self.translations.pop("", [""])
        plural = re.search(r"plural=(.*);", header)
        self.form_of = c2py(plural[1] if plural else "n != 1")
        self._english = _accented if spoken is Language.PSEUDO else str.__str__
        self.sentence = cache(self._sentence)
        self.template = cache(_taken_apart)
        """A sentence as the texts in it, with the name of the value that follows each."""

    def _sentence(self, english: str) -> str:
        """A sentence in this language: English where there is no translation."""
        translation, *_ = self.translations.get(english, [""])
        return translation or self._english(english)

    def plural(self, one: str, other: str, count: int) -> str:
        """The form of a sentence for a number."""
        form = self.form_of(count)
        forms = self.translations.get(one)
        return forms[form] if forms else self.sentence(other if form else one)

    def number(self, value: float, decimals: int | None = None) -> str:
        """A number with the separators of the language: 12,345 or 12,345.678. `decimals`: how many; else at most three."""
        if isinstance(value, int) and 0 <= value < 1000 and decimals is None:  # noqa: PLR2004
            return str(value)
        shown = f"{Decimal(str(value)):,.{3 if decimals is None else decimals}f}"
        if decimals is None:
            shown = shown.rstrip("0").removesuffix(".")
        how = self.conventions
        return shown.translate({ord(","): how.thousands, ord("."): how.decimals})

    def date(self, at: datetime) -> str:
        """A day: 28 Jan 2019."""
        how = self.conventions
        return how.day.format(day=at.day, month=how.months.split(",")[at.month - 1], year=at.year)


_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PART = re.compile(rf"^(msgid|msgstr)\S* ((?:{_QUOTED}\s*)+)", re.MULTILINE)


def translations(po: str) -> dict[str, list[str]]:
    """What a .po file as Babel writes it says: for each sentence its translation, or its plural forms. The header's key is ""."""
    found: dict[str, list[str]] = {}
    for entry in po.split("\n\n"):
        parts = [
            (keyword, "".join(map(json.loads, re.findall(_QUOTED, strings))))
            for keyword, strings in _PART.findall(entry)
        ]
        found |= {parts[0][1]: [text for keyword, text in parts if keyword == "msgstr"]} if parts else {}
    return found


def _taken_apart(sentence: str) -> tuple[tuple[str, str | None], ...]:
    return tuple((before, name) for before, name, _, _ in Formatter().parse(sentence))


_ACCENTS = str.maketrans(ascii_letters, "åƀçđéƒĝĥîĵķļɱñöþɋŕšţûṽŵẋýžÅƁÇĐÉƑĜĤÎĴĶĻṀÑÖÞɊŔŠŢÛṼŴẊÝŽ")


def _accented(message: str) -> str:
    parts = ((text.translate(_ACCENTS), name) for text, name in _taken_apart(str.__str__(message)))
    return "".join(text + (f"{{{name}}}" if name else "") for text, name in parts)


catalogue = cache(Catalogue)
"""The catalogue of a language, read at first use."""
_current: ContextVar[Catalogue] = ContextVar("language", default=catalogue(Language.ENGLISH))  # noqa: B039 - it is only added to


@contextmanager
def language(spoken: Language) -> Iterator[None]:
    """While the context is open, sentences are made in this language."""
    token = _current.set(catalogue(spoken))
    try:
        yield
    finally:
        _current.reset(token)


def speak(spoken: Language) -> None:
    """From now on, sentences of this task are made in this language.

    For middleware: Bolt runs a listener in the task of its middleware, but after the middleware has returned.
    """
    _current.set(catalogue(spoken))


def current() -> Catalogue:
    """The catalogue of now."""
    return _current.get()


def spoken_in(locale: str) -> Language | None:
    """The language of a locale such as ja-JP, es_MX.UTF-8 or C; None when the bot does not speak it."""
    tag = locale.partition(".")[0].replace("_", "-")
    known = (one for one in (tag, tag.partition("-")[0].lower()) if one in set(Language))
    return next(map(Language, known), None)


class _Lazy(str):
    """A sentence that is made before it is known who reads it: it is equal to its English text, and shown translated."""

    __slots__ = ()

    def __str__(self) -> str:
        return _current.get().sentence(self)

    def __radd__(self, other: str) -> str:
        return other + str(self)


def _on_translation(name: str) -> Callable[..., Any]:
    return lambda lazy, *args, **values: getattr(str(lazy), name)(*args, **values)


_METHODS = {name for name in dir(str) if not name.startswith("_")}
_OPERATORS = ("add", "contains", "format", "getitem", "iter", "len", "mod")
for _name in (*_METHODS, *(f"__{one}__" for one in _OPERATORS)):
    setattr(_Lazy, _name, _on_translation(_name))


def lazy_gettext(message: str) -> str:
    """A sentence that is translated each time it is shown: `str()`, an f-string, `pieces` and `localized` translate it."""
    return _Lazy(message)


UNTRANSLATED = frozenset({str, int, bool, type(None)})


def localized(shown: Any) -> Any:
    """JSON such as blocks or a view, with its sentences in the language of now, and as plain strings."""
    match shown:
        case {"type": "rich_text"}:  # views make it of plain strings
            return shown
        case dict():
            return {key: one if type(one) in UNTRANSLATED else localized(one) for key, one in shown.items()}
        case list() | tuple():
            return [one if type(one) in UNTRANSLATED else localized(one) for one in shown]
        case str():
            return str(shown)
        case _:
            return shown


def listed(items: Iterable[str]) -> str:
    """Several things in a sentence: "a, b, and c"."""
    how, told = _current.get().conventions, list(map(str, items))
    if len(told) <= 2:  # noqa: PLR2004
        return how.conjunction.join(told)
    return how.comma.join(told[:-1]) + how.last_comma + told[-1]


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
        return _written(self.at, self.shape, _current.get())


@lru_cache(maxsize=1024)
def _written(moment: datetime, shape: Shape, now: Catalogue) -> str:
    at = moment.astimezone(UTC)
    if shape in (Shape.TIME, Shape.SECOND):
        return f"{at:%H:%M} UTC" if shape is Shape.TIME else f"{at:%H:%M:%S} UTC"
    day = now.date(at)
    return day if shape is Shape.DAY else f"{day} {at:%H:%M} UTC"


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

    def __new__(cls, *pieces: Piece, text: str | None = None) -> Self:
        """From its pieces, in order. `text`: what they are together, where that is known."""
        made = super().__new__(cls, "".join(map(str, pieces)) if text is None else text)
        made.pieces = pieces
        return made


def pieces(text: str) -> tuple[Piece, ...]:
    """What a text consists of; a plain string is one piece."""
    return text.pieces if isinstance(text, Line) else (str(text),)


def line(template: str, **values: Piece | int) -> Line:
    """A sentence: `line("out of quota until {at}", at=Moment(…))`. What a value holds is not read as a template.

    The catalogues have the template. A number is written as the language writes it.
    """
    now = _current.get()
    return _filled(now, now.sentence(template), values)


def ngettext(one: str, other: str, count: int, **values: Piece | int) -> Line:
    """A sentence with `{count}`, in the form that the language has for that number."""
    now = _current.get()
    return _filled(now, now.plural(one, other, count), {"count": count, **values})


def _filled(now: Catalogue, sentence: str, values: dict[str, Piece | int]) -> Line:
    filled: list[Piece] = []
    texts: list[str] = []
    for before, name in now.template(sentence):
        filled += [before] if before else []
        texts.append(before)
        if name is not None:
            value = values[name]
            shown = now.number(value) if isinstance(value, int) else value
            texts.append(str(shown))
            plain = texts[-1] if isinstance(shown, str) else shown
            filled += shown.pieces if isinstance(shown, Line) else (plain,)
    return Line(*filled, text="".join(texts))


def join(separator: str, texts: Iterable[str]) -> Line:
    """Texts as one, without those that are empty."""
    told = [text for text in texts if text]
    joined: list[Piece] = []
    for text in told:
        joined += (str(separator), *(text.pieces if isinstance(text, Line) else (str(text),)))
    return Line(*joined[1:], text=str(separator).join(map(str, told)))


def enumerated(texts: Iterable[str]) -> Line:
    """Values one after another, without those that are empty: "a, b, c"."""
    return join(_current.get().conventions.comma, texts)


def sentences(*texts: str) -> Line:
    """Sentences one after another, without those that are empty."""
    return join(_current.get().conventions.space, texts)
