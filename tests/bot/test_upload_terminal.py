"""scan-file in a terminal: y or n is asked of a person there, and a script never agrees by chance."""

import asyncio
import os
import pty
import sys
import tty

import pytest

from bot.ask import _Progress
from playground.virustotal import Sandbox
from tests.support.app_fixture import address
from tests.support.processes import VARIABLES
from vt.actions import FILE
from vt.lookup import Lookup

pytestmark = pytest.mark.slow

CONTENT = b"in a terminal"


@pytest.fixture
def sample(tmp_path):
    file = tmp_path / "odd.bin"
    file.write_bytes(CONTENT)
    return file


async def ask(database, sandbox, sample, stdin, stderr, **environ):
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "ask", f"scan-file {sample}"),
        stdin=stdin,
        stderr=stderr,
        stdout=asyncio.subprocess.PIPE,
        cwd=sample.parent,
        env={
            **VARIABLES,
            "DATABASE_URL": address(database),
            "VT_API_URL": sandbox.url,
            "VT_API_KEY": "k",
            "FILE_ROOTS": str(sample.parent),
            **environ,
        },
    )


@pytest.mark.parametrize("policy", ["confirm", "deny"])
async def test_without_a_person_nothing_is_uploaded_and_it_says_so(database, sample, policy):
    """No TTY: UNKNOWN, a sentence, and exit status 1, since something was left undone."""
    async with Sandbox(invent=False).serve() as sandbox:
        pipe = asyncio.subprocess.PIPE
        process = await ask(database, sandbox, sample, pipe, pipe, UPLOAD_POLICY=policy)
        out, err = await process.communicate(b"y\n")
        assert process.returncode == 1
        assert "UNKNOWN" in out.decode()
        assert "Nothing was uploaded" in err.decode() or "switched off" in err.decode()
        assert not sandbox.calls_to("file/scan")


@pytest.mark.parametrize(("said", "uploads"), [("n", 0), ("", 0), ("y", 1)])
async def test_a_person_is_asked_who_sees_it(database, sample, said, uploads):
    """With name, size and hash; only y uploads."""
    async with Sandbox(invent=False).serve() as sandbox:
        near, far = pty.openpty()
        tty.setraw(far)
        process = await ask(database, sandbox, sample, far, far)
        os.close(far)
        try:
            question = await asyncio.to_thread(read_until, near, "[y/N]")
            assert "other companies" in question
            assert "odd.bin 13 bytes" in question
            os.write(near, f"{said}\n".encode())
            if uploads:
                # It waits for the analysis now, as it would for minutes.
                await asyncio.to_thread(read_until, near, "PENDING")
            else:
                assert await process.wait() == 1
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()
            os.close(near)
        assert len(sandbox.calls_to("file/scan")) == uploads


async def test_what_is_not_asked_about_is_said(database, tmp_path):
    """A question is about ten files, here as in Slack."""
    for number in range(12):
        (tmp_path / f"{number}.bin").write_bytes(b"%d" % number)
    async with Sandbox(invent=False).serve() as sandbox:
        near, far = pty.openpty()
        tty.setraw(far)
        process = await ask(database, sandbox, tmp_path / "*", far, far)
        os.close(far)
        question = await asyncio.to_thread(read_until, near, "[y/N]")
        os.write(near, b"n\n")
        await process.communicate()
        os.close(near)
        assert "2 other files are unknown too" in question
        assert "these 10 files" in question


async def test_a_files_name_does_not_speak_to_the_terminal(database, tmp_path):
    """While it is waited for: no escape sequence, and no second line."""
    file = tmp_path / "red\x1b[31m\x9b31m\nvtbot: CLEAN.bin"
    file.write_bytes(CONTENT)
    async with Sandbox(invent=False, queue_seconds=60).serve() as sandbox:
        pipe = asyncio.subprocess.PIPE
        process = await ask(database, sandbox, file, pipe, pipe, UPLOAD_POLICY="allow")
        said = [line async for line in until(process.stderr, "PENDING")][-1]
        process.kill()
        await process.communicate()
        assert "red[31m31m vtbot: CLEAN.bin" in said


def test_how_far_it_is_does_not_either(capsys):
    """The line that is written every three seconds."""
    progress = _Progress()
    progress._last -= 60
    progress.on_bytes(Lookup.of_file("/srv/red\x1b[31m", FILE, 3).evolve(size=9), 3)
    assert capsys.readouterr().err == "vtbot: ⏳ Reading red[31m: 3 bytes of 9 bytes\n"


async def until(stream, words):
    """Its lines, up to the one with these words."""
    async for line in stream:
        yield line.decode()
        if words in line.decode():
            return


def read_until(terminal, words):
    """What a terminal shows, up to these words."""
    seen = ""
    while words not in seen:
        seen += os.read(terminal, 4096).decode()
    return seen
