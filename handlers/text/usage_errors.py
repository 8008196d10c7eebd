"""What was typed wrongly, as sentences: one for every usage error, each with a correct example."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from handlers import usage_errors as asked
from handlers.text import files
from handlers.text.format import EVERYBODY, Audience, Sentence, cut
from vt.actions import ACTIONS, BY_KEY, Action
from vt.indicators import defang

MOST_NAMED = 10
"""Wrong values that are named; a command has at most 100."""
TAKES: Mapping[str, str] = {
    "scan-ip": "an IP address",
    "scan-hash": "a hash",
    "scan-url": "a URL",
    "domain-report": "a domain or email address",
    "scan-file": "a file path",
}
"""What each action takes, by the action's key."""


def usage(action: Action) -> str:
    """How an action is typed."""
    return f"/vt {action.key} {action.example}"


def takes(action: Action) -> str:
    """What an action takes, with its article."""
    return TAKES.get(action.key, f"right for {action.key}")


def _wrong_value(wrong: asked.WrongValue) -> str:
    if wrong.fits:
        return f"{_why_wrong(wrong)}. Try: /vt {wrong.fits.key} {defang(cut(wrong.value, 80))}"
    return f"{_why_wrong(wrong)}. Example: {usage(wrong.action)}"


def _no_rescan(_: asked.NoRescan) -> str:
    takers = [action.key for action in ACTIONS if action.rescans]
    example = f"{usage(BY_KEY[takers[0]])} --rescan-after-days 30"
    return f"--rescan-after-days works only with {' and '.join(takers)}. Example: {example}"


def _bad_number(wrong: asked.BadNumber) -> str:
    example = f"{wrong.option} {max(wrong.least, 3)}"
    typed = f"{usage(wrong.action)} {example}" if wrong.action else example
    return f"{wrong.option} needs a whole number from {wrong.least} to {wrong.most}. Example: {typed}"


def wrong_values(wrong: Sequence[asked.WrongValue]) -> str:
    """The values of a command that are not looked up, while the others are; "" when there are none."""
    if not wrong:
        return ""
    named = [_why_wrong(one) for one in wrong[:MOST_NAMED]]
    if len(wrong) > MOST_NAMED:
        named.append(f"{len(wrong) - MOST_NAMED} more")
    return f"Not looked up: {'; '.join(named)}. The other values are being looked up."


def _why_wrong(wrong: asked.WrongValue) -> str:
    shown = defang(cut(wrong.value, 80))
    if wrong.fits:
        return f"{shown} is {takes(wrong.fits)}, not {takes(wrong.action)}"
    return f"{shown} is not {takes(wrong.action)}"


USAGE_ERRORS: Mapping[type[asked.UsageError], Callable[[Any], str | Sentence]] = {
    asked.UnknownCommand: lambda e: (
        f"There is no command {cut(e.word, 40)}. Did you mean /vt {e.nearest}? See /vt help for all commands."
    ),
    asked.UnknownOption: lambda e: (
        f"There is no option {cut(e.option, 40)}. Options: --threshold 3, --rescan-after-days 30, --host NAME, --share, --fresh."
    ),
    asked.BadNumber: _bad_number,
    asked.NoRescan: _no_rescan,
    asked.NoValue: lambda e: f"Nothing to look up. Example: {usage(e.action)}",
    asked.WrongValue: _wrong_value,
    asked.NothingFound: lambda _: (
        "I found no IP address, hash, URL, domain or email address in that. Example: /vt scan-ip 192.0.2.1, or see /vt help"
    ),
    asked.PasswordTyped: lambda _: files.IN_A_COMMAND,
    asked.NoHost: lambda _: files.NO_HOST,
    asked.TooMany: lambda e: f"That's {e.count}; the limit is {e.most} per request. Send them in parts.",
    asked.TooLong: lambda e: f"That's too long; the limit is {e.most:,} characters. Send it in parts.",
}


def usage_error(wrong: asked.UsageError, audience: Audience = EVERYBODY) -> str:
    """What is wrong, and a correct example."""
    sentence = USAGE_ERRORS[type(wrong)](wrong)
    return sentence.to(audience) if isinstance(sentence, Sentence) else sentence
