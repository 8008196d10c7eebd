"""What is on record about an indicator: how often it was looked up, where first, and what has changed."""

from datetime import timedelta

import psycopg
import pytest

from playground.virustotal import faults
from tests.support.app_fixture import ANA, BEN, GENERAL, at_work

EICAR = "44d88612fea8a8f36de82e1278abb02f"
INCIDENT, SECRET = "#inc-1042", "#secret"
ADDRESS = "/vt scan-ip 192.0.2.1"


def date_line(app, answer):
    """The line of the answer with the dates and the records."""
    return next(line for line in app.slack.shown(answer) if "checked " in line)


async def asks(app, line=ADDRESS, **where):
    """Ask, and wait until the result is on record."""
    answer = await app.asks(line, **where)
    await app.idle()
    return answer


async def test_the_first_lookup_says_nothing_about_earlier_ones(database):
    """There were none."""
    async with at_work(database) as app:
        assert "looked up" not in date_line(app, await asks(app))


async def test_how_often_since_when_and_where_first(database):
    """Everybody's lookups count. The first one was in "this channel", or in another public one, which is linked."""
    async with at_work(database) as app:
        await asks(app)
        await asks(app, user=BEN)
        here = date_line(app, await asks(app))
        assert "looked up 2 times since " in here
        assert ", first in this channel" in here
        assert ", first in #general" in date_line(app, await asks(app, channel=INCIDENT))


@pytest.mark.parametrize("channel", [SECRET, "@vt"])
async def test_a_private_channel_is_not_named_elsewhere(database, channel):
    """The answer says that it was looked up, but not where: neither by name nor by id."""
    async with at_work(database) as app:
        await asks(app, channel=channel)
        answer = await asks(app)
        assert ", first in another channel" in date_line(app, answer)
        assert app.slack.state.channel(channel, app.slack.person(ANA)).id not in str(
            (answer.blocks, answer.text)
        )


async def test_how_it_was_written_makes_no_difference(database):
    """Defanged or not, in a text or alone: it is the same indicator."""
    async with at_work(database) as app:
        await asks(app, "/vt we saw 192[.]0[.]2[.]1")
        assert "looked up once since" in date_line(app, await asks(app))


def report(positives):
    """A report on a file that this many engines flag."""
    scans = {f"Engine {n}": {"detected": n < positives, "result": "Bad"} for n in range(70)}
    return {
        "response_code": 1,
        "resource": EICAR,
        "scan_id": f"{'0' * 64}-1700000000",
        "positives": positives,
        "total": 70,
        "scans": scans,
    }


async def test_what_changed_since_the_last_lookup(database):
    """The earlier state and count with their date; nothing while they are the same."""
    async with at_work(database) as app:
        app.virustotal.faults.add("file/report", *(faults.says(report(count)) for count in (2, 2, 5)))
        line = f"/vt scan-hash {EICAR} --fresh"
        await asks(app, line)
        assert "was " not in date_line(app, await asks(app, line))
        changed = date_line(app, await asks(app, line))
        assert "looked up 2 times since" in changed
        assert "was SUSPICIOUS 2 of 70 engines on " in changed


async def test_a_failed_lookup_is_no_earlier_result(database):
    """With a refused key in between, the last result of VirusTotal's is the one to compare with."""
    async with at_work(database) as app:
        refused = faults.status(403)
        line = f"/vt scan-hash {EICAR} --fresh"
        app.virustotal.faults.add("file/report", faults.says(report(2)), refused, faults.says(report(0)))
        for _ in range(2):
            await asks(app, line)
        assert "was SUSPICIOUS 2 of 70 engines on " in date_line(app, await asks(app, line))


async def test_a_button_is_no_new_lookup(database):
    """Sharing an answer does not count as another lookup."""
    async with at_work(database) as app:
        answer = await asks(app)
        await app.slack.presses(ANA, answer, "Share")
        await app.idle()
        assert "looked up" not in date_line(app, app.slack.messages(GENERAL, BEN)[-1])
        assert "looked up once" in date_line(app, await asks(app))


def host_report(clock, positives, contacting=0, days=1):
    """A report on a host: what it served so many days ago, and what contacts it."""
    date = f"{clock() - timedelta(days=days):%Y-%m-%d %H:%M:%S}"
    served = {"url": "http://198.51.100.9/a", "positives": positives, "total": 70, "scan_date": date}
    contacts = {"sha256": "b" * 64, "positives": contacting, "total": 71, "date": date}
    return {
        "response_code": 1,
        "verbose_msg": "IP address in dataset",
        "detected_urls": [served] if positives else [],
        "detected_communicating_samples": [contacts] if contacting else [],
    }


HOST = "/vt scan-ip 198.51.100.9 --fresh"


async def test_another_threshold_is_no_change(database):
    """The counts are the same: nothing was otherwise. When they change, the earlier state is that of today's threshold."""
    async with at_work(database) as app:
        replies = [host_report(app.clock, count, contacting=60) for count in (6, 6, 6, 9)]
        app.virustotal.faults.add("ip-address/report", *map(faults.says, replies))
        await asks(app, HOST)
        for threshold in (3, 60):
            assert "was " not in date_line(app, await asks(app, f"{HOST} --threshold {threshold}"))
        changed = date_line(app, await asks(app, f"{HOST} --threshold 5"))
        assert "was RISKY 6 of 70 engines on " in changed


async def test_another_rule_is_no_change(database):
    """RISKY by the documented rule, SUSPICIOUS by the other: VirusTotal still says the same."""
    async with at_work(database, VT_HOST_RULE="documented") as app:
        app.virustotal.faults.add("ip-address/report", faults.says(host_report(app.clock, 6, contacting=60)))
        assert "RISKY · 60 of 71" in app.now(await asks(app, HOST))
    async with at_work(database) as app:
        replies = [host_report(app.clock, 6, contacting=60), host_report(app.clock, 8, contacting=60)]
        app.virustotal.faults.add("ip-address/report", *map(faults.says, replies))
        answer = await asks(app, HOST)
        assert "SUSPICIOUS · 6 of 70" in app.now(answer)
        assert "was " not in date_line(app, answer)
        assert "was SUSPICIOUS 6 of 70 engines on " in date_line(app, await asks(app, HOST))


async def test_evidence_that_has_grown_old_is_a_change(database):
    """VirusTotal lists the same, and today's verdict is another: the answer says what it was."""
    async with at_work(database) as app:
        nearly = 90 - 2 / 24 / 60
        reply = faults.says(host_report(app.clock, 40, days=nearly))
        app.virustotal.faults.add("ip-address/report", reply, reply)
        assert "🔴 RISKY · 40 of 70" in app.now(await asks(app, HOST))
        await app.passes(minutes=3)
        answer = await asks(app, HOST)
        assert "🟠 SUSPICIOUS · 40 of 70" in app.now(answer)
        assert "was RISKY 40 of 70 engines on " in date_line(app, answer)


async def test_what_an_older_version_put_on_record_is_compared_by_its_own_rule(database):
    """It had the documented rule only, and says so when the counts are others now."""
    async with at_work(database) as app:
        replies = [host_report(app.clock, 6, contacting=count) for count in (60, 60, 50)]
        app.virustotal.faults.add("ip-address/report", *map(faults.says, replies))
        await asks(app, HOST)
        await _forget_what_was_known(database)
        answer = await asks(app, HOST)
        assert "was " not in date_line(app, answer)
        await _forget_what_was_known(database)
        changed = date_line(app, await asks(app, HOST))
        assert "was RISKY 60 of 71 engines on " in changed
        assert "by the documented rule" in changed


async def _forget_what_was_known(database):
    """Records as the release before wrote them."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        await connection.execute(
            "UPDATE sightings SET what = (what::jsonb - 'known')::json, state = 'RISKY', engines = 60, total = 71"
        )
