"""The command parser: a line after /vt becomes a Command with its Options, or a UsageError that says what is wrong with it.

A line that may hold a password is refused: it would be stored. Pure.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any, Literal

from handlers import commands
from handlers.commands import Command, LookupCommand, Options, WrongValue
from handlers.request import Verb
from vt import extract
from vt.actions import BY_KEY, Action, fitting
from vt.evidence import Thresholds
from vt.files.hosts import host_place
from vt.indicators import Indicator, Kind, host_of, read, split_values, unescape_markup
from vt.lookup import Lookup

MOST_VALUES = 100
"""Values that one command may have."""
LONGEST = 12_000
"""Characters of a line, also of messages and forms."""
MOST_PICTURES = 3
"""Values that one /vt report may have: each is a picture."""
REPORT = "report"
"""The command that draws what is on record."""
FORM = "form"
"""The command that opens the form, with what follows it already filled in."""

NO_OPTIONS = Options()

_PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")
_AUTOLINK = re.compile(r"<(?:https?://|mailto:)([^<>|]+?)/?\|\1/?>")
"""What Slack makes of a bare domain or mail address: `<http://a.example|a.example>`."""
_PATHS = re.compile(r",|\s+(?=/)")
"""Paths are separated by commas, or by spaces where the next one starts with a slash: a path may contain spaces."""
_COMMAND = re.compile(r"[a-z]+(?:-[a-z]+)+|[a-z]+")


PLAIN: Mapping[str, commands.InfoCommand | commands.SettingsCommand] = {
    "ping": commands.InfoCommand(Verb.PING),
    "quota": commands.InfoCommand(Verb.QUOTA),
    "help": commands.InfoCommand(Verb.HELP),
    "settings": commands.SettingsCommand(),
}
"""Commands that take no arguments."""
WATCHING: Mapping[str, Literal[Verb.WATCH, Verb.IGNORE]] = {"watch": Verb.WATCH, "ignore": Verb.IGNORE}


def parse(text: str, thresholds: Thresholds, *, has_entities: bool = True) -> Command:
    """Parse a line after /vt. Raises UsageError.

    `thresholds`: for actions without `--threshold`. `has_entities`: the line has `&`, `<` and `>` as
    entities, as Slack sends them.
    """
    if len(text) > LONGEST:
        raise commands.TooLong(LONGEST)
    text = with_hyphens(text).strip()
    first, _, rest = text.partition(" ")
    word = first.lower()
    if word == FORM:
        return _form(rest.strip())
    if word in (*WATCHING, *PLAIN) and (unknown := commands.ANY_OPTION.search(rest)):
        raise commands.UnknownOption(unknown[0].partition("=")[0], command=word)
    if word in WATCHING:
        return commands.WatchCommand(WATCHING[word], rest.strip())
    if word in ("", *PLAIN):
        return PLAIN[word or "help"]
    if word == REPORT:
        return _report(rest, thresholds)
    if word in BY_KEY:
        return _action(BY_KEY[word], rest, thresholds, has_entities=has_entities)
    return _free_text(text, word, thresholds)


def _form(text: str) -> commands.FormCommand:
    """The text is stored until the form is submitted, so it must not contain a password."""
    is_about_files = _password_in_file_command(text) and _PATH.search(text)
    if is_about_files or _password_in_text(text) or _SERVER.search(text):
        raise commands.PasswordTyped
    parse_options(text, strict=False)
    return commands.FormCommand(text)


def _report(rest: str, thresholds: Thresholds) -> commands.ReportCommand:
    """Indicators whose record is drawn. `--share` is the only option."""
    if _password_in_text(rest):
        raise commands.PasswordTyped
    options, values = parse_options(_AUTOLINK.sub(r"\1", rest), strict=True)
    given = asdict(replace(options, share=False))
    if refused := next((name for name, value in given.items() if value not in (None, False)), ""):
        raise commands.UnknownOption(f"--{refused.replace('_', '-')}", command=REPORT, taken="--share")
    found = extract(values, unknown_hosts=True)
    if not found:
        raise commands.NothingFound(f"/vt {REPORT} 192.0.2.1")
    if len(found) > MOST_PICTURES:
        raise commands.TooMany(len(found), MOST_PICTURES)
    return commands.ReportCommand(
        tuple(new_lookup(one, fitting(one.kind), thresholds) for one in found), options.share
    )


def _action(action: Action, rest: str, thresholds: Thresholds, *, has_entities: bool) -> LookupCommand:
    """An action by its name: unknown options are refused, and the values must fit."""
    if action.files and _password_in_file_command(rest):
        raise commands.PasswordTyped
    try:
        options, text = parse_options(_AUTOLINK.sub(r"\1", rest), strict=True)
    except commands.BadNumber as wrong:
        raise replace(wrong, action=action) from None
    check_options(action, options)
    # Indicators are unescaped when they are read; a path is taken literally.
    values = unescape_markup(text) if has_entities and action.files else text
    return parse_values(action, values, options, thresholds, partial=True)


def _free_text(text: str, word: str, thresholds: Thresholds) -> LookupCommand:
    """Any other text: every indicator in it, each with the action that fits."""
    if _password_in_text(text):
        raise commands.PasswordTyped
    options, rest = parse_options(text, strict=False)
    nearest = difflib.get_close_matches(word, [*BY_KEY, *PLAIN, *WATCHING, REPORT], n=1, cutoff=0.75)
    if nearest and _COMMAND.fullmatch(word):
        raise commands.UnknownCommand(word, nearest[0])
    return parse_values(None, rest, options, thresholds)


def parse_values(
    action: Action | None,
    text: str,
    options: Options,
    thresholds: Thresholds,
    *,
    partial: bool = False,
) -> LookupCommand:
    """An action's values, or without an action every indicator in the text. Raises UsageError.

    `partial`: wrong values are named in the command while there is a right one; otherwise the first is raised.
    """
    if action is None:
        return with_action(None, extract(text, unknown_hosts=True), options, thresholds)
    if action.files:
        return _files(action, text, options, thresholds)
    people = tuple(dict.fromkeys(_PERSON.findall(text))) if action.key == "domain-report" else ()
    words = split_values(_PERSON.sub(" ", text) if people else text)
    indicators, wrong = _values(action, words)
    if wrong and not (partial and (indicators or people)):
        raise wrong[0]
    if not indicators and not people:
        raise commands.NoValue(action)
    lookups = _lookups(((indicator, action) for indicator in indicators), options, thresholds)
    return replace(_command(lookups, options, people), wrong=tuple(wrong))


def with_action(
    action: Action | None, found: Iterable[Indicator], options: Options, thresholds: Thresholds
) -> LookupCommand:
    """Look up indicators that were found before, with this action or each with the one that fits. Raises UsageError."""
    wanted = [(_as_taken(action, one), action) if action else (one, fitting(one.kind)) for one in found]
    if not wanted:
        raise commands.NothingFound
    return _command(_lookups(wanted, options, thresholds), options)


def _files(action: Action, text: str, options: Options, thresholds: Thresholds) -> LookupCommand:
    if _password_in_file_command(text):
        raise commands.PasswordTyped
    place = host_place(options.host) if options.host else ""
    paths = dict.fromkeys(piece.strip() for piece in _PATHS.split(text) if piece.strip())
    if not paths:
        raise commands.NoValue(action)
    threshold = options.threshold or thresholds.of(action)
    return _command(tuple(Lookup.of_file(path, action, threshold, place) for path in paths), options)


def _command(lookups: tuple[Lookup, ...], options: Options, people: tuple[str, ...] = ()) -> LookupCommand:
    if len(lookups) + len(people) > MOST_VALUES:
        raise commands.TooMany(len(lookups) + len(people), MOST_VALUES)
    return LookupCommand(lookups, people, options.share, options.fresh)


def _lookups(
    wanted: Iterable[tuple[Indicator, Action]], options: Options, thresholds: Thresholds
) -> tuple[Lookup, ...]:
    """One for each different indicator."""
    return tuple(
        new_lookup(indicator, action, thresholds, options) for indicator, action in dict(wanted).items()
    )


def new_lookup(
    indicator: Indicator, action: Action, thresholds: Thresholds, options: Options = NO_OPTIONS
) -> Lookup:
    """A new lookup of an indicator."""
    threshold = options.threshold or thresholds.of(action)
    lookup = Lookup.of(indicator, action, threshold, options.rescan_after_days)
    return lookup.model_copy(update={"criteria": thresholds.hosts})


def _values(action: Action, words: Iterable[str]) -> tuple[list[Indicator], list[WrongValue]]:
    """The values that the action takes, and what is wrong with each of the others."""
    indicators: list[Indicator] = []
    wrong: list[WrongValue] = []
    for word in words:
        indicator = read(word)
        if indicator is None:
            wrong.append(WrongValue(action, word, None))
            continue
        try:
            indicators.append(_as_taken(action, indicator))
        except WrongValue as error:
            wrong.append(error)
    return indicators, wrong


def _as_taken(action: Action, indicator: Indicator) -> Indicator:
    """The indicator as the action takes it. scan-url takes a host as a URL, domain-report a URL or mail address by its host."""
    if indicator.kind in action.kinds:
        return indicator
    if action.key == "scan-url" and indicator.kind in (Kind.DOMAIN, Kind.IPV4):
        return read(f"http://{indicator.value}/") or indicator
    host = host_of(indicator)
    if action.key == "domain-report" and host and host.kind is Kind.DOMAIN:
        return replace(host, written=indicator.written)
    raise WrongValue(action, indicator.written or indicator.value, fitting(indicator.kind))


# Options ----------------------------------------------------------------------------------------------


def parse_options(text: str, *, strict: bool, pasted: str = "") -> tuple[Options, str]:
    """The options, and the text without them. Raises UsageError for those that do not exist.

    Unless it is `strict`, the text may look like a log, in which unknown options are errors only if they nearly are
    ours. Those in `pasted`, the part of the text that came from somebody's message, never are.
    """
    values: dict[str, list[str]] = {}
    for match in _WITH_VALUE.finditer(text):
        values.setdefault(match[1], []).append(match[2] or "")
    rest = _WITH_VALUE.sub(" ", text)
    found: dict[str, Any] = dict.fromkeys(_FLAG.findall(rest), True)
    rest = _FLAG.sub(" ", rest)
    for name, given in values.items():  # two different ones are neither a number nor the name of a server
        found[name.replace("-", "_")] = _VALUED[name](name, ", ".join(dict.fromkeys(given)))
    if not strict or commands.ANY_OPTION.search(rest):
        commands.refuse_unknown_options(rest, strict=strict, pasted=pasted)
    return Options(**found), rest


def parse_file_options(line: str) -> tuple[Options, str]:
    """The options among the paths of a form's field, and the paths. Raises UsageError."""
    if _password_in_file_command(line):
        raise commands.PasswordTyped
    return parse_options(with_hyphens(line), strict=True)


def check_options(action: Action | None, options: Options) -> None:
    """Raises NoRescan when the action does not take `--rescan-after-days`."""
    if action and not action.rescans and options.rescan_after_days is not None:
        raise commands.NoRescan(action)


def parse_number(option: str, value: str) -> int:
    """The value of an option that takes a number: `parse_number("threshold", "3")`. Raises BadNumber."""
    return int(_VALUED[option](option, value))


def with_hyphens(line: str) -> str:
    """The line with `--` before each option, where a keyboard made a dash of the hyphens or markup stands before them."""
    dashes = (
        rf"(?<!\S)[\u200b\u2060\ufeff]*(?:-*[{_DASHES}][-{_DASHES}]*(?=[a-z]|(?i:{_NAMES})\b)|(?=--?[a-z]))"
    )
    line = re.sub(dashes, lambda found: "--" if found[0].strip("\u200b\u2060\ufeff") else "", line)
    return re.sub(rf"(?:[`*_~(\"'\u201c\u2018,;\\]+--|(?<=\S)[\u2013\u2014]+)(?=(?:{_NAMES})\b)", " --", line)


def _number(least: int, most: int) -> Callable[[str, str], int]:
    def reader(name: str, value: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", value) or not least <= int(value) <= most:
            raise commands.BadNumber(f"--{name}", value, least, most)
        return int(value)

    return reader


def _host(_: str, value: str) -> str:
    if not value:
        raise commands.NoHost
    return parse_host(value)


_VALUED: Mapping[str, Callable[[str, str], Any]] = {
    "threshold": _number(1, 200),
    "rescan-after-days": _number(0, 3650),
    "host": _host,
}
_NAMES = "|".join(commands.OPTION_NAMES)
_DASHES = "\u2010-\u2015\u2212\u2500\u2e3a\u2e3b\u30fc\ufe58\ufe63\uff0d"  # what keyboards make of hyphens
_WITH_VALUE = re.compile(rf"(?<!\S)--({'|'.join(_VALUED)})(?:(?:=|\s+)(?!--)(\S+)|(?=\s|$))")
_FLAG = re.compile(rf"(?<!\S)--({'|'.join(commands.FLAGS)})(?!\S)")


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
_LOGIN = re.compile("(?s):.*@")


def _password_in_text(text: str) -> bool:
    """Whether a text about anything has a password as an option. Merely mentioning passwords is what people look up."""
    return _OPTION.search(text) is not None


def _password_in_file_command(line: str) -> bool:
    """Whether a line about files may hold a password. It is better to refuse a harmless line than to store a password."""
    return _TYPED.search(line) is not None


def parse_host(name: str) -> str:
    """The name of a server, which is stored and shown. Raises PasswordTyped when a login is in it."""
    if _LOGIN.search(name) or _password_in_file_command(name):
        raise commands.PasswordTyped
    return name
