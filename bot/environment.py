"""Where settings come from: the environment, .env and files of secrets. Also names that look misspelt, and parsers of values.

The parsers and checks raise ValueError, whose text never holds the value.
"""

import base64
import binascii
import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from handlers.text.language import Language, line, spoken_in
from handlers.text.language import lazy_gettext as _

SECRETS = (
    "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",
    "SLACK_SIGNING_SECRET",
    "SLACK_CLIENT_SECRET",
    "TOKEN_KEYS",
    "VT_API_KEY",
    "DATABASE_URL",
)
"""NAME_FILE may name a file that holds it."""
MAX_SECRET_BYTES = 8192
UNREADABLE = _("{variable} cannot be read: {why}.")
FERNET_BYTES = 32
OWN_PREFIX = re.compile(r"(VT|VTBOT|VIRUSTOTAL|SLACK|WATCH)_")
"""How names begin that are hardly meant for another program."""
_BY_CLUSTER = re.compile(r"_SERVICE_(HOST|PORT)|_PORT(_\d+_(TCP|UDP)|$)")
"""Variables that Kubernetes sets for a service, which may be called vt or vtbot."""
MOST_ENGINES = 200
"""VirusTotal runs about 70 to 100 engines: a larger threshold is a typing error."""
MOST_CALLS = 10**8
MOST_CHARACTERS = 200
MOST_BOT_CHARACTERS = 80
_BOT_IDS = re.compile(r"[ABUW](?=[A-Z]*[0-9])[A-Z0-9]+(?: [ABUW](?=[A-Z]*[0-9])[A-Z0-9]+)*")
_NAME = re.compile(r"[A-Z][A-Z0-9]+|[^\W_A-Z][^\sA-Z#@<>|]{0,79}")
"""Slack's ids are of capitals and digits; names of channels and people have no capitals."""

T = TypeVar("T")


class OperatorError(Exception):
    """One sentence for whoever runs the bot, in the language in which it is shown: that of their terminal.

    `template` is in the catalogues. What is translated itself among `values` is translated with it.
    """

    def __init__(self, template: str, **values: str) -> None:
        super().__init__(template, values)
        self._template, self._values = template, values

    def __str__(self) -> str:
        return str(line(self._template, **self._values))


class SettingsError(OperatorError):
    """Which variable to set and how. Never holds what was set."""


def variables(environ: Mapping[str, str], dotenv: Path | None = Path(".env")) -> dict[str, str]:
    """All variables with a value, of the environment and of a .env file. Raises SettingsError when that cannot be read."""
    given = {name: value.strip() for name, value in {**_dotenv(dotenv), **environ}.items()}
    return {name: value for name, value in given.items() if value}


def _dotenv(path: Path | None) -> dict[str, str]:
    """Without interpolation: a token may hold a dollar sign."""
    if path is None or not path.is_file():
        return {}
    found = read(lambda: dotenv_values(path, interpolate=False), UNREADABLE, variable=".env")
    return {name: value for name, value in found.items() if value is not None}


def from_files(given: Mapping[str, str]) -> dict[str, str]:
    """The secrets whose files are named. Raises SettingsError."""
    return {name: _secret(name, given) for name in SECRETS if f"{name}_FILE" in given}


def _secret(name: str, given: Mapping[str, str]) -> str:
    variable = f"{name}_FILE"
    if name in given:
        raise SettingsError(
            "{name} and {variable} are both set: remove one of them.", name=name, variable=variable
        )
    value = read(lambda: content(Path(given[variable])), UNREADABLE, variable=variable)
    if not value:
        raise SettingsError("{variable} names an empty file: put the secret into it.", variable=variable)
    return value


def content(path: Path) -> str:
    """What a file of a secret holds. Raises OSError, ValueError."""
    with path.open("rb") as file:
        return file.read(MAX_SECRET_BYTES).decode().strip()


def read(source: Callable[[], T], refusal: str, **values: str) -> T:
    """What `source` returns. Raises SettingsError of `refusal`, with the reason but without what was set: it may be a secret."""
    try:
        return source()
    except OSError as error:
        why = error.strerror or type(error).__name__
    except ValueError:
        why = _("it is not text")
    raise SettingsError(refusal, why=why, **values)


def unknown(names: Iterable[str], known: Collection[str]) -> Iterator[tuple[str, str | None]]:
    """The names that are probably misspelt settings, each with the setting that is most like it, if one is.

    Names that are not like a setting at all belong to other programs, unless they begin as only settings do.
    """
    for name in names:
        word = name.upper()
        if word in known:
            continue
        own = OWN_PREFIX.match(word) is not None and not _BY_CLUSTER.search(word)
        # 0.85: one wrong letter in a short name such as HOST is not yet a likeness, two in a long one are.
        usual = re.sub(r"^(VIRUSTOTAL|VTBOT)_", "VT_", word)
        nearest = difflib.get_close_matches(usual, known, n=1, cutoff=0.6 if own else 0.85)
        if nearest or own:
            yield name, nearest[0] if nearest else None


def beginning(*prefixes: str) -> AfterValidator:
    """A secret that begins with one of these."""

    def check(secret: SecretStr) -> SecretStr:
        if not secret.get_secret_value().startswith(prefixes):
            raise ValueError(prefixes)
        return secret

    return AfterValidator(check)


def one_word(secret: SecretStr) -> SecretStr:
    """A secret of printable ASCII, without spaces."""
    value = secret.get_secret_value()
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ValueError
    return secret


def fernet_keys(value: Any) -> Any:
    """Keys from one string, separated by commas. Fernet wants 32 bytes each."""
    keys = patterns(value)
    try:
        if any(len(base64.b64decode(key, altchars=b"-_", validate=True)) != FERNET_BYTES for key in keys):
            raise ValueError
    except (binascii.Error, TypeError):
        raise ValueError from None
    return tuple(map(SecretStr, keys))


def one_line(value: str) -> str:
    """A line of text for people."""
    if len(value) > MOST_CHARACTERS or not value.isprintable():
        raise ValueError
    return value


def roots(value: Any) -> Any:
    """Folders from one string, separated by colons or commas."""
    parts = value.replace(",", ":").split(":") if isinstance(value, str) else value
    roots = tuple(Path(part).expanduser() for part in parts if part)
    if not all(root.is_absolute() for root in roots):
        raise ValueError
    return roots


def names(value: Any) -> Any:
    """Ids or names from one string, separated by commas or spaces; `#` and `@` in front of a name are ignored."""
    parts = re.split(r"[\s,]+", value) if isinstance(value, str) else value
    names = frozenset(part.lstrip("#@") for part in parts if part)
    if not all(_NAME.fullmatch(name) for name in names):
        raise ValueError
    return names


def bots(value: Any) -> Any:
    """Ids or names of bots from one string, separated by commas; ids may be separated by spaces.

    A name may have capitals and spaces: `CrowdStrike Falcon`.
    """
    parts = value.split(",") if isinstance(value, str) else value
    names = [" ".join(part.split()).lstrip("#@").strip("\"'") for part in parts]
    several = [name.split() if _BOT_IDS.fullmatch(name) else [name] for name in names if name]
    found = frozenset(name for some in several for name in some)
    if not all(name.isprintable() and len(name) <= MOST_BOT_CHARACTERS for name in found):
        raise ValueError
    return found


def size(value: Any) -> Any:
    """Bytes from "200 MB", which are 200 x 1,048,576 as VirusTotal counts, or from a plain number."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"([0-9]{1,15})\s*([kmg]?)i?b?", value.strip().lower())
    if found is None:
        raise ValueError
    return int(found[1]) << {"": 0, "k": 10, "m": 20, "g": 30}[found[2]]


def patterns(value: Any) -> Any:
    """Patterns from one string, separated by commas."""
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


def language(value: str) -> str:
    """A language's code. Desktops set LANGUAGE too, for gettext, to locales such as fr_FR:en: the first that is spoken, else en."""
    if ":" not in value and "_" not in value:
        return value.lower()
    return next(filter(None, map(spoken_in, value.split(":"))), Language.ENGLISH)


def lower(value: Any) -> Any:
    """The value in lower case, without surrounding spaces."""
    return value.strip().lower() if isinstance(value, str) else value


Word = Annotated[SecretStr, AfterValidator(one_word)]
Calls = Annotated[int, Field(ge=0, le=MOST_CALLS, description=_("a whole number of calls; 0 means no limit"))]
Flag = Annotated[bool, Field(description=_("true or false"))]
Days = Annotated[int, Field(ge=1, le=3660, description=_("a number of days from 1 to 3660"))]
Minutes = Annotated[int, Field(ge=0, le=1440, description=_("a number of minutes from 0 to 1440"))]
Rows = Annotated[int, Field(ge=0, le=MOST_CALLS, description=_("a whole number of rows; 0 means no limit"))]
Size = Annotated[int, BeforeValidator(size), Field(ge=1, description=_("a size such as 200 MB"))]
Names = Annotated[frozenset[str], BeforeValidator(names)]
People = Annotated[
    Names, Field(description=_("ids or names of people, separated by commas, such as U012AB3CD,ana"))
]
Channels = Annotated[
    Names,
    Field(
        description=_(
            "ids or names of channels, separated by commas, such as C012AB3CD,incidents; DM for direct messages"
        )
    ),
]
Bots = Annotated[frozenset[str], BeforeValidator(bots)]
Engines = Annotated[int, Field(ge=1, le=MOST_ENGINES)]
