"""Sentences about the bot itself: help, health, the quota, the ways in, and who may use them. They are plain text."""

from collections.abc import Iterable, Mapping

from handlers.people import Denial
from handlers.text.format import Audience, Line, Sentence, fault, join, line, outside, said
from vt.actions import ACTIONS, Action

INTRODUCTION = (
    "Try: /vt 192.0.2.1 · /vt help · any text with indicators · a number presses that button · Ctrl-D quits."
)
INVENTED = "Invented data from the built-in sandbox, not from VirusTotal: no API key is set."


def page(address: str) -> str:
    """Where the trial workspace is."""
    return f"Open {address} (a practice Slack), or type here."


def files_to_try(folder: str) -> str:
    """Where files are that the bot may read."""
    return f"Files to try: /vt scan-file {folder}/*"


DOES: Mapping[str, str] = {
    "scan-ip": "reputation of an IP address",
    "scan-hash": "verdict on a file hash (MD5, SHA-1, SHA-256)",
    "scan-url": "verdict on a URL",
    "domain-report": "categories, history and detections of a domain",
    "scan-file": "verdict on a file: its hash is looked up, and it is uploaded if you agree",
}
"""What each action finds out, by the action's key."""


def help_lines() -> list[tuple[str, str]]:
    """Each command with what it does; made from the table of actions."""
    rows = [(f"/vt {action.key} {action.example}", DOES.get(action.key, action.title)) for action in ACTIONS]
    return [
        ("/vt any text with indicators", "find everything in the text and look it up"),
        *rows,
        ("/vt form 192.0.2.1", "open a form, filled in with the text that follows"),
        ("/vt settings", "this channel's thresholds, and who sees answers"),
        ("/vt ping", "check the API key, database and Slack"),
        ("/vt quota", "how much VirusTotal quota is left"),
        (
            "/vt watch on",
            "look up what people post in this channel; also status, off, risky, reaction, dry-run",
        ),
        (
            "/vt ignore example.com 7d reason …",
            "skip it in watched channels (12h, 7d, 2w or forever); also list, remove",
        ),
        ("--threshold 3", "call it RISKY from 3 engines up"),
        (
            "--rescan-after-days 30",
            "ask for a new analysis if the last one is older than 30 days (hashes, URLs)",
        ),
        ("--share", "post the answer in the channel, not only to you"),
        ("--fresh", "skip the cache"),
        (
            "--host web-1",
            "read the files from server web-1; separate paths with commas, * and ? are wildcards",
        ),
    ]


HELP_HEAD = (
    "Paste IPs, hashes, URLs, domains or any text. Separate values with spaces or commas; defanged is fine."
)
HELP_STATES = "🔴 RISKY: the threshold is met · 🟠 SUSPICIOUS: some engines flag it, below the threshold · 🟢 CLEAN: no engine flags it · ⚪ UNKNOWN: VirusTotal has no record, which does not mean clean · ⏳ PENDING: being analysed · ⛔ NOT CHECKED: the message says why"


def ping(parts: Mapping[str, tuple[float, str]]) -> Line:
    """Each part with its time in seconds, or what is wrong with it."""
    return join("\n", [_part(PING_NAMES[name], *found) for name, found in parts.items()])


def _part(name: str, took: float, fault: str) -> str:
    if fault:
        return line("⛔ {name}: {fault}", name=name, fault=fault)
    return f"🟢 {name}: {took * 1000:.0f} ms"


def silent(error: str, audience: Audience) -> Line:
    """A part of the bot did not respond, for a reason such as the name of an exception."""
    return fault("not responding ({error}). Tell {whoever}.", error=error).to(audience)


def token_refused(code: str, audience: Audience) -> Line:
    """Slack does not accept the bot's token, for the reason that its error code names."""
    return fault(
        "Slack refuses my token ({code}). Tell {whoever}.", settings="SLACK_BOT_TOKEN", code=code
    ).to(audience)


LONGEST_SCOPE = 80
"""Characters of a scope, or of a list of them."""
WITHOUT_SCOPE: Mapping[str, str] = {
    "app_mentions:read": "mentions get no answer",
    "channels:history": "nothing is heard in watched public channels, and after a crash an answer may be posted twice",
    "channels:join": "channels of WATCH_CHANNELS are not joined with WATCH_JOIN, nor those where /vt watch on is typed",
    "channels:read": "ALLOWED_CHANNELS and WATCH_CHANNELS cannot be told by name, and /vt watch does not work",
    "chat:write": "nothing can be posted: only answers to commands and shortcuts arrive",
    "commands": "/vt and the shortcuts do not exist",
    "files:read": "attached files cannot be read",
    "files:write": "the JSON and CSV files cannot be sent",
    "groups:history": "nothing is heard in watched private channels, and after a crash an answer may be posted twice",
    "groups:read": "ALLOWED_CHANNELS and WATCH_CHANNELS cannot be told by name for private channels",
    "im:history": "direct messages get no answer",
    "im:write": "answers in direct messages may be posted twice after a crash",
    "mpim:history": "group direct messages get no answer",
    "mpim:read": "the names of group direct messages are not known",
    "reactions:write": "the watch cannot react to messages",
    "users:read": "nobody may ask, since the bot cannot tell who they are",
    "users:read.email": "/vt domain-report @somebody does not work",
}
"""What does not work without a scope of the manifest."""


def missing_scopes(missing: Iterable[str]) -> str:
    """For the operator: each scope that is not granted, and what does not work without it; "" when none is missing."""
    lines = [
        f"⛔ {scope} is not granted: {WITHOUT_SCOPE.get(scope, 'it is in the manifest')}" for scope in missing
    ]
    if not lines:
        return ""
    return "\n".join([*lines, "Update the app's manifest with `vtbot manifest`, and install the app again."])


def missing_scope(scope: str, audience: Audience) -> Line:
    """For somebody who asked for something that Slack has not granted to the app."""
    sentence = fault(
        "I can't do that because the app does not have the permission {scope} in Slack. Ask {whoever} to add it and "
        "install the app again.",
        settings="vtbot doctor names every missing permission",
        scope=outside(scope, LONGEST_SCOPE) or "for it",
    )
    return sentence.to(audience)


def doctor(mode: str, kind: str, *, invented: bool) -> str:
    """What is set up, and what the operator must know about it."""
    lines = [
        {
            "http": "Slack: HTTP mode (SLACK_SIGNING_SECRET)",
            "socket": "Slack: Socket Mode (SLACK_APP_TOKEN)",
            "none": "Slack: no tokens; `vtbot run` starts a local trial workspace",
        }[mode],
        INVENTED if invented else f"VirusTotal: a {kind} key",
    ]
    if not invented and kind == "public":
        lines.append(PUBLIC_TERMS)
    return "\n".join(lines)


NO_QUESTION = (
    "Nothing to look up. Type it after ask, such as vtbot ask scan-ip 192.0.2.1, or pipe text into it: "
    "vtbot ask < iocs.txt"
)
"""In a terminal, for `vtbot ask` without a text."""
PUBLIC_TERMS = (
    "VirusTotal's public API must not be used in commercial products, services or business workflows: "
    "for those, get a private key and set VT_KEY_KIND=private."
)
PING_NAMES = {"key": "VirusTotal key", "database": "Database", "slack": "Slack"}


def quota(windows: Mapping[str, tuple[int, int]]) -> str:
    """Used and allowed in each window; 0 allowed means no limit."""
    lines = [
        f"This {name}: {calls(used)}, {max(0, most - used)} of {most} left"
        if most
        else f"This {name}: {calls(used)} (no limit)"
        for name, (used, most) in windows.items()
    ]
    return "\n".join(lines)


def calls(count: int) -> str:
    """Calls to VirusTotal."""
    return f"{count} call{'s'[: count != 1]}"


# The ways in, and who may use them ---------------------------------------------------------------------

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
    Denial.SCOPE: fault(
        "I can't check who you are because Slack has not granted me a permission that I need for that. Nothing was "
        "looked up. Tell {whoever}: vtbot doctor says which one."
    ),
    Denial.TOKEN: fault(
        "I can't check who you are because Slack no longer accepts my token. Nothing was looked up. Tell {whoever}."
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


# What becomes of a request --------------------------------------------------------------------------

CANNOT_TAKE = (
    "I can't take requests right now: my database is down. Nothing was saved. Please try again in a minute."
)
FAILED = fault(
    "Something went wrong on my side, so there is no answer. Please try again; if it keeps happening, tell {whoever}."
)
UNREADABLE_REQUEST = fault(
    "I can't read what I stored about this request, so there is no answer. Please ask again; if it keeps happening, "
    "tell {whoever}."
)
GONE = "I no longer have that answer. Look it up again with /vt."
JSON_SENT = "I sent you the file in a direct message."
JSON_IN_THREAD = "The file is in the thread."
PERHAPS_SHARED = "I restarted while sharing this. If it is not in the channel, ask again with --share."
LATE = "Here is your answer. It took longer than the 30 minutes Slack allows for a reply to a command:"
NO_MAIL = "I can't see that person's email address. Type the domain instead: /vt domain-report example.co.in"
ASKING = "⏳ Still waiting for VirusTotal. The answer will appear here."
