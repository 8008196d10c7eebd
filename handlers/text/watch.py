"""Every sentence of the watch, so that it can be translated. text.py has those of answers."""

from collections.abc import Sequence
from datetime import datetime

from handlers.watch import Mode
from handlers.watch.ports import Ignored, Repeat
from vt.indicators import defang
from vt.privacy.sensitive import masked

BUTTON_HURRY = "Check now"
BUTTON_ALLOW = "Check"
BUTTON_LEAVE = "Leave it"
DRY_RUN = "Dry run: this would have been posted in <#{channel}>."
MOST_REPEATS = 3
LONGEST = 120
"""Characters of an indicator in a sentence."""


def repeated(repeats: Sequence[Repeat]) -> str:
    """Who else posted it, and when."""
    told = [f"<@{one.person}> {clock(one.at)}" for one in repeats[-MOST_REPEATS:]]
    more = len(repeats) - len(told)
    before = {0: "", 1: " and once before"}.get(more, f" and {more} times before")
    return f"Also posted by {', '.join(told)}{before}"


def clock(moment: datetime) -> str:
    """The time of day where the reader is."""
    return f"<!date^{int(moment.timestamp())}^{{time}}|{moment:%H:%M} UTC>"


def secrets(urls: Sequence[str]) -> str:
    """Shall URLs with secrets be looked up?"""
    shown = "\n".join(defang(masked(url))[:LONGEST] for url in urls)
    return (
        "This channel is watched, and what is posted is looked up in VirusTotal. "
        f"What you posted seems to hold a password or a token, so it was not sent:\n{shown}\n"
        "Shall it be checked all the same? VirusTotal would see all of it."
    )


def paused(most: int, until: datetime) -> str:
    """The breaker opened."""
    return (
        f"More than {most} cards in ten minutes: I am quiet here until {until:%H:%M} UTC, and go on by myself then. "
        "/vt still answers."
    )


# /vt watch and /vt ignore --------------------------------------------------------------------------------

SWITCHED = {
    Mode.OFF: "This channel is not watched. /vt watch on changes that.",
    Mode.ALL: "This channel is watched: what is posted here is looked up, and answered in its thread.",
    Mode.RISKY: "This channel is watched: what is posted here is looked up, and answered in its thread when it is RISKY.",
    Mode.REACTION: (
        "This channel is watched: what is posted here is looked up, and the message gets a mark: "
        "✅ no engine flags it, ⚠️ some do, ❓ not known. Mention me in its thread to see why."
    ),
    Mode.DRY_RUN: (
        "A dry run: what is posted here is looked up, and you see in your direct messages what would have been posted."
    ),
}
WATCH_USAGE = "The right form: /vt watch on, off or status; or /vt watch all, risky, reaction or dry-run."
IGNORE_USAGE = (
    "The right form: /vt ignore example.com 7d why; /vt ignore list; /vt ignore remove example.com. "
    "A domain (with all below it), an address or network, a hash or a URL; for so many h, d or w, or for ever."
)
NO_CHANNEL = "Say that in the channel that it is about."
NOT_YOURS = "Only the channel's creator, the workspace's admins and those in ADMIN_USERS may change that. Ask one of them."
INVITE = "I am not in this channel and cannot come in by myself. Type /invite @VT, then ask again."
IGNORED_NONE = "Nothing is ignored here."
MOST_IGNORED = 30


def by(person: str, since: datetime) -> str:
    """Who switched it, and when."""
    when = f"{since.day} {since:%b %Y %H:%M} UTC"
    return f"Switched by {person}, {when}" if person else f"By its name, since {when}"


def cards(lately: int, day: int) -> str:
    """How busy it is."""
    return f"Cards: {lately} in the last ten minutes, {day} in the last day"


def ignored(found: Sequence[Ignored]) -> str:
    """What is left alone."""
    lines = [_ignored(one) for one in found[:MOST_IGNORED]]
    more = [f"and {len(found) - MOST_IGNORED} more"] if len(found) > MOST_IGNORED else []
    return "\n".join(["Ignored:", *lines, *more]) if lines else IGNORED_NONE


def _ignored(one: Ignored) -> str:
    where = "here" if one.channel else "in every channel"
    until = f"until {one.until:%d %b %Y %H:%M} UTC" if one.until else "for ever"
    reason = f": {defang(one.reason)}" if one.reason else ""
    return f"{defang(masked(one.value))[:LONGEST]} {where}, {until}{reason}"


def added(one: Ignored) -> str:
    """It is left alone from now on."""
    return f"Ignored from now on: {_ignored(one)}"


def removed(value: str, *, found: bool) -> str:
    """It is no longer left alone."""
    shown = defang(masked(value))[:LONGEST]
    return (
        f"No longer ignored: {shown}" if found else f"{shown} was not ignored. /vt ignore list shows what is."
    )


# Buttons -------------------------------------------------------------------------------------------------

ALLOWED = "It is being checked; the answer comes in the thread of your message."
LEFT = "Left alone. Nothing was sent."
GONE = "That card is no longer kept. Look it up with /vt."
