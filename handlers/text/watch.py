"""Sentences about watched channels and what is ignored in them. They are plain text."""

from collections.abc import Sequence
from datetime import datetime

from handlers.text.format import Channel, Line, User, clock, join, line, minute, safe, typed
from handlers.watch import Duplicate, Ignored, Mode

BUTTON_HURRY = "Check now"
BUTTON_ALLOW = "Check"
BUTTON_LEAVE = "Skip"
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
    before = {0: "", 1: " and once before that"}.get(more, f" and {more} times before that")
    return line("Also posted by {told}{before}", told=join(", ", told), before=before)


def dry_run(channel: str) -> Line:
    """Why a card is in somebody's direct messages."""
    return line("Dry run: I would have posted this in {channel}.", channel=Channel(channel))


def secrets(urls: Sequence[str]) -> str:
    """The question to someone who posted URLs with secrets."""
    shown = "\n".join(safe(url)[:LONGEST] for url in urls)
    return (
        "I look up what people post in this channel. What you posted seems to contain a password or token, so I "
        f"did not send it to VirusTotal:\n{shown}\n"
        "Check it anyway? VirusTotal would see the whole URL."
    )


def paused(most: int, until: datetime) -> Line:
    """Too many answers in a short time: the channel's watch pauses."""
    return line(
        "More than {most} answers in ten minutes: I've paused here until {until} and will resume automatically. "
        "/vt still works.",
        most=str(most),
        until=clock(until),
    )


# /vt watch and /vt ignore --------------------------------------------------------------------------------

SWITCHED = {
    Mode.OFF: "I'm not watching this channel. Turn it on with /vt watch on.",
    Mode.ALL: (
        "Watching this channel: I look up what people post and reply in its thread. Stop with /vt watch off."
    ),
    Mode.RISKY: (
        "Watching this channel: I look up what people post and reply in its thread only if something is RISKY. "
        "Stop with /vt watch off."
    ),
    Mode.REACTION: (
        "Watching this channel: I look up what people post and react to the message: ✅ no engine flags it, "
        "⚠️ some do, ❓ unknown. Mention me in its thread to see why. Stop with /vt watch off."
    ),
    Mode.DRY_RUN: (
        "Dry run: I look up what people post here and send you in a direct message what I would have posted. "
        "Stop with /vt watch off."
    ),
}
WATCH_USAGE = "Usage: /vt watch on, off or status; or /vt watch all, risky, reaction or dry-run."
IGNORE_USAGE = (
    "Usage: /vt ignore example.com 7d reason …; /vt ignore list; /vt ignore remove example.com. "
    "What: a domain (with its subdomains), an IP address or network, a hash or a URL. "
    "Duration: 12h, 7d, 2w, or forever."
)
NO_CHANNEL = "Run this in the channel you want to change."
INVITE = "I'm not in this channel and can't join it by myself. Type /invite @VT, then try again."
IGNORED_NONE = "Nothing is ignored here."
MOST_IGNORED = 30


def not_yours(creator: str) -> Line:
    """Somebody may not change a channel. `creator`: who may, by Slack's id; "" when Slack did not say."""
    named = line(" ({creator})", creator=User(creator)) if creator else ""
    return line(
        "Only this channel's creator{named}, a workspace admin or an admin of this bot can change this. Ask one of them.",
        named=named,
    )


def by(person: str, since: datetime) -> Line:
    """Who turned the watch on, and when."""
    if person:
        return line("Turned on by {person}, {when}", person=person, when=minute(since))
    return line("Watched because of its name, since {when}", when=minute(since))


def cards(lately: int, day: int) -> str:
    """How busy it is."""
    return f"Answers posted: {lately} in the last ten minutes, {day} in the last day"


def ignored(found: Sequence[Ignored]) -> str:
    """What is skipped here."""
    lines = [_ignored(one) for one in found[:MOST_IGNORED]]
    more = [f"and {len(found) - MOST_IGNORED} more"] if len(found) > MOST_IGNORED else []
    return join("\n", ["Ignored:", *lines, *more]) if lines else IGNORED_NONE


def _ignored(one: Ignored) -> Line:
    return line(
        "{value} {where}, {until}{reason}",
        value=safe(one.value)[:LONGEST],
        where="here" if one.channel else "in every channel",
        until=line("until {until}", until=minute(one.until)) if one.until else "permanently",
        reason=f": {typed(one.reason, MOST_REASON)}" if one.reason else "",
    )


def added(one: Ignored) -> Line:
    """It is skipped from now on."""
    return line("Ignored from now on: {ignored}", ignored=_ignored(one))


def unclear_duration(value: str, word: str) -> str:
    """How long something is to be skipped was not said, or not in a way that can be read."""
    shown = safe(value)[:LONGEST]
    problem = f"{typed(word, 40)} is not a duration." if word else "For how long?"
    return f"{problem} Nothing was changed. Type /vt ignore {shown} 7d, or 12h, 2w or forever instead of 7d."


def removed(value: str, *, found: bool) -> str:
    """It is no longer skipped."""
    shown = safe(value)[:LONGEST]
    return f"No longer ignored: {shown}" if found else f"{shown} was not ignored. See /vt ignore list."


# Buttons -------------------------------------------------------------------------------------------------

ALLOWED = "Checking it now; the answer will appear in the thread of your message."
LEFT = "Skipped. Nothing was sent."
GONE = "I no longer have that answer. Look it up again with /vt."
