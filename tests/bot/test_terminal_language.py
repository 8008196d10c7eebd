"""The terminal in the pseudo-language: nothing is left in English, in help, in refusals, in answers and in doctor's."""

import os
import sys
from contextlib import suppress

import pytest

from bot.__main__ import COMMANDS, main
from bot.terminal import AUDIT_COLUMNS
from tests.support.app_fixture import address
from tests.support.leftovers import leftovers
from tests.support.logs import restored_logging

pytestmark = pytest.mark.slow

EICAR = "44d88612fea8a8f36de82e1278abb02f"
TYPED = (
    *COMMANDS,
    *("text", "risky", "suspicious", "en", "ja", "es", "public", "private", "kind", "replay", "latency"),
    *("URL", "SINCE", "ID", "PORT", "REPLAY", "QUOTA", "LATENCY"),
)
"""Names of commands, options and their values."""
LINES = (
    *("--help", "ask --help", "doctor --help", "manifest --help", "audit --help", "sandbox --help", "--nope"),
    *(
        "scan",
        "scan-ip 192.0.2.1",
        "ask --language de",
        "ask --fail-on clean",
        "audit --since x",
        "audit --since",
    ),
    *(
        "sandbox --port x",
        "sandbox --replay /nowhere",
        "sandbox --kind x",
        "sandbox --quota x",
        "sandbox --latency x",
    ),
    *("manifest --url x", "manifest --url", "doctor x", "sandbox --q x", "ask --json=1"),
)
ANSWERS = (
    *(
        "192.0.2.1",
        f"scan-hash {EICAR}",
        "help",
        "ping",
        "quota",
        "report 192.0.2.1",
        "report 10.0.0.1",
        "nothing",
    ),
    *("scan-ip", "watch on", "scan-ip 192.0.2.1 --threshold 0", "10.0.0.1 example.com", "domain-report @ana"),
)


@pytest.fixture
def vtbot(tmp_path, database, capsys, monkeypatch):
    """Runs a command and returns what it says to people: what is logged is left out."""
    monkeypatch.chdir(tmp_path)
    settings = {"DATABASE_URL": address(database), "STATE_DIR": str(tmp_path), "LANG": "en_XA.UTF-8"}

    def run(line, **others):
        with restored_logging(), suppress(SystemExit):
            main(line.split(), settings | others)
        said, told = capsys.readouterr()
        return [*said.splitlines(), *(one for one in told.splitlines() if one.startswith("vtbot"))]

    with open(os.devnull) as nothing:  # noqa: PTH123 - no path is worked with
        monkeypatch.setattr(sys, "stdin", nothing)
        yield run


@pytest.mark.parametrize("line", LINES)
def test_help_and_refusals(vtbot, line):
    """Every command's help, and what is wrong with how it was typed."""
    assert leftovers(vtbot(line), [*TYPED, *line.split(), "bot.example.com"]) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"PORT": "x"},
        {"VT_QUOTA_DAY": "x"},
        {"VT_THRESHOLD_IP": "x"},
        {"ALLOW_BOTS": "x"},
        {"ALLOWED_CHANNELS": "#A B!"},
        {"CONTACT": "x" * 201},
        {"SLACK_BOT_TOKEN": "x"},
        {"SLACK_BOT_TOKEN": "xoxb-1"},
        {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1", "SLACK_SIGNING_SECRET": "x"},
        {"SLACK_APP_TOKEN": "xapp-1"},
        {"VT_API_KEY": "x", "VT_API_KEY_FILE": "/nowhere"},
        {"VT_API_KEY_FILE": os.devnull},
        {"DATABASE_URL": "mysql://x"},
        {"DATABASE_URL": "postgresql://u:p@127.0.0.1/?sslmode=nonsense"},
        {"HOST": "0.0.0.0"},
    ],
    ids=str,
)
def test_wrong_settings(vtbot, wrong):
    """What is wrong with a setting, and why the bot cannot start: only names of settings stay."""
    said = vtbot("run", **wrong)
    assert len(said) == 1
    assert (
        leftovers(said, [*wrong, "STATE_DIR", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"])
        == []
    )


def test_answers(vtbot):
    """What is asked in the terminal is answered in its language; documented names stay."""
    said = [text for line in ANSWERS for text in vtbot(f"ask {line}")]
    assert leftovers(said, ["Bkav", "Trojan", "watch", "on", *VIRUSTOTAL]) == []


VIRUSTOTAL = (
    *("Scan finished, information embedded", "IP address in dataset", "Example, Inc.", "country"),
    *("MicroWorld-eScan", "Test-File", "news", "news and media"),
)
"""What it said of them."""


@pytest.mark.parametrize("line", ["doctor", "audit", "audit --id none"])
def test_for_the_operator(vtbot, line):
    """What doctor finds, and that there is no such request; the audit itself is a table for programs."""
    assert leftovers(vtbot(line), ["none", *AUDIT_COLUMNS]) == []
