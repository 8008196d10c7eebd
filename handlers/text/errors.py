"""Why there is no answer, as sentences: one for every error, each with a next step."""

from collections.abc import Callable, Mapping
from typing import Any

from handlers.text import files
from handlers.text.format import size
from vt import errors
from vt.indicators import defang

ERRORS: Mapping[type[errors.VTError], Callable[[Any], str]] = {
    errors.VTError: lambda _: (
        "something unexpected went wrong. Try again; if it keeps happening, tell whoever runs this bot."
    ),
    errors.UnrecognisedError: lambda e: (
        f"another version of this bot stored a reason that this one cannot read ({e.stored_code}). Ask again."
    ),
    errors.NotAnswering: lambda _: "VirusTotal is not responding. Try again in a few minutes.",
    errors.Unreachable: lambda _: "I can't reach VirusTotal. Try again in a few minutes.",
    errors.TimedOut: lambda e: (
        f"VirusTotal did not respond within {e.seconds:.0f} s. Try again in a few minutes."
    ),
    errors.ServerFault: lambda e: f"VirusTotal returned an error ({e.status}). Try again in a few minutes.",
    errors.Unreadable: lambda e: (
        f"I couldn't read VirusTotal's answer ({e.why}). Try again; if it keeps happening, tell whoever runs this bot."
    ),
    errors.Redirected: lambda e: (
        f"VirusTotal redirected us to {defang(e.host)}, which is not on the allowed list, so I stopped. Tell whoever runs this bot."
    ),
    errors.OverQuota: lambda _: "VirusTotal says the quota is used up. Try again in a minute.",
    errors.QuotaSpent: lambda e: (
        f"out of quota until {e.retry_at:%H:%M:%S} UTC. Waiting look-ups continue automatically; there is no need to ask again."
    ),
    errors.Reserved: lambda _: (
        "the rest of today's quota is kept for people who ask. Press Check now to spend a call."
    ),
    errors.QuotaTooSmall: lambda e: (
        f"this needs {e.calls} calls at once, more than the configured quota ever allows. Look up the hash instead: /vt scan-hash …"
    ),
    errors.KeyRefused: lambda _: "VirusTotal rejected the API key. Tell whoever runs this bot.",
    errors.RequestRefused: lambda e: (
        f"VirusTotal refused the request ({e.status}). Tell whoever runs this bot."
    ),
    errors.UploadTooLarge: lambda _: (
        "VirusTotal says the file is too large. Look up the hash instead: /vt scan-hash …"
    ),
    errors.Dropped: lambda _: "VirusTotal did not return this one. Look it up on its own.",
    errors.RescanNotAllowed: lambda _: (
        "rescanning needs a private API key. Upload the file instead: /vt scan-file …"
    ),
    errors.LargeNotAllowed: lambda _: (
        "files over 32 MB need a special upload permission from VirusTotal, which this key does not have. Look up the hash instead: /vt scan-hash …"
    ),
    errors.Internal: lambda _: (
        "internal, so not sent. Private and link-local addresses and internal names never leave this network; check your own inventory."
    ),
    errors.Sensitive: lambda _: (
        "not sent: the URL seems to contain a password or token. Press Check anyway to send it; other VirusTotal users could then see it."
    ),
    errors.Unsupported: lambda _: (
        "VirusTotal's API v2 has no reports on this kind of value, such as IPv6 addresses. Search on virustotal.com instead."
    ),
    errors.FileFault: lambda _: "I couldn't read this file. Check the path.",
    errors.NotAllowed: lambda _: (
        "I may not read files there. Ask whoever runs this bot which folders I may read."
    ),
    errors.Missing: lambda _: "there is no such file. Check the path.",
    errors.NotRegular: lambda _: "this is not a regular file. Name a file, not a folder, link or device.",
    errors.NotReadable: lambda _: "I don't have permission to read this file. Ask whoever runs this bot.",
    errors.NotGiven: lambda e: files.NOT_GIVEN.get(e.why, files.NOT_GIVEN["silent"]),
    errors.Changed: lambda _: "the file changed while I was reading it. Try again when it is complete.",
    errors.FileTooLarge: lambda e: (
        f"the file is too large: {size(e.size)}, at most {size(e.limit)}. Look up the hash instead: /vt scan-hash …"
    ),
    errors.TooSlow: lambda e: (
        f"I couldn't read the file within {e.seconds:.0f} s. Try again; if it keeps happening, tell whoever runs this bot."
    ),
    errors.SpoolFull: lambda e: (
        f"there is no disk space to hold it (at most {size(e.budget)}, SPOOL_BUDGET). Try again later, or name a file instead of a pipe."
    ),
    errors.TooManyFiles: lambda e: (
        f"that would be more than {e.limit} files. Name fewer files and try again."
    ),
    errors.TooManyNames: lambda e: (
        f"there are more than {e.limit:,} names to search. Name a more specific folder, or the file itself."
    ),
    errors.HostFault: lambda e: f"I can't reach the files on {e.host}. Tell whoever runs this bot.",
    errors.HostUnknown: lambda e: (
        f"there is no server called {e.host} in the hosts file. Ask whoever runs this bot which servers there are."
    ),
    errors.HostUnreachable: lambda e: f"I can't reach {e.host} over SSH. Try again in a few minutes.",
    errors.HostKeyUnknown: lambda e: (
        f"{e.host} has no host key in the hosts file, so I did not connect. Tell whoever runs this bot."
    ),
    errors.HostKeyChanged: lambda e: (
        f"THE HOST KEY OF {e.host} HAS CHANGED: someone may be intercepting the connection. Nothing was sent. Tell whoever runs this bot now."
    ),
    errors.LoginWanted: lambda e: (
        f"{e.host} needs a login. Type /vt scan-file --host {e.host} … to open a form for it, if this bot allows that."
    ),
    errors.LoginUnusable: lambda e: (
        f"I can't use the key or password that the hosts file names for {e.host}. Tell whoever runs this bot."
    ),
    errors.LoginForgotten: lambda e: (
        f"the login for {e.host} has expired (kept for 30 minutes, lost at a restart). Enter it again."
    ),
    errors.LoginRefused: lambda e: (
        f"{e.host} refused the login. "
        + ("Try again with the right user and password." if e.typed else "Tell whoever runs this bot.")
    ),
    errors.SftpRefused: lambda e: f"{e.host} offers no SFTP. Tell whoever runs this bot.",
}


def error(trouble: errors.VTError) -> str:
    """Why there is no answer, and what to do next."""
    return ERRORS[type(trouble)](trouble)
