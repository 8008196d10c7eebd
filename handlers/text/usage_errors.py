"""What is wrong with what somebody typed, as sentences with a correct example. They are plain text."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from handlers.commands import (
    BadNumber,
    NoHost,
    NoRescan,
    NothingFound,
    NoValue,
    PasswordTyped,
    TooLong,
    TooMany,
    UnknownCommand,
    UnknownOption,
    UsageError,
    WrongValue,
)
from handlers.text import files
from handlers.text.format import EVERYBODY, Audience, Sentence, clauses, typed
from handlers.text.language import lazy_gettext as _
from handlers.text.language import line, listed, ngettext, sentences
from vt.actions import ACTIONS, BY_KEY, Action

MOST_NAMED = 10
"""Wrong values that are named; a command has at most 100."""
TAKES: Mapping[str, str] = {
    "scan-ip": _("an IP address"),
    "scan-hash": _("a hash"),
    "scan-url": _("a URL"),
    "domain-report": _("a domain or email address"),
    "scan-file": _("a file path"),
}
"""What each action takes, by the action's key."""


def usage(action: Action) -> str:
    """How an action is typed."""
    return f"/vt {action.key} {action.example}"


def takes(action: Action) -> str:
    """What an action takes, with its article."""
    return TAKES.get(action.key) or line("right for {action}", action=action.key)


def _wrong_value(wrong: WrongValue) -> str:
    if wrong.suggested:
        return line(
            "{why}. Try: /vt {command} {value}",
            why=_why_wrong(wrong),
            command=wrong.suggested.key,
            value=typed(wrong.value, 80),
        )
    return line("{why}. Example: {example}", why=_why_wrong(wrong), example=usage(wrong.action))


def _no_rescan(_: NoRescan) -> str:
    takers = [action.key for action in ACTIONS if action.rescans]
    example = f"{usage(BY_KEY[takers[0]])} --rescan-after-days 30"
    return line(
        "--rescan-after-days works only with {actions}. Example: {example}",
        actions=listed(takers),
        example=example,
    )


def _unknown_option(wrong: UnknownOption) -> str:
    """Every option is named, and the one that was probably meant."""
    shown = typed(wrong.option, 40)
    if wrong.command and wrong.taken:
        return line(
            "/vt {command} takes only {taken}: leave out {option}.",
            command=wrong.command,
            taken=wrong.taken,
            option=shown,
        )
    if wrong.command:
        return line(
            "/vt {command} takes no options: leave out {option}.", command=wrong.command, option=shown
        )
    return sentences(
        line("There is no option {option}.", option=shown),
        line("Did you mean {nearest}?", nearest=wrong.nearest) if wrong.nearest else "",
        line("Options: --threshold 3, --rescan-after-days 30, --host NAME, --share, --fresh."),
    )


def _bad_number(wrong: BadNumber) -> str:
    example = f"{wrong.option} {max(wrong.least, 3)}"
    typed = f"{usage(wrong.action)} {example}" if wrong.action else example
    return line(
        "{option} needs a whole number from {least} to {most}. Example: {example}",
        option=wrong.option,
        least=str(wrong.least),
        most=str(wrong.most),
        example=typed,
    )


def wrong_values(wrong: Sequence[WrongValue]) -> str:
    """The values of a command that are not looked up, while the others are; "" when there are none."""
    if not wrong:
        return ""
    named = [_why_wrong(one) for one in wrong[:MOST_NAMED]]
    if len(wrong) > MOST_NAMED:
        named.append(ngettext("{count} more", "{count} more", len(wrong) - MOST_NAMED))
    return line("Not looked up: {values}. The other values are being looked up.", values=clauses(named))


def _why_wrong(wrong: WrongValue) -> str:
    shown = typed(wrong.value, 80)
    if wrong.suggested:
        return line(
            "{value} is {other}, not {wanted}",
            value=shown,
            other=takes(wrong.suggested),
            wanted=takes(wrong.action),
        )
    return line("{value} is not {wanted}", value=shown, wanted=takes(wrong.action))


USAGE_ERRORS: Mapping[type[UsageError], Callable[[Any], str | Sentence]] = {
    UnknownCommand: lambda e: line(
        "There is no command {command}. Did you mean /vt {nearest}? See /vt help for all commands.",
        command=typed(e.word, 40),
        nearest=e.nearest,
    ),
    UnknownOption: _unknown_option,
    BadNumber: _bad_number,
    NoRescan: _no_rescan,
    NoValue: lambda e: line("Nothing to look up. Example: {example}", example=usage(e.action)),
    WrongValue: _wrong_value,
    NothingFound: lambda e: line(
        "I found no IP address, hash, URL, domain or email address in that. Example: {example}, or see /vt help",
        example=e.example,
    ),
    PasswordTyped: lambda _: files.IN_A_COMMAND,
    NoHost: lambda _: files.NO_HOST,
    TooMany: lambda e: line(
        "That's {count}; the limit is {most} per request. Send them in parts.", count=e.count, most=e.most
    ),
    TooLong: lambda e: line(
        "That's too long; the limit is {most} characters. Send it in parts.", most=e.most
    ),
}


def usage_error(wrong: UsageError, audience: Audience = EVERYBODY) -> str:
    """What is wrong, and a correct example."""
    sentence = USAGE_ERRORS[type(wrong)](wrong)
    return sentence.to(audience) if isinstance(sentence, Sentence) else sentence
