"""Every sentence of the watch, so that it can be translated. text.py has those of answers."""

from collections.abc import Sequence
from datetime import datetime

from handlers.watching import Repeat
from vt.indicators import defang

BUTTON_HURRY = "Check now"
BUTTON_ALLOW = "Check"
BUTTON_LEAVE = "Leave it"
DRY_RUN = "Dry run: this would have been posted in <#{channel}>."
MOST_REPEATS = 3
SHOWN = 60
"""Characters of an indicator in a sentence."""


def repeated(repeats: Sequence[Repeat]) -> str:
    """Who else posted it, and when."""
    told = [f"<@{one.person}> {clock(one.at)}" for one in repeats[-MOST_REPEATS:]]
    more = len(repeats) - len(told)
    return f"Also posted by {', '.join(told)}" + (f" and {more} times before" if more else "")


def clock(moment: datetime) -> str:
    """The time of day where the reader is."""
    return f"<!date^{int(moment.timestamp())}^{{time}}|{moment:%H:%M} UTC>"


def secrets(urls: Sequence[str]) -> str:
    """Shall URLs with secrets be looked up?"""
    shown = "\n".join(defang(url)[:SHOWN] for url in urls)
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
