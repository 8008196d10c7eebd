"""The log: one JSON object a line, whichever library wrote it, without secrets and without what people sent."""

import json
import os
import pty
import select
import subprocess
import sys
from contextlib import ExitStack

import pytest

from bot.manifest import SCOPES
from handlers.text.terminal import WITHOUT_SCOPE, missing_scopes

WRITE = """
import asyncio, logging, sys, warnings
import structlog
from pydantic import SecretStr
from bot.observability import log_to_stderr
log_to_stderr(colours={colours}, secrets=[SecretStr("s3cr3t-canary"), SecretStr("0" * 64)])
{lines}
"""
LIBRARIES = [
    "slack_sdk.web.async_base_client",
    "slack_sdk.socket_mode.aiohttp",
    "aiohttp.client",
    "aiohttp.server",
    "procrastinate.worker",
    "httpx",
    "httpcore.connection",
    "asyncio",
    "psycopg.pool",
    "anything.else",
]


FORK = """
import json, os, sys
import structlog
from pydantic import SecretStr
from bot.observability import log_to_stderr
for request in sys.stdin:
    program, stderr = json.loads(request)
    if not (child := os.fork()):
        os.dup2(os.open(stderr, os.O_WRONLY | os.O_NOCTTY), 2)
        exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})
        break
    print(os.waitpid(child, 0)[1], flush=True)
"""
"""Runs each program that comes on stdin in a process of its own, which writes to the file or terminal that comes with it.

Importing the bot takes a second, and is done once.
"""


class Programs:
    """What programs that have set up the bot's log write to stderr."""

    def __init__(self, process, file):
        self.process, self.file = process, file

    def run(self, lines, stderr, *, colours=False):
        """Run them in a program of their own, which must succeed and print nothing."""
        program = WRITE.format(colours=colours, lines=lines)
        self.process.stdin.write(f"{json.dumps([program, str(stderr)])}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "0\n"

    def log(self, lines):
        """What these lines write to a file."""
        self.file.write_text("")
        self.run(lines, self.file)
        return self.file.read_text().splitlines()

    def log_on_a_terminal(self, lines, *, colours):
        """The same on a terminal."""
        with ExitStack() as stack:
            parent, child = pty.openpty()
            stack.callback(os.close, parent)
            stack.callback(os.close, child)
            self.run(lines, os.ttyname(child), colours=colours)
            shown = b""
            while select.select([parent], [], [], 0)[0]:
                shown += os.read(parent, 100_000)
        return shown.decode()


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Programs that have already imported the bot's log."""
    command = [sys.executable, "-c", FORK]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True) as process:  # noqa: S603 - ours
        yield Programs(process, tmp_path_factory.mktemp("logs") / "stderr")
        process.stdin.close()


@pytest.fixture(scope="module")
def of_libraries(programs):
    """One program's line of each library, by its logger."""
    lines = programs.log(
        f"for name in {LIBRARIES!r}: logging.getLogger(name).warning('took %s tries\\nat least', 3)"
    )
    return dict(zip(LIBRARIES, lines, strict=True))


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_writes_as_we_do(of_libraries, name):
    """Its warnings are JSON lines with time, level and the logger's name."""
    event = json.loads(of_libraries[name])
    assert event["event"] == "took 3 tries at least"
    assert (event["level"], event["logger"]) == ("warning", name)
    assert event["timestamp"].endswith("Z")


def test_what_speaks_below_a_warning_is_left_out(programs):
    """Libraries write URLs, payloads and job arguments there. Bolt and paramiko are heard only from higher levels on."""
    names = [*LIBRARIES, "slack_bolt", "paramiko.transport"]
    first, second = programs.log(f"""
for name in {names!r}: logging.getLogger(name).info('x')
logging.getLogger('paramiko.transport').critical('no more descriptors')
logging.getLogger('slack_bolt.AsyncApp').error('Failed to run listener')
""")
    assert json.loads(first)["logger"] == "paramiko.transport"
    assert json.loads(second)["level"] == "error"


SECRETS = [
    "xoxb-123-456-s3cretcanary in the middle",
    "xoxe.xoxb-1-s3cretcanary",
    "xapp-1-A0-s3cretcanary",
    "the value s3cr3t-canary as set",
    "0" * 64,
    "GET https://www.virustotal.com/vtapi/v2/file/report?apikey=s3cretcanary&resource=x",
    "POST https://hooks.slack.com/commands/T1/2/s3cretcanary",
    "https://hooks.slack.com/services/T1/B2/s3cretcanary",
    "wss://wss-primary.slack.com/link/?ticket=s3cretcanary&app_id=1",
    "postgresql://me:s3cretcanary@host/db",
    "{'Authorization': 'Bearer s3cretcanary'}",
    "authorization: Basic s3cretcanary",
    "password=s3cretcanary",
    '{"password": "s3cretcanary"}',
    "X-Slack-Signature: v0=" + "a" * 64,
    "passphrase: s3cretcanary",
    "-----BEGIN OPENSSH PRIVATE KEY-----\\ns3cretcanary",
]


@pytest.fixture(scope="module")
def of_secrets(programs):
    """One program's line of each of them."""
    lines = programs.log("".join(f"logging.getLogger('slack_sdk').error({text!r})\n" for text in SECRETS))
    return dict(zip(SECRETS, lines, strict=True))


@pytest.mark.parametrize("text", SECRETS)
def test_a_library_tells_a_secret(of_secrets, text):
    """Tokens, keys, passwords, response_urls and the queries of addresses are left out; the line stays."""
    line = of_secrets[text]
    for secret in ("s3cretcanary", "s3cr3t-canary", "0" * 64, "a" * 64):
        assert secret not in line
    assert "[hidden]" in json.loads(line)["event"]


def test_an_exception_is_told_without_its_text(programs):
    """Its type and where it was raised: its text may hold what people sent."""
    lines = "try:\n    {}['who sent this?']\nexcept KeyError:\n    "
    for call in (
        "logging.getLogger('slack_sdk').exception('failed')",
        "structlog.get_logger().exception('failed')",
    ):
        [line] = programs.log(lines + call)
        event = json.loads(line)
        assert "who sent" not in line
        assert (event["event"], event["error"]) == ("failed", "KeyError")
        assert event["traceback"] == ["<string>:8 <module>"]


def test_a_task_that_nobody_awaits_breaks(programs):
    """Asyncio's own line about it is JSON too."""
    lines = """
async def broken(): raise ValueError("what people sent")
async def main():
    asyncio.get_running_loop().create_task(broken())
    await asyncio.sleep(0.01)
asyncio.run(main())
"""
    [line] = programs.log(lines)
    assert json.loads(line)["error"] == "ValueError"
    assert "what people sent" not in json.loads(line).get("traceback", [""])[0]


def test_a_warning_of_python_is_a_line(programs):
    """A DeprecationWarning of a library does not stand as plain text among JSON lines."""
    [line] = programs.log("warnings.warn('old', UserWarning)")
    assert json.loads(line)["logger"] == "py.warnings"


def test_a_long_line_is_cut(programs):
    """Nothing from outside fills the log."""
    [line] = programs.log("logging.getLogger('x').error('a' * 1_000_000)")
    assert len(line) < 2_000


def test_a_terminal_without_colours(programs):
    """With NO_COLOR neither our lines nor those of libraries are coloured; otherwise both are."""
    lines = (
        "structlog.get_logger().warning('ours'); logging.getLogger('slack_sdk').warning('theirs \\x1b[31m')"
    )
    plain = programs.log_on_a_terminal(lines, colours=False)
    assert "\x1b" not in plain
    assert "ours" in plain
    assert "theirs" in plain
    assert programs.log_on_a_terminal(lines, colours=True).count("\x1b") > 4


def test_every_scope_of_the_manifest_says_what_breaks_without_it():
    """`vtbot doctor` has a sentence for each."""
    assert WITHOUT_SCOPE.keys() == SCOPES.keys()
    assert "users:read is not granted: nobody may ask" in missing_scopes(["users:read"])


def test_a_bot_at_work_loads_nothing_that_draws_in_a_terminal():
    """Neither for its own messages nor for tracebacks, whose values of variables no log may show."""
    loaded = "import sys, bot.__main__, bot.app; print('rich' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", loaded], capture_output=True, check=True).stdout  # noqa: S603 - ours
    assert said == b"False\n"
