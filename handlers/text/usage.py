"""Sentences about what can be typed: the commands and what they do, the form, and what is wrong with it. They are plain text."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from handlers import commands
from handlers.text import files
from handlers.text.errors import filled
from handlers.text.format import EVERYBODY, Audience, Sentence, clauses, safe, said, typed
from handlers.text.language import Line, line, listed, ngettext, sentences
from handlers.text.language import lazy_gettext as _
from vt.actions import ACTIONS, BY_KEY, Action

DOES: Mapping[str, str] = {
    "scan-ip": _("reputation of an IP address"),
    "scan-hash": _("verdict on a file hash (MD5, SHA-1, SHA-256)"),
    "scan-url": _("verdict on a URL"),
    "domain-report": _("categories, history and detections of a domain"),
    "scan-file": _("verdict on a file: its hash is looked up, and it is uploaded if you agree"),
}
"""What each action finds out, by the action's key."""
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


def help_lines() -> list[tuple[str, str]]:
    """Each command with what it does; made from the table of actions."""
    rows = [(f"/vt {action.key} {action.example}", DOES.get(action.key, action.title)) for action in ACTIONS]
    return [
        (line("/vt any text with indicators"), line("find everything in the text and look it up")),
        *rows,
        ("/vt form 192.0.2.1", line("open a form, filled in with the text that follows")),
        (
            "/vt settings",
            line("this channel's thresholds, rule for hosts, detail, language, and who sees answers"),
        ),
        ("/vt report 192.0.2.1", line("draw what is on record here: engines over time, evidence by date")),
        ("/vt ping", line("check the API key, database and Slack")),
        ("/vt quota", line("how much VirusTotal quota is left")),
        (
            "/vt watch on",
            line("look up what people post in this channel; also status, off, risky, reaction, dry-run"),
        ),
        (
            line("/vt ignore example.com 7d reason …"),
            line("skip it in watched channels (12h, 7d, 2w or forever); also list, remove"),
        ),
        ("--threshold 3", line("call it RISKY from 3 engines up")),
        (
            "--rescan-after-days 30",
            line("ask for a new analysis if the last one is older than 30 days (hashes, URLs)"),
        ),
        ("--share", line("post the answer in the channel, not only to you")),
        ("--fresh", line("skip the cache")),
        (
            "--host web-1",
            line("read the files from server web-1; separate paths with commas, * and ? are wildcards"),
        ),
    ]


HELP_HEAD = _(
    "Paste IPs, hashes, URLs, domains or any text. Separate values with spaces or commas; defanged is fine."
)
HELP_STATES = _(
    "🔴 RISKY: the threshold is met · 🟠 SUSPICIOUS: some engines flag it, below the threshold · 🟢 CLEAN: no engine flags it · ⚪ UNKNOWN: VirusTotal has no record, which does not mean clean · ⏳ PENDING: being analysed · ⛔ NOT CHECKED: the message says why"
)


def usage_hint() -> Line:
    """What may follow the command, as Slack shows it while somebody types."""
    actions = " | ".join(action.key for action in ACTIONS)
    return line("[any text, or {actions}] [--share] | help", actions=actions)


# The form -----------------------------------------------------------------------------------------------

FORM_TITLE = "VirusTotal"
FORM_SUBMIT = _("Look up")
FORM_CLOSE = _("Cancel")
VALUES = _("Indicators")
VALUES_HINT = _("One per line, or paste any text. Defanged is fine.")
VALUES_PLACEHOLDER = "192.0.2.1"
FOUND_HINT = _("Remove what you don't want to look up.")
FOUND_CUT = _("Only the first {most} of {count} fit here.")
FOUND_FILES = _("The attached files are looked up too.")
ACTION = _("Action")
AS_FOUND = _("Automatic")
THRESHOLD = _("Threshold")
THRESHOLD_HINT = _("Number of engines for RISKY. Leave empty for the channel's setting.")
RESCAN_AFTER = _("Rescan after days")
RESCAN_HINT = _("Request a new analysis if the last one is older (hashes and URLs). Leave empty: never.")
ANSWER = _("Answer")
PRIVATE = _("Only me")
SHARED = _("Post in the channel")
FORM_AGAIN = _("Slack closed the form before it opened. Your text is saved: press Open the form.")
OPEN_FORM = _("Open the form")
FORM_GONE = _("This form has expired. Copy your text, close the form and open it again.")


# What is wrong with what somebody typed ------------------------------------------------------------------

MOST_NAMED = 10
"""Wrong values that are named; a command has at most 100."""


def _wrong_value(wrong: commands.WrongValue) -> Sentence:
    if wrong.suggested:
        return said(
            "{why}. Try: /vt {command} {value}",
            why=_why_wrong(wrong),
            command=wrong.suggested.key,
            value=typed(wrong.value, 80),
        )
    return said("{why}. Example: {example}", why=_why_wrong(wrong), example=usage(wrong.action))


def _no_rescan(_: commands.NoRescan) -> Sentence:
    takers = [action.key for action in ACTIONS if action.rescans]
    example = f"{usage(BY_KEY[takers[0]])} --rescan-after-days 30"
    return said(
        "--rescan-after-days works only with {actions}. Example: {example}",
        actions=listed(takers),
        example=example,
    )


def _unknown_option(wrong: commands.UnknownOption) -> Sentence:
    """Every option is named, and the one that was probably meant."""
    shown = typed(wrong.option, 40)
    if wrong.command and wrong.taken:
        return said(
            "/vt {command} takes only {taken}: leave out {option}.",
            command=wrong.command,
            taken=wrong.taken,
            option=shown,
        )
    if wrong.command:
        return said(
            "/vt {command} takes no options: leave out {option}.", command=wrong.command, option=shown
        )
    options = ", ".join((*commands.OPTION_EXAMPLES, *wrong.more))
    if wrong.nearest:
        return said(
            "There is no option {option}. Did you mean {nearest}? Options: {options}.",
            option=shown,
            nearest=wrong.nearest,
            options=options,
        )
    return said("There is no option {option}. Options: {options}.", option=shown, options=options)


def _bad_number(wrong: commands.BadNumber) -> Sentence:
    example = f"{wrong.option} {max(wrong.least, 3)}"
    typed = f"{usage(wrong.action)} {example}" if wrong.action else example
    return said(
        "{option} needs a whole number from {least} to {most}. Example: {example}",
        option=wrong.option,
        least=str(wrong.least),
        most=str(wrong.most),
        example=typed,
    )


def wrong_values(wrong: Sequence[commands.WrongValue]) -> str:
    """The values of a command that are not looked up, while the others are; "" when there are none."""
    if not wrong:
        return ""
    named = [_why_wrong(one) for one in wrong[:MOST_NAMED]]
    if len(wrong) > MOST_NAMED:
        named.append(ngettext("{count} more", "{count} more", len(wrong) - MOST_NAMED))
    return line("Not looked up: {values}. The other values are being looked up.", values=clauses(named))


def _why_wrong(wrong: commands.WrongValue) -> str:
    shown, wanted = typed(wrong.value, 80), takes(wrong.action)
    if wrong.suggested:
        other = takes(wrong.suggested)
        return line("{value} is {other}, not {wanted}", value=shown, other=other, wanted=wanted)
    return line("{value} is not {wanted}", value=shown, wanted=wanted)


USAGE_ERRORS: Mapping[type[commands.UsageError], Sentence | Callable[[Any], Sentence]] = {
    commands.UnknownCommand: lambda e: said(
        "There is no command {command}. Did you mean /vt {nearest}? See /vt help for all commands.",
        command=typed(e.word, 40),
        nearest=e.nearest,
    ),
    commands.UnknownOption: _unknown_option,
    commands.BadNumber: _bad_number,
    commands.NoRescan: _no_rescan,
    commands.NoValue: lambda e: said("Nothing to look up. Example: {example}", example=usage(e.action)),
    commands.WrongValue: _wrong_value,
    commands.NothingFound: said(
        "I found no IP address, hash, URL, domain or email address in that. Example: {example}, or see /vt help"
    ),
    commands.PasswordTyped: files.IN_A_COMMAND,
    commands.NoHost: files.NO_HOST,
    commands.TooMany: said("That's {count}; the limit is {most} per request. Send them in parts."),
    commands.TooLong: said("That's too long; the limit is {most} characters. Send it in parts."),
}


def usage_error(wrong: commands.UsageError, audience: Audience = EVERYBODY) -> str:
    """What is wrong, and a correct example."""
    return filled(USAGE_ERRORS[type(wrong)], wrong).to(audience)


# /vt watch and /vt ignore --------------------------------------------------------------------------------

WATCH_USAGE = _("Usage: /vt watch on, off or status; or /vt watch all, risky, reaction or dry-run.")
IGNORE_USAGE = _(
    "Usage: /vt ignore example.com 7d reason …; /vt ignore list; /vt ignore remove example.com. "
    "What: a domain (with its subdomains), an IP address or network, a hash or a URL. "
    "Duration: 12h, 7d, 2w, or forever."
)
NO_CHANNEL = _("Run this in the channel you want to change.")
MOST_SHOWN = 120
"""Characters of an indicator in a sentence."""


def unclear_duration(value: str, word: str) -> str:
    """How long something is to be skipped was not said, or not in a way that can be read."""
    shown = safe(value)[:MOST_SHOWN]
    problem = line("{word} is not a duration.", word=typed(word, 40)) if word else line("For how long?")
    how = line(
        "Nothing was changed. Type /vt ignore {value} 7d, or 12h, 2w or forever instead of 7d.", value=shown
    )
    return sentences(problem, how)
