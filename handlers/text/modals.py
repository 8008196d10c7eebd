"""Sentences of forms, modals and the home. They are plain text."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from handlers.case import Change
from handlers.request import Answers, Detail, Verb
from handlers.text import files as files_text
from handlers.text import hosts
from handlers.text.format import beside, day, engines
from handlers.text.language import Language, Line, enumerated, join, line, ngettext
from handlers.text.language import lazy_gettext as _
from vt.actions import BY_KEY, Action

FORM_TITLE = "VirusTotal"
FORM_SUBMIT = _("Look up")
FORM_CLOSE = _("Cancel")
VALUES = _("Indicators")
VALUES_HINT = _("One per line, or paste any text. Defanged is fine.")
VALUES_PLACEHOLDER = "192.0.2.1"
FOUND_HINT = _("Remove what you don't want to look up.")
FOUND_FILES = _("The attached files are looked up too.")
ACTION = _("Action")
AS_FOUND = _("Automatic")
THRESHOLD = _("Threshold")
THRESHOLD_HINT = _("Number of engines for RISKY. Leave empty for the channel's setting.")
RESCAN_AFTER = _("Rescan after days")
RESCAN_HINT = _("Request a new analysis if the last one is older (hashes and URLs). Leave empty: never.")
ANSWER = _("Answer")
PRIVATE = _("Only me")
SHARED = _("Post in the channel")
FORM_AGAIN = _("Slack closed the form before it opened. Your text is saved: press Open the form.")
OPEN_FORM = _("Open the form")
FORM_GONE = _("This form has expired. Copy your text, close the form and open it again.")

# Files ---------------------------------------------------------------------------------------------------

COLUMNS = (
    *("indicator", "kind", "action", "state", "engines", "of", "threshold", "analysed", "checked"),
    *("remark", "VirusTotal", "rule"),
)
"""Of the table for a spreadsheet, which is in English like the JSON."""

# Modals about an answer ----------------------------------------------------------------------------------

CLOSE = _("Close")
DETAILS = _("Details")
WHY = _("Why?")
COMMENTS = _("Comments")
RESCAN = _("Rescan")
RECHECK = _("Check again now")
HIDE = _("Make private")
CSV = "CSV"
PICTURE = _("Picture")
MORE: Mapping[Verb, str] = {
    Verb.DETAILS: DETAILS,
    Verb.WHY: WHY,
    Verb.COMMENTS: COMMENTS,
    Verb.RESCAN_COST: RESCAN,
    Verb.OFFER_UPLOAD: files_text.UPLOAD_ANYWAY,
    Verb.RECHECK: RECHECK,
}
WAIT = _("One moment…")
ASKING = _("Asking VirusTotal…")
EARLIER = _("Previous")
LATER = _("Next")
DETECTED = _("detected")
NO_DETAILS = _("VirusTotal returned nothing else.")
NONE = _("None.")
AT_THRESHOLDS = _("At other thresholds")
COUNTED_ENGINES = _("Engines that flag it")
COUNTED_EVIDENCE = _("Related URLs and files; VirusTotal gives no verdict on the host itself")
PARTS = {
    "fields": _("Fields"),
    "engines": _("Engines"),
    "samples": _("URLs and samples"),
    "resolutions": _("Resolutions"),
    "subdomains": _("Subdomains"),
}


def part(name: str, count: int) -> str:
    """A part of the details, with how much there is of it."""
    return beside(PARTS[name], count)


def shown(first: int, last: int, count: int) -> str:
    """Which of so many are shown."""
    return line("{first} to {last} of {count}", first=first, last=last, count=count)


def dated(said: str, date: datetime | None) -> str:
    """Something, and when it was."""
    return join(" · ", [said, day(date)]) if date else said


def threshold(count: int) -> str:
    """So many engines."""
    return engines(count, None)


def marked(verdict: str, *, mine: bool) -> str:
    """A verdict at some threshold; `mine`: that of the answer that is explained."""
    return line("{verdict} (this answer)", verdict=verdict) if mine else verdict


def found_cut(most: int, count: int) -> Line:
    """There are more indicators than a menu can have."""
    return line("Only the first {most} of {count} fit here.", most=most, count=count)


TITLES: Mapping[Verb, str] = {**MORE, Verb.SETTINGS: _("Settings")}
WAITING: Mapping[Verb, str] = {verb: ASKING if verb is Verb.COMMENTS else WAIT for verb in TITLES}
TOO_LATE = _("Slack closed the window before it opened. Try again.")
NOT_TAKEN = _("Slack could not show this. I am sending you the JSON, which has all of it.")
OLDER = _("Older")
NO_COMMENTS = _("Nobody has commented on this.")
COMMENTS_REFUSED = _("Comments need a private API key.")
NO_COMMENTS_HERE = _("VirusTotal keeps comments on files and URLs only.")
COMMENTS_COST = _("Each page costs one call of the VirusTotal quota.")
RESCANNED = _("Will be rescanned")
PRICE = _("Cost")
LEFT = _("Quota left")
SEEN_BY = _("Visibility")
URLS_ARE_SEEN = _("VirusTotal users can see that this URL was submitted again.")
NO_RESCAN = _("Nothing here can be rescanned: VirusTotal must know it, and files need a private API key.")


def not_asked_yet(pause: str) -> str:
    """The quota is spent."""
    return line("Out of quota; next call in {pause}. Leave this open: it fills in by itself.", pause=pause)


def count(urls: int, files: int) -> str:
    """What is rescanned."""
    some_urls = ngettext("{count} URL", "{count} URLs", urls) if urls else ""
    some_files = ngettext("{count} file", "{count} files", files) if files else ""
    if urls and files:
        return line("{urls} and {files}", urls=some_urls, files=some_files)
    return some_urls or some_files


def calls(number: int) -> str:
    """What it costs, at least and as a rule."""
    return ngettext(
        "{count} API call, plus usually 2 to 4 to poll for the result",
        "{count} API calls, plus usually 2 to 4 to poll for the result",
        number,
    )


def left(windows: Mapping[str, tuple[int, int]]) -> str:
    """What may still be asked."""
    limited = [_left(name, max(0, most - used), most) for name, (used, most) in windows.items() if most]
    return enumerated(limited) or line("no limit")


def _left(window: str, calls: int, most: int) -> Line:
    match window:
        case "minute":
            return line("{left} of {most} this minute", left=calls, most=most)
        case "day":
            return line("{left} of {most} this day", left=calls, most=most)
        case _:
            return line("{left} of {most} this month", left=calls, most=most)


NOT_YOURS = _("Only the person who shared it can make it private.")
ANYWAY = _("Check anyway")

# Settings ------------------------------------------------------------------------------------------------

SETTINGS = _("Settings")
SAVE = _("Save")
ANSWERS = _("Answers")
INSTANCE = _("Instance")
LANGUAGE = _("Language")
LANGUAGE_HINT = _(
    "For answers that everybody in the channel sees. What only you see is in the language of your Slack."
)
AS_SET = "as-set"
LANGUAGES: Mapping[str, str] = {
    AS_SET: _("Default: the bot-wide language"),
    Language.ENGLISH: "English",
    Language.JAPANESE: "日本語",
    Language.SPANISH: "Español",
}
"""Each by the name that its speakers give it."""
ANSWER_WAYS: Mapping[str, str] = {
    Answers.AS_ASKED: _("Default: slash commands privately, message shortcuts in the thread"),
    Answers.PRIVATE: _("Only to the person who asked"),
    Answers.CHANNEL: _("Posted in the channel"),
}
DETAIL = _("Detail")
DETAIL_WAYS: Mapping[str, str] = {
    Detail.FULL: _("Full: with a folded table of everything that VirusTotal says"),
    Detail.SHORT: _("Short: without the table; Details has it"),
}
WHO_MAY_CHANGE = _("Only this channel's creator, a workspace admin or an admin of this bot can change this.")
NOT_HERE = _("Direct messages have no settings. Type /vt settings in a channel.")
NOT_SET = _("default")


def threshold_of(action: Action) -> str:
    """The field of an action."""
    return line("{action}: threshold", action=action.title)


def empty_means(count: int) -> str:
    """The default, which applies when the field is empty."""
    return line("Number of engines for RISKY. Leave empty for the default ({count}).", count=count)


def saved(changes: Iterable[Change]) -> str:
    """What is different from now on."""
    lines = [
        line(
            "{name}: {old} → {new}",
            name=_name_of(one.name),
            old=_value_of(one.name, one.old),
            new=_value_of(one.name, one.new),
        )
        for one in changes
    ]
    return join("\n", [line("Saved for this channel."), *lines])


CHANGED: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "host rule": (hosts.HOST_RULE, {rule.value: name for rule, name in hosts.RULES.items()}),
    "evidence days": (hosts.EVIDENCE_DAYS, {}),
    "answers": (ANSWERS, ANSWER_WAYS),
    "detail": (DETAIL, DETAIL_WAYS),
    "uploads": (files_text.UPLOADS, files_text.UPLOAD_WAYS),
    "instance": (INSTANCE, {}),
    "language": (LANGUAGE, LANGUAGES),
}
"""What a setting and its values are called, by its name in the audit; thresholds are called `threshold <action>` there."""


def _name_of(name: str) -> str:
    action = BY_KEY.get(name.removeprefix("threshold "))
    return line("{action} threshold", action=action.title) if action else CHANGED.get(name, (name,))[0]


def _value_of(name: str, value: str | None) -> str:
    if value is None:
        return NOT_SET
    if name == "evidence days":
        return hosts.days(int(value))
    return CHANGED[name][1].get(value, value) if name in CHANGED else value


# The home ------------------------------------------------------------------------------------------------

EXAMPLES_GO = _(
    "Press an example; the answer appears in the Messages tab. In channels, type /vt (or /vt help)."
)
YOUR_LATEST = _("Your last look-ups")
NOTHING_YET = _("None yet.")
QUOTA_LEFT = _("VirusTotal quota left")
CHANNELS = _("Channels whose settings you can change")
CHANNELS_HOW = _("Type /vt settings in any channel to set thresholds and who sees answers.")
HEALTH = _("Status")
CHECK_KEY = _("Check VirusTotal too (1 call)")


# Buttons of an answer -------------------------------------------------------------------------------

BUTTON_JSON = "JSON"
BUTTON_LINK = "VirusTotal"
BUTTON_SHARE = _("Share")
BUTTON_SUBMIT = _("Submit for scanning")
CONFIRM_TITLE = _("Submit to VirusTotal?")
CONFIRM_SUBMIT = _(
    "This sends the URL to VirusTotal, where other companies, researchers and the URL's owner can see it. "
    "This can't be undone."
)
CONFIRM_YES = _("Submit")
CONFIRM_NO = _("Cancel")
