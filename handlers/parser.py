"""What someone typed after /vt, turned into what is wanted, or into what is wrong with it. Pure."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from handlers.files import passwords
from handlers.options import Options, hyphens, taken
from handlers.request import Verb
from handlers.usage_errors import (
    NoRescan,
    NothingFound,
    NoValue,
    PasswordTyped,
    TooLong,
    TooMany,
    UnknownCommand,
    WrongValue,
)
from vt import extract
from vt.actions import BY_KEY, Action, fitting
from vt.files.places import on_host
from vt.indicators import Indicator, Kind, host_of, read
from vt.indicators.markup import unescaped
from vt.lookup import Lookup

MOST_VALUES = 100
LONGEST = 12_000
"""Characters; Slack's own limit is below."""
PLAIN_VERBS = {"ping": Verb.PING, "quota": Verb.QUOTA, "help": Verb.HELP, "settings": Verb.SETTINGS}
WITH_TEXT = {"watch": Verb.WATCH, "ignore": Verb.IGNORE}
"""Read what follows by themselves."""
FORM = "form"
"""Opens the form, with what follows in it."""

_PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")
_AUTOLINK = re.compile(r"<(?:https?://|mailto:)([^<>|]+?)/?\|\1/?>")
"""What Slack makes of a bare domain or mail address: `<http://a.example|a.example>`."""
_PATHS = re.compile(r",|\s+(?=/)")
_COMMAND = re.compile(r"[a-z]+(?:-[a-z]+)+|[a-z]+")


@dataclass(frozen=True, slots=True)
class Command:
    """What is wanted."""

    verb: Verb
    lookups: tuple[Lookup, ...] = ()
    people: tuple[str, ...] = ()
    share: bool = False
    fresh: bool = False
    text: str = ""
    """What is to stand in the form, or followed the command's word."""


def parse(text: str, thresholds: Mapping[str, int], *, escaped: bool = True) -> Command:
    """What a line after /vt asks for; `escaped`: with `&`, `<` and `>` as Slack sends them. Raises Misuse."""
    if len(text) > LONGEST:
        raise TooLong(LONGEST)
    text = hyphens(text).strip()
    first, _, rest = text.partition(" ")
    word = first.lower()
    if word == FORM:
        return _for_form(rest.strip())
    if word in WITH_TEXT:
        return Command(WITH_TEXT[word], text=rest.strip())
    if word in ("", *PLAIN_VERBS):
        return Command(PLAIN_VERBS[word or "help"])
    if word in BY_KEY:
        return _named(BY_KEY[word], rest, thresholds, escaped=escaped)
    return _found(text, word, thresholds)


def _for_form(text: str) -> Command:
    """What is to stand in the form is kept until it is sent."""
    if passwords.beside_a_path(text):
        raise PasswordTyped
    return Command(Verb.FORM, text=text)


def _named(action: Action, rest: str, thresholds: Mapping[str, int], *, escaped: bool) -> Command:
    """An action by its name: its options are known, and its values must fit."""
    if action.files and passwords.typed(rest):
        raise PasswordTyped
    options, text = taken(_AUTOLINK.sub(r"\1", rest), strict=True)
    check(action, options)
    # An indicator is read with whatever stands around it; a path is taken as it stands.
    return chosen(action, unescaped(text) if escaped and action.files else text, options, thresholds)


def _found(text: str, word: str, thresholds: Mapping[str, int]) -> Command:
    """Any text: whatever is in it, each with the action that fits."""
    if passwords.given(text):
        raise PasswordTyped
    options, rest = taken(text, strict=False)
    nearest = difflib.get_close_matches(word, [*BY_KEY, *PLAIN_VERBS, *WITH_TEXT], n=1, cutoff=0.75)
    if nearest and _COMMAND.fullmatch(word):
        raise UnknownCommand(word, nearest[0])
    return chosen(None, rest, options, thresholds)


def check(action: Action | None, options: Options) -> None:
    """Does the action take these options? Raises NoRescan."""
    if action and not action.rescans and options.rescan_after_days is not None:
        raise NoRescan(action)


def chosen(action: Action | None, text: str, options: Options, thresholds: Mapping[str, int]) -> Command:
    """An action's values, or without an action whatever is in the text, as typed or filled in. Raises Misuse."""
    if action is None:
        return ticked(None, extract(text), options, thresholds)
    if action.files:
        return _files(action, text, options, thresholds)
    people = tuple(dict.fromkeys(_PERSON.findall(text))) if action.key == "domain-report" else ()
    indicators = _values(action, _PERSON.sub(" ", text) if people else text)
    lookups = _lookups(((indicator, action) for indicator in indicators), options, thresholds)
    if not lookups and not people:
        raise NoValue(action)
    return _command(lookups, options, people)


def ticked(
    action: Action | None, found: Iterable[Indicator], options: Options, thresholds: Mapping[str, int]
) -> Command:
    """Indicators that were found before: with an action, they must fit. Raises Misuse."""
    wanted = [(_fit(action, one), action) if action else (one, fitting(one.kind)) for one in found]
    if not wanted:
        raise NothingFound
    return _command(_lookups(wanted, options, thresholds), options)


def _files(action: Action, text: str, options: Options, thresholds: Mapping[str, int]) -> Command:
    if passwords.typed(text):
        raise PasswordTyped
    threshold, place = _threshold(action, options, thresholds), on_host(options.host) if options.host else ""
    lookups = tuple(Lookup.of_file(path, action, threshold, place) for path in _paths(text))
    if not lookups:
        raise NoValue(action)
    return _command(lookups, options)


def _command(lookups: tuple[Lookup, ...], options: Options, people: tuple[str, ...] = ()) -> Command:
    if len(lookups) + len(people) > MOST_VALUES:
        raise TooMany(len(lookups) + len(people), MOST_VALUES)
    return Command(Verb.LOOK_UP, lookups, people, share=options.share, fresh=options.fresh)


def _lookups(
    wanted: Iterable[tuple[Indicator, Action]], options: Options, thresholds: Mapping[str, int]
) -> tuple[Lookup, ...]:
    unique = dict(wanted)
    return tuple(
        Lookup.of(indicator, action, _threshold(action, options, thresholds), options.rescan_after_days)
        for indicator, action in unique.items()
    )


def _threshold(action: Action, options: Options, thresholds: Mapping[str, int]) -> int:
    return options.threshold or thresholds.get(action.key, action.threshold)


def _paths(text: str) -> list[str]:
    """Paths by comma, or by space where the next one begins with a slash, so that a path may hold spaces."""
    return list(dict.fromkeys(piece.strip() for piece in _PATHS.split(text) if piece.strip()))


def _values(action: Action, text: str) -> list[Indicator]:
    return [_value(action, word) for word in re.split(r"[\s,]+", text) if word]


def _value(action: Action, word: str) -> Indicator:
    indicator = read(word)
    if indicator is None:
        raise WrongValue(action, word, None)
    return _fit(action, indicator)


def _fit(action: Action, indicator: Indicator) -> Indicator:
    """A value that fits the action. A domain report also takes a URL or a mail address for its host."""
    if indicator.kind in action.kinds:
        return indicator
    if action.key == "scan-url" and indicator.kind in (Kind.DOMAIN, Kind.IPV4):
        return read(f"http://{indicator.value}/") or indicator
    host = host_of(indicator)
    if action.key == "domain-report" and host and host.kind is Kind.DOMAIN:
        return replace(host, asked=indicator.asked)
    raise WrongValue(action, indicator.asked or indicator.value, fitting(indicator.kind))
