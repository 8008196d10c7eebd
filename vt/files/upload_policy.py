"""Whether a file may be uploaded: the policy, and the files that never are, because they look like secrets."""

import re
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from vt.files import Source
from vt.verdict import Note

SECRET_NAMES = (
    *("*.pem", "*.key", "*.ppk", "*.p8", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdb", "*.kdbx"),
    *("*.gpg", "*.pgp", "*.asc", "*.age", "*.ovpn", "*.tfstate", "*.kubeconfig", "*.agekey"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "ssh_host_*_key"),
    *("*.env", ".env.*", ".netrc", "_netrc", ".pgpass", ".htpasswd", ".git-credentials", ".npmrc", ".pypirc"),
    *("shadow", "shadow-", "gshadow", "credentials", "secring.*", "login.keychain*", "ntds.dit"),
)
"""Names of keys, key stores, password files and environments, with `*` and `?`; upper and lower case are the same."""
HEAD_BYTES = 4096
"""How much of a file's beginning is searched for a private key."""
_SECRET_CONTENT = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
    rb"|\APuTTY-User-Key-File-"
    rb"|\A\x03\xd9\xa2\x9a[\x65-\x67]\xfb\x4b\xb5"  # KeePass
    rb"|\A\xfe\xed\xfe\xed"  # a Java key store
    rb"|AGE-SECRET-KEY-1"
)


class UploadPolicy(StrEnum):
    """Whether files that VirusTotal does not know are uploaded, the strictest last."""

    ALLOW = "allow"
    """Without asking anybody."""
    CONFIRM = "confirm"
    """Once the person who asked for the file agrees."""
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class UploadDenylist:
    """The names, with `*` and `?`, of files that are never uploaded; files that contain a private key never are."""

    names: tuple[str, ...] = SECRET_NAMES

    async def check(self, source: Source) -> Note | None:
        """Why the file must not be uploaded; None if it may be. Reads its beginning; raises a FileFault."""
        if matches_any(source.name, self.names):
            return Note.NEVER_BY_NAME
        if _SECRET_CONTENT.search(await _head(source)):
            return Note.NEVER_BY_CONTENT
        return None


def matches_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether a file name matches one of the patterns, ignoring case."""
    folded = name.casefold()
    return any(fnmatchcase(folded, pattern.casefold()) for pattern in patterns)


async def _head(source: Source) -> bytes:
    async with aclosing(source.chunks()) as chunks:
        async for block in chunks:
            return block[:HEAD_BYTES]
    return b""
