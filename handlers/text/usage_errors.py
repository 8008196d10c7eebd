"""What was typed wrongly, as sentences: one for every usage_error, each with the right form."""

from collections.abc import Callable, Mapping
from typing import Any

from handlers import usage_errors as asked
from handlers.text import files
from handlers.text.format import cut
from vt.actions import ACTIONS, BY_KEY, Action
from vt.indicators import defang


def usage(action: Action) -> str:
    """The right form of an action."""
    return f"/vt {action.key} {action.example}"


def _wrong_value(usage_error: asked.WrongValue) -> str:
    shown = defang(cut(usage_error.value, 80))
    if usage_error.fits:
        return f"{shown} does not fit {usage_error.action.key}. Try: /vt {usage_error.fits.key} {shown}"
    return f"{shown} is no {usage_error.action.needs}. The right form: {usage(usage_error.action)}"


def _no_rescan(usage_error: asked.NoRescan) -> str:
    takers = [action.key for action in ACTIONS if action.rescans]
    return f"{usage_error.action.key} takes no --rescan-after-days, only {' and '.join(takers)} do: {usage(BY_KEY[takers[0]])} --rescan-after-days 30"


USAGE_ERRORS: Mapping[type[asked.UsageError], Callable[[Any], str]] = {
    asked.UnknownCommand: lambda e: (
        f"There is no command {cut(e.word, 40)}. Did you mean /vt {e.nearest}? /vt help shows all."
    ),
    asked.UnknownOption: lambda e: (
        f"There is no option {cut(e.option, 40)}. Options: --threshold 3, --rescan-after-days 30, --host NAME, --share, --fresh."
    ),
    asked.BadNumber: lambda e: (
        f"{e.option} takes a whole number from {e.least} to {e.most}, as in: {usage(BY_KEY['scan-hash'])} {e.option} {max(e.least, 3)}"
    ),
    asked.NoRescan: _no_rescan,
    asked.NoValue: lambda e: f"What should be looked up? The right form: {usage(e.action)}",
    asked.WrongValue: _wrong_value,
    asked.NothingFound: lambda _: (
        "Nothing in this text can be looked up: no IP address, hash, URL, domain or mail address. As an example: /vt scan-ip 192.0.2.1"
    ),
    asked.PasswordTyped: lambda _: files.IN_A_COMMAND,
    asked.NoHost: lambda _: files.NO_HOST,
    asked.TooMany: lambda e: f"{e.count} at once are too many: at most {e.most}. Send them in parts.",
    asked.TooLong: lambda e: f"That is too long: at most {e.most:,} characters. Send it in parts.",
}


def usage_error(wrong: asked.UsageError) -> str:
    """What is wrong, and the right form."""
    return USAGE_ERRORS[type(wrong)](wrong)
