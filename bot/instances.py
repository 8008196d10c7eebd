"""The instances of VirusTotal: the file (TOML) that lists them, each with its key and with who may use it where.

[security]                                   # what people type after --instance
key_file = "/run/secrets/security.key"       # or key = "…"
kind = "private"                             # what is left out is as VT_KEY_KIND, VT_QUOTA_MINUTE, … say
quota_minute = 1000
quota_day = 0
quota_month = 0
url = "https://www.virustotal.com/vtapi/v2/"
verify_ssl = true
ca_bundle = "/etc/ssl/company.pem"           # as VT_CA_BUNDLE
proxy = "http://proxy.example:3128"          # in place of HTTPS_PROXY, whatever NO_PROXY says
teams = ["T012AB3CD"]                        # it is the default in these workspaces
channels = ["C012AB3CD", "incidents"]        # and in these channels, which come first
allowed_teams = ["T012AB3CD"]                # only in these workspaces
allowed_channels = ["C012AB3CD"]             # only there
allowed_users = ["U012AB3CD", "ana"]         # only for them, and for the bot's admins
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
)

from bot import environment, network
from bot.environment import SettingsError
from bot.settings import KEY, Settings
from handlers.instances import DEFAULT
from handlers.text.language import lazy_gettext as _
from vt.quota import Limits

QUOTAS = ("quota_minute", "quota_day", "quota_month")
VIRUSTOTAL = "virustotal.com"
"""Below this domain, a key has the form that VirusTotal gives its keys. Another service may have keys of its own."""


def _names(value: Any) -> Any:
    """A list of ids and names. Raises ValueError."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError
    return environment.names(value)


Names = Annotated[frozenset[str], BeforeValidator(_names)]
Calls = Annotated[int, Field(ge=0, le=environment.MOST_CALLS, strict=True)]


class InstanceSettings(BaseModel):
    """One instance, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]
    key: Annotated[SecretStr, AfterValidator(environment.one_word)]
    kind: Literal["public", "private"]
    quota_minute: Calls
    quota_day: Calls
    quota_month: Calls
    url: network.Root
    verify_ssl: Annotated[bool, Field(strict=True)]
    ca_bundle: Path | None
    proxy: network.Address = None
    teams: Names = frozenset()
    channels: Names = frozenset()
    """Workspaces and channels in which it is the default."""
    allowed_teams: Names = frozenset()
    allowed_channels: Names = frozenset()
    allowed_users: Names = frozenset()
    """Ids or names; empty means everywhere, and everybody."""

    @property
    def limits(self) -> Limits:
        """The key's quota."""
        return Limits(self.quota_minute, self.quota_day, self.quota_month)


FIELDS: Mapping[str, str] = {
    "name": _("lower-case letters, digits, dots, hyphens and underscores, 40 at most"),
    "key": _("a VirusTotal API key: 64 hexadecimal digits"),
    "key_file": _("the path of a file that holds the key"),
    "kind": _("public or private"),
    **dict.fromkeys(QUOTAS, _("a whole number of calls; 0 means no limit")),
    "url": _("an address like https://www.virustotal.com/vtapi/v2/"),
    "verify_ssl": _("true or false"),
    "ca_bundle": _("a file of certificates in PEM format"),
    "proxy": _("the address of an HTTP proxy, such as http://proxy.example:3128"),
    **dict.fromkeys(("teams", "allowed_teams"), _("a list of workspaces' ids, such as T012AB3CD")),
    **dict.fromkeys(
        ("channels", "allowed_channels"), _("a list of channels' ids or names, such as C012AB3CD")
    ),
    "allowed_users": _("a list of people's ids or names, such as U012AB3CD"),
}
"""What a field of the file has to be."""
OF_THE_KEY = ("kind", *QUOTAS, "verify_ssl", "ca_bundle", "proxy")
"""What is the same for all instances that share a key."""


def instances(settings: Settings) -> dict[str, InstanceSettings]:
    """All instances by name: VT_API_KEY's, which is called `default`, and those of the file. None: the sandbox answers.

    Raises SettingsError when the file is wrong.
    """
    found: dict[str, InstanceSettings] = {}
    if settings.vt_api_key:
        own = _defaults(settings) | {"name": DEFAULT, "key": settings.vt_api_key}
        found[DEFAULT] = InstanceSettings.model_validate(own)
    if settings.instances_file:
        found |= _read(settings.instances_file, _defaults(settings), is_taken=DEFAULT in found)
        _check_together(settings.instances_file, found.values())
    return found


def secrets(settings: Settings) -> tuple[SecretStr, ...]:
    """What no log may hold: every key, and the passwords of proxies. Raises SettingsError."""
    found = instances(settings).values()
    proxies = (secret for one in found if one.proxy for secret in one.proxy.secrets)
    return (*(one.key for one in found), *proxies)


def of_sandbox(settings: Settings, url: str) -> InstanceSettings:
    """The sandbox at that address, which has no quota."""
    own = {"name": DEFAULT, "key": "sandbox", "url": url, **dict.fromkeys(QUOTAS, 0)}
    return InstanceSettings.model_validate(_defaults(settings) | own)


def owner(instance: InstanceSettings, settings: Settings) -> SecretStr:
    """What its quota and its cached replies belong to: the key, and the address if that is another one than VT_API_URL."""
    if instance.url == settings.vt_api_url:
        return instance.key
    return SecretStr(f"{instance.key.get_secret_value()} {instance.url}")


def _defaults(settings: Settings) -> dict[str, Any]:
    """What an instance has that its table leaves out."""
    return {
        "kind": settings.vt_key_kind,
        "quota_minute": settings.vt_quota_minute,
        "quota_day": settings.vt_quota_day,
        "quota_month": settings.vt_quota_month,
        "url": settings.vt_api_url,
        "verify_ssl": settings.vt_verify_ssl,
        "ca_bundle": settings.vt_ca_bundle,
    }


def _read(path: Path, defaults: Mapping[str, Any], *, is_taken: bool) -> dict[str, InstanceSettings]:
    """The file's instances by name. `is_taken`: VT_API_KEY's has the name `default`. Raises SettingsError."""
    tables = _tables(path)
    if not tables:
        raise SettingsError(
            "INSTANCES_FILE: {path} lists no instance. Add a table such as [main] with a key.", path=str(path)
        )
    if is_taken and DEFAULT in tables:
        raise SettingsError(
            "INSTANCES_FILE: in {path}, [default] has the name of VT_API_KEY's instance. Rename it, or unset VT_API_KEY.",
            path=str(path),
        )
    return {name: _instance(path, name, table, defaults) for name, table in tables.items()}


def _tables(path: Path) -> dict[str, Any]:
    text = ""
    try:
        text = path.read_text("utf-8")
        return tomllib.loads(text)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise SettingsError(
            "INSTANCES_FILE: {path} cannot be read: {why}.", path=str(path), why=why
        ) from None
    except UnicodeDecodeError:
        raise SettingsError("INSTANCES_FILE: {path} is not UTF-8 text.", path=str(path)) from None
    except tomllib.TOMLDecodeError as error:
        if twice := re.search(r"Cannot declare \('([a-z0-9._-]{1,40})',\) twice", str(error)):
            raise SettingsError(
                "INSTANCES_FILE: in {path}, [{entry}] is there twice. Rename one of them.",
                path=str(path),
                entry=twice[1],
            ) from None
        line = re.search(r"\(at line (\d+),", str(error))
        last = str(text.count("\n") + 1)  # it says "at end of document" there
        raise SettingsError(
            "INSTANCES_FILE: {path} is not TOML: look at line {line}.",
            path=str(path),
            line=line[1] if line else last,
        ) from None


def _instance(path: Path, name: str, table: Any, defaults: Mapping[str, Any]) -> InstanceSettings:
    where = {"path": str(path), "entry": _shown(name)}
    if not isinstance(table, dict):
        raise SettingsError("INSTANCES_FILE: in {path}, {entry} is outside a table such as [main].", **where)
    if unknown := next((field for field in table if field not in FIELDS or field == "name"), None):
        raise SettingsError(
            "INSTANCES_FILE: in {path}, [{entry}] has {field}, which is not a field. Remove it.",
            **where,
            field=_shown(unknown),
        )
    given = {**defaults, **table, "name": name}
    given["key"] = _key(table, where)
    given.pop("key_file", None)
    try:
        made = InstanceSettings.model_validate(given)
    except ValidationError as error:
        field = str(error.errors(include_input=False, include_url=False, include_context=False)[0]["loc"][0])
        raise _wrong(field, where) from None
    if made.ca_bundle and "ca_bundle" in table:
        try:
            network.check_bundle(made.ca_bundle, "ca_bundle")
        except SettingsError:
            raise _wrong("ca_bundle", where) from None
    host = urlsplit(made.url).hostname or ""
    is_virustotals = host == VIRUSTOTAL or host.endswith(f".{VIRUSTOTAL}")
    if is_virustotals and not KEY.fullmatch(made.key.get_secret_value()):
        raise _wrong("key_file" if "key_file" in table else "key", where)
    return made


def _wrong(field: str, where: Mapping[str, str]) -> SettingsError:
    return SettingsError(
        "INSTANCES_FILE: in {path}, {field} of [{entry}] is wrong. Set it to {expected}.",
        **where,
        field=field,
        expected=FIELDS["key" if field == "key_file" else field],
    )


def _key(table: Mapping[str, Any], where: Mapping[str, str]) -> SecretStr:
    if ("key" in table) == ("key_file" in table):
        raise SettingsError("INSTANCES_FILE: in {path}, [{entry}] needs either key or key_file.", **where)
    name = "key" if "key" in table else "key_file"
    if not isinstance(table[name], str):
        raise _wrong(name, where)
    if name == "key":
        return SecretStr(table[name])
    path = Path(table[name]).expanduser()
    unreadable = _("INSTANCES_FILE: in {path}, key_file of [{entry}] cannot be read: {why}.")
    return SecretStr(environment.read(lambda: environment.content(path), unreadable, **where))


def _shown(name: str) -> str:
    """A name in the file, unless it may be a key that stands in the wrong place."""
    return name if re.fullmatch(r"[\w.-]{1,40}", name, re.ASCII) else "…"


def _check_together(path: Path, found: Iterable[InstanceSettings]) -> None:
    """Nobody has two defaults, and what belongs to a key is said once. Raises SettingsError."""
    for one, other in combinations(found, 2):
        where = {"path": str(path), "entry": other.name, "other": one.name}
        for field in ("teams", "channels"):
            if getattr(one, field) & getattr(other, field):
                raise SettingsError(
                    "INSTANCES_FILE: in {path}, {field} of [{entry}] has one in common with [{other}]. Only one "
                    "instance can be the default there.",
                    **where,
                    field=field,
                )
        is_same = (one.key, one.url) == (other.key, other.url)
        differs = next((name for name in OF_THE_KEY if getattr(one, name) != getattr(other, name)), "")
        if is_same and differs:
            raise SettingsError(
                "INSTANCES_FILE: in {path}, [{entry}] has the key of [{other}], but another {field}. Give both the same.",
                **where,
                field=differs,
            )
