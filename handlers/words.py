"""Every sentence of forms, modals and the home, so that it can be translated. text.py has those of answers."""

from handlers import text
from handlers.history import Past, Sighting

FORM_TITLE = "VirusTotal"
FORM_SUBMIT = "Look up"
FORM_CLOSE = "Cancel"
VALUES = "What do you want to know about?"
VALUES_HINT = "Values by line, space or comma, or any text they stand in; defanged or not."
VALUES_PLACEHOLDER = "192.0.2.1"
FOUND_HINT = "Take out what you do not want to know about."
FOUND_CUT = "Only the first {most} of {count} fit here."
ACTION = "Action"
AS_FOUND = "As found: what fits each value"
THRESHOLD = "Threshold"
THRESHOLD_HINT = "Engines that make it RISKY: this many or more. Empty: as set for the channel."
RESCAN = "Rescan after days"
RESCAN_HINT = "Analyse hashes and URLs anew when the last analysis is that old. Empty: never."
PATH = "Path of a file on the bot's machine"
PATH_HINT = "Its hash is looked up; a file that VirusTotal does not know is uploaded."
ANSWER = "Answer"
PRIVATE = "To me alone"
SHARED = "In the channel"
FORM_AGAIN = "Slack gave the form up before it could be opened. What you typed is kept."
OPEN_FORM = "Open the form"
FORM_GONE = "This form is no longer known. Copy what you typed, close it, and open it again."

# Files ---------------------------------------------------------------------------------------------------

COLUMNS = (
    "indicator",
    "kind",
    "action",
    "state",
    "engines",
    "of",
    "threshold",
    "analysed",
    "checked",
    "remark",
    "VirusTotal",
)

# What is on record --------------------------------------------------------------------------------------

FIRST_IN = "first in"


def seen(past: Past) -> str:
    """How often it was asked for, and since when."""
    return f"seen here {past.times} × since {text.day(past.since)}"


def first_seen(past: Past) -> str:
    """Where it was first asked for; a private channel is not named elsewhere."""
    return f"{FIRST_IN} {'this channel' if past.here else 'another channel'}"


def was(last: Sighting) -> str:
    """What VirusTotal said before."""
    on = f"on {text.day(last.at)}" if last.at else "before"
    if last.count is None:
        return f"was {last.state} {on}"
    return f"was {last.state} {last.count} of {last.total or '?'} {on}"
