"""Sentences of modals, exported files, the home and pictures. They are plain text."""

from collections.abc import Mapping
from datetime import datetime

from handlers.request import Verb
from handlers.text import files as files_text
from handlers.text.errors import why_not
from handlers.text.findings import STATES, note
from handlers.text.format import day, engines
from handlers.text.language import Line, enumerated, join, line, ngettext
from handlers.text.language import lazy_gettext as _
from vt.evidence import HostCriteria, HostRule
from vt.verdict import Finding, State

# Lists of findings: a file for a spreadsheet, a table in an answer ----------------------------------------

COLUMNS = (
    *("indicator", "kind", "action", "state", "engines", "of", "threshold", "analysed", "checked"),
    *("remark", "VirusTotal", "rule"),
)
"""Of the file, which is in English like the JSON."""
HEAD = (_("State"), _("Indicator"), _("Engines"), _("What it is"), _("Newest evidence"))
TALLY = _("{icon} {count} {state}")
CONTEXT = _("context: {flagged}")
OF_EMAIL = _("domain of the email address")


def remark(finding: Finding) -> str:
    """Everything besides the verdict, in one cell: why there is none, what the reader must know."""
    if finding.state is State.NOT_CHECKED and finding.error:
        return why_not(finding)
    return note(finding)


def more_in_csv(left: int) -> str:
    """How many findings the table has no room for."""
    return ngettext("{count} more: press CSV to see it.", "{count} more: press CSV to see them.", left)


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
SHOWN = _("{first} to {last} of {count}")
DETECTED = _("detected")
NO_DETAILS = _("VirusTotal returned nothing else.")
NONE = _("None.")
NOT_ASKED_YET = _("Out of quota; next call in {pause}. Leave this open: it fills in by itself.")
AT_THRESHOLDS = _("At other thresholds")
AT_RULES = _("By other rules and ages")
NOT_COUNTED = _("not counted")
COUNTED_ENGINES = _("Engines that flag it")
COUNTED_EVIDENCE = _("Related URLs and files; VirusTotal gives no verdict on the host itself")
PARTS = {
    "fields": _("Fields"),
    "engines": _("Engines"),
    "samples": _("URLs and samples"),
    "resolutions": _("Resolutions"),
    "subdomains": _("Subdomains"),
}
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
NOT_YOURS = _("Only the person who shared it can make it private.")
ANYWAY = _("Check anyway")
NO_RESCAN = _("Nothing here can be rescanned: VirusTotal must know it, and files need a private API key.")
LEFT_OF: Mapping[str, str] = {
    "minute": _("{left} of {most} this minute"),
    "day": _("{left} of {most} this day"),
    "month": _("{left} of {most} this month"),
}


def dated(said: str, date: datetime | None) -> str:
    """Something, and when it was."""
    return join(" · ", [said, day(date)]) if date else said


def host_rule(criteria: HostCriteria | None) -> str:
    """How hosts are judged, in a few words."""
    if criteria is None:
        return ""
    if criteria.rule is HostRule.DOCUMENTED:
        return line("Everything that is listed, as documented")
    if not criteria.days:
        return line("What it served, at any age")
    return ngettext(
        "What it served in the last day", "What it served in the last {count} days", criteria.days
    )


def marked(verdict: str, *, mine: bool) -> str:
    """A verdict at some threshold; `mine`: that of the answer that is explained."""
    return line("{verdict} (this answer)", verdict=verdict) if mine else verdict


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
    limited = [(LEFT_OF[name], max(0, most - used), most) for name, (used, most) in windows.items() if most]
    return enumerated(line(text, left=left, most=most) for text, left, most in limited) or line("no limit")


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


# The picture of what is on record ------------------------------------------------------------------------

PICTURE_WORDS: Mapping[str, str] = {
    "record": _("Engines that flagged it, each time it was looked up"),
    "evidence": _("Flagged URLs and files that VirusTotal saw there, by their date"),
    "engines": _("engines"),
}
"""Titles in a picture, by the names that bot/chart.py has for them."""
PICTURE_DATED = _("Drawn {at}. All dates are in UTC.")
COUNTS_FROM = _("URLs and downloads count from {day}")
"""Above the part of the evidence that the rule for hosts counts."""
PICTURE_SENT = _("I sent you the picture in a direct message.")
NOT_IN_CHANNEL = _("I can't post in that channel, so I sent you the picture in a direct message.")
NOTHING_ON_RECORD = _(
    "I have no verdict on {subject} on record in this workspace, so there is nothing to draw. Look it up first: "
    "/vt {subject}"
)
INTERNAL = _("{subject} is internal: I never send it to VirusTotal, so there is nothing to draw.")
PICTURE_FAILED = _(
    "I could not draw the picture of {subject}. Try again in a minute; if it keeps happening, tell {whoever}."
)


def looked_up(times: int, first: datetime, last: datetime, judged: int) -> Line:
    """How often it was looked up, and of how many lookups the verdicts are shown, if not of all."""
    if times == 1:
        return line("Looked up once, on {day}", day=day(first))
    told = line(
        "Looked up {times} times from {first} to {last}", times=times, first=day(first), last=day(last)
    )
    if judged == times:
        return told
    return ngettext(
        "{told}; {count} verdict is shown", "{told}; {count} verdicts are shown", judged, told=told
    )


def risky_from(threshold: int) -> Line:
    """The line of the threshold."""
    return line("{risky} from {engines}", risky=str(STATES[State.RISKY]), engines=engines(threshold, None))


def timeline(counts: Mapping[State, int], least: int, most: int) -> Line:
    """What the lookups said, for those who do not see the picture."""
    told = enumerated(
        line("{count} × {state}", count=count, state=STATES[state]) for state, count in counts.items()
    )
    if least == most:
        return line("{verdicts}; always {engines}", verdicts=told, engines=engines(most, None))
    return line("{verdicts}; {least} to {engines}", verdicts=told, least=least, engines=engines(most, None))


SEEN_THERE: Mapping[str, str] = {
    "url": _("URLs on it"),
    "downloaded": _("files downloaded from it"),
    "communicating": _("files that contact it"),
    "referrer": _("files that mention it"),
}


def seen_there(kind: str, count: int, most: int, newest: datetime) -> Line:
    """What was seen at a host, of one kind, for those who do not see the picture."""
    return line(
        "{kind}: {count}, up to {engines}, the newest of {day}",
        kind=str(SEEN_THERE[kind]),
        count=count,
        engines=engines(most, None),
        day=day(newest),
    )
