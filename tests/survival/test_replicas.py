"""Several replicas over one PostgreSQL, killed while they work: each delivery is answered once, whoever took it."""

import asyncio
import os
import signal

from playground.slack.rules import Rule
from playground.slack.seed import BOT
from tests.bench.replicas import cases, run
from tests.support.app_fixture import ANA, GENERAL, address
from tests.support.processes import Process, grounds
from tests.survival.test_survival import PROMISED, Questions


async def test_killed_while_they_work(database, tmp_path):
    """Three replicas; each delivery comes twice, to two of them; every four seconds one is killed with kill -9.

    Commands are answered through their response_url, mentions by messages of their own, which have no idempotency key.
    `python -m tests.bench.replicas` is the same, longer and with figures.
    """

    def story(running):
        return running.deliver_while_killing(4, 200, 20, 20)

    report = await run(address(database), tmp_path, story, imported=True)
    assert report.kills
    assert (report.lost, report.doubled) == (0, 0), "\n".join(
        (*report.lines(), *cases(address(database), report.failed))
    )
    assert report.answered_once == report.accepted > report.deliveries / 2
    assert report.faults == []


async def test_over_several_connections(database, tmp_path):
    """Socket Mode: Slack shares deliveries out among three processes. One is killed; what comes twice is answered once."""
    async with grounds(database, tmp_path, SLACK_SIGNING_SECRET="") as place:
        place.slack.dispatcher.ack_timeout = 60  # on a busy machine too, each is taken when it comes first
        environ = place.environ | {"SLACK_APP_TOKEN": place.slack.app_token}
        place.processes += [Process(environ, tmp_path, imported=True) for _ in range(3)]
        await asyncio.gather(*(process.start() for process in place.processes))
        await place.slack.link.connected(3, timeout=60)
        questions, asked = Questions(place), []
        for killed in (False, True):
            asked += [await questions.ask() for _ in range(6)]
            if killed:
                await place.processes[0].killed()
        copies = [await place.slack.redelivers(exchange) for exchange in asked]
        assert {copy.status for copy in copies} == {200}
        await questions.settle()
        assert len(questions.taken) == len(asked)
        assert place.slack.faults == []


async def test_frozen_until_another_answers(database, tmp_path):
    """A process is frozen while VirusTotal answers it, and others take its jobs: when it goes on, nothing is shown twice.

    A mention is answered by a message of its own, which the frozen process was about to post; a command through its
    response_url.
    """
    async with grounds(database, tmp_path) as place:
        await place.bot()
        frozen = await place.bot()
        asked = asyncio.Barrier(2)

        async def freeze(_, reply):
            if await asked.wait() == 0:
                os.kill(frozen.pid, signal.SIGSTOP)
            await asked.wait()
            return await reply()

        place.virustotal.faults.add("ip-address/report", freeze, freeze)
        questions = Questions(place)
        place.slack.forgives(Rule.LATE)
        questions.taken.append("198.51.100.77")
        mention = place.slack.says(ANA, GENERAL, f"<@{BOT.id}> 198.51.100.77")
        await asyncio.gather(questions.ask(), mention)
        await place.slack.until(questions.answered, timeout=PROMISED)
        shown = [questions.answers(address) for address in questions.taken]
        os.kill(frozen.pid, signal.SIGCONT)
        await (
            questions.ask()
        )  # of the process that was frozen: what it was about to show comes before the answer
        await questions.settle()
        assert [questions.answers(address) for address in questions.taken[:2]] == shown
        assert place.slack.faults == []
