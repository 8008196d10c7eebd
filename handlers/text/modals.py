"""Sentences of forms, modals and the home. They are plain text."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from handlers.case import Change
from handlers.request import Answers, Verb
from handlers.text import files as files_text
from handlers.text.format import day, engines, join
from vt.actions import Action

FORM_TITLE = "VirusTotal"
FORM_SUBMIT = "Look up"
FORM_CLOSE = "Cancel"
VALUES = "Indicators"
VALUES_HINT = "One per line, or paste any text. Defanged is fine."
VALUES_PLACEHOLDER = "192.0.2.1"
FOUND_HINT = "Remove what you don't want to look up."
FOUND_FILES = "The attached files are looked up too."
FOUND_CUT = "Only the first {most} of {count} fit here."
ACTION = "Action"
AS_FOUND = "Automatic"
THRESHOLD = "Threshold"
THRESHOLD_HINT = "Number of engines for RISKY. Leave empty for the channel's setting."
RESCAN_AFTER = "Rescan after days"
RESCAN_HINT = "Request a new analysis if the last one is older (hashes and URLs). Leave empty: never."
ANSWER = "Answer"
PRIVATE = "Only me"
SHARED = "Post in the channel"
FORM_AGAIN = "Slack closed the form before it opened. Your text is saved: press Open the form."
OPEN_FORM = "Open the form"
FORM_GONE = "This form has expired. Copy your text, close the form and open it again."

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
    "rule",
)

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
    Verb.RESCAN_COST: RESCAN,
    Verb.OFFER_UPLOAD: files_text.UPLOAD_ANYWAY,
    Verb.RECHECK: RECHECK,
}
WAIT = "One moment…"
ASKING = "Asking VirusTotal…"
EARLIER = "Previous"
LATER = "Next"
DETECTED = "detected"
NO_DETAILS = "VirusTotal returned nothing else."
NONE = "None."
AT_THRESHOLDS = "At other thresholds"
THIS_ONE = " (this answer)"
COUNTED_ENGINES = "Engines that flag it"
COUNTED_EVIDENCE = "Related URLs and files; VirusTotal gives no verdict on the host itself"
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
    return join(" · ", [said, day(date)]) if date else said


def threshold(count: int) -> str:
    """So many engines."""
    return engines(count, None)


TITLES: Mapping[Verb, str] = {**MORE, Verb.SETTINGS: "Settings"}
WAITING: Mapping[Verb, str] = {verb: ASKING if verb is Verb.COMMENTS else WAIT for verb in TITLES}
TOO_LATE = "Slack closed the window before it opened. Try again."
NOT_TAKEN = "Slack could not show this. I am sending you the JSON, which has all of it."
OLDER = "Older"
NO_COMMENTS = "Nobody has commented on this."
COMMENTS_REFUSED = "Comments need a private API key."
NO_COMMENTS_HERE = "VirusTotal keeps comments on files and URLs only."
COMMENTS_COST = "Each page costs one call of the VirusTotal quota."
RESCANNED = "Will be rescanned"
PRICE = "Cost"
LEFT = "Quota left"
SEEN_BY = "Visibility"
URLS_ARE_SEEN = "VirusTotal users can see that this URL was submitted again."
NO_RESCAN = "Nothing here can be rescanned: VirusTotal must know it, and files need a private API key."


def not_asked_yet(pause: str) -> str:
    """The quota is spent."""
    return f"Out of quota; next call in {pause}. Leave this open: it fills in by itself."


def count(urls: int, files: int) -> str:
    """What is rescanned."""
    kinds = ((urls, "URL"), (files, "file"))
    return " and ".join(f"{number} {kind}{'s'[: number != 1]}" for number, kind in kinds if number)


def calls(number: int) -> str:
    """What it costs, at least and as a rule."""
    return f"{number} API call{'s'[: number != 1]}, plus usually 2 to 4 to poll for the result"


def left(windows: Mapping[str, tuple[int, int]]) -> str:
    """What may still be asked."""
    limited = [
        f"{max(0, most - used)} of {most} this {name}" for name, (used, most) in windows.items() if most
    ]
    return ", ".join(limited) or "no limit"


NOT_YOURS = "Only the person who shared it can make it private."
ANYWAY = "Check anyway"

# Settings ------------------------------------------------------------------------------------------------

SETTINGS = "Settings"
SAVE = "Save"
ANSWERS = "Answers"
INSTANCE = "Instance"
LANGUAGE = "Language"
ANSWER_WAYS: Mapping[Answers, str] = {
    Answers.AS_ASKED: "Default: slash commands privately, message shortcuts in the thread",
    Answers.PRIVATE: "Only to the person who asked",
    Answers.CHANNEL: "Posted in the channel",
}
WHO_MAY_CHANGE = "Only this channel's creator, a workspace admin or an admin of this bot can change this."
NOT_HERE = "Direct messages have no settings. Type /vt settings in a channel."
NOT_SET = "default"


def threshold_of(action: Action) -> str:
    """The field of an action."""
    return f"{action.title}: threshold"


def empty_means(count: int) -> str:
    """The default, which applies when the field is empty."""
    return f"Number of engines for RISKY. Leave empty for the default ({count})."


def saved(changes: Iterable[Change]) -> str:
    """What is different from now on."""
    lines = [f"{one.name}: {one.old or NOT_SET} → {one.new or NOT_SET}" for one in changes]
    return "\n".join(["Saved for this channel.", *lines])


# The home ------------------------------------------------------------------------------------------------

EXAMPLES_GO = "Press an example; the answer appears in the Messages tab. In channels, type /vt (or /vt help)."
YOUR_LATEST = "Your last look-ups"
NOTHING_YET = "None yet."
QUOTA_LEFT = "VirusTotal quota left"
CHANNELS = "Channels whose settings you can change"
CHANNELS_HOW = "Type /vt settings in any channel to set thresholds and who sees answers."
HEALTH = "Status"
CHECK_KEY = "Check VirusTotal too (1 call)"

ONLY_IN_SLACK = "That works only in Slack. Here: vtbot ask 'scan-ip 192.0.2.1'"


# Buttons of an answer -------------------------------------------------------------------------------

BUTTON_JSON = "JSON"
BUTTON_LINK = "VirusTotal"
BUTTON_SHARE = "Share"
BUTTON_SUBMIT = "Submit for scanning"
CONFIRM_TITLE = "Submit to VirusTotal?"
CONFIRM_SUBMIT = (
    "This sends the URL to VirusTotal, where other companies, researchers and the URL's owner can see it. "
    "This can't be undone."
)
CONFIRM_YES = "Submit"
CONFIRM_NO = "Cancel"
