"""The Slack app's manifest, made from what the code registers; manifest.yml is this, written down."""

from typing import Any

import yaml

from handlers import COMMAND
from vt.actions import ACTIONS

SCOPES = ("chat:write", "commands", "files:write", "im:write", "users:read", "users:read.email")
"""Least first: answers, /vt, JSON files, direct messages, mentioned people's mail domains."""


def manifest(url: str = "") -> dict[str, Any]:
    """Schema v2. With the bot's public address for HTTP mode, else for Socket Mode."""
    events = f"{url.rstrip('/')}/slack/events" if url else ""
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": "VirusTotal",
            "description": "Is it bad? IP addresses, hashes, URLs, domains and files, asked of VirusTotal.",
            "background_color": "#1a1d21",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": "VT", "always_online": True},
            "slash_commands": [_command(events)],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "interactivity": {"is_enabled": True, **({"request_url": events} if events else {})},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not events,
            "token_rotation_enabled": False,
        },
    }


def _command(events: str) -> dict[str, Any]:
    return {
        "command": COMMAND,
        "description": "Ask VirusTotal about addresses, hashes, URLs, domains and files",
        "usage_hint": f"[any text, or {' | '.join(action.key for action in ACTIONS)}] [--share] | help",
        "should_escape": True,
        **({"url": events} if events else {}),
    }


def as_yaml(url: str = "") -> str:
    """What `vtbot manifest` prints."""
    head = "# Made by `vtbot manifest`; paste it at https://api.slack.com/apps → Create New App → From a manifest.\n"
    return head + yaml.safe_dump(manifest(url), sort_keys=False, allow_unicode=True, width=110)
