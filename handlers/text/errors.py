"""Why there is no answer, as sentences: one for every error, each with a next step."""

from collections.abc import Callable, Mapping
from typing import Any

from handlers.text import files
from handlers.text.format import size
from vt import errors
from vt.indicators import defang

ERRORS: Mapping[type[errors.VTError], Callable[[Any], str]] = {
    errors.VTError: lambda _: "something unforeseen went wrong. Ask again; if it stays, tell the operator.",
    errors.NotAnswering: lambda _: "VirusTotal is not answering. Ask again in a few minutes.",
    errors.Unreachable: lambda _: "VirusTotal cannot be reached. Ask again in a few minutes.",
    errors.TimedOut: lambda e: (
        f"VirusTotal did not answer within {e.seconds:.0f} s. Ask again in a few minutes."
    ),
    errors.ServerFault: lambda e: f"VirusTotal has a fault ({e.status}). Ask again in a few minutes.",
    errors.Unreadable: lambda e: (
        f"VirusTotal's answer could not be read ({e.why}). Ask again; if it stays, tell the operator."
    ),
    errors.Redirected: lambda e: (
        f"VirusTotal sent us to another host ({defang(e.host)}), which was not followed. The operator may allow it: VT_UPLOAD_HOSTS."
    ),
    errors.OverQuota: lambda _: "VirusTotal says that the quota is spent. Ask again in a minute.",
    errors.QuotaSpent: lambda e: (
        f"the quota is spent; the next slot is at {e.retry_at:%H:%M:%S} UTC. What waits goes on by itself then."
    ),
    errors.Reserved: lambda _: "today's reserve is for people. Press Check now to look it up all the same.",
    errors.QuotaTooSmall: lambda e: (
        f"this takes {e.calls} calls at once, which the quota never allows (VT_QUOTA_MINUTE and the others). Look its hash up instead: /vt scan-hash …"
    ),
    errors.KeyRefused: lambda _: "VirusTotal refused the key. The operator must look: the log says more.",
    errors.RequestRefused: lambda e: f"VirusTotal refused the request ({e.status}). Tell the operator.",
    errors.UploadTooLarge: lambda _: (
        "VirusTotal says that the file is too large. Look its hash up instead: /vt scan-hash …"
    ),
    errors.Dropped: lambda _: "VirusTotal left it out of its answer. Ask again for it alone.",
    errors.RescanNotAllowed: lambda _: (
        "hashes cannot be rescanned with a public key. Upload the file instead: /vt scan-file …"
    ),
    errors.LargeNotAllowed: lambda _: (
        "files over 32 MB need an upload_url, which VirusTotal grants to keys on request, and not to this one so far. Look its hash up instead: /vt scan-hash … The operator may ask VirusTotal for it."
    ),
    errors.Internal: lambda _: (
        "internal, not sent. Private, loopback and link-local addresses and names never leave here; look in your own inventory."
    ),
    errors.Sensitive: lambda _: (
        "not sent: it seems to hold a password or a token, which VirusTotal's community could see. Press Check anyway if it may."
    ),
    errors.Unsupported: lambda _: "VirusTotal's API v2 does not take it. Look on virustotal.com instead.",
    errors.FileFault: lambda _: "the file cannot be taken. Check the path.",
    errors.NotAllowed: lambda _: (
        "files there may not be read. Ask the operator which folders may: FILE_ROOTS for the bot's machine, `roots` in the hosts file for a server."
    ),
    errors.Missing: lambda _: "there is no such file. Check the path.",
    errors.NotRegular: lambda _: "it is not a regular file. Name a file, not a folder, link or device.",
    errors.NotReadable: lambda _: "the file cannot be read. Ask the operator to give the bot permission.",
    errors.NotGiven: lambda e: files.NOT_GIVEN.get(e.why, files.NOT_GIVEN["silent"]),
    errors.Changed: lambda _: "the file changed while it was read. Ask again when it is complete.",
    errors.FileTooLarge: lambda e: (
        f"the file is too large: {size(e.size)}, at most {size(e.limit)}. Look its hash up instead: /vt scan-hash …"
    ),
    errors.TooSlow: lambda e: (
        f"the file was not read within {e.seconds:.0f} s. Ask again; if it stays, tell the operator."
    ),
    errors.SpoolFull: lambda e: (
        f"there is no room to put it down (SPOOL_BUDGET is {size(e.budget)}, or the disk is full). Ask again later, or name a file."
    ),
    errors.TooManyFiles: lambda e: (
        f"that would be more than {e.limit} files. Name fewer of them and ask again."
    ),
    errors.TooManyNames: lambda e: (
        f"there are more than {e.limit:,} names to look through. Name the folder more closely, or the file itself."
    ),
    errors.HostFault: lambda e: f"the files of {e.host} cannot be had. Tell the operator.",
    errors.HostUnknown: lambda e: (
        f"there is no server called {e.host} in the hosts file. Ask the operator which there are."
    ),
    errors.HostUnreachable: lambda e: f"{e.host} cannot be reached over SSH. Ask again in a few minutes.",
    errors.HostKeyUnknown: lambda e: (
        f"{e.host} has no known host key, so it was not trusted. The operator must add it to the hosts file."
    ),
    errors.HostKeyChanged: lambda e: (
        f"THE HOST KEY OF {e.host} HAS CHANGED: someone may be in the middle. Nothing was sent. Tell the operator now."
    ),
    errors.LoginWanted: lambda e: (
        f"the login for {e.host} has to be typed: /vt scan-file --host {e.host} … opens a form for it, where the operator allows that (SSH_AD_HOC)."
    ),
    errors.LoginUnusable: lambda e: (
        f"the key or password for {e.host} cannot be used. The operator must look at the hosts file."
    ),
    errors.LoginForgotten: lambda e: (
        f"the login for {e.host} was held in memory only and is gone, by a restart or after half an hour. Ask again with it."
    ),
    errors.LoginRefused: lambda e: (
        f"{e.host} refused the login. "
        + (
            "Ask again with the right user and password."
            if e.typed
            else "The operator must look at the hosts file."
        )
    ),
    errors.SftpRefused: lambda e: f"{e.host} offers no SFTP. Tell the operator.",
}


def error(trouble: errors.VTError) -> str:
    """Why there is no answer, and what to do next."""
    return ERRORS[type(trouble)](trouble)
