"""What was typed wrongly, as sentences: one for every misuse, each with the right form."""

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


def _wrong_value(misuse: asked.WrongValue) -> str:
    shown = defang(cut(misuse.value, 80))
    if misuse.fits:
        return f"{shown} does not fit {misuse.action.key}. Try: /vt {misuse.fits.key} {shown}"
    return f"{shown} is no {misuse.action.needs}. The right form: {usage(misuse.action)}"


def _no_rescan(misuse: asked.NoRescan) -> str:
    takers = [action.key for action in ACTIONS if action.rescans]
    return f"{misuse.action.key} takes no --rescan-after-days, only {' and '.join(takers)} do: {usage(BY_KEY[takers[0]])} --rescan-after-days 30"


MISUSES: Mapping[type[asked.Misuse], Callable[[Any], str]] = {
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


def misuse(wrong: asked.Misuse) -> str:
    """What is wrong, and the right form."""
    return MISUSES[type(wrong)](wrong)
