"""Where a login that someone typed is held until their files are read: what handlers need of it, and for whom they work."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from pydantic import SecretStr

from handlers.request import Origin

Person = tuple[str, str]
"""A team and a user."""

_served: ContextVar[Person | None] = ContextVar("served", default=None)


@contextmanager
def serving(origin: Origin) -> Iterator[None]:
    """While it is entered, what is done is done for this person."""
    before = _served.set(person(origin))
    try:
        yield
    finally:
        _served.reset(before)


def served() -> Person | None:
    """For whom it is done now; None: for nobody."""
    return _served.get()


def person(origin: Origin) -> Person:
    """Who asked."""
    return origin.team, origin.user


class Logins(Protocol):
    """Holds logins in memory, each for the requests of whoever typed it."""

    def wanted(self, name: str) -> bool:
        """Is there such a server, by name or address, whose entry names no login?"""

    def keep(self, address: str, user: str, password: SecretStr, whose: Person) -> str:
        """Hold a login; returns the place of that server's files for it. Raises HostUnknown."""

    def forget(self, place: str) -> None:
        """Hold it no longer."""

    def holds(self, place: str) -> bool:
        """Is it held in this process?"""
