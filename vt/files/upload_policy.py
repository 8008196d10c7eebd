"""What is never uploaded, whoever agrees: files that are secrets by their name, or by how they begin."""

import re
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass
from fnmatch import fnmatchcase

from vt.files import Source
from vt.notes import Note

NEVER = (
    *("*.pem", "*.key", "*.ppk", "*.p8", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdb", "*.kdbx"),
    *("*.gpg", "*.pgp", "*.asc", "*.age", "*.ovpn", "*.tfstate", "*.kubeconfig", "*.agekey"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "ssh_host_*_key"),
    *("*.env", ".env.*", ".netrc", "_netrc", ".pgpass", ".htpasswd", ".git-credentials", ".npmrc", ".pypirc"),
    *("shadow", "shadow-", "gshadow", "credentials", "secring.*", "login.keychain*", "ntds.dit"),
)
"""Names, with `*` and `?`, upper or lower case: keys, key stores, password files, environments."""
HEAD_BYTES = 4096
"""Of the beginning, in which a private key shows itself."""
_SECRET = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
    rb"|\APuTTY-User-Key-File-"
    rb"|\A\x03\xd9\xa2\x9a[\x65-\x67]\xfb\x4b\xb5"  # KeePass
    rb"|\A\xfe\xed\xfe\xed"  # a Java key store
    rb"|AGE-SECRET-KEY-1"
)


@dataclass(frozen=True, slots=True)
class Never:
    """The names that are never uploaded."""

    names: tuple[str, ...] = NEVER

    async def refuses(self, source: Source) -> Note | None:
        """Why a file is not to be uploaded, if it is not. Reads its beginning; raises a FileFault."""
        if named(source.name, self.names):
            return Note.NEVER_BY_NAME
        if _SECRET.search(await beginning(source)):
            return Note.NEVER_BY_CONTENT
        return None


def named(name: str, patterns: Iterable[str]) -> bool:
    """Does one of the patterns fit? Upper and lower case are the same."""
    folded = name.casefold()
    return any(fnmatchcase(folded, pattern.casefold()) for pattern in patterns)


async def beginning(source: Source) -> bytes:
    """The first bytes of a file."""
    async with aclosing(source.chunks()) as chunks:
        async for block in chunks:
            return block[:HEAD_BYTES]
    return b""
