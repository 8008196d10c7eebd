"""The Slack app: what is set for it, and its manifest, made from what the code registers; manifest.yml is this, written down."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, Field, SecretStr, model_validator

from bot import environment, network
from bot.environment import SettingsError
from handlers.commands import COMMAND
from handlers.text import about
from handlers.text import usage as usage_text
from handlers.text.language import lazy_gettext as _
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
EVENTS_OF_OAUTH = ("app_uninstalled", "tokens_revoked")
"""The same, about the installation itself."""
EVENTS_OF_ORGANISATION = ("team_access_granted", "team_access_revoked")

ENDPOINT = "/slack/events"
"""Where Slack sends everything in HTTP mode, below the bot's address."""
INSTALL, REDIRECT = "/slack/install", "/slack/oauth_redirect"
"""Below the same address: where people install the app, and where they come back to."""


# What is set -------------------------------------------------------------------------------------------


class Mode(StrEnum):
    """How Slack is spoken with."""

    HTTP = "http"
    SOCKET = "socket"
    NONE = "none"


class SlackSettings(BaseModel):
    """Slack's part of the settings: one fixed token, or what installation by OAuth needs."""

    slack_bot_token: Annotated[environment.Word, environment.beginning("xoxb-", "xoxe.xoxb-")] | None = Field(
        None, description=_("the bot token, which begins with xoxb-")
    )
    slack_app_token: Annotated[environment.Word, environment.beginning("xapp-")] | None = Field(
        None, description=_("the app-level token, which begins with xapp-")
    )
    slack_signing_secret: environment.Word | None = Field(
        None, description=_("the signing secret from the app's Basic Information page")
    )
    slack_client_id: str | None = Field(
        None,
        pattern=r"^[0-9]+[.][0-9]+$",
        description=_("the client ID from the app's Basic Information page, such as 1042.4711"),
    )
    slack_client_secret: environment.Word | None = Field(
        None, description=_("the client secret from the app's Basic Information page")
    )
    token_keys: Annotated[tuple[SecretStr, ...], BeforeValidator(environment.fernet_keys)] = Field(
        (), description=_("keys of 32 random bytes in URL-safe Base64, separated by commas")
    )
    """The first encrypts the tokens of workspaces, all decrypt them."""
    slack_api_url: network.Root = Field(
        "https://slack.com/api/", description=_("an address like https://slack.com/api/")
    )

    @model_validator(mode="after")
    def _one_mode(self) -> Self:
        if self.is_oauth and self.slack_bot_token:
            raise SettingsError(
                "SLACK_BOT_TOKEN is set together with SLACK_CLIENT_ID, SLACK_CLIENT_SECRET or TOKEN_KEYS: "
                "keep the token for one workspace, or the others for installation by OAuth."
            )
        if missing := [name for name in _NEEDED_FOR_OAUTH if self.is_oauth and not getattr(self, name)]:
            raise SettingsError(_NEEDED_FOR_OAUTH[missing[0]])
        named = "slack_bot_token" if self.slack_bot_token else "slack_client_id"
        modes = [name for name in ("slack_app_token", "slack_signing_secret") if getattr(self, name)]
        if getattr(self, named) is None and modes:
            raise SettingsError(
                "{name} is set, but not SLACK_BOT_TOKEN (xoxb-…): set it too.", name=modes[0].upper()
            )
        if self.slack_app_token and self.slack_signing_secret:
            raise SettingsError(
                "SLACK_APP_TOKEN and SLACK_SIGNING_SECRET are both set: "
                "keep SLACK_APP_TOKEN for Socket Mode or SLACK_SIGNING_SECRET for HTTP, and remove the other."
            )
        if getattr(self, named) and not modes:
            raise SettingsError(
                "{name} is set, but neither SLACK_APP_TOKEN (xapp-…, Socket Mode) nor SLACK_SIGNING_SECRET (HTTP): "
                "set one of them.",
                name=named.upper(),
            )
        return self

    @property
    def is_oauth(self) -> bool:
        """Whether people install the app by OAuth, in several workspaces, in place of one fixed token."""
        return any(getattr(self, name) for name in _NEEDED_FOR_OAUTH)

    @property
    def mode(self) -> Mode:
        """HTTP or Socket Mode, by what is set; none at all is for trying the bot without Slack."""
        if self.slack_bot_token is None and not self.is_oauth:
            return Mode.NONE
        return Mode.SOCKET if self.slack_app_token else Mode.HTTP

    @property
    def slack_secrets(self) -> Iterable[SecretStr | None]:
        """What no log may hold."""
        return (
            self.slack_bot_token,
            self.slack_app_token,
            self.slack_signing_secret,
            self.slack_client_secret,
            *self.token_keys,
        )


_NEEDED_FOR_OAUTH = {
    "slack_client_id": _(
        "SLACK_CLIENT_ID is not set: installation by OAuth needs it, SLACK_CLIENT_SECRET and TOKEN_KEYS."
    ),
    "slack_client_secret": _(
        "SLACK_CLIENT_SECRET is not set: installation by OAuth needs it, SLACK_CLIENT_ID and TOKEN_KEYS."
    ),
    "token_keys": _(
        "TOKEN_KEYS is not set: the tokens of workspaces are encrypted with it. "
        "`openssl rand -base64 32 | tr +/ -_` makes a key."
    ),
}


# The manifest ------------------------------------------------------------------------------------------


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


def manifest(url: str = "", *, oauth: bool = False, org: bool = False) -> dict[str, Any]:
    """Schema v2. With the bot's public address for HTTP mode, else for Socket Mode.

    `oauth`: to be installed in several workspaces by OAuth; `org`: also in whole organisations.
    """
    made: dict[str, Any] = localized(_manifest(f"{url.rstrip('/')}{ENDPOINT}" if url else ""))
    if oauth:
        events = [*EVENTS_OF_OAUTH, *(EVENTS_OF_ORGANISATION if org else ())]
        address = url.rstrip("/") or "https://vtbot.example.com"  # while it is not known
        made["oauth_config"]["redirect_urls"] = [f"{address}{REDIRECT}"]
        made["settings"]["event_subscriptions"]["bot_events"] += events
        made["settings"] |= {"org_deploy_enabled": org, "token_rotation_enabled": True}
    return made


def _manifest(events: str) -> dict[str, Any]:
    """`events`: the address to which Slack sends everything; "" for Socket Mode."""
    request_url = {"request_url": events} if events else {}
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
                {
                    "name": one.name,
                    "type": kind,
                    "callback_id": one.callback_id,
                    "description": one.description,
                }
                for kind, shortcuts in (("message", about.ON_MESSAGES), ("global", about.ANYWHERE))
                for one in shortcuts
            ],
            "slash_commands": [
                {
                    "command": COMMAND,
                    "description": about.APP_DOES,
                    "usage_hint": usage_text.usage_hint(),
                    "should_escape": True,
                    **({"url": events} if events else {}),
                }
            ],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {"bot_events": list(EVENTS), **request_url},
            "interactivity": {"is_enabled": True, **request_url},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not events,
            "token_rotation_enabled": False,
        },
    }


def as_yaml(url: str = "", *, oauth: bool = False, org: bool = False) -> str:
    """What `vtbot manifest` prints."""
    import yaml  # noqa: PLC0415 - a bot at work needs no YAML

    head = "# Made by `vtbot manifest`; paste it at https://api.slack.com/apps → Create New App → From a manifest.\n"
    made = manifest(url, oauth=oauth, org=org)
    return head + yaml.safe_dump(made, sort_keys=False, allow_unicode=True, width=110)
