"""How values are written for people: cut, defanged, in the unit that is read quickest."""

import re
from datetime import datetime

from handlers.text.line import Line, Moment, Shape
from vt.indicators import defang
from vt.privacy import masked
from vt.results import GUI

SMALL = 10_000
"""Bytes up to which a size is given in bytes."""
SHORT, LONG = 100, 5_400
"""Seconds up to which a pause is given in seconds, and in minutes."""


def outside(value: str, most: int) -> str:
    """Something that is not ours, as people are shown it: defanged and without secrets, but for links to VirusTotal."""
    ours = value.startswith((f"{GUI}/", "https://www.virustotal.com/")) and not re.search(r"\s", value)
    return cut(value if ours else defang(masked(value)), most)


def cut(text: str, most: int) -> str:
    """At most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count:,} bytes" if count < SMALL else f"{count / 1_000_000:,.1f} MB"


def engines(count: int, total: int | None) -> str:
    """How many engines flag something, of how many that looked: "6 of 57 engines"."""
    of = f" of {total}" if total else ""
    return f"{count}{of} engine{'' if (total or count) == 1 else 's'}"


def seconds(until: datetime, now: datetime) -> str:
    """How long until then: "38 s", "12 min", "5 h"."""
    left = max(1, round((until - now).total_seconds()))
    if left < SHORT:
        return f"{left} s"
    return f"{round(left / 60)} min" if left < LONG else f"{round(left / 3600)} h"


def day(moment: datetime) -> Line:
    """A date: 28 Jan 2019."""
    return Line(Moment(moment, Shape.DAY))


def minute(moment: datetime) -> Line:
    """A moment: 28 Jan 2019 23:58 UTC."""
    return Line(Moment(moment))


def clock(moment: datetime) -> Line:
    """A time of today: 23:58 UTC."""
    return Line(Moment(moment, Shape.TIME))


def second(moment: datetime) -> Line:
    """A time of today to the second: 23:58:13 UTC."""
    return Line(Moment(moment, Shape.SECOND))
