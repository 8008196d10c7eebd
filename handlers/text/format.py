"""How sentences are written: values for people to read, moments and people as Slack shows them, and who reads them. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache, reduce
from typing import Self
from unicodedata import east_asian_width

from handlers.text.language import (
    Channel,
    Line,
    Moment,
    Piece,
    Shape,
    User,
    current,
    enumerated,
    line,
    ngettext,
    sentences,
)
from handlers.text.language import lazy_gettext as _
from vt.enrichment import Dated, Listing, Named, Value, Values
from vt.evidence import LISTED, Context, Evidence, Why
from vt.indicators import defang, extract, unescape_markup
from vt.privacy import masked

# Values ------------------------------------------------------------------------------------------------

SMALL = 10_000
"""Bytes up to which a size is given in bytes."""
SHORT, LONG = 100, 5_400
"""Seconds up to which a pause is given in seconds, and in minutes."""


_OWN_LINK = re.compile(r"https://www\.virustotal\.com/[\w/.~%-]*", re.ASCII)
"""A link to VirusTotal and nothing besides, such as a report's permalink."""


def outside(value: str, most: int) -> str:
    """Something from outside, as people are shown it: defanged and without secrets, but for links to VirusTotal."""
    return cut(value if _OWN_LINK.fullmatch(value) else safe(value), most)


@lru_cache(maxsize=1024)
def vendor(name: str, most: int) -> str:
    """The name of an engine or of a vendor's field. Only one that a client would make a link of is changed: Dr.Web stays."""
    has_link = re.search(r"://|\bwww\.", name, re.IGNORECASE) or extract(name)
    return cut(safe(name) if has_link else name, most)


def safe(value: str) -> str:
    """A value that no client makes a link of, with the secrets in its URLs hidden."""
    return defang(masked(value) if "://" in value else value)


def typed(value: str, most: int) -> str:
    """Something that somebody typed, as they saw it themselves: without Slack's markup and entities, and defanged.

    A mention is only a name: nobody is notified by the answer to a mistake.
    """
    plain = unescape_markup(_MARKUP.sub(_shown, value))
    return cut(safe("".join(filter(str.isprintable, plain))), most)


_MARKUP = re.compile(r"<([@#!]?)(?:mailto:)?([^<>|]*)(?:\|([^<>]*))?>")


def _shown(markup: re.Match[str]) -> str:
    sign, target, label = markup.groups()
    name = (label or target).removeprefix(sign)
    return f"{'@' if sign == '!' else sign}{name.removeprefix('@')}" if sign else name


def cut(text: str, most: int) -> str:
    """At most so many characters."""
    shown = text if isinstance(text, Line) else str(text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def broad(text: str) -> str:
    """A text with two letters in place of each that is as broad as two, as Japanese ones are: its length is its columns."""
    return _NOT_ASCII.sub(lambda one: "xx" if east_asian_width(one[0]) in "WF" else one[0], str(text))


_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def size(count: int) -> str:
    """Bytes for people."""
    if count < SMALL:
        return ngettext("{count} byte", "{count} bytes", count)
    return f"{current().number(count / 1_000_000, 1)} MB"


def engines(count: int, total: int | None) -> str:
    """How many engines flag something, of how many that looked: "6 of 57 engines"."""
    if total:
        return ngettext("{flagged} of {count} engine", "{flagged} of {count} engines", total, flagged=count)
    return ngettext("{count} engine", "{count} engines", count)


def clauses(texts: Iterable[str]) -> str:
    """Several things that are said of one, without those that are empty."""
    said = [one for one in texts if one]
    return reduce(
        lambda told, more: line("{told}; {more}", told=told, more=more), said[1:], (said or [""])[0]
    )


def beside(what: str, detail: Piece | int) -> Line:
    """Something, with a detail in brackets."""
    return line("{what} ({detail})", what=what, detail=detail)


KINDS_OF_EVIDENCE = {
    "url": _("a URL on it"),
    "downloaded": _("a file downloaded from it"),
    "communicating": _("a file that contacts it"),
    "referrer": _("a file that mentions it"),
}


def evidence(seen: Evidence) -> str:
    """What was seen, and when."""
    when = day(seen.date) if seen.date else line("no date")
    return beside(KINDS_OF_EVIDENCE[seen.kind], when)


CONTEXT: Mapping[tuple[Why, str], str] = {
    (Why.NOT_SERVED, "communicating"): _("files that contact it"),
    (Why.NOT_SERVED, "referrer"): _("files that mention it"),
    (Why.OLD, "url"): _("older URLs on it"),
    (Why.OLD, "downloaded"): _("older files downloaded from it"),
    (Why.SHARED, "downloaded"): _("files downloaded from it, a site that many people upload to"),
}


def context(one: Context) -> Line:
    """The worst of what is known against a host and does not count: "files that contact it: up to 60 of 71 engines"."""
    what = CONTEXT[one.why, one.worst.kind]
    flagged = engines(one.worst.positives, one.worst.total)
    if one.why is not Why.OLD or one.worst.date is None:
        return line("{what}: up to {flagged}", what=what, flagged=flagged)
    return line("{what}: up to {flagged} ({on})", what=what, flagged=flagged, on=day(one.worst.date))


def related(count: int) -> str:
    """So many things that VirusTotal has seen at an address or domain."""
    return ngettext("{count} related file or URL", "{count} related files and URLs", count)


def format_value(value: Value | None, most: int) -> str:
    """A value of the enrichment, with at most so many characters. A moment by itself is shown as Slack shows it."""
    return minute(value) if isinstance(value, datetime) else cut(str(_formatted(value, most)), most)


def _formatted(value: Value | None, most: int) -> str:
    match value:
        case Evidence():
            name = outside(value.name or "?", most)
            found = line("{engines}: {name}", engines=engines(value.positives, value.total), name=name)
            return beside(found, day(value.date)) if value.date else found
        case Dated():
            shown = outside(value.value, most)
            return beside(shown, day(value.date)) if value.date else shown
        case Named():
            return line("{name}: {value}", name=vendor(value.name, most), value=_formatted(value.value, most))
        case Listing():
            count = f"{current().number(value.count)}{'+' if value.count >= LISTED else ''}"
            return line("{name}: {value}", name=LISTINGS[value.kind, value.detected], value=count)
        case Values():
            told = enumerated(_formatted(one, most) for one in value.values)
            more = ngettext("{values}, +{count} more", "{values}, +{count} more", value.left, values=told)
            return more if value.left else told
        case _:
            return _plain(value, most)


def _plain(value: str | float | datetime | None, most: int) -> str:
    match value:
        case None:
            return line("unknown")
        case str():
            return outside(value, most)
        case bool():
            return line("yes") if value else line("no")
        case datetime():
            return minute(value)
        case _:
            return current().number(value)


LISTINGS: Mapping[tuple[str, bool], str] = {
    ("url", True): _("detected URLs"),
    ("downloaded", True): _("detected downloaded samples"),
    ("communicating", True): _("detected communicating samples"),
    ("referrer", True): _("detected referrer samples"),
    ("url", False): _("undetected URLs"),
    ("downloaded", False): _("undetected downloaded samples"),
    ("communicating", False): _("undetected communicating samples"),
    ("referrer", False): _("undetected referrer samples"),
}
"""What VirusTotal lists at a host, by the kind of evidence, and whether any engine flags it."""


def seconds(until: datetime, now: datetime) -> str:
    """How long until then: "38 s", "12 min", "5 h"."""
    left = max(1, round((until - now).total_seconds()))
    if left < SHORT:
        return line("{count} s", count=left)
    return (
        line("{count} min", count=round(left / 60))
        if left < LONG
        else line("{count} h", count=round(left / 3600))
    )


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


# Who reads a sentence ----------------------------------------------------------------------------------

_USER = re.compile(r"(?:<@)?([UW][A-Z0-9]{5,30})(?:\|[^<>]*)?>?")
_CHANNEL = re.compile(r"(?:<#)?([CG][A-Z0-9]{5,30})(?:\|[^<>]*)?>?")
LONGEST = 200
"""Characters of a contact."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who reads a sentence: whom they may turn to, what they asked, and whether settings mean anything to them."""

    contact: str = ""
    """Who runs the bot: a Slack user or channel by its id, or any text. "" when nobody is named."""
    request_id: str = ""
    """Under which `vtbot audit --id` finds what they asked. "" when it is said elsewhere, or nothing was stored."""
    operator: bool = False
    """They run the bot: an admin who reads it alone, or somebody at a terminal."""

    def about(self, request_id: str) -> Self:
        """The same, told about one request."""
        return replace(self, request_id=request_id)

    @property
    def whoever(self) -> Line:
        """Whoever runs the bot, by name if there is one."""
        named = contact(self.contact)
        return line("whoever runs this bot ({contact})", contact=named) if named else line(WHOEVER)


EVERYBODY = Audience()
WHOEVER = _("whoever runs this bot")


def contact(given: str) -> str:
    """A contact as people are shown it: a mention, a link to a channel, or harmless text."""
    if user := _USER.fullmatch(given.strip()):
        return Line(User(user[1]))
    if channel := _CHANNEL.fullmatch(given.strip()):
        return Line(Channel(channel[1]))
    return outside(given.strip(), LONGEST)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that differs by audience. `{whoever}` in it is whoever runs the bot."""

    template: str
    values: Mapping[str, Piece | int] = field(default_factory=dict)
    fault: bool = False
    """The reader cannot mend it: the request's id is said too."""
    settings: str = ""
    """What whoever runs the bot may set or look at, by its name; nobody else is told."""

    def to(self, audience: Audience) -> Line:
        """The sentence for these readers."""
        parts: list[str] = [line(self.template, whoever=audience.whoever, **self.values)]
        if self.settings and audience.operator:
            parts.append(f"({self.settings})")
        if self.fault and audience.request_id:
            parts.append(request_id(audience.request_id))
        return sentences(*parts)


def request_id(case: str) -> Line:
    """What whoever runs the bot needs to find a request: `vtbot audit --id`."""
    return line("Request ID: {id}", id=case)


def said(template: str, settings: str = "", **values: Piece | int) -> Sentence:
    """A sentence about something that the reader can mend or must know."""
    return Sentence(template, values, settings=settings)


def fault(template: str, settings: str = "", **values: Piece | int) -> Sentence:
    """A sentence about something that the reader cannot mend."""
    return Sentence(template, values, fault=True, settings=settings)
