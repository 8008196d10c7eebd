"""Sentences about the bot itself: help, health, the quota, the ways in, and who may use them. They are plain text."""

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.people import Denial, InstanceForbidden, InstanceRefused, InstanceRemoved, InstanceUnknown
from handlers.text.format import Audience, Sentence, beside, fault, outside, said, typed
from handlers.text.language import Line, enumerated, join, line, ngettext, sentences
from handlers.text.language import lazy_gettext as _
from vt.actions import ACTIONS, Action

INVENTED = _("Invented data from the built-in sandbox, not from VirusTotal: no API key is set.")


def ping(parts: Mapping[str, tuple[float, str]]) -> Line:
    """Each part with its time in seconds, or what is wrong with it. An instance's key is called `key:` and its name."""
    names = {name: PING_NAMES.get(name) or beside(PING_NAMES["key"], name[4:]) for name in parts}
    return join("\n", [_part(names[name], *found) for name, found in parts.items()])


def _part(name: str, took: float, fault: str) -> str:
    if fault:
        return line("⛔ {name}: {fault}", name=name, fault=fault)
    return line("🟢 {name}: {took} ms", name=name, took=round(took * 1000))


def silent(error: str, audience: Audience) -> Line:
    """A part of the bot did not respond, for a reason such as the name of an exception."""
    return fault("not responding ({error}). Tell {whoever}.", error=error).to(audience)


PING_NAMES = {"key": _("VirusTotal key"), "database": _("Database"), "slack": _("Slack")}


def quota(windows: Mapping[str, tuple[int, int]]) -> str:
    """Used and allowed in each window; 0 allowed means no limit."""
    return join("\n", (_window(name, used, most) for name, (used, most) in windows.items()))


WINDOWS = {"minute": _("This minute"), "day": _("This day"), "month": _("This month")}


def _window(name: str, used: int, most: int) -> Line:
    window, spent = WINDOWS[name], calls(used)
    if not most:
        return line("{window}: {calls} (no limit)", window=window, calls=spent)
    left = max(0, most - used)
    return line("{window}: {calls}, {left} of {most} left", window=window, calls=spent, left=left, most=most)


def calls(count: int) -> str:
    """Calls to VirusTotal."""
    return ngettext("{count} call", "{count} calls", count)


# Several instances of VirusTotal ------------------------------------------------------------------------

INSTANCE_REFUSALS: Mapping[type[InstanceRefused], str] = {
    InstanceUnknown: _("There is no VirusTotal instance called {name}."),
    InstanceForbidden: _("You can't use the VirusTotal instance {name} here."),
    InstanceRemoved: _("The VirusTotal instance {name} is no longer set up, so I did not look this up."),
}
"""Why an instance does not answer, by the error."""
CHOOSE_INSTANCE = said("Choose another one in /vt settings or with --instance, or ask {whoever}.")
INSTANCE_HELP = ("--instance NAME", _("ask that VirusTotal instance, with its own key and quota"))
ANSWERED_BY = _("VirusTotal instance: {name}")
"""The last line of an answer."""


def instance_refused(why: InstanceRefused, audience: Audience) -> str:
    """What to tell somebody: the reason, and which instances they may use."""
    reason = line(INSTANCE_REFUSALS[type(why)], name=typed(why.name, 40))
    if why.usable:
        return sentences(reason, line("You can use: {names}.", names=enumerated(why.usable)))
    return sentences(reason, CHOOSE_INSTANCE.to(audience))


def quotas(found: Mapping[str, Mapping[str, tuple[int, int]]]) -> str:
    """The calls used and allowed in each window, for each instance by name."""
    return join(
        "\n", [part for name, left in found.items() for part in (line(ANSWERED_BY, name=name), quota(left))]
    )


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
CANNOT_TAKE_YET = _(
    "I can't take requests right now: my database is down. Slack will retry for five minutes; if you have no answer by then, send it again."
)
APP_DOES = _("Look up IP addresses, hashes, URLs, domains and files in VirusTotal")
SHORTCUT_CHECK = _("Check with VirusTotal")
SHORTCUT_CHECK_DOES = _("Look up every IP, hash, URL and domain in this message")
FORM_NAME = "VirusTotal"
FORM_DOES = _("A form to look up IPs, hashes, URLs, domains and files")
NO_FORM_HERE = _(
    "I can't open the form from a message. Type /vt form, or pick VirusTotal from the shortcuts."
)
NO_SETTINGS_HERE = _("I can't open settings from a message. Type /vt settings in the channel.")
ATTACHED = _("For the attached file, pick Upload and Scan File in the same menu.")
QUOTA_SPENT = _("out of quota until {at}. Ask again then, or add --wait to wait for it.")
"""In a terminal."""
ELSEWHERE = _("I can't post in that channel, so here is your answer:")


def denied(why: Denial, audience: Audience) -> Line:
    """Why somebody may not ask."""
    return DENIALS[why].to(audience)


def nothing_here(action: Action | None, others: Mapping[str, int], *, files: bool) -> str:
    """Why a message's menu opened the form, in the form. `others`: indicators for other actions, by action key."""
    nothing = NOTHING_FOR.get(action.key if action else "", NOTHING)
    found = enumerated(counted(key, count) for key, count in others.items())
    what = line("{nothing} (I found {found})", nothing=nothing, found=found) if found else nothing
    said = line("{sentence}.", sentence=what)
    return sentences(said, line("This is its text."), ATTACHED if files else "")


def counted(key: str, count: int) -> str:
    """So many of what an action takes, by the action's key; "" for an action without a word for it."""
    match key:
        case "scan-ip":
            return ngettext("{count} IP address", "{count} IP addresses", count)
        case "scan-hash":
            return ngettext("{count} hash", "{count} hashes", count)
        case "scan-url":
            return ngettext("{count} URL", "{count} URLs", count)
        case "domain-report":
            return ngettext("{count} domain or email address", "{count} domains and email addresses", count)
        case "scan-file":
            return ngettext("{count} attached file", "{count} attached files", count)
        case _:
            return ""


NOTHING = _("I found nothing to look up in that message")
NOTHING_FOR: Mapping[str, str] = {
    "scan-ip": _("No IP address in that message"),
    "scan-hash": _("No hash in that message"),
    "scan-url": _("No URL in that message"),
    "domain-report": _("No domain or email address in that message"),
    "scan-file": _("No attached file in that message"),
}
"""That a message has nothing for an action, by the action's key."""
WHAT_FITS = _("Look up what fits in this message")
IN_MESSAGE: Mapping[str, str] = {
    "scan-ip": _("Look up the IP addresses in this message"),
    "scan-hash": _("Look up the file hashes in this message"),
    "scan-url": _("Look up the URLs in this message"),
    "domain-report": _("Look up the domains and email addresses in this message"),
    "scan-file": _("Look up the attached files in this message"),
}
"""What an action looks up in a message, by the action's key."""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """An entry of one of Slack's menus. `callback_id`: an action's key, for what it looks up in a message."""

    name: str
    callback_id: str
    description: str


ON_MESSAGES = (
    Shortcut(SHORTCUT_CHECK, "check", SHORTCUT_CHECK_DOES),
    *(Shortcut(one.title, one.key, IN_MESSAGE.get(one.key, WHAT_FITS)) for one in ACTIONS),
)
"""In the menu of every message."""
ANYWHERE = (Shortcut(FORM_NAME, "open-form", FORM_DOES),)
"""In the menu beside the message field."""


# What becomes of a request --------------------------------------------------------------------------

CANNOT_TAKE = _(
    "I can't take requests right now: my database is down. Nothing was saved. Please try again in a minute."
)
FAILED = fault(
    "Something went wrong on my side, so there is no answer. Please try again; if it keeps happening, tell {whoever}."
)
UNREADABLE_REQUEST = fault(
    "I can't read what I stored about this request, so there is no answer. Please ask again; if it keeps happening, "
    "tell {whoever}."
)
NOT_INSTALLED = _(
    "This bot isn't installed in your workspace, or was removed from it. Ask whoever runs it to install it."
)
GONE = _("I no longer have that answer. Look it up again with /vt.")
ASKED_BY = _("Asked by {user}")
JSON_SENT = _("I sent you the file in a direct message.")
JSON_IN_THREAD = _("The file is in the thread.")
PERHAPS_SHARED = _("I restarted while sharing this. If it is not in the channel, ask again with --share.")
LATE = _("Here is your answer. It took longer than the 30 minutes Slack allows for a reply to a command:")
NO_MAIL = _(
    "I can't see that person's email address. Type the domain instead: /vt domain-report example.co.in"
)
ASKING = _("⏳ Still waiting for VirusTotal. The answer will appear here.")


# What Slack does not allow -----------------------------------------------------------------------------


def token_refused(code: str, audience: Audience) -> Line:
    """Slack does not accept the bot's token, for the reason that its error code names."""
    return fault(
        "Slack refuses my token ({code}). Tell {whoever}.", settings="SLACK_BOT_TOKEN", code=code
    ).to(audience)


LONGEST_SCOPE = 80
"""Characters of a scope, or of a list of them."""


def missing_scope(scope: str, audience: Audience) -> Line:
    """For somebody who asked for something that Slack has not granted to the app."""
    sentence = fault(
        "I can't do that because the app does not have the permission {scope} in Slack. Ask {whoever} to add it and "
        "install the app again.",
        settings=_("vtbot doctor names every missing permission"),
        scope=outside(scope, LONGEST_SCOPE) or line("for it"),
    )
    return sentence.to(audience)
