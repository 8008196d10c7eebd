"""Every sentence of forms, modals and the home, so that it can be translated. text.py has those of answers."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from handlers import text
from handlers.history import Past, Sighting
from handlers.request import Answers, Change, Verb
from handlers.text import files as files_text
from vt.actions import Action

FORM_TITLE = "VirusTotal"
FORM_SUBMIT = "Look up"
FORM_CLOSE = "Cancel"
VALUES = "What do you want to know about?"
VALUES_HINT = "Values by line, space or comma, or any text they stand in; defanged or not."
VALUES_PLACEHOLDER = "192.0.2.1"
FOUND_HINT = "Take out what you do not want to know about."
FOUND_FILES = "The attached files are looked up with them."
FOUND_CUT = "Only the first {most} of {count} fit here."
ACTION = "Action"
AS_FOUND = "As found: what fits each value"
THRESHOLD = "Threshold"
THRESHOLD_HINT = "Engines that make it RISKY: this many or more. Empty: as set for the channel."
RESCAN_AFTER = "Rescan after days"
RESCAN_HINT = "Analyse hashes and URLs anew when the last analysis is that old. Empty: never."
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


# Modals about an answer ----------------------------------------------------------------------------------

CLOSE = "Close"
DETAILS = "Details"
WHY = "Why?"
COMMENTS = "Comments"
RESCAN = "Rescan"
RECHECK = "Check again now"
HIDE = "Make private"
CSV = "CSV"
MORE: Mapping[Verb, str] = {
    Verb.DETAILS: DETAILS,
    Verb.WHY: WHY,
    Verb.COMMENTS: COMMENTS,
    Verb.PRICE: RESCAN,
    Verb.OFFER: files_text.UPLOAD_ANYWAY,
    Verb.RECHECK: RECHECK,
}
WAIT = "One moment…"
ASKING = "Asking VirusTotal…"
EARLIER = "Previous"
LATER = "Next"
DETECTED = "detected"
NO_DETAILS = "There is nothing more to show: VirusTotal has said nothing about it."
NONE = "Nothing."
AT_THRESHOLDS = "At other thresholds"
THIS_ONE = " (this answer)"
COUNTED_ENGINES = "The engines that count"
COUNTED_EVIDENCE = "What was seen there; VirusTotal gives no verdict on the host itself"
PARTS = {
    "fields": "Fields",
    "engines": "Engines",
    "samples": "URLs and samples",
    "resolutions": "Resolutions",
    "subdomains": "Subdomains",
}


def part(name: str, count: int) -> str:
    """A part of the details, with how much there is of it."""
    return f"{PARTS[name]} ({count})"


def shown(first: int, last: int, count: int) -> str:
    """Which of so many are shown."""
    return f"{first} to {last} of {count}"


def dated(said: str, date: datetime | None) -> str:
    """Something, and when it was."""
    return f"{said} · {text.day(date)}" if date else said


def threshold(engines: int) -> str:
    """So many engines."""
    return f"{engines} engine" + ("" if engines == 1 else "s")


TITLES: Mapping[Verb, str] = {**MORE, Verb.SETTINGS: "Settings"}
WAITING: Mapping[Verb, str] = {verb: ASKING if verb is Verb.COMMENTS else WAIT for verb in TITLES}
TOO_LATE = "Slack closed the window before it could be opened. Press it again."
NOT_TAKEN = "Slack did not take this. All of it is in the JSON, which is on its way to you."
OLDER = "Older"
NO_COMMENTS = "Nobody has commented on it."
NO_COMMENTS_HERE = "VirusTotal keeps comments on files and URLs only."
COMMENTS_COST = "Each page costs one call of VirusTotal's quota."
RESCANNED = "Analysed anew"
PRICE = "Price"
LEFT = "Left"
SEEN_BY = "Who sees it"
URLS_ARE_SEEN = "URLs are sent to VirusTotal again, whose community sees that they were."
NO_RESCAN = "Nothing here can be rescanned: VirusTotal must know it, and files need a private key."


def not_asked_yet(pause: str) -> str:
    """The quota is spent."""
    return f"Not asked yet: quota, next slot in {pause}. This fills by itself when it is left open."


def count(urls: int, files: int) -> str:
    """What is rescanned."""
    kinds = ((urls, "URL"), (files, "file"))
    return " and ".join(f"{number} {kind}{'s'[: number != 1]}" for number, kind in kinds if number)


def calls(number: int) -> str:
    """What it costs, at least and as a rule."""
    return f"{number} call{'s'[: number != 1]} to VirusTotal, then one for each look whether it is done (often 2 to 4)"


def left(windows: Mapping[str, tuple[int, int]]) -> str:
    """What may still be asked."""
    limited = [
        f"{max(0, most - used)} of {most} this {name}" for name, (used, most) in windows.items() if most
    ]
    return ", ".join(limited) or "no limit"


NOT_YOURS = "Only who had it shared can make it private again."
ANYWAY = "Check anyway"

# Settings ------------------------------------------------------------------------------------------------

SETTINGS = "Settings"
SAVE = "Save"
ANSWERS = "Answers"
INSTANCE = "Instance"
LANGUAGE = "Language"
ANSWER_WAYS: Mapping[Answers, str] = {
    Answers.AS_ASKED: "As asked: commands to the asker, picked messages in their thread",
    Answers.PRIVATE: "To the asker alone",
    Answers.CHANNEL: "In the channel",
}
WHO_MAY_CHANGE = (
    "Only the channel's creator, the workspace's admins and those whom the operator names can change this."
)
NOT_HERE = "There is nothing to set in direct messages. Type /vt settings in a channel."
NOT_SET = "as the operator set"


def threshold_of(action: Action) -> str:
    """The field of an action."""
    return f"{action.title}: threshold"


def empty_means(count: int) -> str:
    """What holds where nothing is set."""
    return f"Engines that make it RISKY. Empty: {count}, as the operator set."


def saved(changes: Iterable[Change]) -> str:
    """What is different from now on."""
    lines = [f"{one.name}: {one.old or NOT_SET} → {one.new or NOT_SET}" for one in changes]
    return "\n".join(["Saved for this channel.", *lines])


# The home ------------------------------------------------------------------------------------------------

EXAMPLES_GO = (
    "Press an example: its answer comes in the Messages tab. In a channel type /vt, /vt help shows all."
)
YOUR_LATEST = "Your last look-ups"
NOTHING_YET = "None yet."
QUOTA_LEFT = "VirusTotal's quota left"
CHANNELS = "Settings of channels that you may change"
CHANNELS_HOW = "Type /vt settings in a channel for thresholds and who sees answers."
HEALTH = "Is everything answering?"
CHECK_KEY = "Ask VirusTotal too (1 call)"

ONLY_IN_SLACK = "This is for Slack only. Here ask for a value, as in: vtbot ask 'scan-ip 192.0.2.1'"
