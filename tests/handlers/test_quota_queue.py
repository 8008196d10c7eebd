"""Many people, one spent key: each is told how long it takes, that is true, and nobody waits for what another queued."""

import re
from datetime import timedelta

from playground.virustotal import faults
from tests.support.app_fixture import ANA, BEN, HASHES, at_work

WAITS = re.compile(r"out of quota; (?:(\d+) ahead of you, about|next call in) (\d+) (s|min)")


def told(app, message):
    """How many are ahead, and in how many seconds it is promised."""
    ahead, count, unit = WAITS.search(app.now(message)).groups()
    return int(ahead or 0), int(count) * {"s": 1, "min": 60}[unit]


def is_waiting(app, message):
    return "out of quota" in app.now(message)


async def test_one_look_up_beside_a_hundred(database):
    """Ana asks for 100 hashes on a free key. Ben's single look-up is answered at the time that he is told, in the next minute."""
    async with at_work(database, VT_QUOTA_MINUTE="4") as app:
        many = await app.asks(f"/vt {' '.join(HASHES)}")
        assert len(app.virustotal.calls) == 4
        one = await app.asks("/vt scan-ip 192.0.2.1", BEN)
        ahead, seconds = told(app, one)
        assert (ahead, seconds <= 61) == (1, True)
        await app.passes(seconds=seconds)
        await app.slack.until(lambda: not is_waiting(app, one))
        assert "NOT CHECKED" in app.now(many)
        assert len(app.virustotal.calls_to("ip-address/report")) == 1
        await app.slack.until(lambda: len(app.virustotal.calls) == 8)


async def test_what_is_promised_is_kept_by_the_look_ups_that_come_after(database):
    """Eight single look-ups on a spent key: four are answered a minute later, four after two, each as it was told."""
    async with at_work(database, VT_QUOTA_MINUTE="4", CACHE_MINUTES="0") as app:
        for number in range(4):
            await app.asks(f"/vt scan-ip 192.0.2.{number}")
        started = app.clock()
        waiting = [
            (await app.asks(f"/vt scan-ip 198.51.100.{number}", (ANA, BEN)[number % 2]), app.clock())
            for number in range(8)
        ]
        promised = [at + timedelta(seconds=told(app, one)[1]) for one, at in waiting]
        assert [round((at - started).total_seconds() / 61) for at in promised] == [1, 1, 1, 1, 2, 2, 2, 2]
        for minute in (1, 2):
            await app.passes(seconds=61)
            await app.slack.until(lambda: len(app.virustotal.calls) == 4 + 4 * minute)  # noqa: B023 - awaited here
            due = [one for (one, _), at in zip(waiting, promised, strict=True) if at <= app.clock()]
            await app.slack.until(lambda: not any(is_waiting(app, one) for one in due))  # noqa: B023 - awaited here


async def test_the_estimate_is_edited_when_it_changes(database):
    """VirusTotal says to come later: who waits behind the one that it said so to reads a new estimate, without asking."""
    async with at_work(database, VT_QUOTA_MINUTE="1") as app:
        await app.asks("/vt scan-ip 192.0.2.1")
        first = await app.asks("/vt scan-ip 192.0.2.2", BEN)
        last = await app.asks("/vt scan-ip 192.0.2.3")
        assert told(app, first)[1] <= 61 < told(app, last)[1]
        assert told(app, last)[0] == 1
        app.virustotal.faults.add("*", faults.status(429, headers={"Retry-After": "600"}))
        await app.passes(seconds=61)
        await app.slack.until(lambda: told(app, first) == (0, 600))
        await app.slack.until(lambda: told(app, last) == (1, 660))
        await app.passes(seconds=601)
        await app.slack.until(lambda: not is_waiting(app, first))
        await app.passes(seconds=61)
        await app.slack.until(lambda: not is_waiting(app, last))


async def test_who_is_answered_without_a_call_makes_room(database):
    """What Ben waits for was answered by Ana's call; whoever is behind him gets his slot, a minute before the promised time."""
    async with at_work(database, VT_QUOTA_MINUTE="1") as app:
        await app.asks("/vt scan-ip 192.0.2.1")
        await app.asks("/vt scan-ip 192.0.2.2")
        same = await app.asks("/vt scan-ip 192.0.2.2", BEN)
        last = await app.asks("/vt scan-ip 192.0.2.3", "admin")
        assert told(app, last)[0] == 2
        await app.passes(seconds=61)
        await app.slack.until(lambda: len(app.virustotal.calls) == 2)
        await app.passes(seconds=61)
        await app.slack.until(lambda: not is_waiting(app, same))
        await app.slack.until(lambda: not is_waiting(app, last))
        assert len(app.virustotal.calls) == 3
