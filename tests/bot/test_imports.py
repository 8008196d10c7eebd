"""What a process loads: each package that it does without is memory and time that it does not take."""

import json
import subprocess
import sys

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
