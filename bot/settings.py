"""What the host may set, read once from the environment: every name, default and refusal is here."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot import setting_values
from handlers.people import Policy, Role
from handlers.request import SubmitPolicy
from handlers.watch import Rules
from vt.actions import ACTIONS
from vt.privacy import SECRET_NAMES, InternalDomains, UploadPolicy

SECRETS = ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "VT_API_KEY", "DATABASE_URL")
"""NAME_FILE may name a file that holds it."""
MAX_SECRET_BYTES = 8192

T = TypeVar("T")


class SettingsError(Exception):
    """One sentence for the operator: which variable to set and how. Never holds what was set."""


class Mode(StrEnum):
    """How Slack is spoken with."""

    HTTP = "http"
    SOCKET = "socket"
    NONE = "none"


class Settings(BaseSettings):
    """All of it, checked. Field names are the variables' names in lower case; made by `load` only."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    slack_bot_token: (
        Annotated[setting_values.Word, setting_values.beginning("xoxb-", "xoxe.xoxb-")] | None
    ) = Field(None, description="the bot token, which begins with xoxb-")
    slack_app_token: Annotated[setting_values.Word, setting_values.beginning("xapp-")] | None = Field(
        None, description="the app-level token, which begins with xapp-"
    )
    slack_signing_secret: setting_values.Word | None = Field(
        None, description="the signing secret from the app's Basic Information page"
    )
    slack_api_url: setting_values.Root = Field(
        "https://slack.com/api/", description="an address like https://slack.com/api/"
    )

    vt_api_key: setting_values.Word | None = Field(None, description="a VirusTotal API key")
    vt_api_url: setting_values.Root = Field(
        "https://www.virustotal.com/vtapi/v2/",
        description="an address like https://www.virustotal.com/vtapi/v2/",
    )
    vt_key_kind: Annotated[Literal["public", "private"], BeforeValidator(setting_values.lower)] = Field(
        "public", description="public or private"
    )
    vt_quota_minute: setting_values.Calls = 4
    vt_quota_day: setting_values.Calls = 500
    vt_quota_month: setting_values.Calls = 15500
    vt_verify_ssl: bool = Field(default=True, description="true or false")
    thresholds: Mapping[str, setting_values.Engines] = Field(
        default_factory=dict, description=f"a whole number of engines from 1 to {setting_values.MOST_ENGINES}"
    )
    """Engines by action key: *reaches or exceeds*. From VT_THRESHOLD_HASH, _URL, _IP, _FILE, _DOMAIN."""
    url_submit: Annotated[SubmitPolicy, BeforeValidator(setting_values.lower)] = Field(
        SubmitPolicy.CONFIRM, description="confirm, allow or deny"
    )
    file_roots: Annotated[tuple[Path, ...], BeforeValidator(setting_values.roots)] = Field(
        (), description="absolute folders, separated by colons"
    )
    hosts_file: Path | None = Field(None, description="a TOML file with Linux servers")
    ssh_ad_hoc: bool = Field(default=False, description="true or false")
    """May people type a login for a server of the hosts file? It is held in memory only."""
    vt_max_upload: Annotated[int, BeforeValidator(setting_values.size), Field(ge=1)] = Field(
        200 << 20, description="a size such as 200 MB"
    )
    vt_upload_hosts: Annotated[frozenset[str], BeforeValidator(setting_values.places)] = Field(
        frozenset({"bigfiles-dot-virustotalcloud.appspot.com", "www.virustotal.com"}),
        description="names of hosts, separated by commas, such as uploads.example.com or uploads.example.com:8443",
    )
    """Beside VT_API_URL's own: where VirusTotal may send files that are too large for one request."""
    spool_budget: Annotated[int, BeforeValidator(setting_values.size), Field(ge=1)] = Field(
        1 << 30, description="a size such as 1 GB"
    )
    """Bytes that may lie below STATE_DIR of what can be read only once."""
    upload_policy: Annotated[UploadPolicy, BeforeValidator(setting_values.lower)] = Field(
        UploadPolicy.CONFIRM, description="confirm, allow or deny"
    )
    never_upload: Annotated[tuple[str, ...], BeforeValidator(setting_values.patterns)] = Field(
        SECRET_NAMES, description="names with * and ?, separated by commas"
    )

    allow_guests: bool = Field(default=False, description="true or false")
    allow_strangers: bool = Field(default=False, description="true or false")
    """People of other workspaces, in channels shared through Slack Connect."""
    allow_bots: bool = Field(default=False, description="true or false")
    allowed_users: setting_values.Names = Field(
        frozenset(), description="ids or names of people, separated by commas, such as U012AB3CD,ana"
    )
    allowed_channels: setting_values.Names = Field(
        frozenset(),
        description="ids or names of channels, separated by commas, such as C012AB3CD,incidents; DM for direct messages",
    )

    admin_users: setting_values.Names = Field(
        frozenset(), description="ids or names of people, separated by commas, such as U012AB3CD,ana"
    )
    """They may change what holds for a channel, as its creator and the workspace's admins may."""
    contact: Annotated[str, AfterValidator(setting_values.one_line)] = Field(
        "", description="a Slack user, a Slack channel or an address, on one line of at most 200 characters"
    )
    """Who runs this bot: named to people in messages about faults."""
    internal_domains: Annotated[frozenset[str], BeforeValidator(setting_values.domains)] = Field(
        frozenset(), description="domains of your own, separated by commas, such as corp.example,example.net"
    )
    """With all below them never sent to VirusTotal, whoever asks."""
    cache_minutes: int = Field(10, ge=0, le=1440, description="a number of minutes from 0 to 1440")
    """A reply that is no older is not asked for again when people ask; 0: always ask."""
    watch_channels: Annotated[tuple[str, ...], BeforeValidator(setting_values.patterns)] = Field(
        (), description="names of channels with * and ?, separated by commas, such as inc-*"
    )
    watch_join: bool = Field(default=False, description="true or false")
    watch_bots: setting_values.Names = Field(
        frozenset(), description="ids or names of bots, separated by commas, such as B012AB3CD,alerts"
    )
    watch_reserve: int = Field(20, ge=0, le=100, description="a percentage from 0 to 100")
    """Of the day's quota, kept for people."""
    watch_cards: int = Field(30, ge=0, le=10_000, description="a number of cards; 0 means no limit")
    """In ten minutes, before the watch of a channel pauses."""

    database_url: Annotated[setting_values.Word, AfterValidator(setting_values.database)] | None = Field(
        None, description="an address like postgresql://user:password@host/name"
    )
    state_dir: Path = Field(Path(".state"), description="a folder")
    host: str = Field("127.0.0.1", description="an address of this machine, such as 127.0.0.1")
    port: int = Field(3000, ge=0, le=65535, description="a number from 0 to 65535, such as 3000")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What `load` read, and nothing else: read by pydantic, a list in the environment would have to be JSON."""
        return (init_settings,)

    @model_validator(mode="before")
    @classmethod
    def _by_action(cls, values: dict[str, Any]) -> dict[str, Any]:
        chosen = {action.key: values.get(_threshold(action.setting), action.threshold) for action in ACTIONS}
        return {**values, "thresholds": chosen}

    @model_validator(mode="after")
    def _one_mode(self) -> Self:
        if self.slack_bot_token is None:
            _nothing_else(self)
        elif self.slack_app_token and self.slack_signing_secret:
            raise SettingsError(_BOTH)
        elif not (self.slack_app_token or self.slack_signing_secret):
            raise SettingsError(_NEITHER)
        return self

    @property
    def mode(self) -> Mode:
        """HTTP or Socket Mode, by what is set; none at all is for trying the bot without Slack."""
        if self.slack_bot_token is None:
            return Mode.NONE
        return Mode.SOCKET if self.slack_app_token else Mode.HTTP

    @property
    def policy(self) -> Policy:
        """Who may look things up, and where."""
        let_in = {
            Role.MEMBER: True,
            Role.GUEST: self.allow_guests,
            Role.STRANGER: self.allow_strangers,
            Role.BOT: self.allow_bots,
        }
        roles = frozenset(role for role, allowed in let_in.items() if allowed)
        return Policy(
            roles=roles,
            users=self.allowed_users,
            channels=self.allowed_channels,
            admins=self.admin_users,
        )

    @property
    def rules(self) -> Rules:
        """What holds for all watched channels."""
        return Rules(
            channels=tuple(pattern.lstrip("#") for pattern in self.watch_channels),
            join=self.watch_join,
            bots=self.watch_bots,
            own_domains=InternalDomains(self.internal_domains),
            max_cards=self.watch_cards,
        )


_BOTH = (
    "SLACK_APP_TOKEN and SLACK_SIGNING_SECRET are both set: "
    "keep SLACK_APP_TOKEN for Socket Mode or SLACK_SIGNING_SECRET for HTTP, and remove the other."
)
_NEITHER = (
    "SLACK_BOT_TOKEN is set, but neither SLACK_APP_TOKEN (xapp-…, Socket Mode) nor SLACK_SIGNING_SECRET (HTTP): "
    "set one of them."
)


def _nothing_else(settings: Settings) -> None:
    for name in ("slack_app_token", "slack_signing_secret"):
        if getattr(settings, name):
            raise SettingsError(f"{name.upper()} is set, but not SLACK_BOT_TOKEN (xoxb-…): set it too.")


def _threshold(setting: str) -> str:
    return f"vt_threshold_{setting}".lower()


def load(environ: Mapping[str, str], dotenv: Path | None = Path(".env")) -> Settings:
    """The settings from the environment, and from a .env file for what the environment does not set.

    Raises SettingsError, whose one sentence says which variable to set and how.
    """
    given = variables(environ, dotenv)
    values = {**given, **_from_files(given)}
    try:
        return Settings.model_validate({name.lower(): value for name, value in values.items()})
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None


def variables(environ: Mapping[str, str], dotenv: Path | None = Path(".env")) -> dict[str, str]:
    """All variables with a value, of the environment and of a .env file. Raises SettingsError when that cannot be read."""
    given = {name: value.strip() for name, value in {**_dotenv(dotenv), **environ}.items()}
    return {name: value for name, value in given.items() if value}


def _dotenv(path: Path | None) -> dict[str, str]:
    """Without interpolation: a token may hold a dollar sign."""
    if path is None or not path.is_file():
        return {}
    read = _read(".env", lambda: dotenv_values(path, interpolate=False))
    return {name: value for name, value in read.items() if value is not None}


def _from_files(given: Mapping[str, str]) -> dict[str, str]:
    return {name: _secret(name, given) for name in SECRETS if f"{name}_FILE" in given}


def _secret(name: str, given: Mapping[str, str]) -> str:
    variable = f"{name}_FILE"
    if name in given:
        raise SettingsError(f"{name} and {variable} are both set: remove one of them.")
    value = _read(variable, lambda: _content(Path(given[variable])))
    if not value:
        raise SettingsError(f"{variable} names an empty file: put the secret into it.")
    return value


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(MAX_SECRET_BYTES).decode().strip()


def _read(variable: str, read: Callable[[], T]) -> T:
    """Says why it cannot be read, but not what: a token may stand where a path was meant."""
    try:
        return read()
    except OSError as error:
        why = error.strerror or type(error).__name__
    except ValueError:
        why = "it is not text"
    raise SettingsError(f"{variable} cannot be read: {why}.")


def _sentence(error: ValidationError) -> str:
    """The first fault, in words that do not hold what was set."""
    field, *inner = error.errors(include_input=False, include_url=False, include_context=False)[0]["loc"]
    info = Settings.model_fields[str(field)]
    setting = {action.key: action.setting for action in ACTIONS}.get(str(inner[0])) if inner else None
    name = _threshold(setting) if setting else str(field)
    return f"{name.upper()} must be {info.description}."
