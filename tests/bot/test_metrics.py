"""/metrics of the running bot: what it counts is what happened, and nothing from outside becomes a label."""

import asyncio
from collections import Counter
from urllib.request import urlopen

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.database import Database
from bot.queue.jobs import counts
from playground.virustotal import faults
from tests.support.app_fixture import ANA, GENERAL, HASHES, at_work
from tests.support.due_jobs import DUE_NOW
from tests.support.raw_http import knock

CANARY = "canary-7d1f"
STRANGE = "canary_7d1f"
"""As an error code of Slack's would be written."""


async def scraped(app):
    """The samples of /metrics, by name and labels."""

    def fetched():
        with urlopen(f"http://127.0.0.1:{app.port}/metrics") as answer:
            return answer.read().decode()

    families = text_string_to_metric_families(await asyncio.to_thread(fetched))
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def total(samples, name, **labels):
    """The sum of the samples of that name that have these labels."""
    return sum(
        value for key, value in samples.items() if key[0] == name and set(labels.items()) <= {*key[1:]}
    )


def series(samples):
    """Names and labels, without buckets."""
    return {key for key in samples if not key[0].endswith(("_bucket", "_created"))}


async def test_each_answer_is_measured_by_its_action(database):
    """From the delivery to the answer, and each call to VirusTotal by its endpoint: as many as there were."""
    async with at_work(database) as app:
        await app.asks("/vt scan-ip 192.0.2.1")
        await app.asks("/vt scan-ip 192.0.2.2")
        await app.asks(f"/vt scan-hash {HASHES[0]}")
        await app.asks("/vt domain-report example.com")
        await app.asks("/vt 198.51.100.1 example.net")
        await app.asks("/vt quota")
        await app.idle()
        samples = await scraped(app)
        actions = {"scan-ip": 2, "scan-hash": 1, "domain-report": 1, "several": 1, "quota": 1}
        for action, count in actions.items():
            measured = total(samples, "vtbot_answer_seconds_count", action=action, outcome="answered")
            assert measured == count, action
        assert total(samples, "vtbot_answer_seconds_count") == 6
        assert 0 < total(samples, "vtbot_answer_seconds_sum") < 60
        assert total(samples, "vtbot_acknowledge_seconds_count") == 6
        calls = Counter(call.endpoint for call in app.virustotal.calls)
        measured = {name: total(samples, "vtbot_virustotal_seconds_count", endpoint=name) for name in calls}
        assert measured == calls
        assert total(samples, "vtbot_virustotal_seconds_count", status="200") == calls.total()


async def test_slack_is_measured_by_method(database):
    """Calls, their time, and those that failed with the code."""
    async with at_work(database) as app:
        await app.asks("/vt scan-ip 192.0.2.1")
        app.slack.fails("chat.postMessage", "not_in_channel", times=1)
        await app.slack.says(ANA, GENERAL, "@vt 198.51.100.1")
        await app.idle()
        samples = await scraped(app)
        failed = total(samples, "vtbot_slack_errors_total", method="chat.postMessage", error="not_in_channel")
        assert failed == 1
        assert total(samples, "vtbot_slack_seconds_count", method="chat.postMessage") >= 1
        assert total(samples, "vtbot_slack_seconds_count", method="auth.test") >= 1


async def test_calls_that_were_not_needed(database):
    """Four hashes share a call, the same text twice is answered from the cache."""
    async with at_work(database) as app:
        four = "/vt " + " ".join(HASHES[:4])
        await app.asks(four)
        await app.idle()
        assert total(await scraped(app), "vtbot_calls_saved_total", by="batch") == 3
        await app.asks(four)
        await app.idle()
        samples = await scraped(app)
        assert total(samples, "vtbot_calls_saved_total", by="cache") == 4
        assert len(app.virustotal.calls) == 1
        await app.asks("/vt domain-report ana@example.com ben@example.com")
        await app.idle()
        assert total(await scraped(app), "vtbot_calls_saved_total", by="coalescing") == 1
        assert len(app.virustotal.calls) == 2


async def test_acknowledgements_over_socket_mode(database):
    """They are measured as those over HTTP are."""
    async with at_work(database, mode="socket") as app:
        await app.asks("/vt scan-ip 192.0.2.1")
        await app.idle()
        assert total(await scraped(app), "vtbot_acknowledge_seconds_count") == 1


async def test_the_quota_and_the_jobs_of_all_processes(database):
    """Two bots on one database show the same quota; what waits for it is a scheduled job of a person."""
    limits = {"VT_QUOTA_MINUTE": "2", "VT_QUOTA_DAY": "100", "VT_QUOTA_MONTH": "0", "CACHE_MINUTES": "0"}
    async with at_work(database, **limits) as app, at_work(database, **limits) as other:
        for number in (1, 2):
            await app.asks(f"/vt scan-ip 192.0.2.{number}")
        await app.idle()
        await app.slack.types(ANA, GENERAL, "/vt scan-ip 192.0.2.3")
        async with asyncio.timeout(20):
            while not total(  # noqa: ASYNC110 - the page is asked
                samples := await scraped(app), "vtbot_jobs", state="scheduled", priority="people"
            ):
                await asyncio.sleep(0.1)
        assert total(samples, "vtbot_database_up") == 1
        assert total(samples, "vtbot_quota_used_calls", window="minute") == 2
        assert total(samples, "vtbot_quota_left_calls", window="minute") == 0
        assert total(samples, "vtbot_quota_used_calls", window="day") == 2
        assert total(samples, "vtbot_quota_left_calls", window="day") == 98
        assert not [
            key for key in samples if key[0] == "vtbot_quota_left_calls" and ("window", "month") in key
        ]
        assert total(await scraped(other), "vtbot_quota_used_calls", window="day") == 2
        waiting = {
            rank: total(samples, "vtbot_waiting_calls", priority=rank)
            for rank in ("person", "poll", "automatic")
        }
        assert waiting == {"person": 1, "poll": 0, "automatic": 0}
        hosts = {value for key in samples if key[0].startswith("vtbot_quota") for _, value in key[1:2]}
        assert hosts == {"127.0.0.1"}


async def test_how_jobs_are_counted(database):
    """By state and priority, with the time for which the oldest that waits has been due."""
    row = "INSERT INTO procrastinate_jobs (queue_name, task_name, status, priority, scheduled_at) VALUES"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"{row} ('vtbot-2', 'turn', 'todo', 10, now() - interval '1 hour')")
        connection.execute(f"{row} ('vtbot-2', 'turn', 'todo', 10, now() - interval '1 minute')")
        connection.execute(f"{row} ('vtbot-2', 'turn', 'todo', 0, now() + interval '1 hour')")
        connection.execute(
            f"{row} ('vtbot-2', 'turn', 'doing', 10, NULL), ('vtbot-2', 'turn', 'failed', 7, NULL)"
        )
        connection.execute(f"{row} ('of another program', 'turn', 'todo', 10, NULL)")
    store = Database(database)
    found = {(state, priority): (count, seconds) for state, priority, count, seconds in await counts(store)}
    await store.close()
    waiting, due = found.pop(("waiting", "people"))
    assert waiting == 2
    assert 3600 <= due < 3660
    assert {key: count for key, (count, _) in found.items()} == {
        ("scheduled", "automatic"): 1,
        ("running", "people"): 1,
        ("failed", "other"): 1,
    }


@pytest.mark.slow
async def test_the_database_is_down(database):
    """The page still answers, says so, and shows nothing that may be old."""
    async with at_work(database) as app:
        await app.asks("/vt scan-ip 192.0.2.1")
        await app.idle()
        name = sql_name(database)
        with psycopg.connect(database, autocommit=True, dbname="postgres") as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            try:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
                )
                samples = await scraped(app)
            finally:
                connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert total(samples, "vtbot_database_up") == 0
        assert total(samples, "vtbot_database_failures_total") >= 1
        assert not [key for key in samples if key[0] in ("vtbot_jobs", "vtbot_quota_used_calls")]
        async with asyncio.timeout(30):
            while not total(await scraped(app), "vtbot_database_up"):  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.2)


def sql_name(url):
    """The database's name."""
    return psycopg.conninfo.conninfo_to_dict(url)["dbname"]


async def test_nothing_from_outside_becomes_a_label(database):
    """Odd texts, codes, statuses and paths: no series has their names, and the second round adds none at all."""

    async def round_of_oddities(number):
        app.slack.fails("chat.postMessage", f"{STRANGE}_{number}", times=1)
        await app.slack.says(ANA, GENERAL, f"@vt 198.51.100.{number}")
        for code in (299, 418, 599):
            app.virustotal.faults.add("ip-address/report", faults.status(code))
        await app.asks(f"/vt scan-ip 203.0.113.{number}")
        await app.asks(f"/vt {CANARY}-{number} scan-{CANARY}")
        await app.asks(f"/vt http://{CANARY}-{number}.example/{CANARY}?{CANARY}")
        await asyncio.to_thread(knock, app.port, b"x", method=f"M{number}", path=f"/{CANARY}-{number}")
        await asyncio.to_thread(knock, app.port, CANARY.encode(), path=f"/slack/events?{CANARY}-{number}")
        async with asyncio.timeout(60):
            while await app.unanswered():
                with psycopg.connect(database, autocommit=True) as connection:
                    connection.execute(DUE_NOW)
                await asyncio.sleep(0.2)

    async with at_work(database) as app:
        await round_of_oddities(1)
        first = await scraped(app)
        await round_of_oddities(2)
        second = await scraped(app)
        assert total(first, "vtbot_slack_errors_total", error="other") >= 1
        assert total(first, "vtbot_virustotal_seconds_count", status="other") >= 1
        assert CANARY not in str(first) + str(second)
        assert STRANGE not in str(first) + str(second)
        jobs = ("vtbot_jobs", "vtbot_job_delay_seconds")
        assert {key for key in series(second) - series(first) if key[0] not in jobs} == set()
        assert len(second) < 2000
