"""History that helps: how often a thing was seen here, where first, and what changed since."""

import pytest

from playground.virustotal import faults
from tests.support.app_fixture import ANA, BEN, GENERAL, at_work

EICAR = "44d88612fea8a8f36de82e1278abb02f"
INCIDENT, SECRET = "#inc-1042", "#secret"
ADDRESS = "/vt scan-ip 192.0.2.1"


def third(office, answer):
    """The line of the answer that says when."""
    return next(line for line in office.slack.shown(answer) if "checked " in line)


async def asks(office, line=ADDRESS, **where):
    """Ask, and wait until it is on record."""
    answer = await office.asks(line, **where)
    await office.idle()
    return answer


async def test_the_first_look_up_says_nothing_of_the_past(database):
    """There is none."""
    async with at_work(database) as office:
        assert "looked up" not in third(office, await asks(office))


async def test_how_often_since_when_and_where_first(database):
    """Counted over everybody; this channel is called this channel, another public one by its link."""
    async with at_work(database) as office:
        await asks(office)
        await asks(office, user=BEN)
        here = third(office, await asks(office))
        assert "looked up 2 times since " in here
        assert ", first in this channel" in here
        assert ", first in #general" in third(office, await asks(office, channel=INCIDENT))


@pytest.mark.parametrize("channel", [SECRET, "@vt"])
async def test_a_private_channel_is_not_named_elsewhere(database, channel):
    """That it was seen is said, where is not: neither by name nor by id."""
    async with at_work(database) as office:
        await asks(office, channel=channel)
        answer = await asks(office)
        assert ", first in another channel" in third(office, answer)
        assert office.slack.world.channel(channel, office.slack.person(ANA)).id not in str(
            (answer.blocks, answer.text)
        )


async def test_how_it_was_written_makes_no_difference(database):
    """Defanged or not, in a text or alone: it is the same thing."""
    async with at_work(database) as office:
        await asks(office, "/vt we saw 192[.]0[.]2[.]1")
        assert "looked up once since" in third(office, await asks(office))


def report(positives):
    """A file that so many engines flag."""
    scans = {f"Engine {n}": {"detected": n < positives, "result": "Bad"} for n in range(70)}
    return {
        "response_code": 1,
        "resource": EICAR,
        "scan_id": f"{'0' * 64}-1700000000",
        "positives": positives,
        "total": 70,
        "scans": scans,
    }


async def test_what_changed_since_the_last_look(database):
    """The state and the count of before, and when that was; nothing while they are the same."""
    async with at_work(database) as office:
        office.virustotal.faults.add("file/report", *(faults.says(report(count)) for count in (2, 2, 5)))
        line = f"/vt scan-hash {EICAR} --fresh"
        await asks(office, line)
        assert "was " not in third(office, await asks(office, line))
        changed = third(office, await asks(office, line))
        assert "looked up 2 times since" in changed
        assert "was SUSPICIOUS 2 of 70 engines on " in changed


async def test_what_could_not_be_asked_is_no_last_look(database):
    """A refused key in between: the last thing that VirusTotal said is what counts."""
    async with at_work(database) as office:
        refused = faults.status(403)
        line = f"/vt scan-hash {EICAR} --fresh"
        office.virustotal.faults.add("file/report", faults.says(report(2)), refused, faults.says(report(0)))
        for _ in range(2):
            await asks(office, line)
        assert "was SUSPICIOUS 2 of 70 engines on " in third(office, await asks(office, line))


async def test_a_button_is_no_new_look_up(database):
    """What is shown again is not counted again."""
    async with at_work(database) as office:
        answer = await asks(office)
        await office.slack.presses(ANA, answer, "Share")
        await office.idle()
        assert "looked up" not in third(office, office.slack.messages(GENERAL, BEN)[-1])
        assert "looked up once" in third(office, await asks(office))
