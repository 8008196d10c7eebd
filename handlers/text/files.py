"""Sentences about files on their way to VirusTotal. They are plain text."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from handlers.text.format import Sentence, clock, cut, fault, said
from handlers.text.language import Line, User, enumerated, line, ngettext
from handlers.text.language import lazy_gettext as _
from vt.errors import (
    LoginRefused,
    LoginUnusable,
    NotAllowed,
)
from vt.indicators import defang_path
from vt.verdict import Note

WHO_SEES = _(
    "Anyone with a paid VirusTotal account can then find, inspect and download it: other companies, researchers, "
    "possibly the attacker. This can't be undone."
)
OVER = _(
    "Not uploaded: nobody agreed within 10 minutes. Press Check again now to be asked again, or type /vt scan-file …"
)
WITHOUT_BUTTON = _("No Upload button? The answer was too long for it; ask about fewer files.")
UPLOADS_DENIED = _("Not uploaded: uploads are switched off here.")

UPLOADS = _("Files that VirusTotal does not know")
UPLOADS_HINT = _("The bot-wide policy also applies; the stricter one wins.")
UPLOAD_WAYS: Mapping[str, str] = {
    "as-set": _("Default: the bot-wide policy"),
    "allow": _("Uploaded without asking"),
    "confirm": _("Uploaded when the person who asked agrees"),
    "deny": _("Never uploaded"),
}

FILES = _("Files")
FILES_HINT = _("I look up their hashes and ask you before I upload a file that VirusTotal does not know.")
PATH = _("File paths")
PATH_HINT = _(
    "Full paths, separated by commas; * and ? are wildcards. On the bot's machine unless you name a server."
)
HOST = _("Linux server")
HOST_HINT = _("The server's name, as set up for this bot.")

NOTES: Mapping[Note, str] = {
    Note.NOT_UPLOADED: _("Not uploaded, so this is the older report."),
    Note.MAYBE_UPLOADED: _(
        "The upload was interrupted, and VirusTotal has shown nothing newer for an hour, so I can't tell whether it "
        "arrived. Press Look again, or send the file again."
    ),
    Note.NEEDS_CONSENT: _("Not uploaded yet: see the question below."),
    Note.NEVER_BY_NAME: _(
        "Not uploaded: a file with this name may contain secrets, and no one can override this."
    ),
    Note.NEVER_BY_CONTENT: _(
        "Not uploaded: it contains a private key or passwords, and no one can override this."
    ),
    Note.HASH_ONLY: _(
        "Looked up by hash only. Only the person who first asked can have the file read or uploaded."
    ),
}

NOT_FINISHED = _("VirusTotal has the file but had not finished scanning it when I stopped waiting")
TO_UPLOAD = _("waiting to be uploaded")
PERHAPS_ARRIVED = _(
    "the upload was interrupted and may have arrived; I won't send it again until that is clear"
)

NOT_GIVEN: Mapping[str, Sentence] = {
    "scope": fault(
        "Slack returned its sign-in page instead of the file: the app lacks files:read. Tell {whoever}."
    ),
    "elsewhere": said(
        "the file is not stored in Slack, so I did not fetch it. Attach the file, or look up its hash: "
        "/vt scan-hash …"
    ),
    "silent": fault("Slack did not send me the file. Try again in a minute."),
}
"""By why."""

WHY_UNUSABLE: Mapping[str, str] = {
    "missing": _("there is no such file"),
    "closed": _("I may not read that file"),
    "empty": _("the file is empty"),
    "public": _("it is a public key, and the private one is needed"),
    "putty": _("it is in PuTTY's format, and OpenSSH's is needed (puttygen converts it)"),
    "dsa": _("it is a DSA key, which servers no longer accept; RSA, ECDSA and Ed25519 work"),
    "kind": _("it is a kind of key that I can't use; RSA, ECDSA (P-256, P-384, P-521) and Ed25519 work"),
    "damaged": _("it is not a private key, or it is damaged"),
}
"""What is wrong with a key or password file, by why."""


def unusable_login(error: LoginUnusable) -> Sentence:
    """The key or the password that the operator named cannot be used, for a reason that is not always known."""
    if why := WHY_UNUSABLE.get(error.why):
        return fault(
            "I can't use the key or password that the hosts file names for {host}: {why}. Tell {whoever}.",
            settings="HOSTS_FILE",
            host=error.host,
            why=why,
        )
    return fault(
        "I can't use the key or password that the hosts file names for {host}. Tell {whoever}.",
        settings="HOSTS_FILE",
        host=error.host,
    )


def login_refused(error: LoginRefused) -> Sentence:
    """Whoever typed the login can type another one."""
    if error.typed:
        return said("{host} refused the login. Try again with the right user and password.", host=error.host)
    return fault("{host} refused the login. Tell {whoever}.", settings="HOSTS_FILE", host=error.host)


EXAMPLE_PATH = "/srv/samples/invoice.zip"
MOST_OF_A_NAME = 100
"""Characters of a file's name that are repeated."""
MOST_FOLDERS = 5
"""Folders that are named in one sentence."""


def not_allowed(error: NotAllowed) -> Sentence:
    """What is wrong with a path, and which folders may be read, where that is known."""
    settings = _("FILE_ROOTS, or roots in the hosts file")
    allowed = [defang_path(folder) for folder in error.allowed or ()]
    folders = f"{enumerated(allowed[:MOST_FOLDERS])}{'…' if len(allowed) > MOST_FOLDERS else ''}"
    if not error.path.startswith("/"):
        name = cut(defang_path(error.path.rpartition("/")[2]), MOST_OF_A_NAME)
        full = f"{allowed[0].rstrip('/')}/{name}" if allowed and name else EXAMPLE_PATH
        return said(
            "this is not a full path. Give the full path, such as {full}, and try again.",
            settings=settings,
            full=full,
        )
    if error.allowed is None:
        return said("I may not read files there. Ask {whoever} which folders I may read.", settings=settings)
    if not allowed:
        return said(
            "I may not read files there, nor in any other folder. Look up the hash instead: /vt scan-hash …",
            settings=line("set {settings}", settings=settings),
        )
    return said(
        "I may not read files there. Name a file below {folders}.", settings=settings, folders=folders
    )


IN_A_COMMAND = said(
    "That seems to contain a password, so I ignored it and did not store it. Slack may have kept it: change the "
    "password. Name the server instead, --host NAME; a form asks for its login, or {whoever} can set one up.",
    settings="SSH_AD_HOC, HOSTS_FILE",
)
NO_HOST = said(
    "--host needs the name of a server. Example: /vt scan-file --host web-1 /srv/samples/invoice.zip"
)

# A login that is typed --------------------------------------------------------------------------------------

LOGIN_TITLE = _("Files on a server")
LOGIN_SUBMIT = _("Look up")
LOGIN_CLOSE = _("Cancel")
# The documented names of these fields, the same in every language.
ADDRESS = "Linux Server Address"
USER = "Linux User"
PASSWORD = "Linux Password"  # noqa: S105 - a name of a field
PASSWORD_HINT = _("Kept in memory for 30 minutes at most and never stored. Slack shows it as you type.")
PATHS = "File Paths"
PATHS_HINT = _(
    "Full paths, separated by commas; * and ? are wildcards. I look up hashes first and ask you before I upload anything."
)
LOGIN_NOT_OPENED = _("Slack closed the form before it opened. Type the command again.")
LOGIN_GONE = _("This form has expired. Close it and type the command again.")
LOGINS_OFF = said("Logins are switched off here. Ask {whoever}.", settings="SSH_AD_HOC")

UPLOAD_ANYWAY = _("Upload anyway")
LOOK_AGAIN = _("Look again")
NOT_AGREED = _(
    "Nothing was uploaded: nobody agreed. Run this at a terminal and answer y, or set UPLOAD_POLICY=allow."
)
NO_STDIN = _("scan-file - reads standard input, which is closed. Pipe a file into it, or give a path.")
FOLLOW = _("⏳ Uploading a large file. I'll send progress and the answer to you in a direct message.")
TOO_LATE = _("Nothing was uploaded: that button has expired (10 minutes). Ask again with /vt scan-file …")
NOT_YOURS = _("Nothing was uploaded: only the person who asked about this file can agree to that.")
NOT_NOW = said(
    "Nothing was uploaded: uploads are switched off here. See /vt settings, or ask {whoever}.",
    settings="UPLOAD_POLICY",
)
SOURCES: Mapping[str, str] = {"": _("the bot's machine"), "slack": "Slack", "stdin": _("standard input")}
"""Where a file comes from, by its place; a server by its name."""


def lasts(user: str, until: datetime) -> Line:
    """Whose button it is, and until when."""
    return line("Only {user} can press this, until {until}.", user=User(user), until=clock(until))


def question(count: int) -> str:
    """What is asked, of one file or several."""
    return ngettext("Upload it to VirusTotal?", "Upload these {count} files to VirusTotal?", count)


def upload(count: int) -> Line:
    """The button that agrees to it."""
    return ngettext("Upload", "Upload {count} files", count)


def more(count: int) -> Line:
    """Files that the question leaves out."""
    return ngettext(
        "{count} other file is unknown too. Ask about it separately.",
        "{count} other files are unknown too. Ask about them separately.",
        count,
    )


def never(names: Iterable[str]) -> Line:
    """Files whose upload nobody can allow."""
    named = cut(enumerated(names), 300)
    return line("Never uploaded because of their name or content: {names}", names=named)


def described(size: str, sha256: str, source: str) -> str:
    """What someone agrees to, behind its name."""
    return line("{size} · from {source} · SHA-256 {sha256}", size=size, source=source, sha256=sha256)


def uploading(name: str, sent: str, size: str) -> str:
    """How far an upload is."""
    return line("⏳ Uploading {name}: {sent} of {size}", name=name, sent=sent, size=size)


def reading(name: str, read: str, size: str) -> str:
    """How far a file has been read for its hash."""
    return line("⏳ Reading {name}: {read} of {size}", name=name, read=read, size=size)
