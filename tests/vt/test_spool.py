"""What can be read only once is put down: for nobody else to read, counted, and gone afterwards, whatever happens."""

import asyncio
import json
import os
import signal
import stat
import sys
from contextlib import asynccontextmanager
from hashlib import sha256

import pytest

from playground.virustotal import Sandbox
from tests.bot.test_upload_terminal import read_until
from tests.support.app_fixture import address
from tests.support.processes import VARIABLES
from tests.support.processes import run as runs
from vt import errors
from vt.files.disk import Spool, stream

KIB = 1 << 10


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool", 10 * KIB)


@asynccontextmanager
async def piped(spool, content, limit=100 * KIB, seconds=5.0, *, closed=True):
    """A stream that gives this content, once."""
    out, into = os.pipe()
    os.write(into, content)
    if closed:
        os.close(into)
    try:
        async with stream(out, spool, limit, seconds) as files:
            yield files
    finally:
        os.close(out)
        if not closed:
            os.close(into)


def spooled(spool):
    return list(spool.folder.iterdir()) if spool.folder.exists() else []


async def test_a_stream_can_be_read_again_until_it_is_left(spool):
    """Hashed, then read; meanwhile it lies in a file that nobody else may open; afterwards there is none."""
    content = os.urandom(9 * KIB)
    async with piped(spool, content) as files:
        source = await files.open("a")
        assert await files.digest(source) == sha256(content).hexdigest()
        assert b"".join([block async for block in source.chunks()]) == content
        [path] = spooled(spool)
        assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_size) == (0o600, len(content))
        assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700
        assert await files.open("a") is source
    assert spooled(spool) == []


async def test_over_the_budget_nothing_more_is_put_down(spool):
    """However much comes, and whoever filled it."""
    async with piped(spool, bytes(11 * KIB)) as files:
        with pytest.raises(errors.SpoolFull):
            await files.open("a")
    assert spooled(spool) == []


async def test_over_the_cap_it_is_refused_and_gone(spool):
    """As any other file."""
    async with piped(spool, bytes(5 * KIB), limit=4 * KIB) as files:
        with pytest.raises(errors.FileTooLarge):
            await files.open("a")
    assert spooled(spool) == []


async def test_a_stream_that_never_ends_is_left_in_time(spool):
    """Whoever pipes and forgets does not hold anything up."""
    async with piped(spool, b"beginning", seconds=0.2, closed=False) as files:
        with pytest.raises(errors.TooSlow):
            await files.open("a")


@pytest.mark.slow
def test_a_file_comes_through_a_pipe(tmp_path, database):
    """`scan-file -`: its hash is looked up; a script agrees to nothing; nothing stays behind."""
    environ = {"DATABASE_URL": address(database), "STATE_DIR": str(tmp_path / "state")}
    done = runs("ask", "scan-file -", "--json", folder=tmp_path, environ=environ, stdin="once upon a time")
    [(name, reply)] = json.loads(done.stdout).items()
    assert (name, reply["resource"]) == ("stdin", sha256(b"once upon a time").hexdigest())
    assert list((tmp_path / "state" / "spool").iterdir()) == []


@pytest.mark.slow
async def test_a_standard_input_that_is_closed_is_said(tmp_path, database):
    """One sentence; another file is asked about as ever, without anybody to agree."""
    (tmp_path / "odd.bin").write_bytes(b"odd")
    environ = {
        "DATABASE_URL": address(database),
        "STATE_DIR": str(tmp_path / "state"),
        "FILE_ROOTS": str(tmp_path),
    }
    said = {}
    for path in ("-", str(tmp_path / "odd.bin")):
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", f"exec {sys.executable} -m bot ask 'scan-file {path}' <&-"),
            cwd=tmp_path,
            env={**VARIABLES, **environ},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await process.communicate()
        assert b"Traceback" not in err
        said[path] = process.returncode, err.decode()
    assert said["-"][0] == 2
    assert said["-"][1].startswith("vtbot: scan-file - reads standard input, which is closed.")
    assert said[path][0] in (0, 1)


async def test_a_person_who_pipes_is_asked_at_the_keyboard(tmp_path, database):
    """What comes through the pipe is the file, never the answer."""
    async with Sandbox(invent=False).serve() as sandbox:
        near, far = os.openpty()
        line = f"echo y | {sys.executable} -m bot ask 'scan-file -'"
        environ = {"VT_API_KEY": "k", "VT_API_URL": sandbox.url, "DATABASE_URL": address(database)}
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", line),
            cwd=tmp_path,
            env={**VARIABLES, **environ},
            preexec_fn=lambda: os.login_tty(far),
            stdout=far,
        )
        os.close(far)
        try:
            question = await asyncio.to_thread(read_until, near, "[y/N]")
            assert "stdin 2 bytes" in question
            assert "from standard input" in question
            os.write(near, b"y\n")
            await asyncio.to_thread(read_until, near, "PENDING")
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            os.close(near)
        [call] = sandbox.calls_to("file/scan")
        assert call.upload.sha256 == sha256(b"y\n").hexdigest()
