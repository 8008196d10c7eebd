"""Who reads a sentence, and sentences that differ by reader: whom to tell, the request, names of settings. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from handlers.text.format import outside
from handlers.text.line import Channel, Line, User, join, line

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
        return line("whoever runs this bot ({contact})", contact=named) if named else Line(WHOEVER)


EVERYBODY = Audience()
WHOEVER = "whoever runs this bot"


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
    values: Mapping[str, str] = field(default_factory=dict)
    fault: bool = False
    """The reader cannot mend it: the request's id is said too."""
    settings: str = ""
    """What whoever runs the bot may set or look at, by its name; nobody else is told."""

    def to(self, audience: Audience) -> Line:
        """The sentence for these readers."""
        parts = [line(self.template, whoever=audience.whoever, **self.values)]
        if self.settings and audience.operator:
            parts.append(line("({settings})", settings=self.settings))
        if self.fault and audience.request_id:
            parts.append(request_id(audience.request_id))
        return join(" ", parts)


def request_id(case: str) -> Line:
    """What whoever runs the bot needs to find a request: `vtbot audit --id`."""
    return line("Request ID: {id}", id=case)


def said(template: str, settings: str = "", **values: str) -> Sentence:
    """A sentence about something that the reader can mend or must know."""
    return Sentence(template, values, settings=settings)


def fault(template: str, settings: str = "", **values: str) -> Sentence:
    """A sentence about something that the reader cannot mend."""
    return Sentence(template, values, fault=True, settings=settings)
