"""Traces, sent by a real process to a real receiver: one for each request, across processes, and nothing secret in them."""

import asyncio
import subprocess
import sys

import pytest

from tests.support.app_fixture import ANA, GENERAL
from tests.support.processes import ROOT, VARIABLES, grounds
from tests.survival.test_survival import Questions

pytest.importorskip("opentelemetry.sdk", reason="the extra traces is not installed")
from tests.support.otlp import otlp_receiver

SENT_OFTEN = {"OTEL_BSP_SCHEDULE_DELAY": "100"}


def attributes(span):
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


async def eventually(seen):
    async with asyncio.timeout(60):
        while not seen():  # noqa: ASYNC110 - what another process sends is looked at
            await asyncio.sleep(0.1)


async def test_one_trace_for_a_request(database, tmp_path):
    """A delivery, its turn, and in them the calls and statements; also the turns of another process after a kill."""
    async with (
        otlp_receiver() as receiver,
        grounds(
            database, tmp_path, imported=False, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, **SENT_OFTEN
        ) as place,
    ):
        bot, questions = await place.bot(), Questions(place)
        asked = asyncio.Event()

        async def hang(_, reply):
            asked.set()
            await asyncio.sleep(60)
            return await reply()

        place.virustotal.faults.add("ip-address/report", hang)
        await questions.ask()
        await asked.wait()
        await eventually(lambda: receiver.named("delivery"))
        await bot.killed()
        await place.up(bot)
        await questions.settle()
        await eventually(lambda: receiver.named("turn"))
        [delivery], turn = receiver.named("delivery"), receiver.named("turn")[-1]
        assert turn.trace_id == delivery.trace_id
        assert turn.parent_span_id == delivery.span_id
        [call] = receiver.named("VirusTotal")
        assert (call.name, attributes(call)) == (
            "VirusTotal ip-address/report",
            {"http.response.status_code": 200},
        )
        assert call.trace_id == turn.trace_id
        in_turn = {span.name for span in receiver.spans if span.parent_span_id == turn.span_id}
        assert {"VirusTotal ip-address/report", "Slack, other than its API"} <= in_turn
        assert any(name.startswith("PostgreSQL ") for name in in_turn)
        [stored] = [
            span for span in receiver.named("PostgreSQL WITH") if span.parent_span_id == delivery.span_id
        ]
        assert stored.start_time_unix_nano >= delivery.start_time_unix_nano
        assert place.slack.faults == []


async def test_nothing_secret_is_in_it(database, tmp_path):
    """Neither an indicator, nor what was typed, nor an address, a token or the key."""
    async with (
        otlp_receiver() as receiver,
        grounds(
            database, tmp_path, imported=False, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, **SENT_OFTEN
        ) as place,
    ):
        bot = await place.bot()
        for line in (
            "scan-url https://user:canary@canary.example/canary?token=canary",
            "scan-ip 203.0.113.77",
        ):
            await (await place.slack.types(ANA, GENERAL, f"/vt {line}")).answer()
        await place.slack.says(ANA, GENERAL, "<@U0VTBOT001> 203.0.113.77 canary")
        await place.slack.says(ANA, "@ana", "203.0.113.77 canary")
        await place.slack.until(lambda: len(place.slack.messages("@ana")) > 1)
        assert await bot.stopped() == 0
        assert len(receiver.named("turn")) >= 4
        for secret in (
            "canary",
            "203.0.113.77",
            "203[.]0",
            "some-key",
            "xox",
            "signing",
            "/commands/",
            "postgresql://",
        ):
            assert secret not in receiver.text, secret


async def test_a_receiver_that_is_away(database, tmp_path):
    """Nobody listens at the endpoint: requests are answered, and the bot ends in time with status 0."""
    async with grounds(
        database, tmp_path, imported=False, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", **SENT_OFTEN
    ) as place:
        bot, questions = await place.bot(), Questions(place)
        await questions.ask()
        await questions.settle()
        assert await bot.stopped() == 0
        assert place.slack.faults == []


def test_without_an_endpoint_it_is_not_imported(tmp_path):
    """Nothing of OpenTelemetry is loaded for a bot that sends no traces."""
    program = (
        "import sys, bot.__main__, bot.app; sys.exit(any('opentelemetry' in name for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=VARIABLES, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, ROOT
