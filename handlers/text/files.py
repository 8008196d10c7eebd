"""Sentences about files on their way to VirusTotal. They are plain text."""

from collections.abc import Mapping
from datetime import datetime

from handlers.text.format import Line, Sentence, User, clock, cut, fault, line, said
from vt.errors import NotAllowed
from vt.indicators import defang_path
from vt.verdict import Note

WHO_SEES = (
    "Anyone with a paid VirusTotal account can then find, inspect and download it: other companies, researchers, "
    "possibly the attacker. This can't be undone."
)
OVER = "Not uploaded: nobody agreed within 10 minutes. Press Check again now to be asked again, or type /vt scan-file …"
WITHOUT_BUTTON = "No Upload button? The answer was too long for it; ask about fewer files."
MORE = "{count} other files are unknown too. Ask about them separately."
UPLOADS_DENIED = "Not uploaded: uploads are switched off here."
NEVER = "Never uploaded because of their name or content: {names}"

UPLOADS = "Files that VirusTotal does not know"
UPLOADS_HINT = "The bot-wide policy also applies; the stricter one wins."
UPLOAD_WAYS: Mapping[str, str] = {
    "as-set": "Default: the bot-wide policy",
    "allow": "Uploaded without asking",
    "confirm": "Uploaded when the person who asked agrees",
    "deny": "Never uploaded",
}

FILES = "Files"
FILES_HINT = "I look up their hashes and ask you before I upload a file that VirusTotal does not know."
PATH = "File paths"
PATH_HINT = (
    "Full paths, separated by commas; * and ? are wildcards. On the bot's machine unless you name a server."
)
HOST = "Linux server"
HOST_HINT = "The server's name, as set up for this bot."

NOTES: Mapping[Note, str] = {
    Note.NOT_UPLOADED: "Not uploaded, so this is the older report.",
    Note.MAYBE_UPLOADED: (
        "The upload was interrupted, and VirusTotal has shown nothing newer for an hour, so I can't tell whether it "
        "arrived. Press Look again, or send the file again."
    ),
    Note.NEEDS_CONSENT: "Not uploaded yet: see the question below.",
    Note.NEVER_BY_NAME: "Not uploaded: a file with this name may contain secrets, and no one can override this.",
    Note.NEVER_BY_CONTENT: "Not uploaded: it contains a private key or passwords, and no one can override this.",
    Note.HASH_ONLY: "Looked up by hash only. Only the person who first asked can have the file read or uploaded.",
}

NOT_FINISHED = "VirusTotal has the file but had not finished scanning it when I stopped waiting"
TO_UPLOAD = "waiting to be uploaded"
PERHAPS_ARRIVED = "the upload was interrupted and may have arrived; I won't send it again until that is clear"

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
    "missing": ": there is no such file",
    "closed": ": I may not read that file",
    "empty": ": the file is empty",
    "public": ": it is a public key, and the private one is needed",
    "putty": ": it is in PuTTY's format, and OpenSSH's is needed (puttygen converts it)",
    "dsa": ": it is a DSA key, which servers no longer accept; RSA, ECDSA and Ed25519 work",
    "kind": ": it is a kind of key that I can't use; RSA, ECDSA (P-256, P-384, P-521) and Ed25519 work",
    "damaged": ": it is not a private key, or it is damaged",
}
"""What is wrong with a key or password file, by why."""

EXAMPLE_PATH = "/srv/samples/invoice.zip"
MOST_OF_A_NAME = 100
"""Characters of a file's name that are repeated."""
MOST_FOLDERS = 5
"""Folders that are named in one sentence."""


def not_allowed(error: NotAllowed) -> Sentence:
    """What is wrong with a path, and which folders may be read, where that is known."""
    settings = "FILE_ROOTS, or roots in the hosts file"
    allowed = [defang_path(folder) for folder in error.allowed or ()]
    folders = ", ".join(allowed[:MOST_FOLDERS]) + ("…" if len(allowed) > MOST_FOLDERS else "")
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
            settings=f"set {settings}",
        )
    return said(
        "I may not read files there. Name a file below {folders}.", settings=settings, folders=folders
    )


IN_A_COMMAND = said(
    "That seems to contain a password, so I ignored it and did not store it. Slack may have kept it: change the "
    "password. Name the server instead, --host NAME; a form asks for its login, or {whoever} can set one up.",
    settings="SSH_AD_HOC, HOSTS_FILE",
)
NO_HOST = "--host needs the name of a server. Example: /vt scan-file --host web-1 /srv/samples/invoice.zip"

# A login that is typed --------------------------------------------------------------------------------------

LOGIN_TITLE = "Files on a server"
LOGIN_SUBMIT = "Look up"
LOGIN_CLOSE = "Cancel"
ADDRESS = "Linux Server Address"
USER = "Linux User"
PASSWORD = "Linux Password"  # noqa: S105 - the documented name of a field
PASSWORD_HINT = "Kept in memory for 30 minutes at most and never stored. Slack shows it as you type."  # noqa: S105 - a sentence
PATHS = "File Paths"
PATHS_HINT = "Full paths, separated by commas; * and ? are wildcards. I look up hashes first and ask you before I upload anything."
LOGIN_NOT_OPENED = "Slack closed the form before it opened. Type the command again."
LOGIN_GONE = "This form has expired. Close it and type the command again."
LOGINS_OFF = said("Logins are switched off here. Ask {whoever}.", settings="SSH_AD_HOC")

UPLOAD_ANYWAY = "Upload anyway"
LOOK_AGAIN = "Look again"
BUTTON_UPLOAD = "Upload"
BUTTON_UPLOAD_ALL = "Upload {count} files"
NOT_AGREED = (
    "Nothing was uploaded: nobody agreed. Run this at a terminal and answer y, or set UPLOAD_POLICY=allow."
)
NO_STDIN = "scan-file - reads standard input, which is closed. Pipe a file into it, or give a path."
FOLLOW = "⏳ Uploading a large file. I'll send progress and the answer to you in a direct message."
TOO_LATE = "Nothing was uploaded: that button has expired (10 minutes). Ask again with /vt scan-file …"
NOT_YOURS = "Nothing was uploaded: only the person who asked about this file can agree to that."
NOT_NOW = said(
    "Nothing was uploaded: uploads are switched off here. See /vt settings, or ask {whoever}.",
    settings="UPLOAD_POLICY",
)
SOURCES: Mapping[str, str] = {"": "the bot's machine", "slack": "Slack", "stdin": "standard input"}
"""Where a file comes from, by its place; a server by its name."""


def lasts(user: str, until: datetime) -> Line:
    """Whose button it is, and until when."""
    return line("Only {user} can press this, until {until}.", user=User(user), until=clock(until))


def question(count: int) -> str:
    """What is asked, of one file or several."""
    return f"Upload {'it' if count == 1 else f'these {count} files'} to VirusTotal?"


def described(size: str, sha256: str, source: str) -> str:
    """What someone agrees to, behind its name."""
    return f"{size} · from {source} · SHA-256 {sha256}"


def uploading(name: str, sent: str, size: str) -> str:
    """How far an upload is."""
    return f"⏳ Uploading {name}: {sent} of {size}"


def reading(name: str, read: str, size: str) -> str:
    """How far a file has been read for its hash."""
    return f"⏳ Reading {name}: {read} of {size}"
