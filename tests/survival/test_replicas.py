"""Several replicas over one PostgreSQL, killed while they work: each delivery is answered once, whoever took it."""

from tests.bench.replicas import run
from tests.support.app_fixture import address


async def test_killed_while_they_work(database, tmp_path):
    """Three replicas; each delivery comes twice, to two of them; every four seconds one is killed with kill -9.

    Commands are answered through their response_url, mentions by messages of their own, which have no idempotency key.
    `python -m tests.bench.replicas` is the same, longer and with figures.
    """
    report = await run(
        address(database), tmp_path, lambda running: running.deliver_while_killing(4, 200, 20, 20)
    )
    assert report.kills
    assert (report.lost, report.doubled) == (0, 0), "\n".join(report.lines())
    assert report.answered_once == report.accepted > report.deliveries / 2
    assert report.faults == []
