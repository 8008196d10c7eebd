"""What a message in a watched channel calls for: a card, a reaction, or nothing. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from hashlib import sha256
from ipaddress import ip_address, ip_network

from pydantic import ConfigDict, Field

from handlers.case import Case
from handlers.request import Frozen
from vt.indicators import host_of
from vt.lookup import Lookup
from vt.privacy import InternalDomains, is_within
from vt.verdict import Finding, State

DUPLICATE_WINDOW = timedelta(hours=24)
"""For this long an indicator that was answered in a channel gets no second card there; it is only counted."""
BATCH_DELAY = timedelta(seconds=1)
"""How long a new message waits for others that may share a call to VirusTotal."""
THROTTLE_PERIOD = timedelta(minutes=10)
"""The throttle counts the cards of this period, and pauses the channel for as long."""
NAME_RULE_LIFETIME = timedelta(hours=1)
"""How long the decision that a channel's name made holds; then the name is looked up again."""
JUDGED = (State.RISKY, State.SUSPICIOUS, State.CLEAN, State.UNKNOWN)
"""States in which VirusTotal has said something."""


class Mode(StrEnum):
    """What a watched channel wants to see."""

    OFF = "off"
    ALL = "all"
    RISKY = "risky"
    """A card only when something is RISKY."""
    REACTION = "reaction"
    """A reaction on the message; the card when someone asks for it."""
    DRY_RUN = "dry-run"
    """The card goes to whoever switched the channel, and nothing is posted in it."""


class Reaction(StrEnum):
    """A reaction on a message, by Slack's name for it."""

    GOOD = "white_check_mark"
    BAD = "warning"
    OPEN = "question"


class CardOverrides(Frozen):
    """What people have asked of a card since it was made. The aliases are the stored keys."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    prioritised: bool = Field(default=False, alias="hurried")
    """Look it up now, though that takes calls from the reserve."""
    allowed_urls: tuple[str, ...] = Field(default=(), alias="allowed")
    """URLs with secrets that may be looked up, by `lookup_key`: their poster agreed."""
    show_card: bool = Field(default=False, alias="shown")
    """Post the card, though the channel wants reactions only."""


class CardProgress(Frozen):
    """What was done about a message beside its card. The aliases are the stored keys."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    asked_urls: tuple[str, ...] = Field(default=(), alias="asked")
    """URLs with secrets that the poster was asked about, by `lookup_key`."""
    reaction: Reaction | None = Field(default=None, alias="mark")
    failures: int = 0
    """How often in a row the card could not be posted."""


@dataclass(frozen=True, slots=True)
class Watch:
    """How a channel is watched."""

    mode: Mode
    person: str
    """The id of who switched it; "" when the channel's name decided."""
    since: datetime
    paused_until: datetime | None = None

    @property
    def is_derived(self) -> bool:
        """Whether the channel's name decided, not a person."""
        return not self.person

    def is_paused(self, now: datetime) -> bool:
        """Whether the throttle has paused the channel."""
        return self.paused_until is not None and now < self.paused_until


@dataclass(frozen=True, slots=True)
class Card:
    """A message with indicators, and what was done in answer to it."""

    case: Case
    wanted: tuple[Lookup, ...]
    """What its text holds now; nothing when it was deleted."""
    overrides: CardOverrides
    progress: CardProgress
    version: int
    """Goes up with each edit of the message and each override."""
    posted: datetime | None
    """When the card or the reaction was posted."""

    @property
    def is_visible(self) -> bool:
        """Whether the channel sees something of it already, or may see it: a card, or a reaction."""
        return bool(self.case.ts or self.case.posting or self.progress.reaction)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator set for all watched channels."""

    channels: tuple[str, ...] = ()
    """Patterns of the names of channels that are watched from the beginning."""
    join: bool = False
    """Join such a channel when it is created."""
    bots: frozenset[str] = frozenset()
    """Ids and names of other bots whose messages are looked up."""
    own_domains: InternalDomains = field(default_factory=InternalDomains)
    """The organisation's own domains, which are never looked up."""
    max_cards: int = 30
    """Cards in a channel per THROTTLE_PERIOD before it is paused; 0: no limit."""


def lookup_key(lookup: Lookup) -> str:
    """A SHA-256 in hex by which a lookup is remembered: of fixed length, and without the value itself.

    Made of what was asked: a lookup may end with another value, such as the registered domain of a host.
    """
    return sha256(lookup.input.encode("utf-8", "replace")).hexdigest()


def posted_at(card: Card) -> datetime:
    """When the message that the card answers was posted, in UTC."""
    return datetime.fromtimestamp(float(card.case.request.origin.message or 0), UTC)


def urls_to_confirm(card: Card) -> tuple[Lookup, ...]:
    """The URLs with secrets that their poster has not agreed to look up."""
    allowed = card.overrides.allowed_urls
    return tuple(one for one in card.wanted if one.is_sensitive and lookup_key(one) not in allowed)


def lookups_of(card: Card, is_ignored: Callable[[Lookup], bool]) -> tuple[Lookup, ...]:
    """What a card is about now, each lookup as far as it has come."""
    known = {lookup_key(one): one for one in card.case.lookups}
    unconfirmed = {lookup_key(one) for one in urls_to_confirm(card)}
    wanted = (one for one in card.wanted if lookup_key(one) not in unconfirmed and not is_ignored(one))
    return tuple(known.get(lookup_key(one), one.secret_allowed()) for one in wanted)


def matches(channel: str, patterns: Iterable[str]) -> bool:
    """Whether a channel of this name is watched from the beginning. Case counts, `*` and `?` are wildcards."""
    return any(fnmatchcase(channel, pattern) for pattern in patterns)


def covers(ignored: str, lookup: Lookup) -> bool:
    """Whether an ignored value covers a lookup: a domain with its subdomains, a network, or the value itself."""
    indicator = lookup.indicator
    host = indicator and host_of(indicator)
    if lookup.value == ignored or (host and is_within(host.value, {ignored})):
        return True
    try:
        return bool(host) and ip_address(host.value if host else "") in ip_network(ignored)
    except ValueError:
        return False


def verdict_changed(before: Finding, after: Finding) -> bool:
    """Whether a verdict is another one than it was. A verdict that is missing on either side is no change."""
    return before.state in JUDGED and after.state in JUDGED and before.state is not after.state


def reaction_for(findings: Sequence[Finding]) -> Reaction:
    """The reaction that sums findings up: BAD when any is flagged, GOOD when all are clean, else OPEN."""
    states = {finding.state for finding in findings}
    if states & {State.RISKY, State.SUSPICIOUS}:
        return Reaction.BAD
    return Reaction.GOOD if states == {State.CLEAN} else Reaction.OPEN


def needs_card(mode: Mode, card: Card, findings: Sequence[Finding]) -> bool:
    """Whether there must be a card now. One that was posted is kept up to date in every mode."""
    if not findings:
        return False
    if card.case.ts or card.overrides.show_card or mode in (Mode.ALL, Mode.DRY_RUN):
        return True
    return mode is Mode.RISKY and any(finding.state is State.RISKY for finding in findings)
