"""The queue for a spent quota: who waits for calls, and in which order they get them. Pure.

A higher priority always goes first. Inside a priority it is round-robin between askers: each gets one call a round, however
many are wanted; after a booking of several calls an asker sits out as many rounds. The askers stand in a ring, and whoever is
new is put behind all others: right before the one whose turn it is, for the next round. So somebody who wants one call waits
for at most one booking of every other asker, and newcomers do not pass those who have had a call and want another. Among
requests of one asker, the one that needs the fewest calls goes first.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from heapq import heapify, heappop, heapreplace
from typing import NamedTuple

from vt.errors import QuotaSpent, Reserved

MOST_TICKETS = 400
"""Requests that are queued at most; the row that holds them is rewritten with each booking. What is told to further ones is wrong."""
HELD = timedelta(seconds=5)
"""How long after its time a slot is held for a request whose turn does not come, because its process died, for example."""
FORGOTTEN = timedelta(minutes=5)
"""How long after its time such a request keeps its place in the line."""
EXACT = timedelta(seconds=0.2)
"""A slot that changes by less has not changed."""
WORTH_SAYING = timedelta(seconds=3)
"""What an estimate has to change by at least to be told again."""
LONGEST_LOOK = 400
"""Bookings that are simulated at most. Who is further back is told when these end, and gets a new estimate then."""


class Priority(IntEnum):
    """What a call is for; the lowest number goes first."""

    PERSON = 0
    """A person waits for it."""
    POLL = 1
    """Whether an analysis that VirusTotal has accepted is finished."""
    AUTOMATIC = 2
    """Nobody asked for it."""
    FOLLOW_UP = 3
    """Something that was answered is checked again. Nothing does that yet: this is the place in the order that is kept for it."""


class Ticket(NamedTuple):
    """A request that waits for calls. Stored as a JSON list: what is added to it goes to the end, with a default."""

    case: str
    """The id of the request's case."""
    asker: str
    priority: Priority
    calls: int
    """Calls that it needs in all."""
    due: datetime
    """When its next turn is scheduled."""
    promised: datetime
    """The time for its next call that the asker was told."""
    together: int = 1
    """Calls that it can only use together."""
    round: int = 0
    """The round in which the asker gets its next call. The lowest goes first, and among equals the first in the row."""

    @property
    def key(self) -> tuple[str, Priority]:
        """A case has one ticket of each priority at most."""
        return self.case, self.priority

    @property
    def line(self) -> tuple[str, Priority]:
        """What the tickets of one asker have in common."""
        return self.asker, self.priority


Tickets = tuple[Ticket, ...]
Following = Callable[[int], datetime]
"""When so many calls fit together, after those that it was asked for before."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """No call may be made now."""

    slots: tuple[datetime, ...]
    """When each of the request's bookings may be made, in order, if nothing changes."""
    ahead: int = 0
    """How many other askers get a call before the first of them."""
    reserved: bool = False
    """What is left is reserved for people."""

    def error(self, position: int = 0) -> QuotaSpent:
        """For the request's refused booking of that position."""
        if self.reserved:
            return Reserved(self.slots[0])
        return QuotaSpent(self.slots[0], self.ahead, self.slots[min(position, len(self.slots) - 1)])


def anonymous(calls: int, now: datetime) -> Ticket:
    """For somebody who cannot wait in the queue."""
    return Ticket("", "", Priority.PERSON, calls, now, now, calls)


def in_order(tickets: Iterable[Ticket]) -> Iterator[tuple[Ticket, int]]:
    """The bookings to come, in order: whose, and of how many calls. At most LONGEST_LOOK."""
    lines = defaultdict[tuple[str, Priority], list[Ticket]](list)
    for ticket in tickets:
        lines[ticket.line].append(ticket)
    waiting = [sorted(line, key=lambda one: one.calls) for line in lines.values()]
    left = {ticket.key: ticket.calls for ticket in tickets}
    heap = [
        (line[0].priority, min(one.round for one in line), position) for position, line in enumerate(waiting)
    ]
    heapify(heap)
    for _ in range(LONGEST_LOOK):
        if not heap:
            return
        priority, start, position = heap[0]
        ticket = waiting[position][0]
        calls = max(1, min(ticket.together, left[ticket.key]))
        yield ticket, calls
        left[ticket.key] -= calls
        if left[ticket.key] <= 0:
            del waiting[position][0]
        if waiting[position]:
            heapreplace(heap, (priority, start + calls, position))
        else:
            heappop(heap)


def joined(tickets: Tickets, mine: Ticket, now: datetime) -> tuple[Tickets, Ticket]:
    """The tickets with `mine`, and `mine` with its round.

    It replaces an earlier one of the same case and priority. Otherwise it follows the other tickets of its asker, which are
    in the round being served now if they are overdue. A new asker is put behind all others.
    """
    following = _next(live(tickets, now), mine.priority)
    own = [one for one in tickets if one.line == mine.line]
    if not own:
        position = tickets.index(following) if following else len(tickets)
        mine = mine._replace(round=following.round + 1 if following else 0)
        return (*tickets[:position], mine, *tickets[position:]), mine
    punctual = [one.round for one in live(tuple(own), now)]
    mine = mine._replace(round=min(punctual, default=following.round if following else 0))
    if any(one.key == mine.key for one in own):
        return replaced(tickets, mine), mine
    position = tickets.index(own[-1]) + 1
    return (*tickets[:position], mine, *tickets[position:]), mine


def _next(tickets: Tickets, priority: Priority) -> Ticket | None:
    """The first in the row of those whose round is the lowest."""
    return min((one for one in tickets if one.priority == priority), key=lambda one: one.round, default=None)


def returned(tickets: Tickets, mine: Ticket) -> Tickets:
    """The tickets with `mine` before all others of its priority: it had its turn, but VirusTotal refused the call."""
    others = tuple(one for one in tickets if one.key != mine.key)
    following = _next(others, mine.priority)
    position = others.index(following) if following else 0
    mine = mine._replace(round=following.round if following else 0)
    return (*others[:position], mine, *others[position:])


def replaced(tickets: Tickets, mine: Ticket) -> Tickets:
    """The tickets with `mine` instead of the one of the same case."""
    return tuple(mine if one.key == mine.key else one for one in tickets)


def capped(tickets: Tickets) -> Tickets:
    """The tickets; beyond MOST_TICKETS without the last of the asker who has the most, or of the lowest priority among equals.

    A request without a ticket comes again at the time that it was told, and then may get one.
    """
    if len(tickets) <= MOST_TICKETS:
        return tickets
    counts = Counter(one.asker for one in tickets)
    ranks = [(counts[one.asker], one.priority, one.round, position) for position, one in enumerate(tickets)]
    dropped = max(ranks)[-1]
    return (*tickets[:dropped], *tickets[dropped + 1 :])


def live(tickets: Tickets, now: datetime) -> Tickets:
    """Those for which slots are held: their turn is still to come, or was due a moment ago."""
    return tuple(one for one in tickets if now <= one.due + HELD)


def served(tickets: Tickets, mine: Ticket, calls: int) -> Tickets:
    """The tickets after calls were booked for `mine`, which is one of them. Its asker's next ones wait for a later round."""
    after = (one._replace(calls=one.calls - calls) if one.key == mine.key else one for one in tickets)
    return tuple(
        one._replace(round=mine.round + calls) if one.line == mine.line else one
        for one in after
        if one.calls > 0
    )


def refusal(tickets: Tickets, mine: Ticket, following: Following, now: datetime) -> Refusal | None:
    """When the calls of `mine`, one of the tickets, fit; None if the first of them fit now. Only people are told who is ahead."""
    slots, ahead = list[datetime](), set[str]()
    for one, slot in _timetable(live(tickets, now), following):
        if one.key == mine.key:
            if slot <= now:
                return None
            slots.append(slot)
            if len(slots) * mine.together >= mine.calls:
                break
        elif not slots and one.asker != mine.asker:
            ahead.add(one.asker)
    return Refusal(tuple(slots) or (slot,), len(ahead) if mine.priority <= Priority.POLL else 0)


def _timetable(tickets: Tickets, following: Following) -> Iterator[tuple[Ticket, datetime]]:
    """The bookings to come and their times, if nobody else comes."""
    return ((one, following(calls)) for one, calls in in_order(tickets))


def moved(tickets: Tickets, following: Following, now: datetime) -> tuple[Tickets, Mapping[str, datetime]]:
    """The tickets with new times, and by case: when turns are due now that were due at other times.

    A turn becomes due at its slot if that is earlier, and at once if what the asker was told changes by more than a half.
    At a later slot it is found out when the turn comes.
    """
    waiting, slots = live(tickets, now), dict[tuple[str, Priority], datetime]()
    for one, slot in _timetable(waiting, following):
        slots.setdefault(one.key, slot)
        if len(slots) == len(waiting):
            break
    after, turns = list[Ticket](), dict[str, datetime]()
    for one in tickets:
        slot = slots.get(one.key, one.due)
        is_told = is_news(one.promised, slot, now)
        if one.due > now and (is_told or one.due - slot > EXACT):
            turns[one.case] = min(now if is_told else slot, turns.get(one.case, slot))
            one = one._replace(due=slot, promised=slot if is_told else one.promised)  # noqa: PLW2901
        after.append(one)
    return tuple(after), turns


def is_news(promised: datetime, slot: datetime, now: datetime) -> bool:
    """Whether an estimate has changed by more than a half since it was told."""
    return abs(slot - promised) > max(WORTH_SAYING, (promised - now) / 2)


def without(tickets: Tickets, case_id: str) -> Tickets:
    """The tickets of all other cases."""
    return tuple(one for one in tickets if one.case != case_id)
