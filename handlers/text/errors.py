"""Why there is no answer or no verdict, as sentences with a next step: one for every error. They are plain text."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from handlers.text import files
from handlers.text.format import EVERYBODY, Audience, Sentence, fault, said, second, seconds, size
from handlers.text.language import Line, join, line
from handlers.text.language import lazy_gettext as _
from vt import errors
from vt.indicators import Kind, defang
from vt.verdict import Finding, Note, State


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


ERRORS: Mapping[type[errors.VTError], Sentence | Callable[[Any], Sentence]] = {
    errors.VTError: fault(
        "something unexpected went wrong. Try again; if it keeps happening, tell {whoever}."
    ),
    errors.UnrecognisedError: fault(
        "another version of this bot stored a reason that this one cannot read ({stored_code}). Try again."
    ),
    errors.NotAnswering: fault("VirusTotal is not responding. Try again in a few minutes."),
    errors.Unreachable: unreachable,
    errors.TimedOut: fault("VirusTotal did not respond within {seconds} s. Try again in a few minutes."),
    errors.ServerFault: fault("VirusTotal returned an error ({status}). Try again in a few minutes."),
    errors.Unreadable: fault(
        "I couldn't read VirusTotal's answer ({why}). Try again; if it keeps happening, tell {whoever}."
    ),
    errors.Redirected: lambda e: fault(
        "VirusTotal redirected us to {host}, which is not on the allowed list, so I stopped. Tell {whoever}.",
        settings="VT_UPLOAD_HOSTS",
        host=defang(e.host),
    ),
    # OverQuota: VirusTotal itself refused (204). QuotaSpent: our own count says so, before any call.
    errors.OverQuota: said("VirusTotal says the quota is used up. Try again in a minute."),
    errors.QuotaSpent: lambda e: said(
        "out of quota until {at}. Waiting look-ups continue automatically; there is no need to ask again.",
        at=second(e.retry_at),
    ),
    errors.Reserved: said(
        "the rest of today's quota is kept for people who ask. Press Check now to spend a call."
    ),
    errors.QuotaTooSmall: said(
        "this needs {calls} calls at once, more than the configured quota ever allows. "
        "Look up the hash instead: /vt scan-hash …",
        settings="VT_QUOTA_MINUTE, VT_QUOTA_DAY, VT_QUOTA_MONTH",
    ),
    errors.KeyRefused: fault("VirusTotal rejected the API key. Tell {whoever}.", settings="VT_API_KEY"),
    errors.RequestRefused: fault("VirusTotal refused the request ({status}). Tell {whoever}."),
    errors.UploadTooLarge: said(
        "VirusTotal says the file is too large. Look up the hash instead: /vt scan-hash …"
    ),
    errors.Dropped: said("VirusTotal did not return this one. Look it up on its own."),
    errors.RescanNotAllowed: said(
        "rescanning needs a private API key. Upload the file instead: /vt scan-file …"
    ),
    errors.LargeNotAllowed: said(
        "files over 32 MB need a special upload permission from VirusTotal, which this key does not have. "
        "Look up the hash instead: /vt scan-hash …"
    ),
    errors.Internal: said(
        "internal, so not sent. Private and link-local addresses and internal names never leave this network; "
        "check your own inventory."
    ),
    errors.NotPublic: said(
        "skipped: not a public host name. To look it up all the same: /vt scan-url and the URL."
    ),
    errors.Sensitive: said(
        "not sent: the URL seems to contain a password or token. Press Check anyway to send it; other VirusTotal "
        "users could then see it."
    ),
    errors.Unsupported: said(
        "VirusTotal's API v2 has no reports on values of this kind. Search on virustotal.com instead."
    ),
    errors.FileFault: fault("I couldn't read this file. Check the path."),
    errors.NotAllowed: files.not_allowed,
    errors.Missing: said("there is no such file. Check the path."),
    errors.NotRegular: said("this is not a regular file. Name a file, not a folder, link or device."),
    errors.NotReadable: fault("I don't have permission to read this file. Ask {whoever}."),
    errors.NotGiven: lambda e: files.NOT_GIVEN.get(e.why, files.NOT_GIVEN["silent"]),
    errors.Changed: said("the file changed while I was reading it. Try again when it is complete."),
    errors.FileTooLarge: lambda e: said(
        "the file is too large: {size}, at most {limit}. Look up the hash instead: /vt scan-hash …",
        settings="VT_MAX_UPLOAD",
        size=size(e.size),
        limit=size(e.limit),
    ),
    errors.TooSlow: fault(
        "I couldn't read the file within {seconds} s. Try again; if it keeps happening, tell {whoever}."
    ),
    errors.SpoolFull: lambda e: said(
        "there is no disk space to hold it (at most {budget}). Try again later, or name a file instead of a pipe.",
        settings="SPOOL_BUDGET",
        budget=size(e.budget),
    ),
    errors.TooManyFiles: said("that would be more than {limit} files. Name fewer files and try again."),
    errors.TooManyNames: said(
        "there are more than {limit} names to search. Name a more specific folder, or the file itself."
    ),
    errors.HostFault: fault("I can't reach the files on {host}. Tell {whoever}."),
    errors.HostUnknown: said(
        "there is no server called {host} in the hosts file. Ask {whoever} which servers there are.",
        settings="HOSTS_FILE",
    ),
    errors.HostUnreachable: fault("I can't reach {host} over SSH. Try again in a few minutes."),
    errors.HostKeyUnknown: fault(
        "{host} has no host key in the hosts file, so I did not connect. Tell {whoever}.",
        settings="HOSTS_FILE (known_hosts)",
    ),
    errors.HostKeyChanged: fault(
        "THE HOST KEY OF {host} HAS CHANGED: someone may be intercepting the connection. Nothing was sent. "
        "Tell {whoever} now."
    ),
    errors.LoginWanted: said(
        "{host} needs a login. Type /vt scan-file --host {host} … to open a form for it, if this bot allows that.",
        settings="SSH_AD_HOC",
    ),
    errors.LoginUnusable: files.unusable_login,
    errors.KeyEncrypted: fault(
        "the key that the hosts file names for {host} has a passphrase, which I can't type. Tell {whoever}.",
        settings=_("HOSTS_FILE; ssh-keygen -p removes the passphrase from a copy of the key"),
    ),
    errors.LoginForgotten: said(
        "the login for {host} has expired (kept for 30 minutes, lost at a restart). Enter it again."
    ),
    errors.LoginRefused: files.login_refused,
    errors.SftpRefused: fault("{host} offers no SFTP. Tell {whoever}."),
}
"""A sentence names fields of its error in braces. Where they must be converted or decide, a function makes it."""


def error(trouble: errors.VTError, audience: Audience = EVERYBODY) -> Line:
    """Why there is no answer, and what to do next."""
    return filled(ERRORS[type(trouble)], trouble).to(audience)


def is_fault(trouble: errors.VTError) -> bool:
    """Can nobody but whoever runs the bot, or VirusTotal, mend it? Then the request's id is said."""
    return filled(ERRORS[type(trouble)], trouble).fault


def names_settings(trouble: errors.VTError) -> bool:
    """Is there something that only whoever runs the bot is told?"""
    return bool(filled(ERRORS[type(trouble)], trouble).settings)


def filled(sentence: Sentence | Callable[[Any], Sentence], wrong: Exception) -> Sentence:
    """The sentence of a table for one error, with that error's fields as its values; seconds are rounded."""
    if not isinstance(sentence, Sentence):
        return sentence(wrong)
    fields = vars(wrong).items()
    return replace(
        sentence, values={name: round(value) if isinstance(value, float) else value for name, value in fields}
    )


# Findings without a verdict ------------------------------------------------------------------------------

NO_IPV6 = _("VirusTotal's API v2 has no IPv6 reports. Search on virustotal.com instead.")
UNKNOWN = _("VirusTotal has no record of it. That does not mean it is clean.")
NO_ENGINE_YET = _("VirusTotal knows it, but no engine has scanned it yet. That does not mean it is clean.")
NOT_CHECKED_YET = _("not checked yet")
BEING_ANALYSED = _("being analysed")


def why_none(finding: Finding, now: datetime, audience: Audience = EVERYBODY) -> str:
    """Why a finding has no verdict, and when it is looked at again if that is known."""
    if finding.state is State.PENDING:
        return _pending(finding, now)
    if finding.state is State.NOT_CHECKED and finding.error is None:
        return _until(NOT_CHECKED_YET, finding.until)
    if finding.state is State.NOT_CHECKED and finding.error and finding.until:
        return _retried(finding.error, finding.until, now)
    if finding.state is State.NOT_CHECKED:
        return why_not(finding, audience)
    is_known = getattr(finding.report, "response_code", 0) == 1
    return NO_ENGINE_YET if is_known else UNKNOWN


def _pending(finding: Finding, now: datetime) -> str:
    if finding.note is Note.GAVE_UP:
        return files.NOT_FINISHED
    if finding.note in (Note.INTERRUPTED, Note.MAYBE_UPLOADED):
        return _until(files.PERHAPS_ARRIVED, finding.until)
    if finding.error:
        why = _retried(finding.error, finding.until, now) if finding.until else ""
        return join(": ", [files.TO_UPLOAD, why])
    return _until(BEING_ANALYSED, finding.until)


def _retried(trouble: errors.VTError, until: datetime, now: datetime) -> Line:
    """What an answer says about a look-up that is tried again at `until`."""
    pause = seconds(until, now)
    if isinstance(trouble, errors.Reserved):
        return line(
            "the rest of today's quota is kept for people who ask. I will check this in {pause}; "
            "press Check now to spend a call.",
            pause=pause,
        )
    if isinstance(trouble, errors.QuotaSpent):
        pause = seconds(trouble.expected or until, now)
        if trouble.ahead:
            return line("out of quota; {ahead} ahead of you, about {pause}", ahead=trouble.ahead, pause=pause)
        return line("out of quota; next call in {pause}", pause=pause)
    # The first sentence without its full stop (Japanese has one of its own), and the longest pause, not the time left:
    # it stays true in a message that Slack does not let us edit often.
    why = re.split(r"\. |\.$|。", error(trouble), maxsplit=1)[0]
    return line("{why}, trying again in {seconds} s or less", why=why, seconds=errors.LONGEST_PAUSE)


def _until(what: str, until: datetime | None) -> str:
    """What is waited for, and when it is looked at again."""
    return line("{what}; next check at {at}", what=what, at=second(until)) if until else str(what)


def why_not(finding: Finding, audience: Audience = EVERYBODY) -> str:
    """Why something was not checked; "" when there is no reason."""
    if finding.error is None:
        return ""
    kind = finding.indicator.kind if finding.indicator else None
    if isinstance(finding.error, errors.Unsupported) and kind is Kind.IPV6:
        return NO_IPV6
    return error(finding.error, audience)
