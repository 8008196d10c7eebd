"""Parsers and checks for the values of settings. Each raises ValueError, whose text never holds the value."""

import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from vt.indicators import hosts

MOST_ENGINES = 200
"""VirusTotal runs about 70 to 100 engines: a larger threshold is a typing error."""
MOST_CALLS = 10**8
MOST_CHARACTERS = 200
_NAME = re.compile(r"[A-Z][A-Z0-9]+|[^\W_A-Z][^\sA-Z#@<>|]{0,79}")
"""Slack's ids are of capitals and digits; names of channels and people have no capitals."""


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


def one_line(value: str) -> str:
    """A line of text for people."""
    if len(value) > MOST_CHARACTERS or not value.isprintable():
        raise ValueError
    return value


def root(value: str) -> str:
    """An http(s) URL to which paths can be appended; a slash is added at the end."""
    parts = urlsplit(value)
    odd = parts.username or parts.password or parts.query or parts.fragment or not value.isascii()
    if parts.scheme not in {"http", "https"} or not parts.hostname or odd or parts.port == 0:
        raise ValueError
    return value if value.endswith("/") else f"{value}/"


def database(secret: SecretStr) -> SecretStr:
    """PostgreSQL's address, as a URL."""
    value = secret.get_secret_value()
    if not value.startswith(("postgresql://", "postgres://")):
        raise ValueError
    try:
        conninfo_to_dict(value)
    except psycopg.Error:
        raise ValueError from None
    return secret


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


def domains(value: Any) -> Any:
    """Domains in lower case and punycode; `*.` and dots in front are ignored."""
    parts = patterns(value)
    names = [hosts.normalise_name(part.removeprefix("*").removeprefix(".")) for part in parts]
    if not all(names):
        raise ValueError
    return frozenset(names)


def places(value: Any) -> Any:
    """Host names, each with a port unless it is the scheme's default, as in a URL."""
    parts = [part.lower() for part in patterns(value)]
    if not all(re.fullmatch(r"[a-z0-9._-]+(:[0-9]{1,5})?", part) for part in parts):
        raise ValueError
    return frozenset(parts)


def lower(value: Any) -> Any:
    """The value in lower case, without surrounding spaces."""
    return value.strip().lower() if isinstance(value, str) else value


Word = Annotated[SecretStr, AfterValidator(one_word)]
Root = Annotated[str, AfterValidator(root)]
Calls = Annotated[int, Field(ge=0, le=MOST_CALLS, description="a whole number of calls; 0 means no limit")]
Names = Annotated[frozenset[str], BeforeValidator(names)]
Engines = Annotated[int, Field(ge=1, le=MOST_ENGINES)]
