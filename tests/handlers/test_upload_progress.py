"""What someone reads while an upload is under way and while VirusTotal analyses, within what Slack allows."""

import asyncio
import re
from contextlib import contextmanager

import pytest

from tests.handlers.test_events import own
from tests.support.app_fixture import ANA, GENERAL, at_work
from tests.support.flaky_proxy import MIB, flaky_proxy
from tests.support.hosts_file import hosts_file, write_remote_file
from tests.support.sshd import sshd

pytestmark = pytest.mark.slow


def sent(app):
    """The numbers of bytes that a message told of, in order."""
    texts = [str(call.args.get("blocks")) for call in app.slack.calls if call.method == "chat.update"]
    return [found[1] for text in texts if (found := re.search(r"Uploading [^:]+: ([^ ]+ \w+) of", text))]


async def test_bytes_then_the_queue_then_the_verdict_in_one_message(database, tmp_path):
    """A message of the bot's own tells how much is sent, how long it is queued, and what came of it."""
    sandbox = {"invent": False, "queue_seconds": 40}
    async with flaky_proxy() as proxy:
        url = f"http://127.0.0.1:{proxy.port}/vtapi/v2/"
        async with at_work(database, sandbox=sandbox, VT_API_URL=url, FILE_ROOTS=str(tmp_path)) as app:
            proxy.to(app.virustotal.url)
            content = bytes(12 * MIB)
            await app.slack.says(ANA, "@vt", "", files=[("big.bin", content)])
            await app.slack.until(lambda: app.slack.messages("@vt", ANA)[1:])
            answer = app.slack.messages("@vt", ANA)[1]
            proxy.seconds = 0.4
            await app.slack.presses(ANA, answer, "Upload")
            await app.slack.until(lambda: "PENDING" in app.now(answer), timeout=60)
            told = sent(app)
            assert told[0] == "0 bytes"
            assert len(set(told)) > 1
            proxy.seconds = 0
            queued = app.now(answer)
            await app.passes(seconds=16)
            await app.slack.until(lambda: "next check at" in app.now(answer) != queued)
            await app.passes(seconds=31)
            await app.slack.until(lambda: " engines" in app.now(answer))
            assert len(app.slack.messages("@vt", ANA)) == 2


async def test_reading_takes_long_and_is_told_of(database, tmp_path):
    """A file that comes slowly from a server: its bytes, then the question, in one message."""
    with sshd() as server, server.running() as port:
        async with flaky_proxy() as proxy:
            file = write_remote_file(server, "slow.bin", bytes(6 * MIB))
            proxy.to(f"ssh://127.0.0.1:{port}")
            proxy.seconds = 1.0
            hosts = hosts_file(tmp_path, server, proxy.port)
            async with at_work(database, sandbox={"invent": False}, HOSTS_FILE=hosts) as app:
                await app.slack.says(ANA, GENERAL, f"@vt scan-file --host web-1 {file}")
                await app.slack.until(lambda: own(app), timeout=60)
                [answer] = own(app)
                read = re.compile(r"Reading slow\.bin: [1-9]\.?[0-9]* MB of 6\.3 MB")
                await app.slack.until(lambda: read.search(app.now(answer)))
                proxy.seconds = 0
                await app.slack.until(lambda: "Upload it to VirusTotal?" in app.now(answer))
                assert own(app) == [app.slack.state.messages[answer.key]]


@contextmanager
def held(app, endpoint):
    """VirusTotal's next reply to this endpoint comes when the block ends, however slow or fast this machine is."""
    released = asyncio.Event()

    async def hold(_, reply):
        await released.wait()
        return await reply()

    app.virustotal.faults.add(endpoint, hold)
    try:
        yield
    finally:
        released.set()


@pytest.mark.parametrize("line", ["/vt 192.0.2.1", "@vt 192.0.2.1"])
async def test_virustotal_takes_long_and_that_is_said(database, line):
    """After three seconds, once, where the answer then stands."""
    async with at_work(database) as app:
        with held(app, "ip-address/report"):
            if line.startswith("/"):
                await app.slack.types(ANA, GENERAL, line)
            else:
                await app.slack.says(ANA, GENERAL, line)
            await app.slack.until(lambda: own(app), timeout=60)
            [said] = own(app)
            assert "Still waiting for VirusTotal" in app.now(said)
        await app.slack.until(lambda: "SUSPICIOUS · 6 of 57 engines" in app.now(said))
        assert len(own(app)) == 1
        await app.idle()


async def test_a_first_word_that_slack_took_without_saying_so_is_not_said_twice(database, tmp_path):
    """The answer stands in its place."""
    (tmp_path / "new.bin").write_bytes(b"new")
    roots = {"FILE_ROOTS": str(tmp_path)}
    async with at_work(database, sandbox={"invent": False}, **roots) as app:
        app.slack.fails("chat.postMessage", "lost")
        with held(app, "file/report"):
            await app.slack.says(ANA, GENERAL, f"@vt scan-file {tmp_path}/new.bin")
            await app.slack.until(lambda: own(app), timeout=60)
            [said] = own(app)
            assert "Still waiting for VirusTotal" in app.now(said)
        await app.slack.until(lambda: "UNKNOWN" in app.now(said), timeout=60)
        assert len(own(app)) == 1


async def test_a_large_upload_asked_for_in_a_command_goes_on_in_direct_messages(database, tmp_path):
    """An ephemeral answer can be replaced five times only: it says where to look, and the rest is told there."""
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(34 * MIB)
    sandbox = {"invent": False, "queue_seconds": 10}
    async with at_work(database, sandbox=sandbox, FILE_ROOTS=str(tmp_path)) as app:
        answer = await app.asks(f"/vt scan-file {tmp_path}/large.bin")
        await app.slack.presses(ANA, answer, "Upload")
        await app.slack.until(lambda: "in a direct message" in app.now(answer))
        await app.slack.until(lambda: app.slack.messages("@ana", ANA))
        [told] = app.slack.messages("@ana", ANA)
        await app.slack.until(lambda: "PENDING" in app.now(told), timeout=60)
        await app.passes(seconds=20)
        await app.slack.until(lambda: " engines" in app.now(told))
        assert len(app.slack.messages("@ana", ANA)) == 1
        assert len(app.slack.messages(GENERAL, ANA)) == 1
        assert "large/upload" in [call.endpoint for call in app.virustotal.calls]
