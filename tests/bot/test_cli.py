"""vtbot as it is typed: what it answers, and with which exit status; whatever is wrong is one sentence."""

import asyncio
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

import psycopg
import pytest

from bot.__main__ import main
from bot.ask import _given_up
from bot.database import Database
from bot.file_sources import read_text
from bot.manifest import SCOPES
from bot.storage.history import History
from handlers.case import Sighting
from handlers.request import Origin
from handlers.text.errors import error as why
from playground.slack.workspace import Workspace
from tests.support.app_fixture import address
from tests.support.logs import restored_logging
from tests.support.processes import ROOT, VARIABLES, run
from tests.support.slack_rules import SHARED
from vt.actions import BY_KEY
from vt.errors import QuotaSpent, Unreachable
from vt.indicators import Kind, read
from vt.lookup import Lookup, Step
from vt.polling import after_error
from vt.verdict import State

pytestmark = pytest.mark.slow

EICAR = "44d88612fea8a8f36de82e1278abb02f"
DOCUMENTED = SHARED / "fixtures" / "documented"
HTTP = {"SLACK_BOT_TOKEN": "xoxb-x", "SLACK_SIGNING_SECRET": "x"}


@dataclass
class Done:
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def vtbot(tmp_path, database, capsys, monkeypatch):
    """Runs a command as `python -m bot` does, without the second that a process of its own takes to begin."""
    monkeypatch.chdir(tmp_path)
    settings = {"DATABASE_URL": address(database), "STATE_DIR": str(tmp_path)}

    def run(*arguments, **environ):
        with restored_logging():
            try:
                status = main(arguments, settings | environ)
            except SystemExit as end:
                status = end.code
        return Done(status, *capsys.readouterr())

    run.database = settings["DATABASE_URL"]
    with open(os.devnull) as nothing:  # noqa: PTH123 - no path is worked with
        monkeypatch.setattr(sys, "stdin", nothing)
        yield run


@pytest.fixture(scope="module", autouse=True)
def waiting(tmp_path_factory):
    """A question that waits ten seconds for its database, while the other tests go on."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "ask", "192.0.2.1"],
        cwd=tmp_path_factory.mktemp("waiting"),
        env=VARIABLES | {"DATABASE_URL": "postgresql://me:secret@127.0.0.1:9/x"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def sentence(done):
    """The one line that a command which cannot be done leaves, with exit status 2."""
    assert (done.returncode, done.stdout) == (2, ""), done
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("usage:", " ", "{"))]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def first_lines(done):
    """The verdict, and the indicator below it without its bar."""
    header, subject = done.stdout.splitlines()[:2]
    return header, subject.partition("  ")[0]


# ask -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "environ", "first"),
    [
        (("--language", "ja"), {}, "🔴 危険 · 60エンジン中54"),
        (("--language=es",), {"LANG": "ja_JP.UTF-8"}, "🔴 PELIGROSA · 54 de 60 motores"),
        ((), {"LANG": "ja_JP.UTF-8"}, "🔴 危険 · 60エンジン中54"),
        ((), {"LC_ALL": "es_MX.UTF-8", "LANG": "ja_JP.UTF-8"}, "🔴 PELIGROSA · 54 de 60 motores"),
        ((), {"LANG": "de_DE.UTF-8"}, "🔴 RISKY · 54 of 60 engines"),
        ((), {"LANG": "C", "LANGUAGE": "ja"}, "🔴 RISKY · 54 of 60 engines"),
    ],
)
def test_the_language_of_the_terminal(vtbot, options, environ, first):
    """--language, else the terminal's locale, else English. LANGUAGE is for what Slack's people see."""
    assert first_lines(vtbot("ask", f"scan-hash {EICAR}", *options, **environ))[0] == first


def test_json_is_the_same_in_every_language(vtbot):
    """It is documented."""
    assert vtbot("ask", EICAR, "--json", "--language", "ja").stdout == vtbot("ask", EICAR, "--json").stdout


def test_wrong_usage_in_the_terminal_is_said_in_its_language(vtbot):
    """What is asked, and the command line itself."""
    assert "照会するものがありません" in vtbot("ask", "scan-ip", "--language", "ja").stderr
    assert sentence(vtbot("ask", EICAR, "--language", "de")) == (
        "vtbot ask: argument --language: de is not one of en, ja, es. See vtbot ask --help."
    )
    assert "引数--port: x" in vtbot("sandbox", "--port", "x", LANG="ja_JP.UTF-8").stderr
    assert "使い方: vtbot ask" in vtbot("ask", "--help", LANG="ja_JP.UTF-8").stdout


def test_all_five_actions(vtbot, tmp_path):
    """Each documented example is answered in words, and 1 is the status of what could not be checked."""
    (tmp_path / "sample.bin").write_bytes(b"something")
    ip = vtbot("ask", "scan-ip", "192.0.2.1")
    domain = vtbot("ask", "/vt domain-report example.co.in", VT_HOST_RULE="documented")
    hashed = vtbot("ask", f"scan-hash {EICAR}")
    url = vtbot("ask", "hxxp://example[.]php")
    file = vtbot(
        "ask", "scan-file", str(tmp_path / "sample.bin"), FILE_ROOTS=str(tmp_path), UPLOAD_POLICY="deny"
    )
    private = vtbot("ask", "10.0.0.1")
    assert first_lines(ip) == ("🟠 SUSPICIOUS · 6 of 57 engines", "192[.]0[.]2[.]1")
    assert first_lines(domain) == ("🔴 RISKY · 30 of 70 engines", "example[.]co[.]in")
    assert hashed.stdout.startswith("🔴 RISKY · 54 of 60 engines")
    assert first_lines(url) == ("🔴 RISKY · 5 of 67 engines", "hxxp://example[.]php/")
    assert "sample.bin" in file.stdout
    assert "internal" in private.stdout
    assert [done.returncode for done in (ip, domain, hashed, url, private)] == [0] * 5
    assert all("Invented data" in done.stdout for done in (ip, domain, hashed, url))


def test_options_need_no_quotes(vtbot):
    """`vtbot ask scan-ip 192.0.2.1 --threshold 5` is what one would type after /vt."""
    plain = vtbot("ask", "scan-ip", "192.0.2.1", "--threshold", "5", VT_HOST_RULE="documented")
    quoted = vtbot("ask", "scan-ip 192.0.2.1 --threshold 5", VT_HOST_RULE="documented")
    strict = vtbot("ask", "scan-ip", "192.0.2.1", "--threshold", "5", "--json")
    assert plain.stdout.splitlines()[0] == quoted.stdout.splitlines()[0]
    assert plain.stdout.startswith("🔴 RISKY · 6 of 57 engines")
    assert json.loads(strict.stdout)[0]["Entity"] == "192.0.2.1"


def test_a_wrong_value_beside_a_right_one_is_named_on_standard_error(vtbot):
    """The right one is answered; 1 is the status, since something could not be checked."""
    asked = vtbot("ask", "scan-ip", "192.0.2.1", "999.1.1.1")
    assert first_lines(asked) == ("🟠 SUSPICIOUS · 6 of 57 engines", "192[.]0[.]2[.]1")
    assert "Not looked up: 999[.]1[.]1[.]1 is not an IP address." in asked.stderr
    assert asked.returncode == 1


@pytest.mark.skipif(not DOCUMENTED.is_dir(), reason=f"no documented examples in {DOCUMENTED}")
def test_json_is_the_documented_form(vtbot, tmp_path):
    """The JSON result has the keys of the documented example, in the form of its action."""
    (tmp_path / "sample.bin").write_bytes(b"something")
    examples = {
        "scan_ip": "scan-ip 192.0.2.1",
        "domain_report": "domain-report example.co.in",
        "scan_hash": f"scan-hash {EICAR}",
        "scan_url": "scan-url http://example.php",
    }
    for name, line in examples.items():
        [documented] = json.loads((DOCUMENTED / f"{name}.json").read_text())
        [given] = json.loads(vtbot("ask", "--json", line).stdout)
        assert list(given) == ["EntityResult", "Entity"]
        assert given["EntityResult"].keys() == documented["EntityResult"].keys()
    path = str(tmp_path / "sample.bin")
    file = vtbot("ask", "--json", "scan-file", path, FILE_ROOTS=str(tmp_path))
    assert list(json.loads(file.stdout)) == [path]


def test_wrong_questions(vtbot):
    """A question that cannot be asked: one sentence with the right form, and 2."""
    nothing = sentence(vtbot("ask", "scan-ip"))
    zero = sentence(vtbot("ask", "scan-ip", "192.0.2.1", "--threshold", "0"))
    unknown = sentence(vtbot("ask", "scan-ip", "192.0.2.1", "--treshold", "3"))
    hello = sentence(vtbot("ask", "hello there"))
    person = sentence(vtbot("ask", "domain-report", "<@U0ANA00001>"))
    empty = sentence(vtbot("ask"))
    dash = sentence(vtbot("ask", "scan-ip", "-"))
    assert "/vt scan-ip 192.0.2.1" in nothing
    assert "from 1 to 200" in zero
    assert "no option --treshold" in unknown
    assert "I found no IP address, hash" in hello
    assert "domain" in person
    assert "I found no IP address, hash" in empty
    assert "Nothing to look up. Example: /vt scan-ip 192.0.2.1" in dash


def ask(folder, *words, stdin, **environ):
    """A question with standard input, as a process of its own, which alone has one."""
    return run("ask", *words, folder=folder, stdin=stdin, environ={"VT_QUOTA_MINUTE": "0"} | environ)


def test_standard_input(tmp_path, database):
    """Read when there is no text, or `-`: with the options that were typed, and only as text."""
    place = {"DATABASE_URL": address(database)}
    listed = "watch 192.0.2.1 --share\n198[.]51[.]100[.]7, 999.1.1.1\n"
    found = ask(tmp_path, "--json", stdin=listed, **place)
    dashed = ask(tmp_path, "-", "--threshold", "5", stdin=listed, VT_HOST_RULE="documented", **place)
    action = ask(
        tmp_path, "scan-ip", "-", "--json", stdin="192.0.2.1\n198[.]51[.]100[.]7\n999.1.1.1\n", **place
    )
    entities = [
        [one["Entity"].replace("[.]", ".") for one in json.loads(done.stdout)] for done in (found, action)
    ]
    assert entities == [["192.0.2.1", "198.51.100.7"]] * 2
    assert re.search(r"RISKY .*\b6 of 57\b", dashed.stdout)
    assert "Not looked up: 999[.]1[.]1[.]1 is not an IP address." in action.stderr
    assert [found.returncode, dashed.returncode, action.returncode] == [0, 0, 1]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_list_from_an_editor_on_windows(encoding, tmp_path):
    """Its byte order mark is no part of the first value."""
    (tmp_path / "iocs.txt").write_bytes("192.0.2.1\r\n".encode(encoding))
    with (tmp_path / "iocs.txt").open() as stdin:
        assert read_text(stdin) == "192.0.2.1\r\n"


@pytest.mark.parametrize(
    ("limit", "value", "status"),
    [
        ("risky", "192.0.2.1", 0),
        ("suspicious", "192.0.2.1", 3),
        ("RISKY", EICAR, 3),
        ("suspicious", "10.0.0.1", 0),
    ],
)
def test_fail_on(vtbot, limit, value, status):
    """For scripts: 3 when something is as bad as that, or worse."""
    assert vtbot("ask", "--fail-on", limit, value).returncode == status
    assert vtbot("ask", value, f"--fail-on={limit}", "--json").returncode == status


def test_fail_on_says_more_than_what_is_wrong(vtbot):
    """3 also when another value could not be checked; 2 for a state that there is not."""
    both = vtbot("ask", "scan-ip", "192.0.2.1", "999.1.1.1", "--fail-on", "suspicious")
    wrong = sentence(vtbot("ask", "192.0.2.1", "--fail-on", "clean"))
    none = sentence(vtbot("ask", "192.0.2.1", "--fail-on"))
    assert both.returncode == 3
    assert "clean is not one of risky, suspicious" in wrong
    assert "expected one argument" in none


def test_a_misspelt_option_of_the_terminal_names_those_of_the_terminal_too(vtbot):
    """They are not options of the slash command, so only here are they offered."""
    wrong = sentence(vtbot("ask", "--fial-on", "risky", "192.0.2.1"))
    assert "Did you mean --fail-on?" in wrong
    assert "--share, --fresh, --json, --fail-on risky, --wait." in wrong


class Refusing(BaseHTTPRequestHandler):
    """A VirusTotal that knows no key."""

    def do_GET(self):
        self.send_error(403)

    def log_message(self, *_):
        pass


class Counting(BaseHTTPRequestHandler):
    """A VirusTotal that knows no address, and counts."""

    calls = 0

    def do_GET(self):
        type(self).calls += 1
        reply = json.dumps({"response_code": 0, "verbose_msg": "Missing IP address"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


def wait_out_midnight(seconds=40):
    """So that all of what follows is on one day in UTC, and so by one day's quota."""
    left = 24 * 3600 - time.time() % (24 * 3600)
    if left < seconds:
        time.sleep(left)


def test_the_days_quota_is_spent(vtbot):
    """What fits is answered; the rest ends at once, says when it may be asked again, and exits with a status of its own."""
    wait_out_midnight()
    Counting.calls = 0
    with HTTPServer(("127.0.0.1", 0), Counting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        settings = {"VT_API_KEY": "k" * 64, "VT_API_URL": url, "VT_QUOTA_DAY": "1"}
        began = time.monotonic()
        spent = vtbot("ask", "scan-ip", "192.0.2.1", "192.0.2.2", "--json", **settings)
        both = vtbot("ask", "192.0.2.3", "--fail-on", "risky", **settings)
        server.shutdown()
    assert spent.returncode == both.returncode == 4
    assert Counting.calls == 1
    assert time.monotonic() - began < 30
    with psycopg.connect(vtbot.database) as connection:
        [use] = connection.execute("SELECT use FROM quotas").fetchone()
    assert len({asker for _, asker, *_ in json.loads(use)["tickets"]}) == 2  # each has a place in the queue
    assert "out of quota until " in spent.stderr
    assert "00:00 UTC. Ask again then, or add --wait" in spent.stderr
    assert [bool(one["EntityResult"]) for one in json.loads(spent.stdout)] == [True, False]


@pytest.mark.parametrize(("wait", "settled"), [(False, True), (True, False)])
def test_the_quota_is_waited_for_on_request(wait, settled):
    """With --wait however long it takes; without, calls of the minute are waited for, and those of the day are not."""
    now = datetime(2026, 11, 27, 12, tzinfo=UTC)
    lookup = Lookup.of(read("192.0.2.1"), BY_KEY["scan-ip"], 3)
    minute = after_error(lookup, QuotaSpent(now + timedelta(minutes=1)), now)
    day = after_error(lookup, QuotaSpent(now + timedelta(hours=12)), now)
    assert not _given_up(minute, now, wait=wait).settled
    assert _given_up(day, now, wait=wait).settled is settled


def test_what_could_not_be_checked(vtbot):
    """VirusTotal refuses the key: the answer says so, and the status is 1."""
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        refused = vtbot("ask", "192.0.2.1", VT_API_KEY="k", VT_API_URL=url)
        server.shutdown()
    assert refused.returncode == 1
    assert refused.stdout.startswith("⛔ NOT CHECKED")


# Settings and usage --------------------------------------------------------------------------------------


def test_help_and_wrong_usage(vtbot, tmp_path):
    """--help names every command; an unknown one, and an option with a wrong value, end with 2."""
    shown = run("--help", folder=tmp_path)
    asked = vtbot("ask", "--help")
    command = sentence(vtbot("scan"))
    sentence(vtbot("run", "--fast"))
    folder = sentence(vtbot("sandbox", "--replay", "missing"))
    quota = sentence(vtbot("sandbox", "--quota", "4"))
    port = sentence(vtbot("sandbox", "--port", "99999"))
    sentence(vtbot("sandbox", "--kind", "golden"))
    for name in ("run", "ask", "doctor", "manifest", "sandbox"):
        assert f"\n    {name}" in shown.stdout
    assert "--json" in asked.stdout
    assert [shown.returncode, asked.returncode] == [0, 0]
    assert (
        "there is no command scan. The commands are run, ask, doctor, manifest, audit, forget, sandbox"
        in command
    )
    assert "missing is not a folder" in folder
    assert "4 is not like 4,500,15500" in quota
    assert "not a number from 0 to 65535" in port


def test_an_unknown_command(vtbot):
    """The nearest one is named; an action is typed after ask."""
    assert "Did you mean doctor?" in sentence(vtbot("docter"))
    assert "type vtbot ask scan-ip 192.0.2.1" in sentence(vtbot("scan-ip", "192.0.2.1"))


def test_version(vtbot):
    """The one that is installed."""
    done = vtbot("--version")
    assert (done.returncode, done.stdout) == (0, f"vtbot {version('vtbot')}\n")


@pytest.mark.parametrize(
    "url",
    [
        "bot",
        "http://bot.example.com",
        "https://",
        "https://bot",
        "",
        "bot.example.com",
        "https://a.example:x",
    ],
)
def test_an_address_that_slack_cannot_use(vtbot, url):
    """Slack sends to public https:// addresses only."""
    assert "is not a public address such as https://bot.example.com" in sentence(
        vtbot("manifest", "--url", url)
    )


def test_the_address_of_the_endpoint(vtbot):
    """Is taken for the bot's: its path is not added twice."""
    done = vtbot("manifest", "--url", "https://bot.example.com/slack/events")
    assert done.stdout == vtbot("manifest", "--url", "https://bot.example.com").stdout
    assert "url: https://bot.example.com/slack/events\n" in done.stdout


@pytest.mark.parametrize("command", [["run"], ["ask", "192.0.2.1"], ["doctor"]])
def test_a_state_folder_that_cannot_be_written(vtbot, tmp_path, command):
    """One sentence names it and says what to do."""
    (tmp_path / "file").touch()
    done = vtbot(*command, STATE_DIR=str(tmp_path / "file" / "state"), DATABASE_URL="")
    # doctor says what is set up before it looks.
    said = sentence(Done(done.returncode, "", done.stderr))
    assert f"STATE_DIR={tmp_path}/file/state: not a directory." in said


def test_a_file_from_a_pipe_without_a_state_folder(vtbot, tmp_path):
    """It cannot be spooled, though the database is elsewhere."""
    (tmp_path / "file").touch()
    said = sentence(vtbot("ask", "scan-file", "-", STATE_DIR=str(tmp_path / "file")))
    assert f"Cannot write to STATE_DIR={tmp_path}/file: " in said


def test_a_misspelt_variable(vtbot):
    """Is warned of, with the name that was probably meant; the variables of other programs are not."""
    others = {"HOSTNAME": "x", "PGPORT": "1", "VT_SERVICE_HOST": "x", "SSH_AUTH_SOCK": "x"}
    done = vtbot("ask", "10.0.0.1", VT_TRESHOLD_IP="3", FILE_ROOT="/srv", VT_WHATEVER="1", **others)
    logged = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    warned = {
        line["name"]: line["did_you_mean"] for line in logged if line["event"] == "unknown setting ignored"
    }
    assert warned == {"VT_TRESHOLD_IP": "VT_THRESHOLD_IP", "FILE_ROOT": "FILE_ROOTS", "VT_WHATEVER": None}


def test_a_misspelt_variable_in_dotenv(vtbot, tmp_path):
    """As in the environment, also when what is missing for it is an error."""
    (tmp_path / ".env").write_text("SLACK_BOT_TOKN=xoxb-x\nSLACK_SIGNING_SECRET=x\n")
    done = vtbot("run")
    assert done.returncode == 2
    assert '"did_you_mean": "SLACK_BOT_TOKEN"' in done.stderr


@pytest.mark.parametrize(("key", "warned"), [("canary", True), ("0a" * 32, False), ("0A" * 31, True)])
def test_a_key_that_virustotal_did_not_make(vtbot, key, warned):
    """Is said before it is used, without the key."""
    done = vtbot("ask", "10.0.0.1", VT_API_KEY=key)
    assert ("VT_API_KEY does not look like a VirusTotal API key" in done.stderr) is warned
    assert key not in done.stderr


@pytest.mark.parametrize("plain", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_log_lines_without_colours(plain, tmp_path):
    """At a terminal that is to have none; otherwise they are coloured."""
    environ = {"VT_TRESHOLD_IP": "3", "VT_THRESHOLD_IP": "x", "TERM": "xterm"}
    coloured = at_terminal("ask", "10.0.0.1", folder=tmp_path, environ=environ)
    without = at_terminal("ask", "10.0.0.1", folder=tmp_path, environ=environ | plain)
    assert "VT_TRESHOLD_IP" in without
    assert "\x1b[" not in without
    assert "\x1b[" in coloured


def at_terminal(*arguments, folder, environ):
    """What a command writes to standard error when that is a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "bot", *arguments]
    environ = VARIABLES | environ
    process = subprocess.Popen(command, cwd=folder, env=environ, stderr=theirs, stdin=subprocess.DEVNULL)  # noqa: S603
    os.close(theirs)
    written = b""
    with suppress(OSError):  # Linux reports the end of a terminal as an error
        while piece := os.read(ours, 4096):
            written += piece
    os.close(ours)
    process.wait()
    return written.decode()


def test_make_run_without_npm(tmp_path):
    """One line says that the page is the plain one, and the bot runs."""
    for name in ("make", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name))
    (tmp_path / "python").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "python").chmod(0o755)
    made = ["run", "-o", ".venv/run", f"BIN={tmp_path}", f"PAGE={tmp_path}/index.html"]
    done = subprocess.run(  # noqa: S603 - our own Makefile
        [tmp_path / "make", *made],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == [
        "npm is not installed: using the plain page. Install Node.js 20.19 or newer for the one that looks like Slack.",
        "-m bot run",
    ], done.stderr


def test_half_settings(vtbot):
    """What is missing or half: one line that says which variable to set, whatever the command."""
    half = sentence(vtbot("run", SLACK_BOT_TOKEN="xoxb-x"))
    both = sentence(vtbot("run", **HTTP, SLACK_APP_TOKEN="xapp-x"))
    port = sentence(vtbot("ask", "192.0.2.1", PORT="many"))
    database = sentence(vtbot("doctor", DATABASE_URL="mysql://x"))
    assert "neither SLACK_APP_TOKEN (xapp-…, Socket Mode) nor SLACK_SIGNING_SECRET (HTTP): set one" in half
    assert "both set" in both
    assert "PORT must be a number" in port
    assert "DATABASE_URL must be an address" in database


async def test_slack_refuses_a_token(vtbot):
    """One sentence names the variable and Slack's word for it."""
    async with Workspace() as slack:
        place = {"SLACK_API_URL": slack.api_url, "PORT": "0"}
        tokens = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": "xapp-wrong"}
        bot = sentence(await asyncio.to_thread(vtbot, "run", **place, **HTTP))
        app = sentence(await asyncio.to_thread(vtbot, "run", **place, **tokens))
    assert "Slack refused SLACK_BOT_TOKEN (invalid_auth)" in bot
    assert "SLACK_APP_TOKEN (invalid_auth)" in app


async def test_the_port_is_taken(vtbot):
    """One sentence says which, and what to do."""
    async with Workspace() as slack:
        place = {"SLACK_API_URL": slack.api_url, "PORT": str(slack.port)}
        tokens = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_SIGNING_SECRET": "x"}
        bot = sentence(await asyncio.to_thread(vtbot, "run", **place, **tokens))
        sandbox = sentence(await asyncio.to_thread(vtbot, "sandbox", "--port", str(slack.port)))
    assert f"Cannot listen on 127.0.0.1:{slack.port} (" in bot
    assert f"Cannot listen on port {slack.port} (" in sandbox


# doctor, manifest, sandbox -------------------------------------------------------------------------------


async def test_doctor(vtbot):
    """Says what is set up and times each part; 1 when one does not answer, with what to do."""
    async with Workspace() as slack:
        right = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_SIGNING_SECRET": slack.signing_secret}
        at_slack = {"SLACK_API_URL": slack.api_url}
        alone = await asyncio.to_thread(vtbot, "doctor")
        well = await asyncio.to_thread(vtbot, "doctor", **at_slack, **right)
        ill = await asyncio.to_thread(vtbot, "doctor", **at_slack, **HTTP)
    assert [done.returncode for done in (alone, well, ill)] == [0, 0, 1]
    assert "Slack: no tokens" in alone.stdout
    assert [f"🟢 {part}" in well.stdout for part in ("VirusTotal key", "Database", "Slack")] == [True] * 3
    assert "⛔ Slack" in ill.stdout


async def test_doctor_names_missing_scopes(vtbot):
    """What Slack has granted is compared with the manifest: each missing scope, and what does not work without it."""
    granted = [scope for scope in SCOPES if scope not in ("users:read", "chat:write")]
    async with Workspace(scopes=granted) as slack:
        tokens = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_SIGNING_SECRET": slack.signing_secret}
        done = await asyncio.to_thread(vtbot, "doctor", SLACK_API_URL=slack.api_url, **tokens)
    assert done.returncode == 1
    assert "⛔ chat:write is not granted: nothing can be posted" in done.stdout
    assert "⛔ users:read is not granted: nobody may ask" in done.stdout
    assert "files:read" not in done.stdout
    assert "install the app again" in done.stdout


async def test_doctor_with_a_token_that_was_revoked(vtbot):
    """Slack's error code, and which setting it is about."""
    async with Workspace() as slack:
        slack.refuses_token("account_inactive")
        tokens = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_SIGNING_SECRET": slack.signing_secret}
        done = await asyncio.to_thread(vtbot, "doctor", SLACK_API_URL=slack.api_url, **tokens)
    assert done.returncode == 1
    assert "⛔ Slack: Slack refuses my token (account_inactive)" in done.stdout
    assert "SLACK_BOT_TOKEN" in done.stdout


def test_the_sandbox_alone(tmp_path):
    """It says where it listens, answers there, and ends when it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "sandbox", "--quota", "1,0,0", "--kind", "private"],
        cwd=tmp_path,
        env=VARIABLES,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = process.stdout.readline().strip()
        question = f"{url}ip-address/report?apikey=x&ip=192.0.2.1"
        statuses = [urllib.request.urlopen(question).status for _ in range(2)]  # noqa: S310 - on this machine
    finally:
        process.terminate()
        process.communicate()
    assert statuses == [200, 204]


def test_the_database_is_away(waiting):
    """It is waited for a little, as it may be starting too; then one sentence, without the password."""
    out, err = waiting.communicate(timeout=90)
    away = sentence(Done(waiting.returncode, out, err))
    assert "Cannot connect to DATABASE_URL (" in away
    assert "secret" not in away


def test_a_question_ends_when_virustotal_stays_out_of_reach():
    """After two minutes, with the reason; not while it is tried, and not while an analysis is waited for."""
    now = datetime.now(UTC)
    lookup = Lookup.of(read("192.0.2.1"), BY_KEY["scan-ip"], 25)
    waiting = after_error(lookup, Unreachable(), now)
    assert _given_up(waiting, now + timedelta(seconds=119)) is waiting
    ended = _given_up(waiting, now + timedelta(seconds=121))
    assert ended.settled
    assert "VirusTotal is not responding" in why(ended.finding(now).error)
    analysed = waiting.evolve(step=Step.WAIT)
    assert _given_up(analysed, now + timedelta(hours=1)) is analysed


# report --------------------------------------------------------------------------------------------------


def test_a_report_is_a_picture_in_the_current_folder(vtbot, tmp_path):
    """It says where, and what the picture shows; without a record it says that there is none. No file is overwritten."""
    nothing = vtbot("ask", "report", "192.0.2.1")
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "so there is nothing to draw" in nothing.stderr
    asyncio.run(on_record(vtbot.database))
    for name in ("virustotal-report-192.0.2.1.png", "virustotal-report-192.0.2.1-2.png"):
        done = vtbot("ask", "report hxxp://192[.]0[.]2[.]1, 192.0.2.1")
        assert done.returncode == 1, done
        assert f"The picture is in {name}" in done.stdout
        assert "192[.]0[.]2[.]1: RISKY · 54 of 60 engines" in done.stdout.replace("\n", " ")
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert "takes only --share" in sentence(vtbot("ask", "report 192.0.2.1 --fresh"))


async def on_record(url):
    """Somebody in a workspace has looked up an address."""
    database = Database(url)
    seen = Sighting(
        action="scan-ip",
        kind=Kind.IPV4,
        value="192.0.2.1",
        asked="192.0.2.1",
        state=State.RISKY,
        count=54,
        total=60,
    )
    origin = Origin(team="T1", user="U1", channel="C1")
    await History(database).remember("case", origin, [seen], datetime(2026, 11, 1, tzinfo=UTC))
    await database.close()


@pytest.mark.parametrize(
    "line",
    [
        "audit --i X",
        "audit --jso",
        "sandbox --p 1",
        "manifest --ur https://bot.example.com",
        "doctor --lang ja",
        "run --i",
    ],
)
def test_the_beginning_of_an_option_is_not_the_option(vtbot, line):
    """As for misspelt ones, nothing is done: user-sync.py 5, FawltyDeps 293, cpython 101915."""
    done = vtbot(*line.split())
    assert done.returncode == 2
    assert "unrecognized arguments: --" in done.stderr
