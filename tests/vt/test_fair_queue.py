"""Who gets the next call when the quota is spent: by priority, then in turns between askers, and as it was promised."""

from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.memory_quota import MemoryQuota
from vt.errors import QuotaSpent
from vt.fair_queue import FORGOTTEN, HELD, MOST_TICKETS, Priority
from vt.quota import MINUTE, Ask, Limits, Meter, Plan

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
FREE = Limits(4, 0, 0)
"""A free key's minute."""


class Line:
    """People who ask for calls, and come again at the time that they are told."""

    def __init__(self, limits=FREE):
        self.now = NOON
        self.quota = MemoryQuota(limits, lambda: self.now)
        self.wanted = {}
        self.due = {}
        self.served = []
        """Whose calls were booked, and when."""

    def spend(self, calls=4):
        """All slots of the minute are used."""
        self.asks("before", calls)
        self.served.clear()

    def asks(self, case, calls=1, priority=Priority.PERSON, asker=None):
        """Somebody asks; by the case's name unless `asker` is given. Takes the first turn."""
        self.wanted[case] = [calls, asker or case, priority]
        self.turn(case)
        return self.due.get(case)

    def turn(self, case):
        """Book what can be booked now; the rest waits until the time that was told."""
        self.due.pop(case, None)
        calls, asker, priority = self.wanted[case]
        ask = Ask(case, asker, priority, Plan(calls), Meter())
        while self.wanted[case][0]:
            try:
                self.take(ask)
            except QuotaSpent as spent:
                self.due[case] = spent.retry_at
                return spent
            self.wanted[case][0] -= 1
            self.served.append((self.now, case))
        return None

    @property
    def moments(self):
        """Whose calls were booked in the same moment, in the order of time."""
        return [sorted(case for _, case in same) for _, same in groupby(self.served, lambda one: one[0])]

    def slots_before(self, case):
        """How many calls were booked before the first one of the case, at earlier times."""
        [first, *_] = [at for at, served in self.served if served == case]
        return sum(at < first for at, _ in self.served)

    def take(self, ask):
        done = self.quota.take(1, ask)
        with pytest.raises(StopIteration):
            done.send(None)

    def goes_on(self, *, until=None, but=()):
        """Time passes; everybody comes when they are due, those of the lowest priority and the last to ask first."""
        while due := {case: at for case, at in self.due.items() if case not in but}:
            at = min(due.values())
            if until and at > until:
                break
            self.now = max(self.now, at)
            for case in [case for case, at in reversed(due.items()) if at <= self.now]:
                self.turn(case)
            for ticket in self.quota.tickets:  # those whose turn was brought forward
                if ticket.case in self.due:
                    self.due[ticket.case] = min(self.due[ticket.case], ticket.due)

    def waits(self, case):
        return (self.due[case] - NOON) // timedelta(seconds=1)


@pytest.fixture
def line():
    spent = Line()
    spent.spend()
    return spent


def test_one_call_after_many(line):
    """Somebody who asks for one thing does not wait for the hundred that another asked for before."""
    line.asks("hundred", 100)
    at = line.asks("one")
    line.goes_on(until=NOON + 2 * MINUTE)
    assert line.moments[0] == ["hundred", "hundred", "hundred", "one"]
    assert at == NOON + MINUTE


def test_turns_between_askers(line):
    """Each gets one call a round, however many they want."""
    for asker in ("ana", "ben", "eve"):
        line.asks(asker, 4)
    line.goes_on()
    assert line.moments == [
        ["ana", "ana", "ben", "eve"],
        ["ana", "ben", "ben", "eve"],
        ["ana", "ben", "eve", "eve"],
    ]


def test_several_cases_of_one_asker(line):
    """They share their asker's turns, and the shortest goes first."""
    for number in range(5):
        line.asks(f"ana {number}", 2, asker="ana")
    line.asks("ana's only one", asker="ana")
    line.asks("ben", 2)
    line.goes_on()
    assert line.moments[0] == ["ana 0", "ana's only one", "ben", "ben"]


def test_an_asker_who_comes_back_goes_to_the_end(line):
    """Who was served a moment ago does not pass those who still wait."""
    line.asks("ana")
    line.asks("ben", 4)
    line.asks("eve", 3)
    line.goes_on(until=NOON + MINUTE)
    assert line.moments == [["ana", "ben", "ben", "eve"]]
    assert line.asks("ana again", 2, asker="ana") == NOON + 2 * MINUTE
    line.goes_on(until=NOON + 2 * MINUTE)
    assert line.moments[1] == ["ana again", "ben", "eve", "eve"]


@pytest.mark.parametrize("priority", [Priority.POLL, Priority.AUTOMATIC, Priority.FOLLOW_UP])
def test_a_person_goes_first(line, priority):
    """However long the others have waited."""
    line.asks("other", 8, priority)
    line.asks("ana", 3)
    line.goes_on(until=NOON + MINUTE)
    assert line.moments == [["ana", "ana", "ana", "other"]]


def test_priorities(line):
    """People, then polls, then what nobody asked for, then what is checked again."""
    for priority in reversed(Priority):
        line.asks(priority.name, 2, priority)
    line.goes_on()
    assert line.moments == [
        ["PERSON", "PERSON", "POLL", "POLL"],
        ["AUTOMATIC", "AUTOMATIC", "FOLLOW_UP", "FOLLOW_UP"],
    ]


def test_a_burst_leaves_room_for_who_waits(line):
    """Whoever comes when slots are free may use those that nobody waits for."""
    line.asks("ben", 2)
    line.now = NOON + MINUTE
    line.asks("ana", 5)
    assert line.moments == [["ana", "ana"]]
    line.turn("ben")
    assert line.moments == [["ana", "ana", "ben", "ben"]]


# What is promised ----------------------------------------------------------------------------------------


def test_how_many_are_ahead(line):
    """Counted in askers, without those whose turn comes later."""
    line.asks("hundred", 100)
    line.asks("watch", 50, Priority.AUTOMATIC)
    line.asks("ben")
    spent = line.turn("ben")
    assert spent.ahead == 1
    line.asks("eve")
    assert line.turn("eve").ahead == 2
    assert line.turn("watch").ahead == 0


def test_what_is_told_on_a_day_whose_quota_is_spent_is_true():
    """In the hours before midnight more people ask than are served in half an hour: each is told their own minute, and gets it."""
    line = Line(Limits(4, 200, 0))
    line.asks("before", 200)
    line.goes_on()
    told = {}
    for number in range(200):
        line.now += timedelta(minutes=2)
        told[f"{number}"] = line.asks(f"{number}")
    line.served.clear()
    line.goes_on()
    assert {case: at for at, case in line.served} == told


def test_every_call_has_its_own_time(line):
    """Of ten calls the last one is not promised for the first one's slot."""
    plan = Plan(10)
    ask = Ask("ana", "ana", Priority.PERSON, plan, Meter())
    told = []
    for _ in range(10):
        with pytest.raises(QuotaSpent) as spent:
            line.take(ask)
        told.append(spent.value)
    assert {one.retry_at for one in told} == {NOON + MINUTE}
    minutes = [round((one.expected - NOON) / MINUTE) for one in told]
    assert minutes == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]


def test_who_leaves_is_passed(line):
    """What was answered without a call makes room for those behind it, who are called sooner."""
    for case in ("ana", "ben", "eve", "dan", "zoe"):
        line.asks(case)
    assert line.waits("zoe") == 121
    with pytest.raises(StopIteration):
        line.quota.leave("ana").send(None)
    [zoe] = [ticket for ticket in line.quota.tickets if ticket.case == "zoe"]
    assert zoe.due == NOON + MINUTE


def test_who_does_not_come(line):
    """A slot is held for a few seconds; then those behind get it, and its place is kept for a while."""
    for number in range(5):
        line.asks(f"{number}")
    line.now = NOON + MINUTE
    assert line.turn("4") is not None
    line.now += HELD + timedelta(seconds=0.1)
    assert line.turn("4") is None
    assert line.turn("0") is None
    line.now += FORGOTTEN
    line.asks("5")
    assert line.quota.tickets == ()


def test_too_many(line):
    """Beyond the most tickets, those of whoever has the most of them go; everybody else keeps a place."""
    for number in range(MOST_TICKETS + 50):
        line.asks(f"many {number}", asker="many")
    for number in range(20):
        line.asks(f"{number}")
    tickets = line.quota.tickets
    assert len(tickets) == MOST_TICKETS
    assert {ticket.asker for ticket in tickets} == {"many", *map(str, range(20))}
    line.goes_on()
    assert max(line.slots_before(f"{number}") for number in range(20)) <= 20
    assert len(line.served) == MOST_TICKETS + 50 + 20


@given(st.data())
def test_within_the_next_slots_of_the_askers(data):
    """Whatever is queued: who asks for one thing waits for one call of every other asker at most, and not longer than promised."""
    line = Line(Limits(data.draw(st.integers(1, 6)), 0, 0))
    line.spend(line.quota.limits.minute)
    askers = data.draw(st.integers(1, 8))
    for number in range(data.draw(st.integers(askers, 25))):
        line.now += timedelta(seconds=data.draw(st.integers(0, 2)))
        line.asks(f"case {number}", data.draw(st.integers(1, 40)), asker=f"asker {number % askers}")
        line.goes_on(until=line.now)
    line.served.clear()
    promised = line.asks("one")
    line.goes_on(until=promised)
    assert line.slots_before("one") <= askers


def test_newcomers_do_not_pass_who_wants_a_second_call(line):
    """As many newcomers come as there are slots, without end: whoever had a call before them gets the next one before them, too."""
    line.asks("ana", 3)
    for number in range(200):
        line.goes_on(until=line.now + MINUTE / 4)
        line.now += MINUTE / 4
        line.asks(f"newcomer {number}")
    line.goes_on()
    askers = [case for _, case in line.served]
    first, second, third = (place for place, case in enumerate(askers) if case == "ana")
    assert second - first <= 5
    assert third - second <= 9


def test_newcomers_do_not_pass_who_wants_another_call(line):
    """As many newcomers come as there are slots, without end: after a call, one waits for those who waited then, and no others."""
    line.asks("ana", 3)
    for number in range(60):
        at = line.now + MINUTE / 4
        line.goes_on(until=at)
        line.now = at
        line.asks(f"newcomer {number}")
    first, second, third = (at for at, case in line.served if case == "ana")
    assert second - first <= MINUTE
    assert third - second <= MINUTE


@given(st.data())
def test_after_a_call_one_waits_for_those_who_waited_then(data):
    """Whoever comes, and whatever is wanted: between two calls of an asker no other has two, and newcomers have none."""
    line = Line(Limits(1, 0, 0))
    line.spend(1)
    arrived = {}
    for number in range(data.draw(st.integers(2, 15))):
        at = line.now + timedelta(seconds=data.draw(st.integers(0, 90)))
        line.goes_on(until=at)
        line.now = at
        line.asks(f"{number}", data.draw(st.integers(1, 4)))
        arrived[f"{number}"] = line.now
    line.goes_on()
    for asker in arrived:
        own = [place for place, (_, case) in enumerate(line.served) if case == asker]
        for first, second in pairwise(own):
            between = [case for _, case in line.served[first + 1 : second]]
            assert len(set(between)) == len(between)
            assert all(arrived[case] <= line.served[first][0] for case in between)


@given(st.data())
def test_no_slot_is_lost(data):
    """Whoever is ahead, a slot that is free is used by somebody in the moment in which it becomes free."""
    limit = data.draw(st.integers(1, 5))
    line = Line(Limits(limit, 0, 0))
    total = 0
    for number in range(data.draw(st.integers(1, 12))):
        calls = data.draw(st.integers(1, 9))
        total += calls
        line.asks(f"{number}", calls, data.draw(st.sampled_from(Priority)), f"{data.draw(st.integers(0, 3))}")
    line.goes_on()
    assert len(line.served) == total
    assert line.now == NOON + MINUTE * ((total - 1) // limit)
