"""The manifest asks Slack for everything that the code listens to and calls, and for nothing else."""

import ast
from pathlib import Path

import pytest
import yaml
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.manifest import as_yaml, manifest
from handlers.listeners import register
from playground.slack.api import METHODS
from playground.slack.delivery import EVENTS
from tests.support import slack_rules
from tests.support.processes import ROOT, run

CHANNELS = ("message.channels", "message.groups", "message.im", "message.mpim")
SUBSCRIPTIONS = {"message": CHANNELS}
"""What the manifest calls the events that bolt knows by one name."""
MORE = {
    "conversations.history": {"groups:history", "im:history", "mpim:history"},
    "conversations.replies": {"groups:history", "im:history", "mpim:history"},
    "conversations.info": {"groups:read", "mpim:read"},
    "users.info": {"users:read.email"},
    "files.upload.v2": {"files:write"},
}
"""Scopes of a method beyond its first: other kinds of channels, and the mail address in a profile."""
FREE = ("api.test", "auth.test", "apps.connections.open")
"""Methods that need no scope."""


class Listed(AsyncApp):
    """Bolt's app, with a list of what was registered."""

    def __init__(self):
        super().__init__(client=AsyncWebClient(token="xoxb-nobody"), request_verification_enabled=False)
        self.listed = {}

    def _note(self, kind, name):
        self.listed.setdefault(kind, set()).add(name)

    def command(self, command, *args, **options):
        self._note("command", command)
        return super().command(command, *args, **options)

    def event(self, event, *args, **options):
        self._note("event", event if isinstance(event, str) else event["type"])
        return super().event(event, *args, **options)

    def message_shortcut(self, callback_id, *args, **options):
        self._note("message", callback_id)
        return super().message_shortcut(callback_id, *args, **options)

    def global_shortcut(self, callback_id, *args, **options):
        self._note("global", callback_id)
        return super().global_shortcut(callback_id, *args, **options)


@pytest.fixture(scope="module")
def registered():
    """What the code listens to."""
    app = Listed()
    register(app, None)
    return app.listed


def names(kind):
    """The callback_ids of one kind of shortcut in the manifest."""
    return {one["callback_id"] for one in manifest()["features"].get("shortcuts", []) if one["type"] == kind}


def test_it_is_written_down():
    """manifest.yml is what `vtbot manifest` prints."""
    assert (ROOT / "manifest.yml").read_text() == as_yaml()


def test_it_is_printed(tmp_path):
    """Also for HTTP mode, where every part of it names the bot's address."""
    printed = run("manifest", "--url", "https://bot.example/", folder=tmp_path)
    found = yaml.safe_load(printed.stdout)
    address = "https://bot.example/slack/events"
    assert printed.returncode == 0
    assert [command["url"] for command in found["features"]["slash_commands"]] == [address]
    assert found["settings"]["interactivity"]["request_url"] == address
    assert found["settings"]["event_subscriptions"]["request_url"] == address
    assert found["settings"]["socket_mode_enabled"] is False


@slack_rules.checked
@pytest.mark.parametrize("url", ["", "https://bot.example"])
def test_slack_takes_it(url):
    """Slack's schema has nothing against it, in either mode."""
    assert slack_rules.faults("manifest", manifest(url)) == []


@slack_rules.checked
@pytest.mark.parametrize("org", [False, True])
@pytest.mark.parametrize("url", ["", "https://bot.example.com"])
def test_to_be_installed_by_oauth(url, org):
    """It names where people come back to and what Slack tells of the installation; tokens are rotated."""
    made = manifest(url, oauth=True, org=org)
    assert slack_rules.faults("manifest", made) == []
    assert made["oauth_config"]["redirect_urls"] == [
        f"{url or 'https://vtbot.example.com'}/slack/oauth_redirect"
    ]
    assert made["settings"]["org_deploy_enabled"] is org
    assert made["settings"]["token_rotation_enabled"] is True
    more = set(made["settings"]["event_subscriptions"]["bot_events"]) - set(
        manifest(url)["settings"]["event_subscriptions"]["bot_events"]
    )
    of_organisation = {"team_access_granted", "team_access_revoked"} if org else set()
    assert more == {"app_uninstalled", "tokens_revoked"} | of_organisation


def test_commands_and_shortcuts(registered):
    """Every command and shortcut that is listened to is in the menus, and the other way round."""
    commands = manifest()["features"]["slash_commands"]
    assert {command["command"] for command in commands} == registered["command"]
    assert all(command["should_escape"] for command in commands)
    assert names("message") == registered.get("message", set())
    assert names("global") == registered.get("global", set())


def test_events(registered):
    """Every event that is listened to is subscribed to, with the scope without which Slack sends none."""
    heard = {name for event in registered["event"] for name in SUBSCRIPTIONS.get(event, (event,))}
    assert set(manifest()["settings"]["event_subscriptions"]["bot_events"]) == heard
    assert {EVENTS[name] for name in heard} - {""} <= set(manifest()["oauth_config"]["scopes"]["bot"])
    assert manifest()["settings"]["interactivity"]["is_enabled"]


def test_scopes(registered):
    """Exactly the scopes of the methods that are called and of the events that are heard."""
    heard = {name for event in registered["event"] for name in SUBSCRIPTIONS.get(event, (event,))}
    wanted = {"commands", *(EVENTS[name] for name in heard)}
    for method in called():
        wanted |= MORE.get(method, set()) | {METHODS[method].scope if method in METHODS else ""}
    if any("url_private" in source for source in sources()):
        wanted.add("files:read")
    assert set(manifest()["oauth_config"]["scopes"]["bot"]) == wanted - {""}


def sources():
    """The program without the stand-in workspace, which calls nothing."""
    files = [*Path(ROOT / "handlers").rglob("*.py"), *Path(ROOT / "bot").rglob("*.py")]
    return [file.read_text() for file in files if "playground" not in file.parts]


def called():
    """The methods of the Web API that are called somewhere: `slack.users_info` is users.info."""
    attributes = {
        node.attr
        for source in sources()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and "_" in node.attr and not node.attr.startswith("_")
    }
    found = {name.replace("_", ".") for name in attributes if hasattr(AsyncWebClient, name)}
    assert found <= {*METHODS, *MORE, *FREE}
    return found
