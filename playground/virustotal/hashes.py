"""A file's three names, and which of them someone means."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

HASH = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32}")
SCAN_ID = re.compile(r"([0-9a-f]{64})-[0-9]{1,11}")


@dataclass(frozen=True, slots=True)
class Hashes:
    """One file, in lower-case hexadecimal."""

    md5: str
    sha1: str
    sha256: str


class Names:
    """Which file a hash belongs to. A file met by one hash only is given the two others, and keeps them."""

    def __init__(self, known: Iterable[Hashes]) -> None:
        self._files: dict[str, Hashes] = {}
        for hashes in known:
            self.remember(hashes)

    def remember(self, hashes: Hashes) -> None:
        """Its three names mean this file from now on."""
        for name in (hashes.md5, hashes.sha1, hashes.sha256):
            self._files[name] = hashes

    def of(self, name: str) -> Hashes:
        """The file of a well-formed, lower-case hash."""
        if name not in self._files:
            self.remember(_completed(name))
        return self._files[name]


def _completed(name: str) -> Hashes:
    md5, sha1, sha256 = (_invented(algorithm, name) for algorithm in ("md5", "sha1", "sha256"))
    given = {32: {"md5": name}, 40: {"sha1": name}, 64: {"sha256": name}}[len(name)]
    return Hashes(**{"md5": md5, "sha1": sha1, "sha256": sha256} | given)


def _invented(algorithm: str, name: str) -> str:
    return hashlib.new(algorithm, b"invented " + name.encode(), usedforsecurity=False).hexdigest()
