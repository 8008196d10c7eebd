"""What the bot offers people, read from its manifest: commands, shortcuts, a home, direct messages."""

from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]


def offers(manifest: Mapping[str, Any], forms: Iterable[tuple[str, str]] = ()) -> Json:
    """For the page's menus. `forms`: what may be typed, (form, what it does), offered below the commands."""
    features = manifest["features"]
    home = features.get("app_home", {})
    commands = [_command(command) for command in features.get("slash_commands", ())]
    shown = {command["name"] for command in commands}
    return {
        "commands": commands,
        "forms": [{"form": form, "does": does} for form, does in forms if form.split()[0] in shown],
        "shortcuts": [_shortcut(shortcut) for shortcut in features.get("shortcuts", ())],
        "home": bool(home.get("home_tab_enabled")),
        "direct": bool(home.get("messages_tab_enabled")) and not home.get("messages_tab_read_only_enabled"),
    }


def _command(command: Mapping[str, Any]) -> Json:
    return {
        "name": command["command"],
        "does": command["description"],
        "hint": command.get("usage_hint", ""),
    }


def _shortcut(shortcut: Mapping[str, Any]) -> Json:
    return {
        "callback": shortcut["callback_id"],
        "name": shortcut["name"],
        "does": shortcut["description"],
        "on": shortcut["type"],
    }
