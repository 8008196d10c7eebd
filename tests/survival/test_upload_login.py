"""A login that was typed in is in memory alone: a bot that was killed has it no longer, and says so."""

from functools import partial

import pytest

from tests.handlers.test_upload_login import NEW, answer, fills_in
from tests.support.app_fixture import ANA
from tests.support.hosts_file import hosts_file, write_remote_file
from tests.support.processes import grounds
from tests.support.ssh_host import PASSWORD
from tests.support.sshd import sshd


@pytest.fixture(scope="module")
def server():
    with sshd(own_user=True) as made:
        yield made


@pytest.fixture
def entry(server, tmp_path):
    return partial(hosts_file, tmp_path, server, key_file=None, user=None)


async def test_a_restarted_bot_says_that_it_must_be_asked_again(database, server, entry, tmp_path):
    """What was only in memory is gone with the process, even between consent and upload."""
    file = write_remote_file(server, "locked.bin", NEW)
    with server.running() as port:
        files = {"HOSTS_FILE": entry(port), "SSH_AD_HOC": "true"}
        async with grounds(database, tmp_path, sandbox={"invent": False}, **files) as place:
            bot = await place.bot()
            await fills_in(place, f"/vt scan-file --host web-1 {file}")
            posted = await answer(place)
            await place.slack.until(lambda: "UNKNOWN" in shown(place, posted))
            await bot.killed()
            await place.up(bot)
            await place.slack.presses(ANA, posted, "Upload")
            await place.slack.until(
                lambda: "the login for web-1 has expired" in shown(place, posted), timeout=40
            )
            assert not place.virustotal.calls_to("file/scan")
            assert PASSWORD not in bot.written()


def shown(place, message):
    return "\n".join(place.slack.shown(place.slack.state.messages[message.key]))
