"""What a process put down before it was killed takes no room for long."""

import signal
import subprocess
import sys

import pytest

from tests.support.processes import VARIABLES
from tests.vt.test_spool import KIB, piped, spooled
from vt import errors
from vt.files.disk import Spool

HOLDS = """
import sys, time
from pathlib import Path
from vt.files.disk import Spool
with Spool(Path(sys.argv[1]), 10_000).new_file() as fd:
    import os
    os.write(fd, bytes(8_000))
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool", 10 * KIB)


@pytest.fixture
def held(spool):
    """Another process that has put something down."""
    holder = subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-c", HOLDS, str(spool.folder)], stdout=subprocess.PIPE, text=True, env=VARIABLES
    )
    assert holder.stdout.readline() == "held\n"
    yield holder
    holder.kill()
    holder.wait()
    holder.stdout.close()


async def test_what_other_processes_put_down_counts(spool, held):
    """The budget is one for all of them; what is in use is not taken away."""
    async with piped(spool, bytes(3 * KIB)) as files:
        with pytest.raises(errors.SpoolFull):
            await files.open("a")
    assert len(spooled(spool)) == 1
    held.send_signal(signal.SIGKILL)
    held.wait()
    async with piped(spool, bytes(3 * KIB)) as files:
        assert (await files.open("a")).size == 3 * KIB


def test_what_a_killed_process_left_is_removed_at_the_next_start(spool, held):
    """And what a living one needs is not."""
    spool.remove_stale()
    assert len(spooled(spool)) == 1
    held.kill()
    held.wait()
    spool.remove_stale()
    assert spooled(spool) == []
