"""Sentences about the ways in, and about who may use them. They are plain text."""

from collections.abc import Mapping

from handlers.access import Denial
from handlers.text.format import Audience, Line, Sentence, outside, said
from vt.actions import Action

DENIALS: Mapping[Denial, Sentence] = {
    Denial.GUEST: said(
        "Guests can't use this bot. Ask a full member of this workspace to look it up for you."
    ),
    Denial.STRANGER: said(
        "Only members of the workspace that installed this bot can use it. Ask one of them to look it up for you."
    ),
    Denial.BOT: said("Bots can't use this bot. Ask {whoever} to allow them."),
    Denial.GONE: said("This account is deactivated, so it can't use this bot."),
    Denial.UNKNOWN: said(
        "I can't check who you are because Slack is not responding. Nothing was looked up; try again in a minute."
    ),
    Denial.USER: said("You don't have permission to use this bot. Ask {whoever}."),
    Denial.CHANNEL: said("This bot isn't enabled in this channel. Ask {whoever} where you can use it."),
}
"""Each one sentence or two, to the asker alone."""
DATABASE_SILENT = (
    "The database is not responding. Try again; if it keeps happening, check DATABASE_URL or STATE_DIR."
)
CANNOT_TAKE_YET = "I can't take requests right now: my database is down. Slack will retry for five minutes; if you have no answer by then, send it again."
SHORTCUT_CHECK = "Check with VirusTotal"
SHORTCUT_CHECK_DOES = "Look up every IP, hash, URL and domain in this message"
FORM_NAME = "VirusTotal"
FORM_DOES = "A form to look up IPs, hashes, URLs, domains and files"
NO_FORM_HERE = "I can't open the form from a message. Type /vt form, or pick VirusTotal from the shortcuts."
NO_SETTINGS_HERE = "I can't open settings from a message. Type /vt settings in the channel."
ATTACHED = "For the attached file, pick Upload and Scan File in the same menu."
ELSEWHERE = "I can't post in that channel, so here is your answer:"


def denied(why: Denial, audience: Audience) -> Line:
    """Why somebody may not ask."""
    return DENIALS[why].to(audience)


def no_request(request_id: str) -> str:
    """Nothing is on record under an id."""
    return f"There is no request {outside(request_id, 80)}. Copy the whole ID from the message; requests are kept for a year."


def nothing_here(action: Action | None, others: Mapping[str, int], *, files: bool) -> str:
    """Why a message's menu opened the form, in the form. `others`: indicators for other actions, by action key."""
    wanted = NOUNS.get(action.key, ("",))[0] if action else ""
    found = ", ".join(f"{count} {NOUNS[key][count != 1]}" for key, count in others.items() if key in NOUNS)
    said = f"No {wanted} in that message" if wanted else "I found nothing to look up in that message"
    parts = [f"{said} (I found {found})." if found else f"{said}.", "This is its text."]
    return " ".join([*parts, ATTACHED] if files else parts)


def shortcut_does(action: Action) -> str:
    """What an action's entry in the message menu does."""
    return f"Look up {IN_MESSAGE.get(action.key, 'what fits')} in this message"


NOUNS: Mapping[str, tuple[str, str]] = {
    "scan-ip": ("IP address", "IP addresses"),
    "scan-hash": ("hash", "hashes"),
    "scan-url": ("URL", "URLs"),
    "domain-report": ("domain or email address", "domains and email addresses"),
    "scan-file": ("attached file", "attached files"),
}
"""One and several of what an action takes, by the action's key."""
IN_MESSAGE: Mapping[str, str] = {
    "scan-ip": "the IP addresses",
    "scan-hash": "the file hashes",
    "scan-url": "the URLs",
    "domain-report": "the domains and email addresses",
    "scan-file": "the attached files",
}
"""What an action takes from a message, by the action's key."""
