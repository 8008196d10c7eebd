"""Why there is no answer, as sentences with a next step: one for every error, and for everything that can be wrong with a command."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from handlers import commands
from handlers.text import files
from handlers.text.about import takes, usage
from handlers.text.format import (
    EVERYBODY,
    Audience,
    Sentence,
    clauses,
    fault,
    said,
    second,
    size,
    typed,
)
from handlers.text.language import Line, line, listed, ngettext, sentences
from vt import errors
from vt.actions import ACTIONS, BY_KEY
from vt.indicators import defang


def unreachable(trouble: errors.Unreachable) -> Sentence:
    """What on the way is at fault, where that is known."""
    if trouble.why == "certificate":
        return fault(
            "the certificate shown for VirusTotal is not trusted, so I sent nothing. Tell {whoever}.",
            settings="VT_CA_BUNDLE",
        )
    if trouble.why == "proxy" and trouble.status:
        return fault(
            "our network's proxy did not connect me to VirusTotal ({status}). Tell {whoever}.",
            settings="HTTPS_PROXY",
            status=str(trouble.status),
        )
    if trouble.why == "proxy":
        return fault(
            "our network's proxy is not responding. Try again in a few minutes.", settings="HTTPS_PROXY"
        )
    return fault("I can't reach VirusTotal. Try again in a few minutes.")


ERRORS: Mapping[type[errors.VTError], Callable[[Any], Sentence]] = {
    errors.VTError: lambda _: fault(
        "something unexpected went wrong. Try again; if it keeps happening, tell {whoever}."
    ),
    errors.UnrecognisedError: lambda e: fault(
        "another version of this bot stored a reason that this one cannot read ({code}). Try again.",
        code=e.stored_code,
    ),
    errors.NotAnswering: lambda _: fault("VirusTotal is not responding. Try again in a few minutes."),
    errors.Unreachable: unreachable,
    errors.TimedOut: lambda e: fault(
        "VirusTotal did not respond within {seconds} s. Try again in a few minutes.",
        seconds=round(e.seconds),
    ),
    errors.ServerFault: lambda e: fault(
        "VirusTotal returned an error ({status}). Try again in a few minutes.", status=str(e.status)
    ),
    errors.Unreadable: lambda e: fault(
        "I couldn't read VirusTotal's answer ({why}). Try again; if it keeps happening, tell {whoever}.",
        why=e.why,
    ),
    errors.Redirected: lambda e: fault(
        "VirusTotal redirected us to {host}, which is not on the allowed list, so I stopped. Tell {whoever}.",
        settings="VT_UPLOAD_HOSTS",
        host=defang(e.host),
    ),
    # OverQuota: VirusTotal itself refused (204). QuotaSpent: our own count says so, before any call.
    errors.OverQuota: lambda _: said("VirusTotal says the quota is used up. Try again in a minute."),
    errors.QuotaSpent: lambda e: said(
        "out of quota until {at}. Waiting look-ups continue automatically; there is no need to ask again.",
        at=second(e.retry_at),
    ),
    errors.Reserved: lambda _: said(
        "the rest of today's quota is kept for people who ask. Press Check now to spend a call."
    ),
    errors.QuotaTooSmall: lambda e: said(
        "this needs {calls} calls at once, more than the configured quota ever allows. "
        "Look up the hash instead: /vt scan-hash …",
        settings="VT_QUOTA_MINUTE, VT_QUOTA_DAY, VT_QUOTA_MONTH",
        calls=e.calls,
    ),
    errors.KeyRefused: lambda _: fault(
        "VirusTotal rejected the API key. Tell {whoever}.", settings="VT_API_KEY"
    ),
    errors.RequestRefused: lambda e: fault(
        "VirusTotal refused the request ({status}). Tell {whoever}.", status=str(e.status)
    ),
    errors.UploadTooLarge: lambda _: said(
        "VirusTotal says the file is too large. Look up the hash instead: /vt scan-hash …"
    ),
    errors.Dropped: lambda _: said("VirusTotal did not return this one. Look it up on its own."),
    errors.RescanNotAllowed: lambda _: said(
        "rescanning needs a private API key. Upload the file instead: /vt scan-file …"
    ),
    errors.LargeNotAllowed: lambda _: said(
        "files over 32 MB need a special upload permission from VirusTotal, which this key does not have. "
        "Look up the hash instead: /vt scan-hash …"
    ),
    errors.Internal: lambda _: said(
        "internal, so not sent. Private and link-local addresses and internal names never leave this network; "
        "check your own inventory."
    ),
    errors.NotPublic: lambda _: said(
        "skipped: not a public host name. To look it up all the same: /vt scan-url and the URL."
    ),
    errors.Sensitive: lambda _: said(
        "not sent: the URL seems to contain a password or token. Press Check anyway to send it; other VirusTotal "
        "users could then see it."
    ),
    errors.Unsupported: lambda _: said(
        "VirusTotal's API v2 has no reports on values of this kind. Search on virustotal.com instead."
    ),
    errors.FileFault: lambda _: fault("I couldn't read this file. Check the path."),
    errors.NotAllowed: files.not_allowed,
    errors.Missing: lambda _: said("there is no such file. Check the path."),
    errors.NotRegular: lambda _: said(
        "this is not a regular file. Name a file, not a folder, link or device."
    ),
    errors.NotReadable: lambda _: fault("I don't have permission to read this file. Ask {whoever}."),
    errors.NotGiven: lambda e: files.NOT_GIVEN.get(e.why, files.NOT_GIVEN["silent"]),
    errors.Changed: lambda _: said("the file changed while I was reading it. Try again when it is complete."),
    errors.FileTooLarge: lambda e: said(
        "the file is too large: {size}, at most {limit}. Look up the hash instead: /vt scan-hash …",
        settings="VT_MAX_UPLOAD",
        size=size(e.size),
        limit=size(e.limit),
    ),
    errors.TooSlow: files.too_slow,
    errors.SpoolFull: files.spool_full,
    errors.TooManyFiles: lambda e: said(
        "that would be more than {limit} files. Name fewer files and try again.", limit=e.limit
    ),
    errors.TooManyNames: files.too_many_names,
    errors.HostFault: lambda e: fault("I can't reach the files on {host}. Tell {whoever}.", host=e.host),
    errors.HostUnknown: lambda e: said(
        "there is no server called {host} in the hosts file. Ask {whoever} which servers there are.",
        settings="HOSTS_FILE",
        host=e.host,
    ),
    errors.HostUnreachable: lambda e: fault(
        "I can't reach {host} over SSH. Try again in a few minutes.", host=e.host
    ),
    errors.HostKeyUnknown: lambda e: fault(
        "{host} has no host key in the hosts file, so I did not connect. Tell {whoever}.",
        settings="HOSTS_FILE (known_hosts)",
        host=e.host,
    ),
    errors.HostKeyChanged: lambda e: fault(
        "THE HOST KEY OF {host} HAS CHANGED: someone may be intercepting the connection. Nothing was sent. "
        "Tell {whoever} now.",
        host=e.host,
    ),
    errors.LoginWanted: lambda e: said(
        "{host} needs a login. Type /vt scan-file --host {host} … to open a form for it, if this bot allows that.",
        settings="SSH_AD_HOC",
        host=e.host,
    ),
    errors.LoginUnusable: files.unusable_login,
    errors.KeyEncrypted: files.encrypted_key,
    errors.LoginForgotten: lambda e: said(
        "the login for {host} has expired (kept for 30 minutes, lost at a restart). Enter it again.",
        host=e.host,
    ),
    errors.LoginRefused: files.login_refused,
    errors.SftpRefused: lambda e: fault("{host} offers no SFTP. Tell {whoever}.", host=e.host),
}


def error(trouble: errors.VTError, audience: Audience = EVERYBODY) -> Line:
    """Why there is no answer, and what to do next."""
    return ERRORS[type(trouble)](trouble).to(audience)


def is_fault(trouble: errors.VTError) -> bool:
    """Can nobody but whoever runs the bot, or VirusTotal, mend it? Then the request's id is said."""
    return ERRORS[type(trouble)](trouble).fault


def names_settings(trouble: errors.VTError) -> bool:
    """Is there something that only whoever runs the bot is told?"""
    return bool(ERRORS[type(trouble)](trouble).settings)


# What is wrong with what somebody typed ------------------------------------------------------------------

MOST_NAMED = 10
"""Wrong values that are named; a command has at most 100."""


def _wrong_value(wrong: commands.WrongValue) -> str:
    if wrong.suggested:
        return line(
            "{why}. Try: /vt {command} {value}",
            why=_why_wrong(wrong),
            command=wrong.suggested.key,
            value=typed(wrong.value, 80),
        )
    return line("{why}. Example: {example}", why=_why_wrong(wrong), example=usage(wrong.action))


def _no_rescan(_: commands.NoRescan) -> str:
    takers = [action.key for action in ACTIONS if action.rescans]
    example = f"{usage(BY_KEY[takers[0]])} --rescan-after-days 30"
    return line(
        "--rescan-after-days works only with {actions}. Example: {example}",
        actions=listed(takers),
        example=example,
    )


def _unknown_option(wrong: commands.UnknownOption) -> str:
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
        line("Options: {options}.", options=", ".join((*commands.OPTION_EXAMPLES, *wrong.more))),
    )


def _bad_number(wrong: commands.BadNumber) -> str:
    example = f"{wrong.option} {max(wrong.least, 3)}"
    typed = f"{usage(wrong.action)} {example}" if wrong.action else example
    return line(
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
    shown = typed(wrong.value, 80)
    if wrong.suggested:
        return line(
            "{value} is {other}, not {wanted}",
            value=shown,
            other=takes(wrong.suggested),
            wanted=takes(wrong.action),
        )
    return line("{value} is not {wanted}", value=shown, wanted=takes(wrong.action))


USAGE_ERRORS: Mapping[type[commands.UsageError], Callable[[Any], str | Sentence]] = {
    commands.UnknownCommand: lambda e: line(
        "There is no command {command}. Did you mean /vt {nearest}? See /vt help for all commands.",
        command=typed(e.word, 40),
        nearest=e.nearest,
    ),
    commands.UnknownOption: _unknown_option,
    commands.BadNumber: _bad_number,
    commands.NoRescan: _no_rescan,
    commands.NoValue: lambda e: line("Nothing to look up. Example: {example}", example=usage(e.action)),
    commands.WrongValue: _wrong_value,
    commands.NothingFound: lambda e: line(
        "I found no IP address, hash, URL, domain or email address in that. Example: {example}, or see /vt help",
        example=e.example,
    ),
    commands.PasswordTyped: lambda _: files.IN_A_COMMAND,
    commands.NoHost: lambda _: files.NO_HOST,
    commands.TooMany: lambda e: line(
        "That's {count}; the limit is {most} per request. Send them in parts.", count=e.count, most=e.most
    ),
    commands.TooLong: lambda e: line(
        "That's too long; the limit is {most} characters. Send it in parts.", most=e.most
    ),
}


def usage_error(wrong: commands.UsageError, audience: Audience = EVERYBODY) -> str:
    """What is wrong, and a correct example."""
    sentence = USAGE_ERRORS[type(wrong)](wrong)
    return sentence.to(audience) if isinstance(sentence, Sentence) else sentence
