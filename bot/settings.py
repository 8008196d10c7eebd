"""The settings, read once from the environment: names, defaults, and what is said when one is wrong. Slack's are in manifest.py."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote

import structlog
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from bot import environment, network
from bot.environment import SECRETS, SettingsError, from_files, unknown, variables
from bot.manifest import SlackSettings
from handlers.people import Policy, Role, WatchRules
from handlers.text.language import Language
from handlers.text.language import lazy_gettext as _
from vt.actions import ACTIONS
from vt.evidence import EVIDENCE_DAYS, MAX_EVIDENCE_DAYS, HostCriteria, HostRule, Thresholds
from vt.privacy import SECRET_NAMES, SubmitPolicy, UploadPolicy

KEY = re.compile(r"[0-9a-fA-F]{64}")
"""How VirusTotal's keys look."""

log = structlog.get_logger()


class Settings(SlackSettings):
    """All of it, checked. Field names are the variables' names in lower case; made by `load` only."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, validate_default=True)

    vt_api_key: environment.Word | None = Field(None, description=_("a VirusTotal API key"))
    vt_api_url: network.Root = Field(
        "https://www.virustotal.com/vtapi/v2/",
        description=_("an address like https://www.virustotal.com/vtapi/v2/"),
    )
    vt_key_kind: Annotated[Literal["public", "private"], BeforeValidator(environment.lower)] = Field(
        "public", description=_("public or private")
    )
    vt_quota_minute: environment.Calls = 4
    vt_quota_day: environment.Calls = 500
    vt_quota_month: environment.Calls = 15500
    vt_verify_ssl: environment.Flag = True
    vt_ca_bundle: Path | None = Field(None, description=_("a file of certificates in PEM format"))
    """Authorities that are trusted besides this machine's, for VirusTotal and Slack."""
    https_proxy: network.Address = None
    http_proxy: network.Address = None
    all_proxy: network.Address = None
    """In place of either of the two above that is not set."""
    no_proxy: Annotated[tuple[str, ...], BeforeValidator(network.bypassed)] = ()
    instances_file: Path | None = Field(None, description=_("a TOML file with VirusTotal keys"))
    """Read by bot/instances.py."""
    thresholds: Mapping[str, environment.Engines] = Field(
        default_factory=dict, description=_("a whole number of engines from 1 to 200")
    )
    """Engines by action key: *reaches or exceeds*. From VT_THRESHOLD_HASH, _URL, _IP, _FILE, _DOMAIN."""
    vt_host_rule: Annotated[HostRule, BeforeValidator(environment.lower)] = Field(
        HostRule.SERVED, description=_("served or documented")
    )
    vt_evidence_days: int = Field(
        EVIDENCE_DAYS,
        ge=0,
        le=MAX_EVIDENCE_DAYS,
        description=_("a number of days up to 3650; 0 means any age"),
    )
    """Evidence against hosts that is older is context only, by the rule `served`."""
    url_submit: Annotated[SubmitPolicy, BeforeValidator(environment.lower)] = Field(
        SubmitPolicy.CONFIRM, description=_("confirm, allow or deny")
    )
    file_roots: Annotated[tuple[Path, ...], BeforeValidator(environment.roots)] = Field(
        (), description=_("absolute folders, separated by colons")
    )
    hosts_file: Path | None = Field(None, description=_("a TOML file with Linux servers"))
    ssh_ad_hoc: environment.Flag = False
    """May people type a login for a server of the hosts file? It is held in memory only."""
    vt_max_upload: environment.Size = 200 << 20
    vt_upload_hosts: Annotated[frozenset[str], BeforeValidator(network.places)] = Field(
        frozenset({"bigfiles-dot-virustotalcloud.appspot.com", "www.virustotal.com"}),
        description=_(
            "names of hosts, separated by commas, such as uploads.example.com or uploads.example.com:8443"
        ),
    )
    """Beside VT_API_URL's own: where VirusTotal may send files that are too large for one request."""
    spool_budget: environment.Size = 1 << 30
    """Bytes that may lie below STATE_DIR of what can be read only once."""
    upload_policy: Annotated[UploadPolicy, BeforeValidator(environment.lower)] = Field(
        UploadPolicy.CONFIRM, description=_("confirm, allow or deny")
    )
    never_upload: Annotated[tuple[str, ...], BeforeValidator(environment.patterns)] = Field(
        SECRET_NAMES, description=_("names with * and ?, separated by commas")
    )

    allow_guests: environment.Flag = False
    allow_strangers: environment.Flag = False
    """People of other workspaces, in channels shared through Slack Connect."""
    allow_bots: environment.Flag = False
    allowed_users: environment.People = frozenset()
    allowed_channels: environment.Channels = frozenset()

    admin_users: environment.People = frozenset()
    """They may change what holds for a channel, as its creator and the workspace's admins may."""
    language: Annotated[Language, BeforeValidator(environment.language)] = Field(
        Language.ENGLISH, description=_("en, ja or es")
    )
    """In which the bot speaks to everybody; to somebody alone it speaks as they use Slack."""
    contact: Annotated[str, AfterValidator(environment.one_line)] = Field(
        "",
        description=_("a Slack user, a Slack channel or an address, on one line of at most 200 characters"),
    )
    """Who runs this bot: named to people in messages about faults."""
    internal_domains: Annotated[frozenset[str], BeforeValidator(network.domains)] = Field(
        frozenset(),
        description=_("domains of your own, separated by commas, such as corp.example,example.net"),
    )
    """Neither they nor names below them are ever sent to VirusTotal, whoever asks."""
    cache_minutes: environment.Minutes = 60
    """A reply that is no older is not asked for again when people ask; 0: always ask."""
    cache_unknown_minutes: environment.Minutes = 10
    """The same for the reply that VirusTotal does not know something, but never longer than `cache_minutes`."""
    cache_rows: environment.Rows = 100_000
    cache_bytes: environment.Size = 512 << 20
    watch_channels: Annotated[tuple[str, ...], BeforeValidator(environment.patterns)] = Field(
        (), description=_("names of channels with * and ?, separated by commas, such as inc-*")
    )
    watch_join: environment.Flag = False
    watch_bots: environment.Bots = Field(
        frozenset(),
        description=_("ids or names of bots, separated by commas, such as B012AB3CD,CrowdStrike Falcon"),
    )
    watch_reserve: int = Field(20, ge=0, le=100, description=_("a percentage from 0 to 100"))
    """Of the day's quota, kept for people."""
    watch_cards: int = Field(30, ge=0, le=10_000, description=_("a number of cards; 0 means no limit"))
    """In ten minutes, before the watch of a channel pauses."""

    database_url: Annotated[environment.Word, AfterValidator(network.database)] | None = Field(
        None, description=_("an address like postgresql://user:password@host/name")
    )
    keep_answers: environment.Days = 30
    """Days for which an answer's buttons work, and VirusTotal's replies are stored."""
    keep_audit: environment.Days = 366
    keep_history: environment.Days = 366
    """Days for which the verdicts of earlier look-ups are remembered."""
    state_dir: Path = Field(Path(".state"), description=_("a folder"))
    host: str = Field("127.0.0.1", description=_("an address of this machine, such as 127.0.0.1"))
    port: int = Field(3000, ge=0, le=65535, description=_("a number from 0 to 65535, such as 3000"))

    @model_validator(mode="before")
    @classmethod
    def _by_action(cls, values: dict[str, Any]) -> dict[str, Any]:
        names = {action: f"vt_threshold_{action.setting.lower()}" for action in ACTIONS}
        chosen = {action.key: values.get(name, action.threshold) for action, name in names.items()}
        return {**values, "thresholds": chosen}

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """What no log may hold: every secret, and the password in the database's address by itself."""
        url = self.database_url.get_secret_value() if self.database_url else ""
        password = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
        passwords = {SecretStr(password), SecretStr(unquote(password))} if password else set()
        own = (*self.slack_secrets, self.vt_api_key, self.database_url, *passwords)
        return (*filter(None, own), *self.proxies.secrets)

    @property
    def proxies(self) -> network.Proxies:
        """Through which proxies VirusTotal and Slack are reached."""
        https, http = self.https_proxy or self.all_proxy, self.http_proxy or self.all_proxy
        return network.Proxies(https, http, self.no_proxy)

    @property
    def policy(self) -> Policy:
        """Who may look things up, and where."""
        let_in = {
            Role.GUEST: self.allow_guests,
            Role.STRANGER: self.allow_strangers,
            Role.BOT: self.allow_bots,
        }
        roles = {Role.MEMBER, *(role for role, allowed in let_in.items() if allowed)}
        return Policy(frozenset(roles), self.allowed_users, self.allowed_channels, self.admin_users)

    @property
    def verdicts(self) -> Thresholds:
        """How verdicts are reached, unless an option or a channel says otherwise."""
        return Thresholds(self.thresholds, HostCriteria(self.vt_host_rule, self.vt_evidence_days))

    @property
    def rules(self) -> WatchRules:
        """What holds for all watched channels."""
        return WatchRules(
            channels=tuple(pattern.lstrip("#") for pattern in self.watch_channels),
            join=self.watch_join,
            bots=self.watch_bots,
            own_domains=self.internal_domains,
            max_cards=self.watch_cards,
        )


def load(environ: Mapping[str, str], dotenv: Path | None = Path(".env")) -> Settings:
    """The settings from the environment, and from a .env file for what the environment does not set.

    Raises SettingsError, whose one sentence says which variable to set and how.
    """
    given = variables(environ, dotenv)
    values = {**given, **from_files(given)}
    try:
        # Sorted, capitals come first: of HTTPS_PROXY and https_proxy the latter counts, as for other programs.
        settings = Settings.model_validate({name.lower(): values[name] for name in sorted(values)})
    except ValidationError as error:
        raise _refusal(error) from None
    if settings.vt_ca_bundle:
        network.check_bundle(settings.vt_ca_bundle, "VT_CA_BUNDLE")
    return settings


def _refusal(error: ValidationError) -> SettingsError:
    """The first fault, in words that do not hold what was set."""
    field, *inner = error.errors(include_input=False, include_url=False, include_context=False)[0]["loc"]
    info = Settings.model_fields[str(field)]
    setting = {action.key: action.setting for action in ACTIONS}.get(str(inner[0])) if inner else None
    name = f"VT_THRESHOLD_{setting}" if setting else str(field)
    return SettingsError("{name} must be {what}.", name=name.upper(), what=info.description or "")


KNOWN = frozenset(
    {name.upper() for name in Settings.model_fields if name != "thresholds"}
    | {f"VT_THRESHOLD_{action.setting}" for action in ACTIONS}
    | {f"{name}_FILE" for name in SECRETS}
)
"""Every variable that is read, in capitals."""


def warn_about_unknown(environ: Mapping[str, str]) -> None:
    """Log a warning for each variable, there or in .env, that is probably a misspelt setting. Raises SettingsError."""
    for name, nearest in unknown(variables(environ), KNOWN):
        log.warning("unknown setting ignored", name=name, did_you_mean=nearest)


def warn_about_key(key: SecretStr | None) -> None:
    """Log a warning when VirusTotal cannot have made this key: its keys have 64 hexadecimal digits."""
    if key is not None and not KEY.fullmatch(key.get_secret_value()):
        log.warning("VT_API_KEY does not look like a VirusTotal API key", expected="64 hexadecimal digits")
