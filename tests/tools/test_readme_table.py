"""The README's table lists every entry point."""

from pathlib import Path

import pytest

from bot.manifest import manifest
from tools.readme_table import (
    BEGIN,
    END,
    SCOPES_BEGIN,
    SCOPES_END,
    actions_named,
    rows,
    scopes_table,
    table,
)
from vt.actions import BY_KEY

ROOT = Path(__file__).parents[2]


def asked_for():
    """The entry points that the manifest asks Slack for."""
    features = manifest()["features"]
    settings = manifest()["settings"]
    yield from (command["command"] for command in features["slash_commands"])
    yield from (shortcut["callback_id"] for shortcut in features["shortcuts"])
    yield from settings["event_subscriptions"]["bot_events"]
    if features["app_home"]["home_tab_enabled"]:
        yield "home_tab"
    if settings["interactivity"]["is_enabled"]:
        yield "interactivity"


def test_the_manifest_and_the_table_have_the_same_entry_points():
    """What an entry point needs is in the manifest, and what is in the manifest is an entry point."""
    needed = {need for one in rows() for need in one.needs}
    assert needed == set(asked_for())


def test_every_action_can_be_typed_and_picked():
    """Each action has a row for its command and one for its message shortcut."""
    assert actions_named() == set(BY_KEY)


@pytest.mark.skipif(
    not all((ROOT / name).is_file() for name in ("README.md", "docs/deploy.md")),
    reason="no documents beside the tests",
)
def test_the_documents_have_the_tables():
    """When this fails, run `python -m tools.readme_table`."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert readme[readme.index(BEGIN) : readme.index(END) + len(END)] == table()
    deploy = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    scopes = deploy[deploy.index(SCOPES_BEGIN) : deploy.index(SCOPES_END) + len(SCOPES_END)]
    assert scopes == scopes_table()


def test_the_scopes_are_those_of_the_manifest():
    """Each scope that the app asks for has its reason, and none is explained that it does not ask for."""
    explained = [line.split("`")[1] for line in scopes_table().splitlines() if line.startswith("| `")]
    assert explained == manifest()["oauth_config"]["scopes"]["bot"]
