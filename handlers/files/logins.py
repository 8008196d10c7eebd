"""Where a login that someone typed is held until its files are read: what handlers need of it."""

from typing import Protocol

from pydantic import SecretStr


class Logins(Protocol):
    """Holds logins in memory."""

    def wanted(self, name: str) -> bool:
        """Is there such a server, by name or address, whose entry names no login?"""

    def keep(self, address: str, user: str, password: SecretStr) -> str:
        """Hold a login; returns the place of that server's files for it. Raises HostUnknown."""

    def forget(self, place: str) -> None:
        """Hold it no longer."""

    def holds(self, place: str) -> bool:
        """Is it held in this process?"""
