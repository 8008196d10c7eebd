"""What was looked up before: the bot's own records, from which an answer says how often, and what has changed."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import ConfigDict, Field

from handlers.case import Case
from handlers.request import Frozen, Origin
from vt.indicators import Kind
from vt.verdict import Finding, State

MAX_LATEST = 20
"""Lookups that someone's home lists."""
JUDGED = frozenset({State.RISKY, State.SUSPICIOUS, State.CLEAN, State.UNKNOWN})
"""States in which VirusTotal has said something."""


class Sighting(Frozen):
    """One thing that was looked up once, and the result. The alias is the stored key."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    action: str
    kind: Kind | None
    value: str
    input: str = Field(alias="asked")
    """As it was asked for."""
    state: State
    count: int | None
    total: int | None
    at: datetime | None = None
    """When it was looked up; None before that is on record."""

    @property
    def subject(self) -> str:
        """A SHA-256 in hex for what was looked up: the same whoever asks, and however it was written."""
        name = f"{self.kind}:{self.value}" if self.kind else f":{self.input}"
        return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Summary:
    """What is on record about one subject, before a certain moment."""

    times: int
    since: datetime
    here: bool
    """It was first looked up in the channel that asks now."""
    channel: str | None
    """Where it was first looked up, if that is another channel and a public one."""
    last: Sighting | None
    """The last time that VirusTotal said something about it."""


Records = Mapping[str, Summary]
"""What is on record about findings, by `Sighting.subject`."""


class History(Protocol):
    """The storage of sightings. Every method raises StoreDown when the database is not available."""

    async def remember(
        self, case_id: str, origin: Origin, sightings: Sequence[Sighting], now: datetime
    ) -> None:
        """Store the results of a request. Storing the same request again changes nothing."""

    async def summaries(
        self, origin: Origin, subjects: Iterable[str], before: datetime
    ) -> Mapping[str, Summary]:
        """What the asker's workspace looked up before that time, by subject; without those that are new to it."""

    async def latest(self, team: str, user: str, most: int = MAX_LATEST) -> list[Sighting]:
        """Someone's last lookups, the newest first."""


def sighting(finding: Finding) -> Sighting:
    """A finding as it is put on record."""
    indicator, rule = finding.indicator, finding.rule
    return Sighting(
        action=finding.action.key,
        kind=indicator.kind if indicator else None,
        value=indicator.value if indicator else "",
        input=finding.input,
        state=finding.state,
        count=rule.count if rule else None,
        total=rule.total if rule else None,
    )


def previous_if_changed(summary: Summary, finding: Finding) -> Sighting | None:
    """The previous result, if VirusTotal says something else now. Another threshold alone is no change."""
    if summary.last is None or finding.state not in JUDGED:
        return None
    now, last = sighting(finding), summary.last
    same_count = now.count is not None and (now.count, now.total) == (last.count, last.total)
    same_verdict = (last.state, last.count) == (now.state, now.count)
    return None if same_count or same_verdict else last


async def remember(case: Case, findings: Sequence[Finding], history: History, now: datetime) -> None:
    """Store the results of a request. Raises StoreDown."""
    sightings = [sighting(one) for one in findings]
    await history.remember(case.request.id, case.request.origin, sightings, now)


async def summaries(case: Case, findings: Sequence[Finding], history: History) -> Mapping[str, Summary]:
    """What was on record about findings when the request came, by subject. Raises StoreDown."""
    subjects = {sighting(one).subject for one in findings}
    return await history.summaries(case.request.origin, subjects, case.request.at)
