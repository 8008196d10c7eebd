"""The Slack app's manifest, made from what the code registers; manifest.yml is this, written down."""

from typing import Any
from urllib.parse import urlsplit

import yaml

from handlers import COMMAND
from handlers.listeners.commands import ANYWHERE, ON_MESSAGES, Shortcut
from handlers.text import about
from handlers.text.language import localized

SCOPES = {
    "app_mentions:read": "mentions",
    "channels:history": "what is said in watched channels; its own message, after a process died over posting it",
    "channels:join": "channels that are watched from the beginning, for WATCH_JOIN",
    "channels:read": "the names of channels, for ALLOWED_CHANNELS",
    "chat:write": "answers",
    "commands": "/vt and the shortcuts",
    "files:read": "attached files",
    "files:write": "JSON files",
    "groups:history": "as channels:history, for private channels",
    "groups:read": "as channels:read, for private channels",
    "im:history": "what is written to it in direct messages",
    "im:write": "direct messages",
    "mpim:history": "as channels:history, for direct messages of several people",
    "mpim:read": "as channels:read, for direct messages of several people",
    "reactions:write": "marks on messages in watched channels",
    "users:read": "who asks: a member, a guest, a bot",
    "users:read.email": "the mail domain of someone who is mentioned",
}
"""Each with what it is for."""
EVENTS = (
    "app_home_opened",
    "app_mention",
    "channel_created",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
)
"""What Slack tells the bot of, besides what people do with it."""


ENDPOINT = "/slack/events"
"""Where Slack sends everything in HTTP mode, below the bot's address."""


def public_url(value: str) -> str:
    """The bot's public address, without a slash or the endpoint's path at its end.

    Raises ValueError: Slack sends only to https:// addresses, with a host name that it can resolve.
    """
    parts = urlsplit(value)
    odd = parts.username or parts.password or parts.query or parts.fragment or parts.port == 0
    # `isprintable` alone would let a space pass.
    odd = odd or not value.isascii() or not value.isprintable() or " " in value
    if parts.scheme != "https" or odd or "." not in (parts.hostname or "").strip("."):
        raise ValueError
    return value.rstrip("/").removesuffix(ENDPOINT).rstrip("/")


def manifest(url: str = "") -> dict[str, Any]:
    """Schema v2. With the bot's public address for HTTP mode, else for Socket Mode."""
    events = f"{url.rstrip('/')}{ENDPOINT}" if url else ""
    made: dict[str, Any] = localized(_manifest(events))
    return made


def _manifest(events: str) -> dict[str, Any]:
    """`events`: the address to which Slack sends everything; "" for Socket Mode."""
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": "VirusTotal",
            "description": f"{about.APP_DOES}.",
            "background_color": "#1a1d21",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "VT", "always_online": True},
            "shortcuts": [
                *(_shortcut(one, "message") for one in ON_MESSAGES),
                *(_shortcut(one, "global") for one in ANYWHERE),
            ],
            "slash_commands": [_command(events)],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {
                "bot_events": list(EVENTS),
                **({"request_url": events} if events else {}),
            },
            "interactivity": {"is_enabled": True, **({"request_url": events} if events else {})},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not events,
            "token_rotation_enabled": False,
        },
    }


def _shortcut(shortcut: Shortcut, kind: str) -> dict[str, str]:
    return {
        "name": shortcut.name,
        "type": kind,
        "callback_id": shortcut.callback_id,
        "description": shortcut.description,
    }


def _command(events: str) -> dict[str, Any]:
    return {
        "command": COMMAND,
        "description": about.APP_DOES,
        "usage_hint": about.usage_hint(),
        "should_escape": True,
        **({"url": events} if events else {}),
    }


def as_yaml(url: str = "") -> str:
    """What `vtbot manifest` prints."""
    head = "# Made by `vtbot manifest`; paste it at https://api.slack.com/apps → Create New App → From a manifest.\n"
    return head + yaml.safe_dump(manifest(url), sort_keys=False, allow_unicode=True, width=110)
