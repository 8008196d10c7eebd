"""Every sentence about the ways in, and about who may use them, so that it can be translated. All of it is plain text."""

from collections.abc import Mapping, Sequence

from handlers.access import Denial
from vt.actions import Action

DENIALS: Mapping[Denial, str] = {
    Denial.GUEST: "Guests may not look things up here. Ask a full member of this workspace to do it for you.",
    Denial.STRANGER: "Only members of the workspace that installed me may look things up. Ask one of them to do it for you.",
    Denial.BOT: "Bots may not look things up here. The operator can allow it with ALLOW_BOTS.",
    Denial.GONE: "This account is deactivated: it may not look anything up.",
    Denial.UNKNOWN: "I cannot find out who you are, because Slack does not answer me. Nothing was looked up; ask again in a minute.",
    Denial.USER: "You are not among those whom the operator lets look things up. Ask the operator of this bot.",
    Denial.CHANNEL: "I may not be used here. Ask the operator of this bot which channels are allowed.",
}
"""Each one sentence or two, to the asker alone."""
DATABASE_SILENT = "The database does not answer. Try again; if it stays, look at DATABASE_URL or STATE_DIR."
CANNOT_TAKE_YET = "I cannot take this now: the database does not answer. Slack hands it to me again during five minutes; if no answer comes by then, send it again."
SHORTCUT_CHECK = "Check with VirusTotal"
SHORTCUT_CHECK_DOES = "Looks up everything that is in this message: addresses, hashes, URLs, domains"
FORM_NAME = "VirusTotal"
FORM_DOES = "A form to look up addresses, hashes, URLs, domains and files"
NOTHING_HERE = "Nothing in this message can be looked up: no IP address, hash, URL, domain or mail address that fits. The form has its text."
NO_FORM_HERE = (
    "The form cannot be opened from a message. Type /vt form, or pick VirusTotal from the shortcuts."
)
ATTACHED = "For the attached file, pick Upload and Scan File in the same menu."
ELSEWHERE = "Your answer, here because I cannot write where you asked:"


def nothing_here(files: Sequence[str]) -> str:
    """Why a message's menu opened the form."""
    return f"{NOTHING_HERE} {ATTACHED}" if files else NOTHING_HERE


def shortcut_does(action: Action) -> str:
    """What an action's entry in the message menu is for."""
    return f"{action.title}: what fits in this message, such as {action.example}"
