"""Every sentence about files on their way to VirusTotal, so that it can be translated. All of it is plain text."""

from collections.abc import Mapping

from vt.verdict import Note

WHO_SEES = (
    "Whoever uses VirusTotal's paid services can then find it, look into it and download it: other companies, "
    "researchers, and perhaps those who made it. It cannot be taken back."
)
LASTS = "The button works for 10 minutes, for whoever asked."
OVER = (
    "Not uploaded: the question whether to upload it stood for 10 minutes and is over. To be asked again, press "
    "Check again now, or type /vt scan-file …"
)
WITHOUT_BUTTON = "If there is no button here to agree with, the answer is too long for one: ask for fewer files in one command."
MORE = "{count} more are not in VirusTotal either: ask for them in a command of their own."
UPLOADS_DENIED = "Not uploaded: uploads are switched off here."
NEVER = "Never uploaded, by name or content (NEVER_UPLOAD): {names}"

UPLOADS = "Files that VirusTotal does not know"
UPLOADS_HINT = "The operator's UPLOAD_POLICY holds too: the stricter of both decides."
UPLOAD_WAYS: Mapping[str, str] = {
    "as-set": "As the operator set it",
    "allow": "Uploaded without asking",
    "confirm": "Uploaded once the asker agrees",
    "deny": "Never uploaded",
}

FILES = "Files"
FILES_HINT = (
    "Their hashes are looked up; you are asked before a file that VirusTotal does not know is uploaded."
)
PATH = "Paths of files"
PATH_HINT = "Absolute, by comma; * and ? fit names. On the bot's machine, if no server is named."
HOST = "Linux server"
HOST_HINT = "Its name in the hosts file."

NOTES: Mapping[Note, str] = {
    Note.NOT_UPLOADED: "This is the older report: it was not uploaded.",
    Note.PERHAPS: (
        "The upload was interrupted, and VirusTotal shows nothing newer within an hour: it may have arrived or not. "
        "Look again, or ask for the file anew."
    ),
    Note.TO_AGREE: "Not uploaded.",
    Note.NEVER_BY_NAME: "Not uploaded: a file of this name may hold secrets, so nobody can agree to it (NEVER_UPLOAD).",
    Note.NEVER_BY_CONTENT: "Not uploaded: it holds a private key or passwords, so nobody can agree to it.",
    Note.BY_HASH: (
        "Looked up by its hash: the file was not read again. Only whoever asked for it first can have it read, or agree "
        "to an upload."
    ),
}

NOT_FINISHED = "VirusTotal has it, and was not finished with it when nobody waited any more"
TO_UPLOAD = "to be uploaded"
PERHAPS_ARRIVED = "the upload was interrupted and may have arrived; it is not sent again before that is known"

NOT_GIVEN: Mapping[str, str] = {
    "scope": "Slack shows its page to sign in instead of the file: the app lacks the scope files:read. Tell the operator.",
    "elsewhere": "the file is not kept by Slack itself, so it was not fetched. Attach the file, or look its hash up: /vt scan-hash …",
    "silent": "Slack did not hand the file over. Ask again in a minute.",
}
"""By why."""

IN_A_COMMAND = (
    "That seems to hold a password, so nothing was done with it and I kept nothing. What is typed passes "
    "through Slack and may be kept there: change the password. Name the server instead, --host NAME; "
    "the operator sets its login up in the hosts file, or lets you type one into a form (SSH_AD_HOC)."
)
NO_HOST = "--host takes the name of a server from the hosts file, as in: /vt scan-file --host web-1 /srv/samples/invoice.zip"

# A login that is typed --------------------------------------------------------------------------------------

LOGIN_TITLE = "Files on a server"
LOGIN_SUBMIT = "Look up"
LOGIN_CLOSE = "Cancel"
ADDRESS = "Linux Server Address"
USER = "Linux User"
PASSWORD = "Linux Password"  # noqa: S105 - the documented name of a field
PASSWORD_HINT = (
    "Held in the bot's memory for half an hour at most, never stored. Slack shows it while you type."  # noqa: S105 - a sentence
)
PATHS = "File Paths"
PATHS_HINT = "Absolute paths by comma; * and ? fit names. Hashes are looked up first; you are asked before anything is uploaded."
LOGIN_NOT_OPENED = "Slack gave the form up before it could be opened. Type the command again."
LOGIN_GONE = "This form is no longer known. Close it and type the command again."
LOGINS_OFF = "Logins cannot be typed here: the operator has not set SSH_AD_HOC=true."

UPLOAD_ANYWAY = "Upload anyway"
LOOK_AGAIN = "Look again"
BUTTON_UPLOAD = "Upload"
BUTTON_UPLOAD_ALL = "Upload {count} files"
NOT_AGREED = (
    "Nothing was uploaded: nobody agreed to it. Ask at a terminal and say y, or set UPLOAD_POLICY=allow."
)
NO_STDIN = "scan-file - reads standard input, which is closed. Send a file through a pipe, or name its path."
FOLLOW = "⏳ Uploading. It is large: how it comes along, and then the answer, stand in your direct messages."
TOO_LATE = "Nothing was uploaded: the question is older than 10 minutes. Ask again with /vt scan-file …"
NOT_YOURS = "Nothing was uploaded: only the one who asked for this file can agree to it."
NOT_NOW = "Nothing was uploaded: uploads are switched off here. Ask the operator about UPLOAD_POLICY, or see /vt settings."
SOURCES: Mapping[str, str] = {"": "the bot's machine", "slack": "Slack", "stdin": "standard input"}
"""Where a file comes from, by its place; a server by its name."""


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
    """How far a file was read for its hash."""
    return f"⏳ Reading {name}: {read} of {size}"
