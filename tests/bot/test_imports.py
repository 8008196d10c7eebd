"""What a process loads: each package that it does without is memory and time that it does not take."""

import json
import subprocess
import sys

import pytest

NEVER_AT_WORK = {
    "alembic",
    "babel",
    "click",
    "greenlet",
    "matplotlib",
    "opentelemetry",
    "paramiko",
    "playground",
    "pygments",
    "rich",
    "sqlalchemy",
    "yaml",
}
"""What is for rare occasions, for the tools, or of use to other programs only."""


NEVER_TO_HELP = NEVER_AT_WORK | {
    "aiohttp",
    "httpx",
    "procrastinate",
    "prometheus_client",
    "psycopg",
    "slack_bolt",
    "slack_sdk",
    "structlog",
}
"""What only a command that does something needs."""


def loaded(statement):
    """The packages, and the modules of our own, that a Python has loaded after a statement."""
    shown = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    modules = json.loads(run.stdout.splitlines()[-1])
    return {name.partition(".")[0] for name in modules}, {name for name in modules if "." in name}


def test_a_bot_at_work_loads_only_what_it_uses():
    """Where rich, click and greenlet are installed, structlog and httpx would load them for what the bot does not do."""
    packages, _ = loaded("import bot.__main__, bot.app")
    assert packages & NEVER_AT_WORK == set()


def test_what_answers_in_a_terminal_loads_neither_bolt_nor_the_listeners():
    """`vtbot ask` parses, looks up and shows; it takes nothing from Slack."""
    packages, modules = loaded(
        "import handlers.parser, handlers.turns.lookup, handlers.turns.report, handlers.views.messages, vt.service"
    )
    assert "slack_bolt" not in packages
    assert {name for name in modules if name.startswith("handlers.listeners")} == set()


def test_the_parser_and_the_sentences_need_no_network():
    """`vtbot --version`, and a command with a usage error, are answered by these alone."""
    packages, _ = loaded("import handlers.parser, handlers.text.terminal, handlers.text.usage")
    assert packages & {"aiohttp", "httpx", "slack_bolt", "slack_sdk"} == set()


TYPED = """
import sys
from contextlib import suppress
from bot.__main__ import main
with suppress(SystemExit):
    main({words}, {{}})
"""
"""A command as it is typed, with no settings."""


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["ask", "--help"], ["nope"]])
def test_what_needs_no_settings_loads_nothing_that_answers(words):
    """Version, help and wrong usage: packages for HTTP, the database, Slack and the log take most of a second."""
    packages, modules = loaded(TYPED.format(words=words))
    assert packages & NEVER_TO_HELP == set()
    assert {name for name in modules if name.startswith("bot.")} <= {"bot.__main__"}


def test_the_manifest_is_printed_without_the_bot_at_work():
    """It needs the settings' names and the listeners' shortcuts, and no database."""
    _, modules = loaded(TYPED.format(words=["manifest"]))
    assert modules & {"bot.app", "bot.ask", "bot.backend", "bot.terminal", "bot.database"} == set()


def test_a_question_at_the_terminal_loads_nothing_that_serves_slack():
    """`vtbot ask` speaks to the database and to VirusTotal, and needs none of Slack's listeners."""
    packages, modules = loaded("import bot.__main__, bot.ask")
    assert packages & {"matplotlib", "paramiko", "playground", "slack_bolt", "yaml"} == set()
    assert modules & {"bot.app", "bot.oauth", "bot.server", "bot.slack_client"} == set()
