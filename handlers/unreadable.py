"""The errors for stored objects that cannot be read, and what is saved of a case that cannot. Raised by stored_shapes."""

from dataclasses import dataclass
from datetime import datetime

from handlers.request import Origin


class Unreadable(Exception):
    """A stored object cannot be read. The text says why, in words of ours: never what the object holds."""


class NewerVersion(Unreadable):
    """A later release wrote it: a process of that release, which may be starting, can read it."""


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What could still be read of a case that is unreadable as a whole."""

    case_id: str
    delivery: str
    at: datetime
    origin: Origin
    is_open: bool
    posts: int = 0
    channel: str | None = None
    ts: str | None = None
    posting: str | None = None


class UnreadableCase(Exception):
    """A stored case, or the card that belongs to it, cannot be read. `reason` may be logged."""

    def __init__(self, salvaged: Salvaged, why: Unreadable) -> None:
        super().__init__(str(why))
        self.salvaged = salvaged
        self.reason = str(why)
        self.is_newer = isinstance(why, NewerVersion)

    @property
    def case_id(self) -> str:
        """Of the case."""
        return self.salvaged.case_id
