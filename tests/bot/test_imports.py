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
