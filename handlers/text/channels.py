"""Sentences about channels: what is watched and ignored in them, and their settings. They are plain text."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from handlers.case import Change
from handlers.request import Answers, Detail
from handlers.text import files as files_text
from handlers.text.format import clock, minute, safe, typed
from handlers.text.language import Language, Line, User, enumerated, join, line, ngettext
from handlers.text.language import lazy_gettext as _
from handlers.watch import Duplicate, Ignored, Mode
from vt.actions import BY_KEY
from vt.evidence import HostRule

BUTTON_HURRY = _("Check now")
BUTTON_ALLOW = _("Check")
BUTTON_LEAVE = _("Skip")
DRY_RUN = _("Dry run: I would have posted this in {channel}.")
MOST_REPEATS = 3
MOST_REASON = 200
LONGEST = 120
"""Characters of an indicator in a sentence."""


def repeated(duplicates: Sequence[Duplicate]) -> Line:
    """Who else posted it, and when."""
    told = [
        line("{person} {at}", person=User(one.person), at=clock(one.at)) for one in duplicates[-MOST_REPEATS:]
    ]
    more = len(duplicates) - len(told)
    named = enumerated(told)
    if not more:
        return line("Also posted by {told}", told=named)
    return ngettext(
        "Also posted by {told} and once before that",
        "Also posted by {told} and {count} times before that",
        more,
        told=named,
    )


def secrets(urls: Sequence[str]) -> str:
    """The question to someone who posted URLs with secrets."""
    shown = "\n".join(safe(url)[:LONGEST] for url in urls)
    return line(
        "I look up what people post in this channel. What you posted seems to contain a password or token, so I "
        "did not send it to VirusTotal:\n{urls}\nCheck it anyway? VirusTotal would see the whole URL.",
        urls=shown,
    )


def paused(most: int, until: datetime) -> Line:
    """Too many answers in a short time: the channel's watch pauses."""
    return line(
        "More than {most} answers in ten minutes: I've paused here until {until} and will resume automatically. "
        "/vt still works.",
        most=most,
        until=clock(until),
    )


# /vt watch and /vt ignore --------------------------------------------------------------------------------

SWITCHED = {
    Mode.OFF: _("I'm not watching this channel. Turn it on with /vt watch on."),
    Mode.ALL: _(
        "Watching this channel: I look up what people post and reply in its thread. Stop with /vt watch off."
    ),
    Mode.RISKY: _(
        "Watching this channel: I look up what people post and reply in its thread only if something is RISKY. "
        "Stop with /vt watch off."
    ),
    Mode.REACTION: _(
        "Watching this channel: I look up what people post and react to the message: ✅ no engine flags it, "
        "⚠️ some do, ❓ unknown. Mention me in its thread to see why. Stop with /vt watch off."
    ),
    Mode.DRY_RUN: _(
        "Dry run: I look up what people post here and send you in a direct message what I would have posted. "
        "Stop with /vt watch off."
    ),
}
INVITE = _("I'm not in this channel and can't join it by myself. Type /invite @VT, then try again.")
IGNORED_NONE = _("Nothing is ignored here.")
MOST_IGNORED = 30


def not_yours(creator: str) -> Line:
    """Somebody may not change a channel. `creator`: who may, by Slack's id; "" when Slack did not say."""
    if not creator:
        return line(
            "Only this channel's creator, a workspace admin or an admin of this bot can change this. Ask one of them."
        )
    return line(
        "Only this channel's creator ({creator}), a workspace admin or an admin of this bot can change this. "
        "Ask one of them.",
        creator=User(creator),
    )


def by(person: str, since: datetime) -> Line:
    """Who turned the watch on, and when."""
    if person:
        return line("Turned on by {person}, {when}", person=person, when=minute(since))
    return line("Watched because of its name, since {when}", when=minute(since))


def cards(lately: int, day: int) -> str:
    """How busy it is."""
    return line(
        "Answers posted: {lately} in the last ten minutes, {day} in the last day", lately=lately, day=day
    )


def ignored(found: Sequence[Ignored]) -> str:
    """What is skipped here."""
    lines = [_ignored(one) for one in found[:MOST_IGNORED]]
    left = len(found) - MOST_IGNORED
    more = [ngettext("and {count} more", "and {count} more", left)] if left > 0 else []
    return join("\n", [line("Ignored:"), *lines, *more]) if lines else IGNORED_NONE


def _ignored(one: Ignored) -> Line:
    where = line("here") if one.channel else line("in every channel")
    until = line("until {until}", until=minute(one.until)) if one.until else line("permanently")
    shown = line("{value} {where}, {until}", value=safe(one.value)[:LONGEST], where=where, until=until)
    return join(": ", [shown, typed(one.reason, MOST_REASON)])


def added(one: Ignored) -> Line:
    """It is skipped from now on."""
    return line("Ignored from now on: {ignored}", ignored=_ignored(one))


def removed(value: str, *, found: bool) -> str:
    """It is no longer skipped."""
    shown = safe(value)[:LONGEST]
    if found:
        return line("No longer ignored: {value}", value=shown)
    return line("{value} was not ignored. See /vt ignore list.", value=shown)


# Buttons -------------------------------------------------------------------------------------------------

ALLOWED = _("Checking it now; the answer will appear in the thread of your message.")
LEFT = _("Skipped. Nothing was sent.")


# Settings ------------------------------------------------------------------------------------------------

SETTINGS = _("Settings")
SAVE = _("Save")
ANSWERS = _("Answers")
INSTANCE = _("VirusTotal instance")
INSTANCE_HINT = _("Whose key and quota are used, unless a command says --instance.")
ANY_INSTANCE = _("Default: as the operator set it")
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
HOST_RULE = _("IP addresses and domains are judged by")
EVIDENCE_DAYS = _("Evidence against them counts for")
DAYS = _("The number of days")
DAYS_HINT = _(
    "Days; older evidence is shown but not counted. 0 means any age. Leave empty for the default ({default})."
)
THRESHOLD_OF = _("{action}: threshold")
EMPTY_MEANS = _("Number of engines for RISKY. Leave empty for the default ({count}).")


def rules(default: HostRule) -> Mapping[str, str]:
    """The rules for hosts, by their stored names; first what the operator chose."""
    return {AS_SET: DEFAULT_RULES[default], **{rule.value: name for rule, name in RULES.items()}}


RULES: Mapping[HostRule, str] = {
    HostRule.SERVED: _("What they served"),
    HostRule.DOCUMENTED: _("Everything that VirusTotal lists, as documented"),
}
DEFAULT_RULES: Mapping[HostRule, str] = {
    HostRule.SERVED: _("Default: what they served"),
    HostRule.DOCUMENTED: _("Default: everything that VirusTotal lists, as documented"),
}


def days(days: int) -> str:
    """How long evidence counts."""
    if not days:
        return line("any age")
    return ngettext("{count} day", "{count} days", days)


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
    "host rule": (HOST_RULE, {rule.value: name for rule, name in RULES.items()}),
    "evidence days": (EVIDENCE_DAYS, {}),
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
        return days(int(value))
    return CHANGED[name][1].get(value, value) if name in CHANGED else value
