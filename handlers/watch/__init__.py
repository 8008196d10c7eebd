"""Manners: what a message in a watched channel calls for, and what it does not. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from hashlib import sha256
from ipaddress import ip_address, ip_network

from handlers.request import Case, Frozen
from vt.indicators import host_of
from vt.lookup import Lookup
from vt.privacy.allowlist import Ours, below
from vt.verdict import Finding, State

WINDOW = timedelta(hours=24)
"""How long an indicator that was answered in a channel is only counted there."""
MOMENT = timedelta(seconds=1)
"""How long messages are waited for that may share a call to VirusTotal."""
CALM = timedelta(minutes=10)
"""The breaker's: it counts the cards of so long, and pauses for so long."""
DERIVED = timedelta(hours=1)
"""How long what a channel's name decided holds."""
JUDGED = (State.RISKY, State.SUSPICIOUS, State.CLEAN, State.UNKNOWN)


class Mode(StrEnum):
    """What a watched channel wants to see."""

    OFF = "off"
    ALL = "all"
    RISKY = "risky"
    """A card only when something is RISKY."""
    REACTION = "reaction"
    """A mark on the message; the card when someone asks."""
    DRY_RUN = "dry-run"
    """The card to whoever switched it on, and nothing in the channel."""


class Mark(StrEnum):
    """A reaction on a message, by Slack's names."""

    GOOD = "white_check_mark"
    BAD = "warning"
    OPEN = "question"


class Wishes(Frozen):
    """What people asked of a card since."""

    hurried: bool = False
    """Look it up though it costs the reserve."""
    allowed: tuple[str, ...] = ()
    """URLs with secrets that may be looked up, by `subject`: their poster said so."""
    shown: bool = False
    """The card, though the channel wants marks only."""


class Manners(Frozen):
    """What was done about a message, apart from its card."""

    asked: tuple[str, ...] = ()
    """URLs with secrets that its poster was asked about, by `subject`."""
    mark: Mark | None = None
    failures: int = 0
    """Times in a row that Slack did not take it."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A channel as it was switched."""

    mode: Mode
    person: str
    """Who switched it; nobody, when its name decided."""
    since: datetime
    paused_until: datetime | None = None

    @property
    def derived(self) -> bool:
        """Its name decided, not a person."""
        return not self.person

    def paused(self, now: datetime) -> bool:
        """Whether the breaker holds."""
        return self.paused_until is not None and now < self.paused_until


@dataclass(frozen=True, slots=True)
class Card:
    """A message with indicators, and what there is in answer to it."""

    case: Case
    wanted: tuple[Lookup, ...]
    """What its text holds now; nothing when it was deleted."""
    wishes: Wishes
    manners: Manners
    version: int
    """Goes up with each edit and wish."""
    posted: datetime | None


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator set for all channels."""

    channels: tuple[str, ...] = ()
    """Patterns of names of channels that are watched from the beginning."""
    join: bool = False
    """Go into such a channel when it is created."""
    bots: frozenset[str] = frozenset()
    """Ids and names of bots that are listened to."""
    ours: Ours = field(default_factory=Ours)
    """The domains of one's own."""
    most: int = 30
    """Cards in CALM before the breaker opens; 0: it never does."""


def subject(lookup: Lookup) -> str:
    """By which name what is looked up is remembered: of one length, and telling nothing of it.

    By what was asked: a look-up may end with another value, as with the registered domain of a host.
    """
    return sha256(lookup.asked.encode("utf-8", "replace")).hexdigest()


def posted_at(card: Card) -> datetime:
    """When the card's message was posted."""
    return datetime.fromtimestamp(float(card.case.request.origin.message or 0), UTC)


def to_ask_about(card: Card) -> tuple[Lookup, ...]:
    """The URLs with secrets about which nobody agreed."""
    return tuple(one for one in card.wanted if one.sensitive and subject(one) not in card.wishes.allowed)


def to_look_up(card: Card, ignored: Callable[[Lookup], bool]) -> tuple[Lookup, ...]:
    """What a card is about now, with what is known of it already."""
    known = {subject(one): one for one in card.case.lookups}
    spared = {subject(one) for one in to_ask_about(card)}
    wanted = (one.allowed() for one in card.wanted if subject(one) not in spared and not ignored(one))
    return tuple(known.get(subject(one), one) for one in wanted)


def named(channel: str, patterns: Iterable[str]) -> bool:
    """Whether a channel of this name is watched from the beginning."""
    return any(fnmatchcase(channel, pattern) for pattern in patterns)


def ignores(value: str, lookup: Lookup) -> bool:
    """Whether what is left alone covers this: a domain with all below it, a network, or the very same."""
    indicator = lookup.indicator
    host = indicator and host_of(indicator)
    if lookup.value == value or (host and below(host.value, {value})):
        return True
    try:
        return bool(host) and ip_address(host.value if host else "") in ip_network(value)
    except ValueError:
        return False


def changed(before: Finding, after: Finding) -> bool:
    """Whether a verdict is another one than it was. That there is none is no change."""
    return before.state in JUDGED and after.state in JUDGED and before.state is not after.state


def mark(findings: Sequence[Finding]) -> Mark:
    """What a reaction says: bad beats open, and good is only what is all clean."""
    states = {finding.state for finding in findings}
    if states & {State.RISKY, State.SUSPICIOUS}:
        return Mark.BAD
    return Mark.GOOD if states == {State.CLEAN} else Mark.OPEN


def calls_for_card(mode: Mode, card: Card, findings: Sequence[Finding]) -> bool:
    """Whether there is to be a card now. One that stands is kept up to date, whatever the mode."""
    if not findings:
        return False
    if card.case.ts or card.wishes.shown or mode in (Mode.ALL, Mode.DRY_RUN):
        return True
    return mode is Mode.RISKY and any(finding.state is State.RISKY for finding in findings)
