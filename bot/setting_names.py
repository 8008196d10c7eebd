"""Names of variables that nobody reads but that are probably meant as settings, and keys that cannot be right."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping

import structlog
from pydantic import SecretStr

from bot.settings import SECRETS, Settings, variables
from vt.actions import ACTIONS

KNOWN = frozenset(
    {name.upper() for name in Settings.model_fields if name != "thresholds"}
    | {f"VT_THRESHOLD_{action.setting}" for action in ACTIONS}
    | {f"{name}_FILE" for name in SECRETS}
)
"""Every variable that is read, in capitals."""
OWN_PREFIX = re.compile(r"(VT|VTBOT|VIRUSTOTAL|SLACK|WATCH)_")
"""How names begin that are hardly meant for another program."""
_BY_CLUSTER = re.compile(r"_SERVICE_(HOST|PORT)|_PORT(_\d+_(TCP|UDP)|$)")
"""Variables that Kubernetes sets for a service, which may be called vt or vtbot."""
_KEY = re.compile(r"[0-9a-fA-F]{64}")

log = structlog.get_logger()


def warn_about_unknown(environ: Mapping[str, str]) -> None:
    """Log a warning for each variable, there or in .env, that is probably a misspelt setting. Raises SettingsError."""
    for name, nearest in unknown(variables(environ)):
        log.warning("unknown setting ignored", name=name, did_you_mean=nearest)


def unknown(names: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    """The names that are probably misspelt settings, each with the setting that is most like it, if one is.

    Names that are not like a setting at all belong to other programs, unless they begin as only settings do.
    """
    for name in names:
        word = name.upper()
        if word in KNOWN:
            continue
        own = OWN_PREFIX.match(word) is not None and not _BY_CLUSTER.search(word)
        # 0.85: one wrong letter in a short name such as HOST is not yet a likeness, two in a long one are.
        nearest = difflib.get_close_matches(_usual_prefix(word), KNOWN, n=1, cutoff=0.6 if own else 0.85)
        if nearest or own:
            yield name, nearest[0] if nearest else None


def _usual_prefix(word: str) -> str:
    """VT_API_KEY for VIRUSTOTAL_API_KEY."""
    return re.sub(r"^(VIRUSTOTAL|VTBOT)_", "VT_", word)


def warn_about_key(key: SecretStr | None) -> None:
    """Log a warning when VirusTotal cannot have made this key: its keys have 64 hexadecimal digits."""
    if key is not None and not _KEY.fullmatch(key.get_secret_value()):
        log.warning("VT_API_KEY does not look like a VirusTotal API key", expected="64 hexadecimal digits")
