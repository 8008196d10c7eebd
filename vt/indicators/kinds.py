"""The eight kinds of value that someone wants to know about, and such a value."""

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The eight kinds of indicator; the names are part of the contract."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    DOMAIN = "domain"
    URL = "url"
    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Indicator:
    """A typed value.

    `value` is refanged and normalised (lower-case host, punycode, compressed IPv6, `http://` for a URL
    without a scheme); `asked` is what was written, refanged only, and does not take part in comparison.
    """

    kind: Kind
    value: str
    asked: str = field(default="", compare=False)
