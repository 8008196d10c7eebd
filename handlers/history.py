"""What was looked up before: the bot's own records, from which an answer says how often and what changed."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from handlers.request import Case, Frozen, Origin
from vt.indicators import Kind
from vt.verdict import Finding, State

SHOWN = 20
"""Look-ups that someone's home lists."""
JUDGED = frozenset({State.RISKY, State.SUSPICIOUS, State.CLEAN, State.UNKNOWN})
"""What VirusTotal said something about."""


class Sighting(Frozen):
    """One thing that was looked up once, and what came of it."""

    action: str
    kind: Kind | None
    value: str
    asked: str
    state: State
    count: int | None
    total: int | None
    at: datetime | None = None
    """When it was looked up, once that is on record."""

    @property
    def subject(self) -> str:
        """A short name for what it is about, the same whoever asks and however it was written."""
        named = f"{self.kind}:{self.value}" if self.kind else f":{self.asked}"
        return hashlib.sha256(named.encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Past:
    """What is on record of one thing, before a certain moment."""

    times: int
    since: datetime
    here: bool
    """First looked up in the channel that asks now."""
    channel: str | None
    """Where it was first looked up, if that is another channel and a public one."""
    last: Sighting | None
    """The last time that VirusTotal said something about it."""


class History(Protocol):
    """The storage of sightings. Every method raises StoreDown when the database cannot take it."""

    async def remember(
        self, case_id: str, origin: Origin, sightings: Sequence[Sighting], now: datetime
    ) -> None:
        """Keep what came of a request; said twice, it is kept once."""

    async def past(self, origin: Origin, subjects: Iterable[str], before: datetime) -> Mapping[str, Past]:
        """What is on record in the asker's workspace, by subject."""

    async def latest(self, team: str, user: str, most: int = SHOWN) -> list[Sighting]:
        """Someone's last look-ups, the newest first."""


def sighting(finding: Finding) -> Sighting:
    """What is to be remembered of a finding."""
    indicator, rule = finding.indicator, finding.rule
    return Sighting(
        action=finding.action.key,
        kind=indicator.kind if indicator else None,
        value=indicator.value if indicator else "",
        asked=finding.input,
        state=finding.state,
        count=rule.count if rule else None,
        total=rule.total if rule else None,
    )


def changed(past: Past, finding: Finding) -> Sighting | None:
    """What it was at the last look, if VirusTotal said something else than now: another threshold is no news."""
    if past.last is None or finding.state not in JUDGED:
        return None
    now, last = sighting(finding), past.last
    counted = now.count is not None and (now.count, now.total) == (last.count, last.total)
    same = (last.state, last.count) == (now.state, now.count)
    return None if counted or same else last


async def remember(case: Case, found: Sequence[Finding], history: History, now: datetime) -> None:
    """Keep what came of a request. Raises StoreDown."""
    await history.remember(case.request.id, case.request.origin, [sighting(one) for one in found], now)


async def past(case: Case, found: Sequence[Finding], history: History) -> Mapping[str, Past]:
    """What was on record when the request came, by subject. Raises StoreDown."""
    subjects = {sighting(one).subject for one in found}
    return await history.past(case.request.origin, subjects, case.request.at)
